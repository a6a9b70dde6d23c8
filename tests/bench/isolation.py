"""One vendor hangs under two hundred patients; how another practice's patients fare meanwhile."""

from collections import Counter
from itertools import chain, pairwise

from tests.bench.common import OPUS_CHOICES, Options, journeys, meanwhile, opus_times
from tests.bench.report import Table, Target, median, number, p95
from tests.bench.system import System

PATIENTS = 200
ARRIVE = 10
"""Seconds in which they come: all in one moment would measure that moment, which a healthy vendor's have too."""
NEIGHBOURS = 2
THINK = 0.3
TURNS = 5
"""Trouble between two times of calm, and the middle one of the ratios: other work on the machine comes and goes."""


def measure(system: System, table: Table, options: Options) -> None:
    table.part(
        "isolation",
        f"{PATIENTS} patients come within {ARRIVE} s to a practice whose vendor hangs (a 503: again in 5 s)",
        f"and {NEIGHBOURS} patients book elsewhere, {THINK} s of thought after each journey",
    )
    others = system.add("opus", "well", NEIGHBOURS * 2)
    hanging = system.add("opus", "hanging", TURNS)  # another one each turn: what one has read is kept
    lists = [[f"/{slug}/en/provider/?service={service}" for slug in hanging for service in ("1", "2", "4")]]
    system.patients.ask("visits", origin=system.origin, addresses=lists)
    journeys(system, others, patients=NEIGHBOURS, each=4)
    calm, troubled, at_hanging = [], [], []
    calm.append(_pages(system, others, options.seconds, 0))
    for turn, slug in enumerate(hanging, 1):
        system.vendor.ask("take", seconds=600, mounts=[slug])
        addresses = [[opus_times(slug, *OPUS_CHOICES[n % len(OPUS_CHOICES)])] for n in range(PATIENTS)]
        stay = max(options.seconds - ARRIVE, 1)
        visits = {"origin": system.origin, "addresses": addresses, "ramp": ARRIVE, "seconds": stay}
        with meanwhile(system, do="visits", **visits) as said:
            troubled.append(_pages(system, others, options.seconds, 2 * turn - 1))
            system.vendor.ask("take", seconds=0, mounts=[slug])
        at_hanging += said[0]
        calm.append(_pages(system, others, options.seconds, 2 * turn))
    before, during = list(chain(*calm)), list(chain(*troubled))
    around = [before + after for before, after in pairwise(calm)]
    growth = (median([p95(there) / p95(here) for here, there in zip(around, troubled, strict=True)]) - 1) * 100
    table.row("the others' p95 grows by", growth, "%", Target(most=10, unit="%", otherwise=20))
    table.note(
        f"p95 {number(p95(before) * 1000)} ms, in turns {_in_turns(calm)}; while it hangs "
        f"{number(p95(during) * 1000)} ms, in turns {_in_turns(troubled)}; "
        f"median {number(median(before) * 1000)} and {number(median(during) * 1000)} ms"
    )
    statuses = Counter(row[4] for row in at_hanging)
    table.note(
        f"at the hanging one: {', '.join(f'{count} × {status}' for status, count in sorted(statuses.items()))}, "
        f"p95 {number(p95([row[3] for row in at_hanging]))} s"
    )


def _in_turns(turns: list[list[float]]) -> str:
    return ", ".join(number(p95(pages) * 1000) for pages in turns)


def _pages(system: System, slugs: list[str], seconds: float, seed: int) -> list[float]:
    found = journeys(system, slugs, patients=NEIGHBOURS, seconds=seconds, think=THINK, seed=seed)
    return [row[2] for row in found["pages"]]
