"""Whether a slot is still free beside our own bookings: the one place that decides whether two of them collide.

Two collide where their times overlap on something that both occupy, beyond the places it has. Equal starts are not
needed. A booking counts while it is held, while its outcome is open, and for a moment after it was confirmed; from then
on the vendor's diary tells, and alone.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from booking.models import Booking, Practice, State
from vendors import VENDORS
from vendors.base import Slot

UNTIL_THE_DIARY_TELLS = timedelta(minutes=2)
"""Longer than a reading of the diary that began before the booking may take to arrive, or be kept."""
CLOCKS_APART = timedelta(seconds=2)
"""Of the machines that our processes run on."""
LONGEST = timedelta(days=2)
"""No appointment takes longer."""


def living(practice: Practice, read_at: datetime | None = None) -> QuerySet[Booking]:
    """The practice's bookings that others must not collide with, at this moment.

    For times whose reading began at `read_at` also those that were confirmed since. Where the diary counts, it has told
    of those before: counted twice, they would take a place that is free.
    """
    now = timezone.now()
    counts = read_at and VENDORS[practice.vendor].capabilities.capacity
    since = min(now, read_at or now) - (CLOCKS_APART if counts else UNTIL_THE_DIARY_TELLS)
    return Booking.objects.filter(practice=practice).filter(
        Q(state=State.HELD, held_until__gt=now)
        | Q(state=State.CHECKING)
        | Q(state=State.CONFIRMED, changed_at__gt=since)
    )


def own(booking: Booking) -> Q:
    """What the patient of this booking holds on this visit: a page left open may name another hold than the latest."""
    return Q(practice=booking.practice_id, visit=booking.visit, state=State.HELD)


def overlapping(bookings: QuerySet[Booking], start: datetime, end: datetime) -> QuerySet[Booking]:
    """Those that run at some instant from `start` to `end`.

    The lower bound of their starts lets the database leave out a practice's whole past by its index.
    """
    return bookings.filter(start__lt=end, start__gt=start - LONGEST, end__gt=start)


def known(bookings: QuerySet[Booking]) -> list[Booking]:
    """These, with as much of them as `collides` needs."""
    return list(bookings.only("occupies", "places", "start", "end"))


def collides(slot: Slot, others: Iterable[Booking]) -> bool:
    """Whether this slot goes beyond the places of something it occupies, were it taken beside the others."""
    near = [other for other in others if other.start < slot.end and slot.start < other.end]
    if not near:
        return False
    for name in slot.occupies:
        overlapping = [other for other in near if name in other.occupies]
        places = min([slot.places, *(other.places for other in overlapping)])
        for instant in {slot.start, *(other.start for other in overlapping if other.start > slot.start)}:
            running = sum(other.start <= instant < other.end for other in overlapping)
            if running + 1 > places:
                return True
    return False


def without_held(
    practice: Practice, slots: list[Slot], mine: Booking | None = None, read_at: datetime | None = None
) -> list[Slot]:
    """The slots that no other patient's booking of ours takes. `mine` is the patient's, and takes nothing from them.

    `read_at` is when the vendor was asked for them: what was confirmed later takes its time too.
    """
    if not slots:
        return []
    others = overlapping(living(practice, read_at), min(s.start for s in slots), max(s.end for s in slots))
    if mine:
        others = others.exclude(own(mine) | Q(pk=mine.pk))
    on_what: dict[str, dict[int, Booking]] = {}
    for other in known(others):
        for name in other.occupies:
            on_what.setdefault(name, {})[other.pk] = other
    free = []
    for slot in slots:
        beside: dict[int, Booking] = {}
        for name in slot.occupies:
            beside |= on_what.get(name, {})
        if not collides(slot, beside.values()):
            free.append(slot)
    return free
