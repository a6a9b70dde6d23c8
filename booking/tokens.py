"""The tokens that name a booking in its addresses. The text is never stored, only its digest."""

import hashlib
import re
import secrets

from booking.models import Booking, BookingToken, Practice

FORM = re.compile(r"[A-Za-z0-9_-]{43}")
# As it is written, and not by the ORM: every page of a booking asks it, and composing it took longer than its answer.
_FIND = """
    SELECT booking_booking.*, token.id AS token_id, token.personal AS token_personal
    FROM booking_bookingtoken AS token JOIN booking_booking ON booking_booking.id = token.booking_id
    WHERE token.digest = %s AND booking_booking.practice_id = %s
"""


def new() -> str:
    return secrets.token_urlsafe(32)


def issue(booking: Booking, *, personal: bool, token: str = "") -> str:
    """A new token for this booking (or this one). Of personal tokens only the newest stays personal."""
    token = token or new()
    if personal:
        booking.tokens.filter(personal=True).update(personal=False)
    BookingToken.objects.create(booking=booking, digest=_digest(token), personal=personal)
    return token


def find(practice: Practice, text: str) -> BookingToken | None:
    """The token's row with its booking, if it names one of this practice."""
    if not FORM.fullmatch(text):
        return None
    digest = _digest(text)
    for booking in Booking.objects.raw(_FIND, [digest, practice.pk]):
        booking.practice = practice
        token = {"pk": vars(booking)["token_id"], "personal": bool(vars(booking)["token_personal"])}
        return BookingToken(**token, booking=booking, digest=digest)
    return None


def unused(text: str) -> str:
    """This text, if it can become a token: nobody has it, at no practice. Otherwise none."""
    taken = FORM.fullmatch(text) is None or BookingToken.objects.filter(digest=_digest(text)).exists()
    return "" if taken else text


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
