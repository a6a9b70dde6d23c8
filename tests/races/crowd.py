"""Many patients at once: in processes of their own on the domain's functions, or as clients of the running product."""

import collections
import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import httpx

from tests.browser.product import ROOT, Product, end

type Choice = dict[str, str]
type Row = dict[str, Any]


class Crowd:
    """Processes of `tests.races.patients` that race against one another."""

    def __init__(self, environment: Mapping[str, str], processes: int) -> None:
        self._environment = dict(environment)
        self._count = processes

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.races.patients"]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._processes = [
            subprocess.Popen(command, cwd=ROOT, env=self._environment, **pipes) for _ in range(self._count)
        ]
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            assert process.stdin
            assert process.stdout
            process.stdin.close()
            process.stdout.close()
            end(process)

    def times(self, practice: str, choice: Choice) -> list[Row]:
        return self._ask(self._processes[0], {"do": "times", "practice": practice, "choice": choice})

    def race(
        self,
        practice: str,
        choice: Choice,
        slots: list[str],
        *,
        patients: int = 50,
        guarded: bool = True,
        together: int = 0,
    ) -> dict[str, int]:
        """How many held a time, found it taken, or failed in another way."""
        task = {"do": "race", "practice": practice, "choice": choice, "slots": slots}
        task |= {"patients": patients // self._count, "guarded": guarded, "together": together}
        for process in self._processes:
            assert self._ask(process, task) == "ready"
        for process in self._processes:
            self._say(process, "go")
        ends: collections.Counter[str] = collections.Counter()
        for process in self._processes:
            ends.update(self._hear(process))
        return dict(ends)

    def do(self, what: str, practice: str, patients: int) -> dict[str, int]:
        """How many could, and how others failed: patients of one process."""
        return self._ask(self._processes[0], {"do": what, "practice": practice, "patients": patients})

    def _ask(self, process: subprocess.Popen[str], task: object) -> Any:
        self._say(process, task)
        return self._hear(process)

    @staticmethod
    def _say(process: subprocess.Popen[str], task: object) -> None:
        assert process.stdin
        process.stdin.write(json.dumps(task) + "\n")
        process.stdin.flush()

    @staticmethod
    def _hear(process: subprocess.Popen[str]) -> Any:
        assert process.stdout
        line = process.stdout.readline()
        assert line, "a process of patients ended"
        return json.loads(line)


class Client:
    """A patient's browser without a screen."""

    def __init__(self, product: Product) -> None:
        self._product = product
        # Without keeping a connection: a new patient comes to whichever process is free.
        self._http = httpx.Client(trust_env=False, timeout=60, headers={"Origin": product.url, "Connection": "close"})

    def get(self, address: str) -> httpx.Response:
        return self._http.get(httpx.URL(self._product.url).join(address))

    def post(self, address: str, **fields: str) -> httpx.Response:
        return self._http.post(httpx.URL(self._product.url).join(address), data=fields)

    def times(self, vendor: str, choice: Choice) -> list[str]:
        page = self._http.get(self._product.address(vendor, "times/"), params=choice)
        return re.findall(r'name="slot" value="([^"]+)"', page.text)

    def hold(self, vendor: str, choice: Choice, slot: str) -> httpx.Response:
        return self.post(self._product.address(vendor, "hold/"), **choice, slot=slot)


def at_once[T](calls: list[Callable[[], T]]) -> list[T]:
    """What the calls answer; they all start at the same moment."""
    line_up = threading.Barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        line_up.wait()
        return call()

    with ThreadPoolExecutor(max_workers=len(calls)) as pool:
        return list(pool.map(run, calls))
