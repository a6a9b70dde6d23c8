"""What is measured: the product as `make serve` and `make worker` run it, its database, and the vendors beside it."""

import os
import pathlib
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.bench.lines import Helper
from tests.browser.product import ROOT, end, environment, free_port
from tests.races import postgres

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, eq=False)
class System:
    url: str
    port: int
    null_port: int
    web: int
    """The process of gunicorn's master."""
    environment: Mapping[str, str]
    vendor: Helper
    rows: Helper
    patients: Helper
    vendor_port: int
    log: pathlib.Path

    @property
    def origin(self) -> list[Any]:
        return ["127.0.0.1", self.port]

    @property
    def null(self) -> list[Any]:
        return ["127.0.0.1", self.null_port]

    def add(self, vendor: str, prefix: str, count: int) -> list[str]:
        """So many practices with this vendor, each with a diary of its own. Answers their slugs."""
        slugs = [f"{prefix.replace('_', '-')}-{number}" for number in range(count)]
        tables = self.vendor.ask("add", vendor=vendor, mounts=slugs)
        self.rows.ask("load", tables=tables)
        return slugs

    def cpu(self) -> float:
        """Seconds that the web server's processes have worked, those that ended included."""
        return sum(_seconds(pid) for pid in [self.web, *_children(self.web)])

    def memory(self) -> float:
        """MiB that the larger of the web server's workers has in memory."""
        return max(_resident(pid) for pid in _children(self.web))

    def tracebacks(self) -> int:
        return self.log.read_text(errors="replace").count("Traceback (most recent call last)")


@contextmanager
def started(folder: pathlib.Path, *, sqlite: bool = False, worker: bool = True) -> Iterator[System]:
    """Everything up, with an empty database and no practice yet. Raises `postgres.Missing`."""
    with ExitStack() as stack:
        database = "" if sqlite else stack.enter_context(postgres.server()).new_database()
        port, null_port = free_port(), free_port()
        url = f"http://127.0.0.1:{port}"
        surroundings = environment(folder, url, database)
        log = folder / "log.txt"
        _run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], surroundings)
        _run([sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity", "0"], surroundings)
        vendor = stack.enter_context(Helper("tests.bench.vendor", surroundings))
        rows = stack.enter_context(Helper("tests.bench.rows", surroundings))
        patients = stack.enter_context(Helper("tests.bench.patients", surroundings))
        said = stack.enter_context(log.open("wb"))
        options: dict[str, Any] = {"cwd": ROOT, "env": surroundings, "stdin": subprocess.DEVNULL}
        options |= {"stdout": said, "stderr": said}
        command = serve_command(port)
        web = subprocess.Popen(["/bin/sh", "-c", command], **options)
        stack.callback(end, web)
        null = serve_command(null_port).replace("booking.wsgi", "tests.bench.null_page")
        stack.callback(end, subprocess.Popen(["/bin/sh", "-c", null], **options))
        if worker:
            stack.callback(end, subprocess.Popen([sys.executable, "manage.py", "worker"], **options))
        running = System(
            url=url,
            port=port,
            null_port=null_port,
            web=web.pid,
            environment=surroundings,
            vendor=vendor,
            rows=rows,
            patients=patients,
            vendor_port=vendor.ask("port"),
            log=log,
        )
        _wait_for(f"{url}/readyz", log)
        _wait_for(f"http://127.0.0.1:{null_port}/null/", log)
        yield running


def serve_command(port: int) -> str:
    """The web server's line of `make serve`, for this port and on loopback only."""
    passed_on = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        ["make", "--no-print-directory", "-n", "serve", f"PORT={port}"],
        cwd=ROOT,
        env=passed_on,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = re.sub(r"\\\n\s*", "", done.stdout).splitlines()
    return next(line for line in lines if " gunicorn " in line).replace("0.0.0.0", "127.0.0.1")


def _run(command: list[str], surroundings: Mapping[str, str]) -> None:
    done = subprocess.run(command, cwd=ROOT, env=dict(surroundings), capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")


def _wait_for(address: str, log: pathlib.Path) -> None:
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        try:
            if httpx.get(address, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"{address} does not answer\n{log.read_text()[-4000:]}")


# --- /proc -----------------------------------------------------------------------------------------------------------


def _stat(pid: int) -> list[str]:
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _seconds(pid: int) -> float:
    """Its own and those of its children that ended."""
    return sum(int(ticks) for ticks in _stat(pid)[11:15]) / TICKS


def _resident(pid: int) -> float:
    return int(_stat(pid)[21]) * PAGE / 1024**2


def _children(pid: int) -> list[int]:
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def facts() -> list[str]:
    """About this machine, and how busy it is with other things."""
    model = next((m[1] for m in [re.search(r"model name\s*: (.*)", _read("/proc/cpuinfo"))] if m), "unknown processor")
    memory = re.search(r"MemTotal:\s*(\d+)", _read("/proc/meminfo"))
    load = ", ".join(f"{load:.2f}" for load in os.getloadavg())
    return [
        f"{os.process_cpu_count()} cores ({model}), {int(memory[1]) // 1024**2 if memory else '?'} GiB of memory",
        f"load before: {load}",
    ]


def _read(path: str) -> str:
    try:
        return pathlib.Path(path).read_text()
    except OSError:
        return ""
