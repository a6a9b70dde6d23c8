"""The steps of a journey, for tests that begin in the middle of one."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from booking import catalogue, confirmation, holds, tokens
from booking.holds import Held
from booking.models import AuditEntry, Booking, Practice, State
from booking.steps import Choice, Position
from tests.fake_vendor import Diary
from vendors.base import OutcomeUnknown, Slot

DETAILS = {"first_name": "Evelina", "last_name": "Bergqvist", "email": "evelina@example.com", "phone": "+46701234567"}


def stand(practice: Practice, clinic: str = "north", provider: str = "anna", **choice: Any) -> Position:
    return catalogue.position(
        practice, "en", Choice(**{"service": "checkup", **choice}, clinic=clinic, provider=provider)
    )


def free(diary: Diary, provider: str = "anna") -> list[Slot]:
    """The free times of a check-up with this provider, by start."""
    return [slot for slot in diary.free("checkup") if slot.provider_id == provider]


def hold(practice: Practice, slot: Slot, held: str = "", **choice: Any) -> Held:
    where = stand(practice, **{"clinic": slot.clinic_id, "provider": slot.provider_id, **choice})
    return holds.take(practice, "en", where, slot.id, held)


def typed(held: Held, **details: Any) -> str:
    """The patient's details are there; answers the personal token."""
    held.booking.details = {**DETAILS, "answers": {}, **details}
    held.booking.save()
    return tokens.issue(held.booking, personal=True)


def ready(practice: Practice, diary: Diary, slot: Slot | None = None, **details: Any) -> Booking:
    """Held, with the details: what is left is to confirm."""
    held = hold(practice, slot or free(diary)[0])
    typed(held, **details)
    return held.booking


def unknown(practice: Practice, diary: Diary, *, booked: bool) -> Booking:
    """Sent, and the answer was lost."""
    booking = ready(practice, diary)
    (diary.lose_answer_after if booked else diary.lose_answer_before)("book")
    try:
        confirmation.confirm(booking)
    except OutcomeUnknown:
        return booking
    raise AssertionError("the answer was not lost")


def change(booking: Booking, **values: Any) -> Booking:
    """As if it had come to stand so by itself, which is mostly: as if time had passed."""
    Booking.objects.filter(pk=booking.pk).update(**values)
    booking.refresh_from_db()
    return booking


def ago(**length: float) -> Any:
    return timezone.now() - timedelta(**length)


def states() -> list[str]:
    """Of all bookings, oldest first."""
    return [State(state).value for state in Booking.objects.order_by("pk").values_list("state", flat=True)]


def entries(booking: Booking | None = None) -> list[tuple[str, str, str]]:
    """(who, what, outcome) of the audit entries, oldest first."""
    found = AuditEntry.objects.filter(reference=booking.reference) if booking else AuditEntry.objects.all()
    return list(found.order_by("pk").values_list("actor", "action", "outcome"))
