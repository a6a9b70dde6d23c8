"""A held time is booked at the vendor, once, and every way in which that can end."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from booking import catalogue, confirmation, connections, due, holds
from booking.connections import NotConnected
from booking.models import Booking, Practice, State
from tests.booking.journey import ago, change, entries, free, hold, ready, stand, states
from tests.fake_vendor import Diary
from vendors.base import (
    AuthenticationFailed,
    InvalidPatient,
    OutcomeUnknown,
    SlotTaken,
    UnexpectedResponse,
    VendorError,
    VendorUnavailable,
)

reserving = pytest.mark.vendor("fake_reserving")


def test_a_confirmed_booking_stands_in_the_vendors_diary(practice: Practice, diary: Diary) -> None:
    booking = ready(practice, diary)
    confirmation.confirm(booking)
    (entry,) = diary.entries
    assert booking.state == State.CONFIRMED
    assert booking.appointment_id == entry.id
    assert entry.slot == booking.slot()
    assert (entry.request.reference, entry.request.key) == (booking.reference, booking.key)
    assert entry.request.patient.last_name == "Bergqvist"


def test_it_is_written_down_before_the_vendor_is_asked(practice: Practice, diary: Diary) -> None:
    booking = ready(practice, diary)
    seen: list[Booking] = []
    diary.meanwhile("book", lambda: seen.append(Booking.objects.get(pk=booking.pk)))
    confirmation.confirm(booking)
    assert seen[0].state == State.CHECKING
    assert seen[0].look_at is not None
    assert seen[0].look_at > timezone.now() + timedelta(seconds=9)  # not while this call may be under way


def test_the_answers_and_the_note_go_along(practice: Practice, diary: Diary) -> None:
    booking = ready(practice, diary, note="Afraid", answers={"q1": "Left", "q2": ""}, birth_date="1981-12-28")
    booking.questions = [
        {"id": "q1", "text": "Where?", "help": "", "required": True},
        {"id": "q2", "text": "Else?", "help": "", "required": False},
    ]
    booking.save()
    confirmation.confirm(booking)
    request = diary.entries[0].request
    assert [(answer.question, answer.text) for answer in request.answers] == [("Where?", "Left")]
    assert request.note == "Afraid"
    assert str(request.patient.birth_date) == "1981-12-28"


@reserving
def test_the_reservation_becomes_the_booking(practice: Practice, diary: Diary) -> None:
    confirmation.confirm(ready(practice, diary))
    assert (len(diary.entries), diary.reserved) == (1, {})
    assert states() == ["confirmed"]


# --- Exactly once ----------------------------------------------------------------------------------------------------


def test_ten_clicks_make_one_booking(practice: Practice, diary: Diary) -> None:
    booking = ready(practice, diary)
    for _click in range(10):
        confirmation.confirm(Booking.objects.get(pk=booking.pk))
    assert (len(diary.entries), diary.count("book")) == (1, 1)


def test_ten_pages_that_were_open_before_the_first_click_make_one_booking(practice: Practice, diary: Diary) -> None:
    booking = ready(practice, diary)
    pages = [Booking.objects.get(pk=booking.pk) for _page in range(10)]
    for page in pages:
        confirmation.confirm(page)
    assert (len(diary.entries), diary.count("book")) == (1, 1)
    assert {page.state for page in pages} == {State.CONFIRMED}


def test_a_click_while_the_first_is_under_way_sends_nothing(practice: Practice, diary: Diary) -> None:
    booking = ready(practice, diary)
    second = Booking.objects.get(pk=booking.pk)
    diary.meanwhile("book", lambda: confirmation.confirm(second))
    confirmation.confirm(booking)
    assert second.state == State.CHECKING  # what its page says, until the first is answered
    assert diary.count("book") == 1


@pytest.mark.parametrize("state", [s for s in State if s is not State.HELD])
def test_only_a_held_time_is_booked(practice: Practice, diary: Diary, state: State) -> None:
    booking = ready(practice, diary)
    change(booking, state=state, appointment_id="a1", checking_since=timezone.now())
    confirmation.confirm(booking)
    assert diary.count("book") == 0
    assert states() == [state.value]


def test_a_hold_that_ran_out_is_not_booked(practice: Practice, diary: Diary) -> None:
    booking = change(ready(practice, diary), held_until=ago(seconds=1))
    with pytest.raises(confirmation.HoldEnded):
        confirmation.confirm(booking)
    assert diary.count("book") == 0
    assert booking.details["first_name"] == "Evelina"


def test_a_hold_that_runs_out_in_that_very_moment_is_not_booked(practice: Practice, diary: Diary) -> None:
    booking = ready(practice, diary)
    Booking.objects.filter(pk=booking.pk).update(held_until=ago(seconds=1))  # the row read before says otherwise
    with pytest.raises(confirmation.HoldEnded):
        confirmation.confirm(booking)
    assert (diary.entries, states()) == ([], ["held"])


def test_a_time_that_has_begun_is_not_booked(practice: Practice, diary: Diary) -> None:
    booking = change(ready(practice, diary), start=ago(seconds=1))
    with pytest.raises(confirmation.HoldEnded):
        confirmation.confirm(booking)
    assert diary.count("book") == 0


# --- Every answer ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (SlotTaken(), State.FAILED),
        (InvalidPatient("phone"), State.HELD),
        (VendorUnavailable("down"), State.HELD),
        (AuthenticationFailed("status 401"), State.HELD),
        (UnexpectedResponse("not what was agreed"), State.HELD),
        (OutcomeUnknown("no answer"), State.CHECKING),
    ],
)
def test_each_way_in_which_it_can_end(practice: Practice, diary: Diary, error: VendorError, state: State) -> None:
    booking = ready(practice, diary)
    diary.fail("book", error)
    with pytest.raises(type(error)):
        confirmation.confirm(booking)
    assert booking.state == state
    assert booking.appointment_id == ""
    assert booking.details["first_name"] == "Evelina"  # kept, whatever comes next


@pytest.mark.parametrize(
    "error", [VendorUnavailable("down"), AuthenticationFailed("status 401"), UnexpectedResponse("odd")]
)
def test_where_nothing_happened_it_can_be_tried_again(practice: Practice, diary: Diary, error: VendorError) -> None:
    booking = ready(practice, diary)
    diary.fail("book", error)
    with pytest.raises(type(error)):
        confirmation.confirm(booking)
    assert (booking.checking_since, booking.look_at) == (None, None)
    confirmation.confirm(booking)
    assert (booking.state, len(diary.entries)) == (State.CONFIRMED, 1)


def test_a_practice_whose_connection_no_longer_fits_leaves_the_time_held(practice: Practice, diary: Diary) -> None:
    booking = ready(practice, diary)
    Practice.objects.update(connection={})
    booking.practice.refresh_from_db()
    with pytest.raises(NotConnected):
        confirmation.confirm(booking)
    assert booking.state == State.HELD


def test_a_field_that_the_vendor_refuses_is_remembered_by_its_name(practice: Practice, diary: Diary) -> None:
    booking = ready(practice, diary)
    diary.refused_fields = ("phone", "email")
    with pytest.raises(InvalidPatient):
        confirmation.confirm(booking)
    assert booking.refused_fields == ["phone", "email"]
    assert ("patient", "booking held", "not booked: InvalidPatient") in entries(booking)


def test_an_unknown_outcome_is_looked_up_soon(practice: Practice, diary: Diary) -> None:
    booking = ready(practice, diary)
    diary.lose_answer_after("book")
    with pytest.raises(OutcomeUnknown):
        confirmation.confirm(booking)
    booking.refresh_from_db()
    assert booking.state == State.CHECKING
    assert booking.look_at is not None
    assert timedelta(0) < booking.look_at - timezone.now() <= timedelta(seconds=5)


def test_after_an_unknown_outcome_nothing_is_sent_again(practice: Practice, diary: Diary) -> None:
    booking = ready(practice, diary)
    diary.lose_answer_after("book")
    with pytest.raises(OutcomeUnknown):
        confirmation.confirm(booking)
    confirmation.confirm(booking)
    assert diary.count("book") == 1


def test_a_vendor_slower_than_a_page_is_an_unknown_outcome(practice: Practice, diary: Diary, settings: Any) -> None:
    booking = ready(practice, diary)
    settings.PAGE_SECONDS = 0.2
    diary.slow("book", 0.25)
    with connections.page(), pytest.raises(OutcomeUnknown):
        confirmation.confirm(booking)
    assert booking.state == State.CHECKING


# --- The vendor's diary decides --------------------------------------------------------------------------------------


def test_a_time_that_was_given_away_meanwhile_is_not_even_sent(practice: Practice, diary: Diary) -> None:
    booking = ready(practice, diary)
    diary.take_at_desk(booking.slot_id)
    with pytest.raises(SlotTaken):
        confirmation.confirm(booking)
    assert booking.state == State.FAILED
    assert diary.count("book") == 0


def test_while_the_times_cannot_be_read_nothing_is_sent(practice: Practice, diary: Diary) -> None:
    booking = ready(practice, diary)
    diary.fail("slots", VendorUnavailable("down"))
    with pytest.raises(VendorUnavailable):
        confirmation.confirm(booking)
    assert (booking.state, diary.count("book")) == (State.HELD, 0)


@reserving
def test_a_reserved_time_is_not_looked_for_among_the_free_ones(practice: Practice, diary: Diary) -> None:
    booking = ready(practice, diary)
    looked = diary.count("slots")
    confirmation.confirm(booking)
    assert (booking.state, diary.count("slots")) == (State.CONFIRMED, looked)


@pytest.mark.parametrize("taken", [True, False])
def test_a_time_that_is_gone_is_not_offered_to_the_next(practice: Practice, diary: Diary, taken: bool) -> None:
    where = stand(practice)
    booking = ready(practice, diary)
    catalogue.week(practice, "en", where)
    if taken:
        diary.take_at_desk(booking.slot_id)
        with pytest.raises(SlotTaken):
            confirmation.confirm(booking)
    else:
        confirmation.confirm(booking)
    shown = [time.slot.id for day in catalogue.week(practice, "en", where).days for time in day.times]
    assert shown
    assert booking.slot_id not in shown


def test_a_time_that_was_just_confirmed_is_not_offered_from_an_older_reading(practice: Practice, diary: Diary) -> None:
    slot = free(diary)[0]
    booking = ready(practice, diary, slot)
    confirmation.confirm(booking)
    diary.entries.clear()  # as a vendor whose lists lag behind its diary
    shown = [time.slot.id for day in catalogue.week(practice, "en", stand(practice)).days for time in day.times]
    assert slot.id not in shown


# --- Afterwards ------------------------------------------------------------------------------------------------------


def test_the_personal_number_is_forgotten_once_it_is_booked(practice: Practice, diary: Diary) -> None:
    booking = ready(practice, diary, personal_number="198112289874")
    confirmation.confirm(booking)
    booking.refresh_from_db()
    assert diary.entries[0].request.patient.personal_number == "198112289874"
    assert "personal_number" not in booking.details
    assert booking.details["email"] == "evelina@example.com"


def test_a_confirmed_booking_is_not_given_back(practice: Practice, diary: Diary) -> None:
    booking = ready(practice, diary)
    confirmation.confirm(booking)
    assert not holds.release(booking)
    assert booking.state == State.CONFIRMED


def test_the_whole_way_is_written_down(practice: Practice, diary: Diary) -> None:
    booking = ready(practice, diary)
    confirmation.confirm(booking)
    assert entries(booking) == [
        ("patient", "booking held", ""),
        ("patient", "booking checking", ""),
        ("patient", "booking confirmed", ""),
    ]


def test_two_practices_book_at_one_time(
    practice: Practice, diary: Diary, make_practice: Callable[..., Practice]
) -> None:
    """Each in its own diary: one practice's bookings do not stand in another's way."""
    with Diary().serve() as address:
        other = make_practice(slug="other", connection={**diary.connection(), "base_url": address})
        slot = free(diary)[0]
        for mine in (practice, other):
            confirmation.confirm(ready(mine, diary, slot))
            diary.entries.clear()
        assert states() == ["confirmed", "confirmed"]
        assert hold(other, free(diary, "bo")[0]).booking.practice == other


# --- A vendor that refuses what it did --------------------------------------------------------------------------------


@pytest.fixture
def refused_but_done(practice: Practice, diary: Diary) -> Booking:
    """The vendor answers as if nothing had happened, and has it."""
    booking = ready(practice, diary)
    diary.fail("book", AuthenticationFailed("status 403", status=403), done=True)
    with pytest.raises(AuthenticationFailed):
        confirmation.confirm(booking)
    return booking


def test_a_second_click_finds_what_the_first_did_and_not_that_the_time_is_taken(
    refused_but_done: Booking, diary: Diary
) -> None:
    assert refused_but_done.state == State.HELD
    confirmation.confirm(refused_but_done)
    assert refused_but_done.state == State.CONFIRMED
    assert [entry.id for entry in diary.entries] == [refused_but_done.appointment_id]
    assert diary.count("book") == 1


def test_a_patient_who_does_not_click_again_is_booked_all_the_same_when_the_hold_ends(
    refused_but_done: Booking, practice: Practice, diary: Diary
) -> None:
    change(refused_but_done, held_until=ago(seconds=1))
    due.do_all()
    refused_but_done.refresh_from_db()
    assert refused_but_done.state == State.CONFIRMED
    assert refused_but_done.letters.get().kind == "confirmed"


def test_a_hold_that_was_truly_refused_ends_after_a_last_look(practice: Practice, diary: Diary) -> None:
    booking = ready(practice, diary)
    diary.fail("book", AuthenticationFailed("status 403", status=403))
    with pytest.raises(AuthenticationFailed):
        confirmation.confirm(booking)
    change(booking, held_until=ago(seconds=1))
    diary.fail("find", VendorUnavailable("no answer"))
    due.do_all()
    assert states() == ["held"]  # not known yet, and by the clock it holds nothing
    change(booking, look_at=ago(seconds=1))  # a while later
    due.do_all()
    assert states() == ["expired"]


def test_a_first_click_asks_for_nothing_that_was_never_sent(practice: Practice, diary: Diary) -> None:
    confirmation.confirm(ready(practice, diary))
    assert diary.count("find") == 0
