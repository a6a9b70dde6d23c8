"""A practice, its vendor's far side, the people who come, and the clock above them all; and what is true of them."""

import json
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any
from urllib.parse import urljoin

from django.conf import settings
from django.core.signals import got_request_exception
from django.db import connections
from django.utils import timezone
from time_machine import Traveller, travel

from booking import due, practices, reconciliation, retention, tokens
from booking.models import Booking, Circuit, Letter, Practice, Snapshot, State, Turn, VendorMemory
from tests.pages.patient import Page, Patient
from tests.stateful.far_sides import PEOPLE, Entry, FarSide
from vendors.sandbox.base import Fault, Sandbox

STARTS = (
    datetime(2027, 1, 11, 9, tzinfo=UTC),
    datetime(2027, 3, 26, 16, tzinfo=UTC),  # before the night in which Europe's clocks go forward
)
A_CALL = timedelta(seconds=0.25)
"""What every call takes by the clock: more than any vendor wants between two of them, so nobody waits for a turn."""
PATIENCE = 1.4
"""Seconds that a page waits for a vendor who hangs. A write is sent only where a second is left."""
VENDOR_MAY_WORK_FOR = reconciliation.STILL_WORKING - timedelta(seconds=5)
INSTEAD = {"chart": "book", "reserve": "times"}
"""Where a vendor lacks a call."""
FEW = 3
"""Patients look at so many times of those on a page, so that they meet."""


# --- Who comes --------------------------------------------------------------------------------------------------------


class Browser(Patient):
    """One person with two tabs. Remembers what was read last about each booking, by the token in its address."""

    def __init__(self, world: "World", who: int) -> None:
        super().__init__(world.slug)
        self.world, self.who = world, who
        self.tabs: tuple[list[Page], list[Page]] = ([], [])
        self.told: dict[str, str] = {}
        self.times: list[str] = []
        """The slots that were offered last."""

    @property
    def page(self) -> Page | None:
        return self.tabs[0][-1] if self.tabs[0] else None

    def duplicate(self) -> None:
        """The same page in the other tab too, loaded anew."""
        page = self.page
        self.switch()
        if page:
            self.open(page.address)

    def switch(self) -> None:
        self.tabs = self.tabs[::-1]

    def back(self) -> None:
        """As from a browser's memory: nothing is asked, and the page is as old as it is."""
        del self.tabs[0][1:][-1:]

    def _arrive(self, response: Any, address: str, follow: bool) -> Page:
        page = super()._arrive(response, address, follow)
        for read in self.pages:
            assert read.status < 500 or read.status == 503, f"{read.status} at {read.path}: {self.world.crash!r}"
            assert read.status not in (400, 403), f"{read.status} at {read.path}"
            assert read.status != 503 or self.world.trouble, f"trouble without any at {read.path}"
        self.pages.clear()
        self.tabs[0].append(page)
        if page.token:
            self._read(page)
        if page.slots:
            self.times = [button["value"] for button in page.slots][:FEW]
        return page

    def _read(self, page: Page) -> None:
        row = tokens.find(self.world.practice, page.token)
        assert row, "an address of ours names nothing"
        self.world.whose[row.booking.reference] = self.who
        if page.has(data_state=True):
            self.told[page.token] = page.state
        elif page.path.endswith("/confirm/") and page.heading == "That time was just taken":
            self.told[page.token] = "failed"

    # --- What a person does. Whatever is needed first is done first.

    def look(self, choice: int) -> Page:
        return self.open(self.at("times/", **self.world.side.choices[choice % len(self.world.side.choices)]))

    def hold(self, number: int) -> Page:
        page = self.page if self.page and self.page.slots else self.look(0)
        if not page.slots:
            return page
        return self.press(page, page.slots[:FEW][number % len(page.slots[:FEW])])

    def choose_another(self, number: int) -> Page:
        """By the link on the page of the held time, which keeps that until another is held."""
        page = self.page
        if page and page.status == 200 and "Time" in page.summary and page.summary["Time"].has("a"):
            self.open(urljoin(page.address, page.summary["Time"].one("a")["href"]))
        return self.hold(number)

    def type_details(self) -> Page:
        page = self.page if self.page and self.page.path.endswith("/details/") else self.hold(0)
        if not page.path.endswith("/details/") or not page.fields:
            return page
        details = self.world.side.details(self.who)
        return self.fill_in(page, **{name: text for name, text in details.items() if name in page.fields})

    def review(self, number: int) -> Page | None:
        """The page with the button that books, if this person gets there."""
        page = self.page
        if page is None or not page.has("form", class_="book"):
            if page is None or not page.path.endswith("/details/"):
                self.hold(number)
            page = self.type_details()
        return page if page.has("form", class_="book") else None

    def confirm(self, number: int = 0) -> None:
        page = self.review(number)
        if page:
            self.book(page)

    def give_back(self) -> None:
        if self.page and self.page.has("form", class_="give-back"):
            self.release(self.page)

    def reload(self) -> None:
        if self.page:
            self.open(self.page.address)

    def see_how_it_stands(self) -> None:
        token = self.page.token if self.page else ""
        if token:
            self.open(self.at(f"booking/{token}/"))


# --- Where they come --------------------------------------------------------------------------------------------------


@dataclass
class Late:
    """A call that hangs: when it came, the word on which it is done, and whether it is."""

    came: datetime
    go: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)


def taking_time(kind: type[Sandbox], world: "World") -> Sandbox:
    """This sandbox, with each call taking a moment of the clock."""

    class Timed(kind):  # type: ignore[misc, valid-type]
        def __call__(self, environ: Any, start_response: Any) -> Any:
            world.clock.shift(A_CALL)
            return super().__call__(environ, start_response)

    return Timed()


class World:
    """Begins anew for each story; the server and the practice stay."""

    clock: Traveller

    def __init__(self, side: FarSide) -> None:
        self.side = side
        self.diaries: dict[datetime, str] = {}
        self.begun = ExitStack()

    @contextmanager
    def served(self) -> Iterator["World"]:
        self.patience = settings.PAGE_SECONDS
        got_request_exception.connect(self._crashed)
        with travel(STARTS[0], tick=False) as self.clock:
            self.sandbox = taking_time(self.side.Sandbox, self)
            with self.sandbox.serve() as url:
                table = self.sandbox.practice(url)
                self.slug = table["slug"]
                practices.load_tables([table], actor="command")
                self.practice = Practice.objects.get(slug=self.slug)
                try:
                    yield self
                finally:
                    self.finish_late()
                    self.be_well()
                    got_request_exception.disconnect(self._crashed)

    def _crashed(self, **signal: Any) -> None:
        self.crash = traceback.format_exc()

    def begin(self, start: datetime) -> None:
        self.finish_late()
        self.be_well()
        self.clock.move_to(start)
        if start not in self.diaries:
            self.diaries[start] = json.dumps(self.sandbox.fresh_diary())
        self.sandbox.diary = json.loads(self.diaries[start])
        self.sandbox.breaches.clear()
        for rows in (Booking, Circuit, Turn, VendorMemory):
            rows.objects.all().delete()
        Snapshot.objects.filter(name__startswith="times ").delete()
        Snapshot.objects.update(read_at=start)
        self.browsers = [Browser(self, who) for who in range(PEOPLE)]
        self.whose: dict[str, int] = {}
        self.touched: set[str] = set()
        """References of bookings that staff cancelled at the vendor."""
        self.trouble = False
        """Whether the vendor has been given any."""
        self.crash = ""
        self.meanwhile_wrong: list[BaseException] = []
        self.late: list[Late] = []

    # --- The clock

    def pass_time(self, seconds: float) -> None:
        """What hangs at the vendor is done at the last moment at which a vendor may still be at it."""
        end = timezone.now() + timedelta(seconds=seconds)
        for late in [late for late in self.late if late.came + VENDOR_MAY_WORK_FOR <= end]:
            self.clock.move_to(max(timezone.now(), late.came + VENDOR_MAY_WORK_FOR))
            self._finish(late)
        self.clock.move_to(end)

    def finish_late(self) -> None:
        for late in list(getattr(self, "late", ())):
            self._finish(late)

    def _finish(self, late: Late) -> None:
        self.late.remove(late)
        late.go.set()
        assert late.done.wait(20)

    # --- The vendor misbehaves

    def arm(self, call: str, plan: Callable[[Sandbox, str, int], None]) -> None:
        self.trouble = True
        plan(self.sandbox, self.side.calls.get(call) or self.side.calls[INSTEAD[call]], 1)

    def hang(self, call: str) -> None:
        """The next call of this kind is done long after everybody stopped waiting."""
        operation = self._write(call)
        late = Late(timezone.now())

        def wait(environ: Any) -> None:
            self.hangs -= 1  # whoever is waiting for this one has begun to count
            settings.PAGE_SECONDS = PATIENCE if self.hangs else self.patience
            late.came = timezone.now()
            self.late.append(late)
            late.go.wait()

        def done(environ: Any, reply: Any) -> Any:
            late.done.set()
            return reply

        self.trouble = True
        self.hangs += 1
        settings.PAGE_SECONDS = PATIENCE
        self.sandbox._plan(operation, Fault(before=wait, after=done), 1)

    def be_well(self) -> None:
        self.sandbox.well_again()
        self.hangs = 0
        settings.PAGE_SECONDS = self.patience

    def meanwhile(self, call: str, act: Callable[[], object], *, done: bool) -> None:
        """While the next call of this kind is under way, before the vendor does it or after it did, something happens.

        In the vendor's own thread, so exactly then.
        """

        def happen() -> None:
            try:
                act()
            except BaseException as wrong:
                self.meanwhile_wrong.append(wrong)
            finally:
                connections.close_all()

        def before(environ: Any) -> None:
            happen()

        def after(environ: Any, reply: Any) -> Any:
            happen()
            return reply

        fault = Fault(after=after) if done else Fault(before=before)
        self.sandbox._plan(self._write(call), fault, 1)

    def _write(self, call: str) -> str:
        """Never a reading: whoever comes meanwhile may wait for that one."""
        return self.side.calls.get(call) or self.side.calls["book"]

    # --- Staff at the desk

    @property
    def slots(self) -> list[str]:
        """Times that somebody holds, or was offered last."""
        held = Booking.objects.filter(state__in=[State.HELD, State.CHECKING]).order_by("pk")
        return [booking.slot_id for booking in held] + [slot for browser in self.browsers for slot in browser.times]

    def take_at_desk(self, number: int) -> None:
        if self.slots:
            self.sandbox.take_at_desk(self.slots[number % len(self.slots)])

    def close(self, number: int) -> None:
        if self.slots:
            with self.sandbox.lock:
                self.side.close(self.sandbox, self.slots[number % len(self.slots)])

    def cancel(self, number: int) -> None:
        ours = self.ours
        if ours:
            entry = ours[number % len(ours)]
            self.touched |= {booking.reference for booking in Booking.objects.all() if self._is_of(entry, booking)}
            with self.sandbox.lock:
                self.side.cancel(self.sandbox, entry)

    # --- The worker

    def work(self) -> None:
        due.do_all()
        retention.forget_due()  # `due` does so once a minute of a clock that does not jump

    def settle(self) -> None:
        """Nobody comes any more, the vendor is well, and the worker runs until nothing is open."""
        self.be_well()
        for _ in range(40):
            self.work()
            if not Booking.objects.filter(state=State.CHECKING).exists():
                break
            self.pass_time(20)
        self.pass_time(settings.HOLD_SECONDS)
        self.work()

    # --- What is true

    @property
    def ours(self) -> list[Entry]:
        return [entry for entry in self.sandbox.appointments() if self.side.is_ours(entry)]

    def _is_of(self, entry: Entry, booking: Booking) -> bool:
        whose = self.whose.get(booking.reference)
        return whose is not None and self.side.is_of(entry, booking, whose)

    def wrongs(self) -> Iterator[str]:
        """Everything that must not be, at any moment between two steps."""
        for wrong in self.meanwhile_wrong:
            raise wrong
        bookings = list(Booking.objects.order_by("pk"))
        yield from (f"the vendor's contract was broken: {breach}" for breach in self.sandbox.breaches)
        yield from self._collisions(bookings)
        yield from self._against_the_diary(bookings)

    def _collisions(self, bookings: list[Booking]) -> Iterator[str]:
        now = timezone.now()
        living = [
            booking
            for booking in bookings
            if booking.reference not in self.touched
            and (
                booking.state in (State.CHECKING, State.CONFIRMED)
                or (booking.state == State.HELD and booking.held_until > now)
            )
        ]
        for booking in living:
            for name in booking.occupies:
                beside = [b for b in living if name in b.occupies and b.start <= booking.start < b.end]
                if len(beside) > min(self.side.places(self.sandbox, b) for b in beside):
                    yield f"{name} is taken more often than it can be: {[_shown(b) for b in beside]}"
        for one, other in combinations(living, 2):
            if one.reservation_id and one.reservation_id == other.reservation_id:
                yield f"one reservation for two: {_shown(one)} and {_shown(other)}"

    def _against_the_diary(self, bookings: list[Booking]) -> Iterator[str]:
        ours = self.ours
        claimed = {b.appointment_id: b.reference for b in bookings if b.state == State.CONFIRMED}
        for booking in bookings:
            entries = [
                entry
                for entry in ours
                if self._is_of(entry, booking)
                and claimed.get(self.side.id(entry), booking.reference) == booking.reference
            ]
            if len(entries) > 1:
                yield f"{_shown(booking)} is in the diary {len(entries)} times"
            if booking.state == State.CONFIRMED:
                known = [entry for entry in entries if self.side.id(entry) == booking.appointment_id]
                if not known and booking.reference not in self.touched:
                    yield f"{_shown(booking)} is not in the diary"
            elif booking.state != State.CHECKING and entries and not self._may_be_anothers(entries, booking, bookings):
                yield f"{_shown(booking)} is in the diary"
        for entry in ours:
            open_ones = [b for b in bookings if b.state in (State.CHECKING, State.CONFIRMED)]
            if not any(self._is_of(entry, booking) for booking in open_ones):
                yield f"an entry of nobody: {entry}"

    def _may_be_anothers(self, entries: list[Entry], booking: Booking, bookings: list[Booking]) -> bool:
        """Where an entry says no more than who and when, it may be that of another booking, still being checked."""
        return any(
            other.state == State.CHECKING and other != booking and self._is_of(entry, other)
            for other in bookings
            for entry in entries
        )

    def wrongs_at_the_end(self) -> Iterator[str]:
        """What must not be when everything is settled."""
        yield from self.wrongs()
        for booking in Booking.objects.filter(state__in=[State.CHECKING, State.HELD]):
            yield f"{_shown(booking)} is never settled"
        for browser in self.browsers:
            for token, told in list(browser.told.items()):
                row = tokens.find(self.practice, token)
                if row is None:
                    yield f"a page said {told}, and its booking is gone"
                    continue
                stands = row.booking.state
                by_staff = row.booking.reference in self.touched
                if told in ("confirmed", "failed") and told != stands and not by_staff:
                    yield f"{_shown(row.booking)}, and the patient was told {told}"
                page = browser.open(browser.at(f"booking/{token}/"))
                if row.personal and stands in (State.CONFIRMED, State.FAILED) and page.state != stands:
                    yield f"{_shown(row.booking)}, and its page says {page.state}"
        for letter in Letter.objects.select_related("booking"):
            expected = {"confirmed": State.CONFIRMED, "not_booked": State.FAILED}.get(letter.kind)
            if expected and letter.booking.reference not in self.touched and letter.booking.state != expected:
                yield f"{_shown(letter.booking)}, and the letter says {letter.kind}"


def _shown(booking: Booking) -> str:
    return f"{booking.reference} ({booking.state}, {booking.local_start:%F %H:%M}, {booking.slot_id})"
