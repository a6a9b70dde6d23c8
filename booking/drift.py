"""Whether the clinics' diaries still have what we confirmed: staff move and cancel there, and we are not told.

Coming appointments are compared every night, those of the next two days every two hours. The diary is right: our record
follows it, and the patient is written to where it matters. `reports.py` tells the practice in the morning.

It is only right about what it was told: appointments that were made over another connection are left alone, and where
most are missing at once, nobody is told that theirs is cancelled. Both are work for staff.
"""

import hashlib
import json
from datetime import datetime, time, timedelta
from enum import StrEnum

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from booking import audit, catalogue, lifecycle, tasks
from booking.connections import read_connection, vendor_for
from booking.models import Booking, Practice, State
from vendors import VENDORS
from vendors.base import Appointment, UnexpectedResponse, VendorError

NIGHT = time(2, 0)
"""In the practice's zone."""
SOON = timedelta(days=2)
EVERY_WHEN_SOON = timedelta(hours=2)
FIRST_AFTER = timedelta(hours=1)
AFTER_TROUBLE = timedelta(minutes=20)
BETWEEN_LOOKS = timedelta(minutes=10)
"""An appointment is gone when it is missing twice, so long apart: staff may be putting it elsewhere right now."""
COMPARE_SECONDS = 30.0
AT_ONCE = 50
FEW = 3
"""So many at once may be gone without anybody asking why."""

MOVED = "booking moved at the clinic"
GONE = "not in the clinic's diary any more"
WITHHELD = "cancellations withheld"


class Finding(StrEnum):
    """What a comparison of one appointment with the vendor's diary found."""

    SAME = "as we have it"
    MOVED = "moved there: our record follows"
    MISSING = "not there now: looked at again later"
    GONE = "not there, in two looks: cancelled"
    TOO_MANY = "not there, like most of the others: left to staff"
    OTHER = "made over another connection: left to staff"
    UNREACHABLE = "the vendor could not be asked: looked at again later"
    UNCLEAR = "the vendor's answer is not understood: looked at again later"
    ELSEWHERE = "changed meanwhile"


def due() -> QuerySet[Booking]:
    """Coming appointments that are to be compared now."""
    now = timezone.now()
    to_compare = Q(compare_at__lte=now) | Q(compare_at=None)
    return Booking.objects.filter(to_compare, state=State.CONFIRMED, start__gt=now)


def compare_due(practice: Practice) -> None:
    """Compares what is due of this practice, the nearest appointments first, while its vendor answers.

    A mistake of ours about one appointment keeps none of the others from it; it is raised when all were compared.
    """
    try:
        vendor = vendor_for(practice, budget=COMPARE_SECONDS)
    except VendorError as error:
        audit.trouble(practice.slug, error)
        due().filter(practice=practice).update(compare_at=timezone.now() + AFTER_TROUBLE)
        return
    if not vendor.capabilities.standing:
        due().filter(practice=practice).update(compare_at=F("start"))  # it cannot be compared at all
        return
    mistakes = []
    for booking in (
        due().filter(practice=practice).select_related("practice").defer("practice__logo").order_by("start")[:AT_ONCE]
    ):
        try:
            finding = compare(booking)
        except Exception as mistake:
            mistake.add_note(f"while comparing {booking.reference}")
            mistakes.append(mistake)
            Booking.objects.filter(pk=booking.pk).update(compare_at=timezone.now() + AFTER_TROUBLE)
            continue
        if finding is Finding.UNREACHABLE:
            # The others of this practice would fare the same.
            due().filter(practice=practice).update(compare_at=timezone.now() + AFTER_TROUBLE)
            break
    if mistakes:
        raise ExceptionGroup("appointments that could not be compared", mistakes)


def compare(booking: Booking) -> Finding:
    """Ask the vendor how this appointment stands, and follow it. Raises nothing of the vendor's."""
    if made_over_another(booking):
        _unchanged(booking).update(compare_at=timezone.now() + EVERY_WHEN_SOON)
        return Finding.OTHER
    try:
        vendor = vendor_for(booking.practice, budget=COMPARE_SECONDS)
        there = vendor.standing(booking.appointment_id, booking.request())
        if there and not there.start < there.end:
            raise UnexpectedResponse("an appointment that ends before it starts")
    except VendorError as error:
        audit.trouble(booking.practice.slug, error)
        if not isinstance(error, UnexpectedResponse):
            return Finding.UNREACHABLE
        _unchanged(booking).update(compare_at=next_comparison(booking))
        return Finding.UNCLEAR
    _unchanged(booking).update(compared_at=timezone.now())
    if there is None:
        return _missing(booking)
    if (there.start, there.end) != (booking.start, booking.end):
        return _follow(booking, there)
    # Staff who enter an appointment anew give it another number.
    _unchanged(booking).update(appointment_id=there.id, missing_since=None, compare_at=next_comparison(booking))
    return Finding.SAME


def fingerprint(practice: Practice) -> str:
    """What tells whose diary we reach: the vendor, and what its connection says of that. Empty: it is not filled in."""
    connection, faults = read_connection(practice.vendor, practice.connection)
    if faults:
        return ""
    told = [practice.vendor, *(getattr(connection, name).rstrip("/") for name in VENDORS[practice.vendor].whose)]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def made_over_another(booking: Booking) -> bool:
    """Whether it is known that the vendor we reach now is not the one that it was sent to."""
    now = fingerprint(booking.practice)
    return bool(booking.made_over and now) and booking.made_over != now


def next_comparison(booking: Booking) -> datetime:
    """Tonight; sooner for an appointment that is near, or for one that was only now booked."""
    now = timezone.now()
    if booking.state != State.CONFIRMED:
        return now + FIRST_AFTER
    if booking.start < now + SOON:
        return now + EVERY_WHEN_SOON
    zone = booking.practice.zone
    today = now.astimezone(zone).date()
    night = datetime.combine(today, NIGHT, zone)
    return night if night > now else datetime.combine(today + timedelta(days=1), NIGHT, zone)


def _unchanged(booking: Booking) -> QuerySet[Booking]:
    """The row, if it still is what was compared."""
    return Booking.objects.filter(
        pk=booking.pk, state=State.CONFIRMED, appointment_id=booking.appointment_id, start=booking.start
    )


def _follow(booking: Booking, there: Appointment) -> Finding:
    other_start = there.start != booking.start
    before, zone = booking.local_start, booking.practice.zone
    with transaction.atomic():
        followed = _unchanged(booking).update(
            appointment_id=there.id,
            start=there.start,
            end=there.end,
            sequence=F("sequence") + 1,
            changed_at=timezone.now(),
            missing_since=None,
            compare_at=next_comparison(booking),
        )
        if not followed:
            return Finding.ELSEWHERE
        booking.refresh_from_db()
        audit.write(
            audit.WORKER,
            MOVED,
            practice=booking.practice.slug,
            reference=booking.reference,
            outcome=f"from {before:%Y-%m-%d %H:%M} to {there.start.astimezone(zone):%Y-%m-%d %H:%M}",
        )
        if other_start:  # that it takes longer need not worry the patient
            tasks.post(booking, "moved", about=str(booking.sequence))
    catalogue.forget_times(booking.practice, booking.service_id)
    return Finding.MOVED


def _missing(booking: Booking) -> Finding:
    now = timezone.now()
    if booking.missing_since is None or now < booking.missing_since + BETWEEN_LOOKS:
        since = booking.missing_since or now
        _unchanged(booking).update(missing_since=since, compare_at=since + BETWEEN_LOOKS)
        return Finding.MISSING
    if _too_many_missing(booking.practice, since=booking.missing_since - BETWEEN_LOOKS):
        _unchanged(booking).update(compare_at=next_comparison(booking))
        audit.write(
            audit.WORKER,
            WITHHELD,
            practice=booking.practice.slug,
            reference=booking.reference,
            outcome=Finding.TOO_MANY,
            once_in=timedelta(days=1),
        )
        return Finding.TOO_MANY
    cancelled = lifecycle.move(
        booking,
        State.CONFIRMED,
        State.CANCELLED,
        actor=audit.WORKER,
        outcome=GONE,
        letter="cancelled",
        sequence=booking.sequence + 1,
    )
    catalogue.forget_times(booking.practice, booking.service_id)
    return Finding.GONE if cancelled else Finding.ELSEWHERE


def _too_many_missing(practice: Practice, since: datetime) -> bool:
    """Whether most of those that were looked at since then are missing: rather our mistake than staff's doing."""
    looked_at = Booking.objects.filter(
        practice=practice, state=State.CONFIRMED, start__gt=timezone.now(), compared_at__gte=since
    )
    missing = looked_at.filter(missing_since__isnull=False).count()
    return missing > FEW and 2 * missing > looked_at.count()
