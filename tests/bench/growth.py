"""Whether pages stay as fast, and the processes as small, with more practices and more bookings."""

import math
import pathlib

from tests.bench.common import Options, next_month
from tests.bench.report import Table, Target, median, number
from tests.bench.system import System, started

STEPS = ((1, 1_000), (100, 1_000), (10_000, 1_000), (10_000, 100_000))
FULL = (10_000, 1_000_000)
PAGES = ("service", "times", "details", "confirm", "booking")
ROUNDS = 80
PASSES = 3
"""Of which the quietest counts: other work on the machine comes and goes."""


def measure(system: System, table: Table, options: Options, folder: pathlib.Path) -> None:
    table.part("growth", "the same pages of one practice, as the others and the stored bookings become more")
    steps = (*STEPS, FULL) if options.full else STEPS
    with started(folder, sqlite=options.sqlite) as own:
        (slug,) = own.add("opus", "growing", 1)
        first: dict[str, float] = {}
        small = 0.0
        for practices, bookings in steps:
            there = own.rows.ask("fill", of=slug, practices=practices, bookings=bookings)
            assert there["practices"] == practices
            assert there["bookings"] >= bookings
            found = _pages(own, slug)
            table.note(f"{practices:,} practices, {bookings:,} bookings:")
            for page, took in found.items():
                change = (took / first.setdefault(page, took) - 1) * 100
                more = Target(most=10, unit="%") if (practices, bookings) != steps[0] else None
                shown = f"{page}: {number(took * 1000)} ms"
                if more:
                    table.row(f"{shown}, grown by", change, "%", more)
                else:
                    table.row(shown, "")
            memory = own.memory()
            small = small or memory
            grown = Target(most=50, unit="MiB") if (practices, bookings) != steps[0] else None
            table.row(f"memory of a web process: {number(memory)} MiB, grown by", memory - small, "MiB", grown)
        addresses = own.patients.ask("path_to", origin=own.origin, slug=slug, service="1", day=next_month())
        queries = own.rows.ask("queries", addresses=addresses, host=f"127.0.0.1:{own.port}")
    table.note("queries a page: " + ", ".join(f"{page} {count}" for page, count in queries.items()))


def _pages(system: System, slug: str) -> dict[str, float]:
    """Median seconds of each page. A booking anew each time, for a hold ends."""
    path = system.patients.ask("path_to", origin=system.origin, slug=slug, service="1", day=next_month())
    found: dict[str, float] = {}
    for page in PAGES * PASSES:
        visits = system.patients.ask("visits", origin=system.origin, addresses=[[path[page]] * (ROUNDS + 5)])
        bad = [row[4] for row in visits if row[4] != 200]
        if bad:
            raise RuntimeError(f"the page {page} answers {bad[0]}")
        found[page] = min(median([row[3] for row in visits[5:]]), found.get(page, math.inf))
    return found
