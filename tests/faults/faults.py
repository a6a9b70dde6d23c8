"""What can go wrong on the way to a vendor, as a table. Whether the vendor did it all the same belongs to each row."""

import json
import re
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from vendors.http import WRITE_MARGIN
from vendors.sandbox import base
from vendors.sandbox.base import Reply, Sandbox

BUDGET = 2.0
"""Seconds that a call has where the fault is about time."""
LATE = 2.6
"""Seconds after which the vendor is done, or says so: too late for `BUDGET`."""
TOO_LARGE = b"[" + b" " * (10 * 1024 * 1024) + b"]"


@dataclass(frozen=True)
class Fault:
    name: str
    plan: Callable[[Sandbox, str, int], None]
    """For the next so many calls of an operation."""
    done: bool = False
    takes_time: bool = False
    status: int = 0
    """Of an answer that is not the vendor's own."""
    only_done: bool = False
    """It spoils the answer of something done, so it says nothing about something that is only read."""

    @property
    def is_a_refusal(self) -> bool:
        """The vendors' contracts say that nothing is done after it, and that one need not look."""
        return self.status in (401, 403, 429)

    def __str__(self) -> str:
        return self.name


def _cut(length_said: bool) -> Callable[[dict[str, Any], Reply], Reply]:
    """Half of the answer's bytes, and then the connection ends."""

    def cut(environ: dict[str, Any], reply: Reply) -> Reply:
        body = b"" if reply.body is None else json.dumps(reply.body).encode()
        length = f"Content-Length: {max(len(body), 1)}\r\n" if length_said else ""
        head = f"HTTP/1.0 {reply.status} -\r\nContent-Type: application/json\r\n{length}\r\n"
        connection: socket.socket = environ["sandbox.socket"]
        with suppress(OSError):
            connection.sendall(head.encode() + body[: len(body) // 2])
        return base._drop_reply(environ, reply)

    return cut


def _an_hour_off(value: Any) -> Any:
    """The same answer about another time."""
    if isinstance(value, dict):
        return {name: _an_hour_off(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_an_hour_off(item) for item in value]
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d", value):
        moved = datetime.fromisoformat(value) + timedelta(hours=1)
        return moved.isoformat(sep=value[10])
    return value


def _after(change: Callable[[dict[str, Any], Reply], Reply]) -> Callable[[Sandbox, str, int], None]:
    return lambda sandbox, operation, times: sandbox._plan(operation, base.Fault(after=change), times)


def _answers(
    name: str, status: int, body: Any = None, headers: tuple[tuple[str, str], ...] = (), of_status: int = 0
) -> list[Fault]:
    """One row for a vendor that did not do it, and one for a vendor that did."""

    def plan(done: bool) -> Callable[[Sandbox, str, int], None]:
        return lambda sandbox, operation, times: sandbox.answer(
            operation, status, body, headers=headers, done=done, times=times
        )

    return [
        Fault(f"{name}-{'done' if done else 'not_done'}", plan(done), done, status=status) for done in (False, True)
    ]


def _nowhere(sandbox: Sandbox, operation: str, times: int) -> None:
    """Nothing to plan: the caller is given an address where nobody listens."""


REFUSED = Fault("refused_connection", _nowhere)
HTML = b"<!doctype html><title>Maintenance</title><p>Back soon."
PAGE = (("Content-Type", "text/html"),)
FAULTS = [
    REFUSED,
    Fault("drop_before", lambda s, op, n: s.lose_answer_before(op, n)),
    Fault("drop_after", lambda s, op, n: s.lose_answer_after(op, n), done=True),
    Fault("late", lambda s, op, n: s.late(op, LATE, n), done=True, takes_time=True),
    Fault("slow", lambda s, op, n: s.slow(op, LATE, n), done=True, takes_time=True),
    Fault("drip", lambda s, op, n: s.drip(op, n), done=True, takes_time=True),
    Fault("half", lambda s, op, n: s.half(op, n), done=True),
    Fault("cut", _after(_cut(length_said=True)), done=True),
    Fault("cut_without_length", _after(_cut(length_said=False)), done=True),
    Fault(
        "another_time",
        _after(lambda environ, reply: Reply(reply.status, _an_hour_off(reply.body), reply.headers)),
        done=True,
        only_done=True,
    ),
    *_answers("garbage", 200, b"\x00\xff{]"),
    *_answers("html", 200, HTML, PAGE),
    *_answers("empty_200", 200),
    *_answers("empty_204", 204),
    *_answers("too_large", 200, TOO_LARGE),
    *_answers("redirect", 302, None, (("Location", "/elsewhere"),)),
    *(fault for status in (401, 403, 409, 422) for fault in _answers(str(status), status)),
    *_answers("429", 429),
    *_answers("429_retry_after", 429, None, (("Retry-After", "1"),)),
    *(fault for status in (500, 502, 503, 504) for fault in _answers(str(status), status)),
]
NAMED = {fault.name: fault for fault in FAULTS}
READ_FAULTS = [
    # To somebody who only reads, it is all one whether the vendor did something.
    fault
    for fault in FAULTS
    if not fault.only_done and not (fault.status and fault.done) and fault.name != "slow"
]


def until_the_vendor_is_done(since: float) -> None:
    """It may still be writing down what we stopped waiting for."""
    sent_by = since + BUDGET - WRITE_MARGIN  # later, nothing is sent any more
    time.sleep(max(sent_by + LATE + 0.4 - time.monotonic(), 0))
