"""Processes that do one task a line, as JSON, and answer each with a line."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, Self

from tests.browser.product import ROOT, end


class Helper:
    """A process of `python -m <module>`, from `with` to its end."""

    def __init__(self, module: str, environment: Mapping[str, str]) -> None:
        self._module, self._environment = module, dict(environment)
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", self._module],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        end(self._process)

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, do: str, **task: Any) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        with self._lock:
            self._process.stdin.write(json.dumps({"do": do, **task}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._module} ended at {do!r}")
        return json.loads(line)


def answer(tasks: Mapping[str, Callable[..., Any]]) -> None:
    """What such a process does, until nobody asks any more."""
    for line in sys.stdin:
        task = json.loads(line)
        said = tasks[task.pop("do")](**task)
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
