"""From the practice's address to the booking: what it costs the vendor and the database, and what is written down."""

import re
from collections.abc import Callable
from io import StringIO

import pytest
from django.core.cache import caches
from django.utils import timezone

from booking.models import AuditEntry, Practice
from tests.pages.conftest import Place, a_week
from tests.pages.patient import Page, Patient
from vendors.sandbox.qmatic import BANKSIDE, guid


def walk(place: Place, patient: Patient) -> Page:
    """Every page by its links and forms, from the first address to the booking."""
    page = patient.open(f"/{place.slug}/", **{"Accept-Language": "en"})
    page = patient.open(page.choices("service")[place.choice["service"]])
    page = patient.open(page.choices("clinic")[place.choice["clinic"]])
    page = patient.open(page.choices("provider")[place.choice["provider"]])
    assert page.path == f"/{place.slug}/en/times/"
    assert page.slots
    page = patient.press(page, page.slots[-1])
    page = patient.fill_in(page, **place.details)
    return patient.book(page)


def test_a_patient_gets_from_the_first_address_to_a_booking_by_links_and_forms_alone(place: Place) -> None:
    page = walk(place, place.patient())
    assert page.state == "confirmed"
    assert len(place.sandbox.appointments()) == 1
    assert place.sandbox.breaches == []


def test_a_patient_gets_there_in_the_other_language_too(place: Place) -> None:
    patient = place.patient("sv")
    review = place.review(patient)
    assert review.one("html")["lang"] == "sv"
    assert patient.book(review).state == "confirmed"
    assert place.booking.language == "sv"
    assert place.sandbox.breaches == []


def test_pages_that_say_the_same_step_have_different_titles(place: Place) -> None:
    patient = place.patient()
    walk(place, patient)
    shown = [page for page in patient.pages if page.status == 200]
    titles = [page.one("title").text for page in shown]
    assert len(set(titles)) == len(titles)
    assert all(title.endswith(place.table["name"]) for title in titles)
    assert all(len(page.all("h1")) == 1 for page in shown)


# --- What it costs the vendor -----------------------------------------------------------------------------------------


def warm_up(place: Place) -> None:
    """Somebody has just looked around: the services, the clinics and the token are known, the times are not."""
    patient = place.patient()
    page = patient.open(patient.at())
    page = patient.open(page.choices("service")[place.choice["service"]])
    page = patient.open(page.choices("clinic")[place.choice["clinic"]])
    assert page.choices("provider")
    place.sandbox.calls.clear()


@pytest.mark.parametrize(
    ("name", "calls"),
    [
        (
            "opus",
            ["timeslots", "timeslots", "timeslots", "book", "bookings"],
        ),  # shown, held, right before; booked, there?
        ("qmatic", ["timeslots", "reserve", "confirm"]),
    ],
)
def test_a_booking_takes_no_more_calls_than_it_must(
    request: pytest.FixtureRequest, transactional_db: None, name: str, calls: list[str]
) -> None:
    place: Place = request.getfixturevalue(name)
    warm_up(place)
    place.book(place.patient())
    assert place.sandbox.calls == calls


def test_looking_at_the_same_times_again_calls_nobody(place: Place) -> None:
    place.times(place.patient())
    place.sandbox.calls.clear()
    first = place.times(place.patient())
    later = place.patient()
    assert later.open(first.all("a", rel="next")[0]["href"]).slots
    assert place.sandbox.calls == [], "one reading holds the month, and serves everybody for a while"


def test_going_back_and_forth_calls_nobody(place: Place) -> None:
    patient = place.patient()
    review = place.review(patient)
    place.sandbox.calls.clear()
    for address in (review.address, review.path.replace("confirm/", "details/"), review.path.replace("confirm/", "")):
        assert patient.open(address).status == 200
    assert place.sandbox.calls == []


def test_details_with_mistakes_call_nobody(place: Place) -> None:
    patient = place.patient()
    held = place.hold(patient)
    place.sandbox.calls.clear()
    patient.fill_in(held, first_name="")
    patient.fill_in(held, **place.details)
    assert place.sandbox.calls == []


def test_a_vendors_token_is_asked_for_once(qmatic: Place) -> None:
    walk(qmatic, qmatic.patient())
    walk(qmatic, qmatic.patient())
    assert qmatic.sandbox.count("token") == 1


def test_a_vendors_token_that_it_forgot_is_asked_for_again_without_the_patient_noticing(qmatic: Place) -> None:
    patient = qmatic.patient()
    review = qmatic.review(patient)
    qmatic.sandbox.diary["tokens"].clear()
    assert patient.book(review).state == "confirmed"
    assert qmatic.sandbox.count("token") == 2
    assert len(qmatic.sandbox.appointments()) == 1


# --- What it costs the database ---------------------------------------------------------------------------------------

type Counter = Callable[[int], object]


def test_no_page_takes_many_questions_to_the_database(place: Place, django_assert_max_num_queries: Counter) -> None:
    patient = place.patient()
    walk(place, patient)  # everything is known now
    asked = [
        (5, patient.at()),
        (5, patient.at("clinic/", service=place.choice["service"])),
        (5, patient.at("provider/", service=place.choice["service"], clinic=place.choice["clinic"])),
        (8, patient.at("times/", **place.choice, day=a_week())),
    ]
    for _, address in asked:
        patient.open(address)
    for most, address in asked:
        with django_assert_max_num_queries(most):
            assert patient.open(address).status == 200


def test_no_form_takes_many_questions_to_the_database(place: Place, django_assert_max_num_queries: Counter) -> None:
    patient = place.patient()
    times = place.times(patient)
    with django_assert_max_num_queries(22):
        held = patient.press(times, times.slots[0], follow=False)
    with django_assert_max_num_queries(4):
        details = patient.open(held["Location"])
    with django_assert_max_num_queries(9):
        review = patient.fill_in(details, **place.details, follow=False)
    with django_assert_max_num_queries(4):
        page = patient.open(review["Location"])
    with django_assert_max_num_queries(26):
        done = patient.book(page, follow=False)
    with django_assert_max_num_queries(4):
        assert patient.open(done["Location"]).state == "confirmed"


def test_many_services_and_times_ask_the_database_no_more(opus: Place, django_assert_max_num_queries: Counter) -> None:
    patient = opus.patient()
    for number in range(100, 160):
        opus.sandbox.diary["treatments"].append(
            {"ID": number, "Name": f"Treatment {number}", "Description": "", "Duration": 30}
        )
    patient.open(patient.at())
    with django_assert_max_num_queries(5):
        assert len(patient.open(patient.at()).choices("service")) == 66


# --- What is written down ---------------------------------------------------------------------------------------------


def test_no_line_of_the_log_holds_a_token_or_what_was_typed(opus: Place, console: StringIO) -> None:
    patient = opus.patient()
    review = opus.review(patient)
    opus.sandbox.answer("timeslots", 503, times=9)
    assert patient.book(review).status == 503
    opus.sandbox.well_again()
    assert patient.post(review.path, {}, headers={}).status == 403
    opus.sandbox.lose_answer_after("book")
    checking = patient.book(review)
    assert patient.open(checking.path + "calendar.ics").status == 404
    assert patient.open(checking.path + "nonsense/").status == 404
    assert patient.open(patient.at("nonsense/", held=review.token)).status == 404
    written = console.getvalue()
    assert "Not Found: /norrmalm/en/booking/…" in written
    assert "Forbidden" in written or "Service Unavailable" in written
    assert "POST /booking" in written
    tokens = {page.token for page in patient.pages if page.token}
    assert len(tokens) == 2
    assert not [token for token in tokens if token in written]
    digits = re.sub(r"\D", "", opus.details["personal_number"])
    for typed in (digits, digits[2:], *opus.details.values()):
        assert typed not in written
    assert "127.0.0.1" not in written, "no address, for some vendors take a patient in the query"


def test_no_page_that_holds_a_token_is_kept_in_memory(opus: Place) -> None:
    patient = opus.patient()
    review = opus.review(patient)
    assert patient.open(review.path + "nothing/").status == 404
    assert patient.open(f"/norrmalm/en/?held={review.token}").status == 200
    kept = list(vars(caches["template_fragments"])["_cache"].values())
    assert kept, "the pages of choices are kept"
    assert not [page for page in kept if review.token.encode() in page]


def test_no_line_of_the_log_holds_a_token_when_something_fails_on_our_side(opus: Place, console: StringIO) -> None:
    patient = opus.patient()
    review = opus.review(patient)
    Practice.objects.update(timezone="Nowhere/Nowhere", changed_at=timezone.now())
    assert patient.open(review.path).status == 500
    written = console.getvalue()
    assert "Traceback" in written
    assert "Internal Server Error: /norrmalm/en/booking/…" in written
    assert review.token not in written


def test_the_screening_statement_and_the_hold_do_not_stand_in_the_log(qmatic: Place, console: StringIO) -> None:
    patient = qmatic.patient()
    page = patient.open(patient.at("screening/", service=guid("Flu vaccination"), clinic=BANKSIDE["id"]))
    page = patient.fill_in(page, screening_0="yes", screening_1="no")
    page = patient.press(page, page.slots[0])
    assert page.path.endswith("/details/")
    assert page.token not in console.getvalue()
    assert "screening_0" not in console.getvalue()


def test_what_happened_to_a_booking_can_be_read_afterwards_and_nothing_that_was_typed(place: Place) -> None:
    place.book(place.patient())
    entries = AuditEntry.objects.filter(reference=place.booking.reference).order_by("id")
    assert [entry.action for entry in entries] == ["booking held", "booking checking", "booking confirmed"]
    written = " ".join(str(row) for row in AuditEntry.objects.values_list())
    assert not [text for text in place.details.values() if text in written]
