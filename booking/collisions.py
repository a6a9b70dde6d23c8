"""Whether a slot is still free beside our own bookings: the one place that decides whether two of them collide.

Two collide where their times overlap on something that both occupy, beyond the places it has. Equal starts are not
needed. A booking counts while it is held, while its outcome is open, and for a moment after it was confirmed; from then
on the vendor's diary tells, and alone.
"""

from collections.abc import Iterable
from datetime import timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from booking.models import Booking, Practice, State
from vendors.base import Slot

UNTIL_THE_DIARY_TELLS = timedelta(minutes=2)
"""Longer than a reading of the diary that began before the booking may take to arrive, or be kept."""


def living(practice: Practice) -> QuerySet[Booking]:
    """The practice's bookings that others must not collide with, at this moment."""
    now = timezone.now()
    return Booking.objects.filter(practice=practice).filter(
        Q(state=State.HELD, held_until__gt=now)
        | Q(state=State.CHECKING)
        | Q(state=State.CONFIRMED, changed_at__gt=now - UNTIL_THE_DIARY_TELLS)
    )


def collides(slot: Slot, others: Iterable[Booking]) -> bool:
    """Whether this slot goes beyond the places of something it occupies, were it taken beside the others."""
    for name in slot.occupies:
        overlapping = [
            other for other in others if name in other.occupies and other.start < slot.end and slot.start < other.end
        ]
        places = min([slot.places, *(other.places for other in overlapping)])
        for instant in {slot.start, *(other.start for other in overlapping if other.start > slot.start)}:
            running = sum(other.start <= instant < other.end for other in overlapping)
            if running + 1 > places:
                return True
    return False


def without_held(practice: Practice, slots: list[Slot], own: Booking | None = None) -> list[Slot]:
    """The slots that no other patient's booking of ours takes. `own` is the patient's, and takes nothing from them."""
    if not slots:
        return []
    others = living(practice).filter(start__lt=max(s.end for s in slots), end__gt=min(s.start for s in slots))
    if own:
        others = others.exclude(pk=own.pk)
    known = list(others.only("occupies", "places", "start", "end"))
    return [slot for slot in slots if not collides(slot, known)]
