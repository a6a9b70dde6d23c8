"""What a practice is told every morning: what comes, what its diary changed, what is left to do by hand."""

from dataclasses import asdict, dataclass, field
from datetime import datetime, time, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from booking import drift, reconciliation, tasks
from booking.connections import NotConnected, vendor_for
from booking.models import AuditEntry, Booking, Practice, Report, State

MORNING = time(5, 0)
"""In the practice's zone: the night's comparisons are done."""
MOST = 200
"""Lines of one kind."""


@dataclass(slots=True)
class Found:
    """What `Report.found` holds."""

    coming: int = 0
    """Appointments from now on."""
    booked: int = 0
    """Confirmed since the report before."""
    compared: bool = True
    """False: this vendor does not let us compare."""
    not_compared: int = 0
    """Coming appointments that could not be compared this night."""
    differences: list[list[str]] = field(default_factory=list)
    """[reference, what was different]: moved, or gone."""
    by_hand: list[list[str]] = field(default_factory=list)
    """[reference, what to do]."""


def write_due(now: datetime | None = None) -> None:
    """For each practice whose morning has come: its report, once. It is mailed where there is something to know."""
    now = now or timezone.now()
    since = now - timedelta(days=1)
    theirs = Booking.objects.filter(practice=OuterRef("pk"))
    something = Exists(theirs.filter(state=State.CONFIRMED, start__gt=now)) | Exists(
        theirs.filter(changed_at__gt=since)
    )
    for practice in Practice.objects.filter(something):  # else nobody needs to read it
        today = now.astimezone(practice.zone).date()
        if now < datetime.combine(today, MORNING, practice.zone) or practice.reports.filter(day=today).exists():
            continue
        found = find(practice, since)
        try:
            with transaction.atomic():
                report = Report.objects.create(practice=practice, day=today, found=asdict(found))
                if found.differences or found.by_hand or found.not_compared:
                    tasks.send_report.enqueue(report.pk, 0)
        except IntegrityError:
            pass  # another worker wrote it


def find(practice: Practice, since: datetime) -> Found:
    """What is to be told about the time since then."""
    now = timezone.now()
    entries = AuditEntry.objects.filter(practice=practice.slug, at__gt=since).order_by("at")
    different = entries.filter(action=drift.MOVED) | entries.filter(action="booking cancelled", outcome=drift.GONE)
    unsettled = practice.bookings.filter(
        state=State.CHECKING, checking_since__lt=now - reconciliation.STAFF_AFTER
    ).order_by("start")
    unasked = entries.filter(action="booking expired", outcome=reconciliation.UNASKED)
    withheld = AuditEntry.objects.filter(practice=practice.slug, action=drift.WITHHELD).values("reference")
    missing = coming(practice).filter(missing_since__isnull=False, reference__in=withheld).order_by("start")
    elsewhere = coming(practice).exclude(made_over__in=["", drift.fingerprint(practice)]).order_by("start")
    try:
        compared = vendor_for(practice, budget=1.0).capabilities.standing
    except NotConnected:
        compared = False
    return Found(
        coming=coming(practice).count(),
        booked=entries.filter(action="booking confirmed").count(),
        compared=compared,
        not_compared=coming(practice).filter(compare_at__lte=now).count() if compared else 0,
        differences=[[entry.reference, entry.outcome] for entry in different[:MOST]],
        by_hand=[
            *([booking.reference, "unknown"] for booking in unsettled[:MOST]),
            *([entry.reference, "unknown"] for entry in unasked[:MOST]),
            *([booking.reference, "missing"] for booking in missing[:MOST]),
            *([booking.reference, "elsewhere"] for booking in elsewhere[:MOST]),
            *([entry.reference, entry.outcome] for entry in entries.filter(action="booked twice")[:MOST]),
        ],
    )


def coming(practice: Practice) -> QuerySet[Booking]:
    """The practice's confirmed appointments from now on."""
    return Booking.objects.filter(practice=practice, state=State.CONFIRMED, start__gt=timezone.now())
