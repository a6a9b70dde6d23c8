"""A clinic's website: a page with the booking pages in a frame, on http://localhost, another site than 127.0.0.1."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, urlsplit

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Our clinic</title><link rel="icon" href="data:,">
<h1>Our clinic</h1><iframe title="Book an appointment" src="{frame}" width="360" height="700"></iframe>"""
COOKIE_PAGE = """<!doctype html><meta charset="utf-8"><title>Cookies</title>
<script>document.cookie = "taste=sweet; SameSite=None; Secure"; document.cookie = "plain=1";
document.title = "cookies: " + document.cookie</script>"""
"""Says in its title which cookies it could set: proof that a browser which should block them does."""


class Embedder:
    origin = ""

    def page(self, frame: str) -> str:
        """The address of a page that shows this one in a frame."""
        return f"{self.origin}/?frame={frame}"

    @property
    def cookies(self) -> str:
        return f"{self.origin}/cookies"

    @contextmanager
    def serve(self) -> Iterator[Self]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.origin = f"http://localhost:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        frame = parse_qs(parts.query).get("frame", [""])[0]
        body = (COOKIE_PAGE if parts.path == "/cookies" else PAGE.format(frame=escape(frame))).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""
