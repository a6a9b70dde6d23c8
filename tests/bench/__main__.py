"""`python -m tests.bench [part …]`: measures all parts, or these, and prints a table."""

import argparse
import pathlib
import platform
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack

import django

from tests.bench import calls, growth, isolation, journeys, lighthouse, profiles, sizes, times
from tests.bench.common import Options
from tests.bench.report import Table, say
from tests.bench.system import System, facts, started
from tests.races import postgres

type Part = Callable[[System, Table, Options, pathlib.Path], None]

PARTS: dict[str, Part] = {
    "times": lambda system, table, options, folder: times.measure(system, table, options),
    "journeys": lambda system, table, options, folder: journeys.measure(system, table, options),
    "isolation": lambda system, table, options, folder: isolation.measure(system, table, options),
    "calls": calls.measure,
    "growth": growth.measure,
    "bytes": lambda system, table, options, folder: sizes.measure(system, table, options),
    "lighthouse": lighthouse.measure,
    "profile": lambda system, table, options, folder: profiles.measure(system, table, options),
}


def main() -> None:
    options, parts = _arguments()
    table = Table()
    with ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="anteroom-bench-")))
        system = stack.enter_context(started(_new(folder, "all"), sqlite=options.sqlite))
        say(
            *facts(),
            f"Python {platform.python_version()}, Django {django.__version__}, {system.rows.ask('database')}",
            "the web server as in `make serve`; vendors, patients, database and worker on the same cores",
        )
        for name in parts:
            system.rows.ask("forget_visits")
            PARTS[name](system, table, options, _new(folder, name))
        broken = system.vendor.ask("breaches")
        if broken:
            say(
                "",
                "Rules of a vendor's contract that were broken:",
                *(f"   {n} × {rule}" for rule, n in broken.items()),
            )
        if system.tracebacks():
            kept = pathlib.Path(tempfile.mkdtemp(prefix="anteroom-bench-log-")) / "log.txt"
            kept.write_bytes(system.log.read_bytes())
            say("", f"{system.tracebacks()} tracebacks in the log, kept as {kept}")
    table.end()


def _new(folder: pathlib.Path, name: str) -> pathlib.Path:
    made = folder / name
    made.mkdir()
    return made


def _arguments() -> tuple[Options, list[str]]:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    # Not `choices`: argparse would hold the empty list against them.
    parser.add_argument("parts", nargs="*", metavar="part", help=f"all but profile, or some of: {' '.join(PARTS)}")
    parser.add_argument("--sqlite", action="store_true", help="on SQLite instead of PostgreSQL")
    parser.add_argument("--full", action="store_true", help="also with a million bookings")
    parser.add_argument("--seconds", type=float, default=15, help="how long a crowd is watched (default: 15)")
    parser.add_argument("--lighthouse", default="", metavar="FOLDER", help="where Lighthouse is, or is kept")
    given = parser.parse_args()
    unknown = [part for part in given.parts if part not in PARTS]
    if unknown:
        parser.error(f"no such part: {' '.join(unknown)} (known: {' '.join(PARTS)})")
    options = Options(given.full, given.sqlite, given.seconds, given.lighthouse)
    return options, given.parts or [part for part in PARTS if part != "profile"]


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, postgres.Missing, OSError) as error:
        sys.exit(f"bench: could not measure: {error}")
