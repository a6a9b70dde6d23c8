"""A PostgreSQL of the tests' own: a server on a data folder of its own, on loopback, that ends with them."""

import os
import pathlib
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg

from tests.browser.product import ROOT, end, free_port


class Missing(Exception):
    """PostgreSQL's programs are not here. Says how to get them."""


SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "100",
}
"""Fast. Where the server is to be killed, `synchronous_commit` has to be on: then what is committed outlives it."""
READY_WITHIN = 30.0


class Server:
    def __init__(self, programs: pathlib.Path, folder: pathlib.Path, settings: dict[str, str]) -> None:
        self.port = free_port()
        self._folder = folder
        given = {**SETTINGS, "port": str(self.port), **settings}
        self._command = [
            *(programs / "postgres", "-D", folder / "data"),
            *(f"--{name}={value}" for name, value in given.items()),
        ]

    def start(self) -> None:
        """Also after a kill, when the processes of the old one may still be on their way out."""
        ends = time.monotonic() + READY_WITHIN
        log = self._folder / "log.txt"
        while time.monotonic() < ends:
            with log.open("ab") as output:
                self._process = subprocess.Popen(
                    self._command,
                    **_as_somebody(),
                    cwd=self._folder,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                )
            while time.monotonic() < ends and self._process.poll() is None:
                with suppress(psycopg.OperationalError), self.connect():
                    return
                time.sleep(0.05)
        self.stop()
        raise AssertionError(f"PostgreSQL does not answer\n{log.read_text()}")

    def stop(self) -> None:
        end(
            self._process, politely_with=signal.SIGQUIT
        )  # without waiting for its clients, and nobody reads its data again

    def kill(self) -> None:
        """As a loss of power to it: the postmaster first, so that it tells its children nothing."""
        with self.connect() as connection:
            children = connection.execute("SELECT pid FROM pg_stat_activity").fetchall()
        self._process.kill()
        for (pid,) in children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user="postgres", dbname=database, connect_timeout=5, autocommit=True
        )

    def new_database(self) -> str:
        """The DATABASE_URL of an empty database."""
        name = f"anteroom_{secrets.token_hex(4)}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgres://postgres@127.0.0.1:{self.port}/{name}"


def programs() -> pathlib.Path:
    """The folder of PostgreSQL's programs. Raises `Missing`."""
    found = subprocess.run([ROOT / ".ci" / "postgres", "--only-look"], capture_output=True, text=True)
    if found.returncode:
        raise Missing(found.stderr.strip())
    return pathlib.Path(found.stdout.strip())


@contextmanager
def server(**settings: str) -> Iterator[Server]:
    """`settings`: PostgreSQL's own, beside `SETTINGS`."""
    bin_folder = programs()
    as_somebody = _as_somebody()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="anteroom-postgres-"))
    try:
        if as_somebody:
            shutil.chown(folder, as_somebody["user"], as_somebody["group"])
        made = subprocess.run(
            [
                *(bin_folder / "initdb", "--pgdata", folder / "data", "--username=postgres", "--auth=trust"),
                *("--encoding=UTF8", "--no-locale", "--no-sync"),
            ],
            **as_somebody,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if made.returncode:
            raise AssertionError(f"initdb: {made.stderr}")
        running = Server(bin_folder, folder, settings)
        running.start()
        try:
            yield running
        finally:
            running.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as_somebody() -> dict[str, Any]:
    """PostgreSQL refuses to run as root: then it runs as somebody else."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            who = pwd.getpwnam(name)
            return {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}
    raise Missing("postgres: it refuses to run as root. Run the tests as another user")
