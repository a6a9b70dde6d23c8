"""The only way a booking changes state."""

import pytest
from django.db import IntegrityError

from booking import lifecycle
from booking.models import AuditEntry, Booking, Practice, State
from tests.booking.journey import ago, change, entries, free, hold
from tests.fake_vendor import Diary


@pytest.fixture
def booking(practice: Practice, diary: Diary) -> Booking:
    return hold(practice, free(diary)[0]).booking


def test_a_move_changes_the_state_and_what_goes_with_it(booking: Booking) -> None:
    assert lifecycle.move(booking, State.HELD, State.RELEASED, actor="patient", outcome="why", service_name="x")
    booking.refresh_from_db()
    assert (booking.state, booking.service_name) == (State.RELEASED, "x")
    assert entries(booking)[-1] == ("patient", "booking released", "why")


def test_after_a_move_the_booking_in_memory_is_the_one_in_the_database(booking: Booking) -> None:
    changes = {"checking_since": ago(seconds=3), "details": {"email": "a@b.example"}, "refused_fields": ["phone"]}
    assert lifecycle.move(booking, State.HELD, State.CHECKING, actor="patient", **changes)
    stored = Booking.objects.get(pk=booking.pk)
    for field in Booking._meta.concrete_fields:
        assert getattr(booking, field.attname) == getattr(stored, field.attname), field.attname


def test_a_move_says_when_it_was(booking: Booking) -> None:
    change(booking, changed_at=ago(days=1))
    lifecycle.move(booking, State.HELD, State.EXPIRED, actor="worker")
    assert booking.changed_at > ago(minutes=1)


def test_of_two_movers_one_wins(booking: Booking) -> None:
    other = Booking.objects.get(pk=booking.pk)
    moved = [
        lifecycle.move(booking, State.HELD, State.RELEASED, actor="patient"),
        lifecycle.move(other, State.HELD, State.EXPIRED, actor="worker", service_name="lost"),
    ]
    assert moved == [True, False]
    assert (other.state, other.service_name) == (State.RELEASED, "Check-up")  # the loser sees how it stands
    assert [what for _who, what, _outcome in entries(booking)] == ["booking held", "booking released"]


def test_from_another_state_nothing_moves(booking: Booking) -> None:
    before = entries()
    assert not lifecycle.move(booking, State.CHECKING, State.FAILED, actor="worker")
    assert (Booking.objects.get().state, entries()) == (State.HELD, before)


def test_without_its_audit_entry_there_is_no_move(booking: Booking) -> None:
    booking.practice.slug = None  # type: ignore[assignment]  # an entry that the database refuses
    with pytest.raises(IntegrityError):
        lifecycle.move(booking, State.HELD, State.RELEASED, actor="patient")
    assert Booking.objects.get().state == State.HELD


def test_without_its_move_there_is_no_audit_entry(booking: Booking) -> None:
    before = AuditEntry.objects.count()
    with pytest.raises(IntegrityError):  # confirmed by nobody
        lifecycle.move(booking, State.HELD, State.CONFIRMED, actor="patient", appointment_id="")
    assert (Booking.objects.get().state, AuditEntry.objects.count()) == (State.HELD, before)


def test_the_database_knows_what_a_booking_cannot_be(booking: Booking) -> None:
    for impossible in (
        {"state": "imagined"},
        {"state": State.CONFIRMED, "appointment_id": ""},
        {"state": State.CHECKING, "checking_since": None},
        {"end": booking.start},
    ):
        with pytest.raises(IntegrityError):
            Booking.objects.filter(pk=booking.pk).update(**impossible)
