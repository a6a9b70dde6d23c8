"""The tokens that name a booking in its addresses. The text is never stored, only its digest."""

import hashlib
import re
import secrets

from booking.models import Booking, BookingToken, Practice

FORM = re.compile(r"[A-Za-z0-9_-]{43}")


def new() -> str:
    return secrets.token_urlsafe(32)


def issue(booking: Booking, *, personal: bool, token: str = "") -> str:
    """A new token for this booking (or this one). Of personal tokens only the newest stays personal."""
    token = token or new()
    if personal:
        booking.tokens.filter(personal=True).update(personal=False)
    BookingToken.objects.create(booking=booking, digest=_digest(token), personal=personal)
    return token


def find(practice: Practice, token: str) -> BookingToken | None:
    """The token's row with its booking, if it names one of this practice."""
    if not FORM.fullmatch(token):
        return None
    return (
        BookingToken.objects.select_related("booking").filter(digest=_digest(token), booking__practice=practice).first()
    )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
