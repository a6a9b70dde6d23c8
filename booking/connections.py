"""How we reach a practice's vendor: its connection, what the vendor remembers, and `vendor_for`, its only maker.

Nothing else reads a key of `Practice.connection`.
"""

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import MISSING, dataclass, fields
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import phonenumbers
from babel.core import get_global
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from booking import sql
from booking.circuits import DatabaseBreaker
from booking.models import Practice, Turn, VendorMemory
from vendors import VENDORS, connect
from vendors.base import AuthenticationFailed, Context, Secret, Url, Vendor


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake in a practice's settings: the key it stands under, and what is wrong with it."""

    key: str
    text: str

    def __str__(self) -> str:
        return f"{self.key}: {self.text}"


class NotConnected(AuthenticationFailed):
    """The practice's connection is not filled in yet, or no longer fits its vendor."""


# --- The practice's vendor -------------------------------------------------------------------------------------------


_page_ends: ContextVar[float] = ContextVar("page_ends")


@contextmanager
def page() -> Iterator[None]:
    """Within it, the vendor calls take at most `PAGE_SECONDS` together, whoever makes them."""
    token = _page_ends.set(time.monotonic() + settings.PAGE_SECONDS)
    try:
        yield
    finally:
        _page_ends.reset(token)


def page_seconds_left() -> float:
    """Seconds that this page may still wait for its vendor; outside of a page, what a whole one has."""
    return _page_ends.get(time.monotonic() + settings.PAGE_SECONDS) - time.monotonic()


def vendor_for(practice: Practice, *, budget: float | None = None) -> Vendor:
    """This practice's booking system. Raises `NotConnected`.

    `budget`: seconds for all its calls together; without one, what is left of the page's.
    """
    background = budget is not None
    if budget is None:
        budget = page_seconds_left()
    values, faults = read_connection(practice.vendor, practice.connection)
    if faults:
        raise NotConnected("; ".join(map(str, faults)))
    context = Context(
        practice=practice.slug,
        timezone=practice.zone,
        country=country_of(practice),
        store=DatabaseStore(practice),
        allow_private_hosts=settings.ALLOW_PRIVATE_VENDOR_HOSTS,
        budget=budget,
        before_call=release_connection,
        turns=DatabaseTurns(practice, background),
        breaker=DatabaseBreaker(practice),
        clinic_name=practice.clinic.get("name") or practice.name,
        clinic_address=practice.clinic.get("address", ""),
    )
    return connect(practice.vendor, values, context)


def country_of(practice: Practice) -> str:
    """ISO 3166-1 alpha-2, from the practice's phone number where that is international, else from its time zone."""
    return _country_of(practice.phone, practice.timezone)


@lru_cache(maxsize=1000)
def _country_of(phone: str, zone: str) -> str:
    try:
        region = phonenumbers.region_code_for_number(phonenumbers.parse(phone))
    except phonenumbers.NumberParseException:
        region = None
    return region or get_global("zone_territories").get(zone, "SE")


def release_connection() -> None:
    """Before and between calls to a vendor nothing of ours is open: no transaction, no connection to the database."""
    if connection.in_atomic_block:
        raise RuntimeError("a vendor is called inside a transaction")
    connection.close()


@dataclass(slots=True)
class DatabaseTurns:
    """`vendors.base.Turns`, for all processes: each call for a patient reserves the next turn, and waits for it.

    A background call reserves nothing ahead, so a patient waits for at most the one that is under way.
    """

    practice: Practice
    background: bool

    def wait(self, seconds: float, deadline: float) -> bool:
        length = timedelta(seconds=seconds)
        while True:
            left = deadline - time.monotonic()
            with transaction.atomic():
                turn, _new = Turn.objects.select_for_update().get_or_create(
                    practice=self.practice, defaults={"free_at": timezone.now()}
                )
                now = timezone.now()
                wait = max((turn.free_at - now).total_seconds(), 0)
                if wait >= left:
                    return False
                mine = not self.background or wait == 0
                granted_at = max(turn.free_at, now)
                if mine:
                    turn.free_at = granted_at + length
                    turn.save()
            release_connection()
            time.sleep(wait)
            if mine and (wait == 0 or not self._paused_beyond(granted_at)):
                return True

    def pause(self, seconds: float) -> None:
        until = timezone.now() + timedelta(seconds=seconds)
        with transaction.atomic():
            turn, _new = Turn.objects.select_for_update().get_or_create(
                practice=self.practice, defaults={"free_at": until}
            )
            turn.free_at = max(turn.free_at, until)
            turn.paused_until = max(turn.paused_until or until, until)
            turn.save()
        release_connection()

    def _paused_beyond(self, turn: datetime) -> bool:
        """Whether the vendor asked for quiet while this call waited for its turn."""
        paused = Turn.objects.filter(practice=self.practice, paused_until__gt=turn).exists()
        release_connection()
        return paused


@dataclass(slots=True)
class DatabaseStore:
    """`vendors.base.Store`, shared by all processes."""

    practice: Practice

    def get(self, key: str) -> str | None:
        now = timezone.now()
        row = VendorMemory.objects.filter(practice=self.practice, name=key, ends_at__gt=now).first()
        release_connection()
        return row.value if row else None

    def put(self, key: str, value: str, seconds: float) -> None:
        VendorMemory.objects.update_or_create(
            practice=self.practice,
            name=key,
            defaults={"value": value, "ends_at": timezone.now() + timedelta(seconds=seconds)},
        )
        release_connection()

    def forget(self, key: str) -> None:
        sql.run("DELETE FROM booking_vendormemory WHERE practice_id = %s AND name = %s", self.practice.pk, key)
        release_connection()

    def lease(self, key: str, seconds: float) -> bool:
        now = timezone.now()
        ends_at = now + timedelta(seconds=seconds)
        leased = sql.run(
            """
            INSERT INTO booking_vendormemory (practice_id, name, value, ends_at) VALUES (%s, %s, '', %s)
            ON CONFLICT (practice_id, name) DO UPDATE SET value = '', ends_at = excluded.ends_at
            WHERE booking_vendormemory.ends_at <= %s
            """,
            *(self.practice.pk, key, ends_at, now),
        )
        release_connection()
        return leased == 1


def forget(practice: Practice, changed: Iterable[str]) -> None:
    """After these settings were changed: what was read by the old connection is read anew."""
    changed = set(changed)
    if not any(name == "vendor" or name.startswith("connection") for name in changed):
        return
    old = practice.memories.all()
    lasting = () if "vendor" in changed else (*VENDORS[practice.vendor].lasting, SUPERSEDED)
    for beginning in lasting:
        old = old.exclude(name__startswith=beginning)
    old.delete()


# --- What the owner's consent gave -----------------------------------------------------------------------------------


SUPERSEDED = "superseded"
"""Digests of the secrets that consent replaced: a file that still holds one of them is older than the consent."""
FOR_GOOD = 10 * 365 * 24 * 3600


def consented(practice: Practice, connection: dict[str, Any]) -> None:
    """The connection as the owner's consent made it. What it replaces is never used again."""
    old = (_superseded(practice) or set()) | _digests(practice.vendor, practice.connection)
    left = old - _digests(practice.vendor, connection)
    DatabaseStore(practice).put(SUPERSEDED, json.dumps(sorted(left)), FOR_GOOD)
    practice.connection = connection


def with_consent(practice: Practice, vendor: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The connection that a file gives, with what consent has filled in for the same credentials.

    A file that brings other credentials, or a secret which is neither the consent's nor one it replaced, counts whole.
    """
    texts = {f.name for f in connection_fields(vendor) if issubclass(f.type, str)}  # ids are often typed without quotes
    given = {key: str(value) if key in texts else value for key, value in given.items() if value != ""}
    superseded = _superseded(practice) if practice.pk and practice.vendor == vendor else None
    if superseded is None or not _digests(vendor, given) <= superseded:
        return given
    granted = VENDORS[vendor].granted
    ours = {f.name for f in connection_fields(vendor) if f.secret} - set(granted)
    if any(given.get(name) != practice.connection.get(name) for name in ours):
        return given
    return given | {name: practice.connection[name] for name in granted if practice.connection.get(name)}


def _superseded(practice: Practice) -> set[str] | None:
    """None: nobody ever consented."""
    row = practice.memories.filter(name=SUPERSEDED).first()
    return None if row is None else set(json.loads(row.value))


def _digests(vendor: str, connection: Mapping[str, Any]) -> set[str]:
    secret = {f.name for f in connection_fields(vendor) if f.secret} & set(VENDORS[vendor].granted)
    return {hashlib.sha256(str(connection[name]).encode()).hexdigest() for name in secret if connection.get(name)}


# --- A connection's fields, from the vendor's own dataclass ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConnectionField:
    """What an admin fills in for one vendor."""

    name: str
    type: type
    required: bool
    default: Any = None

    @property
    def secret(self) -> bool:
        return self.type is Secret


def connection_fields(vendor: str) -> list[ConnectionField]:
    """None for an unknown vendor."""
    if vendor not in VENDORS:
        return []
    return [
        ConnectionField(f.name, f.type, f.default is MISSING, None if f.default is MISSING else f.default)  # type: ignore[arg-type]
        for f in fields(VENDORS[vendor].Connection)
    ]


def read_connection(vendor: str, values: Mapping[str, Any]) -> tuple[Any, list[Fault]]:
    """The vendor's `Connection` made of these values, or None and what is wrong with them."""
    if vendor not in VENDORS:
        return None, [Fault("vendor", f'unknown vendor "{vendor}" (known: {", ".join(VENDORS)})')]
    known = {f.name: f for f in connection_fields(vendor)}
    faults = [Fault(f"connection.{key}", "unknown key") for key in values if key not in known]
    given = {}
    for name, asked in known.items():
        value = values.get(name)
        if value is None or value == "":
            if asked.required:
                faults.append(Fault(f"connection.{name}", "is missing"))
            continue
        wanted: type = str if issubclass(asked.type, str) else asked.type
        if wanted is str and isinstance(value, int) and not isinstance(value, bool):
            value = str(value)  # ids are often typed without quotes
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            faults.append(Fault(f"connection.{name}", f"must be {_NAMES[wanted]}"))
        elif asked.type is Url and (problem := _vendor_address_problem(str(value))):
            faults.append(Fault(f"connection.{name}", problem))
        else:
            given[name] = asked.type(value)
    if faults:
        return None, faults
    try:
        return VENDORS[vendor].Connection(**given), []
    except ValueError as error:
        return None, [Fault("connection", str(error))]


_NAMES: dict[type, str] = {str: "text", int: "a whole number", bool: "true or false"}


def _vendor_address_problem(address: str) -> str:
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018  raises where it is none
    except ValueError:
        return f'"{address}" is not an address like https://…'
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return f'"{address}" is not an address like https://…'
    if parts.scheme == "http" and not settings.ALLOW_PRIVATE_VENDOR_HOSTS:
        return "must begin with https://"
    if parts.username or parts.password or parts.query or parts.fragment:
        return "must hold no user, query or fragment"
    return ""
