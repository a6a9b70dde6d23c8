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


class Server:
    def __init__(self, port: int) -> None:
        self.port = port

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
def server() -> Iterator[Server]:
    bin_folder = programs()
    as_somebody = _not_root()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="anteroom-postgres-"))
    try:
        if as_somebody:
            shutil.chown(folder, as_somebody["user"], as_somebody["group"])
        data = folder / "data"
        options: dict[str, Any] = {"cwd": folder, "stdin": subprocess.DEVNULL, **as_somebody}
        made = subprocess.run(
            [
                *(bin_folder / "initdb", "--pgdata", data, "--username=postgres", "--auth=trust"),
                *("--encoding=UTF8", "--no-locale", "--no-sync"),
            ],
            **options,
            capture_output=True,
            text=True,
        )
        if made.returncode:
            raise AssertionError(f"initdb: {made.stderr}")
        port = free_port()
        settings = {
            "port": str(port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "shared_buffers": "32MB",
            "max_connections": "100",
        }
        with (folder / "log.txt").open("wb") as log:
            process = subprocess.Popen(
                [bin_folder / "postgres", "-D", data, *(f"--{name}={value}" for name, value in settings.items())],
                **options,
                stdout=log,
                stderr=log,
            )
        try:
            running = Server(port)
            _wait_until_ready(running, process, folder / "log.txt")
            yield running
        finally:
            end(process, politely_with=signal.SIGINT)  # without waiting for its clients
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _not_root() -> dict[str, Any]:
    """PostgreSQL refuses to run as root: then it runs as somebody else."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            who = pwd.getpwnam(name)
            return {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}
    raise Missing("postgres: it refuses to run as root. Run the tests as another user")


def _wait_until_ready(running: Server, process: subprocess.Popen[Any], log: pathlib.Path) -> None:
    ends = time.monotonic() + 30
    while time.monotonic() < ends and process.poll() is None:
        with suppress(psycopg.OperationalError), running.connect():
            return
        time.sleep(0.05)
    raise AssertionError(f"PostgreSQL does not answer\n{log.read_text()}")
