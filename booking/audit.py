"""Append-only entries: who did what, when, and how it ended. Nothing a patient typed."""

from datetime import timedelta

from django.utils import timezone

from booking.models import AuditEntry
from vendors.base import VendorError

PATIENT = "patient"
WORKER = "worker"
COMMAND = "command"
SYSTEM = "system"
TROUBLE = "vendor trouble"
TROUBLE_ONCE_IN = timedelta(minutes=5)


def staff(user_name: str) -> str:
    return f"staff:{user_name}"[:150]


def write(
    actor: str,
    action: str,
    *,
    practice: str = "",
    reference: str = "",
    outcome: str = "",
    once_in: timedelta | None = None,
) -> None:
    """`once_in`: not if the same was written so lately."""
    entry = {"actor": actor, "action": action, "practice": practice, "reference": reference, "outcome": outcome[:200]}
    if once_in and AuditEntry.objects.filter(**entry, at__gt=timezone.now() - once_in).exists():
        return
    AuditEntry.objects.create(**entry)


def latest_trouble(practice: str) -> AuditEntry | None:
    """The latest trouble with the practice's vendor within a day, unless its settings were changed after that."""
    day = timezone.now() - timedelta(days=1)
    about = [TROUBLE, "practice changed"]
    latest = AuditEntry.objects.filter(practice=practice, action__in=about, at__gt=day).first()
    return latest if latest and latest.action == TROUBLE else None


def trouble(practice: str, error: VendorError) -> None:
    """A vendor that staff or operators must look after: written once in five minutes per practice and kind."""
    write(SYSTEM, TROUBLE, practice=practice, outcome=f"{type(error).__name__}: {error}", once_in=TROUBLE_ONCE_IN)
