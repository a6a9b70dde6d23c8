"""A `Vendor` in memory, for the tests of `booking/`: held to the same contract as the real ones, without a network.

What it knows lies in a `Diary`, which a test makes, serves under an address, looks into, and tells to misbehave in the
words of the sandboxes (`diary.lose_answer_after("book")`). A vendor finds its diary by the connection's `base_url`.
"""

import ipaddress
import itertools
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from vendors.base import (
    Appointment,
    Asked,
    AuthenticationFailed,
    BookingRequest,
    Capabilities,
    Clinic,
    Context,
    Field,
    InvalidPatient,
    Offer,
    OutcomeUnknown,
    Provider,
    ProviderChoice,
    Question,
    Reservation,
    ScreeningQuestion,
    Search,
    Secret,
    Service,
    Slot,
    SlotTaken,
    UnexpectedResponse,
    Url,
    Vendor,
    VendorError,
    VendorUnavailable,
)

STOCKHOLM = ZoneInfo("Europe/Stockholm")
TOKEN = "the token that this diary wants"

NORTH = Clinic("north", "Norrtull", "Norrtullsgatan 1, Stockholm", "+46 8 11 11 11")
SOUTH = Clinic("south", "Söder", "Götgatan 2, Stockholm", "+46 8 22 22 22")
ANNA = Provider("anna", "Anna Ek", "Dentist")
BO = Provider("bo", "Bo Alm", "Dentist")
CIA = Provider("cia", "Cia Lind", "Hygienist")
AT_NORTH = Offer(NORTH, (ANNA, BO), ProviderChoice.OPTIONAL)
AT_SOUTH = Offer(SOUTH, (CIA,), ProviderChoice.OPTIONAL)
CHECKUP = Service("checkup", "Check-up", "With an X-ray", minutes=30, offers=(AT_NORTH, AT_SOUTH))
FILLING = Service("filling", "Filling", minutes=60, offers=(AT_NORTH,))

PAIN = Question("q1", "Where does it hurt?", required=True)
WISHES = Question("q2", "Anything else?")
ADULT = ScreeningQuestion("Are you of age?", refusal="Please call us.")
REFERRED = ScreeningQuestion("Have you been refused here?", needs_yes=False, refusal="Please write to us.")

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

_DIARIES: dict[str, "Diary"] = {}
"""Those that are served now, by address."""
_numbers = itertools.count(1)


@dataclass(slots=True)
class Entry:
    """One appointment as it stands in the diary, with what came along."""

    id: str
    slot: Slot
    request: BookingRequest


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens at one call: something before it, and an error instead of its answer, whether it was done or not."""

    before: Callable[[], object] | None = None
    error: Callable[[bool], Exception | None] = lambda write: None
    done: bool = False


@dataclass(slots=True)
class Diary:
    """Two clinics and three providers, each with four times a day for three weeks from tomorrow."""

    services: list[Service] = field(default_factory=lambda: [CHECKUP, FILLING])
    offers: dict[str, list[Offer]] = field(default_factory=dict)
    """By service, for a vendor that tells it per service only."""
    asks: tuple[Asked, ...] = (
        Asked(Field.FIRST_NAME, max_length=50),
        Asked(Field.LAST_NAME, max_length=50),
        Asked(Field.EMAIL),
        Asked(Field.PHONE),
    )
    times: dict[str, list[Slot]] = field(default_factory=dict)
    """By service: what the clinic has opened. What is taken is not offered."""
    entries: list[Entry] = field(default_factory=list)
    reserved: dict[str, Slot] = field(default_factory=dict)
    reserves_for: timedelta = timedelta(minutes=20)
    refused_fields: tuple[str, ...] = ()
    calls: list[str] = field(default_factory=list)
    requests: list[Any] = field(default_factory=list)
    """What came with each call."""
    breaches: list[str] = field(default_factory=list)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    changed_at: datetime = LONG_AGO
    """When an entry last came, went, or changed."""
    address: str = ""
    _taken: list[Slot] = field(default_factory=list)
    _faults: dict[str, deque[Fault]] = field(default_factory=lambda: defaultdict(deque))

    def __post_init__(self) -> None:
        for service in self.services:
            offers = service.offers or self.offers.get(service.id, ())
            self.times.setdefault(
                service.id,
                [
                    slot_at(service, offer.clinic.id, provider.id if provider else None, days, hour, minute)
                    for days in range(1, 21)
                    for hour, minute in ((9, 0), (9, 30), (10, 0), (13, 0))
                    for offer in offers
                    for provider in (offer.providers or (None,))
                ],
            )

    @contextmanager
    def serve(self) -> Iterator[str]:
        self.address = f"http://127.0.0.1:{20000 + next(_numbers)}"
        _DIARIES[self.address] = self
        try:
            yield self.address
        finally:
            del _DIARIES[self.address]

    def connection(self) -> dict[str, Any]:
        """As it stands in a practices file."""
        return {"base_url": self.address, "token": TOKEN}

    # --- To look into ---------------------------------------------------------------------------------------------

    def appointments(self) -> list[Entry]:
        return list(self.entries)

    def count(self, operation: str) -> int:
        return self.calls.count(operation)

    def free(self, service_id: str) -> list[Slot]:
        occupied = [*self._taken, *self.reserved.values(), *(entry.slot for entry in self.entries)]
        return [slot for slot in self.times.get(service_id, []) if not any(_exclude(slot, other) for other in occupied)]

    def slot(self, slot_id: str) -> Slot:
        return next(slot for slots in self.times.values() for slot in slots if slot.id == slot_id)

    # --- To tell it what happens ----------------------------------------------------------------------------------

    def take_at_desk(self, slot_id: str) -> None:
        self._taken.append(self.slot(slot_id))
        self.stamp()

    def free_at_desk(self, slot_id: str) -> None:
        self._taken.remove(self.slot(slot_id))
        self.stamp()

    def move_by_staff(self, appointment_id: str, start: datetime) -> None:
        """It stays as long as it was, and where and with whom."""
        entry = next(entry for entry in self.entries if entry.id == appointment_id)
        entry.slot = replace(entry.slot, start=start, end=start + (entry.slot.end - entry.slot.start))
        self.stamp()

    def delete_by_staff(self, appointment_id: str) -> None:
        """Also when nobody is there by that id."""
        self.entries = [entry for entry in self.entries if entry.id != appointment_id]
        self.stamp()

    cancel_by_staff = delete_by_staff

    def stamp(self) -> None:
        self.changed_at = self.clock()

    def fail(self, operation: str, error: Exception, *, done: bool = False, times: int = 1) -> None:
        """The next call of that operation, or the next `times`, raises this, having done it or not."""
        self._faults[operation].extend([Fault(error=lambda write: error, done=done)] * times)

    def meanwhile(self, operation: str, do: Callable[[], object]) -> None:
        """While the next call of that operation is under way, this happens."""
        self._faults[operation].append(Fault(before=do))

    def slow(self, operation: str, seconds: float, times: int = 1) -> None:
        self._faults[operation].extend([Fault(before=lambda: time.sleep(seconds))] * times)

    def lose_answer_before(self, operation: str, times: int = 1) -> None:
        self._faults[operation].extend([Fault(error=_lost)] * times)

    def lose_answer_after(self, operation: str, times: int = 1) -> None:
        self._faults[operation].extend([Fault(error=_lost, done=True)] * times)

    def answer(self, operation: str, status: int, body: object = None, *, done: bool = False, times: int = 1) -> None:
        self._faults[operation].extend([Fault(error=lambda write: _understood(write, status), done=done)] * times)

    def garbage(self, operation: str, *, done: bool = False, times: int = 1) -> None:
        self.answer(operation, 200, done=done, times=times)

    html = garbage

    def next_fault(self, operation: str) -> Fault:
        waiting = self._faults[operation]
        return waiting.popleft() if waiting else Fault()


def slot_at(
    service: Service, clinic: str, provider: str | None, days: int, hour: int, minute: int = 0, **changes: Any
) -> Slot:
    """A time of the service, so many days from today, on the clinic's clock."""
    day = datetime.now(STOCKHOLM).date() + timedelta(days=days)
    start = datetime(day.year, day.month, day.day, hour, minute, tzinfo=STOCKHOLM)
    slot = Slot(
        id=f"{service.id}/{clinic}/{provider}/{start.isoformat()}",
        start=start,
        end=start + timedelta(minutes=service.minutes or 30),
        clinic_id=clinic,
        provider_id=provider,
        occupies=(f"{clinic}/{provider}",),
    )
    return replace(slot, **changes)


def _exclude(one: Slot, other: Slot) -> bool:
    return bool(set(one.occupies) & set(other.occupies)) and one.start < other.end and other.start < one.end


def _lost(write: bool) -> Exception | None:
    return OutcomeUnknown("no answer") if write else None  # a read is tried again


def _understood(write: bool, status: int) -> Exception:
    if write:
        return OutcomeUnknown(f"status {status}")
    return UnexpectedResponse("not what was agreed") if status == 200 else VendorUnavailable(f"status {status}")


@dataclass(frozen=True, slots=True)
class Connection:
    base_url: Url
    token: Secret
    branch: str = ""
    pause: int = 0
    polite: bool = False


class FakeVendor(Vendor):
    """Neither reserves nor releases."""

    name = "Fake"
    Connection = Connection
    whose = ("base_url", "branch")
    capabilities: ClassVar[Capabilities] = Capabilities(carries_reference=True)

    def __init__(self, connection: Connection, context: Context) -> None:
        self._connection = connection
        self._context = context
        self._deadline = time.monotonic() + context.budget

    def asks(self) -> tuple[Asked, ...]:
        diary = _DIARIES.get(self._connection.base_url)
        return diary.asks if diary else Diary().asks

    def services(self, language: str) -> list[Service]:
        return self._call("services", language, lambda diary: list(diary.services))

    def window(self, day: date) -> tuple[date, date]:
        return day, day + timedelta(days=13)

    def slots(self, search: Search) -> list[Slot]:
        def found(diary: Diary) -> list[Slot]:
            slots = [
                slot
                for slot in diary.free(search.service_id)
                if search.first <= slot.start.date() <= search.last
                and search.clinic_id in (None, slot.clinic_id)
                and search.provider_id in (None, slot.provider_id)
            ]
            return sorted(slots, key=lambda slot: slot.start)

        return self._call("slots", search, found)

    def slot_of(self, slot_id: str) -> Slot | None:
        diary = _DIARIES.get(self._connection.base_url)
        known = [slot for slots in diary.times.values() for slot in slots] if diary else []
        return next((slot for slot in known if slot.id == slot_id), None)

    def book(self, request: BookingRequest) -> Appointment:
        def booked(diary: Diary) -> Appointment:
            if diary.refused_fields:
                raise InvalidPatient(*diary.refused_fields)
            self._give_up_reservation(diary, request)
            if request.slot.id not in {slot.id for slot in diary.free(request.service_id)}:
                raise SlotTaken
            entry = Entry(f"a{next(_numbers)}", request.slot, request)
            diary.entries.append(entry)
            diary.stamp()
            return _appointment(entry)

        return self._call("book", request, booked, write=True)

    def _give_up_reservation(self, diary: Diary, request: BookingRequest) -> None:
        """Where it reserves, only a reserved time can be booked."""

    def find(self, request: BookingRequest) -> list[Appointment]:
        return self._call(
            "find", request, lambda diary: [_appointment(e) for e in diary.entries if e.request.key == request.key]
        )

    def _call[T](self, operation: str, request: object, do: Callable[[Diary], T], *, write: bool = False) -> T:
        """The one way to the diary, as `vendors.http` is to a server: once out, a failed write is unknown."""
        address = self._connection.base_url
        if not self._context.allow_private_hosts and ipaddress.ip_address(urlsplit(address).hostname or "").is_private:
            raise AuthenticationFailed("the vendor's address is private")
        self._context.before_call()
        diary = _DIARIES.get(address)
        if diary is None:
            raise VendorUnavailable("could not connect")
        if self._connection.token != TOKEN:
            raise AuthenticationFailed("status 401", status=401)
        diary.calls.append(operation)
        diary.requests.append(request)
        fault = diary.next_fault(operation)
        if fault.before:
            fault.before()
        refusal: VendorError | None = None
        answer: T | None = None
        instead = fault.error(write)
        if fault.done or instead is None:
            try:
                answer = do(diary)
            except VendorError as error:
                refusal = error
        if instead is None and time.monotonic() > self._deadline:
            instead = OutcomeUnknown("deadline passed") if write else VendorUnavailable("deadline passed")
        if instead or refusal:
            raise instead or refusal  # type: ignore[misc]
        return answer  # type: ignore[return-value]


class ReservingForGood(FakeVendor):
    """Reserves, and cannot give a reservation back: it lapses."""

    name = "Fake that reserves"
    capabilities: ClassVar[Capabilities] = Capabilities(reserve=True, carries_reference=True)

    def reserve(self, request: BookingRequest) -> Reservation:
        def reserved(diary: Diary) -> Reservation:
            if request.slot.id not in {slot.id for slot in diary.free(request.service_id)}:
                raise SlotTaken
            name = f"r{next(_numbers)}"
            diary.reserved[name] = request.slot
            return Reservation(name, datetime.now(UTC) + diary.reserves_for)

        return self._call("reserve", request, reserved, write=True)

    def _give_up_reservation(self, diary: Diary, request: BookingRequest) -> None:
        if diary.reserved.pop(request.reservation_id or "", None) != request.slot:
            raise SlotTaken


class Reserving(ReservingForGood):
    """Reserves and releases, cancels and moves, and tells how an entry stands and whether the diary changed."""

    name = "Fake that does everything"
    capabilities: ClassVar[Capabilities] = Capabilities(
        reserve=True,
        release=True,
        cancel=True,
        move=True,
        carries_reference=True,
        standing=True,
        changed=True,
    )

    def release(self, reservation_id: str) -> None:
        self._call("release", reservation_id, lambda diary: diary.reserved.pop(reservation_id, None), write=True)

    def cancel(self, appointment_id: str, request: BookingRequest) -> None:
        self._call("cancel", request, lambda diary: diary.delete_by_staff(appointment_id), write=True)

    def move(self, appointment_id: str, request: BookingRequest) -> Appointment:
        def moved(diary: Diary) -> Appointment:
            self._give_up_reservation(diary, request)
            if request.slot.id not in {slot.id for slot in diary.free(request.service_id)}:
                raise SlotTaken
            entry = next(entry for entry in diary.entries if entry.id == appointment_id)
            entry.slot, entry.request = request.slot, request
            diary.stamp()
            return _appointment(entry)

        return self._call("move", request, moved, write=True)

    def standing(self, appointment_id: str, request: BookingRequest) -> Appointment | None:
        def found(diary: Diary) -> Appointment | None:
            known = (e for e in diary.entries if e.id == appointment_id or e.request.key == request.key)
            return next(map(_appointment, known), None)

        return self._call("standing", request, found)

    def changed(self, since: datetime) -> bool:
        return self._call("changed", since, lambda diary: diary.changed_at >= since)


class Asking(FakeVendor):
    """Tells its offers per service only, sorts services in groups, asks questions, screens, takes a note."""

    name = "Fake that asks"
    capabilities: ClassVar[Capabilities] = Capabilities(
        note=True, questions=True, screening=True, groups=True, carries_reference=True
    )

    def offers(self, service_id: str, language: str) -> list[Offer]:
        return self._call("offers", service_id, lambda diary: list(diary.offers.get(service_id, [])))


def asking_diary() -> Diary:
    """What `Asking` needs."""
    offer = replace(AT_NORTH, screening=(ADULT, REFERRED), questions=(PAIN, WISHES))
    diary = Diary(services=[replace(CHECKUP, group="Teeth", offers=None)], offers={"checkup": [offer]})
    diary.asks = (*diary.asks, Asked(Field.NOTE, required=False, max_length=200))
    return diary


def _appointment(entry: Entry) -> Appointment:
    return Appointment(entry.id, entry.slot.start, entry.slot.end)


FAKES: dict[str, type[FakeVendor]] = {
    "fake": FakeVendor,
    "fake_reserving": Reserving,
    "fake_reserving_for_good": ReservingForGood,
    "fake_asking": Asking,
}
"""By the name under which `conftest.py` lends them to `vendors.VENDORS`."""
