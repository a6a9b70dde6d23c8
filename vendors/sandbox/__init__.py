"""Each vendor's far side: a small server that answers as its contract says, is strict, and misbehaves on demand.

The tests drive the vendors against these over real HTTP on loopback, and `make demo` shows them to people.
"""

from vendors.sandbox.alfadocs import AlfaDocsSandbox
from vendors.sandbox.base import Sandbox
from vendors.sandbox.bookio import BookioSandbox
from vendors.sandbox.open_dental import OpenDentalSandbox
from vendors.sandbox.opus import OpusSandbox
from vendors.sandbox.qmatic import QmaticSandbox

SANDBOXES: dict[str, type[Sandbox]] = {
    "opus": OpusSandbox,
    "open_dental": OpenDentalSandbox,
    "qmatic": QmaticSandbox,
    "bookio": BookioSandbox,
    "alfadocs": AlfaDocsSandbox,
}
"""By the vendor's name in `vendors.VENDORS`."""
