"""What can be booked, as it was read and kept."""

import threading
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from booking import catalogue, confirmation
from booking.catalogue import Week
from booking.connections import DatabaseStore
from booking.models import AuditEntry, Practice, Snapshot
from booking.steps import ANY, Choice, Position, Step
from tests.booking.journey import ago, change, free, hold, ready, stand
from tests.fake_vendor import (
    ADULT,
    AT_NORTH,
    AT_SOUTH,
    CHECKUP,
    FILLING,
    NORTH,
    REFERRED,
    SOUTH,
    STOCKHOLM,
    Diary,
    slot_at,
)
from vendors.base import (
    AuthenticationFailed,
    Offer,
    ProviderChoice,
    Search,
    Slot,
    UnexpectedResponse,
    VendorError,
    VendorUnavailable,
)

DOWN = VendorUnavailable("down")
asking = pytest.mark.vendor("fake_asking")


def older(**length: float) -> None:
    """As if everything that is kept had been read so long ago."""
    Snapshot.objects.update(read_at=ago(**length))


def times(week: Week) -> list[Slot]:
    return [time.slot for day in week.days for time in day.times]


def week(practice: Practice, where: Position, **more: Any) -> Week:
    return catalogue.week(practice, "en", where, **more)


# --- Fresh and stale -------------------------------------------------------------------------------------------------


def test_services_are_read_once_while_they_are_fresh(practice: Practice, diary: Diary) -> None:
    assert catalogue.services(practice, "en") == catalogue.services(practice, "en") == [CHECKUP, FILLING]
    older(minutes=4)
    catalogue.services(practice, "en")
    assert diary.count("services") == 1


def test_what_is_no_longer_fresh_is_read_anew(practice: Practice, diary: Diary) -> None:
    catalogue.services(practice, "en")
    older(minutes=6)
    diary.services = [FILLING]
    assert catalogue.services(practice, "en") == [FILLING]


@pytest.mark.parametrize("error", [DOWN, UnexpectedResponse("odd")])
def test_in_trouble_an_older_list_is_better_than_none(practice: Practice, diary: Diary, error: VendorError) -> None:
    catalogue.services(practice, "en")
    older(minutes=29)
    diary.fail("services", error)
    assert catalogue.services(practice, "en") == [CHECKUP, FILLING]
    assert AuditEntry.objects.filter(action="vendor trouble", practice="norr").count() == 1


def test_a_list_that_is_too_old_is_no_list(practice: Practice, diary: Diary) -> None:
    catalogue.services(practice, "en")
    older(hours=25)
    diary.fail("services", DOWN)
    with pytest.raises(VendorUnavailable):
        catalogue.services(practice, "en")


def test_where_nothing_is_known_trouble_is_never_an_empty_list(practice: Practice, diary: Diary) -> None:
    diary.fail("services", DOWN)
    with pytest.raises(VendorUnavailable):
        catalogue.services(practice, "en")
    assert not Snapshot.objects.exists()


def test_credentials_that_are_refused_are_not_hidden_by_what_was_known(practice: Practice, diary: Diary) -> None:
    catalogue.services(practice, "en")
    older(minutes=6)
    diary.fail("services", AuthenticationFailed("status 401"))
    with pytest.raises(AuthenticationFailed):
        catalogue.services(practice, "en")


def test_no_services_are_no_services(practice: Practice, diary: Diary) -> None:
    diary.services = []
    assert catalogue.services(practice, "en") == []


def test_each_language_is_read_by_itself(practice: Practice, diary: Diary) -> None:
    catalogue.services(practice, "en")
    catalogue.services(practice, "sv")
    assert diary.requests == ["en", "sv"]


def test_times_are_read_once_while_they_are_fresh(practice: Practice, diary: Diary) -> None:
    where = stand(practice)
    first = week(practice, where)
    assert week(practice, where) == first
    assert diary.count("slots") == 1


def test_times_older_than_a_minute_are_read_anew(practice: Practice, diary: Diary) -> None:
    where = stand(practice)
    gone = times(week(practice, where))[0]
    diary.take_at_desk(gone.id)
    older(seconds=61)
    assert gone not in times(week(practice, where))


def test_while_the_vendor_is_in_trouble_times_of_the_last_minutes_are_shown_with_their_age(
    practice: Practice, diary: Diary
) -> None:
    where = stand(practice)
    shown = week(practice, where)
    assert not shown.is_old
    older(seconds=61)
    diary.fail("slots", DOWN)
    again = week(practice, where)
    assert times(again) == times(shown)
    assert again.is_old
    assert timedelta(seconds=60) < timezone.now() - again.as_of < timedelta(seconds=90)


def test_times_older_than_that_are_never_shown(practice: Practice, diary: Diary) -> None:
    where = stand(practice)
    week(practice, where)
    older(seconds=301)
    diary.fail("slots", DOWN)
    with pytest.raises(VendorUnavailable):
        week(practice, where)


def test_while_the_vendor_is_well_times_are_at_most_a_minute_old(practice: Practice, diary: Diary) -> None:
    where = stand(practice)
    week(practice, where)
    diary.take_at_desk(free(diary)[0].id)
    older(seconds=61)
    assert times(week(practice, where)) == free(diary)[: len(times(week(practice, where)))]
    assert diary.count("slots") == 2


def test_a_slow_vendor_keeps_nobody_waiting_who_can_be_shown_something_older(practice: Practice, diary: Diary) -> None:
    where = stand(practice)
    shown = week(practice, where)
    older(seconds=61)
    answer = threading.Event()
    diary.meanwhile("slots", lambda: answer.wait(20))
    try:
        again = week(practice, where)
    finally:
        answer.set()
    assert times(again) == times(shown)
    assert again.is_old


def test_a_refused_time_is_shown_to_nobody_while_nothing_can_be_read_anew(practice: Practice, diary: Diary) -> None:
    where = stand(practice)
    slot = times(week(practice, where))[0]
    catalogue.taken(practice, "checkup", slot.id)
    diary.fail("slots", DOWN, times=9)
    shown = times(week(practice, where))
    assert slot not in shown
    assert shown


def test_a_booked_time_is_shown_to_nobody_from_what_was_read_before_it(practice: Practice, diary: Diary) -> None:
    booking = ready(practice, diary)
    confirmation.confirm(booking)
    change(booking, changed_at=ago(minutes=4))
    everybody = stand(practice, provider=ANY)
    (entry,) = diary.entries
    diary.entries.clear()  # as a reading that began before it would show the diary
    week(practice, everybody)
    diary.entries.append(entry)
    Snapshot.objects.filter(name__startswith="times").update(read_at=ago(minutes=4, seconds=30))
    diary.fail("slots", DOWN, times=9)
    shown = times(week(practice, everybody))
    assert shown
    assert booking.slot() not in shown


def test_times_with_one_provider_are_shown_from_those_with_anyone(practice: Practice, diary: Diary) -> None:
    week(practice, stand(practice, clinic=ANY, provider=ANY))
    read = diary.count("slots")
    assert times(week(practice, stand(practice))) == free(diary)[: len(times(week(practice, stand(practice))))]
    assert diary.count("slots") == read


def test_one_process_reads_for_those_who_wait_in_the_others(practice: Practice, diary: Diary) -> None:
    """Another process has the lease; its reading is taken as soon as it is there."""
    where = stand(practice)
    week(practice, where)
    snapshot = Snapshot.objects.get(name__startswith="times ")
    Snapshot.objects.filter(pk=snapshot.pk).update(read_at=ago(minutes=10))
    read = diary.count("slots")
    lease = f"reading {sha256(snapshot.name.encode()).hexdigest()}"
    assert DatabaseStore(practice).lease(lease, 30)
    threading.Timer(0.3, lambda: _land(snapshot)).start()
    assert times(week(practice, where))
    assert diary.count("slots") == read


def _land(snapshot: Snapshot) -> None:
    Snapshot.objects.filter(pk=snapshot.pk).update(read_at=timezone.now())
    connection.close()


# --- Rules -----------------------------------------------------------------------------------------------------------


def test_what_the_practices_rules_leave_out_is_not_offered(practice: Practice, diary: Diary) -> None:
    practice.rules = {"horizon_days": 2}
    shown = week(practice, stand(practice))
    assert len(shown.days) == 2
    assert shown.later is None


def test_a_services_own_rules_stand_before_the_practices(practice: Practice, diary: Diary) -> None:
    practice.rules = {"horizon_days": 2}
    practice.services = [{"id": "checkup", "rules": {"horizon_days": 3}}]
    assert len(week(practice, stand(practice)).days) == 3


# --- Wishes ----------------------------------------------------------------------------------------------------------


def test_only_wished_days_and_hours_are_shown(practice: Practice, diary: Diary) -> None:
    shown = week(practice, stand(practice, days=(1, 3), after="09:30", before="13:00"))
    assert {day.date.isoweekday() for day in shown.days} <= {1, 3}
    assert {f"{slot.start:%H:%M}" for slot in times(shown)} == {"09:30", "10:00"}


def test_the_first_wished_time_is_found_however_far_away_it_is(practice: Practice, diary: Diary) -> None:
    evening = slot_at(CHECKUP, "north", "anna", 60, 18)
    diary.times["checkup"].append(evening)
    assert times(week(practice, stand(practice, after="17:00"))) == [evening]


# --- The practice's own words ----------------------------------------------------------------------------------------


def own_words(practice: Practice, **words: Any) -> None:
    practice.services = [{"id": "checkup", **words}]
    practice.save()


def test_the_practices_own_names_are_shown(practice: Practice) -> None:
    own_words(practice, name={"sv": "Undersökning", "en": "Examination"}, description={"en": "Half an hour"})
    assert [service.name for service in catalogue.services(practice, "sv")] == ["Undersökning", "Filling"]
    (english, _other) = catalogue.services(practice, "en")
    assert (english.name, english.description) == ("Examination", "Half an hour")


def test_where_the_practice_says_nothing_it_is_as_the_vendor_says(practice: Practice) -> None:
    own_words(practice, name={"sv": "Undersökning"})
    (english, _other) = catalogue.services(practice, "en")
    assert (english.name, english.description) == (CHECKUP.name, CHECKUP.description)


def test_a_hidden_service_is_not_offered(practice: Practice) -> None:
    own_words(practice, hidden=True)
    assert catalogue.services(practice, "en") == [FILLING]
    assert catalogue.position(practice, "en", Choice(service="checkup")).gone == Step.SERVICE


def test_a_service_may_be_limited_to_clinics(practice: Practice) -> None:
    own_words(practice, clinics=["south"])
    assert catalogue.offers(practice, "en", CHECKUP) == [AT_SOUTH]
    assert catalogue.offers(practice, "en", FILLING) == [AT_NORTH]


def test_a_service_may_be_limited_to_providers(practice: Practice) -> None:
    """A clinic where none of them is left does not offer it; one that never had providers still does."""
    own_words(practice, providers=["bo"])
    (offer,) = catalogue.offers(practice, "en", CHECKUP)
    assert (offer.clinic.id, [p.id for p in offer.providers]) == ("north", ["bo"])
    without = replace(AT_SOUTH, providers=(), provider_choice=ProviderChoice.NONE)
    assert catalogue.offers(practice, "en", replace(CHECKUP, offers=(AT_NORTH, without)))[1] == without


def test_a_service_limited_to_no_clinic_is_offered_nowhere(practice: Practice) -> None:
    own_words(practice, clinics=[])
    assert catalogue.offers(practice, "en", CHECKUP) == []
    assert catalogue.position(practice, "en", Choice(service="checkup")).gone == Step.SERVICE


def test_times_of_a_provider_who_was_left_out_are_not_offered(practice: Practice) -> None:
    own_words(practice, providers=["bo"])
    found = times(week(practice, stand(practice, clinic="north", provider="")))
    assert {slot.provider_id for slot in found} == {"bo"}


def test_times_of_a_clinic_that_was_left_out_are_not_offered(practice: Practice) -> None:
    own_words(practice, clinics=["north"])
    found = times(week(practice, stand(practice, clinic="", provider=ANY)))
    assert {slot.clinic_id for slot in found} == {"north"}


def test_times_of_a_clinic_that_was_left_out_are_not_offered_at_any_of_the_others(
    practice: Practice, diary: Diary
) -> None:
    """The vendor is asked for any clinic, and knows nothing of what the practice left out."""
    clinics = [NORTH, SOUTH, replace(SOUTH, id="west")]
    diary.services = [replace(CHECKUP, offers=tuple(Offer(clinic) for clinic in clinics))]
    diary.times["checkup"] = [slot_at(CHECKUP, clinic.id, None, 2, 9) for clinic in clinics]
    own_words(practice, clinics=["north", "west"])
    assert {slot.clinic_id for slot in times(week(practice, stand(practice, clinic=ANY)))} == {"north", "west"}


@asking
def test_offers_that_a_vendor_tells_per_service_are_kept_too(practice: Practice, diary: Diary) -> None:
    for _page in range(3):
        (service,) = catalogue.services(practice, "en")
        (offer,) = catalogue.offers(practice, "en", service)
    assert offer.screening == (ADULT, REFERRED)
    assert diary.count("offers") == 1


# --- Screening -------------------------------------------------------------------------------------------------------

ASKED = (ADULT, REFERRED)
HERE = Choice(service="checkup", clinic="north")


def test_a_signed_statement_counts(practice: Practice) -> None:
    statement = catalogue.screened(practice, HERE, ASKED)
    assert catalogue.is_screened(practice, replace(HERE, screened=statement), ASKED)


def test_a_statement_counts_in_every_language(practice: Practice) -> None:
    statement = catalogue.screened(practice, HERE, ASKED)
    translated = (replace(ADULT, text="Är du myndig?"), replace(REFERRED, text="Har du nekats vård här?"))
    assert catalogue.is_screened(practice, replace(HERE, screened=statement), translated)


@pytest.mark.parametrize("forged", ["", "yes", "x" * 300, "WyJub3JyIl0:1abc:def"])
def test_a_statement_that_we_did_not_sign_does_not_count(practice: Practice, forged: str) -> None:
    assert not catalogue.is_screened(practice, replace(HERE, screened=forged), ASKED)


def test_a_statement_counts_for_its_own_practice_service_clinic_and_questions_only(practice: Practice) -> None:
    given = replace(HERE, screened=catalogue.screened(practice, HERE, ASKED))
    assert not catalogue.is_screened(Practice(slug="other"), given, ASKED)
    assert not catalogue.is_screened(practice, replace(given, service="filling"), ASKED)
    assert not catalogue.is_screened(practice, replace(given, clinic="south"), ASKED)
    assert not catalogue.is_screened(practice, given, (ADULT,))
    assert not catalogue.is_screened(practice, given, (ADULT, replace(REFERRED, needs_yes=True)))


def test_a_statement_holds_no_answer_and_no_name(practice: Practice) -> None:
    assert catalogue.screened(practice, HERE, (ADULT,)) != catalogue.screened(practice, HERE, ASKED)
    assert len(catalogue.screened(practice, HERE, ASKED)) < 200


# --- A week of times -------------------------------------------------------------------------------------------------


def test_a_week_holds_the_free_times_by_day_with_their_names(practice: Practice, diary: Diary) -> None:
    shown = week(practice, stand(practice, provider=ANY))
    tomorrow = slot_at(CHECKUP, "north", "anna", 1, 9).start.date()
    assert shown.days[0].date == tomorrow
    assert len(shown.days) == 6  # today has none
    first = shown.days[0].times[0]
    assert (first.clinic_name, first.provider_name) == ("Norrtull", "Anna Ek")
    assert (first.start.hour, first.morning) == (9, True)
    assert first.start.utcoffset() == first.start.astimezone(STOCKHOLM).utcoffset()
    assert [not time.morning for time in shown.days[0].times][-1]


def test_a_time_keeps_its_zone_while_it_is_kept(practice: Practice) -> None:
    where = stand(practice)
    read, kept = times(week(practice, where)), times(week(practice, where))
    assert read == kept
    assert {slot.start.tzinfo for slot in kept} == {STOCKHOLM}


def test_where_the_coming_days_are_full_it_opens_on_the_first_free_one(practice: Practice, diary: Diary) -> None:
    diary.times["checkup"] = [slot_at(CHECKUP, "north", "anna", 40, 9), slot_at(CHECKUP, "north", "anna", 43, 9)]
    shown = week(practice, stand(practice))
    assert times(shown) == diary.times["checkup"]
    assert shown.first == diary.times["checkup"][0].start.date()
    assert shown.next_free is None
    assert shown.earlier is not None


def test_where_the_chosen_days_are_full_it_stays_and_says_where_to_go(practice: Practice, diary: Diary) -> None:
    diary.times["checkup"] = [slot_at(CHECKUP, "north", "anna", 40, 9)]
    day = timezone.now().astimezone(STOCKHOLM).date() + timedelta(days=2)
    shown = week(practice, stand(practice, day=day))
    assert (shown.days, shown.first) == ([], day)
    assert shown.next_free == diary.times["checkup"][0].start.date()


def test_where_nothing_is_free_it_says_so_and_the_search_ends(practice: Practice, diary: Diary) -> None:
    diary.times["checkup"] = []
    shown = week(practice, stand(practice))
    assert (shown.days, shown.next_free) == ([], None)
    assert diary.count("slots") < 12


def test_nothing_beyond_the_horizon_is_offered(practice: Practice, diary: Diary) -> None:
    diary.times["checkup"] = [slot_at(CHECKUP, "north", "anna", days, 9) for days in (90, 91, 92)]
    shown = week(practice, stand(practice))
    assert times(shown) == diary.times["checkup"][:1]
    assert shown.later is None


def test_a_day_in_the_past_is_today(practice: Practice) -> None:
    today = timezone.now().astimezone(STOCKHOLM).date()
    shown = week(practice, stand(practice, day=today - timedelta(days=400)))
    assert (shown.first, shown.earlier) == (today, None)


def test_a_day_beyond_the_horizon_is_the_last_one(practice: Practice) -> None:
    today = timezone.now().astimezone(STOCKHOLM).date()
    shown = week(practice, stand(practice, day=today + timedelta(days=4000)))
    assert (shown.first, shown.last, shown.later) == (shown.horizon, shown.horizon, None)


def test_later_and_earlier_lead_through_all_days_and_back(practice: Practice) -> None:
    where = stand(practice, day=timezone.now().astimezone(STOCKHOLM).date())
    seen, day = [], where.choice.day
    while day:
        shown = week(practice, replace(where, choice=replace(where.choice, day=day)))
        seen.append((shown.first, shown.last))
        day = shown.later
    assert all(after[0] == before[1] + timedelta(days=1) for before, after in pairwise(seen))
    assert seen[-1][1] == shown.horizon
    weeks_back = 0
    while shown.earlier:
        shown = week(practice, replace(where, choice=replace(where.choice, day=shown.earlier)))
        weeks_back += 1
    assert (shown.first, weeks_back) == (seen[0][0], len(seen) - 1)


def test_a_time_that_has_begun_is_not_offered(practice: Practice, diary: Diary) -> None:
    now = timezone.now()
    begun = replace(
        slot_at(CHECKUP, "north", "anna", 0, 9), start=now - timedelta(seconds=5), end=now + timedelta(hours=1)
    )
    diary.times["checkup"] = [begun]
    assert times(week(practice, stand(practice))) == []


def test_ones_own_hold_is_still_shown(practice: Practice, diary: Diary) -> None:
    slot = free(diary)[0]
    where = stand(practice)
    own = hold(practice, slot).booking
    assert slot not in times(week(practice, where))
    assert slot in times(week(practice, where, own=own))


def test_a_day_that_is_held_altogether_is_passed_over(practice: Practice, diary: Diary) -> None:
    diary.times["checkup"] = [slot_at(CHECKUP, "north", "anna", 2, 9), slot_at(CHECKUP, "north", "anna", 30, 9)]
    hold(practice, diary.times["checkup"][0])
    assert times(week(practice, stand(practice))) == diary.times["checkup"][1:]


def test_the_clinics_zone_says_which_day_it_is(practice: Practice, diary: Diary) -> None:
    """Half past midnight at the clinic is the evening before in UTC."""
    late = slot_at(CHECKUP, "north", "anna", 3, 0, 30)
    diary.times["checkup"] = [late]
    (day,) = week(practice, stand(practice)).days
    assert day.date == late.start.date() == datetime.now(STOCKHOLM).date() + timedelta(days=3)


# --- Other times, where one was just taken ---------------------------------------------------------------------------


def nearest(practice: Practice, taken: Slot, **choice: Any) -> list[Slot]:
    where = stand(practice, **{"provider": ANY, **choice})
    return [time.slot for time in catalogue.nearest(practice, "en", where, taken.start, taken.provider_id)]


def test_three_others_are_offered_the_same_day_the_same_provider_and_another(practice: Practice, diary: Diary) -> None:
    taken = free(diary)[5]
    diary.take_at_desk(taken.id)
    found = nearest(practice, taken)
    assert len(found) == 3
    assert taken not in found
    assert any(s.provider_id == "anna" and s.start.date() == taken.start.date() for s in found)
    assert sum(s.provider_id == "anna" for s in found) == 2
    assert [s.start for s in found if s.provider_id == "bo"] == [taken.start]
    assert found == sorted(found, key=lambda slot: slot.start)


def test_with_somebody_in_particular_only_their_times_are_offered(practice: Practice, diary: Diary) -> None:
    taken = free(diary)[5]
    diary.take_at_desk(taken.id)
    diary.services = [replace(CHECKUP, offers=(replace(AT_NORTH, provider_choice=ProviderChoice.REQUIRED), AT_SOUTH))]
    assert {slot.provider_id for slot in nearest(practice, taken, provider="anna")} == {"anna"}


def test_where_others_would_do_too_they_are_offered(practice: Practice, diary: Diary) -> None:
    taken = free(diary)[5]
    diary.take_at_desk(taken.id)
    assert "bo" in {slot.provider_id for slot in nearest(practice, taken, provider="anna")}


def test_fewer_are_offered_where_there_are_fewer(practice: Practice, diary: Diary) -> None:
    taken, other = free(diary)[:2]
    diary.times["checkup"] = [taken, other]
    diary.take_at_desk(taken.id)
    assert nearest(practice, taken) == [other]
    diary.take_at_desk(other.id)
    older(minutes=6)
    assert nearest(practice, taken) == []


def test_what_others_hold_is_not_offered_instead(practice: Practice, diary: Diary) -> None:
    taken, held, left = free(diary)[:3]
    diary.times["checkup"] = [taken, held, left]
    diary.take_at_desk(taken.id)
    hold(practice, held)
    assert nearest(practice, taken) == [left]


# --- Read live -------------------------------------------------------------------------------------------------------


def test_a_time_is_read_live_before_it_is_promised(practice: Practice, diary: Diary) -> None:
    where = stand(practice)
    slot = times(week(practice, where))[0]
    assert catalogue.read_live(practice, "en", where, slot.id)[0] == slot
    assert diary.count("slots") == 2
    diary.take_at_desk(slot.id)
    assert catalogue.read_live(practice, "en", where, slot.id)[0] is None


def test_the_live_reading_is_of_that_day_only(practice: Practice, diary: Diary) -> None:
    where = stand(practice, provider=ANY)
    slot = times(week(practice, where))[0]
    catalogue.read_live(practice, "en", where, slot.id)
    search = diary.requests[-1]
    assert isinstance(search, Search)
    assert (search.first, search.last) == (slot.start.date(), slot.start.date())
    assert (search.clinic_id, search.provider_id) == (slot.clinic_id, slot.provider_id)


def test_a_time_from_an_old_page_is_found_by_looking_further(practice: Practice, diary: Diary) -> None:
    slot = slot_at(CHECKUP, "north", "anna", 80, 9)
    diary.times["checkup"] = [slot]
    assert catalogue.read_live(practice, "en", stand(practice), slot.id)[0] == slot


@pytest.mark.vendor("fake_reserving")
def test_where_the_vendor_reserves_a_time_seen_lately_will_do(practice: Practice, diary: Diary) -> None:
    where = stand(practice)
    slot = times(week(practice, where))[0]
    assert catalogue.read_live(practice, "en", where, slot.id)[0] == slot
    assert diary.count("slots") == 1


def test_what_is_kept_of_one_service_is_not_forgotten_with_another(practice: Practice, diary: Diary) -> None:
    other = stand(practice, service="filling")
    week(practice, other)
    read = diary.count("slots")
    catalogue.forget_times(practice, "checkup")
    week(practice, other)
    assert diary.count("slots") == read
