"""The only module that opens a connection: deadlines, allowed hosts, the bulkhead, retries, log lines.

Two verbs are the whole policy. `read` changes nothing at the vendor and may try again; `write` is sent once. Which one
a call is depends on what it does, not on GET or POST.
"""

import ipaddress
import json
import logging
import socket
import ssl
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

import httpcore
import httpx

from vendors.base import (
    AuthenticationFailed,
    Context,
    OutcomeUnknown,
    UnexpectedResponse,
    VendorError,
    VendorUnavailable,
)

log = logging.getLogger("vendors.http")
# httpx would write whole addresses, and some vendors take a patient in the query. A filter survives a later dictConfig.
logging.getLogger("httpx").addFilter(lambda record: False)

CALLS_IN_FLIGHT = 32
"""The bulkhead: so many calls of one practice at once, then refused. One hanging vendor must not freeze the others."""
LARGEST_BODY = 8 * 1024 * 1024
"""Bytes of an answer after decompression. A year of times is well below one megabyte."""
WRITE_MARGIN = 1.0
"""Seconds that must be left for a write to be sent at all: better not sent than cut off halfway."""
SLACK = 1.1
"""A call arrives a little after its turn, and one on a fresh connection later than the next on a kept one: turns lie
apart by so many times the vendor's pace that what arrives never comes closer than that."""
LONGEST_PAUSE = 3600.0
"""Seconds that a vendor's Retry-After may ask for."""
POOLS_KEPT = 500

NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

type Query = Mapping[str, str | int | bool | None]


# --- Sockets: every step obeys the deadline of the call it belongs to ------------------------------------------------

_call = threading.local()


def _left(timeout: float | None, otherwise: type[httpcore.TimeoutException] = httpcore.ReadTimeout) -> float:
    """Seconds until the deadline of this thread's call, at most `timeout`."""
    left: float = _call.deadline - time.monotonic()
    if left <= 0:
        raise otherwise("deadline passed")
    return left if timeout is None else min(timeout, left)


class _Stream(httpcore.NetworkStream):
    """httpx counts each read anew, so a dripping server could hold a call for ever. Here the whole call counts."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, _left(timeout, httpcore.ConnectTimeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Network(httpcore.SyncBackend):
    """Connects only to addresses that a vendor may have, judged after the name is resolved: no name gets around it."""

    def __init__(self, allow_private_hosts: bool) -> None:
        self._allow_private_hosts = allow_private_hosts

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("name not resolved") from error
        addresses = [str(entry[4][0]) for entry in found]
        if not self._allow_private_hosts:
            addresses = [a for a in addresses if ipaddress.ip_address(a.partition("%")[0]).is_global]
            if not addresses:
                raise AuthenticationFailed("the vendor's address is private, which is not allowed here")
        failure: Exception = httpcore.ConnectError("no address")
        for address in addresses:
            seconds = _left(timeout, httpcore.ConnectTimeout)
            try:
                return _Stream(super().connect_tcp(address, port, seconds, local_address, socket_options))
            except httpcore.ConnectError as error:
                failure = error
        raise failure


class _Transport(httpx.HTTPTransport):
    ssl_context: ClassVar[ssl.SSLContext | None] = None  # the CA store takes 86 ms to load: once per process

    def __init__(self, allow_private_hosts: bool, keep_alive: bool) -> None:
        shared = _Transport.ssl_context = _Transport.ssl_context or httpx.create_ssl_context()
        super().__init__(verify=shared)
        self._pool.close()
        # httpx has no public way to hand its pool a network backend; httpcore's own constructor does.
        self._pool = httpcore.ConnectionPool(
            ssl_context=shared,
            max_connections=CALLS_IN_FLIGHT,
            max_keepalive_connections=CALLS_IN_FLIGHT if keep_alive else 0,
            keepalive_expiry=30,
            network_backend=_Network(allow_private_hosts),
        )


class _Line:
    """One practice's way to one vendor: two small pools, and the bulkhead in front of them."""

    def __init__(self, allow_private_hosts: bool) -> None:
        self.bulkhead = threading.BoundedSemaphore(CALLS_IN_FLIGHT)
        self.turns = _OwnTurns()
        self.reading = self._client(allow_private_hosts, keep_alive=True)
        self.writing = self._client(allow_private_hosts, keep_alive=False)

    @staticmethod
    def _client(allow_private_hosts: bool, keep_alive: bool) -> httpx.Client:
        return httpx.Client(
            transport=_Transport(allow_private_hosts, keep_alive),
            trust_env=False,
            follow_redirects=False,
            event_hooks={"response": [_forget_where_to]},
            # A cookie would carry one patient's session, or credentials that were changed since, into later calls.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        )


def _forget_where_to(response: httpx.Response) -> None:
    """httpx prepares the next request even where it follows none, and stumbles over an odd address."""
    if response.has_redirect_location:
        del response.headers["Location"]


class _OwnTurns:
    """`Turns` for one process that is alone with its practice."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = 0.0
        self._paused_until = 0.0

    def wait(self, seconds: float, deadline: float) -> bool:
        while True:
            with self._lock:
                turn = max(self._next, time.monotonic())
                if turn >= deadline:
                    return False
                self._next = turn + seconds
            time.sleep(max(turn - time.monotonic(), 0))
            if turn >= self._paused_until:
                return True  # else the vendor asked for quiet while this one waited: it queues again

    def pause(self, seconds: float) -> None:
        with self._lock:
            self._paused_until = max(self._paused_until, time.monotonic() + seconds)
            self._next = max(self._next, self._paused_until)


_lines: OrderedDict[tuple[str, str, bool], _Line] = OrderedDict()
_lines_lock = threading.Lock()


def _line(context: Context, host: str) -> _Line:
    key = (context.practice, host, context.allow_private_hosts)
    with _lines_lock:
        line = _lines.pop(key, None) or _Line(context.allow_private_hosts)
        _lines[key] = line
        while len(_lines) > POOLS_KEPT:
            _lines.popitem(last=False)  # its sockets close when the last call on it ends
        return line


# --- The two verbs ---------------------------------------------------------------------------------------------------


class Http:
    """Calls to one vendor for one practice. `limit` is the longest that one call may take, in seconds.

    Paths are patterns: `read("GET", "/clinic/{id}", {"id": "17-a9"})` encodes the value and logs only the pattern.
    """

    def __init__(
        self,
        vendor: str,
        base_url: str,
        context: Context,
        headers: Mapping[str, str],
        *,
        pace: float = 0,
        relayed: Iterable[str] = (),
    ) -> None:
        """`pace`: the seconds that must lie between two calls of this practice, of all processes together.

        `relayed`: the paths whose 503 says that a system behind the vendor is down. The vendor itself is well then.
        """
        self._pace = pace
        self._relayed = frozenset(relayed)
        self._vendor = vendor
        self._base_url = base_url.rstrip("/")
        self._context = context
        self._headers = {"Accept": "application/json", "User-Agent": "Anteroom", **headers}
        self._deadline = time.monotonic() + context.budget

    def read(
        self,
        method: str,
        path: str,
        values: Mapping[str, object] | None = None,
        *,
        query: Query | None = None,
        body: object = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        limit: float = 10.0,
    ) -> httpx.Response:
        """Ask; a second time where the first was cut off. Ends in `VendorUnavailable` without a clear answer.

        Answers with any 2xx, or with a 4xx that only this vendor can interpret (not 401, 403 or 429).
        """
        deadline = min(self._deadline, time.monotonic() + limit)
        for tries_left in (1, 0):
            try:
                response = self._send("reading", method, path, values, query, body, form, headers, deadline)
                return self._understood(response, otherwise=VendorUnavailable)
            except httpx.TimeoutException as error:
                raise VendorUnavailable("no answer in time") from error
            except httpx.RequestError as error:
                failure = VendorUnavailable("no answer")
                failure.__cause__ = error
            except VendorUnavailable as error:
                failure = error
                if error.retry_after is not None:
                    raise
            if not tries_left or deadline - time.monotonic() < 1:
                raise failure
            time.sleep(0.15)
        raise AssertionError("unreachable")

    def write(
        self,
        method: str,
        path: str,
        values: Mapping[str, object] | None = None,
        *,
        query: Query | None = None,
        body: object = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        limit: float = 25.0,
        refusals_in_body: bool = False,
    ) -> httpx.Response:
        """Send it once, on a fresh connection, for it changes something. No clear answer: it may have happened.

        `refusals_in_body`: what a 401 or 403 means is for the caller to read; a proxy's says nothing of the vendor.
        """
        deadline = min(self._deadline, time.monotonic() + limit)
        if deadline - time.monotonic() < WRITE_MARGIN:
            raise VendorUnavailable("no time left to send it")
        try:
            response = self._send("writing", method, path, values, query, body, form, headers, deadline)
        except NEVER_SENT as error:
            raise VendorUnavailable("could not connect") from error
        except httpx.RequestError as error:  # its widest error: a garbled answer counts too
            raise OutcomeUnknown("no answer") from error
        if refusals_in_body and response.status_code in (401, 403):
            return response
        return self._understood(response, otherwise=OutcomeUnknown)

    def _send(
        self,
        kind: str,
        method: str,
        path: str,
        values: Mapping[str, object] | None,
        query: Query | None,
        body: object,
        form: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        deadline: float,
    ) -> httpx.Response:
        encoded = {name: quote(str(value), safe="") for name, value in (values or {}).items()}
        if {".", ".."} & set(encoded.values()):
            raise UnexpectedResponse("an id that would lead to another path")
        try:
            url = httpx.URL(self._base_url + path.format(**encoded))
            if not url.host or not 0 <= (url.port or 0) <= 65535:
                raise httpx.InvalidURL("no host, or no such port")
        except (httpx.InvalidURL, UnicodeError) as error:
            raise AuthenticationFailed("the vendor's address is not one") from error
        if query:
            given = [(name, _text(value)) for name, value in query.items() if value is not None]
            # %20 for a blank, which every server reads alike; httpx would write a plus.
            encoded_query = urlencode([*url.params.multi_items(), *given], quote_via=quote)
            url = url.copy_with(query=encoded_query.encode())
        host = url.netloc.decode()
        line = _line(self._context, host)
        breaker = self._context.breaker
        if breaker and not breaker.admits(host):
            log.warning(
                "%s %s %s %s refused: the vendor is in trouble", self._context.practice, self._vendor, method, path
            )
            raise VendorUnavailable("in trouble, and left in peace for a while", retry_after=15)
        if self._pace:
            turns = self._context.turns or line.turns
            if not turns.wait(self._pace * SLACK, deadline - (WRITE_MARGIN if kind == "writing" else 0)):
                raise VendorUnavailable("the queue of calls is too long", retry_after=5)
        self._context.before_call()
        if not line.bulkhead.acquire(blocking=False):
            log.warning(
                "%s %s %s %s refused: too many calls in flight", self._context.practice, self._vendor, method, path
            )
            raise VendorUnavailable("too many calls in flight", retry_after=2)
        client: httpx.Client = getattr(line, kind)
        started = time.monotonic()
        outcome: object = "no answer"
        well: bool | None = None
        _call.deadline = deadline
        try:
            try:
                content = json.dumps(body, ensure_ascii=False).encode() if body is not None else None
                all_headers = {**self._headers, **(headers or {})}
                if content is not None:
                    all_headers["Content-Type"] = "application/json"
                request = client.build_request(
                    method, url, headers=all_headers, content=content, data=form, timeout=max(deadline - started, 0.001)
                )
            except UnicodeEncodeError:  # only here: once it is sent, odd bytes in the answer do not undo it
                raise AuthenticationFailed("the connection holds something that cannot be encoded") from None
            response = client.send(request, stream=True)
            try:
                outcome = response.status_code
                whole = _whole(response)
                well = response.status_code < 500 or (response.status_code == 503 and path in self._relayed)
                return whole
            finally:
                response.close()
        except (httpx.LocalProtocolError, httpx.UnsupportedProtocol):
            # `from None`: the original text quotes the header, and with it a secret.
            raise AuthenticationFailed("the connection holds something that cannot be sent") from None
        except httpx.RequestError:
            well = False
            raise
        finally:
            line.bulkhead.release()
            if breaker and well is not None:
                (breaker.answered if well else breaker.failed)(host)
            milliseconds = round((time.monotonic() - started) * 1000)
            log.info("%s %s %s %s %s %d ms", self._context.practice, self._vendor, method, path, outcome, milliseconds)

    def _understood(self, response: httpx.Response, otherwise: type[VendorError]) -> httpx.Response:
        status = response.status_code
        if status in (401, 403):
            raise AuthenticationFailed(f"status {status}", status=status)
        if status == 429:
            pause = _seconds(response.headers.get("Retry-After"))
            if self._pace:
                (self._context.turns or _line(self._context, response.request.url.netloc.decode()).turns).pause(pause)
            raise VendorUnavailable("status 429", retry_after=pause, status=429)
        if status < 200 or 300 <= status < 400 or status >= 500:
            raise otherwise(f"status {status}")
        return response


def _text(value: str | int | bool | None) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _seconds(retry_after: str | None) -> float:
    """Retry-After in seconds or, as HTTP allows too, as a date. Anything else counts as a second."""
    if not retry_after:
        return 1.0
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(retry_after).timestamp() - time.time()
        except ValueError:
            return 1.0
    return min(seconds, LONGEST_PAUSE) if seconds > 0 else 1.0


def _whole(response: httpx.Response) -> httpx.Response:
    """The response with its body read, and never more of it than `LARGEST_BODY`.

    Its extension `length_known` says whether a body cut short would have been noticed.
    """
    if "," in response.headers.get("Content-Encoding", ""):  # one small piece could become gigabytes at once
        raise httpx.DecodingError("the answer is packed more than once", request=response.request)
    read, size = [], 0
    for chunk in response.iter_bytes():
        size += len(chunk)
        if size > LARGEST_BODY:
            raise httpx.DecodingError("the answer is too large", request=response.request)
        read.append(chunk)
    dropped = (b"content-encoding", b"content-length")
    headers = [(k, v) for k, v in response.headers.raw if k.lower() not in dropped]  # raw: they need not be ASCII
    known = "content-length" in response.headers or "transfer-encoding" in response.headers
    return httpx.Response(
        response.status_code,
        headers=headers,
        content=b"".join(read),
        request=response.request,
        extensions={"length_known": known},
    )


# --- What came back --------------------------------------------------------------------------------------------------


@contextmanager
def understanding(otherwise: type[VendorError] = UnexpectedResponse) -> Iterator[None]:
    """The one place where a missing key, bad JSON or a wrong type in an answer becomes an error of the contract.

    For the answer to a write, `otherwise` is `OutcomeUnknown`.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        # `from None`: the original text may quote the answer, and with it a patient.
        raise otherwise(f"unexpected answer ({type(error).__name__})") from None


def json_list(response: httpx.Response) -> list[Any]:
    """The answer as a list of values. Use inside `understanding`."""
    value = json.loads(response.content)
    if not isinstance(value, list):
        raise TypeError("a list was expected")
    return value


def json_object(response: httpx.Response) -> dict[str, Any]:
    """The answer as an object. Use inside `understanding`."""
    value = json.loads(response.content)
    if not isinstance(value, dict):
        raise TypeError("an object was expected")
    return value


def side_by_side[T](calls: Sequence[Callable[[], T]], at_once: int = 4) -> list[T]:
    """What the calls answer, in their order; some run at the same time. The first error is raised.

    The first runs in the caller's own thread, so `before_call` lets go of what the caller holds too: were callers to
    wait here with all connections to the database, the threads of their calls would get none.
    """
    if len(calls) < 2:
        return [call() for call in calls]
    with ThreadPoolExecutor(max_workers=max(at_once - 1, 1)) as pool:
        others = [pool.submit(call) for call in calls[1:]]
        return [calls[0](), *(other.result() for other in others)]
