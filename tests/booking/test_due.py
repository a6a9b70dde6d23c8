"""booking/due.py: what the worker does by the clock."""

from datetime import timedelta

from django.core.management import call_command
from django.utils import timezone

from booking.models import AuditEntry, Practice, Snapshot
from tests.fake_vendor import Diary


def test_a_new_practice_is_read_before_its_first_patient_comes(practice: Practice, diary: Diary) -> None:
    call_command("worker", "--once")
    assert {snapshot.name for snapshot in Snapshot.objects.all()} == {f"services {code}" for code in practice.languages}
    calls = diary.count("services")
    call_command("worker", "--once")
    assert diary.count("services") == calls


def test_a_practice_that_nobody_visits_and_nobody_changed_costs_nothing(practice: Practice, diary: Diary) -> None:
    Practice.objects.update(changed_at=timezone.now() - timedelta(days=2))
    call_command("worker", "--once")
    assert diary.count("services") == 0


def test_a_new_practice_whose_vendor_is_down_is_tried_again_later_and_staff_are_told(
    practice: Practice, diary: Diary
) -> None:
    diary.answer("services", 500, times=9)
    call_command("worker", "--once")
    call_command("worker", "--once")
    assert diary.count("services") <= 2
    assert AuditEntry.objects.filter(action="vendor trouble", practice=practice.slug).count() == 1
