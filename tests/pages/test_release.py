"""A held time is given back."""

from urllib.parse import urlencode

from booking.models import Booking, Snapshot, State
from tests.pages.conftest import Place
from vendors.sandbox.qmatic import guid


def test_a_time_that_is_given_back_is_free_again_for_others(opus: Place) -> None:
    patient = opus.patient()
    held = opus.hold(patient)
    slot = opus.booking.slot_id
    assert slot not in [button["value"] for button in opus.times(opus.patient()).slots]
    page = patient.release(held, follow=False)
    assert page.status == 303
    assert page["Location"].startswith("/norrmalm/en/times/?")
    assert opus.booking.state == State.RELEASED
    other = opus.patient()
    times = opus.times(other)
    page = other.press(times, times.slot(slot))
    assert page.path.endswith("/details/")


def test_after_giving_back_the_times_open_on_the_day_that_was_held(place: Place) -> None:
    patient = place.patient()
    held = place.hold(patient)
    page = patient.release(held)
    assert page.query["from"] == place.booking.local_start.date().isoformat()
    assert {name: page.query[name] for name in place.choice} == place.choice
    assert not page.has("section", class_="own")


def test_a_time_can_be_given_back_at_the_review_and_what_was_typed_is_kept(place: Place) -> None:
    patient = place.patient()
    page = patient.release(place.review(patient))
    assert page.path == f"/{place.slug}/en/times/"
    page = patient.press(page, page.slots[-1])
    assert page.typed["first_name"] == place.details["first_name"]
    assert patient.book(patient.fill_in(page)).state == "confirmed"
    assert len(place.sandbox.appointments()) == 1


def test_giving_back_twice_is_as_good_as_once(opus: Place) -> None:
    patient = opus.patient()
    held = opus.hold(patient)
    assert patient.release(held).path == patient.release(held).path == "/norrmalm/en/times/"
    assert opus.booking.state == State.RELEASED


def test_a_time_that_was_given_back_cannot_be_confirmed(place: Place) -> None:
    patient = place.patient()
    review = place.review(patient)
    patient.release(review)
    page = patient.book(review)
    assert page.state == "ended"
    assert place.sandbox.appointments() == []


def test_a_booked_time_cannot_be_given_back_this_way(place: Place) -> None:
    patient = place.patient()
    review = place.review(patient)
    patient.book(review)
    page = patient.release(review)
    assert page.state == "confirmed"
    assert len(place.sandbox.appointments()) == 1


def test_an_address_alone_gives_nothing_back(place: Place) -> None:
    patient = place.patient()
    held = place.hold(patient)
    assert patient.open(held.path.replace("details/", "release/")).status == 405
    assert place.booking.state == State.HELD


def test_a_patient_who_returns_to_the_same_time_takes_up_the_vendors_reservation_again(qmatic: Place) -> None:
    patient = qmatic.patient()
    times = qmatic.times(patient)
    held = patient.press(times, times.slots[0])
    page = patient.release(held)
    assert page.query["held"] == held.token
    page = patient.press(page, page.slot(times.slots[0]["value"]))
    assert page.path.endswith("/details/")
    assert qmatic.sandbox.count("reserve") == 1
    page = patient.book(patient.fill_in(page, **qmatic.details))
    assert page.state == "confirmed"
    assert len(qmatic.sandbox.appointments()) == 1
    assert not [r for r in qmatic.sandbox.diary["reservations"].values() if not r["used"]]


def test_a_time_given_back_that_the_vendor_keeps_is_offered_again_when_the_list_is_read_anew(qmatic: Place) -> None:
    patient = qmatic.patient()
    doctor = guid("Dr Tom Hughes")
    times = qmatic.times(patient, provider=doctor)
    slot = times.slots[0]["value"]
    page = patient.release(patient.press(times, times.slots[0]))
    Snapshot.objects.all().delete()
    stranger = qmatic.times(qmatic.patient(), provider=doctor)
    page = patient.open(f"{page.path}?{urlencode(page.query)}")
    assert slot not in [button["value"] for button in stranger.slots]
    page = patient.press(page, page.slot(slot))
    assert page.path.endswith("/details/")
    assert qmatic.sandbox.count("reserve") == 1


def test_a_patient_who_tried_another_time_in_between_takes_up_the_first_reservation_again(qmatic: Place) -> None:
    patient = qmatic.patient()
    doctor = guid("Dr Tom Hughes")
    times = qmatic.times(patient, provider=doctor)
    first, second = times.slots[0]["value"], times.slots[5]["value"]
    held = patient.press(times, times.slots[0])
    page = patient.open(held.summary["Time"].one("a")["href"])
    held = patient.press(page, page.slot(second))
    page = patient.open(held.summary["Time"].one("a")["href"])
    page = patient.press(page, page.slot(first))
    assert page.path.endswith("/details/")
    assert qmatic.sandbox.count("reserve") == 2
    assert qmatic.booking.slot_id == first
    assert Booking.objects.filter(state=State.HELD).count() == 1
