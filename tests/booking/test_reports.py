"""What a practice is told in the morning."""

from datetime import timedelta

import pytest
from django.core import mail
from django.core.management import call_command
from django.utils import timezone

from booking import audit, confirmation, drift, reports
from booking.models import Booking, Practice, Report
from tests.booking.journey import ago, change, free, ready, unknown
from tests.fake_vendor import Diary

pytestmark = pytest.mark.vendor("fake_reserving")


def write(practice: Practice, hour: int = 12) -> None:
    """The report of the practice's today, as it is written at that hour, and the mails that follow from it."""
    reports.write_due(timezone.now().astimezone(practice.zone).replace(hour=hour))
    call_command("db_worker", "--batch", "--no-startup-delay")


def found(practice: Practice) -> reports.Found:
    return reports.find(practice, timezone.now() - timedelta(days=1))


def mails() -> list[str]:
    return [str(message.body) for message in mail.outbox if message.to == ["info@clinic.example"]]


@pytest.fixture
def booked(practice: Practice, diary: Diary) -> Booking:
    booking = ready(practice, diary, free(diary)[-1])
    confirmation.confirm(booking)
    return booking


def test_what_comes_and_what_was_booked_is_counted(practice: Practice, booked: Booking) -> None:
    assert (found(practice).coming, found(practice).booked) == (1, 1)


def test_a_quiet_night_is_written_down_and_not_mailed(practice: Practice, booked: Booking) -> None:
    write(practice)
    assert Report.objects.get().found["coming"] == 1
    assert mails() == []


def test_before_the_morning_nothing_is_written(practice: Practice, booked: Booking) -> None:
    write(practice, hour=4)
    assert not Report.objects.exists()


def test_a_report_is_written_once_a_day(practice: Practice, booked: Booking) -> None:
    for _ in range(3):
        write(practice)
    assert Report.objects.count() == 1


def test_a_practice_with_nothing_to_tell_gets_no_report(practice: Practice) -> None:
    write(practice)
    assert not Report.objects.exists()


def test_staff_read_what_was_different(practice: Practice, booked: Booking, diary: Diary) -> None:
    diary.move_by_staff(booked.appointment_id, booked.start + timedelta(hours=1))
    drift.compare(booked)
    write(practice)
    write(practice)
    (text,) = mails()
    booked.refresh_from_db()
    assert booked.reference in text
    assert f"{booked.local_start:%H:%M}" in text
    assert "Evelina" not in text
    assert Report.objects.get().sent_at is not None


def test_staff_read_what_they_have_to_do_by_hand(practice: Practice, diary: Diary) -> None:
    booking = change(unknown(practice, diary, booked=False), checking_since=ago(minutes=16), look_at=None)
    audit.write("worker", "booked twice", practice=practice.slug, reference="XYZ-2345", outcome="take it out by hand")
    assert found(practice).by_hand == [[booking.reference, "unknown"], ["XYZ-2345", "take it out by hand"]]
    write(practice)
    assert booking.reference in mails()[0]


def test_what_could_not_be_compared_is_told(practice: Practice, booked: Booking) -> None:
    assert found(practice).not_compared == 0
    change(booked, compare_at=ago(minutes=1))
    assert found(practice).not_compared == 1


@pytest.mark.vendor("fake")
def test_where_the_vendor_cannot_tell_that_is_said(practice: Practice, diary: Diary) -> None:
    assert not found(practice).compared
