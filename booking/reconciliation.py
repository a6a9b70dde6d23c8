"""Settle the bookings whose outcome is unknown, by asking the vendor; never by sending anything again."""

import logging
from datetime import datetime, timedelta
from enum import StrEnum

from django.db.models import Q, QuerySet
from django.utils import timezone

from booking import audit, catalogue, confirmation, drift, lifecycle
from booking.connections import vendor_for
from booking.models import Booking, Practice, State
from vendors.base import Appointment, VendorError

log = logging.getLogger(__name__)

STILL_WORKING = timedelta(seconds=70)
"""How long after we sent it a vendor may still be writing it down: a look before that proves nothing if it is empty."""
BETWEEN_LOOKS = timedelta(seconds=10)
AFTER_TROUBLE = timedelta(seconds=20)
STAFF_AFTER = timedelta(minutes=15)
"""From then on the practice's staff have to look themselves, and the patient is told so."""
SELDOM = timedelta(hours=1)
"""A vendor that does not tell is asked ever less often, and at last so often."""
STAFFS_ALONE_AFTER = timedelta(days=3)
"""So long after its time nobody is asked about it any more. While it is looked for, its details are kept."""
UNASKED = "the vendor could not be asked whether it has it"
LOOK_SECONDS = 30.0


def due() -> QuerySet[Booking]:
    """The bookings whose look is due."""
    now = timezone.now()
    return Booking.objects.filter(state=State.CHECKING, look_at__lte=now, end__gt=now - STAFFS_ALONE_AFTER)


def settle_due(practice: Practice) -> int:
    """Looks at every booking of the practice whose look is due. Answers how many were settled.

    A mistake of ours about one booking leaves none of the others unsettled; it is raised when all were looked at.
    """
    settled, mistakes = 0, []
    for booking in (
        due().filter(practice=practice).order_by("look_at").select_related("practice").defer("practice__logo")[:100]
    ):
        try:
            settled += settle(booking)
        except Exception as mistake:
            mistake.add_note(f"while looking for {booking.reference}")
            mistakes.append(mistake)
            _look_again(booking, _after_trouble(booking.checking_since or timezone.now()))
    if mistakes:
        raise ExceptionGroup("bookings that could not be looked for", mistakes)
    return settled


class Outcome(StrEnum):
    """What a look at the vendor's diary found."""

    CONFIRMED = "the vendor has it: confirmed"
    FAILED = "the vendor does not have it, in two looks: not booked"
    NOT_YET = "the vendor does not have it now: looked at again later"
    OTHER = "it was sent over another connection: left to staff"
    UNREACHABLE = "the vendor could not be asked: looked at again later"
    ELSEWHERE = "somebody else is looking, or it is settled"


def settle(booking: Booking) -> bool:
    """`look`, and whether that settled it."""
    return look(booking) in (Outcome.CONFIRMED, Outcome.FAILED)


def look(booking: Booking) -> Outcome:
    """Ask the vendor whether the booking is there.

    Found: CONFIRMED. Absent in two looks, the second later than the vendor can still be working: FAILED.
    """
    claimed = Booking.objects.filter(pk=booking.pk, state=State.CHECKING, look_at=booking.look_at).update(
        look_at=timezone.now() + timedelta(seconds=LOOK_SECONDS) + AFTER_TROUBLE
    )
    if not claimed:
        return Outcome.ELSEWHERE
    sent_at = booking.checking_since or timezone.now()
    if drift.made_over_another(booking):
        _look_again(booking, SELDOM)
        return Outcome.OTHER
    looked_at = timezone.now()
    try:
        found = vendor_for(booking.practice, budget=LOOK_SECONDS).find(booking.request())
    except VendorError as error:
        audit.trouble(booking.practice.slug, error)
        _look_again(booking, _after_trouble(sent_at))
        return Outcome.UNREACHABLE
    if found:
        _keep_the_first(booking, found)
        settled = confirmation.settled(booking, found[0].id, actor=audit.WORKER)
        return Outcome.CONFIRMED if settled else Outcome.ELSEWHERE
    first_time = booking.first_empty_look_at is None
    if first_time:
        Booking.objects.filter(pk=booking.pk).update(first_empty_look_at=looked_at)
    elif looked_at > sent_at + STILL_WORKING:
        catalogue.forget_times(booking.practice, booking.service_id)
        failed = lifecycle.move(
            booking,
            State.CHECKING,
            State.FAILED,
            actor=audit.WORKER,
            outcome="the vendor does not have it",
            letter="not_booked",
            look_at=None,
        )
        return Outcome.FAILED if failed else Outcome.ELSEWHERE
    until_it_counts = sent_at + STILL_WORKING - timezone.now() + timedelta(seconds=1)
    _look_again(booking, BETWEEN_LOOKS if first_time else max(BETWEEN_LOOKS, until_it_counts))
    return Outcome.NOT_YET


def last_looks_due() -> QuerySet[Booking]:
    """Holds that ended after the vendor was once sent the booking, and said that nothing happened."""
    now = timezone.now()
    is_time = Q(look_at=None) | Q(look_at__lte=now)
    return Booking.objects.filter(is_time, state=State.HELD, held_until__lte=now, sent_before=True)


def last_looks(practice: Practice) -> None:
    """Before such a hold is given up, the vendor is asked: some refuse what they did.

    One that does not tell for `STAFF_AFTER` leaves it to staff. A mistake about one booking is raised after the others.
    """
    mistakes = []
    for booking in last_looks_due().filter(practice=practice).select_related("practice").defer("practice__logo")[:100]:
        try:
            _last_look(booking)
        except Exception as mistake:
            mistake.add_note(f"while looking for {booking.reference}")
            mistakes.append(mistake)
            _look_again(booking, _after_trouble(booking.held_until))
    if mistakes:
        raise ExceptionGroup("bookings that could not be looked for", mistakes)


def _last_look(booking: Booking) -> None:
    try:
        found = vendor_for(booking.practice, budget=LOOK_SECONDS).find(booking.request())
    except VendorError as error:
        audit.trouble(booking.practice.slug, error)
        if booking.held_until > timezone.now() - STAFF_AFTER:
            _look_again(booking, AFTER_TROUBLE)
        else:
            lifecycle.move(booking, State.HELD, State.EXPIRED, actor=audit.WORKER, outcome=UNASKED, look_at=None)
        return
    if found:
        _keep_the_first(booking, found)
        confirmation.settled(booking, found[0].id, actor=audit.WORKER, before=State.HELD)
    else:
        lifecycle.move(booking, State.HELD, State.EXPIRED, actor=audit.WORKER, look_at=None)


def _keep_the_first(booking: Booking, found: list[Appointment]) -> None:
    """The vendor has more than one entry for this booking: the others are taken out, or become staff's work."""
    for other in {entry.id: entry for entry in found if entry.id != found[0].id}.values():
        outcome = f"a second entry at the vendor ({other.id}): take it out by hand"
        vendor = vendor_for(booking.practice, budget=LOOK_SECONDS)
        if vendor.capabilities.cancel:
            try:
                vendor.cancel(other.id, booking.request())
                outcome = f"a second entry at the vendor ({other.id}) was taken out"
            except VendorError as error:
                log.error("%s: a second entry could not be cancelled: %s", booking.reference, type(error).__name__)
        audit.write(
            audit.WORKER,
            "booked twice",
            practice=booking.practice.slug,
            reference=booking.reference,
            outcome=outcome,
        )


def needs_staff(booking: Booking) -> bool:
    """Whether its outcome has been unknown for so long that people must look."""
    since = booking.checking_since
    return booking.state == State.CHECKING and since is not None and since < timezone.now() - STAFF_AFTER


def _after_trouble(since: datetime) -> timedelta:
    """How long to leave the vendor alone, which was first asked then: when staff look anyway, ever longer."""
    length = timezone.now() - since
    return AFTER_TROUBLE if length < STAFF_AFTER else min(length, SELDOM)


def _look_again(booking: Booking, after: timedelta) -> None:
    Booking.objects.filter(pk=booking.pk, state__in=[State.HELD, State.CHECKING]).update(look_at=timezone.now() + after)
