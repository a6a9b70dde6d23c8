"""The whole product, started as in production: gunicorn, the worker, a database of its own, and the vendors' sandboxes.

The sandboxes run in the test's own process, so that a test can read their ledgers and let them misbehave.
"""

import json
import os
import pathlib
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from cryptography.fernet import Fernet

from vendors.sandbox import SANDBOXES, Sandbox

ROOT = pathlib.Path(__file__).resolve().parents[2]
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")

CHARTS = {"open_dental": ("PatNum", "PatNum"), "alfadocs": ("id", "patientId")}
"""Where a diary's entry names the patient only by the number of a chart: that number in the chart, and in the entry."""
UNREACHABLE = "unreachable"
"""The slug of a practice whose vendor nobody answers for."""


@dataclass(frozen=True, eq=False)
class Product:
    url: str
    sandboxes: Mapping[str, Sandbox]
    """By the vendor's name."""
    practices: Mapping[str, Mapping[str, Any]]
    """Their tables of the practices file, by the vendor's name."""
    environment: Mapping[str, str]
    log: pathlib.Path
    """What the web server and the worker wrote."""

    def slug(self, vendor: str) -> str:
        return str(self.practices[vendor]["slug"])

    def address(self, vendor: str, path: str = "", language: str = "en") -> str:
        return f"{self.url}/{self.slug(vendor)}/{language}/{path}"

    def ledger(self, vendor: str, patient: str) -> list[dict[str, Any]]:
        """The entries of the vendor's diary in which this patient's name stands, or the number of their only chart."""
        sandbox = self.sandboxes[vendor]
        entries = sandbox.appointments()
        if vendor not in CHARTS:
            return [entry for entry in entries if patient in json.dumps(entry, ensure_ascii=False)]
        number_of_chart, number_in_entry = CHARTS[vendor]
        with sandbox.lock:
            charts = [row for row in sandbox.diary["patients"] if patient in json.dumps(row, ensure_ascii=False)]
        assert len(charts) <= 1
        return [entry for entry in entries for chart in charts if entry[number_in_entry] == chart[number_of_chart]]

    def manage(self, *arguments: str) -> str:
        """Runs `manage.py` as somebody who runs the product does."""
        return _run([sys.executable, "manage.py", *arguments], self.environment)


@contextmanager
def started(
    folder: pathlib.Path,
    *,
    database_url: str = "",
    embed_origins: tuple[str, ...] = (),
    threads: int = 16,
    worker: bool = True,
    more: Sequence[Mapping[str, Any]] = (),
    languages: Sequence[str] = (),
) -> Iterator[Product]:
    """Everything up and answering, with a practice per vendor; all of it is ended afterwards.

    `more`: further practices, each what it has other than the one at Opus. `languages`: of every practice, instead of
    its own.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        sandboxes = {vendor: sandbox() for vendor, sandbox in SANDBOXES.items()}
        practices = {
            vendor: sandbox.practice(stack.enter_context(sandbox.serve())) for vendor, sandbox in sandboxes.items()
        }
        for table in practices.values():
            table["embed_origins"] = list(embed_origins)
            table["languages"] = list(languages) or table["languages"]
        product = Product(
            url=url,
            sandboxes=sandboxes,
            practices=practices,
            environment=environment(folder, url, database_url),
            log=folder / "log.txt",
        )
        nobody = {
            **practices["opus"],
            "slug": UNREACHABLE,
            "connection": {"base_url": f"http://127.0.0.1:{free_port()}", "api_key": "none"},
        }
        file = folder / "practices.toml"
        others = [{**practices["opus"], **table} for table in more]
        file.write_text("\n".join(_toml(table) for table in [*practices.values(), nobody, *others]), encoding="utf-8")
        _build_static_files(product.environment)
        product.manage("migrate", "--verbosity", "0")
        product.manage("load_practices", str(file))
        commands = [
            [
                *(sys.executable, "-m", "gunicorn", f"--bind=127.0.0.1:{port}", "--workers=2", f"--threads={threads}"),
                *("--worker-class=gthread", "--log-level=warning", "booking.wsgi"),
            ]
        ]
        if worker:
            commands.append([sys.executable, "manage.py", "worker"])
        log = stack.enter_context(product.log.open("wb"))
        for command in commands:
            process = subprocess.Popen(
                command, cwd=ROOT, env=product.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
            stack.callback(end, process)
        _wait_until_ready(product)
        yield product


def environment(folder: pathlib.Path, url: str, database_url: str = "") -> dict[str, str]:
    """Like the Makefile's for the demo; nothing of the tests' own settings."""
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ} | {
        "DJANGO_SETTINGS_MODULE": "booking.settings",
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "SECRET_KEY": secrets.token_urlsafe(40),
        "FIELD_KEYS": Fernet.generate_key().decode(),
        "DATABASE_URL": database_url or f"sqlite:///{folder / 'database.sqlite3'}",
        "EMAIL_URL": f"filemail:///{folder / 'mail'}",
        "BASE_URL": url,
        "ALLOW_PRIVATE_VENDOR_HOSTS": "true",
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def end(process: subprocess.Popen[Any], politely_with: int = signal.SIGTERM) -> None:
    """Ends a process that a test started."""
    process.send_signal(politely_with)
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _run(command: list[str], environment: Mapping[str, str]) -> str:
    done = subprocess.run(command, cwd=ROOT, env=dict(environment), capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def _build_static_files(environment: Mapping[str, str]) -> None:
    """`make setup` has done this; again where somebody changed a file since."""
    manifest = ROOT / ".staticfiles" / "staticfiles.json"
    changed = max(file.stat().st_mtime for file in (ROOT / "static").rglob("*"))
    if not manifest.exists() or manifest.stat().st_mtime < changed:
        _run([sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity", "0"], environment)


def _wait_until_ready(product: Product) -> None:
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        try:
            if httpx.get(f"{product.url}/readyz", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"the product does not answer\n{product.log.read_text()[-4000:]}")


def _toml(table: Mapping[str, Any]) -> str:
    """A `[[practice]]` of the practices file. JSON's texts, numbers and lists are TOML's too."""
    tables = {key: value for key, value in table.items() if isinstance(value, dict)}
    services = table.get("service", [])
    lines = ["[[practice]]"]
    lines += [f"{k} = {_value(v)}" for k, v in table.items() if k not in tables and k != "service"]
    for key, value in tables.items():
        lines += [f"[practice.{key}]", *(f"{k} = {_value(v)}" for k, v in value.items())]
    for service in services:
        lines += ["[[practice.service]]", *(f"{k} = {_value(v)}" for k, v in service.items())]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {_value(v)}" for k, v in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)
