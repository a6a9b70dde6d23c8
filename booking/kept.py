"""What was read from the vendors, kept in the database so that all processes share it, with its age.

Whoever finds nothing fresh reads once for everybody who waits: in this process by a shared flight, in the others by a
lease. What is older is answered where the vendor is in trouble or slow, and says how old it is.
"""

import contextvars
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from time import monotonic, sleep
from typing import Any

import msgspec
from django.db import connection
from django.db.models import F
from django.utils import timezone

from booking import audit, circuits, connections, sql
from booking.models import Practice, Snapshot
from vendors.base import UnexpectedResponse, VendorUnavailable

PATIENCE = 2.0
"""Seconds that a page waits for a reading while it has an older one to show."""
ASKED_EVERY = timedelta(seconds=15)
FIRST_POLL, LAST_POLL = 0.03, 0.5
"""Seconds between two looks whether another process's reading has arrived: ever fewer, for a vendor may hang."""
PARSED_KEPT = 300

_readers = ThreadPoolExecutor(64, thread_name_prefix="reading")
"""For readings that outlast the page which began them."""


@dataclass(frozen=True, slots=True)
class Reading[T]:
    """A value as the vendor told it, and when it was asked."""

    value: T
    read_at: datetime

    def is_younger_than(self, age: timedelta) -> bool:
        return self.read_at > timezone.now() - age


@dataclass(frozen=True, slots=True)
class Kind[T]:
    """One kind of reading: the form of its values, and how old they may be."""

    form: type[T]
    fresh: timedelta
    """So old at most while the vendor is well."""
    stale: timedelta
    """So old at most while it is in trouble."""
    completed: Callable[[Practice, T], T] = lambda _practice, value: value
    """Gives a value that was kept as JSON what it lost there."""


def get[T](
    practice: Practice,
    kind: Kind[T],
    name: str,
    about: dict[str, str],
    read: Callable[[], T],
    *,
    also: tuple[str, ...] = (),
    found: Mapping[str, Reading[T]] | None = None,
) -> Reading[T]:
    """What is kept under this name, or fresh under one of `also`; else what is read now. Raises what `read` raises.

    `about` says what was asked for, so that the worker can read it again (`ahead.py`). `found` is what `find` said of
    these names, where the caller has asked already.
    """
    if found is None:
        found = find(practice, dict.fromkeys((name, *also), kind))
    for there in (found[n] for n in (name, *also) if n in found):
        if there.is_younger_than(kind.fresh):
            return there
    older = found.get(name)
    if circuits.refused_lately(practice):
        if older is None:
            raise VendorUnavailable("in trouble, and left in peace for a while", retry_after=15)
        return older
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


def find(practice: Practice, kinds: Mapping[str, Kind[Any]]) -> dict[str, Reading[Any]]:
    """What is kept under these names, unless it is too old to be shown. Remembers that a page asked for it."""
    found = {}
    now = timezone.now()
    names = ", ".join(["%s"] * len(kinds))
    known = sql.rows(
        f"SELECT id, name, read_at, asked_at FROM booking_snapshot WHERE practice_id = %s AND name IN ({names})",  # noqa: S608
        *(practice.pk, *kinds),
    )
    for key, name, was_read, was_asked in known:
        kind, read_at = kinds[name], sql.moment(was_read)
        if read_at <= now - kind.stale or (there := _parsed(practice, key, read_at, kind)) is None:
            continue
        found[name] = there
        if was_asked is None or sql.moment(was_asked) < now - ASKED_EVERY:
            Snapshot.objects.filter(pk=key).update(asked_at=now)
    return found


def last[T](practice: Practice, kind: Kind[T], name: str) -> T | None:
    """What was kept last under this name, however old."""
    row = Snapshot.objects.filter(practice=practice, name=name).defer("value", "about").first()
    there = _parsed(practice, row.pk, row.read_at, kind) if row else None
    return there.value if there else None


def rows(practice: Practice, kind: Kind[Any], prefix: str) -> Iterator[tuple[Snapshot, Any]]:
    """All that is kept under names with this beginning, however old; first what pages asked for last."""
    found = Snapshot.objects.filter(practice=practice, name__startswith=prefix).defer("value", "about")
    for row in found.order_by(F("asked_at").desc(nulls_last=True)):
        if there := _parsed(practice, row.pk, row.read_at, kind):
            row.read_at = there.read_at
            yield row, there.value


def keep[T](practice: Practice, kind: Kind[T], name: str, about: dict[str, str], value: T, read_at: datetime) -> None:
    """Keep what was asked for at `read_at`, unless something younger is kept already."""
    sql.run(
        """
        INSERT INTO booking_snapshot (practice_id, name, about, value, read_at, whole_read_at, asked_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (practice_id, name) DO UPDATE
        SET about = excluded.about, value = excluded.value,
            read_at = excluded.read_at, whole_read_at = excluded.whole_read_at
        WHERE booking_snapshot.read_at <= excluded.read_at
        """,
        *(practice.pk, name, json.dumps(about), msgspec.json.encode(value).decode(), read_at, read_at, read_at),
    )


def replace[T](row: Snapshot, kind: Kind[T], value: T, read_at: datetime) -> None:
    """Correct what is kept, if nobody read it anew meanwhile. Its time differs, so that all processes notice."""
    different = read_at if read_at != row.read_at else read_at - timedelta(microseconds=1)
    Snapshot.objects.filter(pk=row.pk, read_at=row.read_at).update(
        value=msgspec.json.encode(value).decode(), read_at=different
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
    poll = FIRST_POLL
    ends = monotonic() + max(connections.page_seconds_left(), 0)
    while not store.lease(lease, seconds=max(ends - monotonic(), 1.0)):
        sleep(poll)
        poll = min(poll * 1.5, LAST_POLL)
        there = find(practice, {name: kind}).get(name)
        if there and there.read_at > begun - kind.fresh:
            return there
        connections.release_connection()
        if monotonic() >= ends:
            raise VendorUnavailable("another process's reading of the same took too long")
    try:
        there = find(practice, {name: kind}).get(name)
        if there and there.is_younger_than(kind.fresh):
            return there  # another process was quicker than our lease
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

_parsed_readings: OrderedDict[int, Reading[Any]] = OrderedDict()
"""The one used longest ago comes first."""
_parsed_lock = threading.Lock()


def _parsed(practice: Practice, key: int, read_at: datetime, kind: Kind[Any]) -> Reading[Any] | None:
    """What this row holds, fetched only if this process does not have it of that moment. None: it is gone."""
    with _parsed_lock:
        known = _parsed_readings.get(key)
        if known:
            _parsed_readings.move_to_end(key)
    if known and known.read_at == read_at:
        return known
    row = Snapshot.objects.filter(pk=key).values_list("read_at", "value").first()
    if row is None:
        return None  # forgotten a moment ago
    there = Reading(kind.completed(practice, msgspec.json.decode(row[1], type=kind.form)), row[0])
    with _parsed_lock:
        while len(_parsed_readings) >= PARSED_KEPT:
            _parsed_readings.popitem(last=False)
        _parsed_readings[key] = there
    return there
