"""Forget what must not be kept: a patient's details as soon as nothing needs them any more."""

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from booking.models import Booking, Snapshot, State, VendorMemory

UNFINISHED_FOR = timedelta(hours=1)
"""So long a patient whose hold ran out, or whose time was taken, finds again what was typed."""
NEVER_SETTLED_FOR = timedelta(days=7)
"""So long after its time an unknown outcome keeps what staff need to settle it by hand."""
ROWS_WITHOUT_DETAILS_FOR = timedelta(days=30)
LISTS_KEPT_FOR = timedelta(days=90)
"""What the vendor offered is kept, so that staff are told what became different there."""


def forget_due() -> None:
    """What is due now. Bookings themselves stay, without the patient; never-finished ones go after a month."""
    now = timezone.now()
    ended = Q(state__in=[State.RELEASED, State.EXPIRED, State.FAILED], changed_at__lt=now - UNFINISHED_FOR)
    over = Q(state__in=[State.CONFIRMED, State.CANCELLED], end__lt=now)
    never_settled = Q(state=State.CHECKING, end__lt=now - NEVER_SETTLED_FOR)
    Booking.objects.filter(ended | over | never_settled).exclude(details="").update(details={})
    unfinished = Q(state__in=[State.RELEASED, State.EXPIRED], changed_at__lt=now - ROWS_WITHOUT_DETAILS_FOR)
    Booking.objects.filter(unfinished).delete()
    Snapshot.objects.filter(name__startswith="times ", read_at__lt=now - timedelta(hours=1)).delete()
    Snapshot.objects.filter(read_at__lt=now - LISTS_KEPT_FOR).delete()
    VendorMemory.objects.filter(ends_at__lt=now).delete()
