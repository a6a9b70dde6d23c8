"""What the worker does: what is due by the clock, found by query, and the tasks that were enqueued.

Work that asks a vendor is done practice by practice, side by side: one in trouble keeps only its own practice waiting.
Mails and other tasks go out in a thread of their own: a mail server that hangs keeps only the mails waiting.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import timedelta
from functools import partial

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet
from django.tasks import DEFAULT_TASK_BACKEND_ALIAS, DEFAULT_TASK_QUEUE_NAME
from django.utils import timezone
from django.utils.crypto import get_random_string
from django_tasks_db.management.commands.db_worker import Worker

from booking import ahead, catalogue, drift, holds, reconciliation, reports, retention, tasks
from booking.models import Booking, Practice

NEW_FOR = timedelta(hours=1)
WARM_AGAIN_AFTER = 60.0
WARM_EVERY = 2.0
WARM_AT_ONCE = 4
"""So many in two seconds: whoever loads ten thousand practices at once has patients elsewhere meanwhile."""
PRACTICES_AT_ONCE = 16
TASKS = ("tasks", 0)
"""Under way like the work for a practice, and of no practice."""


def do_all() -> None:
    """Everything that is due now, to its end. Raises what failed, after the rest was done."""
    work = Work()
    try:
        work.do()
    finally:
        work.stop()


class Work:
    """What is due, again and again. One object per process: it knows what is under way."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(PRACTICES_AT_ONCE, thread_name_prefix="practice")
        self._ahead = ThreadPoolExecutor(PRACTICES_AT_ONCE, thread_name_prefix="ahead")  # which must not delay the rest
        self._tasks = ThreadPoolExecutor(1, thread_name_prefix="tasks")
        self._worker = Worker(
            queue_names=[DEFAULT_TASK_QUEUE_NAME],
            excluded_queue_names=[],
            interval=0,
            batch=True,  # what is there, and back
            backend_name=DEFAULT_TASK_BACKEND_ALIAS,
            startup_delay=False,
            max_tasks=None,
            worker_id=get_random_string(32),
        )
        self._under_way: dict[tuple[str, int], Future[object]] = {}
        self._last: dict[object, float] = {}
        self._failures: list[Exception] = []

    def do(self, *, to_the_end: bool = True) -> None:
        """Everything that is due now. One kind of work that fails does not keep the others from being done.

        Work for practices and tasks are only begun, unless `to_the_end`; what failed of it is raised by the next call.
        """
        with_vendors: dict[str, tuple[Callable[[], list[Practice]], Callable[[Practice], object]]] = {
            "settle": (lambda: _practices(reconciliation.due()), reconciliation.settle_due),
            "last looks": (lambda: _practices(reconciliation.last_looks_due()), reconciliation.last_looks),
            "compare": (lambda: _practices(drift.due()), drift.compare_due),
            "warm": (self._to_warm, _warm),
            "again": (lambda: self._visited("again", 4.0), ahead.again),
            "expect": (lambda: self._visited("expect", 20.0), ahead.expect),
        }
        for name, (due, work) in with_vendors.items():
            self._try(lambda due=due, work=work, name=name: self._begin(name, due(), work))  # type: ignore[misc]
        if to_the_end:
            wait(self._under_way.values())
        self._gather()
        self._try(holds.expire_due)
        self._every(600.0, reports.write_due)
        self._try(tasks.take_up_abandoned)
        if TASKS not in self._under_way:
            self._under_way[TASKS] = self._tasks.submit(_letting_go, self._worker.run)
        self._every(60.0, retention.forget_due)
        if to_the_end:
            wait(self._under_way.values())
            self._gather()
        failures, self._failures = self._failures, []
        if failures:
            raise ExceptionGroup("work that was due failed", failures)

    def stop(self) -> None:
        """Lets what is under way end, and of the tasks the one that is: the others are there for the next worker."""
        self._worker.running = False
        self._tasks.shutdown()
        self._pool.shutdown()
        self._ahead.shutdown()

    def _begin(self, name: str, practices: list[Practice], work: Callable[[Practice], object]) -> None:
        for practice in practices:
            if (name, practice.pk) not in self._under_way:
                pool = self._ahead if name in ("again", "expect") else self._pool
                self._under_way[name, practice.pk] = pool.submit(_letting_go, partial(work, practice))

    def _gather(self) -> None:
        for key, future in list(self._under_way.items()):
            if future.done():
                del self._under_way[key]
                if isinstance(error := future.exception(), Exception):
                    self._failures.append(error)

    def _try(self, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as error:
            self._failures.append(error)

    def _every(self, seconds: float, work: Callable[[], object]) -> None:
        if self._is_time(work, seconds):
            self._try(work)

    def _is_time(self, what: object, seconds: float) -> bool:
        now = time.monotonic()
        if now - self._last.get(what, -seconds) < seconds:
            return False
        self._last[what] = now
        return True

    def _visited(self, what: str, seconds: float) -> list[Practice]:
        return [practice for practice in ahead.practices() if self._is_time((what, practice.pk), seconds)]

    def _to_warm(self) -> list[Practice]:
        """Practices that are new or were changed: with one call a second, the first patient would wait long."""
        if not self._is_time("warm", WARM_EVERY):
            return []
        changed = Practice.objects.filter(changed_at__gt=timezone.now() - NEW_FOR, snapshots=None).order_by(
            "changed_at"
        )
        lately = time.monotonic() - WARM_AGAIN_AFTER
        warmed = [(key, at) for key, at in self._last.items() if isinstance(key, tuple) and key[0] == "warm"]
        found = list(changed.exclude(pk__in=[key[1] for key, at in warmed if at > lately])[:WARM_AT_ONCE])
        return [practice for practice in found if self._is_time(("warm", practice.pk), WARM_AGAIN_AFTER)]


def _practices(bookings: QuerySet[Booking]) -> list[Practice]:
    return list(Practice.objects.defer("logo").filter(Exists(bookings.filter(practice=OuterRef("pk")))))


def _letting_go(work: Callable[[], object]) -> None:
    try:
        work()
    finally:
        connection.close()


def _warm(practice: Practice) -> None:
    ahead.unless_refused(practice, lambda: catalogue.warm(practice))
