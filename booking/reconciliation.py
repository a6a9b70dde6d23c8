"""Settle the bookings whose outcome is unknown, by asking the vendor; never by sending anything again."""

import logging
from datetime import timedelta

from django.utils import timezone

from booking import audit, catalogue, confirmation, lifecycle
from booking.connections import vendor_for
from booking.models import Booking, State
from vendors.base import VendorError

log = logging.getLogger(__name__)

STILL_WORKING = timedelta(seconds=70)
"""How long after we sent it a vendor may still be writing it down: a look before that proves nothing if it is empty."""
BETWEEN_LOOKS = timedelta(seconds=10)
AFTER_TROUBLE = timedelta(seconds=20)
STAFF_AFTER = timedelta(minutes=15)
"""From then on the practice's staff have to look themselves, and the patient is told so."""
LOOK_SECONDS = 30.0


def settle_due() -> int:
    """Looks at every booking whose look is due. Answers how many were settled."""
    due = Booking.objects.filter(state=State.CHECKING, look_at__lte=timezone.now()).order_by("look_at")
    return sum(settle(booking) for booking in due.select_related("practice")[:100])


def settle(booking: Booking) -> bool:
    """Ask the vendor whether the booking is there. True when that settled it.

    Found: CONFIRMED. Absent in two looks, the second later than the vendor can still be working: FAILED.
    """
    claimed = Booking.objects.filter(pk=booking.pk, state=State.CHECKING, look_at=booking.look_at).update(
        look_at=timezone.now() + timedelta(seconds=LOOK_SECONDS) + AFTER_TROUBLE
    )
    if not claimed:
        return False  # another worker looks
    sent_at = booking.checking_since or timezone.now()
    looked_at = timezone.now()
    try:
        found = vendor_for(booking.practice, budget=LOOK_SECONDS).find(booking.request())
    except VendorError as error:
        audit.trouble(booking.practice.slug, error)
        _look_again(booking, AFTER_TROUBLE)
        return False
    if found:
        if len(found) > 1:
            log.error("%s: the vendor has %d entries for one booking", booking.reference, len(found))
        return confirmation.settled(booking, found[0].id, actor=audit.WORKER)
    first_time = booking.first_empty_look_at is None
    if first_time:
        Booking.objects.filter(pk=booking.pk).update(first_empty_look_at=looked_at)
    elif looked_at > sent_at + STILL_WORKING:
        catalogue.forget_times(booking.practice, booking.service_id)
        return lifecycle.move(
            booking,
            State.CHECKING,
            State.FAILED,
            actor=audit.WORKER,
            outcome="the vendor does not have it",
            letter="not_booked",
            look_at=None,
        )
    until_it_counts = sent_at + STILL_WORKING - timezone.now() + timedelta(seconds=1)
    _look_again(booking, BETWEEN_LOOKS if first_time else max(BETWEEN_LOOKS, until_it_counts))
    return False


def needs_staff(booking: Booking) -> bool:
    """Whether its outcome has been unknown for so long that people must look."""
    since = booking.checking_since
    return booking.state == State.CHECKING and since is not None and since < timezone.now() - STAFF_AFTER


def _look_again(booking: Booking, after: timedelta) -> None:
    Booking.objects.filter(pk=booking.pk, state=State.CHECKING).update(look_at=timezone.now() + after)
