"""Where the time of a page goes: not a measurement, but what to look at when one is missed."""

from typing import Any

from tests.bench.common import Options, next_month, opus_times, weeks
from tests.bench.report import Table, number
from tests.bench.system import System


def measure(system: System, table: Table, options: Options) -> None:
    table.part("profile", "through Django's client, without the web server; shares of the time under the profiler")
    (slug,) = system.add("opus", "profile", 1)
    origin = system.origin
    path = system.patients.ask("path_to", origin=origin, slug=slug, service="1", day=next_month())
    _show(table, "times, one page", system.rows.ask("profile_page", address=opus_times(slug), origin=origin))
    _show(table, "details, one page", system.rows.ask("profile_page", address=path["details"], origin=origin))
    whole = system.rows.ask("profile_journey", origin=origin, slug=slug, service="1", days=weeks())
    _show(table, "a whole journey", whole)


def _show(table: Table, what: str, found: dict[str, Any]) -> None:
    table.row(what, found["milliseconds"], "ms")
    table.note("by own time:")
    for name, calls, own, _below, _ours in found["own"]:
        table.note(f"  {own:6.1%}  {number(calls):>7} ×  {name}")
    table.note("ours, and the database's, with what they call:")
    for name, calls, _own, below, _ours in found["with_below"]:
        table.note(f"  {below:6.1%}  {number(calls):>7} ×  {name}")
