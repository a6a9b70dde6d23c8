"""`vendors.http` against real servers on loopback, most of which misbehave."""

import gzip
import itertools
import json
import logging
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import pytest

from vendors.base import (
    AuthenticationFailed,
    Context,
    MemoryStore,
    OutcomeUnknown,
    UnexpectedResponse,
    VendorError,
    VendorUnavailable,
    local,
)
from vendors.http import CALLS_IN_FLIGHT, LARGEST_BODY, SLACK, Http, json_list, json_object, side_by_side, understanding

STOCKHOLM = ZoneInfo("Europe/Stockholm")
VERBS = ("read", "write")


# --- A server of HTTP/1.1 that keeps its connections, and says what it is told to -------------------------------------


@dataclass(frozen=True)
class Call:
    connection: int
    """Which of the server's connections it came on, from 0."""
    first_line: str
    headers: dict[str, str]
    """By lower-case name."""
    body: bytes
    at: float


def reply(status: int = 200, body: bytes = b"{}", headers: str = "") -> bytes:
    """`headers`: whole lines, each with its line end."""
    return f"HTTP/1.1 {status} -\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


type Answer = Callable[[Call, socket.socket], bytes]
"""What to send for a call. Nothing: the connection ends there."""


def always(data: bytes) -> Answer:
    return lambda call, connection: data


def in_turn(*data: bytes) -> Answer:
    """One after the other, and the last one for ever."""
    left = list(data)
    return lambda call, connection: left.pop(0) if len(left) > 1 else left[0]


def drip(data: bytes, at_once: int) -> Answer:
    """Sends so many bytes at once, and then one by one, each well before a wait for that one alone would end."""

    def answer(call: Call, connection: socket.socket) -> bytes:
        connection.sendall(data[:at_once])
        for byte in data[at_once:]:
            time.sleep(0.3)
            connection.sendall(bytes([byte]))
        return b""

    return answer


def late(seconds: float) -> Answer:
    def answer(call: Call, connection: socket.socket) -> bytes:
        time.sleep(seconds)
        return reply()

    return answer


@dataclass
class Server:
    answer: Answer
    calls: list[Call] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self.port: int = self._listener.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._open.append(connection)
                number, self.connections = self.connections, self.connections + 1
                threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with suppress(OSError), connection, connection.makefile("rb") as incoming:
            while first_line := incoming.readline().decode().strip():
                headers = {}
                while line := incoming.readline().decode().strip():
                    name, _, value = line.partition(":")
                    headers[name.lower()] = value.strip()
                body = incoming.read(int(headers.get("content-length", 0)))
                call = Call(number, first_line, headers, body, time.monotonic())
                with self._lock:
                    self.calls.append(call)
                data = self.answer(call, connection)
                if not data:
                    connection.shutdown(socket.SHUT_RDWR)
                    return
                connection.sendall(data)

    def close(self) -> None:
        for one in (self._listener, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(answer: Answer | None = None) -> Server:
        servers.append(Server(answer or always(reply())))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


type Serve = Callable[..., Server]

_numbers = itertools.count()


def new_practice() -> str:
    """Each test its own, for connections and queues are kept for a practice."""
    return f"practice-{next(_numbers)}"


def to(url: str, practice: str = "", *, pace: float = 0, headers: dict[str, str] | None = None, **context: Any) -> Http:
    context = {"allow_private_hosts": True, "budget": 30, **context}
    return Http(
        "acme",
        url,
        Context(practice or new_practice(), STOCKHOLM, "SE", MemoryStore(), **context),
        headers or {},
        pace=pace,
    )


BUSY = 3.0
"""How much longer than it should something may take: the machine may have much else to do."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began <= seconds + BUSY


def no_answer(verb: str) -> type[VendorError]:
    return {"read": VendorUnavailable, "write": OutcomeUnknown}[verb]


# --- Deadlines --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("verb", "limit"), [("read", 0.7), ("write", 1.2)])
@pytest.mark.parametrize("at_once", [0, len(reply())], ids=["from the first byte", "in the body"])
def test_a_server_that_drips_is_cut_off_at_the_limit(serve: Serve, verb: str, limit: float, at_once: int) -> None:
    server = serve(drip(reply(body=b" " * 20 + b"{}"), at_once))
    with at_most(limit + 0.5), pytest.raises(no_answer(verb)):
        getattr(to(server.url), verb)("GET", "/", limit=limit)
    assert len(server.calls) == 1


@contextmanager
def nobody_accepts(room: bool) -> Iterator[str]:
    """An address where connecting hangs, or (with room) only what comes after it."""
    with socket.create_server(("127.0.0.1", 0), backlog=100 if room else 0) as listener:
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(0 if room else 4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        yield f"127.0.0.1:{address[1]}"
        for one in waiting:
            one.close()


@pytest.mark.parametrize(("verb", "limit"), [("read", 0.5), ("write", 1.1)])
def test_connecting_that_hangs_ends_at_the_limit_and_nothing_happened(verb: str, limit: float) -> None:
    with nobody_accepts(room=False) as host, at_most(limit + 0.5), pytest.raises(VendorUnavailable):
        getattr(to(f"http://{host}"), verb)("GET", "/", limit=limit)


def test_a_server_that_never_accepts_ends_at_the_limit() -> None:
    with nobody_accepts(room=True) as host:
        with at_most(1.0), pytest.raises(VendorUnavailable):
            to(f"http://{host}").read("GET", "/", limit=0.5)
        with at_most(1.6), pytest.raises(OutcomeUnknown):
            to(f"http://{host}").write("POST", "/", limit=1.1)


def test_a_tls_handshake_that_hangs_ends_at_the_limit_and_nothing_happened() -> None:
    with nobody_accepts(room=True) as host, at_most(1.6), pytest.raises(VendorUnavailable):
        to(f"https://{host}").write("POST", "/", limit=1.1)


def test_the_budget_bounds_all_calls_of_one_object_together(serve: Serve) -> None:
    server = serve(lambda call, _: late(0.2 if len(server.calls) < 3 else 20)(call, _))
    with at_most(4.5):
        http = to(server.url, budget=4.0)
        http.read("GET", "/")
        http.read("GET", "/")
        with pytest.raises(VendorUnavailable):
            http.read("GET", "/")
    assert len(server.calls) == 3


def test_a_write_with_too_little_of_the_budget_left_is_not_sent(serve: Serve) -> None:
    server = serve(late(0.3))
    http = to(server.url, budget=1.2)
    http.read("GET", "/")
    with pytest.raises(VendorUnavailable):
        http.write("POST", "/")
    assert [call.first_line for call in server.calls] == ["GET / HTTP/1.1"]


def test_a_write_whose_limit_is_too_short_is_not_sent(serve: Serve) -> None:
    server = serve()
    with pytest.raises(VendorUnavailable):
        to(server.url).write("POST", "/", limit=0.9)
    assert server.connections == 0


# --- Writes -----------------------------------------------------------------------------------------------------------

LOST = {
    "no word": b"",
    "half a head": b"HTTP/1.1 200 -\r\nContent-",
    "half a body": b"HTTP/1.1 200 -\r\nContent-Length: 9\r\n\r\n{}",
    "half a chunk": b"HTTP/1.1 200 -\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{}",
    "garbage": b"\x00\xff nothing that is HTTP\r\n\r\n",
    "not gzip": reply(body=b"{}", headers="Content-Encoding: gzip\r\n"),
}


def and_end(data: bytes) -> Answer:
    def answer(call: Call, connection: socket.socket) -> bytes:
        connection.sendall(data)
        return b""

    return answer


@pytest.mark.parametrize("data", LOST.values(), ids=LOST)
def test_a_write_whose_answer_is_lost_may_have_happened_and_is_sent_once(serve: Serve, data: bytes) -> None:
    server = serve(and_end(data))
    with pytest.raises(OutcomeUnknown):
        to(server.url).write("POST", "/")
    assert len(server.calls) == 1


@pytest.mark.parametrize("verb", VERBS)
def test_where_nobody_listens_nothing_happened(verb: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(VendorUnavailable):
        getattr(to(f"http://127.0.0.1:{port}"), verb)("GET", "/")


def test_reads_share_a_connection_and_each_write_has_its_own(serve: Serve) -> None:
    server = serve()
    http = to(server.url)
    for verb in ("read", "read", "write", "write", "read"):
        getattr(http, verb)("POST", "/")
    assert [call.connection for call in server.calls] == [0, 0, 1, 2, 0]


def test_two_practices_share_no_connection(serve: Serve) -> None:
    server = serve()
    for _ in range(2):
        to(server.url).read("GET", "/")
    assert [call.connection for call in server.calls] == [0, 1]


# --- Reads ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [*LOST.values(), reply(500), reply(503)], ids=[*LOST, "500", "503"])
def test_a_read_is_tried_twice_and_no_more(serve: Serve, data: bytes) -> None:
    server = serve(and_end(data))
    with pytest.raises(VendorUnavailable):
        to(server.url).read("GET", "/")
    assert len(server.calls) == 2


@pytest.mark.parametrize("first", [b"", reply(502)], ids=["lost", "502"])
def test_the_second_try_of_a_read_counts(serve: Serve, first: bytes) -> None:
    server = serve(in_turn(first, reply(body=b"[1]")))
    assert to(server.url).read("GET", "/").json() == [1]
    assert len(server.calls) == 2


def test_a_read_on_a_connection_that_was_just_closed_is_tried_on_another(serve: Serve) -> None:
    server = serve(lambda call, _: b"" if call.connection == 0 and len(server.calls) == 2 else reply())
    http = to(server.url)
    http.read("GET", "/")
    http.read("GET", "/")
    assert [call.connection for call in server.calls] == [0, 0, 1]


def test_a_read_that_timed_out_is_not_tried_again(serve: Serve) -> None:
    server = serve(late(3))
    with at_most(1.6), pytest.raises(VendorUnavailable):
        to(server.url).read("GET", "/", limit=1.1)
    assert len(server.calls) == 1


def test_a_read_with_less_than_a_second_left_is_not_tried_again(serve: Serve) -> None:
    server = serve(always(reply(500)))
    with pytest.raises(VendorUnavailable):
        to(server.url).read("GET", "/", limit=0.9)
    assert len(server.calls) == 1


# --- What an answer's status means ------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(serve: Serve, status: int, verb: str) -> None:
    target = serve()
    server = serve(always(reply(status, headers=f"Location: {target.url}/\r\n")))
    with pytest.raises(no_answer(verb)):
        getattr(to(server.url), verb)("POST", "/", body={"name": "Åsa"})
    assert server.calls
    assert target.connections == 0


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("location", ["http://xn--a/", "http://[::1", "//", "\N{SNOWMAN}", "http://a:99999/"])
def test_a_redirect_to_an_odd_address_is_no_answer_either(serve: Serve, location: str, verb: str) -> None:
    server = serve(always(reply(302, headers=f"Location: {location}\r\n")))
    with pytest.raises(no_answer(verb)):
        getattr(to(server.url), verb)("POST", "/")


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_credential_says_its_status_and_is_not_tried_again(serve: Serve, status: int, verb: str) -> None:
    server = serve(always(reply(status)))
    with pytest.raises(AuthenticationFailed) as raised:
        getattr(to(server.url), verb)("POST", "/")
    assert raised.value.status == status
    assert len(server.calls) == 1


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("", 1),
        ("Retry-After: 7\r\n", 7),
        ("Retry-After: Thu, 31 Dec 2099 23:59:59 GMT\r\n", 3600),
        ("Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n", 1),
        ("Retry-After: 2.5\r\n", 2.5),
        ("Retry-After: soon\r\n", 1),
        ("Retry-After: -5\r\n", 1),
        ("Retry-After: \N{SUPERSCRIPT TWO}\r\n", 1),
        (f"Retry-After: {'9' * 400}\r\n", 3600),
    ],
    ids=["none", "seconds", "a date", "a past date", "a fraction", "a word", "negative", "no digit", "very long"],
)
def test_too_many_calls_is_said_with_the_pause_and_nothing_happened(
    serve: Serve, retry_after: str, seconds: float, verb: str
) -> None:
    server = serve(always(reply(429, headers=retry_after)))
    with pytest.raises(VendorUnavailable) as raised:
        getattr(to(server.url), verb)("POST", "/")
    assert raised.value.retry_after == seconds
    assert len(server.calls) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_write_that_breaks_the_vendor_may_have_happened_and_is_sent_once(serve: Serve, status: int) -> None:
    server = serve(always(reply(status)))
    with pytest.raises(OutcomeUnknown):
        to(server.url).write("POST", "/")
    assert len(server.calls) == 1


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("status", [200, 201, 204, 400, 404, 409, 410, 422])
def test_other_answers_are_the_vendors_own_to_interpret(serve: Serve, status: int, verb: str) -> None:
    body = b"" if status == 204 else '{"error": "upptaget å"}'.encode()
    server = serve(always(reply(status, body)))
    response = getattr(to(server.url), verb)("POST", "/")
    assert (response.status_code, response.content) == (status, body)
    assert len(server.calls) == 1


@pytest.mark.parametrize("verb", VERBS)
def test_an_answer_with_odd_letters_in_a_header_is_an_answer(serve: Serve, verb: str) -> None:
    server = serve(always(reply(headers="X-Clinic: Åsa\r\nX-Total: 7\r\n")))
    response = getattr(to(server.url), verb)("POST", "/")
    assert (response.status_code, response.headers["X-Total"]) == (200, "7")
    assert len(server.calls) == 1


@pytest.mark.parametrize("verb", VERBS)
def test_half_a_letter_in_a_body_is_not_sent(serve: Serve, verb: str) -> None:
    server = serve()
    with pytest.raises(AuthenticationFailed):
        getattr(to(server.url), verb)("POST", "/", body={"id": "\ud800"})
    assert server.calls == []


# --- The size of an answer --------------------------------------------------------------------------------------------


def test_the_largest_answer_is_read_whole(serve: Serve) -> None:
    server = serve(always(reply(body=b" " * LARGEST_BODY)))
    assert len(to(server.url).read("GET", "/").content) == LARGEST_BODY


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_larger_answer_is_refused(serve: Serve, packed: bool, verb: str) -> None:
    body = b" " * (LARGEST_BODY + 1)
    data = reply(body=gzip.compress(body), headers="Content-Encoding: gzip\r\n") if packed else reply(body=body)
    server = serve(always(data))
    with pytest.raises(no_answer(verb)):
        getattr(to(server.url), verb)("GET", "/")


def test_an_answer_without_end_is_cut_off_soon(serve: Serve) -> None:
    sent = 0

    def endless(call: Call, connection: socket.socket) -> bytes:
        nonlocal sent
        connection.sendall(b"HTTP/1.1 200 -\r\n\r\n")
        for _ in range(20 * LARGEST_BODY // 65536):
            connection.sendall(b" " * 65536)
            sent += 65536
        return b""

    server = serve(endless)
    with pytest.raises(OutcomeUnknown):
        to(server.url).write("GET", "/")
    assert sent < 4 * LARGEST_BODY  # what lay in buffers counts too


def test_a_packed_answer_is_unpacked(serve: Serve) -> None:
    server = serve(always(reply(body=gzip.compress(b"[1]"), headers="Content-Encoding: gzip\r\n")))
    assert to(server.url).read("GET", "/").json() == [1]


def test_an_answer_packed_twice_is_refused(serve: Serve) -> None:
    # Each packing multiplies by up to a thousand what one piece of 64 kB becomes in memory.
    packed = gzip.compress(gzip.compress(b"[1]"))
    server = serve(always(reply(body=packed, headers="Content-Encoding: gzip, gzip\r\n")))
    with pytest.raises(VendorUnavailable):
        to(server.url).read("GET", "/")


@pytest.mark.parametrize(
    ("data", "known"),
    [
        (reply(body=b"[1]"), True),
        (b"HTTP/1.1 200 -\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1]\r\n0\r\n\r\n", True),
        (b"HTTP/1.1 200 -\r\n\r\n[1]", False),
    ],
    ids=["length", "chunks", "until the end"],
)
def test_an_answer_says_whether_a_cut_would_have_been_noticed(serve: Serve, data: bytes, known: bool) -> None:
    response = to(serve(and_end(data)).url).read("GET", "/")
    assert response.json() == [1]
    assert response.extensions["length_known"] is known


# --- The bulkhead -----------------------------------------------------------------------------------------------------


def test_one_call_too_many_is_refused_at_once_and_another_practice_goes_on(serve: Serve) -> None:
    go_on = threading.Event()

    def answer(call: Call, connection: socket.socket) -> bytes:
        if "hanging" in call.first_line:
            go_on.wait(10)
        return reply()

    server = serve(answer)
    practice = new_practice()
    with ThreadPoolExecutor(CALLS_IN_FLIGHT) as pool:
        try:
            calls = [
                pool.submit(getattr(to(server.url, practice), VERBS[n % 2]), "POST", "/hanging")
                for n in range(CALLS_IN_FLIGHT)
            ]
            with at_most(5):
                while len(server.calls) < CALLS_IN_FLIGHT:
                    time.sleep(0.01)
            for verb in VERBS:
                with at_most(0.5), pytest.raises(VendorUnavailable):
                    getattr(to(server.url, practice), verb)("POST", "/one-too-many")
            assert len(server.calls) == CALLS_IN_FLIGHT
            with at_most(2):
                assert to(server.url).read("GET", "/of-another-practice").status_code == 200
        finally:
            go_on.set()
        assert [call.result().status_code for call in calls] == [200] * CALLS_IN_FLIGHT
    assert to(server.url, practice).read("GET", "/").status_code == 200


def test_a_call_that_ends_badly_makes_room_for_the_next(serve: Serve) -> None:
    server = serve(in_turn(*[b""] * (CALLS_IN_FLIGHT + 1), reply()))
    http = to(server.url)
    for _ in range(CALLS_IN_FLIGHT + 1):
        with pytest.raises(OutcomeUnknown):
            http.write("POST", "/")
    for _ in range(CALLS_IN_FLIGHT + 1):
        with pytest.raises(AuthenticationFailed):
            http.write("POST", "/", headers={"Token": "å"})
    assert http.write("POST", "/").status_code == 200


# --- Where to: allowed hosts, bad addresses, bad headers --------------------------------------------------------------


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0.0.0.0", "[::ffff:127.0.0.1]"])
def test_a_private_address_is_refused_however_it_is_written(serve: Serve, host: str, verb: str) -> None:
    server = serve()
    url, practice = f"http://{host}:{server.port}", new_practice()
    try:
        to(url, practice).read("GET", "/")  # else the test would show nothing
    except VendorUnavailable:
        if ":" in host:
            pytest.skip("no IPv6 here")
        raise
    with pytest.raises(AuthenticationFailed) as raised:  # nor on the connection that is open by now
        getattr(to(url, practice, allow_private_hosts=False), verb)("POST", "/secret")
    assert raised.value.status is None
    assert (server.connections, len(server.calls)) == (1, 1)


@pytest.mark.parametrize(
    "host",
    ["10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "[fd00::1]", "[fe80::1]", "[::1]"],
)
def test_the_networks_of_a_house_are_private(host: str) -> None:
    with at_most(1), pytest.raises(AuthenticationFailed):
        to(f"http://{host}", allow_private_hosts=False).read("GET", "/")


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    "url",
    [
        "",
        "clinic.example",
        "/clinic",
        "http://",
        "ftp://127.0.0.1",
        "http://127.0.0.1:port",
        "http://127.0.0.1:99999",
        "http://[::1",
        "http://clinic\n.example",
        "http://xn--a",
    ],
)
def test_an_address_that_is_none_is_a_fault_of_the_connection(url: str, verb: str) -> None:
    with pytest.raises(AuthenticationFailed):
        getattr(to(url), verb)("GET", "/")


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("of_all", [True, False], ids=["of all calls", "of one call"])
@pytest.mark.parametrize("token", ["s3cret\nEvil: 1", "s3cret\r\n\r\nGET /evil", "s3cretå", "s3cret\N{EM DASH}"])
def test_a_header_that_cannot_be_sent_is_a_fault_of_the_connection_and_stays_secret(
    serve: Serve, token: str, of_all: bool, verb: str
) -> None:
    server = serve()
    headers = {"Authorization": token}
    http = to(server.url, headers=headers if of_all else None)
    with pytest.raises(AuthenticationFailed) as raised:
        getattr(http, verb)("POST", "/", headers=None if of_all else headers)
    assert server.calls == []
    assert "s3cret" not in "".join(traceback.format_exception(raised.value))


# --- What is sent -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("17-a9", "17-a9"),
        ("a/b", "a%2Fb"),
        ("a?b=c&d", "a%3Fb%3Dc%26d"),
        ("a b#c", "a%20b%23c"),
        ("50%", "50%25"),
        ("a%2Fb", "a%252Fb"),
        ("{id}", "%7Bid%7D"),
        ("Åsa", "%C3%85sa"),
        ("a\r\nb", "a%0D%0Ab"),
        (17, "17"),
        ("v1..2", "v1..2"),
    ],
)
def test_a_value_in_a_path_stays_one_piece_of_it(serve: Serve, value: object, sent: str) -> None:
    server = serve()
    to(server.url + "/api/").read("GET", "/clinic/{id}/times", {"id": value})
    assert server.calls[0].first_line == f"GET /api/clinic/{sent}/times HTTP/1.1"


@pytest.mark.parametrize("value", [".", ".."])
def test_a_value_that_would_climb_in_the_path_is_not_sent(serve: Serve, value: str) -> None:
    server = serve()
    for verb in VERBS:
        with pytest.raises(UnexpectedResponse):
            getattr(to(server.url), verb)("DELETE", "/clinic/{id}/times", {"id": value})
    assert server.connections == 0


def test_a_query_has_small_letters_for_yes_and_no_and_leaves_out_what_is_none(serve: Serve) -> None:
    server = serve()
    to(server.url).read("GET", "/", query={"yes": True, "no": False, "none": None, "n": 3, "name": "Åsa & +1/?"})
    query = server.calls[0].first_line.split()[1].partition("?")[2]
    assert parse_qsl(query) == [("yes", "true"), ("no", "false"), ("n", "3"), ("name", "Åsa & +1/?")]


@pytest.mark.parametrize("verb", VERBS)
def test_a_body_is_json_in_utf8(serve: Serve, verb: str) -> None:
    server = serve()
    getattr(to(server.url), verb)("POST", "/", body={"name": "Åsa 木", "at": [1, None, True]})
    call = server.calls[0]
    assert call.body == '{"name": "Åsa 木", "at": [1, null, true]}'.encode()
    assert call.headers["content-type"] == "application/json"


@pytest.mark.parametrize("body", [[], {}, 0, "", False])
def test_an_empty_body_is_a_body(serve: Serve, body: object) -> None:
    server = serve()
    to(server.url).write("POST", "/", body=body)
    assert json.loads(server.calls[0].body) == body


@pytest.mark.parametrize("verb", VERBS)
def test_a_form_is_sent_as_one(serve: Serve, verb: str) -> None:
    server = serve()
    getattr(to(server.url), verb)("POST", "/", form={"grant": "a b", "name": "Åsa"})
    call = server.calls[0]
    assert call.body == b"grant=a+b&name=%C3%85sa"
    assert call.headers["content-type"] == "application/x-www-form-urlencoded"


def test_the_headers_of_one_call_come_on_top_of_those_of_all(serve: Serve) -> None:
    server = serve()
    http = to(server.url, headers={"Authorization": "Bearer t", "X-Version": "1"})
    http.read("GET", "/", headers={"X-Version": "2"})
    http.read("GET", "/")
    first, second = (call.headers for call in server.calls)
    assert (first["authorization"], first["x-version"]) == ("Bearer t", "2")
    assert (second["authorization"], second["x-version"]) == ("Bearer t", "1")
    assert first["accept"] == "application/json"
    assert "content-type" not in first


def test_a_cookie_of_one_call_is_not_sent_with_the_next(serve: Serve) -> None:
    server = serve(always(reply(headers="Set-Cookie: session=somebody; Path=/\r\n")))
    http = to(server.url)
    for verb in ("read", "read", "write", "write"):
        getattr(http, verb)("GET", "/")
    assert [call.headers.get("cookie") for call in server.calls] == [None] * 4


# --- The log line -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", VERBS)
def test_a_call_leaves_one_line_with_the_path_as_a_pattern(
    serve: Serve, caplog: pytest.LogCaptureFixture, verb: str
) -> None:
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.INFO, logger="httpx")  # which would write the whole address
    server = serve(always(reply(404, b'{"s3cret": 1}', headers="X-Answer: s3cret\r\n")))
    practice = new_practice()
    http = to(server.url, practice, headers={"Authorization": "s3cret"})
    getattr(http, verb)("POST", "/clinic/{id}", {"id": "s3cret"}, query={"pnr": "s3cret"}, body={"name": "s3cret"})
    (record,) = caplog.records
    line, _, milliseconds = record.getMessage().removesuffix(" ms").rpartition(" ")
    assert line == f"{practice} acme POST /clinic/{{id}} 404"
    assert 0 <= int(milliseconds) < 2000
    assert "s3cret" in server.calls[0].first_line
    assert "s3cret" not in caplog.text


def test_a_call_without_an_answer_leaves_its_line_too(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.INFO, logger="httpx")  # which would write the whole address
    with pytest.raises(OutcomeUnknown):
        to(serve(always(b"")).url).write("POST", "/clinic/{id}", {"id": "s3cret"}, form={"name": "s3cret"})
    (record,) = caplog.records
    assert "acme POST /clinic/{id} no answer " in record.getMessage()
    assert "s3cret" not in caplog.text


# --- Understanding an answer ------------------------------------------------------------------------------------------

PATIENT = "Anna Svensson"
NAME = json.dumps({"name": PATIENT})
MISUNDERSTOOD: dict[str, tuple[str, Callable[[Any], object]]] = {
    "a key is missing": (NAME, lambda r: json_object(r)["birth"]),
    "a value is not in our table": (NAME, lambda r: {"x": 1}[json_object(r)["name"]]),
    "a value is of another type": (NAME, lambda r: json_object(r)["name"] + 1),
    "a value is no number": (NAME, lambda r: int(json_object(r)["name"])),
    "no object": (f"[{NAME}]", json_object),
    "no list": (NAME, json_list),
    "the list is empty": ("[]", lambda r: json_list(r)[0]),
    "an object was expected within": (f'["{PATIENT}"]', lambda r: json_list(r)[0].get("id")),
    "not JSON": (NAME[:-1], json_object),
    "nothing": ("", json_object),
    "not UTF-8": ('"\udcff Anna Svensson"', json_list),
    "nested deeply": ("[" * 200_000, json_list),
    "the last day there is": ('["9999-12-31"]', lambda r: as_time(r) + timedelta(days=1)),
    "a time before the first": ('["0001-01-01T00:00:00"]', lambda r: local(as_time(r), STOCKHOLM)),
    "an endless number": ("[1e999]", lambda r: int(json_list(r)[0])),
}


def as_time(response: Any) -> datetime:
    return datetime.fromisoformat(json_list(response)[0])


@pytest.mark.parametrize(("body", "understand"), MISUNDERSTOOD.values(), ids=MISUNDERSTOOD)
def test_an_answer_that_is_not_understood_is_one_error_that_quotes_nothing(
    serve: Serve, body: str, understand: Callable[[Any], object]
) -> None:
    response = to(serve(always(reply(body=body.encode(errors="surrogateescape")))).url).read("GET", "/")
    with pytest.raises(UnexpectedResponse) as raised, understanding():
        understand(response)
    assert "Anna" not in "".join(traceback.format_exception(raised.value))
    assert raised.value.__cause__ is None
    with pytest.raises(OutcomeUnknown), understanding(OutcomeUnknown):
        understand(response)


def test_an_answer_that_is_understood_is_left_alone(serve: Serve) -> None:
    http = to(serve(in_turn(reply(body=b"[1]"), reply(body=b'{"a": 1}'))).url)
    with understanding():
        assert json_list(http.read("GET", "/")) == [1]
        assert json_object(http.read("GET", "/")) == {"a": 1}


def test_an_error_of_the_contract_passes_through_unchanged() -> None:
    with pytest.raises(VendorUnavailable), understanding(OutcomeUnknown):
        raise VendorUnavailable("as it was")


# --- Side by side -----------------------------------------------------------------------------------------------------


def test_what_runs_side_by_side_answers_in_order_and_in_the_time_of_one(serve: Serve) -> None:
    def answer(call: Call, connection: socket.socket) -> bytes:
        number = int(call.first_line.split("/")[1].split()[0])
        time.sleep(2.0 - number / 10)
        return reply(body=str(number).encode())

    http = to(serve(answer).url)
    with at_most(2.0):  # one after the other they would take 7.4
        numbers = side_by_side([lambda n=n: http.read("GET", "/{n}", {"n": n}).json() for n in range(4)])
    assert numbers == [0, 1, 2, 3]


def test_no_more_than_so_many_run_at_one_time() -> None:
    lock, running, most = threading.Lock(), 0, 0

    def call() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.3)
        with lock:
            running -= 1

    side_by_side([call] * 9, at_once=3)
    assert most == 3


def test_of_several_errors_side_by_side_the_first_in_order_is_raised() -> None:
    def fail(seconds: float, error: Exception) -> None:
        time.sleep(seconds)
        raise error

    calls: list[Callable[[], None]] = [
        lambda: None,
        lambda: fail(0.2, VendorUnavailable("the second")),
        lambda: fail(0, UnexpectedResponse("the third")),
    ]
    with pytest.raises(VendorUnavailable):
        side_by_side(calls)
    with pytest.raises(UnexpectedResponse):
        side_by_side(calls[::-1])


def test_the_first_of_them_runs_in_the_callers_own_thread() -> None:
    first, *others = side_by_side([threading.get_ident] * 3)
    assert first == threading.get_ident()
    assert threading.get_ident() not in others


def test_nothing_side_by_side_is_nothing() -> None:
    assert side_by_side([]) == []


# --- Pace -------------------------------------------------------------------------------------------------------------


def gaps(server: Server) -> list[float]:
    times = sorted(call.at for call in server.calls)
    return [later - earlier for earlier, later in itertools.pairwise(times)]


def test_calls_of_one_practice_are_spaced_whichever_object_makes_them(serve: Serve) -> None:
    server = serve()
    practice = new_practice()
    calls = [getattr(to(server.url, practice, pace=1.0), VERBS[n % 2]) for n in range(5)]
    side_by_side([lambda call=call: call("GET", "/") for call in calls], at_once=5)
    assert len(gaps(server)) == 4
    assert min(gaps(server)) > 0.4
    assert sum(gaps(server)) > 3


def test_another_practice_does_not_wait_in_that_queue(serve: Serve) -> None:
    server = serve()
    for _ in range(4):
        to(server.url, pace=5).read("GET", "/")
    assert sum(gaps(server)) < 4


def test_the_second_try_of_a_read_waits_for_its_turn(serve: Serve) -> None:
    server = serve(in_turn(b"", reply()))
    to(server.url, pace=2.0).read("GET", "/")
    assert gaps(server)[0] > 1.2


def test_a_queue_longer_than_the_deadline_is_refused_at_once_and_nothing_is_sent(serve: Serve) -> None:
    server = serve()
    http = to(server.url, pace=30)
    http.read("GET", "/")
    for verb in VERBS:
        with at_most(0.5), pytest.raises(VendorUnavailable):
            getattr(http, verb)("POST", "/", limit=20)
    assert len(server.calls) == 1


def test_a_write_whose_turn_comes_too_late_to_be_answered_is_not_sent(serve: Serve) -> None:
    server = serve()
    http = to(server.url, pace=8)
    http.read("GET", "/")
    with at_most(0.5), pytest.raises(VendorUnavailable):
        http.write("POST", "/", limit=9)
    assert len(server.calls) == 1


def test_a_vendor_that_asks_for_a_pause_gets_it(serve: Serve) -> None:
    server = serve(in_turn(reply(429, headers="Retry-After: 1\r\n"), reply()))
    practice = new_practice()
    with pytest.raises(VendorUnavailable):
        to(server.url, practice, pace=0.1).read("GET", "/")
    to(server.url, practice, pace=0.1).read("GET", "/")
    assert gaps(server)[0] > 0.95


def test_who_waits_already_when_the_vendor_asks_for_a_pause_waits_for_its_end(serve: Serve) -> None:
    server = serve(in_turn(reply(), reply(429, headers="Retry-After: 4\r\n"), reply(), reply()))
    practice = new_practice()
    http = to(server.url, practice, pace=1)
    http.read("GET", "/")
    calls = [lambda: http.read("GET", "/")] * 3
    with pytest.raises(VendorUnavailable):
        side_by_side(calls, at_once=3)  # turns after 1, 2 and 3 seconds; the first of them is answered with the pause
    times = [call.at for call in server.calls]
    assert times[2] - times[1] > 3.5
    assert times[3] - times[2] > 0.9


def test_calls_at_full_speed_never_come_closer_than_the_vendors_pace(serve: Serve) -> None:
    server = serve()
    http = to(server.url, pace=0.2)
    http.read("GET", "/")  # it connects, and arrives a little late
    for n in range(10):
        getattr(http, VERBS[n % 2])("GET", "/")
    times = [call.at for call in server.calls]
    assert min(sixth - first for first, sixth in zip(times, times[5:], strict=False)) > 1.0


@dataclass
class Queue:
    """`Turns` that keep a ledger."""

    open: bool = True
    waits: list[float] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def wait(self, seconds: float, deadline: float) -> bool:
        assert deadline > time.monotonic()
        self.waits.append(seconds)
        return self.open

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


def test_the_queue_that_is_handed_in_is_the_one_that_counts(serve: Serve) -> None:
    server = serve(in_turn(reply(), reply(429, headers="Retry-After: 7\r\n")))
    queue = Queue()
    http = to(server.url, pace=10, turns=queue)
    with at_most(0.4):
        http.read("GET", "/")
        with pytest.raises(VendorUnavailable):
            http.write("POST", "/")
    queue.open = False
    with pytest.raises(VendorUnavailable):
        http.write("POST", "/")
    assert (queue.waits, queue.pauses) == ([10 * SLACK] * 3, [7])
    assert len(server.calls) == 2


def test_a_vendor_without_a_limit_has_no_queue(serve: Serve) -> None:
    queue = Queue(open=False)
    with pytest.raises(VendorUnavailable):
        to(serve(always(reply(429))).url, turns=queue).read("GET", "/")
    assert (queue.waits, queue.pauses) == ([], [])


# --- The breaker, and what the caller lets go of ----------------------------------------------------------------------


@dataclass
class Fuse:
    """A `Breaker` that keeps a ledger: what it was told, of which host, and how many calls the server had by then."""

    server: Server
    open: bool = False
    told: list[tuple[str, int]] = field(default_factory=list)

    def _note(self, what: str, host: str) -> None:
        assert host == self.server.host
        self.told.append((what, len(self.server.calls)))

    def admits(self, host: str) -> bool:
        self._note("asked", host)
        return not self.open

    def failed(self, host: str) -> None:
        self._note("failed", host)

    def answered(self, host: str) -> None:
        self._note("answered", host)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 404, 429])
def test_the_breaker_is_asked_before_and_told_that_the_vendor_answers(serve: Serve, status: int, verb: str) -> None:
    server = serve(always(reply(status, b"")))
    fuse = Fuse(server)
    with suppress(VendorError):
        getattr(to(server.url, breaker=fuse), verb)("GET", "/", limit=1.1 if verb == "write" else 0.9)
    assert fuse.told == [("asked", 0), ("answered", 1)]


TROUBLE: dict[str, Answer] = {
    "500": always(reply(500)),
    "503": always(reply(503)),
    "no answer in time": late(3),
    "too large": always(reply(body=b" " * (LARGEST_BODY + 1))),
    **{name: and_end(data) for name, data in LOST.items()},
}


def test_a_relay_that_is_down_does_not_speak_against_the_vendor(serve: Serve) -> None:
    server = serve(always(reply(503)))
    fuse = Fuse(server)
    context = Context(new_practice(), STOCKHOLM, "SE", MemoryStore(), allow_private_hosts=True, budget=30, breaker=fuse)
    http = Http("acme", server.url, context, {}, relayed=["/booking"])
    for path in ("/booking", "/clinic"):
        with pytest.raises(OutcomeUnknown):
            http.write("POST", path)
    assert [what for what, _calls in fuse.told] == ["asked", "answered", "asked", "failed"]


@pytest.mark.parametrize("answer", TROUBLE.values(), ids=TROUBLE)
def test_the_breaker_is_told_of_a_vendor_in_trouble(serve: Serve, answer: Answer) -> None:
    server = serve(answer)
    fuse = Fuse(server)
    with pytest.raises(OutcomeUnknown):
        to(server.url, breaker=fuse).write("POST", "/", limit=1.1)
    assert fuse.told == [("asked", 0), ("failed", 1)]


def test_the_breaker_is_told_that_nobody_listens(serve: Serve) -> None:
    server = serve()
    server.close()
    fuse = Fuse(server)
    with pytest.raises(VendorUnavailable):
        to(server.url, breaker=fuse).write("POST", "/")
    assert fuse.told == [("asked", 0), ("failed", 0)]


def test_each_try_of_a_read_asks_the_breaker_and_tells_it(serve: Serve) -> None:
    server = serve(in_turn(b"", reply()))
    fuse = Fuse(server)
    to(server.url, breaker=fuse).read("GET", "/")
    assert fuse.told == [("asked", 0), ("failed", 1), ("asked", 1), ("answered", 2)]


@pytest.mark.parametrize("verb", VERBS)
def test_what_the_breaker_refuses_is_not_sent_and_waits_in_no_queue(serve: Serve, verb: str) -> None:
    server = serve()
    fuse, queue = Fuse(server, open=True), Queue()
    with at_most(0.5), pytest.raises(VendorUnavailable) as raised:
        getattr(to(server.url, pace=1, breaker=fuse, turns=queue), verb)("POST", "/")
    assert raised.value.retry_after
    assert fuse.told == [("asked", 0)]
    assert server.connections == 0
    assert queue.waits == []


def test_the_breaker_is_told_nothing_of_a_call_that_we_could_not_send(serve: Serve) -> None:
    server = serve()
    fuse = Fuse(server)
    with pytest.raises(AuthenticationFailed):
        to(server.url, breaker=fuse).write("POST", "/", headers={"Token": "å"})
    with pytest.raises(AuthenticationFailed):
        to(server.url, breaker=fuse, allow_private_hosts=False).write("POST", "/")
    assert fuse.told == [("asked", 0), ("asked", 0)]


def test_the_caller_lets_go_before_each_try(serve: Serve) -> None:
    server = serve(in_turn(b"", reply()))
    calls_by_then: list[int] = []
    http = to(server.url, before_call=lambda: calls_by_then.append(len(server.calls)))
    http.read("GET", "/")
    http.write("POST", "/")
    assert calls_by_then == [0, 1, 2]


def test_a_caller_that_cannot_let_go_sends_nothing(serve: Serve) -> None:
    def cannot() -> None:
        raise RuntimeError("a vendor is called inside a transaction")

    server = serve()
    for _ in range(CALLS_IN_FLIGHT + 1):
        with pytest.raises(RuntimeError):
            to(server.url, "stuck", before_call=cannot).write("POST", "/")
    assert server.connections == 0
    assert to(server.url, "stuck").write("POST", "/").status_code == 200
