"""Named points at which something of ours is held until a test has killed it. Reached from outside: by the vendor's
far side, which holds an answer back, and by the mail server, which does the same.
"""

import email
import re
import socketserver
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

from vendors.sandbox import base
from vendors.sandbox.base import Reply, Sandbox

GIVES_UP_AFTER = 150.0
"""Seconds. Nothing waits for so long, except where a test failed."""


@dataclass(frozen=True, eq=False)
class Point:
    name: str
    reached: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)

    def hold(self) -> None:
        """Called by whom the point is held."""
        self.reached.set()
        self.opened.wait(GIVES_UP_AFTER)

    def await_reached(self, seconds: float = 30.0) -> None:
        assert self.reached.wait(seconds), f"nobody came to this point: {self.name}"

    def open(self) -> None:
        self.opened.set()


# --- At the vendor ----------------------------------------------------------------------------------------------------


def before(sandbox: Sandbox, operation: str) -> Point:
    """The vendor has the next call of this operation, and does it when the point is opened."""

    def hold(environ: dict[str, Any]) -> None:
        point.hold()

    point = Point(f"before {operation}")
    sandbox._plan(operation, base.Fault(before=hold), 1)
    return point


def instead_of(sandbox: Sandbox, operation: str) -> Point:
    """The vendor has the next call of this operation, and never does it."""

    def hold(environ: dict[str, Any]) -> None:
        point.hold()
        base._drop(environ)

    point = Point(f"instead of {operation}")
    sandbox._plan(operation, base.Fault(before=hold), 1)
    return point


def after(sandbox: Sandbox, operation: str) -> Point:
    """The vendor has done the next call of this operation, and says so when the point is opened."""

    def hold(environ: dict[str, Any], reply: Reply) -> Reply:
        point.hold()
        return reply

    point = Point(f"after {operation}")
    sandbox._plan(operation, base.Fault(after=hold), 1)
    return point


# --- At the mail server -----------------------------------------------------------------------------------------------


class Mailboxes:
    """What a mail server on loopback accepted. It can hold its answer back: to an address, or to a whole mail."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._lock = threading.Lock()
        self._mails: list[tuple[str, Message]] = []
        self._points: dict[tuple[str, str], Point] = {}

    def before_the_mail(self, address: str) -> Point:
        """The server knows for whom a mail will be, and does not ask for it."""
        return self._points.setdefault(("RCPT", address), Point(f"before the mail to {address}"))

    def after_the_mail(self, address: str) -> Point:
        """The server has the mail for good, and does not say so."""
        return self._points.setdefault(("DATA", address), Point(f"after the mail to {address}"))

    def to(self, address: str) -> list[Message]:
        with self._lock:
            return [mail for whose, mail in self._mails if whose == address]

    def kinds(self, address: str) -> Counter[str]:
        """How often each letter came. Our letters say in their Message-ID which they are."""
        ids = {mail["Message-ID"]: 0 for mail in self.to(address)}
        kinds = [mail["Message-ID"].partition("@")[0].rpartition(".")[2] for mail in self.to(address)]
        assert len(ids) == len(set(kinds)), f"two mails of one kind with different Message-IDs: {list(ids)}"
        return Counter(kinds)

    def accept(self, address: str, mail: bytes) -> None:
        with self._lock:
            self._mails.append((address, email.message_from_bytes(mail)))

    def hold(self, what: str, address: str) -> None:
        if point := self._points.pop((what, address), None):
            point.hold()


@contextmanager
def mail_server() -> Iterator[Mailboxes]:
    class Conversation(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):  # whom we hold is killed
                self._talk()

        def _talk(self) -> None:
            address = ""
            self._say("220 ready")
            while line := self.rfile.readline().decode().strip():
                verb = line.upper().partition(" ")[0].partition(":")[0]
                if verb == "RCPT":
                    address = re.sub(r".*<(.*)>.*", r"\1", line)
                    mailboxes.hold("RCPT", address)
                elif verb == "DATA":
                    self._say("354 go on")
                    mail: list[bytes] = []
                    while (part := self.rfile.readline()) != b".\r\n":
                        if not part:
                            return  # cut off in the middle: it was never accepted
                        mail.append(part)
                    mailboxes.accept(address, b"".join(mail))
                    mailboxes.hold("DATA", address)
                elif verb == "QUIT":
                    self._say("221 bye")
                    return
                self._say("250 fine")

        def _say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Conversation)
    server.daemon_threads, server.block_on_close = True, False
    mailboxes = Mailboxes(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield mailboxes
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
