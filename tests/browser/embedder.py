"""A clinic's website on another site than the booking pages: on http://localhost, or a name below it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

HEAD = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Our clinic</title><link rel="icon" href="data:,">'
PAGE = (
    HEAD + '\n<h1>Our clinic</h1><iframe title="Book an appointment" src="{frame}" width="360" height="700"></iframe>'
)
COOKIE_PAGE = """<!doctype html><meta charset="utf-8"><title>Cookies</title>
<script>document.cookie = "taste=sweet; SameSite=None; Secure"; document.cookie = "plain=1";
document.title = "cookies: " + document.cookie</script>"""
"""Says in its title which cookies it could set: proof that a browser which should block them does."""


class Embedder:
    def __init__(self, host: str = "localhost") -> None:
        self.host = host
        self.origin = ""
        self.pages: dict[str, tuple[str, str]] = {}
        """By path: the HTML of a page that a test wrote, and its content security policy."""

    def page(self, frame: str) -> str:
        """The address of a page that shows this one in a frame."""
        return f"{self.origin}/?frame={frame}"

    def write(self, path: str, body: str, policy: str = "") -> str:
        """Puts a page there, and answers its address."""
        self.pages[path] = (f"{HEAD}\n{body}", policy)
        return self.origin + path

    @property
    def cookies(self) -> str:
        return f"{self.origin}/cookies"

    @contextmanager
    def serve(self) -> Iterator[Self]:
        server = _Server(("127.0.0.1", 0), _Handler)
        server.embedder = self
        self.origin = f"http://{self.host}:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Server(ThreadingHTTPServer):
    embedder: Embedder


class _Handler(BaseHTTPRequestHandler):
    server: Any

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        frame = parse_qs(parts.query).get("frame", [""])[0]
        usual = COOKIE_PAGE if parts.path == "/cookies" else PAGE.format(frame=escape(frame))
        html, policy = self.server.embedder.pages.get(parts.path, (usual, ""))
        body = html.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        if policy:
            self.send_header("Content-Security-Policy", policy)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""
