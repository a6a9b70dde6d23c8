"""Everything at once on this machine, to try it: a practice per vendor, its sandbox, the pages, the worker."""

import os
import pathlib
import secrets
import signal
import socket
import subprocess
import sys
from argparse import ArgumentParser
from contextlib import ExitStack
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from booking import audit, practices
from vendors.sandbox import SANDBOXES

ADMIN = "admin"


class Command(BaseCommand):
    help = "Serves demo practices, each on its vendor's sandbox. Ctrl-C stops all of it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=pathlib.Path, help="where the demo keeps its data")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        folder: pathlib.Path = options["folder"]
        port: int = options["port"]
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        call_command("migrate", verbosity=0)
        password = _admin_password(folder)
        with ExitStack() as stack:
            tables = []
            for number, (vendor, sandbox) in enumerate(SANDBOXES.items(), 1):
                address = stack.enter_context(sandbox(file=folder / f"{vendor}.json").serve(_free_port(port + number)))
                tables.append(sandbox().practice(address))
            practices.load_tables(tables, actor=audit.COMMAND)
            processes = [
                subprocess.Popen(command, env={**os.environ, "PORT": str(port)})
                for command in (
                    [sys.executable, "-m", "gunicorn", *_gunicorn(port)],
                    [sys.executable, "manage.py", "worker"],
                )
            ]
            stack.callback(_end, processes)
            self._say(port, tables, password)
            try:
                code = processes[0].wait()
            except KeyboardInterrupt:
                return
            if code:
                cure = f"Is port {port} taken? PORT=8001 make demo"
                raise CommandError(f"the web server stopped (exit status {code}). {cure}")

    def _say(self, port: int, tables: list[dict[str, Any]], password: str) -> None:
        here = f"http://127.0.0.1:{port}"
        lines = ["", "Anteroom is ready. Book as a patient:", ""]
        lines += [f"  {table['name']:<28} {here}/{table['slug']}/" for table in tables]
        lines += [
            "",
            f"The practices' side: {here}/admin/   user: {ADMIN}   password: {password}",
            "Ctrl-C stops it.",
            "",
        ]
        self.stdout.write("\n".join(lines))
        self.stdout.flush()


def _gunicorn(port: int) -> list[str]:
    return [
        f"--bind=127.0.0.1:{port}",
        "--workers=2",
        "--threads=16",
        "--worker-class=gthread",
        "--log-level=warning",
        "--no-control-socket",
        "booking.wsgi",
    ]


def _admin_password(folder: pathlib.Path) -> str:
    """The same at every start, so that it can be found again."""
    file = folder / "admin-password"
    if not file.exists():
        file.write_text(secrets.token_urlsafe(12))
        file.chmod(0o600)
    password = file.read_text()
    user, _created = get_user_model().objects.get_or_create(
        username=ADMIN, defaults={"is_staff": True, "is_superuser": True}
    )
    if not user.check_password(password):
        user.set_password(password)
        user.save()
    return password


def _free_port(wished: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wished))
        except OSError:
            return 0
    return wished


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(timeout=10)
