"""A vendor that says nothing, or one byte a second: no page takes longer than ten seconds, no call longer than it may.

The only tests with a bound on time, for this is no speed but a promise: who waits longer thinks that it is broken, and
presses again. The bound has a second more than the promise, since the machine of the tests may have much else to do.
"""

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from tests.browser import product as browser
from tests.browser.product import Product, started
from tests.faults.faults import BUDGET
from tests.faults.sides import SIDES, Cell, cell
from tests.faults.test_pages import CHOICES, DETAILS
from tests.races.crowd import Client
from vendors.base import Patient, Vendor, VendorError
from vendors.sandbox import SANDBOXES
from vendors.sandbox.base import Sandbox

pytestmark = pytest.mark.slow

PAGE = 10.0
PAGE_SECONDS = 9.0
"""What the vendor calls of one page may take together."""
GRACE = 0.5
"""How much longer than its deadline a call may take."""
LOADED = 1.0
HANGING = 60.0
CALLS = 50
"""More of an operation than anything here makes."""

SLOW: Mapping[str, Callable[[Sandbox, str], None]] = {
    "hang": lambda sandbox, operation: sandbox.slow(operation, HANGING, CALLS),
    "drip": lambda sandbox, operation: sandbox.drip(operation, CALLS),
}


def slow_down(sandbox: Sandbox, how: str) -> None:
    """Everything that it can be asked."""
    for operation in {operation for _method, _path, operation in sandbox.routes}:
        SLOW[how](sandbox, operation)


# --- Calls ------------------------------------------------------------------------------------------------------------

CALL: Mapping[str, Callable[[Cell, Vendor], object]] = {
    "services": lambda here, vendor: vendor.services("en"),
    "offers": lambda here, vendor: vendor.offers(here.request.service_id, "en"),
    "slots": lambda here, vendor: vendor.slots(here.search),
    "reserve": lambda here, vendor: vendor.reserve(replace(here.request, patient=Patient())),
    "book": lambda here, vendor: vendor.book(here.request),
    "find": lambda here, vendor: vendor.find(here.request),
    "cancel": lambda here, vendor: vendor.cancel(here.appointment_id, here.request),
    "move": lambda here, vendor: vendor.move(here.appointment_id, here.request),
}


@pytest.mark.parametrize("how", SLOW)
def test_no_call_takes_longer_than_its_deadline(how: str) -> None:
    """Of no vendor: all calls of all vendors go on at the same time."""
    with ExitStack() as stack:
        cells = [
            (side, call, prepared(stack.enter_context(cell(side, alone=True)), call))
            for side in SIDES.values()
            for call in CALL
            if call in {*side.reads, *side.writes}
        ]
        for _side, _call, here in cells:
            slow_down(here.sandbox, how)
        with ThreadPoolExecutor(max_workers=len(cells)) as pool:
            lasted = list(pool.map(lambda one: seconds(one[1], one[2]), cells))
    took = {f"{side.name} {call}": length for (side, call, _), length in zip(cells, lasted, strict=True)}
    assert {name: length for name, length in took.items() if length > BUDGET + GRACE + LOADED} == {}
    assert {name: length for name, length in took.items() if length < BUDGET / 2} == {}, "the fault was not met"


def prepared(here: Cell, call: str) -> Cell:
    """With what has to be there before such a call."""
    if call in ("book", "find", "cancel", "move"):
        here.request = here.reserve(here.request)
    if call in ("find", "cancel", "move"):
        here.appointment_id = here.vendor().book(here.request).id
    if call == "move":
        here.request = here.reserve(replace(here.request, slot=here.there))
    return here


def seconds(call: str, here: Cell) -> float:
    vendor, started_at = here.vendor(budget=BUDGET), time.monotonic()
    with pytest.raises(VendorError):
        CALL[call](here, vendor)
    return time.monotonic() - started_at


# --- Pages ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """A practice of its own at a sandbox of its own, and the pages that are asked of it when the vendor is slow."""

    slug: str
    vendor: str
    how: str
    page: str
    sandbox: Sandbox
    table: Mapping[str, object]


PAGES = ("lists", "times", "hold", "confirm")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with started(tmp_path_factory.mktemp("slow"), threads=128, worker=False) as product:
        yield product


@pytest.fixture(scope="module")
def places(running: Product, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Place]]:
    with ExitStack() as stack:
        made = []
        for vendor in SIDES:
            for how in SLOW:
                for page in PAGES:
                    slug, sandbox = f"{vendor.replace('_', '-')}-{how}-{page}", SANDBOXES[vendor]()
                    table = sandbox.practice(stack.enter_context(sandbox.serve())) | {"slug": slug}
                    made.append(Place(slug, vendor, how, page, sandbox, table))
        file = tmp_path_factory.mktemp("practices") / "practices.toml"
        file.write_text("\n".join(browser._toml(place.table) for place in made), encoding="utf-8")
        running.manage("load_practices", str(file))
        yield made


def test_no_page_takes_longer_than_ten_seconds(running: Product, places: list[Place]) -> None:
    """Of no vendor, with one that hangs and with one that drips: all pages are asked for at the same time."""
    with ThreadPoolExecutor(max_workers=8) as pool:  # while the vendors are well there is no hurry
        waiting = list(pool.map(lambda place: ready(running, place), places))
    with slowness(running) as busy, ThreadPoolExecutor(max_workers=100) as pool:
        for place in places:
            slow_down(place.sandbox, place.how)
        said_before = running.log.stat().st_size
        asked = {name: ask for asks in waiting for name, ask in asks.items()}
        took = dict(zip(asked, pool.map(lambda ask: length(ask), asked.values()), strict=True))
    loaded = max(LOADED, 2 * max(busy))
    assert {name: seconds for name, seconds in took.items() if seconds > PAGE + loaded} == {}
    untouched = [place.slug for place in places if not any(name.startswith(place.slug) for name in took)]
    assert not untouched
    calls = calls_in(running.log, said_before)
    assert len({call[0] for call in calls}) == len(places), "a vendor was not asked"
    assert [call for call in calls if call[1] > (PAGE_SECONDS + GRACE + loaded) * 1000] == []


@contextmanager
def slowness(product: Product) -> Iterator[list[float]]:
    """How long pages take meanwhile that ask no vendor, again and again: so slow is this machine."""
    lengths, over = [0.0], threading.Event()

    def look() -> None:
        client = Client(product)
        while not over.wait(0.05):
            lengths.append(length(lambda: client.get("/healthz")))

    watch = threading.Thread(target=look, daemon=True)
    watch.start()
    try:
        yield lengths
    finally:
        over.set()
        watch.join()


type Ask = Callable[[], httpx.Response]


def ready(product: Product, place: Place) -> dict[str, Ask]:
    """The pages to ask for, when everything that comes before them is done and the vendor was well."""
    client, choice = Client(product), CHOICES[place.vendor]
    home = f"{product.url}/{place.slug}/en/"

    def get(path: str, *names: str) -> Ask:
        query = {name: choice[name] for name in names}
        return lambda: client._http.get(home + path, params=query)

    everything = ("service", "clinic", "provider")
    times = get("times/", *everything)
    if place.page == "lists":
        steps = {"service": get(""), "clinic": get("clinic/", "service"), "provider": get("provider/", *everything[:2])}
        return {f"{place.slug} {name}": ask for name, ask in (steps | {"times": times}).items()}
    if place.page == "times":
        assert get("provider/", *everything[:2])().status_code in (200, 302)
        return {place.slug: times}
    free = times()
    sent = {name: re.findall(f'name="{name}" value="([^"]+)"', free.text)[0] for name in ("slot", "held")}
    hold: Ask = lambda: client.post(home + "hold/", **choice, **sent)  # noqa: E731
    if place.page == "hold":
        return {place.slug: hold}
    review = client.post(hold().headers["Location"], **DETAILS[place.vendor]).headers["Location"]
    assert review.endswith("/confirm/"), review
    return {place.slug: lambda: client.post(review)}


def length(ask: Ask) -> float:
    started_at = time.monotonic()
    ask()
    return time.monotonic() - started_at


def calls_in(log: Path, start: int) -> list[tuple[str, int]]:
    """(practice, milliseconds) of each call to a vendor."""
    said = log.read_bytes()[start:].decode()
    return [(slug, int(ms)) for slug, ms in re.findall(r" vendors\.http (\S+) .* (\d+) ms$", said, re.MULTILINE)]
