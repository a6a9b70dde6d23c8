"""Bookings of unknown outcome are settled by looking, and never by sending again."""

from dataclasses import replace
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from booking import confirmation, due, holds, reconciliation, reports, tokens
from booking.models import AuditEntry, Booking, Practice, State
from tests.booking.journey import ago, change, entries, free, hold, ready, states, typed, unknown
from tests.fake_vendor import Diary, Entry
from vendors.base import (
    AuthenticationFailed,
    OutcomeUnknown,
    SlotTaken,
    UnexpectedResponse,
    VendorError,
    VendorUnavailable,
)


def look(booking: Booking) -> bool:
    """The look that the worker takes when it is due."""
    change(booking, look_at=ago(seconds=1))
    return reconciliation.settle(booking)


def sent(booking: Booking, **length: float) -> Booking:
    """As if it had been sent so long ago."""
    return change(booking, checking_since=ago(**length))


# --- Found -----------------------------------------------------------------------------------------------------------


def test_a_booking_whose_answer_was_lost_is_found_and_confirmed(practice: Practice, diary: Diary) -> None:
    booking = unknown(practice, diary, booked=True)
    assert look(booking)
    booking.refresh_from_db()
    assert booking.state == State.CONFIRMED
    assert booking.appointment_id == diary.entries[0].id
    assert diary.count("book") == 1
    assert entries(booking)[-1] == ("worker", "booking confirmed", "")


def test_one_that_arrives_late_is_found_late(practice: Practice, diary: Diary) -> None:
    booking = unknown(practice, diary, booked=True)
    late = diary.entries.pop()
    assert not look(booking)
    diary.entries.append(late)
    assert look(sent(booking, seconds=71))
    assert states() == ["confirmed"]


def test_what_only_the_look_up_needed_is_forgotten(practice: Practice, diary: Diary) -> None:
    booking = ready(practice, diary, personal_number="198112289874")
    diary.lose_answer_after("book")
    with pytest.raises(OutcomeUnknown):
        confirmation.confirm(booking)
    booking.refresh_from_db()
    assert booking.details["personal_number"] == "198112289874"
    look(booking)
    booking.refresh_from_db()
    assert "personal_number" not in booking.details


@pytest.mark.vendor("fake_reserving")
def test_an_entry_that_the_vendor_lists_twice_is_one_and_stays(practice: Practice, diary: Diary) -> None:
    booking = unknown(practice, diary, booked=True)
    diary.entries.append(diary.entries[0])
    assert look(booking)
    assert diary.count("cancel") == 0
    assert states() == ["confirmed"]


# --- Absent ----------------------------------------------------------------------------------------------------------


def test_one_empty_look_proves_nothing(practice: Practice, diary: Diary) -> None:
    booking = sent(unknown(practice, diary, booked=False), minutes=10)
    assert not look(booking)
    assert states() == ["checking"]


def test_two_early_empty_looks_prove_nothing(practice: Practice, diary: Diary) -> None:
    booking = unknown(practice, diary, booked=False)
    for _look in range(3):
        assert not look(booking)
    assert states() == ["checking"]


def test_a_second_empty_look_later_than_the_vendor_can_be_working_settles_it(practice: Practice, diary: Diary) -> None:
    booking = unknown(practice, diary, booked=False)
    assert not look(booking)
    assert look(sent(booking, seconds=71))
    booking.refresh_from_db()
    assert booking.state == State.FAILED
    assert booking.look_at is None
    assert entries(booking)[-1] == ("worker", "booking failed", "the vendor does not have it")


def test_a_booking_that_failed_frees_its_time(practice: Practice, diary: Diary) -> None:
    booking = unknown(practice, diary, booked=False)
    slot = booking.slot()
    with pytest.raises(SlotTaken):
        hold(practice, slot)
    look(booking)
    look(sent(booking, seconds=71))
    assert hold(practice, slot).booking.state == State.HELD


def test_the_next_look_is_when_an_empty_one_counts(practice: Practice, diary: Diary) -> None:
    booking = unknown(practice, diary, booked=False)
    look(booking)
    booking.refresh_from_db()
    assert booking.look_at is not None
    assert timedelta(seconds=5) < booking.look_at - timezone.now() <= timedelta(seconds=10)
    look(booking)
    booking.refresh_from_db()
    assert booking.checking_since is not None
    assert booking.look_at is not None
    counts = booking.checking_since + reconciliation.STILL_WORKING
    assert counts < booking.look_at < counts + timedelta(seconds=5)


def test_nothing_is_ever_sent_again(practice: Practice, diary: Diary) -> None:
    booking = unknown(practice, diary, booked=False)
    for seconds in (5, 20, 71, 200):
        look(sent(booking, seconds=seconds))
    assert diary.count("book") == 1
    assert diary.entries == []


# --- A crash between writing down and sending ------------------------------------------------------------------------


def test_a_booking_that_was_written_down_and_never_sent_ends_as_failed(practice: Practice, diary: Diary) -> None:
    booking = change(
        ready(practice, diary), state=State.CHECKING, checking_since=ago(seconds=20), look_at=ago(seconds=5)
    )
    assert reconciliation.settle_due(practice) == 0
    booking.refresh_from_db()
    look(sent(booking, seconds=71))
    assert states() == ["failed"]
    assert (diary.count("book"), diary.entries) == (0, [])


def test_a_crash_after_the_booking_ends_as_confirmed(practice: Practice, diary: Diary) -> None:
    booking = ready(practice, diary)

    class Crash(Exception):
        pass

    diary.fail("book", Crash(), done=True)
    with pytest.raises(Crash):
        confirmation.confirm(booking)
    change(booking, look_at=ago(seconds=1))
    assert reconciliation.settle_due(practice) == 1
    assert states() == ["confirmed"]


# --- A look that fails -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [VendorUnavailable("down"), AuthenticationFailed("status 401"), UnexpectedResponse("odd")]
)
def test_a_look_that_fails_settles_nothing(practice: Practice, diary: Diary, error: VendorError) -> None:
    booking = sent(unknown(practice, diary, booked=True), seconds=71)
    diary.fail("find", error)
    assert not look(booking)
    booking.refresh_from_db()
    assert booking.state == State.CHECKING
    assert booking.look_at is not None
    assert timedelta(seconds=10) < booking.look_at - timezone.now() <= timedelta(seconds=20)
    assert AuditEntry.objects.filter(action="vendor trouble", practice="norr").exists()


def test_looks_that_fail_are_no_empty_looks(practice: Practice, diary: Diary) -> None:
    booking = sent(unknown(practice, diary, booked=False), minutes=10)
    diary.fail("find", VendorUnavailable("down"), times=5)
    for _look in range(5):
        look(booking)
    booking.refresh_from_db()
    assert (booking.state, booking.first_empty_look_at) == (State.CHECKING, None)


def test_a_practice_whose_connection_no_longer_fits_does_not_stop_the_others(practice: Practice, diary: Diary) -> None:
    first = change(unknown(practice, diary, booked=True), look_at=ago(seconds=9))
    second = change(ready(practice, diary), state=State.CHECKING, checking_since=ago(minutes=2), look_at=ago(seconds=1))
    diary.fail("find", AuthenticationFailed("status 401"))
    reconciliation.settle_due(practice)
    first.refresh_from_db()
    second.refresh_from_db()
    assert first.state == State.CHECKING
    assert second.first_empty_look_at is not None  # it was looked at


# --- Who looks, and when ---------------------------------------------------------------------------------------------


def test_only_what_is_due_is_looked_at(practice: Practice, diary: Diary) -> None:
    booking = unknown(practice, diary, booked=True)
    assert reconciliation.settle_due(practice) == 0
    assert diary.count("find") == 0
    change(booking, look_at=ago(seconds=1))
    assert reconciliation.settle_due(practice) == 1
    assert diary.count("find") == 1


def test_of_two_workers_one_looks(practice: Practice, diary: Diary) -> None:
    booking = change(unknown(practice, diary, booked=True), look_at=ago(seconds=1))
    other = Booking.objects.get(pk=booking.pk)
    assert reconciliation.settle(booking)
    assert not reconciliation.settle(other)
    assert diary.count("find") == 1


def test_while_one_worker_looks_another_does_not(practice: Practice, diary: Diary) -> None:
    change(unknown(practice, diary, booked=True), look_at=ago(seconds=1))
    diary.meanwhile("find", lambda: reconciliation.settle_due(practice))
    assert reconciliation.settle_due(practice) == 1
    assert diary.count("find") == 1


def test_a_late_answer_and_a_look_confirm_it_once(practice: Practice, diary: Diary) -> None:
    """The call that booked is still under way when the worker looks."""
    booking = ready(practice, diary)
    page = Booking.objects.get(pk=booking.pk)

    def worker_looks() -> None:
        diary.entries.append(Entry("a-late", page.slot(), page.request()))
        page.refresh_from_db()
        look(page)
        diary.entries.clear()  # so that the call under way is answered too

    diary.meanwhile("book", worker_looks)
    confirmation.confirm(booking)
    assert (booking.state, booking.appointment_id) == (State.CONFIRMED, "a-late")
    assert [what for _who, what, _outcome in entries(booking)].count("booking confirmed") == 1


# --- When people have to look ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("minutes", "theirs"), [(0, False), (14.9, False), (15.1, True), (600, True)])
def test_after_a_quarter_of_an_hour_the_staff_have_to_look(
    practice: Practice, diary: Diary, minutes: float, theirs: bool
) -> None:
    booking = sent(unknown(practice, diary, booked=False), minutes=minutes)
    assert reconciliation.needs_staff(booking) is theirs


def test_the_worker_goes_on_looking_also_then(practice: Practice, diary: Diary) -> None:
    booking = sent(unknown(practice, diary, booked=True), hours=5)
    assert look(booking)
    assert not reconciliation.needs_staff(booking)


@pytest.mark.parametrize("state", [s for s in State if s is not State.CHECKING])
def test_what_is_settled_needs_nobody(practice: Practice, diary: Diary, state: State) -> None:
    booking = change(ready(practice, diary), state=state, checking_since=ago(hours=5), appointment_id="a1")
    assert not reconciliation.needs_staff(booking)


@pytest.mark.parametrize(("minutes", "waits"), [(14, 20), (20, 20 * 60), (40, 40 * 60), (300, 3600), (3000, 3600)])
def test_a_vendor_that_cannot_be_asked_is_asked_ever_less_often(
    practice: Practice, diary: Diary, minutes: int, waits: int
) -> None:
    booking = sent(unknown(practice, diary, booked=True), minutes=minutes)
    diary.fail("find", AuthenticationFailed("status 401", status=401))
    assert not look(booking)
    booking.refresh_from_db()
    assert booking.look_at is not None
    assert waits - 5 < (booking.look_at - timezone.now()).total_seconds() < waits + 5


def test_some_days_after_its_time_it_is_staffs_work_alone(practice: Practice, diary: Diary) -> None:
    booking = change(unknown(practice, diary, booked=True), look_at=ago(seconds=1))
    change(booking, start=ago(days=3, minutes=30), end=ago(days=3))
    assert reconciliation.settle_due(practice) == 0
    assert diary.count("find") == 0
    change(booking, end=ago(days=2))
    assert reconciliation.settle_due(practice) == 1


def test_a_booking_that_was_sent_over_another_connection_is_not_taken_for_failed(
    practice: Practice, diary: Diary
) -> None:
    booking = unknown(practice, diary, booked=False)
    Practice.objects.update(connection={**diary.connection(), "branch": "another"}, changed_at=timezone.now())
    for _look in range(3):
        change(booking, checking_since=ago(minutes=10), look_at=ago(seconds=1))
        reconciliation.settle_due(Practice.objects.get())
    assert states() == ["checking"]
    assert diary.count("find") == 0


# --- The last look at a hold that was sent ---------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["given back", "another time"])
def test_a_hold_that_was_sent_and_is_given_up_is_looked_for_all_the_same(
    practice: Practice, diary: Diary, how: str
) -> None:
    first, second = free(diary)[:2]
    held = hold(practice, first, tokens.new())
    typed(held)
    change(held.booking, sent_before=True)
    if how == "given back":
        assert holds.release(held.booking)
    else:
        hold(practice, second, held.token)
    due.do_all()
    assert states()[0] == "expired"
    assert diary.count("find") == 1
    assert Booking.objects.order_by("pk")[0].held_until <= timezone.now()


def over(practice: Practice, diary: Diary, **length: float) -> Booking:
    """A hold that ran out so long ago, after the vendor was sent it and said that nothing happened."""
    return change(ready(practice, diary), sent_before=True, held_until=ago(**length))


def test_a_vendor_that_refuses_our_key_is_not_asked_every_second_about_a_hold(practice: Practice, diary: Diary) -> None:
    booking = over(practice, diary, seconds=1)
    diary.fail("find", AuthenticationFailed("status 401", status=401), times=9)
    for _second in range(3):
        due.do_all()
    assert diary.count("find") == 1
    assert states() == ["held"]
    change(booking, look_at=ago(seconds=1))
    due.do_all()
    assert diary.count("find") == 2


def test_a_hold_that_the_vendor_was_never_asked_about_ends_with_that_said(practice: Practice, diary: Diary) -> None:
    booking = over(practice, diary, minutes=16)
    diary.fail("find", VendorUnavailable("down"))
    reconciliation.last_looks(practice)
    assert states() == ["expired"]
    assert entries(booking)[-1] == ("worker", "booking expired", "the vendor could not be asked whether it has it")
    assert reports.find(practice, ago(days=1)).by_hand == [[booking.reference, "unknown"]]


def test_a_hold_that_the_vendor_does_not_have_ends_as_any_other(practice: Practice, diary: Diary) -> None:
    booking = over(practice, diary, minutes=16)
    reconciliation.last_looks(practice)
    assert entries(booking)[-1] == ("worker", "booking expired", "")
    assert reports.find(practice, ago(days=1)).by_hand == []


def test_one_holds_mistake_does_not_keep_the_others_from_their_last_look(practice: Practice, diary: Diary) -> None:
    over(practice, diary, seconds=9)
    change(ready(practice, diary, free(diary, "bo")[0]), sent_before=True, held_until=ago(seconds=1))
    diary.fail("find", ZeroDivisionError("our own mistake"))
    with pytest.raises(ExceptionGroup):
        reconciliation.last_looks(practice)
    assert sorted(states()) == ["expired", "held"]
    assert not reconciliation.last_looks_due().exists()


# --- Two entries for one booking -------------------------------------------------------------------------------------


def twice(practice: Practice, diary: Diary) -> Booking:
    """The vendor wrote the same booking down twice."""
    booking = unknown(practice, diary, booked=True)
    diary.entries.append(replace(diary.entries[0], id="second"))
    return booking


@pytest.mark.vendor("fake_reserving")
def test_of_two_entries_the_first_is_kept_and_the_other_taken_out(practice: Practice, diary: Diary) -> None:
    booking = twice(practice, diary)
    first = diary.entries[0].id
    assert look(booking)
    booking.refresh_from_db()
    assert booking.appointment_id == first
    assert [entry.id for entry in diary.entries] == [first]


def test_where_the_vendor_cannot_cancel_the_second_entry_is_work_for_staff(practice: Practice, diary: Diary) -> None:
    booking = twice(practice, diary)
    assert look(booking)
    assert len(diary.entries) == 2
    entry = AuditEntry.objects.get(action="booked twice", reference=booking.reference)
    assert "second" in entry.outcome
    assert "by hand" in entry.outcome


# --- By hand ---------------------------------------------------------------------------------------------------------


def reconcile(*arguments: str) -> str:
    said = StringIO()
    call_command("reconcile", *arguments, stdout=said)
    return said.getvalue()


def test_the_command_looks_at_once_and_says_what_it_found(practice: Practice, diary: Diary) -> None:
    booking = unknown(practice, diary, booked=True)
    assert f"{booking.reference} " in (said := reconcile())
    assert "confirmed" in said
    assert states() == ["confirmed"]
    assert "No booking is being checked" in reconcile(practice.slug)


def test_the_command_says_what_is_not_settled_yet(practice: Practice, diary: Diary) -> None:
    unknown(practice, diary, booked=False)
    assert "does not have it now" in reconcile(practice.slug)
    diary.answer("find", 503, times=9)
    Booking.objects.update(look_at=ago(seconds=1))
    assert "could not be asked" in reconcile()
    assert states() == ["checking"]


def test_the_command_knows_its_practices(practice: Practice) -> None:
    with pytest.raises(CommandError, match="nowhere"):
        reconcile("nowhere")
