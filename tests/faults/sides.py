"""The five far sides: how each names its operations, and which entries of its diary are ours."""

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from typing import Any

from tests.vendors import test_alfadocs, test_bookio, test_open_dental, test_opus, test_qmatic
from tests.vendors.contract import VendorContract
from vendors.base import BookingRequest, MemoryStore, Patient, Search, Slot, Vendor
from vendors.sandbox.base import Sandbox

NOBODY_LISTENS = "http://127.0.0.1:9"

SERVED = ExitStack()
"""Until the process ends."""

type Entry = dict[str, Any]


class NoQueue:
    """`Turns` for a practice that is alone."""

    def wait(self, seconds: float, deadline: float) -> bool:
        return True

    def pause(self, seconds: float) -> None:
        pass


@dataclass(frozen=True)
class Side:
    """What a cell must know of one vendor."""

    name: str
    contract: type[VendorContract]
    is_ours: Callable[[Entry], bool]
    start: Callable[[Entry], str]
    writes: dict[str, str]
    """Which of its operations each call of ours is about. A call that it lacks is left out."""
    reads: dict[str, tuple[str, ...]]
    """All operations that each of our readings needs when nothing is remembered."""
    charts: str = ""
    """The field of a patient's chart that holds the e-mail, where there are charts."""
    without: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Rows that are left out, by call: they are word for word how this vendor says that it is done."""
    unclear: tuple[int, ...] = ()
    """Statuses of a refusal that this vendor's contract calls no clear answer to a write."""

    @property
    def tools(self) -> VendorContract:
        return self.contract()


def _minute(text: str) -> str:
    return text.replace(" ", "T")[:16]


CHAIRS = ("operatories", "appointment_types", "schedules")
SIDES = {
    side.name: side
    for side in (
        Side(
            "opus",
            test_opus.TestOpus,
            lambda entry: entry["Patient"] is not None,
            lambda entry: _minute(entry["TimeSlot"]["Start"]),
            {"book": "book"},
            reads={
                "services": ("treatments",),
                "offers": ("clinics", "clinicians"),
                "slots": ("timeslots",),
                "find": ("bookings",),
            },
        ),
        Side(
            "open_dental",
            test_open_dental.TestOpenDental,
            lambda entry: "ABC-234" in entry["Note"],
            lambda entry: _minute(entry["AptDateTime"]),
            {
                "chart": "create_patient",
                "book": "create_appointment",
                "cancel": "break_appointment",
                "move": "update_appointment",
            },
            {
                "services": ("clinics", "providers", *CHAIRS),
                "slots": ("clinics", "providers", *CHAIRS, "preferences", "list_appointments"),
                "find": ("list_appointments",),
            },
            charts="Email",
            without={"cancel": ("empty_200-not_done", "empty_204-not_done")},
        ),
        Side(
            "qmatic",
            test_qmatic.TestQmatic,
            lambda entry: bool(entry["personalIdentifier"]),
            lambda entry: _minute(entry["timeSlot"]["startTime"]),
            {"reserve": "reserve", "book": "confirm", "cancel": "cancel", "move": "reschedule"},
            {
                "services": ("token", "services", "groups"),
                "slots": ("token", "services", "timeslots"),
                "find": ("token", "search"),
            },
            without={"cancel": ("empty_204-not_done",), "move": ("empty_204-not_done",)},
            unclear=(429,),
        ),
        Side(
            "bookio",
            test_bookio.TestBookio,
            lambda entry: entry["email"] == "lubomira@patient.example",
            lambda entry: _minute(entry["dateFrom"]),
            {"book": "create_reservation", "cancel": "change_status", "move": "change_term"},
            {
                "services": ("facilities", "calendars"),
                "slots": ("facilities", "calendars", "reservations", "blocked_times"),
                "find": ("reservations",),
            },
        ),
        Side(
            "alfadocs",
            test_alfadocs.TestAlfaDocs,
            lambda entry: entry["createdThroughApi"],
            lambda entry: _minute(entry["date"]),
            {
                "chart": "create_patient",
                "book": "create_appointment",
                "cancel": "update_appointment",
                "move": "update_appointment",
            },
            {
                "services": ("reasons", "operators", "chairs", "colors"),
                "slots": ("reasons", "operators", "chairs", "colors", "free_slots"),
                "find": ("patients", "list_appointments"),
            },
            charts="email",
        ),
    )
}


@dataclass
class Cell:
    """A vendor's sandbox as new, and us in front of it."""

    side: Side
    sandbox: Sandbox
    base_url: str
    request: BookingRequest
    there: Slot
    """Another time of the same service, clinic and provider."""
    store: MemoryStore
    appointment_id: str = ""

    def vendor(self, base_url: str = "", budget: float = 20) -> Vendor:
        connection = self.side.tools.connection(base_url or self.base_url)
        return self.side.tools.connect(connection, store=self.store, turns=NoQueue(), budget=budget)

    def unheard(self) -> Vendor:
        """One whose calls go where nobody listens. What the vendor told before (a token) is known."""
        return self.vendor(NOBODY_LISTENS)

    @property
    def search(self) -> Search:
        """For the times of the request's day, at its clinic."""
        day = self.request.slot.start.date()
        return Search(self.request.service_id, day, day, self.request.slot.clinic_id)

    @property
    def ours(self) -> list[Entry]:
        return [entry for entry in self.sandbox.appointments() if self.side.is_ours(entry)]

    @property
    def starts(self) -> list[str]:
        return [self.side.start(entry) for entry in self.ours]

    @property
    def charts(self) -> int:
        """How many charts the patient has."""
        rows = self.sandbox.diary["patients"] if self.side.charts else []
        return sum(row[self.side.charts] == self.request.patient.email for row in rows)

    def reserve(self, request: BookingRequest) -> BookingRequest:
        if "reserve" not in self.side.writes:
            return request
        reservation = self.vendor().reserve(replace(request, patient=Patient(), reservation_id=None))
        return replace(request, reservation_id=reservation.id)


@dataclass
class _Kept:
    """What is the same for every cell of one vendor, and takes a while to make."""

    sandbox: Sandbox
    base_url: str
    diary: str
    memory: dict[str, str]
    request: BookingRequest
    there: Slot


@cache
def _kept(name: str) -> _Kept:
    side = SIDES[name]
    sandbox = side.contract.Sandbox()
    base_url = SERVED.enter_context(sandbox.serve())
    diary, store = json.dumps(sandbox.diary), MemoryStore()
    vendor = side.tools.connect(side.tools.connection(base_url), store=store, turns=NoQueue())
    later = sandbox.clock() + timedelta(days=1)  # what is free soon begins while the cells are tried
    free = [slot for slot in side.tools.free(vendor, sandbox) if slot.start > later]
    first = free[0]
    there = next(slot for slot in free if slot.start >= first.end and slot.provider_id == first.provider_id)
    service, _ = side.tools.choice(vendor, sandbox)
    request = BookingRequest(
        key="k3y0000000000000000000000000tst1",
        reference="ABC-234",
        service_id=service.id,
        service_name=service.name,
        slot=first,
        patient=side.contract.patient,
    )
    for kept in [key for key in store.values if "token" in key]:  # of a diary that is made anew
        store.forget(kept)
    return _Kept(sandbox, base_url, diary, store.values, request, there)


@contextmanager
def cell(side: Side, *, alone: bool = False, cold: bool = False) -> Iterator[Cell]:
    """`alone`: with a server of its own, for what may still be going on there when the next cell begins. `cold`:
    nothing is remembered from earlier readings.
    """
    kept = _kept(side.name)
    memory = MemoryStore({} if cold else copy.copy(kept.memory))
    if alone:
        sandbox = side.contract.Sandbox()
        sandbox.diary = json.loads(kept.diary)
        with sandbox.serve() as base_url:
            yield Cell(side, sandbox, base_url, kept.request, kept.there, memory)
        return
    kept.sandbox.diary = json.loads(kept.diary)
    kept.sandbox.calls.clear()
    kept.sandbox.breaches.clear()
    kept.sandbox.well_again()
    yield Cell(side, kept.sandbox, kept.base_url, kept.request, kept.there, memory)
