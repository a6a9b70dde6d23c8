"""What was read from the vendors, kept in the database so that all processes share it, with its age.

Whoever finds nothing fresh reads once for everybody who waits: in this process by a shared flight, in the others by a
lease. What is older is answered where the vendor is in trouble or slow, and says how old it is.
"""

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from time import monotonic, sleep
from typing import Any

from cattrs.preconf.json import make_converter
from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from booking import audit, connections
from booking.models import Practice, Snapshot
from vendors.base import UnexpectedResponse, VendorUnavailable

PATIENCE = 2.0
"""Seconds that a page waits for a reading while it has an older one to show."""
ASKED_EVERY = timedelta(seconds=15)
POLL = 0.05
PARSED_KEPT = 300

_converter = make_converter()
_readers = ThreadPoolExecutor(64, thread_name_prefix="reading")
"""For readings that outlast the page which began them."""


@dataclass(frozen=True, slots=True)
class Reading[T]:
    """A value as the vendor told it, and when it was asked."""

    value: T
    read_at: datetime


@dataclass(frozen=True, slots=True)
class Kind[T]:
    """One kind of reading: the form of its values, and how old they may be."""

    form: type[T]
    fresh: timedelta
    """So old at most while the vendor is well."""
    stale: timedelta
    """So old at most while it is in trouble."""


def get[T](
    practice: Practice,
    kind: Kind[T],
    name: str,
    about: dict[str, str],
    read: Callable[[], T],
    *,
    also: tuple[str, ...] = (),
) -> Reading[T]:
    """What is kept under this name, or fresh under one of `also`; else what is read now. Raises what `read` raises.

    `about` says what was asked for, so that the worker can read it again (`ahead.py`).
    """
    now = timezone.now()
    kept = find(practice, kind, (name, *also), now - kind.stale)
    if kept:
        fresh = next((kept[n] for n in (name, *also) if n in kept and kept[n].read_at > now - kind.fresh), None)
        if fresh:
            return fresh
    older = kept.get(name)
    if older is None:
        return _once_for_all(practice, kind, name, about, read)
    try:
        context = contextvars.copy_context()
        reading = _readers.submit(context.run, _letting_go, lambda: _once_for_all(practice, kind, name, about, read))
        connections.release_connection()
        return reading.result(timeout=max(min(PATIENCE, connections.page_seconds_left()), 0))
    except TimeoutError:
        return older
    except (VendorUnavailable, UnexpectedResponse) as error:
        audit.trouble(practice.slug, error)
        return older


def find[T](practice: Practice, kind: Kind[T], names: tuple[str, ...], since: datetime) -> dict[str, Reading[T]]:
    """What is kept under these names, read since then. Remembers that a page asked for it."""
    found = {}
    now = timezone.now()
    for row in _without_values(Snapshot.objects.filter(practice=practice, name__in=names, read_at__gt=since)):
        if (value := _parsed(row, kind.form)) is None:
            continue
        found[row.name] = Reading(value, row.read_at)
        if row.asked_at is None or row.asked_at < now - ASKED_EVERY:
            Snapshot.objects.filter(pk=row.pk).update(asked_at=now)
    return found


def rows(practice: Practice, kind: Kind[Any], prefix: str) -> list[tuple[Snapshot, Any]]:
    """All that is kept under names with this beginning, however old."""
    found = _without_values(Snapshot.objects.filter(practice=practice, name__startswith=prefix))
    return [(row, value) for row in found if (value := _parsed(row, kind.form)) is not None]


def keep[T](practice: Practice, kind: Kind[T], name: str, about: dict[str, str], value: T, read_at: datetime) -> None:
    """Keep what was asked for at `read_at`, unless something younger is kept already."""
    values = {"value": _converter.dumps(value, kind.form), "read_at": read_at, "whole_read_at": read_at, "about": about}
    changed = Snapshot.objects.filter(practice=practice, name=name, read_at__lte=read_at).update(**values)
    if not changed:
        try:
            with transaction.atomic():
                Snapshot.objects.create(practice=practice, name=name, asked_at=read_at, **values)
        except IntegrityError:  # another process kept a younger reading, or the same
            pass


def replace[T](row: Snapshot, kind: Kind[T], value: T, read_at: datetime) -> None:
    """Correct what is kept, if nobody read it anew meanwhile. Its time differs, so that all processes notice."""
    different = read_at if read_at != row.read_at else read_at - timedelta(microseconds=1)
    Snapshot.objects.filter(pk=row.pk, read_at=row.read_at).update(
        value=_converter.dumps(value, kind.form), read_at=different
    )


# --- Once for all ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Flight:
    """A reading under way in this process."""

    thread: int
    landed: Future[Any]


_flights: dict[tuple[int, str], _Flight] = {}
_flights_lock = threading.Lock()


def in_one_flight[T](key: tuple[int, str], read: Callable[[], T]) -> T:
    """Whoever of this process comes first reads; those who come meanwhile wait, and get what that one got.

    A hundred patients who look at once would otherwise be a hundred calls, and most of them refused at the bulkhead.
    """
    own = _Flight(threading.get_ident(), Future())
    with _flights_lock:
        flight = _flights.setdefault(key, own)
    if flight.thread == own.thread and flight is not own:
        return read()  # nobody waits for themselves
    if flight is not own:
        connections.release_connection()
        try:
            landed: T = flight.landed.result(timeout=max(connections.page_seconds_left(), 0))
        except TimeoutError as error:
            raise VendorUnavailable("another reading of the same took too long") from error
        return landed
    try:
        value = read()
    except BaseException as error:
        own.landed.set_exception(error)
        raise
    else:
        own.landed.set_result(value)
        return value
    finally:
        with _flights_lock:
            del _flights[key]


def _once_for_all[T](
    practice: Practice, kind: Kind[T], name: str, about: dict[str, str], read: Callable[[], T]
) -> Reading[T]:
    return in_one_flight((practice.pk, name), lambda: _by_one_process(practice, kind, name, about, read))


def _by_one_process[T](
    practice: Practice, kind: Kind[T], name: str, about: dict[str, str], read: Callable[[], T]
) -> Reading[T]:
    store = connections.DatabaseStore(practice)
    lease = f"reading {sha256(name.encode()).hexdigest()}"
    begun = timezone.now()
    ends = monotonic() + max(connections.page_seconds_left(), 0)
    while not store.lease(lease, seconds=max(ends - monotonic(), 1.0)):
        sleep(POLL)
        if there := find(practice, kind, (name,), begun - kind.fresh):
            return there[name]
        connections.release_connection()
        if monotonic() >= ends:
            raise VendorUnavailable("another process's reading of the same took too long")
    try:
        if there := find(practice, kind, (name,), timezone.now() - kind.fresh):
            return there[name]  # another process was quicker than our lease
        asked_at = timezone.now()
        value = read()
        keep(practice, kind, name, about, value, asked_at)
        return Reading(value, asked_at)
    finally:
        store.forget(lease)


def _letting_go[T](work: Callable[[], T]) -> T:
    try:
        return work()
    finally:
        connection.close()


# --- Fetching and parsing cost more than asking when it was read -----------------------------------------------------

_parsed_values: dict[int, tuple[datetime, Any]] = {}


def _without_values(found: QuerySet[Snapshot]) -> QuerySet[Snapshot]:
    return found.defer("value", "about")


def _parsed(row: Snapshot, form: Any) -> Any:
    """The row's value, which is fetched only if this process does not have it of that moment. None: it is gone."""
    known = _parsed_values.get(row.pk)
    if known and known[0] == row.read_at:
        return known[1]
    read_at, text = Snapshot.objects.filter(pk=row.pk).values_list("read_at", "value").first() or (None, None)
    if read_at is None or text is None:
        return None  # forgotten a moment ago
    row.read_at = read_at
    value = _converter.loads(text, form)
    if len(_parsed_values) >= PARSED_KEPT:
        _parsed_values.clear()
    _parsed_values[row.pk] = (read_at, value)
    return value
