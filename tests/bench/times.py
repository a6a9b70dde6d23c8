"""From opening the page to a week of free times: one patient and a vendor that takes no time; many, and one second."""

from itertools import batched

from tests.bench.common import OPUS_CHOICES, Options, next_month, opus_times, under_way
from tests.bench.report import Table, Target, median, number, p95, spread
from tests.bench.system import System
from vendors.sandbox import opus

PATIENTS = {1: 10.0, 64: 30.0, 256: 125.0}
"""And the milliseconds that we may add."""
ROUNDS = 300
COLD_ROUNDS = 6
VENDOR_SECONDS = 1.0


def measure(system: System, table: Table, options: Options) -> None:
    table.part("times", "a page with a week of free times (Opus); median / p95 where two figures stand")
    _warm(system, table)
    for patients in PATIENTS:
        _cold(system, table, patients)


def seconds(system: System, address: str, origin: list[object] | None = None) -> list[float]:
    """Of one patient's pages, one after the other."""
    visits = system.patients.ask("visits", origin=origin or system.origin, addresses=[[address] * (ROUNDS + 20)])
    return [row[3] for row in visits[20:] if row[4] == 200]


def _warm(system: System, table: Table) -> None:
    (slug,) = system.add("opus", "warm", 1)
    pages = {
        "a Django page that does nothing, same web server": seconds(system, "/null/", system.null),
        "the product's page that does nothing (/healthz)": seconds(system, "/healthz"),
        "times, everybody's, one patient, what is kept is fresh": seconds(system, opus_times(slug)),
        "times, one provider's": seconds(system, opus_times(slug, clinic=opus.CITY, provider="1")),
    }
    null = median(pages["a Django page that does nothing, same web server"])
    targets = {"times, everybody's, one patient, what is kept is fresh": Target(most=10, unit="ms")}
    for what, found in pages.items():
        ratio = f"{number(median(found) / null)} × nothing"
        table.row(what, median(found) * 1000, "ms", targets.get(what), ratio)
        table.note(f"p95 {number(p95(found) * 1000)} ms, of {len(found)}")


def _cold(system: System, table: Table, patients: int) -> None:
    """Every patient at a practice of their own, so that each page asks; no thinking in between."""
    slugs = system.add("opus", f"cold{patients}", patients)
    rounds = COLD_ROUNDS if patients > 1 else 12
    lists = [f"/{slug}/en/provider/?service={service}&clinic={opus.CITY}" for slug in slugs for service in ("1", "2")]
    for some in batched(lists, 16, strict=False):  # the lists are there already; only the times are asked for
        system.patients.ask("visits", origin=system.origin, addresses=[[address] for address in some])
    system.vendor.ask("take", seconds=VENDOR_SECONDS, mounts=slugs)
    system.vendor.ask("calls", mounts=slugs)
    addresses = [[opus_times(slug, *choice) for choice in OPUS_CHOICES[:rounds]] for slug in slugs]
    worked = system.cpu()
    visits = system.patients.ask("visits", origin=system.origin, addresses=addresses, ramp=VENDOR_SECONDS)
    worked = system.cpu() - worked
    calls = system.vendor.ask("calls", mounts=slugs)
    added, asked = [], 0
    for who, _kind, start, took, status, _bytes in visits:
        theirs = under_way(calls[slugs[who]], start, start + took)
        if status == 200 and theirs:
            asked += 1
            added.append(took - theirs)
    first, last = min(row[2] for row in visits), max(row[2] + row[3] for row in visits)
    year, month, _day = next_month().split("-")
    direct = system.patients.ask(
        "visits",
        origin=["127.0.0.1", system.vendor_port],
        addresses=[[f"/{slug}/api/v1/timeslot?treatmentID=1&year={year}&month={int(month)}"] * 3 for slug in slugs],
        ramp=VENDOR_SECONDS,
        headers={"api_key": opus.API_KEY, "Accept": "application/json"},
    )
    straight = [row[3] - VENDOR_SECONDS for row in direct if row[4] == 200]
    system.vendor.ask("take", seconds=0, mounts=slugs)
    ratio = f"{number(median(added) / median(straight))} × direct" if straight else ""
    target = Target(most=PATIENTS[patients], unit="ms")
    table.row(f"added to the vendor's second, {patients} at once", median(added) * 1000, "ms", target, ratio)
    statuses = sum(row[4] != 200 for row in visits)
    table.note(
        f"p95 {number(p95(added) * 1000)} ms; {asked} of {len(visits)} pages asked the vendor, {statuses} failed; "
        f"{number(len(visits) / (last - first))} pages/s, {number(worked / len(visits) * 1000)} ms of CPU each; "
        f"a direct call adds {spread(straight)}"
    )
