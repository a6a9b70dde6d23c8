"""Coming appointments are compared with the clinic's diary, which is right."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.utils import timezone

from booking import confirmation, drift, due, practices, reports
from booking.drift import Finding
from booking.models import AuditEntry, Booking, Letter, Practice, Report
from tests.booking.journey import DETAILS, ago, change, entries, free, ready, states
from tests.fake_vendor import TOKEN, Diary
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


def test_each_move_is_told_also_one_to_a_time_it_had_before(booked: Booking, diary: Diary) -> None:
    first, other = booked.start, booked.start + timedelta(hours=1)
    for told, start in enumerate((other, first, other), 1):
        diary.move_by_staff(booked.appointment_id, start)
        assert drift.compare(booked) is Finding.MOVED
        assert len(sent()) == told
    assert len({letter.extra_headers["Message-ID"] for letter in letters()}) == 3


def test_of_two_moves_that_no_letter_told_yet_the_last_is_told_once(booked: Booking, diary: Diary) -> None:
    for _ in range(2):
        diary.move_by_staff(booked.appointment_id, booked.start + timedelta(hours=1))
        assert drift.compare(booked) is Finding.MOVED
    (subject,) = sent()
    assert f"{booked.local_start:%H:%M}" in subject


# --- Another connection ----------------------------------------------------------------------------------------------


def reconnect(practice: Practice, **connection: object) -> None:
    """Staff change the connection."""
    practice.refresh_from_db()
    practice.connection = {**practice.connection, **connection}
    practices.save(practice, actor="staff:anna", changed=[f"connection.{name}" for name in connection])


def by_hand(practice: Practice) -> list[list[str]]:
    """What the next report tells staff to do."""
    return reports.find(practice, timezone.now() - timedelta(days=1)).by_hand


def test_patients_of_a_practice_that_moved_to_another_office_are_not_told_that_theirs_is_cancelled(
    booked: Booking, practice: Practice, diary: Diary
) -> None:
    due.do_all()  # the worker notes over which connection it was made
    reconnect(practice, branch="another")
    diary.entries.clear()
    for _ in range(2):
        change(booked, compare_at=ago(seconds=1), missing_since=ago(minutes=11))
        due.do_all()
    assert diary.count("standing") == 0
    assert states() == ["confirmed"]
    assert sent() == []
    assert by_hand(practice) == [[booked.reference, "elsewhere"]]
    booked.refresh_from_db()
    assert not drift.due().exists()  # and is not gone through every second


def test_the_staff_read_that_such_an_appointment_is_theirs_to_look_at(booked: Booking, practice: Practice) -> None:
    report = Report(practice=practice, found={"by_hand": [[booked.reference, "elsewhere"], ["X", "missing"]]})
    assert ["another connection" in words for _reference, words in report.by_hand] == [True, False]


def test_after_the_old_connection_came_back_its_appointments_are_compared_again(
    booked: Booking, practice: Practice, diary: Diary
) -> None:
    due.do_all()
    for branch in ("another", ""):
        reconnect(practice, branch=branch)
        change(booked, compare_at=ago(seconds=1))
        due.do_all()
    assert diary.count("standing") == 1


def test_a_new_key_is_not_another_connection(booked: Booking, practice: Practice, diary: Diary) -> None:
    before = drift.fingerprint(practice)
    practice.connection = {**diary.connection(), "token": "a new one", "pause": 3, "polite": True}
    assert drift.fingerprint(practice) == before
    practice.connection = {**diary.connection(), "branch": "another"}
    assert drift.fingerprint(practice) not in ("", before)


# --- Many at once ----------------------------------------------------------------------------------------------------


def book(practice: Practice, diary: Diary, number: int) -> list[Booking]:
    bookings = [ready(practice, diary, slot) for slot in free(diary)[:number]]
    for booking in bookings:
        confirmation.confirm(booking)
    return bookings


def two_rounds(practice: Practice) -> None:
    """The worker looks, and again when the time between two looks is over."""
    Booking.objects.update(compare_at=ago(seconds=1))
    drift.compare_due(practice)
    Booking.objects.exclude(missing_since=None).update(missing_since=ago(minutes=11), compare_at=ago(seconds=1))
    Booking.objects.update(compared_at=ago(minutes=11))
    drift.compare_due(practice)


def test_where_most_appointments_are_missing_at_once_nobody_is_told_and_staff_are(
    practice: Practice, diary: Diary
) -> None:
    bookings = book(practice, diary, 6)
    for booking in bookings[:4]:
        diary.delete_by_staff(booking.appointment_id)
    two_rounds(practice)
    two_rounds(practice)
    assert states() == ["confirmed"] * 6
    assert sent() == []
    assert by_hand(practice) == [[booking.reference, "missing"] for booking in bookings[:4]]
    assert AuditEntry.objects.filter(action="cancellations withheld").count() == 4
    assert not drift.due().exists()


def test_a_morning_that_staff_cancelled_among_many_appointments_is_told(practice: Practice, diary: Diary) -> None:
    for booking in book(practice, diary, 9)[:4]:
        diary.delete_by_staff(booking.appointment_id)
    two_rounds(practice)
    assert states() == ["cancelled"] * 4 + ["confirmed"] * 5
    assert Letter.objects.filter(kind="cancelled").count() == 4


def test_a_practice_with_few_appointments_may_lose_all_of_them(practice: Practice, diary: Diary) -> None:
    book(practice, diary, 3)
    diary.entries.clear()
    two_rounds(practice)
    assert states() == ["cancelled"] * 3


# --- Trouble ---------------------------------------------------------------------------------------------------------


def test_a_practice_that_is_not_connected_any_more_is_trouble_and_looked_at_again_later(
    booked: Booking, practice: Practice, diary: Diary
) -> None:
    change(booked, compare_at=ago(seconds=1))
    Practice.objects.update(connection={"token": TOKEN})
    due.do_all()
    assert AuditEntry.objects.filter(action="vendor trouble", outcome__startswith="NotConnected").exists()
    booked.refresh_from_db()
    assert booked.compare_at is not None
    assert booked.compare_at > timezone.now() + timedelta(minutes=15)


def test_one_bookings_mistake_does_not_keep_the_others_from_being_compared(
    booked: Booking, practice: Practice, diary: Diary
) -> None:
    near = ready(practice, diary, free(diary)[0])
    confirmation.confirm(near)
    for booking in (booked, near):
        change(booking, compare_at=ago(seconds=1))
    diary.fail("standing", ZeroDivisionError("our own mistake"))
    with pytest.raises(ExceptionGroup) as raised:
        drift.compare_due(practice)
    assert raised.group_contains(ZeroDivisionError)
    assert diary.count("standing") == 2
    assert not drift.due().exists()


def test_an_appointment_that_ends_as_it_starts_is_not_followed_and_not_asked_about_every_second(
    booked: Booking, diary: Diary
) -> None:
    diary.entries[0].slot = replace(diary.entries[0].slot, end=diary.entries[0].slot.start)
    change(booked, compare_at=ago(seconds=1))
    due.do_all()
    due.do_all()
    assert diary.count("standing") == 1
    assert AuditEntry.objects.filter(action="vendor trouble").exists()
    start = booked.start
    booked.refresh_from_db()
    assert (booked.state, booked.start) == ("confirmed", start)
