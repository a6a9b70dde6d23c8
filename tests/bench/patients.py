"""Many patients at once, each a browser without a screen or assets: `python -m tests.bench.patients`.

A thread for each, on plain sockets: what the client costs is taken from the same two cores that serve the pages.
"""

import html
import itertools
import random
import re
import socket
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from tests.bench.lines import answer

PERSON = {
    "first_name": "Åsa",
    "last_name": "Bergman",
    "phone": "+46 70 123 45 67",
    "birth_date": "1980-05-31",
    "postal_code": "111 22",
    "consent": "on",
}
LINK = re.compile(r"<a\b[^>]*\bdata-(?:service|clinic|provider)=[^>]*>")
SLOT = re.compile(r'<button\b[^>]*\bname="slot"[^>]*>')
FIELD = re.compile(r"<(?:input|textarea|select)\b[^>]*>")
ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')
RETRY = (2.5, 7.5)
"""Seconds after which a patient tries again who was told that the vendor is in trouble. Not all at the same moment."""
PATIENCE = 60.0
LONGEST_WAY = 40
"""Steps of a journey, also of one whose times are often gone."""

_numbers = itertools.count(int(time.time()) % 10_000)


@dataclass(slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str
    address: str
    wire: int
    """Bytes of the answer as they came, with its head."""


@dataclass(slots=True)
class Page:
    """One request: what for, when, how long, how it ended."""

    kind: str
    start: float
    seconds: float
    status: int


@dataclass(slots=True)
class Browser:
    """One connection, kept alive as a browser does."""

    host: str
    port: int
    pages: list[Page] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    """More than a browser sends, for who is no patient."""
    _socket: socket.socket | None = None

    def get(self, path: str) -> Answer:
        return self._request("GET", path, b"")

    def post(self, path: str, fields: dict[str, str]) -> Answer:
        return self._request("POST", path, urlencode(fields).encode())

    def follow(self, answer: Answer) -> Answer:
        while answer.status in (301, 302, 303):
            answer = self.get(urljoin(answer.address, answer.headers["location"]))
        return answer

    def close(self) -> None:
        if self._socket:
            self._socket.close()
        self._socket = None

    def _request(self, method: str, path: str, content: bytes) -> Answer:
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nUser-Agent: bench\r\n"
            "Accept: text/html\r\nAccept-Encoding: gzip, deflate\r\nAccept-Language: en\r\n"
        )
        if method == "POST":
            head += (
                f"Origin: http://{self.host}:{self.port}\r\nSec-Fetch-Site: same-origin\r\n"
                f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(content)}\r\n"
            )
        head += "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        whole = head.encode() + b"\r\n" + content
        begun = time.monotonic()
        kind, status = kind_of(method, path), 0
        try:
            said = self._send(whole)
            status = said.status
            said.address = path
        finally:
            self.pages.append(Page(kind, begun, time.monotonic() - begun, status))
        return said

    def _send(self, whole: bytes) -> Answer:
        kept = self._socket is not None
        try:
            return self._send_once(whole)
        except OSError:
            self.close()
            if not kept:  # a kept one may just have been closed, and a browser then asks anew
                raise
            return self._send_once(whole)

    def _send_once(self, whole: bytes) -> Answer:
        if self._socket is None:
            self._socket = socket.create_connection((self.host, self.port), timeout=PATIENCE)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(whole)
        buffer = b""
        while (at := buffer.find(b"\r\n\r\n")) < 0:
            buffer += self._more()
        first, *lines = buffer[:at].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        parts = [buffer[at + 4 :]]
        missing = length - len(parts[0])
        while missing > 0:
            parts.append(self._more())
            missing -= len(parts[-1])
        body = b"".join(parts)
        if headers.get("connection", "").lower() == "close":
            self.close()
        wire = at + 4 + length
        if headers.get("content-encoding") == "gzip":
            body = zlib.decompress(body, wbits=31)
        return Answer(int(first.split()[1]), headers, body.decode(), "", wire)

    def _more(self) -> bytes:
        assert self._socket
        more = self._socket.recv(65536)
        if not more:
            raise ConnectionResetError("closed")
        return more


def kind_of(method: str, path: str) -> str:
    """`GET times`: the step that an address is about, without whose it is."""
    match urlsplit(path).path.strip("/").split("/"):
        case [_practice, _language]:
            step = "service"
        case [_practice, _language, "booking", _token, step]:
            pass
        case [_practice, _language, step, *_]:
            pass
        case _:
            step = "start"
    return f"{method} {step}"


def attributes(tag: str) -> dict[str, str]:
    return {name: html.unescape(value) for name, value in ATTRIBUTE.findall(tag)}


class Stranded(Exception):
    """The journey cannot go on. Says where and why."""


def journey(browser: Browser, slug: str, service: str, day: str, dice: random.Random) -> int:
    """From the practice's address to a confirmed booking. Answers how often a time was gone. Raises `Stranded`."""
    gone = 0
    page = browser.follow(browser.get(f"/{slug}/?from={day}" if day else f"/{slug}/"))
    for _step in range(LONGEST_WAY):
        path = urlsplit(page.address).path
        if page.status != 200:
            raise Stranded(f"{page.status} at {kind_of('', page.address).strip()}")
        if path.endswith(("/times/", "/hold/")) or 'class="nearest"' in page.text:
            gone += not path.endswith("/times/")
            page = browser.follow(_hold(browser, page, dice))
        elif path.endswith("/details/"):
            page = browser.follow(browser.post(page.address, _details(page)))
        elif path.endswith("/confirm/"):
            page = browser.follow(browser.post(page.address, {}))
        elif "/booking/" in path:
            if 'data-state="confirmed"' not in page.text:
                state = re.search(r'data-state="(\w+)"', page.text)
                raise Stranded(f"the booking is {state[1] if state else 'not shown'}")
            return gone
        else:
            page = browser.follow(browser.get(_link(page, service, dice)))
    raise Stranded(f"led in circles, at last to {kind_of('', page.address).strip()}")


def _link(page: Answer, service: str, dice: random.Random) -> str:
    links = [attributes(tag) for tag in LINK.findall(page.text)]
    wanted = [link for link in links if link.get("data-service") == service] or links
    if not wanted:
        raise Stranded(f"nothing to choose at {kind_of('', page.address).strip()}")
    return dice.choice(wanted)["href"]


def _hold(browser: Browser, page: Answer, dice: random.Random) -> Answer:
    slots = SLOT.findall(page.text)
    if not slots:
        raise Stranded("no free times")
    hidden = [attributes(tag) for tag in FIELD.findall(page.text)]
    fields = {item["name"]: item["value"] for item in hidden if item.get("type") == "hidden"}
    hold = "/".join(page.address.split("/")[:3]) + "/hold/"
    return browser.post(hold, {**fields, "slot": attributes(dice.choice(slots))["value"]})


def _details(page: Answer) -> dict[str, str]:
    if 'class="errors"' in page.text:
        raise Stranded("the details are refused: " + " ".join(re.findall(r'<a href="#id_(\w+)"', page.text)))
    number = next(_numbers)
    person = {**PERSON, "email": f"patient{number}@mail.example", "personal_number": personal_number(number)}
    given = {}
    for tag in FIELD.findall(page.text):
        name = attributes(tag).get("name", "")
        if name in person:
            given[name] = person[name]
        elif name and " required" in tag:
            given[name] = "France"  # a question of the practice's
    return given


def personal_number(number: int) -> str:
    """Swedish: a date and four digits, of which the last fits."""
    digits = f"{number // 336 % 40 + 50:02}{number // 28 % 12 + 1:02}{number % 28 + 1:02}{number // 13440 % 900 + 100}"
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(digits)]
    last = -sum(n - 9 if n > 9 else n for n in doubled) % 10
    return f"19{digits[:6]}-{digits[6:]}{last}"


# --- Tasks -----------------------------------------------------------------------------------------------------------


def journeys(
    origin: list[Any],
    practices: list[list[str]],
    patients: int,
    days: list[str],
    seconds: float = 0,
    each: int = 0,
    think: float = 0,
    ramp: float = 0,
    seed: int = 0,
) -> dict[str, Any]:
    """`practices`: slug and service each. Every patient books `each` times, or again and again for `seconds`."""
    done: list[dict[str, Any]] = []
    browsers = [Browser(*origin) for _ in range(patients)]
    ends = time.monotonic() + ramp + seconds

    def patient(number: int) -> None:
        dice = random.Random(f"{seed} {number}")
        time.sleep(ramp * number / patients)
        browser = browsers[number]
        count = 0
        while count < each or (not each and time.monotonic() < ends):
            slug, service = practices[(number + count * patients) % len(practices)]
            count += 1
            begun = time.monotonic()
            first_page = len(browser.pages)
            row: dict[str, Any] = {"slug": slug, "start": begun, "ended": "confirmed", "gone": 0}
            try:
                row["gone"] = journey(browser, slug, service, dice.choice(days), dice)
            except Stranded as error:
                row["ended"] = str(error)
            except OSError as error:
                row["ended"] = type(error).__name__
                browser.close()
            row["seconds"], row["pages"] = time.monotonic() - begun, len(browser.pages) - first_page
            done.append(row)
            time.sleep(dice.uniform(*RETRY) if row["ended"] != "confirmed" else think)
        browser.close()

    _all(patients, patient)
    return {"journeys": done, "pages": [_row(page) for browser in browsers for page in browser.pages]}


def visits(
    origin: list[Any],
    addresses: list[list[str]],
    think: float = 0,
    ramp: float = 0,
    seconds: float = 0,
    headers: dict[str, str] | None = None,
) -> list[list[Any]]:
    """Each patient opens the own addresses in turn, or, with `seconds`, again and again.

    Answers a row for each: number of the patient, kind, start, seconds, status, bytes.
    """
    found: list[list[Any]] = []
    ends = time.monotonic() + ramp + seconds

    def patient(number: int) -> None:
        time.sleep(ramp * number / len(addresses))
        browser = Browser(*origin, headers=headers or {})
        for address in itertools.cycle(addresses[number]) if seconds else addresses[number]:
            if seconds and time.monotonic() >= ends:
                break
            try:
                said = browser.get(address)
                status, wire = said.status, said.wire
            except OSError:
                browser.close()
                status = wire = 0
            page = browser.pages[-1]
            found.append([number, page.kind, page.start, page.seconds, status, wire])
            time.sleep(random.uniform(*RETRY) if status == 503 else think)
        browser.close()

    _all(len(addresses), patient)
    return found


def path_to(origin: list[Any], slug: str, service: str, day: str) -> dict[str, str]:
    """A patient's addresses: of the times, and of the pages of a booking."""
    dice, browser = random.Random(1), Browser(*origin)
    page = browser.follow(browser.get(f"/{slug}/?from={day}" if day else f"/{slug}/"))
    found = {"service": page.address}
    while not urlsplit(page.address).path.endswith("/times/"):
        page = browser.follow(browser.get(_link(page, service, dice)))
    found["times"] = page.address
    page = browser.follow(_hold(browser, page, dice))
    found["details"] = page.address
    page = browser.follow(browser.post(page.address, _details(page)))
    found["confirm"] = page.address
    second = browser.follow(_hold(browser, browser.get(found["times"]), dice))
    second = browser.follow(browser.post(second.address, _details(second)))
    found["booking"] = browser.follow(browser.post(second.address, {})).address
    browser.close()
    return found


def _row(page: Page) -> list[Any]:
    return [page.kind, page.start, page.seconds, page.status]


def _all(patients: int, do: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=do, args=[number]) for number in range(patients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    threading.stack_size(512 * 1024)
    answer({"journeys": journeys, "visits": visits, "path_to": path_to})
