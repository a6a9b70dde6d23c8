"""What the worker does: what is due by the clock, found by query, and the tasks that were enqueued."""

import time
from collections.abc import Callable
from datetime import timedelta

from django.tasks import DEFAULT_TASK_BACKEND_ALIAS, DEFAULT_TASK_QUEUE_NAME
from django.utils import timezone
from django.utils.crypto import get_random_string
from django_tasks_db.management.commands.db_worker import Worker

from booking import audit, catalogue, holds, reconciliation, retention, tasks
from booking.models import Practice
from vendors.base import VendorError

FORGET_EVERY = 60.0
NEW_FOR = timedelta(hours=1)
WARM_AGAIN_AFTER = 60.0
_tried_to_warm: dict[int, float] = {}
_forgot_at = -FORGET_EVERY
_worker = Worker(
    queue_names=[DEFAULT_TASK_QUEUE_NAME],
    excluded_queue_names=[],
    interval=0,
    batch=True,  # what is there, and back
    backend_name=DEFAULT_TASK_BACKEND_ALIAS,
    startup_delay=False,
    max_tasks=None,
    worker_id=get_random_string(32),
)


def do_all() -> None:
    """Everything that is due now. One kind of work that fails does not keep the others from being done."""
    works = (reconciliation.settle_due, holds.expire_due, tasks.take_up_abandoned, _worker.run, _forget, _warm)
    failures = [error for work in works if (error := _try(work))]
    if failures:
        raise ExceptionGroup("work that was due failed", failures)


def _try(work: Callable[[], object]) -> Exception | None:
    try:
        work()
    except Exception as error:
        return error
    return None


def _warm() -> None:
    """Practices that are new or were changed: with a vendor of one call a second, the first patient would wait long."""
    changed = Practice.objects.filter(changed_at__gt=timezone.now() - NEW_FOR, snapshots=None)
    for practice in changed:
        if time.monotonic() - _tried_to_warm.get(practice.pk, -WARM_AGAIN_AFTER) >= WARM_AGAIN_AFTER:
            _tried_to_warm[practice.pk] = time.monotonic()
            try:
                catalogue.warm(practice)
            except VendorError as error:
                audit.trouble(practice.slug, error)


def _forget() -> None:
    global _forgot_at
    if time.monotonic() - _forgot_at >= FORGET_EVERY:
        retention.forget_due()
        _forgot_at = time.monotonic()
