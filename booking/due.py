"""What the worker does: what is due by the clock, found by query, and the tasks that were enqueued."""

import time
from collections.abc import Callable

from django.tasks import DEFAULT_TASK_BACKEND_ALIAS, DEFAULT_TASK_QUEUE_NAME
from django.utils.crypto import get_random_string
from django_tasks_db.management.commands.db_worker import Worker

from booking import holds, reconciliation, retention, tasks

FORGET_EVERY = 60.0
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
    works = (reconciliation.settle_due, holds.expire_due, tasks.take_up_abandoned, _worker.run, _forget)
    failures = [error for work in works if (error := _try(work))]
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
