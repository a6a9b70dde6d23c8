"""The only way a booking changes state: the change and its audit entry, together or not at all."""

from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from booking import audit, tasks
from booking.models import Booking, State


def move(
    booking: Booking,
    old: State,
    new: State,
    *,
    actor: str,
    outcome: str = "",
    letter: str = "",
    provided: Q | None = None,
    **changes: Any,
) -> bool:
    """Change the state from `old` to `new`, with other fields at the same moment. Of two racing callers one gets True.

    `provided` is what must be true of the row besides, at that very moment.

    `changes` are values, not expressions: `booking` gets the same.

    `booking` in memory follows; for the caller that gets False it is read anew. `letter` is the kind of mail that the
    change causes; it goes out once, and after the change is committed.
    """
    changes |= {"state": new, "changed_at": timezone.now()}
    with transaction.atomic():
        moved = Booking.objects.filter(provided or Q(), pk=booking.pk, state=old).update(**changes)
        if moved:
            audit.write(
                actor,
                f"booking {new.value}",
                practice=booking.practice.slug,
                reference=booking.reference,
                outcome=outcome,
            )
            if letter:
                tasks.post(booking, letter)
    if not moved:
        booking.refresh_from_db()
        return False
    for name, value in changes.items():
        setattr(booking, name, value)
    return True
