"""How a booking stands, on its own page."""

from datetime import timedelta

import pytest
from django.utils import timezone

from booking.models import Booking, State
from tests.pages.conftest import Place


def test_a_time_that_is_only_held_is_not_called_booked(place: Place) -> None:
    patient = place.patient()
    review = place.review(patient)
    page = patient.open(review.path.replace("confirm/", ""))
    assert page.state == "held"
    assert not page.has(data_reference=True)
    assert page.one("a", class_="button")["href"] == review.path


def test_a_confirmed_page_has_all_that_the_patient_needs(place: Place) -> None:
    page = place.book(place.patient())
    booking = place.booking
    state = page.one(data_state="confirmed")
    assert state["data-reference"] == booking.reference
    for text in (booking.service_name, booking.clinic_name, booking.clinic_address, booking.provider_name):
        assert text in state.text
    assert booking.reference in state.one("strong", class_="reference").text
    assert f"{booking.local_start:%H:%M}" in state.one("time").text
    assert page.one("a", class_="button")["href"] == f"{page.path}calendar.ics"


def test_the_page_survives_a_reload_and_another_language(place: Place) -> None:
    patient = place.patient()
    page = place.book(patient)
    for _ in range(2):
        assert patient.open(page.address).reference == page.reference
    there = patient.open(page.one("a", hreflang="sv")["href"])
    assert (there.state, there.reference) == ("confirmed", page.reference)


def test_under_the_first_token_the_page_says_nothing_about_the_booking(place: Place) -> None:
    patient = place.patient()
    held = place.hold(patient)
    patient.book(patient.fill_in(held, **place.details))
    page = place.patient().open(held.path.replace("details/", ""))
    assert page.status == 200
    assert not page.has(data_state=True)
    assert place.booking.reference not in page.html
    assert place.booking.service_name not in page.one("main").text


def test_a_booking_that_is_being_checked_looks_again_by_itself_with_and_without_a_script(opus: Place) -> None:
    patient = opus.patient()
    review = opus.review(patient)
    opus.sandbox.lose_answer_before("book")
    page = patient.book(review)
    state = page.one(data_state="checking")
    assert (state["hx-get"], state["hx-target"]) == (page.path, "#state")
    assert state["hx-trigger"].startswith("every ")
    assert page.one("noscript").one("meta", http_equiv="refresh")
    part = patient.open(page.path, **{"HX-Request": "true"})
    assert not part.has("html")
    assert part.state == "checking"


def test_a_booking_that_could_not_be_settled_is_handed_to_people(opus: Place) -> None:
    patient = opus.patient()
    review = opus.review(patient)
    opus.sandbox.lose_answer_before("book")
    page = patient.book(review)
    assert not page.one(data_state="checking").has("p", class_="notice")
    Booking.objects.update(checking_since=timezone.now() - timedelta(minutes=16))
    page = patient.open(page.address)
    assert page.state == "checking"
    advice = page.one(data_state="checking").one("p", class_="notice").text
    assert "+46 8 123 45 67" in advice
    assert opus.booking.reference in advice


@pytest.mark.parametrize("state", [State.EXPIRED, State.HELD])
def test_a_time_that_is_no_longer_held_leads_to_the_times(opus: Place, state: State) -> None:
    patient = opus.patient()
    review = opus.review(patient)
    Booking.objects.update(state=state, held_until=timezone.now() - timedelta(seconds=1))
    page = patient.open(review.path.replace("confirm/", ""))
    assert page.state == "ended"
    assert patient.open(page.one("a", class_="button")["href"]).path == "/norrmalm/en/times/"


def test_a_cancelled_booking_is_said_to_be_so(opus: Place) -> None:
    patient = opus.patient()
    page = opus.book(patient)
    Booking.objects.update(state=State.CANCELLED)
    page = patient.open(page.address)
    assert (page.state, page.reference) == ("cancelled", opus.booking.reference)
    assert patient.open(page.address + "calendar.ics").status == 404


def test_pages_about_a_booking_are_not_for_search_engines(place: Place) -> None:
    patient = place.patient()
    place.book(patient)
    pages = [page for page in patient.pages if page.token and page.status == 200]
    assert len(pages) >= 3
    for page in pages:
        assert page.one("meta", name="robots")["content"] == "noindex"
