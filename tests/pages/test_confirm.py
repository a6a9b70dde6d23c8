"""Review, then book: once, and with an answer for everything that can go wrong."""

from datetime import timedelta

import pytest
from django.utils import timezone

from booking.models import AuditEntry, Booking, State
from tests.pages.conftest import Place, work_that_is_due
from vendors.sandbox import QmaticSandbox

WRITES = {"norrmalm": "book", "riverside": "confirm"}
LOOKS = {"norrmalm": "bookings", "riverside": "search"}


def seconds_ago(seconds: float):
    return timezone.now() - timedelta(seconds=seconds)


def test_the_review_shows_what_was_typed_and_chosen(place: Place) -> None:
    page = place.review(place.patient())
    for text in place.details.values():
        if text not in (place.details["phone"], place.details.get("postal_code")):
            assert text in page.text
    digits = {"norrmalm": ["705506228", "11122"], "riverside": ["2079460958"]}[place.slug]
    assert all(number in page.text.replace(" ", "") for number in digits)
    booking = place.booking
    assert booking.service_name in page.summary["Service"].text
    assert booking.clinic_name in page.summary["Clinic"].text
    assert page.all("time")[0]["datetime"] == booking.local_start.isoformat()
    assert not {"book", "confirm"} & set(place.sandbox.calls), "looking at it books nothing"


def test_a_likely_mistake_in_the_e_mail_is_asked_about_and_is_no_obstacle(opus: Place) -> None:
    patient = opus.patient()
    page = patient.fill_in(opus.hold(patient), **{**opus.details, "email": "asa@gmial.com"})
    assert "asa@gmail.com" in page.notice
    assert patient.book(page).state == "confirmed"


def test_a_booking_is_confirmed_with_a_reference(place: Place) -> None:
    patient = place.patient()
    review = place.review(patient)
    page = patient.book(review, follow=False)
    assert page.status == 303
    assert page["Location"] == review.path.replace("confirm/", "")
    page = patient.open(page["Location"])
    booking = place.booking
    assert (page.state, page.reference) == ("confirmed", booking.reference)
    assert booking.state == State.CONFIRMED
    assert not set(page.reference) & set("0O1I")
    assert page.one("time")["datetime"] == booking.local_start.isoformat()
    assert len(place.sandbox.appointments()) == 1


def test_the_vendors_diary_has_what_the_patient_was_shown(opus: Place) -> None:
    opus.book(opus.patient())
    (appointment,) = opus.sandbox.appointments()
    assert appointment["Patient"] == {
        "FirstName": "Åsa",
        "LastName": "Nässlind-Öberg",
        "PersonalNumber": {"Year": 1981, "Month": 12, "Day": 18, "ExtraDigits": "9876"},
        "PostalCode": "11122",
        "Email": "asa@patient.example",
        "MobilePhoneNumber": "+46705506228",
    }
    assert appointment["TimeSlot"]["Start"] == opus.booking.local_start.strftime("%Y-%m-%dT%H:%M:%S")


def test_ten_clicks_make_one_appointment(place: Place) -> None:
    patient = place.patient()
    review = place.review(patient)
    pages = [patient.book(review) for _ in range(10)]
    assert {page.state for page in pages} == {"confirmed"}
    assert len({page.reference for page in pages}) == 1
    assert len(place.sandbox.appointments()) == 1
    assert place.sandbox.count(WRITES[place.slug]) == 1


def test_a_confirmed_booking_leads_to_its_page_from_everywhere(place: Place) -> None:
    patient = place.patient()
    page = place.book(patient)
    for step in ("details/", "confirm/"):
        assert patient.open(page.path + step).path == page.path
    assert patient.post(page.path + "details/", place.details).path == page.path
    assert patient.post(page.path + "release/", {}).path == page.path
    assert patient.open(page.path).state == "confirmed"
    assert len(place.sandbox.appointments()) == 1


def test_the_personal_number_is_forgotten_once_nothing_needs_it(opus: Place) -> None:
    opus.book(opus.patient())
    assert "personal_number" not in opus.booking.details


# --- The time is gone -------------------------------------------------------------------------------------------------


def lose_the_time(place: Place) -> None:
    if isinstance(place.sandbox, QmaticSandbox):
        for reservation in place.sandbox.diary["reservations"].values():
            reservation["until"] = seconds_ago(1).isoformat()
    place.sandbox.take_at_desk(place.booking.slot_id)


def test_a_time_that_was_taken_at_the_last_moment_keeps_what_was_typed(place: Place) -> None:
    patient = place.patient()
    review = place.review(patient)
    lose_the_time(place)
    at_desk = len(place.sandbox.appointments())
    gone = place.booking
    page = patient.book(review)
    assert (page.status, page.hops) == (200, [])
    assert page.other_times
    assert f"{place.details['first_name']} {place.details['last_name']}" in page.text
    assert len(page.slots) == 3
    assert gone.slot_id not in [button["value"] for button in page.slots]

    page = patient.press(page, page.slots[0])
    assert page.path.endswith("/details/")
    assert page.typed["first_name"] == place.details["first_name"]
    assert page.typed["email"] == place.details["email"]
    page = patient.book(patient.fill_in(page))
    assert page.state == "confirmed"
    assert len(place.sandbox.appointments()) == at_desk + 1


def test_a_time_that_was_taken_is_said_so_once_and_then_shown_as_not_booked(place: Place) -> None:
    patient = place.patient()
    review = place.review(patient)
    lose_the_time(place)
    patient.book(review)
    page = patient.book(review)
    assert page.state == "failed"
    times = patient.open(page.one("a", class_="button")["href"])
    assert times.path == f"/{place.slug}/en/times/"
    page = patient.press(times, times.slots[0])
    assert page.typed["last_name"] == place.details["last_name"]


def test_what_was_typed_is_not_given_to_who_only_knows_the_first_token(opus: Place) -> None:
    patient = opus.patient()
    held = opus.hold(patient)
    review = patient.fill_in(held, **opus.details)
    lose_the_time(opus)
    patient.book(review)
    stranger = opus.patient()
    times = opus.times(stranger, held=held.token)
    page = stranger.press(times, times.slots[0])
    assert page.path.endswith("/details/")
    assert set(page.typed.values()) == {""}
    assert opus.booking.details == {}, "nor does it lie under an address of theirs"


# --- The details are refused ------------------------------------------------------------------------------------------


def test_a_personal_number_that_the_vendor_refuses_is_pointed_out_and_everything_is_kept(opus: Place) -> None:
    patient = opus.patient()
    review = opus.review(patient)
    opus.sandbox.answer("book", 400, {"Message": "Invalid SSN"})
    page = patient.book(review)
    assert page.hops[0].status == 303
    assert page.path.endswith("/details/")
    assert page.invalid == {"personal_number"}
    assert page.typed["personal_number"] == "19811218-9876"
    assert page.typed["first_name"] == "Åsa"
    assert page.one("div", class_="errors").one("a")["href"] == "#id_personal_number"
    assert page.one("p", id="id_personal_number_error").text
    assert opus.sandbox.appointments() == []
    page = patient.fill_in(page, personal_number="19900101-0017")
    assert page.path.endswith("/confirm/")
    assert patient.book(page).state == "confirmed"
    assert len(opus.sandbox.appointments()) == 1


def test_details_that_the_vendor_refuses_without_saying_which_are_all_pointed_out(qmatic: Place) -> None:
    patient = qmatic.patient()
    review = qmatic.review(patient)
    qmatic.sandbox.answer("confirm", 400, {"status": 400})
    page = patient.book(review)
    assert page.path.endswith("/details/")
    assert {"first_name", "last_name", "email"} <= page.invalid
    assert page.typed["last_name"] == "O'Neill"
    assert patient.book(patient.fill_in(page)).state == "confirmed", "as it was typed it may be right after all"


# --- The hold ran out -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tidied", [False, True])
def test_a_hold_that_ran_out_leads_to_the_times_and_keeps_what_was_typed(place: Place, tidied: bool) -> None:
    patient = place.patient()
    review = place.review(patient)
    late = place.booking
    Booking.objects.update(held_until=seconds_ago(1))
    if tidied:
        work_that_is_due(late)
        assert late.state == State.EXPIRED
    page = patient.book(review)
    assert page.path == f"/{place.slug}/en/times/"
    assert page.notice
    assert not {"book", "confirm"} & set(place.sandbox.calls)
    page = patient.press(page, page.slots[0])
    assert page.path.endswith("/details/")
    assert page.typed["first_name"] == place.details["first_name"]
    assert page.typed["email"] == place.details["email"]
    assert patient.book(patient.fill_in(page)).state == "confirmed"
    assert len(place.sandbox.appointments()) == 1


@pytest.mark.parametrize("step", ["details/", "confirm/"])
def test_a_page_opened_after_the_hold_ran_out_says_so(place: Place, step: str) -> None:
    patient = place.patient()
    review = place.review(patient)
    Booking.objects.update(held_until=seconds_ago(1))
    page = patient.open(review.path.replace("confirm/", step))
    assert page.path == f"/{place.slug}/en/times/"
    assert page.notice


# --- The vendor is in trouble -----------------------------------------------------------------------------------------


def test_a_vendor_that_is_down_at_the_last_moment_leaves_a_way_back(opus: Place) -> None:
    patient = opus.patient()
    review = opus.review(patient)
    opus.sandbox.answer("timeslots", 503, times=9)
    page = patient.book(review)
    assert (page.status, page["Cache-Control"]) == (503, "no-store")
    assert page["Retry-After"]
    assert "+46 8 123 45 67" in page.text
    assert opus.booking.state == State.HELD
    opus.sandbox.well_again()
    page = patient.open(page.one("a", class_="button")["href"])
    assert page.path.endswith("/confirm/")
    assert "Nässlind-Öberg" in page.text
    assert patient.book(page).state == "confirmed"
    assert len(opus.sandbox.appointments()) == 1


def test_a_connection_that_is_refused_at_the_last_moment_books_nothing(qmatic: Place) -> None:
    patient = qmatic.patient()
    review = qmatic.review(patient)
    right = qmatic.table["connection"]
    qmatic.set(connection={**right, "base_url": "http://127.0.0.1:9/external/v1"})
    page = patient.book(review)
    assert page.status == 503
    assert qmatic.booking.state == State.HELD
    qmatic.set(connection=right)
    assert patient.book(patient.open(page.one("a", class_="button")["href"])).state == "confirmed"


def test_a_clinics_own_server_that_is_down_leaves_the_outcome_to_be_checked(opus: Place) -> None:
    patient = opus.patient()
    review = opus.review(patient)
    opus.sandbox.on_premise_down = True
    page = patient.book(review)
    assert page.state == "checking", "a 503 to a booking does not say that nothing was written down"


def test_a_booking_whose_answer_was_lost_is_being_checked_and_then_confirmed(place: Place) -> None:
    patient = place.patient()
    review = place.review(patient)
    place.sandbox.lose_answer_after(WRITES[place.slug])
    page = patient.book(review)
    assert page.state == "checking"
    assert "do not book again" in page.text
    assert place.booking.reference in page.text
    assert patient.book(review).state == "checking"
    assert patient.open(page.address).state == "checking", "a reload asks nobody and sends nothing"
    assert place.sandbox.count(WRITES[place.slug]) == 1

    booking = work_that_is_due(place.booking)
    assert booking.state == State.CONFIRMED
    page = patient.open(page.address)
    assert (page.state, page.reference) == ("confirmed", booking.reference)
    assert len(place.sandbox.appointments()) == 1
    assert place.sandbox.count(WRITES[place.slug]) == 1
    assert AuditEntry.objects.filter(action="booking confirmed", actor="worker").count() == 1


@pytest.mark.parametrize("fault", ["html", "garbage", "half"])
def test_a_booking_whose_answer_makes_no_sense_is_never_booked_twice(place: Place, fault: str) -> None:
    patient = place.patient()
    review = place.review(patient)
    options = {} if fault == "half" else {"done": True}
    getattr(place.sandbox, fault)(WRITES[place.slug], **options)
    page = patient.book(review)
    assert page.state in ("checking", "confirmed")
    if page.state == "checking":
        work_that_is_due(place.booking)
    assert patient.open(page.address).state == "confirmed"
    assert len(place.sandbox.appointments()) == 1
    assert place.sandbox.count(WRITES[place.slug]) == 1


def test_a_booking_that_never_arrived_fails_only_after_two_empty_looks(place: Place) -> None:
    patient = place.patient()
    review = place.review(patient)
    place.sandbox.lose_answer_before(WRITES[place.slug])
    page = patient.book(review)
    assert page.state == "checking"

    booking = work_that_is_due(place.booking)
    assert booking.state == State.CHECKING, "the vendor may still be writing it down"
    booking = work_that_is_due(booking)
    assert booking.state == State.CHECKING, "a second look too early proves nothing either"
    booking = work_that_is_due(booking, checking_since=seconds_ago(80), first_empty_look_at=seconds_ago(75))
    assert booking.state == State.FAILED
    assert place.sandbox.count(LOOKS[place.slug]) >= 3

    page = patient.open(page.address)
    assert page.state == "failed"
    assert place.sandbox.appointments() == []
    times = patient.open(page.one("a", class_="button")["href"])
    page = patient.press(times, times.slots[0])
    assert page.typed["first_name"] == place.details["first_name"]
    assert patient.book(patient.fill_in(page)).state == "confirmed"
    assert len(place.sandbox.appointments()) == 1


def test_a_booking_that_arrives_after_the_first_look_is_found_by_the_second(opus: Place) -> None:
    patient = opus.patient()
    review = opus.review(patient)
    opus.sandbox.lose_answer_after("book")
    page = patient.book(review)
    entries, opus.sandbox.diary["bookings"] = opus.sandbox.diary["bookings"], []
    assert work_that_is_due(opus.booking).state == State.CHECKING
    opus.sandbox.diary["bookings"] = entries
    assert work_that_is_due(opus.booking).state == State.CONFIRMED
    assert patient.open(page.address).state == "confirmed"


def test_a_booking_that_is_being_checked_keeps_its_time_from_others(opus: Place) -> None:
    patient = opus.patient()
    review = opus.review(patient)
    opus.sandbox.lose_answer_before("book")
    patient.book(review)
    assert opus.booking.slot_id not in [button["value"] for button in opus.times(opus.patient()).slots]


def test_a_look_that_finds_the_vendor_down_proves_nothing(place: Place) -> None:
    patient = place.patient()
    review = place.review(patient)
    place.sandbox.lose_answer_after(WRITES[place.slug])
    page = patient.book(review)
    place.sandbox.answer(LOOKS[place.slug], 503, times=9)
    for _ in range(2):  # a third would find the circuit open
        assert work_that_is_due(place.booking, checking_since=seconds_ago(600)).state == State.CHECKING
    place.sandbox.well_again()
    assert work_that_is_due(place.booking).state == State.CONFIRMED
    assert patient.open(page.address).state == "confirmed"


def test_a_late_answer_is_shown_within_the_time_that_a_page_may_take(opus: Place, settings) -> None:
    patient = opus.patient()
    review = opus.review(patient)
    settings.PAGE_SECONDS = 4.0
    opus.sandbox.late("book", 20)
    started = timezone.now()
    page = patient.book(review)
    assert timezone.now() - started < timedelta(seconds=12)
    assert page.state == "checking"
    work_that_is_due(opus.booking)
    assert patient.open(page.address).state == "confirmed"
    assert len(opus.sandbox.appointments()) == 1
