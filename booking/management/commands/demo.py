"""Everything at once on this machine, to try it: a practice per vendor, its sandbox, the pages, the worker, and a
clinic's website that shows the pages.
"""

import os
import pathlib
import secrets
import signal
import socket
import subprocess
import sys
import threading
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from booking import audit, embedding, practices
from booking.models import Practice
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
            website = stack.enter_context(_clinic_website(_free_port(port + len(SANDBOXES) + 1), tables[0]["slug"]))
            for table in tables:
                table["embed_origins"] = [*table.get("embed_origins", []), website]
            practices.load_tables(tables, actor=audit.COMMAND)
            processes = [
                subprocess.Popen(command, env={**os.environ, "PORT": str(port)})
                for command in (
                    [sys.executable, "-m", "gunicorn", *_gunicorn(port)],
                    [sys.executable, "manage.py", "worker"],
                )
            ]
            stack.callback(_end, processes)
            self._say(port, tables, password, website)
            try:
                code = processes[0].wait()
            except KeyboardInterrupt:
                return
            if code:
                cure = f"Is port {port} taken? PORT=8001 make demo"
                raise CommandError(f"the web server stopped (exit status {code}). {cure}")

    def _say(self, port: int, tables: list[dict[str, Any]], password: str, website: str) -> None:
        here = f"http://127.0.0.1:{port}"
        lines = ["", "Anteroom is ready. Book as a patient:", ""]
        lines += [f"  {table['name']:<28} {here}/{table['slug']}/" for table in tables]
        lines += [
            "",
            f"A clinic's website that shows the first of them: {website}/",
            f"The practices' side: {here}/admin/   user: {ADMIN}   password: {password}",
            "Ctrl-C stops it.",
            "",
        ]
        self.stdout.write("\n".join(lines))
        self.stdout.flush()


STYLE = """body { font-family: sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #223 }
.modes { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 2rem }"""


@contextmanager
def _clinic_website(port: int, slug: str) -> Iterator[str]:
    """Serves a clinic's website with the three modes side by side, under the strictest policy. Answers its origin."""
    server = ThreadingHTTPServer(("127.0.0.1", port), _ClinicPage)
    server.slug = slug  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://clinic.localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _ClinicPage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        style = self.path == "/site.css"
        body = (STYLE if style else _modes(self.server.slug)).encode()  # type: ignore[attr-defined]
        ours = settings.BASE_URL
        policy = f"default-src 'none'; style-src 'self'; img-src data:; script-src {ours}; frame-src {ours}"
        self.send_response(200)
        self.send_header("Content-Type", f"text/{'css' if style else 'html'}; charset=utf-8")
        self.send_header("Content-Security-Policy", policy)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


def _modes(slug: str) -> str:
    practice = Practice(slug=slug, languages=["en"])
    inline, popup, button = (embedding.snippet(practice, mode, "en") for mode in embedding.Mode)
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>A clinic’s website</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/site.css"></head><body>
<h1>A clinic’s website</h1><div class="modes">
<section><h2>In the page</h2>{inline}</section>
<section><h2>A button</h2><p>The script makes a button of its link.</p>{button}</section>
<section><h2>The website’s own links</h2><p>Each of them opens the pop-up: {popup}</p></section>
</div></body></html>"""


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
