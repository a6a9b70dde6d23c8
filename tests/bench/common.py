"""What several parts measure alike."""

import threading
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from tests.bench.lines import Helper
from tests.bench.system import System
from vendors.sandbox import opus, qmatic

SERVICES = {"opus": "1", "qmatic": qmatic.guid("GP appointment")}
"""A service that asks nothing before; of the other vendors, whichever comes."""

type Call = tuple[str, float, float]


@dataclass(frozen=True, slots=True)
class Options:
    full: bool = False
    sqlite: bool = False
    seconds: float = 15
    """How long a crowd is watched."""
    lighthouse: str = ""
    """A folder that has Lighthouse or keeps it; without, it is fetched each time."""


def next_month(number: int = 1) -> str:
    """A day in the middle of the month after this one: its week lies within what vendors read by the month."""
    first = date.today().replace(day=1)
    for _ in range(number):
        first = (first + timedelta(days=32)).replace(day=1)
    return first.replace(day=10).isoformat()


def weeks(count: int = 7) -> list[str]:
    return [(date.today() + timedelta(days=1 + 7 * n)).isoformat() for n in range(count)]


def opus_times(slug: str, service: str = "1", clinic: str = "any", provider: str = "any", day: str = "") -> str:
    query = {"service": service, "clinic": clinic, "provider": provider, "from": day or next_month()}
    return f"/{slug}/en/times/?{urlencode(query)}"


OPUS_CHOICES = [
    (service, clinic, provider)
    for service in ("1", "2", "4")
    for clinic, provider in ((opus.CITY, "1"), (opus.CITY, "3"), (opus.CITY, "any"), (opus.SOLNA, "3"), ("any", "any"))
]


def under_way(calls: Iterable[Sequence[Any]], start: float, end: float) -> float:
    """Seconds of this span in which at least one of the calls was under way."""
    total, reached = 0.0, start
    for _operation, begun, ended in sorted(calls, key=lambda call: call[1]):
        begun, ended = max(begun, reached), min(ended, end)
        if ended > begun:
            total += ended - begun
            reached = ended
    return total


def journeys(system: System, slugs: list[str], vendor: str = "opus", **task: Any) -> dict[str, Any]:
    practices = [[slug, SERVICES.get(vendor, "")] for slug in slugs]
    task.setdefault("days", weeks())
    said: dict[str, Any] = system.patients.ask("journeys", origin=system.origin, practices=practices, **task)
    return said


def failures(found: dict[str, Any]) -> dict[str, int]:
    """How journeys ended that did not end well."""
    ends: dict[str, int] = {}
    for row in found["journeys"]:
        if row["ended"] != "confirmed":
            ends[row["ended"]] = ends.get(row["ended"], 0) + 1
    return ends


@contextmanager
def meanwhile(system: System, **task: Any) -> Any:
    """Other patients, in another process, for as long as their task says."""
    said: list[Any] = []
    with Helper("tests.bench.patients", system.environment) as others:
        thread = threading.Thread(target=lambda: said.append(others.ask(**task)))
        thread.start()
        yield said
        thread.join()
