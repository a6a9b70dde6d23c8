"""What all sandboxes share: routing, the ledger of calls and breaches, faults on demand, a server on loopback.

An operation is a method named in `routes`. It gets a `Request` and returns a `Reply`, or raises `Refusal`. A request
that breaks the vendor's contract is written to `breaches`, which a test expects to stay empty.
"""

import json
import pathlib
import re
import socket
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from socketserver import ThreadingMixIn
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

type Clock = Callable[[], datetime]
type Environ = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    """By lower-case name."""
    content: bytes
    values: dict[str, str] = field(default_factory=dict)
    """What the path's pattern caught, decoded."""

    def json(self) -> Any:
        return json.loads(self.content)


@dataclass(frozen=True, slots=True)
class Reply:
    """`body` is sent as JSON; None sends no body; bytes are sent as they are."""

    status: int = 200
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()


class Refusal(Exception):
    """Ends an operation with this reply. `breach` says which rule of the contract the caller broke, if one."""

    def __init__(self, status: int, body: Any = None, *, breach: str = "") -> None:
        super().__init__(breach or str(status))
        self.reply = Reply(status, body)
        self.breach = breach


class _Dropped(Exception):
    pass


@dataclass(frozen=True, slots=True)
class Fault:
    """One misbehaviour. `before` happens instead of the operation, `after` to the answer of a finished one."""

    before: Callable[[Environ], Reply | None] | None = None
    after: Callable[[Environ, Reply], Reply] | None = None


class Sandbox:
    """A vendor's server. Subclasses set `routes` and keep what they know in `diary`, which holds only JSON values."""

    routes: ClassVar[tuple[tuple[str, str, str], ...]] = ()
    """(HTTP method, path with `{names}`, name of the operation, which is also the name of the method)."""

    def __init__(self, clock: Clock = lambda: datetime.now(UTC), file: pathlib.Path | None = None) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.calls: list[str] = []
        """The operations asked for, in order."""
        self.breaches: list[str] = []
        self.diary: dict[str, Any] = self.fresh_diary()
        self._file = file
        if file and file.exists():
            self.diary = json.loads(file.read_text())
        self._faults: dict[str, deque[Fault]] = defaultdict(deque)
        self._routes = [
            (method, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) + "$"), operation)
            for method, path, operation in self.routes
        ]

    def fresh_diary(self) -> dict[str, Any]:
        """A believable week in this vendor's country, relative to the clock's today."""
        raise NotImplementedError

    def check(self, request: Request, operation: str) -> None:
        """What every request must have (credentials, headers). Raises `Refusal`."""

    def not_found(self, request: Request) -> Reply:
        return Reply(404, {"message": "no such path"})

    # --- What tests and the demo may ask of every sandbox ---------------------------------------------------------

    def practice(self, base_url: str) -> dict[str, Any]:
        """This vendor's demo practice, as a `[[practice]]` table of the practices file."""
        raise NotImplementedError

    def appointments(self) -> list[dict[str, Any]]:
        """The live entries in the diary, cancelled ones left out, in the vendor's own words."""
        raise NotImplementedError

    def take_at_desk(self, slot_id: str) -> None:
        """The practice's staff give this time to somebody else. `slot_id` is that of the vendor's `Slot`."""
        raise NotImplementedError

    def move_by_staff(self, appointment_id: str, start: datetime) -> None:
        """The practice's staff move it to this start. It stays as long as it was, and where and with whom."""
        raise NotImplementedError

    def cancel_by_staff(self, appointment_id: str) -> None:
        raise NotImplementedError

    def delete_by_staff(self, appointment_id: str) -> None:
        """It is gone as if it had never been there."""
        raise NotImplementedError

    def count(self, operation: str) -> int:
        return self.calls.count(operation)

    # --- Misbehaviour on demand: each for the next call of that operation, or the next `times` --------------------

    def _plan(self, operation: str, fault: Fault, times: int) -> None:
        self._faults[operation].extend([fault] * times)

    def lose_answer_before(self, operation: str, times: int = 1) -> None:
        """The connection ends, and nothing was done."""
        self._plan(operation, Fault(before=_drop), times)

    def lose_answer_after(self, operation: str, times: int = 1) -> None:
        """It is done, and then the connection ends without a word of it."""
        self._plan(operation, Fault(after=_drop_reply), times)

    def late(self, operation: str, seconds: float, times: int = 1) -> None:
        """It is done at once and said late."""

        def wait(environ: Environ, reply: Reply) -> Reply:
            time.sleep(seconds)
            return reply

        self._plan(operation, Fault(after=wait), times)

    def slow(self, operation: str, seconds: float, times: int = 1) -> None:
        """It is done late, and said at once then."""

        def wait(environ: Environ) -> None:
            time.sleep(seconds)

        self._plan(operation, Fault(before=wait), times)

    def drip(self, operation: str, times: int = 1) -> None:
        """It is done, and the answer comes one byte a second, headers first."""
        self._plan(operation, Fault(after=_drip), times)

    def answer(
        self,
        operation: str,
        status: int,
        body: Any = None,
        *,
        headers: tuple[tuple[str, str], ...] = (),
        done: bool = False,
        times: int = 1,
    ) -> None:
        """Says this instead of its own answer, having done it or not."""
        reply = Reply(status, body, headers)
        fault = Fault(after=lambda environ, _: reply) if done else Fault(before=lambda environ: reply)
        self._plan(operation, fault, times)

    def garbage(self, operation: str, *, done: bool = False, times: int = 1) -> None:
        self.answer(operation, 200, b"\x00\xff{]", done=done, times=times)

    def html(self, operation: str, *, done: bool = False, times: int = 1) -> None:
        page = b"<!doctype html><title>Maintenance</title><p>Back soon."
        self.answer(operation, 200, page, headers=(("Content-Type", "text/html"),), done=done, times=times)

    def half(self, operation: str, times: int = 1) -> None:
        """It is done, and half of the answer's bytes come."""
        self._plan(
            operation,
            Fault(
                after=lambda environ, reply: Reply(
                    reply.status, _bytes(reply)[: len(_bytes(reply)) // 2], reply.headers
                )
            ),
            times,
        )

    def well_again(self) -> None:
        """Forgets every fault that has not happened yet."""
        self._faults.clear()

    # --- WSGI -----------------------------------------------------------------------------------------------------

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        headers = {k[5:].replace("_", "-").lower(): v for k, v in environ.items() if k.startswith("HTTP_")}
        headers |= environ.get("sandbox.headers", {})
        if environ.get("CONTENT_TYPE"):
            headers["content-type"] = environ["CONTENT_TYPE"]
        raw_path = str(environ.get("sandbox.raw_path", environ["PATH_INFO"]))
        request = Request(
            method=environ["REQUEST_METHOD"],
            path=raw_path,
            query=dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)),
            headers=headers,
            content=environ["wsgi.input"].read(length) if length else b"",
        )
        try:
            reply = self._handle(request, environ)
        except _Dropped:
            return []
        body = _bytes(reply)
        given = dict(reply.headers)
        if body:
            given.setdefault("Content-Type", "application/json; charset=utf-8")
        given["Content-Length"] = str(len(body))
        start_response(f"{reply.status} -", list(given.items()))
        return [body]

    def _handle(self, request: Request, environ: Environ) -> Reply:
        operation, request = self._route(request)
        if not operation:
            with self.lock:
                self.breaches.append(f"unknown path: {request.method} {request.path}")
            return self.not_found(request)
        with self.lock:
            self.calls.append(operation)
            waiting = self._faults[operation]
            fault = waiting.popleft() if waiting else Fault()
        if fault.before:
            instead = fault.before(environ)
            if instead is not None:
                return instead
        with self.lock:
            try:
                self.check(request, operation)
                reply: Reply = getattr(self, operation)(request)
            except Refusal as refusal:
                if refusal.breach:
                    self.breaches.append(f"{operation}: {refusal.breach}")
                reply = refusal.reply
            if self._file:
                self._file.write_text(json.dumps(self.diary))
        return fault.after(environ, reply) if fault.after else reply

    def _route(self, request: Request) -> tuple[str, Request]:
        for method, pattern, operation in self._routes:
            match = pattern.match(request.path)
            if match and method == request.method:
                values = {k: unquote(v) for k, v in match.groupdict().items()}
                return operation, Request(
                    request.method, request.path, request.query, request.headers, request.content, values
                )
        return "", request

    @contextmanager
    def serve(self, port: int = 0) -> Iterator[str]:
        """Serves on loopback; gives the address, without a slash at its end."""
        server = _Server(("127.0.0.1", port), _Handler)
        server.set_app(self)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def _bytes(reply: Reply) -> bytes:
    if reply.body is None:
        return b""
    return reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body, ensure_ascii=False).encode()


def _drop(environ: Environ) -> None:
    with suppress(OSError):
        environ["sandbox.socket"].shutdown(socket.SHUT_RDWR)
    raise _Dropped


def _drop_reply(environ: Environ, reply: Reply) -> Reply:
    _drop(environ)
    raise AssertionError("unreachable")


def _drip(environ: Environ, reply: Reply) -> Reply:
    body = _bytes(reply)
    head = f"HTTP/1.0 {reply.status} -\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    connection: socket.socket = environ["sandbox.socket"]
    with suppress(OSError):
        for byte in head.encode() + body:
            connection.sendall(bytes([byte]))
            time.sleep(1)
    _drop(environ)
    raise AssertionError("unreachable")


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that hung up, or was hung up on: here that is no error."""


class _Handler(WSGIRequestHandler):
    def get_environ(self) -> Environ:
        environ: Environ = super().get_environ()
        # As sent: WSGI decodes the path, and folds an underscore in a header's name into a hyphen (and Opus has one).
        environ["sandbox.raw_path"] = self.path.partition("?")[0]
        environ["sandbox.headers"] = {name.lower(): value for name, value in self.headers.items()}
        environ["sandbox.socket"] = self.connection
        return environ

    def log_message(self, format: str, *args: object) -> None:
        """The sandbox keeps its own ledger."""
