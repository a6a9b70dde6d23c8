"""Take, release, expire: a time is one patient's while the details are typed."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from booking import catalogue, confirmation, holds, tokens
from booking.models import Booking, Practice, State
from booking.steps import Choice
from tests.booking.journey import ago, change, entries, free, hold, stand, states, typed
from tests.fake_vendor import ANNA, AT_NORTH, CHECKUP, NORTH, PAIN, Diary
from vendors.base import OutcomeUnknown, SlotTaken, VendorUnavailable

reserving = pytest.mark.vendor("fake_reserving")
reserving_for_good = pytest.mark.vendor("fake_reserving_for_good")


# --- Take ------------------------------------------------------------------------------------------------------------


def test_a_held_time_is_remembered_with_the_names_that_the_patient_saw(practice: Practice, diary: Diary) -> None:
    slot = free(diary)[0]
    booking = hold(practice, slot).booking
    booking.refresh_from_db()
    assert booking.state == State.HELD
    assert booking.slot() == slot
    assert (booking.service_id, booking.service_name) == ("checkup", CHECKUP.name)
    assert (booking.clinic_name, booking.clinic_address) == (NORTH.name, NORTH.address)
    assert (booking.provider_id, booking.provider_name) == ("anna", ANNA.name)
    assert (booking.language, booking.timezone) == ("en", "Europe/Stockholm")
    assert Choice.kept(booking.choice) == Choice("checkup", "north", "anna")


def test_a_hold_lasts_a_quarter_of_an_hour(practice: Practice, diary: Diary) -> None:
    booking = hold(practice, free(diary)[0]).booking
    assert timedelta(minutes=14) < booking.held_until - timezone.now() <= timedelta(minutes=15)


def test_how_long_a_hold_lasts_is_a_setting(practice: Practice, diary: Diary, settings: Any) -> None:
    settings.HOLD_SECONDS = 60
    booking = hold(practice, free(diary)[0]).booking
    assert timedelta(0) < booking.held_until - timezone.now() <= timedelta(seconds=60)


def test_a_held_time_is_no_longer_offered_to_others(practice: Practice, diary: Diary) -> None:
    slot = free(diary)[0]
    hold(practice, slot)
    shown = [time.slot for day in catalogue.week(practice, "en", stand(practice)).days for time in day.times]
    assert shown
    assert slot not in shown


def test_the_second_of_two_patients_is_told_the_time_is_taken(practice: Practice, diary: Diary) -> None:
    slot = free(diary)[0]
    hold(practice, slot)
    with pytest.raises(SlotTaken):
        hold(practice, slot)
    assert states() == ["held"]


def test_a_longer_service_that_overlaps_is_taken_too(practice: Practice, diary: Diary) -> None:
    check_up = next(slot for slot in free(diary) if slot.start.hour == 9 and slot.start.minute == 30)
    filling = next(s for s in diary.free("filling") if s.start == check_up.start - timedelta(minutes=30))
    hold(practice, check_up)
    with pytest.raises(SlotTaken):
        hold(practice, filling, service="filling")


def test_the_next_patient_may_come_when_the_time_before_ends(practice: Practice, diary: Diary) -> None:
    first = free(diary)[0]
    second = next(slot for slot in free(diary) if slot.start == first.end)
    hold(practice, first)
    hold(practice, second)
    assert states() == ["held", "held"]


def test_two_providers_work_at_the_same_time(practice: Practice, diary: Diary) -> None:
    hold(practice, free(diary, "anna")[0])
    hold(practice, free(diary, "bo")[0])
    assert states() == ["held", "held"]


def test_a_time_that_was_just_taken_at_the_desk_cannot_be_held(practice: Practice, diary: Diary) -> None:
    slot = free(diary)[0]
    catalogue.week(practice, "en", stand(practice))
    diary.take_at_desk(slot.id)
    with pytest.raises(SlotTaken):
        hold(practice, slot)
    assert not Booking.objects.exists()
    shown = [time.slot.id for day in catalogue.week(practice, "en", stand(practice)).days for time in day.times]
    assert slot.id not in shown


def test_a_time_that_has_begun_cannot_be_held(practice: Practice, diary: Diary) -> None:
    now = timezone.now()
    begun = free(diary)[0]
    begun = replace(begun, start=now - timedelta(seconds=1), end=now + timedelta(minutes=29))
    diary.times["checkup"] = [begun]
    with pytest.raises(SlotTaken):
        hold(practice, begun)


def test_an_unknown_time_cannot_be_held(practice: Practice) -> None:
    with pytest.raises(SlotTaken):
        holds.take(practice, "en", stand(practice), "no such time")


def test_nothing_is_held_while_the_vendor_cannot_be_reached(practice: Practice, diary: Diary) -> None:
    slot = free(diary)[0]
    where = stand(practice)
    diary.fail("slots", VendorUnavailable("down"))
    with pytest.raises(VendorUnavailable):
        holds.take(practice, "en", where, slot.id)
    assert not Booking.objects.exists()


def test_the_vendor_is_never_called_within_a_transaction(practice: Practice, diary: Diary) -> None:
    where = stand(practice)
    with pytest.raises(RuntimeError, match="inside a transaction"), transaction.atomic():
        holds.take(practice, "en", where, free(diary)[0].id)


def test_any_provider_becomes_the_one_whose_time_it_is(practice: Practice, diary: Diary) -> None:
    slot = free(diary, "bo")[0]
    booking = hold(practice, slot, clinic="any", provider="any").booking
    assert (booking.clinic_id, booking.provider_id, booking.provider_name) == ("north", "bo", "Bo Alm")
    assert (booking.choice["clinic"], booking.choice["provider"]) == ("any", "any")


def test_a_reference_can_be_read_aloud(practice: Practice, diary: Diary) -> None:
    references = [hold(practice, slot).booking.reference for slot in free(diary)[:20]]
    assert len(set(references)) == 20
    assert all(re.fullmatch(r"[A-HJ-NP-Z2-9]{3}-[A-HJ-NP-Z2-9]{4}", reference) for reference in references)


def test_every_booking_has_a_key_of_its_own(practice: Practice, diary: Diary) -> None:
    keys = [hold(practice, slot).booking.key for slot in free(diary)[:5]]
    assert len(set(keys)) == 5
    assert all(re.fullmatch("[a-z0-9]{32}", key) for key in keys)


def test_the_vendors_questions_are_kept_as_they_were_shown(practice: Practice, diary: Diary) -> None:
    diary.services = [replace(CHECKUP, offers=(replace(AT_NORTH, questions=(PAIN,)),))]
    booking = hold(practice, free(diary)[0]).booking
    assert booking.questions == [{"id": "q1", "text": PAIN.text, "help": "", "required": True}]


def test_a_hold_is_written_down(practice: Practice, diary: Diary) -> None:
    booking = hold(practice, free(diary)[0]).booking
    assert entries(booking) == [("patient", "booking held", "")]


# --- The same patient again ------------------------------------------------------------------------------------------


def test_the_token_of_the_page_names_the_hold(practice: Practice, diary: Diary) -> None:
    fresh = tokens.new()
    held = hold(practice, free(diary)[0], fresh)
    assert held.token == fresh
    found = tokens.find(practice, fresh)
    assert found is not None
    assert found.booking == held.booking


@pytest.mark.parametrize("planted", ["", "short", "x" * 43 + "!", "å" * 43])
def test_what_is_no_token_is_not_used_as_one(practice: Practice, diary: Diary, planted: str) -> None:
    assert hold(practice, free(diary)[0], planted).token != planted


def test_a_second_click_on_the_same_time_changes_nothing(practice: Practice, diary: Diary) -> None:
    slot = free(diary)[0]
    first = hold(practice, slot, tokens.new())
    again = hold(practice, slot, first.token)
    assert (again.booking.pk, again.token) == (first.booking.pk, first.token)
    assert states() == ["held"]


def test_of_two_clicks_at_once_the_later_gets_what_the_earlier_got(practice: Practice, diary: Diary) -> None:
    slot, token = free(diary)[0], tokens.new()
    where = stand(practice)
    earlier: list[holds.Held] = []
    diary.meanwhile("slots", lambda: earlier.append(holds.take(practice, "en", where, slot.id, token)))
    later = holds.take(practice, "en", where, slot.id, token)
    assert (later.booking, later.token) == (earlier[0].booking, token)
    assert states() == ["held"]


def test_of_clicks_on_two_times_at_once_the_later_stands(practice: Practice, diary: Diary) -> None:
    (first, second), token = free(diary)[:2], tokens.new()
    where = stand(practice)
    diary.meanwhile("slots", lambda: holds.take(practice, "en", where, first.id, token))
    later = holds.take(practice, "en", where, second.id, token)
    assert later.booking.slot_id == second.id
    assert states() == ["released", "held"]


@reserving
def test_of_two_new_choices_at_once_the_later_stands_and_is_not_given_back(practice: Practice, diary: Diary) -> None:
    first, second, third = free(diary)[:3]
    page = hold(practice, first, tokens.new()).token
    diary.meanwhile("reserve", lambda: hold(practice, third, page))  # the second one stands here already
    hold(practice, second, page)
    assert states() == ["released", "released", "held"]
    assert Booking.objects.get(state=State.HELD).slot_id == third.id


def test_another_time_gives_the_first_one_back(practice: Practice, diary: Diary) -> None:
    first, second = free(diary)[:2]
    one = hold(practice, first, tokens.new())
    two = hold(practice, second, one.token)
    assert states() == ["released", "held"]
    assert two.booking.visit == one.booking.visit
    assert two.token != one.token  # the old one still names the old booking
    hold(practice, first)  # and others may have it now
    assert ("patient", "booking released", "another time was chosen") in entries(one.booking)


def test_ones_own_hold_does_not_stand_in_ones_own_way(practice: Practice, diary: Diary) -> None:
    check_up = next(slot for slot in free(diary) if slot.start.hour == 9 and slot.start.minute == 30)
    filling = next(s for s in diary.free("filling") if s.start == check_up.start - timedelta(minutes=30))
    one = hold(practice, check_up, tokens.new())
    two = hold(practice, filling, one.token, service="filling")
    assert two.booking.service_id == "filling"
    assert states() == ["released", "held"]


def test_the_same_time_for_another_service_is_another_hold(practice: Practice, diary: Diary) -> None:
    slot = free(diary)[0]
    diary.times["filling"] = [slot]
    one = hold(practice, slot, tokens.new())
    two = hold(practice, slot, one.token, service="filling")
    assert two.booking.service_id == "filling"


def test_a_time_that_is_taken_does_not_cost_the_one_that_is_held(practice: Practice, diary: Diary) -> None:
    first, second = free(diary)[:2]
    hold(practice, second)
    own = hold(practice, first, tokens.new())
    with pytest.raises(SlotTaken):
        hold(practice, second, own.token)
    own.booking.refresh_from_db()
    assert own.booking.state == State.HELD


def test_what_was_typed_comes_along_under_the_personal_token(practice: Practice, diary: Diary) -> None:
    first, second = free(diary)[:2]
    personal = typed(hold(practice, first))
    two = hold(practice, second, personal)
    assert two.booking.details["first_name"] == "Evelina"
    row = tokens.find(practice, two.token)
    assert row is not None
    assert row.personal
    assert row.booking.details["first_name"] == "Evelina"


def test_what_was_typed_stays_behind_under_the_first_token(practice: Practice, diary: Diary) -> None:
    """An address that was planted on somebody shows them nothing, and takes nothing along."""
    first, second = free(diary)[:2]
    one = hold(practice, first)
    typed(one)
    two = hold(practice, second, one.token)
    assert two.booking.details == {}
    row = tokens.find(practice, two.token)
    assert row is not None
    assert not row.personal


def test_a_booking_that_was_replaced_keeps_no_details(practice: Practice, diary: Diary) -> None:
    first, second = free(diary)[:2]
    one = hold(practice, first)
    hold(practice, second, typed(one))
    one.booking.refresh_from_db()
    assert one.booking.details == {}


def test_the_token_of_a_booking_that_is_done_begins_a_new_one(practice: Practice, diary: Diary) -> None:
    first, second = free(diary)[:2]
    one = hold(practice, first)
    personal = typed(one)
    change(one.booking, state=State.CONFIRMED, appointment_id="a1")
    hold(practice, second, personal)
    assert states() == ["confirmed", "held"]


def test_a_page_left_open_knows_the_time_that_was_held_from_it_since(practice: Practice, diary: Diary) -> None:
    first, second = free(diary)[:2]
    page = tokens.new()
    hold(practice, first, page)
    two = hold(practice, second, page)
    again = hold(practice, second, page)
    assert again.booking.pk == two.booking.pk
    row = tokens.find(practice, again.token)
    assert row is not None
    assert row.booking.pk == two.booking.pk


def test_however_often_a_page_left_open_is_used_one_time_is_held(practice: Practice, diary: Diary) -> None:
    page = tokens.new()
    for slot in free(diary)[:4]:
        hold(practice, slot, page)
    assert states() == ["released", "released", "released", "held"]


def test_another_patients_time_is_not_ones_own_for_the_same_page_token(practice: Practice, diary: Diary) -> None:
    first, second = free(diary)[:2]
    hold(practice, second, tokens.new())
    page = tokens.new()
    hold(practice, first, page)
    with pytest.raises(SlotTaken):
        hold(practice, second, page)


@pytest.mark.parametrize(
    ("clinic", "provider"), [("north", "anna"), ("south", "cia"), ("south", "any"), ("north", "any")]
)
def test_a_time_that_this_choice_does_not_offer_is_not_held(
    practice: Practice, diary: Diary, clinic: str, provider: str
) -> None:
    """Whoever changes the form gets around neither the screening of a clinic nor whom the practice lets them choose."""
    practice.services = [{"id": "checkup", "clinics": ["north", "south"], "providers": ["anna", "cia"]}]
    slot = free(diary, "bo")[0]
    where = stand(practice, clinic=clinic, provider=provider)
    with pytest.raises(SlotTaken):
        holds.take(practice, "en", where, slot.id)
    assert states() == []


def test_a_token_that_another_practice_gave_out_is_replaced(
    practice: Practice, diary: Diary, make_practice: Callable[..., Practice]
) -> None:
    other = make_practice(slug="other")
    theirs = hold(practice, free(diary)[0], tokens.new()).token
    ours = hold(other, free(diary)[0], theirs).token
    assert ours != theirs
    row = tokens.find(other, ours)
    assert row is not None
    assert row.booking.practice == other


def test_a_token_of_another_practice_is_nobodys_here(
    practice: Practice, diary: Diary, make_practice: Callable[..., Practice]
) -> None:
    other = make_practice(slug="other")
    token = hold(practice, free(diary)[0], tokens.new()).token
    assert tokens.find(other, token) is None


# --- Release and expire ----------------------------------------------------------------------------------------------


def test_a_time_that_is_given_back_is_free(practice: Practice, diary: Diary) -> None:
    slot = free(diary)[0]
    assert holds.release(hold(practice, slot).booking)
    hold(practice, slot)
    assert states() == ["released", "held"]


def test_giving_back_keeps_what_was_typed_for_the_next_choice(practice: Practice, diary: Diary) -> None:
    first, second = free(diary)[:2]
    one = hold(practice, first)
    personal = typed(one)
    holds.release(one.booking)
    assert hold(practice, second, personal).booking.details["first_name"] == "Evelina"


@pytest.mark.parametrize("state", [State.CHECKING, State.CONFIRMED, State.FAILED, State.EXPIRED])
def test_only_a_held_time_is_given_back(practice: Practice, diary: Diary, state: State) -> None:
    booking = hold(practice, free(diary)[0]).booking
    change(booking, state=state, appointment_id="a1", checking_since=timezone.now())
    assert not holds.release(booking)
    assert booking.state == state


def test_a_hold_whose_time_is_over_holds_nothing_also_before_it_is_tidied(practice: Practice, diary: Diary) -> None:
    slot = free(diary)[0]
    change(hold(practice, slot).booking, held_until=ago(seconds=1))
    hold(practice, slot)
    assert states() == ["held", "held"]


def test_a_hold_that_ran_out_can_be_taken_up_again_by_its_own_patient(practice: Practice, diary: Diary) -> None:
    slot = free(diary)[0]
    one = hold(practice, slot)
    personal = typed(one)
    change(one.booking, held_until=ago(seconds=1))
    two = hold(practice, slot, personal)
    assert two.booking.pk != one.booking.pk
    assert two.booking.held_until > timezone.now()
    assert two.booking.details["first_name"] == "Evelina"


def test_holds_that_ran_out_are_tidied(practice: Practice, diary: Diary) -> None:
    first, second = free(diary)[:2]
    over = change(hold(practice, first).booking, held_until=ago(seconds=1))
    hold(practice, second)
    assert holds.expire_due() == 1
    assert states() == ["expired", "held"]
    assert ("worker", "booking expired", "") in entries(over)
    assert holds.expire_due() == 0


# --- Where the vendor reserves ---------------------------------------------------------------------------------------


@reserving
def test_a_held_time_is_reserved_at_the_vendor(practice: Practice, diary: Diary) -> None:
    slot = free(diary)[0]
    booking = hold(practice, slot).booking
    assert diary.reserved == {booking.reservation_id: slot}
    assert booking.request().reservation_id == booking.reservation_id


@reserving
def test_the_vendor_does_not_learn_who_reserves(practice: Practice, diary: Diary) -> None:
    one = hold(practice, free(diary)[0])
    typed(one)
    request = diary.requests[diary.calls.index("reserve")]
    assert (request.patient.first_name, request.patient.email) == ("", "")


@reserving
def test_a_hold_does_not_outlast_the_vendors_reservation(practice: Practice, diary: Diary) -> None:
    diary.reserves_for = timedelta(minutes=5)
    booking = hold(practice, free(diary)[0]).booking
    assert booking.held_until == booking.reserved_until
    assert booking.held_until - timezone.now() < timedelta(minutes=5)


@reserving
def test_a_long_reservation_does_not_make_the_hold_longer(practice: Practice, diary: Diary) -> None:
    diary.reserves_for = timedelta(hours=2)
    assert hold(practice, free(diary)[0]).booking.held_until - timezone.now() <= timedelta(minutes=15)


@reserving
def test_a_time_that_the_vendor_does_not_reserve_is_taken(practice: Practice, diary: Diary) -> None:
    slot = free(diary)[0]
    where = stand(practice)
    catalogue.week(practice, "en", where)
    diary.take_at_desk(slot.id)
    with pytest.raises(SlotTaken):
        holds.take(practice, "en", where, slot.id)
    assert states() == ["released"]
    shown = [time.slot.id for day in catalogue.week(practice, "en", where).days for time in day.times]
    assert slot.id not in shown


@reserving
@pytest.mark.parametrize("fail", ["lose_answer_before", "lose_answer_after"])
def test_a_reservation_of_unknown_outcome_holds_nothing_here(practice: Practice, diary: Diary, fail: str) -> None:
    getattr(diary, fail)("reserve")
    with pytest.raises(OutcomeUnknown):
        hold(practice, free(diary)[0])
    assert states() == ["released"]


@reserving
def test_a_time_that_the_vendor_does_not_reserve_does_not_cost_the_one_that_is_held(
    practice: Practice, diary: Diary
) -> None:
    first, second = free(diary)[:2]
    own = hold(practice, first, tokens.new())
    diary.fail("reserve", SlotTaken())
    with pytest.raises(SlotTaken):
        hold(practice, second, own.token)
    assert states() == ["held", "released"]
    assert list(diary.reserved.values()) == [first]


@reserving
def test_a_time_that_is_given_back_is_given_back_at_the_vendor(practice: Practice, diary: Diary) -> None:
    slot = free(diary)[0]
    holds.release(hold(practice, slot).booking)
    assert diary.reserved == {}


@reserving
def test_a_vendor_that_does_not_answer_keeps_nobody_from_giving_back(practice: Practice, diary: Diary) -> None:
    booking = hold(practice, free(diary)[0]).booking
    diary.fail("release", VendorUnavailable("down"))
    assert holds.release(booking)
    assert booking.state == State.RELEASED


@reserving
def test_going_back_to_a_time_that_was_given_back_reserves_it_anew(practice: Practice, diary: Diary) -> None:
    """The reservation of the first time is gone at the vendor; booking with it would fail."""
    first, second = free(diary)[:2]
    one = hold(practice, first, tokens.new())
    two = hold(practice, second, one.token)
    three = hold(practice, first, two.token)
    assert diary.reserved == {three.booking.reservation_id: first}


@reserving_for_good
def test_going_back_to_a_time_that_the_vendor_still_keeps_takes_up_its_reservation(
    practice: Practice, diary: Diary
) -> None:
    first, second = free(diary)[:2]
    one = hold(practice, first, tokens.new())
    two = hold(practice, second, one.token)
    three = hold(practice, first, two.token)
    assert three.booking.reservation_id == one.booking.reservation_id
    assert diary.count("reserve") == 2
    assert states() == ["released", "released", "held"]


@reserving_for_good
def test_a_reservation_is_taken_up_by_the_same_patient_only(practice: Practice, diary: Diary) -> None:
    first = free(diary)[0]
    holds.release(hold(practice, first).booking)
    with pytest.raises(SlotTaken):
        hold(practice, first, tokens.new())


@reserving_for_good
def test_another_patients_reservation_is_not_taken_up(practice: Practice, diary: Diary) -> None:
    first, second = free(diary)[:2]
    holds.release(hold(practice, first).booking)
    another = hold(practice, second, tokens.new())
    with pytest.raises(SlotTaken):
        hold(practice, first, another.token)


@reserving_for_good
def test_a_reservation_that_became_a_booking_is_not_taken_up_again(practice: Practice, diary: Diary) -> None:
    first, second = free(diary)[:2]
    one = hold(practice, first, tokens.new())
    two = hold(practice, second, one.token)
    three = hold(practice, first, two.token)
    confirmation.confirm(three.booking)
    change(three.booking, changed_at=ago(minutes=5))
    with pytest.raises(SlotTaken):  # from the page before, which is still open
        hold(practice, first, two.token)


@reserving_for_good
def test_a_reservation_is_taken_up_once(practice: Practice, diary: Diary) -> None:
    first, second = free(diary)[:2]
    one = hold(practice, first, tokens.new())
    two = hold(practice, second, one.token)
    three = hold(practice, first, two.token)
    again = hold(practice, first, two.token)  # from the page before, which is still open
    assert again.booking.pk == three.booking.pk
    assert diary.count("reserve") == 2


@reserving_for_good
def test_a_reservation_that_is_about_to_lapse_is_not_taken_up(practice: Practice, diary: Diary) -> None:
    first, second = free(diary)[:2]
    one = hold(practice, first, tokens.new())
    two = hold(practice, second, one.token)
    change(one.booking, reserved_until=timezone.now() + timedelta(seconds=30))
    with pytest.raises(SlotTaken):
        hold(practice, first, two.token)


@reserving_for_good
def test_a_hold_that_ran_out_is_taken_up_with_its_reservation(practice: Practice, diary: Diary) -> None:
    slot = free(diary)[0]
    one = hold(practice, slot, tokens.new())
    change(one.booking, held_until=ago(seconds=1))
    holds.expire_due()
    again = hold(practice, slot, one.token)
    assert again.booking.reservation_id == one.booking.reservation_id
    assert diary.count("reserve") == 1


# --- Keeping it longer ------------------------------------------------------------------------------------------------


def nearly_over(booking: Booking) -> Booking:
    return change(booking, held_until=timezone.now() + timedelta(seconds=20))


def test_a_hold_can_be_prolonged_before_it_ends(practice: Practice, diary: Diary, settings: Any) -> None:
    booking = nearly_over(hold(practice, free(diary)[0]).booking)
    assert holds.extend(booking)
    left = booking.held_until - timezone.now()
    assert timedelta(seconds=settings.HOLD_SECONDS - 5) < left <= timedelta(seconds=settings.HOLD_SECONDS)


def test_a_hold_is_prolonged_three_times_and_not_more(practice: Practice, diary: Diary) -> None:
    booking = hold(practice, free(diary)[0]).booking
    assert [holds.extend(nearly_over(booking)) for _ in range(4)] == [True, True, True, False]
    assert booking.held_until < timezone.now() + timedelta(seconds=21)


def test_a_hold_that_would_gain_next_to_nothing_is_not_prolonged(practice: Practice, diary: Diary) -> None:
    booking = hold(practice, free(diary)[0]).booking
    assert not holds.extend(booking)
    assert booking.renewals == 0


def test_a_hold_that_ended_is_not_brought_back(practice: Practice, diary: Diary) -> None:
    booking = change(hold(practice, free(diary)[0]).booking, held_until=ago(seconds=1))
    assert not holds.extend(booking)


def test_of_two_clicks_at_once_one_prolongs(practice: Practice, diary: Diary) -> None:
    booking = nearly_over(hold(practice, free(diary)[0]).booking)
    other = Booking.objects.get(pk=booking.pk)
    assert [holds.extend(booking), holds.extend(other)] == [True, False]


@pytest.mark.vendor("fake_reserving")
def test_a_hold_is_not_prolonged_beyond_the_vendors_reservation(practice: Practice, diary: Diary) -> None:
    booking = nearly_over(hold(practice, free(diary)[0]).booking)
    end = timezone.now() + timedelta(seconds=90)
    assert holds.extend(change(booking, reserved_until=end))
    assert booking.held_until == end
