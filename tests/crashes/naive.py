"""The control: a web process that books at the vendor first, and writes down afterwards what it meant to do."""

from collections.abc import Callable, Iterable
from typing import Any

from booking import wsgi  # first, for it sets Django up

from booking import lifecycle, tokens  # isort: skip
from booking.connections import vendor_for  # isort: skip
from booking.models import Practice, State  # isort: skip


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The product, but for the button that books."""
    parts = environ["PATH_INFO"].strip("/").split("/")
    if environ["REQUEST_METHOD"] != "POST" or parts[-1] != "confirm":
        return wsgi.application(environ, start_response)
    slug, language, _, token, _ = parts
    _book(slug, token)
    start_response("303 See Other", [("Location", f"/{slug}/{language}/booking/{token}/")])
    return []


def _book(slug: str, token: str) -> None:
    found = tokens.find(Practice.objects.get(slug=slug), token)
    assert found
    booking = found.booking
    appointment = vendor_for(booking.practice).book(booking.request())
    lifecycle.move(booking, State.HELD, State.CHECKING, actor="patient")
    lifecycle.move(booking, State.CHECKING, State.CONFIRMED, actor="patient", appointment_id=appointment.id)
