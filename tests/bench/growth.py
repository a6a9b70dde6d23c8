"""Whether pages stay as fast, and the processes as small, with more practices and more bookings.

Beside the product that grows runs one that stays small, and the same pages are asked of both in turn: what else the
machine does meanwhile comes to both.
"""

import pathlib
from contextlib import ExitStack

from tests.bench.common import Options, next_month
from tests.bench.report import Table, Target, median, number
from tests.bench.system import System, started

SMALL = (1, 1_000)
STEPS = ((100, 1_000), (10_000, 1_000), (10_000, 100_000))
FULL = (10_000, 1_000_000)
PAGES = ("service", "times", "details", "confirm", "booking")
VISITS = 40
TURNS = 7
"""Of each of the two, for each page. The middle one of their ratios counts."""


def measure(system: System, table: Table, options: Options, folder: pathlib.Path) -> None:
    table.part(
        "growth",
        "the same pages of one practice, as the others and the stored bookings become more,",
        f"beside a second product with {_sizes(*SMALL)}",
    )
    with ExitStack() as stack:
        small, large = (
            stack.enter_context(started(_new(folder, name), sqlite=options.sqlite)) for name in ("small", "large")
        )
        slugs = [own.add("opus", "growing", 1)[0] for own in (small, large)]
        for own, slug in zip((small, large), slugs, strict=True):
            _fill(own, slug, *SMALL)
        table.note("both alike, which is how far these figures can be trusted:")
        _compare(table, small, large, slugs, None)
        memory = large.memory()
        for practices, bookings in (*STEPS, FULL) if options.full else STEPS:
            _fill(large, slugs[1], practices, bookings)
            table.note(f"{_sizes(practices, bookings)}:")
            _compare(table, small, large, slugs, Target(most=10, unit="%"))
            shown = f"memory of a web process: {number(large.memory())} MiB, grown by"
            table.row(shown, large.memory() - memory, "MiB", Target(most=50, unit="MiB"))
        addresses = large.patients.ask("path_to", origin=large.origin, slug=slugs[1], service="1", day=next_month())
        queries = large.rows.ask("queries", addresses=addresses, host=f"127.0.0.1:{large.port}")
    table.note("queries a page: " + ", ".join(f"{page} {count}" for page, count in queries.items()))


def _sizes(practices: int, bookings: int) -> str:
    return f"{practices:,} {'practices' if practices > 1 else 'practice'}, {bookings:,} bookings"


def _new(folder: pathlib.Path, name: str) -> pathlib.Path:
    made = folder / name
    made.mkdir()
    return made


def _fill(system: System, slug: str, practices: int, bookings: int) -> None:
    there = system.rows.ask("fill", of=slug, practices=practices, bookings=bookings)
    assert there["practices"] == practices
    assert there["bookings"] >= bookings


def _compare(table: Table, small: System, large: System, slugs: list[str], target: Target | None) -> None:
    """A booking anew each time, for a hold ends."""
    both = [
        (own, own.patients.ask("path_to", origin=own.origin, slug=slug, service="1", day=next_month()))
        for own, slug in zip((small, large), slugs, strict=True)
    ]
    for page in PAGES:
        turns = [[_seconds(own, path[page]) for own, path in both] for _ in range(TURNS)]
        grown = median([(of_large / of_small - 1) * 100 for of_small, of_large in turns])
        took = median([of_large for _, of_large in turns])
        table.row(f"{page}: {number(took * 1000)} ms, grown by", grown, "%", target)


def _seconds(system: System, address: str) -> float:
    """The median of some visits, after a few that do not count."""
    visits = system.patients.ask("visits", origin=system.origin, addresses=[[address] * (VISITS + 5)])
    bad = [row[4] for row in visits if row[4] != 200]
    if bad:
        raise RuntimeError(f"{address} answers {bad[0]}")
    return median([row[3] for row in visits[5:]])
