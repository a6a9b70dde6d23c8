"""When patients may book: near, far, and from when on."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from booking import confirmation, rules
from booking.models import Practice
from booking.rules import Rules
from tests.booking.journey import change, free, hold, ready, states
from tests.fake_vendor import Diary

STOCKHOLM = ZoneInfo("Europe/Stockholm")
NOON = datetime(2027, 3, 10, 12, 0, tzinfo=STOCKHOLM)


def at(days: int, hour: int = 9) -> datetime:
    return (NOON + timedelta(days=days)).replace(hour=hour)


@pytest.mark.parametrize(
    ("given", "start", "allowed"),
    [
        (Rules(), at(0, 13), True),
        (Rules(), at(0, 12), False),
        (Rules(), at(90), True),
        (Rules(), at(91), False),
        (Rules(lead_minutes=120), at(0, 13), False),
        (Rules(lead_minutes=120), at(0, 14), True),
        (Rules(horizon_days=0), at(0, 13), True),
        (Rules(horizon_days=0), at(1), False),
        (Rules(cutoff="18:00"), at(0, 13), False),
        (Rules(cutoff="18:00"), at(1), True),
        (Rules(cutoff="11:00"), at(1), False),
        (Rules(cutoff="11:00"), at(2), True),
        (Rules(opens_at="08:00"), at(90), True),
        (Rules(opens_at="13:00"), at(90), False),
        (Rules(opens_at="13:00"), at(89), True),
    ],
)
def test_each_rule_by_itself(given: Rules, start: datetime, allowed: bool) -> None:
    assert given.allow(start, NOON) is allowed


def test_the_days_are_the_clinics_also_on_the_night_the_clocks_change() -> None:
    evening = datetime(2027, 3, 27, 23, 30, tzinfo=STOCKHOLM)
    assert Rules(horizon_days=1).last_day(evening).isoformat() == "2027-03-28"
    assert Rules(cutoff="23:45").allow(datetime(2027, 3, 28, 9, 0, tzinfo=STOCKHOLM), evening)


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ([], "rules"),
        ({"lead": 5}, "rules.lead"),
        ({"lead_minutes": -1}, "rules.lead_minutes"),
        ({"lead_minutes": True}, "rules.lead_minutes"),
        ({"horizon_days": "60"}, "rules.horizon_days"),
        ({"horizon_days": 367}, "rules.horizon_days"),
        ({"cutoff": "25:00"}, "rules.cutoff"),
        ({"opens_at": "8"}, "rules.opens_at"),
        ({"opens_at": 8}, "rules.opens_at"),
    ],
)
def test_what_is_wrong_is_said_with_its_key(table: object, key: str) -> None:
    assert [fault.key for fault in rules.read(table)] == [key]


def test_what_is_right_is_read() -> None:
    assert rules.read({"lead_minutes": 60, "horizon_days": 30, "cutoff": "18:00", "opens_at": "08:00"}) == []


def test_a_time_outside_of_the_rules_is_not_held_however_one_came_to_it(practice: Practice, diary: Diary) -> None:
    practice.rules = {"lead_minutes": 60 * 24 * 30}
    with pytest.raises(rules.NotBookable):
        hold(practice, free(diary)[-1])
    assert states() == []


def test_a_time_that_the_rules_no_longer_allow_is_not_booked(practice: Practice, diary: Diary) -> None:
    booking = ready(practice, diary, free(diary)[-1])
    Practice.objects.update(rules={"horizon_days": 2})
    booking.practice.refresh_from_db()
    with pytest.raises(rules.NotBookable):
        confirmation.confirm(booking)
    assert diary.count("book") == 0
    assert states() == ["failed"]


def test_the_minutes_of_typing_do_not_count_against_the_patient(practice: Practice, diary: Diary) -> None:
    booking = ready(practice, diary)
    lead = booking.start - booking.created_at
    practice.rules = {"lead_minutes": int(lead.total_seconds() // 60)}
    booking = change(booking, created_at=booking.created_at - timedelta(minutes=2))
    booking.practice = practice
    confirmation.confirm(booking)
    assert states() == ["confirmed"]
