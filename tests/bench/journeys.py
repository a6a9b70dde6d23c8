"""Whole journeys: from the practice's address to a confirmed booking, without assets."""

import collections

from tests.bench.common import Options, failures, journeys, next_month, under_way
from tests.bench.report import Table, Target, median, number, p95
from tests.bench.system import System

PRACTICES = 32
AT_ONE_VENDOR = 40


def measure(system: System, table: Table, options: Options) -> None:
    table.part(
        "journeys",
        f"from a practice's address to a confirmed booking; {PRACTICES} practices (Opus), the vendor at 0 ms",
        "Bookio is asked at most five times a second by itself, so a journey there waits",
    )
    slugs = system.add("opus", "journey", PRACTICES)
    journeys(system, slugs, patients=8, each=8)
    _alone(system, table, "opus", slugs, Target(most=35, unit="ms"))
    for vendor in ("qmatic", "bookio"):
        own = system.add(vendor, f"journey-{vendor}", 10)
        journeys(system, own, vendor, patients=2, each=5)
        _alone(system, table, vendor, own, None)
    _crowd(system, table, slugs, 16, options)
    _crowd(system, table, slugs, 64, options)
    _sustained(system, table, slugs, options)


def _alone(system: System, table: Table, vendor: str, slugs: list[str], target: Target | None) -> None:
    system.vendor.ask("calls")
    worked = system.cpu()
    found = journeys(system, slugs, vendor, patients=1, each=AT_ONE_VENDOR, days=[next_month()], seed=1)
    worked = system.cpu() - worked
    calls = system.vendor.ask("calls")
    took = [row["seconds"] for row in found["journeys"] if row["ended"] == "confirmed"]
    theirs = [under_way(calls[row["slug"]], row["start"], row["start"] + row["seconds"]) for row in found["journeys"]]
    null = [row[3] for row in system.patients.ask("visits", origin=system.null, addresses=[["/null/"] * 200])]
    pages = median([row["pages"] for row in found["journeys"]])
    ratio = f"{number(median(took) / (pages * median(null)))} × nothing"
    table.row(f"one patient, {vendor}", median(took) * 1000, "ms", target, ratio)
    table.note(
        f"p95 {number(p95(took) * 1000)} ms; {number(pages)} requests; within calls to the vendor: "
        f"{number(median(theirs) * 1000)} ms; CPU of the web server: {number(worked / len(took) * 1000)} ms each"
    )
    by_kind = collections.defaultdict(list)
    for kind, _start, seconds, _status in found["pages"]:
        by_kind[kind].append(seconds)
    table.note(
        ", ".join(f"{kind} {number(median(each) * 1000)}" for kind, each in by_kind.items()), *_ends(failures(found))
    )


def _crowd(system: System, table: Table, slugs: list[str], patients: int, options: Options) -> None:
    worked = system.cpu()
    found = journeys(system, slugs, patients=patients, seconds=options.seconds, ramp=1, seed=patients)
    worked = system.cpu() - worked
    rows = [row for row in found["journeys"] if row["ended"] == "confirmed"]
    took = [row["seconds"] for row in rows]
    span = max(row["start"] + row["seconds"] for row in rows) - min(row["start"] for row in rows)
    each = worked / len(rows) * 1000
    name = f"{patients} patients"
    rate = Target(least=40, unit="journeys/s") if patients == 16 else None
    nothing = _journeys_of_nothing(system, patients, median([row["pages"] for row in rows]))
    share = f"{number(len(rows) / span / nothing * 100)} % of nothing's"
    table.row(name, len(rows) / span, "journeys/s", rate, share)
    table.row(f"{name}: CPU of the web server", each, "ms each", Target(most=25, unit="ms each"))
    table.row(f"{name}: p95", p95(took), "s", Target(most=2, unit="s") if patients == 64 else None)
    table.note(
        f"{len(rows)} journeys in {number(span)} s, median {number(median(took) * 1000)} ms, "
        f"a time was gone {sum(row['gone'] for row in rows)} times",
        *_ends(failures(found)),
    )


def _journeys_of_nothing(system: System, patients: int, pages: float) -> float:
    """How many journeys a second there would be, were every page one that does nothing."""
    task = {"origin": system.null, "addresses": [["/null/"]] * patients, "seconds": 3}
    visits = system.patients.ask("visits", **task)
    return len(visits) / (max(row[2] + row[3] for row in visits) - min(row[2] for row in visits)) / pages


def _sustained(system: System, table: Table, slugs: list[str], options: Options) -> None:
    """Each call of the vendor takes a second, and 256 patients go on booking."""
    system.vendor.ask("take", seconds=1.0, mounts=slugs)
    said = system.tracebacks()
    seconds = max(options.seconds * 2, 20)
    found = journeys(system, slugs, patients=256, seconds=seconds, ramp=5, seed=256)
    system.vendor.ask("take", seconds=0, mounts=slugs)
    failed = failures(found)
    errors = sum(failed.values())
    table.row("256 patients, the vendor at 1 s: journeys that failed", errors, "", Target(most=0))
    pages = [row[2] for row in found["pages"]]
    done = [row["seconds"] for row in found["journeys"] if row["ended"] == "confirmed"]
    table.note(
        f"{len(done)} journeys, median {number(median(done))} s; pages: median {number(median(pages) * 1000)} ms, "
        f"p95 {number(p95(pages))} s; {system.tracebacks() - said} tracebacks in the log",
        *_ends(failed),
    )


def _ends(failed: dict[str, int]) -> list[str]:
    return [f"{count} × {end}" for end, count in sorted(failed.items(), key=lambda item: -item[1])]
