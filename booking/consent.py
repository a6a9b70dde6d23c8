"""A practice's owner connects it at the vendor's own page: OAuth2's authorization code, with state and PKCE."""

import base64
import hashlib
import secrets
from dataclasses import MISSING, dataclass, fields
from typing import Any

from booking import connections, practices
from booking.models import Practice

SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What was sent out, to be held against what comes back. Kept in the staff user's session."""

    practice: int
    state: str
    verifier: str


def possible(practice: Practice) -> bool:
    """Whether this practice, as its connection is filled in, is connected by its owner's consent."""
    try:
        return connections.vendor_for(practice).capabilities.consent
    except connections.NotConnected:
        return False


def begin(practice: Practice, redirect_uri: str) -> tuple[str, Asked]:
    """The address where the owner says yes, and what to remember. Raises `NotConnected` where keys are missing."""
    asked = Asked(practice.pk, secrets.token_urlsafe(32), secrets.token_urlsafe(64))
    digest = hashlib.sha256(asked.verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return connections.vendor_for(practice).consent_address(redirect_uri, asked.state, challenge), asked


def finish(practice: Practice, asked: Asked, code: str, redirect_uri: str, *, actor: str) -> None:
    """Exchanges the code, and stores the connection that it gives. Raises what the vendor raises."""
    vendor = connections.vendor_for(practice, budget=SECONDS)
    connection = values_of(vendor.connected(code, asked.verifier, redirect_uri))
    changed = practices.changes(practice, {"connection": connection})
    connections.consented(practice, connection)
    practices.save(practice, actor=actor, changed=changed or ["connection"])


def values_of(connection: Any) -> dict[str, Any]:
    """A vendor's `Connection` as it is stored: without what is as the vendor has it anyway."""
    return {
        field.name: value
        for field in fields(connection)
        if (value := getattr(connection, field.name)) != field.default or field.default is MISSING
    }
