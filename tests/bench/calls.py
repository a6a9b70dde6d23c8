"""How often the vendor is asked: for a first patient, for a later one, and for many who look at the same."""

import collections
import pathlib
import time
from typing import Any

from tests.bench.common import SERVICES, Options, next_month, opus_times
from tests.bench.report import Table, Target
from tests.bench.system import System, started

VENDORS = ("opus", "qmatic", "bookio", "open_dental", "alfadocs")
LEAST = {"opus": 6, "qmatic": 6, "bookio": 5, "open_dental": 11, "alfadocs": 7}
"""For each list once (Open Dental has one of providers for each of two clinics), one reading of the times, the patient
where the vendor has charts, the appointment, and at Opus the look whether it stands there."""
MORE_AT_FIRST = 4
AGAIN = {"opus": 3, "qmatic": 3, "bookio": 3, "open_dental": 5, "alfadocs": 6}
"""To read the time again and to book it. Open Dental and AlfaDocs keep no time for us: theirs is read before it is held
and before it is booked, the chart is looked up or made, and afterwards we look whether we were alone. Opus may accept
what lost a race at the clinic, so its answer is read back: one more than wanted."""
QUIET_FOR = 22.0
"""Seconds: longer than the worker waits before it looks again what is expected of a practice that has visitors."""
LONGEST_READING = 150.0
LOOKING = 64


def measure(system: System, table: Table, options: Options, folder: pathlib.Path) -> None:
    table.part("calls", "calls to the vendor for one journey (one patient, an empty database or what is kept)")
    with started(folder, sqlite=options.sqlite, worker=False) as alone:  # whose calls would count as the patients'
        slugs = {vendor: alone.add(vendor, f"calls-{vendor}", 1)[0] for vendor in VENDORS}
        cold, warm = _each_vendor(alone, slugs), _each_vendor(alone, slugs)
    for vendor in VENDORS:
        first = Target(most=LEAST[vendor] + MORE_AT_FIRST)
        table.row(f"{vendor}: nothing kept", len(cold[vendor]), "", first, f"at least {LEAST[vendor]}")
        table.note(_operations(cold[vendor]))
        table.row(f"{vendor}: the next patient", len(warm[vendor]), "", Target(most=AGAIN[vendor]))
        table.note(_operations(warm[vendor]))
    _shared(system, table)


def _each_vendor(system: System, slugs: dict[str, str]) -> dict[str, list[list[Any]]]:
    """One journey at each, all at the same time. What was asked meanwhile, by vendor."""
    system.vendor.ask("calls", mounts=list(slugs.values()))
    practices = [[slug, SERVICES.get(vendor, "")] for vendor, slug in slugs.items()]
    task = {"practices": practices, "patients": len(practices), "each": 1, "days": [next_month()], "seed": 7}
    found = system.patients.ask("journeys", origin=system.origin, **task)
    for row in found["journeys"]:
        if row["ended"] != "confirmed":
            raise RuntimeError(f"{row['slug']}: {row['ended']}")
    calls = system.vendor.ask("calls", mounts=list(slugs.values()))
    return {vendor: calls[slug] for vendor, slug in slugs.items()}


def _wait_until_quiet(system: System, mounts: list[str]) -> None:
    """Until the worker has read what it reads ahead."""
    ends = time.monotonic() + LONGEST_READING
    while time.monotonic() < ends:
        if time.monotonic() - system.vendor.ask("last_call", mounts=mounts) > QUIET_FOR:
            return
        time.sleep(0.5)


def _operations(calls: list[list[Any]]) -> str:
    counted = collections.Counter(operation for operation, _begun, _ended in calls)
    return ", ".join(f"{count} {operation}" for operation, count in counted.items()) or "none"


def _shared(system: System, table: Table) -> None:
    (slug,) = system.add("opus", "shared", 1)
    system.patients.ask("visits", origin=system.origin, addresses=[[f"/{slug}/en/provider/?service=1&clinic=any"]])
    _wait_until_quiet(system, [slug])
    system.vendor.ask("take", seconds=1.0, mounts=[slug])
    system.vendor.ask("calls", mounts=[slug])
    seen = system.patients.ask("visits", origin=system.origin, addresses=[[opus_times(slug)]] * LOOKING, ramp=5)
    calls = system.vendor.ask("calls", mounts=[slug])[slug]
    system.vendor.ask("take", seconds=0, mounts=[slug])
    table.row(f"{LOOKING} patients look at one practice's times within 5 s", len(calls), "", Target(most=1))
    table.note(f"{sum(row[4] == 200 for row in seen)} saw them; {_operations(calls)}")
