"""Each vendor's far side: a small server that answers as its contract says, is strict, and misbehaves on demand.

The tests drive the vendors against these over real HTTP on loopback, and `make demo` shows them to people.
"""

from vendors.sandbox.base import Sandbox
from vendors.sandbox.opus import OpusSandbox
from vendors.sandbox.qmatic import QmaticSandbox

SANDBOXES: dict[str, type[Sandbox]] = {
    "opus": OpusSandbox,
    "qmatic": QmaticSandbox,
}
"""By the vendor's name in `vendors.VENDORS`."""
