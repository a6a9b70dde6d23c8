"""The outside: booking systems behind one contract. Plain Python and httpx; knows nothing of Django or `booking`."""

from typing import Any

from vendors.alfadocs import AlfaDocs
from vendors.base import Context, Vendor
from vendors.bookio import Bookio
from vendors.open_dental import OpenDental
from vendors.opus import Opus
from vendors.qmatic import Qmatic

VENDORS: dict[str, type[Vendor]] = {
    "opus": Opus,
    "open_dental": OpenDental,
    "qmatic": Qmatic,
    "bookio": Bookio,
    "alfadocs": AlfaDocs,
}
"""The only list of vendors in the project, by the name that the practices file uses."""


def connect(vendor: str, connection: Any, context: Context) -> Vendor:
    """The vendor of one practice. `connection` is an instance of that vendor's `Connection`."""
    return VENDORS[vendor](connection, context)
