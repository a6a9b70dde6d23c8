"""Coming appointments are compared with the clinic's diary, which is right."""

from datetime import timedelta

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.utils import timezone

from booking import confirmation, drift, due
from booking.drift import Finding
from booking.models import Booking, Practice
from tests.booking.journey import DETAILS, ago, change, entries, free, ready, states
from tests.fake_vendor import Diary
from vendors.base import UnexpectedResponse, VendorUnavailable

pytestmark = pytest.mark.vendor("fake_reserving")


@pytest.fixture
def booked(practice: Practice, diary: Diary) -> Booking:
    booking = ready(practice, diary, free(diary)[-1])
    confirmation.confirm(booking)
    return booking


def letters() -> list[EmailMultiAlternatives]:
    """What went out to the patient after the confirmation."""
    due.do_all()
    return [m for m in mail.outbox if m.to == [DETAILS["email"]] and not m.subject.startswith("Booked")]


def sent() -> list[str]:
    return [letter.subject for letter in letters()]


def calendar_of_the_last_letter() -> str:
    parts = letters()[-1].message().walk()
    return next(p for p in parts if p.get_content_type() == "text/calendar").get_payload(decode=True).decode()


def test_an_appointment_that_stands_as_booked_stays_as_it_is(booked: Booking, diary: Diary) -> None:
    assert drift.compare(booked) is Finding.SAME
    assert states() == ["confirmed"]
    assert sent() == []


def test_an_appointment_that_staff_moved_is_followed_and_the_patient_is_told(booked: Booking, diary: Diary) -> None:
    later = booked.start + timedelta(hours=2)
    diary.move_by_staff(booked.appointment_id, later)
    assert drift.compare(booked) is Finding.MOVED
    booked.refresh_from_db()
    assert booked.start == later
    assert booked.end - booked.start == timedelta(minutes=30)
    assert entries(booked)[-1][:2] == ("worker", "booking moved at the clinic")
    (subject,) = sent()
    assert f"{booked.local_start:%H:%M}" in subject
    calendar = calendar_of_the_last_letter()
    assert "SEQUENCE:1" in calendar
    assert f"DTSTART;TZID=Europe/Stockholm:{booked.local_start:%Y%m%dT%H%M%S}" in calendar


def test_an_appointment_that_is_moved_twice_is_told_twice_and_each_once(booked: Booking, diary: Diary) -> None:
    for hours in (1, 2):
        diary.move_by_staff(booked.appointment_id, booked.start + timedelta(hours=1))
        assert drift.compare(booked) is Finding.MOVED
        assert drift.compare(booked) is Finding.SAME
        assert len(sent()) == hours


def test_that_it_takes_longer_is_written_down_and_not_told(booked: Booking, diary: Diary) -> None:
    change(booked, end=booked.end - timedelta(minutes=10))
    assert drift.compare(booked) is Finding.MOVED
    assert sent() == []


def test_one_look_that_misses_it_proves_nothing(booked: Booking, diary: Diary) -> None:
    diary.delete_by_staff(booked.appointment_id)
    assert drift.compare(booked) is Finding.MISSING
    booked.refresh_from_db()
    assert drift.compare(booked) is Finding.MISSING  # too soon after the first
    assert states() == ["confirmed"]
    assert sent() == []


def test_an_appointment_that_is_gone_is_cancelled_and_the_patient_is_told(booked: Booking, diary: Diary) -> None:
    diary.delete_by_staff(booked.appointment_id)
    drift.compare(booked)
    assert drift.compare(change(booked, missing_since=ago(minutes=11))) is Finding.GONE
    assert states() == ["cancelled"]
    assert entries(booked)[-1] == ("worker", "booking cancelled", "not in the clinic's diary any more")
    (subject,) = sent()
    assert subject.startswith("Cancelled")
    calendar = calendar_of_the_last_letter()
    assert "METHOD:CANCEL" in calendar
    assert "STATUS:CANCELLED" in calendar


def test_an_appointment_that_comes_back_is_not_missing_any_more(booked: Booking, diary: Diary) -> None:
    entry = diary.entries[0]
    diary.delete_by_staff(booked.appointment_id)
    drift.compare(booked)
    diary.entries.append(entry)
    assert drift.compare(booked) is Finding.SAME
    diary.delete_by_staff(booked.appointment_id)
    booked.refresh_from_db()
    assert drift.compare(booked) is Finding.MISSING
    assert states() == ["confirmed"]


def test_a_vendor_that_does_not_answer_changes_nothing(booked: Booking, diary: Diary) -> None:
    diary.fail("standing", VendorUnavailable("no answer"))
    assert drift.compare(booked) is Finding.UNREACHABLE
    assert states() == ["confirmed"]


def test_the_worker_compares_what_is_due_and_then_not_before_the_next_time(booked: Booking, diary: Diary) -> None:
    due.do_all()
    assert diary.count("standing") == 0  # only now booked
    change(booked, compare_at=ago(seconds=1))
    due.do_all()
    due.do_all()
    assert diary.count("standing") == 1
    booked.refresh_from_db()
    assert booked.compare_at is not None
    assert timezone.now() < booked.compare_at <= timezone.now() + timedelta(days=1)


def test_far_appointments_are_compared_at_night_and_near_ones_within_hours(booked: Booking) -> None:
    assert drift.next_comparison(booked).astimezone(booked.practice.zone).hour == 2
    booked.start = timezone.now() + timedelta(hours=20)
    assert drift.next_comparison(booked) <= timezone.now() + timedelta(hours=2)


def test_one_that_cannot_be_asked_keeps_the_others_for_later(booked: Booking, practice: Practice, diary: Diary) -> None:
    other = ready(practice, diary, free(diary)[0])
    confirmation.confirm(other)
    for booking in (booked, other):
        change(booking, compare_at=ago(seconds=1))
    diary.fail("standing", VendorUnavailable("no answer"), times=9)
    drift.compare_due(practice)
    drift.compare_due(practice)
    assert diary.count("standing") == 1


def test_one_odd_entry_does_not_keep_the_others_from_being_compared(
    booked: Booking, practice: Practice, diary: Diary
) -> None:
    near = ready(practice, diary, free(diary)[0])
    confirmation.confirm(near)
    for booking in (booked, near):
        change(booking, compare_at=ago(seconds=1))
    diary.delete_by_staff(booked.appointment_id)
    diary.fail("standing", UnexpectedResponse("an unknown status"))
    drift.compare_due(practice)
    assert diary.count("standing") == 2
    booked.refresh_from_db()
    assert booked.missing_since is not None


def test_an_entry_that_staff_made_anew_is_known_by_its_new_number(booked: Booking, diary: Diary) -> None:
    diary.entries[0].id = "made anew"
    assert drift.compare(booked) is Finding.SAME
    booked.refresh_from_db()
    assert booked.appointment_id == "made anew"


@pytest.mark.vendor("fake")
def test_where_the_vendor_cannot_tell_it_is_never_asked(practice: Practice, diary: Diary) -> None:
    booking = ready(practice, diary)
    confirmation.confirm(booking)
    change(booking, compare_at=ago(seconds=1))
    due.do_all()
    due.do_all()
    assert diary.count("standing") == 0
    assert not drift.due().exists()
