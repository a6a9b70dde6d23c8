"""What is forgotten, and when."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from booking import confirmation, retention
from booking.models import Booking, BookingToken, Practice, Snapshot, State, VendorMemory
from tests.booking.journey import ago, change, ready, unknown
from tests.fake_vendor import Diary

ENDED = [State.RELEASED, State.EXPIRED, State.FAILED]
DONE = [State.CONFIRMED, State.CANCELLED]


def stored_details() -> list[str]:
    """As they lie in the database, without a key."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT details FROM booking_booking ORDER BY id")
        return [row[0] for row in cursor.fetchall()]


@pytest.fixture
def stood(practice: Practice, diary: Diary) -> Callable[..., Booking]:
    def make(state: State, **values: Any) -> Booking:
        booking = ready(practice, diary)
        return change(booking, state=state, appointment_id="a1", checking_since=timezone.now(), **values)

    return make


@pytest.mark.parametrize("state", ENDED)
def test_what_was_typed_for_nothing_is_forgotten_after_an_hour(stood: Callable[..., Booking], state: State) -> None:
    booking = stood(state, changed_at=ago(minutes=61))
    retention.forget_due()
    booking.refresh_from_db()
    assert booking.details == {}
    assert booking.state == state
    assert stored_details() == [""]


@pytest.mark.parametrize("state", ENDED)
def test_within_the_hour_it_can_be_taken_up_again(stood: Callable[..., Booking], state: State) -> None:
    booking = stood(state, changed_at=ago(minutes=59))
    retention.forget_due()
    booking.refresh_from_db()
    assert booking.details["first_name"] == "Evelina"


@pytest.mark.parametrize("state", DONE)
def test_when_the_visit_is_over_the_patient_is_forgotten(stood: Callable[..., Booking], state: State) -> None:
    booking = stood(state, start=ago(minutes=31), end=ago(minutes=1), changed_at=ago(days=60))
    retention.forget_due()
    booking.refresh_from_db()
    assert booking.details == {}
    assert (booking.state, booking.service_name) == (state, "Check-up")  # the booking itself stays


@pytest.mark.parametrize("state", DONE)
def test_until_the_visit_is_over_the_patient_is_known(stood: Callable[..., Booking], state: State) -> None:
    booking = stood(state, changed_at=ago(days=60), start=ago(minutes=10), end=ago(minutes=-20))
    retention.forget_due()
    booking.refresh_from_db()
    assert booking.details["first_name"] == "Evelina"


@pytest.mark.parametrize("state", [State.HELD, State.CHECKING])
def test_what_is_still_needed_is_kept(stood: Callable[..., Booking], state: State) -> None:
    booking = stood(state, changed_at=ago(days=60), start=ago(days=2), end=ago(days=1))
    retention.forget_due()
    booking.refresh_from_db()
    assert booking.details["first_name"] == "Evelina"


@pytest.mark.parametrize("state", [State.RELEASED, State.EXPIRED])
def test_what_was_never_finished_goes_after_a_month_with_its_tokens(
    stood: Callable[..., Booking], state: State
) -> None:
    stood(state, changed_at=ago(days=31))
    retention.forget_due()
    assert not Booking.objects.exists()
    assert not BookingToken.objects.exists()


@pytest.mark.parametrize("state", [State.RELEASED, State.EXPIRED])
def test_within_the_month_the_row_stays(stood: Callable[..., Booking], state: State) -> None:
    stood(state, changed_at=ago(days=29))
    retention.forget_due()
    assert Booking.objects.count() == 1


@pytest.mark.parametrize("state", [*DONE, State.FAILED])
def test_a_booking_that_was_finished_stays_without_the_patient(stood: Callable[..., Booking], state: State) -> None:
    stood(state, start=ago(days=401), end=ago(days=400), changed_at=ago(days=400))
    retention.forget_due()
    assert (Booking.objects.count(), stored_details()) == (1, [""])


def test_after_a_whole_journey_nothing_typed_is_left_anywhere(practice: Practice, diary: Diary) -> None:
    confirmation.confirm(ready(practice, diary, personal_number="198112289874", note="afraid"))
    unknown(practice, diary, booked=False)
    Booking.objects.filter(state=State.CHECKING).update(state=State.FAILED)
    Booking.objects.update(start=ago(hours=3), end=ago(hours=2), changed_at=ago(hours=2))
    retention.forget_due()
    assert stored_details() == ["", ""]
    for booking in Booking.objects.all():
        kept = str({field.name: getattr(booking, field.name) for field in booking._meta.fields})
        assert "Evelina" not in kept
        assert "afraid" not in kept
        assert "+4670" not in kept


def test_times_are_kept_an_hour_and_lists_a_quarter_of_a_year(practice: Practice) -> None:
    kept = {"times old": 61, "times new": 59, "services old": 91 * 24 * 60, "services new": 89 * 24 * 60}
    for name, minutes in kept.items():
        Snapshot.objects.create(practice=practice, name=name, value="[]", read_at=ago(minutes=minutes))
    retention.forget_due()
    assert {snapshot.name for snapshot in Snapshot.objects.all()} == {"times new", "services new"}


def test_what_a_vendor_remembers_ends_when_it_said(practice: Practice) -> None:
    now = timezone.now()
    for name, ends_at in (("old", now - timedelta(seconds=1)), ("new", now + timedelta(minutes=1))):
        VendorMemory.objects.create(practice=practice, name=name, value="t", ends_at=ends_at)
    retention.forget_due()
    assert [memory.name for memory in VendorMemory.objects.all()] == ["new"]


def test_forgetting_twice_forgets_no_more(stood: Callable[..., Booking]) -> None:
    stood(State.RELEASED, changed_at=ago(minutes=61))
    retention.forget_due()
    before = Booking.objects.values().get()
    retention.forget_due()
    assert Booking.objects.values().get() == before
