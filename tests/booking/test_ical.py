"""A booking as a calendar file, read back as a calendar would."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from icalendar import Calendar

from booking import ical
from booking.models import Booking, Practice
from tests.booking.journey import change, free, hold
from tests.fake_vendor import Diary


@pytest.fixture
def booking(practice: Practice, diary: Diary) -> Booking:
    return hold(practice, free(diary)[0]).booking


def parsed(booking: Booking) -> tuple[Any, Any]:
    calendar: Any = Calendar.from_ical(ical.calendar(booking))
    (event,) = calendar.walk("VEVENT")
    return calendar, event


def test_it_begins_and_ends_when_the_visit_does(booking: Booking) -> None:
    _calendar, event = parsed(booking)
    assert event.decoded("dtstart") == booking.start
    assert event.decoded("dtend") == booking.end


def test_the_times_are_those_of_the_clinics_clock_with_its_zone_written_out(booking: Booking) -> None:
    calendar, event = parsed(booking)
    assert event["dtstart"].params["TZID"] == "Europe/Stockholm"
    assert (event.decoded("dtstart").hour, event.decoded("dtstart").minute) == (9, 0)
    (zone,) = calendar.walk("VTIMEZONE")
    assert str(zone["tzid"]) == "Europe/Stockholm"
    assert {part.name for part in zone.subcomponents} == {"STANDARD", "DAYLIGHT"}


@pytest.mark.parametrize("month", [1, 7])
def test_summer_and_winter_have_their_own_offset(booking: Booking, month: int) -> None:
    start = datetime(2027, month, 15, 8, 0, tzinfo=UTC)
    _calendar, event = parsed(change(booking, start=start, end=start + timedelta(minutes=30)))
    assert event.decoded("dtstart") == start
    assert event.decoded("dtstart").hour == (9 if month == 1 else 10)


def test_it_says_what_where_and_how_to_reach_the_practice(booking: Booking) -> None:
    _calendar, event = parsed(booking)
    assert str(event["summary"]) == "Check-up, Norrmalms Tandvård"
    assert str(event["location"]) == "Norrtull, Norrtullsgatan 1, Stockholm"
    for text in (booking.reference, "Anna Ek", "+46 8 123 45 67"):
        assert text in str(event["description"])


def test_its_uid_stays_the_same_so_that_an_update_replaces_it(booking: Booking) -> None:
    before = parsed(booking)[1]["uid"]
    later = booking.start + timedelta(days=1)
    after = parsed(change(booking, start=later, end=later + timedelta(minutes=30)))[1]["uid"]
    assert before == after


def test_two_bookings_are_two_events(practice: Practice, diary: Diary, booking: Booking) -> None:
    other = hold(practice, free(diary)[5]).booking
    assert parsed(other)[1]["uid"] != parsed(booking)[1]["uid"]


def test_nothing_in_it_can_break_out_of_its_line(booking: Booking) -> None:
    odd = "Check-up; with, commas\nBEGIN:VALARM\\ and a very long name " + "å" * 100
    _calendar, event = parsed(change(booking, service_name=odd))
    assert str(event["summary"]).startswith(odd)
    assert event.subcomponents == []
    assert all(len(line) <= 75 for line in ical.calendar(booking).split(b"\r\n"))


def test_it_is_complete_by_the_rules(booking: Booking) -> None:
    calendar, event = parsed(booking)
    assert (str(calendar["version"]), str(calendar["method"])) == ("2.0", "PUBLISH")
    assert {"PRODID", "VERSION"} <= set(calendar)
    assert {"UID", "DTSTAMP", "SEQUENCE", "STATUS"} <= set(event)
    assert event.decoded("dtstamp").utcoffset() == timedelta(0)


def test_it_holds_nothing_that_the_patient_typed(booking: Booking) -> None:
    booking.details = {"first_name": "Evelina", "note": "afraid"}
    content = ical.calendar(booking).decode()
    assert "Evelina" not in content
    assert "afraid" not in content
    assert booking.practice.slug not in content
