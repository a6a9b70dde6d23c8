"""What the worker does when it is due. Rows carry their own due time and are found by query."""

import logging
import time
from collections.abc import Callable

from booking import holds, reconciliation, retention

log = logging.getLogger(__name__)

FORGET_EVERY = 60.0
_forgot_at = -FORGET_EVERY


def do_due() -> None:
    """Does everything that is due now. One kind of work that fails does not keep the others from being done."""
    failures = [error for work in (reconciliation.settle_due, holds.expire_due, _forget) if (error := _try(work))]
    if failures:
        raise ExceptionGroup("work that was due failed", failures)


def _try(work: Callable[[], object]) -> Exception | None:
    try:
        work()
    except Exception as error:
        return error
    return None


def _forget() -> None:
    global _forgot_at
    if time.monotonic() - _forgot_at >= FORGET_EVERY:
        retention.forget_due()
        _forgot_at = time.monotonic()
