"""The product's own database, from a process of its own: `python -m tests.bench.rows`, in the product's environment."""

import cProfile
import logging
import pstats
import random
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import django

django.setup()
logging.disable(logging.WARNING)

from django.db import connection  # noqa: E402
from django.db.models import F  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.utils import timezone  # noqa: E402

from booking import audit, practices  # noqa: E402
from booking.models import Booking, Practice, Snapshot, State  # noqa: E402
from tests.bench.lines import answer  # noqa: E402
from tests.bench.patients import Answer, Browser, journey  # noqa: E402
from tests.browser.product import ROOT  # noqa: E402

AT_ONCE = 2000
"""Rows of one insert."""
SHOWN = 25
ENGINES = (
    " execute_sql",
    " execute",
    " as_sql",
    " instantiate",
    " loads",
    " connect",
    " close",
    " getconn",
    " putconn",
)
"""Names of other people's functions that tell what a page spends on the database."""
MEASURED_HAS = 10
"""One of so many bookings is the measured practice's own."""


def load(tables: list[dict[str, Any]]) -> None:
    practices.load_tables(tables, actor=audit.COMMAND)


def forget_readings() -> int:
    """As if nothing had been read from any vendor yet, as far as the database knows."""
    return Snapshot.objects.all().delete()[0]


def forget_visits() -> int:
    """As if nobody had looked at any practice for long: the worker reads nothing ahead for what was measured before."""
    return Practice.objects.update(visited_at=None)


def database() -> str:
    """Its name and version."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT sqlite_version()")
        else:
            cursor.execute("SHOW server_version")
        (version,) = cursor.fetchone()
    return f"{connection.display_name} {version}"


def fill(of: str, practices: int, bookings: int) -> dict[str, int]:
    """Adds until there are so many; `of` is the practice that is measured, and has a good share of the bookings."""
    measured = Practice.objects.get(slug=of)
    missing = practices - Practice.objects.count()
    common = {"vendor": measured.vendor, "timezone": measured.timezone, "languages": measured.languages}
    common |= {"phone": measured.phone, "connection": measured.connection, "services": measured.services}
    start = Practice.objects.count()
    Practice.objects.bulk_create(
        [Practice(slug=f"other-{start + n}", name=f"Other {start + n}", **common) for n in range(missing)], AT_ONCE
    )
    Practice.objects.filter(slug__startswith="other-").update(changed_at=timezone.now() - timedelta(days=1))
    everybody = list(Practice.objects.exclude(pk=measured.pk).order_by("pk")[:1000]) or [measured]
    have = Booking.objects.count()
    for first in range(have, bookings, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, bookings))
        new = [_booking(n, everybody[n % len(everybody)] if n % MEASURED_HAS else measured) for n in numbers]
        Booking.objects.bulk_create(new)
        # Written just now, each would still count beside the vendor's diary.
        Booking.objects.filter(pk__in=[booking.pk for booking in new]).update(changed_at=F("held_until"))
    with connection.cursor() as cursor:  # which the database does by itself, but later
        cursor.execute("ANALYZE" if connection.vendor == "sqlite" else "VACUUM ANALYZE")
    return {"practices": Practice.objects.count(), "bookings": Booking.objects.count()}


def _booking(number: int, practice: Practice) -> Booking:
    """One that is over, or will be: from two years ago to ten weeks ahead."""
    now = timezone.now()
    start = now - timedelta(days=730) + timedelta(minutes=(number * 7919) % (800 * 24 * 60))
    return Booking(
        practice=practice,
        state=State.CONFIRMED if number % 4 else State.CANCELLED,
        reference=f"N{number:09}",
        key=f"{number:032}",
        language="en",
        choice={"service": "1", "clinic": "any", "provider": "any", "screened": ""},
        service_id="1",
        service_name="A check-up",
        clinic_id="1",
        clinic_name="The clinic",
        slot_id=str(number),
        start=start,
        end=start + timedelta(minutes=30),
        timezone=practice.timezone,
        occupies=[f"chair {number % 5}"],
        visit=f"{number:032}",
        held_until=min(start, now - timedelta(days=1)),
        appointment_id=str(number),
    )


def queries(addresses: dict[str, str], host: str) -> dict[str, int]:
    """How many each page makes in its own thread. Each page is opened before, so what can be kept is kept."""
    found = {}
    for name, address in addresses.items():
        CLIENT.get(address, headers={"Host": host})
        with CaptureQueriesContext(connection) as captured:
            assert CLIENT.get(address, headers={"Host": host}).status_code == 200, name
        found[name] = len(captured)
    return found


CLIENT = Client()
"""One for all: each one's own would look through all static files again. Patients have no cookies to mix up."""


class InProcess(Browser):
    """A patient who comes through Django's client, so that what serves them can be watched."""

    def _request(self, method: str, path: str, content: bytes) -> Answer:
        origin = f"{self.host}:{self.port}"
        headers = {"Host": origin, "Origin": f"http://{origin}"}
        said = CLIENT.generic(method, path, content, "application/x-www-form-urlencoded", headers=headers)
        given = {name.lower(): value for name, value in said.headers.items()}
        return Answer(said.status_code, given, said.content.decode(), path, 0)


def profile_page(address: str, origin: list[Any]) -> dict[str, Any]:
    return _profile(lambda: InProcess(*origin).get(address))


def profile_journey(origin: list[Any], slug: str, service: str, days: list[str]) -> dict[str, Any]:
    dice = random.Random(0)
    return _profile(lambda: journey(InProcess(*origin), slug, service, dice.choice(days), dice), times=20)


def _profile(do: Callable[[], object], times: int = 60) -> dict[str, Any]:
    """Milliseconds that it takes, and its heaviest functions: by own time, and ours with what they call."""
    for _ in range(5):
        do()
    begun = time.perf_counter()
    for _ in range(times):
        do()
    each = (time.perf_counter() - begun) / times
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(times):
        do()
    profiler.disable()
    stats = pstats.Stats(profiler)
    whole = stats.total_tt  # type: ignore[attr-defined]
    rows = []
    for (file, line, name), (_calls, number, own, below, _callers) in stats.stats.items():  # type: ignore[attr-defined]
        ours = file.startswith(f"{ROOT}/") and "site-packages" not in file and "/tests/" not in file
        where = file.removeprefix(f"{ROOT}/") if ours else "/".join(file.split("/")[-3:])
        rows.append([f"{where}:{line} {name}", number / times, own / whole, below / whole, ours])
    ours_and_engines = [row for row in rows if row[4] or row[0].endswith(ENGINES)]
    return {
        "milliseconds": each * 1000,
        "own": sorted(rows, key=lambda row: -row[2])[:SHOWN],
        "with_below": sorted(ours_and_engines, key=lambda row: -row[3])[: 2 * SHOWN],
    }


if __name__ == "__main__":
    answer(
        {
            "load": load,
            "forget_readings": forget_readings,
            "forget_visits": forget_visits,
            "database": database,
            "fill": fill,
            "queries": queries,
            "profile_page": profile_page,
            "profile_journey": profile_journey,
        }
    )
