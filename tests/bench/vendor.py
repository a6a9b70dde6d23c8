"""Vendors in a process of their own, as slow as one likes: `python -m tests.bench.vendor`.

Many sandboxes stand behind one port, each under its own first part of the path. A reading is worked out once and said
again until something changes there, so that what the sandbox itself costs is not taken for the vendor's time.
"""

import collections
import io
import socket
import threading
import time
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

from tests.bench.lines import answer
from vendors.sandbox import SANDBOXES

SAID_AGAIN_FOR = 20.0
"""Seconds; what is offered today also changes by the clock."""

THE_SAME_FOR_ALL = ("opus",)
"""Vendors whose diaries are alike until something is written, so that a reading is worked out once for all of them."""

type Reading = tuple[str, str, str, str]
type Said = tuple[float, str, bytes]

_for_all: dict[Reading, Said] = {}


class Mount:
    """One sandbox, and how it was called."""

    def __init__(self, vendor: str) -> None:
        self.sandbox = SANDBOXES[vendor]()
        self.added = time.monotonic()
        self.lock = threading.Lock()
        self.seconds = 0.0
        self.changed = threading.Event()
        self.calls: list[tuple[str, float, float]] = []
        """Operation, and from when to when it was under way."""
        self.readings: dict[Reading, Said] = _for_all if vendor in THE_SAME_FOR_ALL else {}

    def take(self, seconds: float) -> None:
        """From now on a call takes so long, also those under way."""
        self.seconds = seconds
        self.changed.set()
        self.changed = threading.Event()

    def answer(self, environ: dict[str, Any]) -> bytes:
        begun, seconds, changed = time.monotonic(), self.seconds, self.changed
        with self.lock:
            operation, said = self._say(environ)
        if seconds:
            changed.wait(max(begun + seconds - time.monotonic(), 0))
        self.calls.append((operation, begun, time.monotonic()))
        return said

    def _say(self, environ: dict[str, Any]) -> tuple[str, bytes]:
        reads = environ["REQUEST_METHOD"] == "GET"
        headers = environ["sandbox.headers"]
        who, language = headers.get("authorization", ""), headers.get("accept-language", "")
        key = (environ["PATH_INFO"], environ["QUERY_STRING"], who, language)
        until, operation, said = self.readings.get(key, (0.0, "", b""))
        if not reads or until < time.monotonic():
            head: list[str] = []

            def start(status: str, given: list[tuple[str, str]]) -> None:
                head.extend([f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in given), "", ""])

            body = b"".join(self.sandbox(environ, start))
            operation = self.sandbox.calls.pop() if self.sandbox.calls else "unknown"
            said = "\r\n".join(head).encode() + body
            if reads:
                self.readings[key] = (time.monotonic() + SAID_AGAIN_FOR, operation, said)
            else:
                self.readings = {}
        return operation, said


class Handler(StreamRequestHandler):
    """HTTP/1.1, and no more of it than our own client needs."""

    disable_nagle_algorithm = True

    def handle(self) -> None:
        while asked := self.rfile.readline().decode("latin-1").split():
            headers = {}
            while line := self.rfile.readline().decode("latin-1").strip():
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            content = self.rfile.read(int(headers.get("content-length", 0)))
            path, _, query = asked[1].partition("?")
            mount, _, path = path[1:].partition("/")
            self.wfile.write(MOUNTS[mount].answer(self._environ(asked[0], f"/{path}", query, headers, content)))
            if headers.get("connection", "").lower() == "close":
                return

    def _environ(self, method: str, path: str, query: str, headers: dict[str, str], content: bytes) -> dict[str, Any]:
        return {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_LENGTH": str(len(content)),
            "CONTENT_TYPE": headers.get("content-type", ""),
            "wsgi.input": io.BytesIO(content),
            "sandbox.raw_path": path,
            "sandbox.headers": headers,
            "sandbox.socket": self.connection,
        }


class Server(ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024
    allow_reuse_address = True
    address_family = socket.AF_INET

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that hung up."""


MOUNTS: dict[str, Mount] = {}
server = Server(("127.0.0.1", 0), Handler)


def add(vendor: str, mounts: list[str]) -> list[dict[str, Any]]:
    """Their practices, as tables of the practices file."""
    tables = []
    for name in mounts:
        mount = MOUNTS[name] = Mount(vendor)
        table = mount.sandbox.practice(f"http://127.0.0.1:{port()}/{name}")
        tables.append({**table, "slug": name, "name": f"{table['name']} {name}"})
    return tables


def port() -> int:
    return int(server.server_address[1])


def take(seconds: float, mounts: list[str] | None = None) -> None:
    for name in mounts if mounts is not None else MOUNTS:
        MOUNTS[name].take(seconds)


def calls(mounts: list[str] | None = None) -> dict[str, list[tuple[str, float, float]]]:
    """Of each, since it was last asked for."""
    said = {}
    for name in mounts if mounts is not None else MOUNTS:
        said[name], MOUNTS[name].calls = MOUNTS[name].calls, []
    return said


def last_call(mounts: list[str]) -> float:
    """When the last one of these ended; the clock of this machine."""
    ends = [MOUNTS[name].calls[-1][2] for name in mounts if MOUNTS[name].calls]
    return max([*(MOUNTS[name].added for name in mounts), *ends])


def breaches() -> dict[str, int]:
    """How often each rule of a vendor's contract was broken."""
    return dict(collections.Counter(breach for mount in MOUNTS.values() for breach in mount.sandbox.breaches))


if __name__ == "__main__":
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    answer({"add": add, "take": take, "calls": calls, "last_call": last_call, "port": port, "breaches": breaches})
