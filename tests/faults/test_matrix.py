"""Every fault at every call of every vendor: what is raised is true, and nothing stands twice.

The sandbox's diary is the judge. A class that says "nothing happened" may be raised only where the diary has nothing of
ours, success only where it has exactly one, and `OutcomeUnknown` always, for then `find` must tell which it is.
"""

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.faults.faults import BUDGET, FAULTS, READ_FAULTS, REFUSED, Fault, until_the_vendor_is_done
from tests.faults.sides import SIDES, Cell, Side, cell
from vendors.base import (
    AuthenticationFailed,
    InvalidPatient,
    OutcomeUnknown,
    Patient,
    Reservation,
    SlotTaken,
    UnexpectedResponse,
    Vendor,
    VendorError,
    VendorUnavailable,
)

NOTHING_HAPPENED = (SlotTaken, InvalidPatient, VendorUnavailable, AuthenticationFailed, UnexpectedResponse)
NOT_FOUND_OUT = (VendorUnavailable, AuthenticationFailed, UnexpectedResponse)


def cells(*calls: str) -> pytest.MarkDecorator:
    """(vendor, call, fault) for these calls, where the vendor has them."""
    rows = [
        pytest.param(
            side,
            call,
            fault,
            id=f"{side.name}-{call}-{fault}",
            marks=[pytest.mark.slow] if fault.takes_time else [],
        )
        for side in SIDES.values()
        for call in calls
        if call in side.writes
        for fault in FAULTS
        if fault.name not in side.without.get(call, ())
    ]
    return pytest.mark.parametrize(("side", "call", "fault"), rows)


def caller(here: Cell, fault: Fault) -> Vendor:
    if fault is REFUSED:
        return here.unheard()
    return here.vendor(budget=BUDGET) if fault.takes_time else here.vendor()


def suffer(here: Cell, call: str, fault: Fault, act: Callable[[Vendor], object]) -> object:
    """What the call answers or raises under this fault. Afterwards the vendor is well, and done with what it did."""
    operation, since = here.side.writes[call], time.monotonic()
    before = here.sandbox.count(operation)
    fault.plan(here.sandbox, operation, 1)
    vendor = caller(here, fault)
    try:
        outcome: object = act(vendor)
    except VendorError as error:
        outcome = error
    if fault.takes_time:
        until_the_vendor_is_done(since)
    assert (here.sandbox.count(operation) > before) == (fault is not REFUSED), "the fault was not met"
    here.sandbox.well_again()
    return outcome


def judge(side: Side, outcome: object, fault: Fault, *, happened: bool) -> None:
    """Whether what was said is true of the diary. After the vendor's own refusal nobody looks, so it is believed."""
    said = type(outcome).__name__
    if isinstance(outcome, NOTHING_HAPPENED):
        believed = fault.is_a_refusal and fault.status not in side.unclear
        assert not happened or believed, f"{said} was raised, and it happened"
    elif not isinstance(outcome, OutcomeUnknown):
        assert happened, f"{said} was answered, and nothing happened"


@cells("book", "chart")
def test_booking(side: Side, call: str, fault: Fault) -> None:
    with cell(side, alone=fault.takes_time) as here:
        request = here.reserve(here.request)
        outcome = suffer(here, call, fault, lambda vendor: vendor.book(request))

        assert len(here.ours) <= 1
        judge(side, outcome, fault, happened=len(here.ours) == 1)
        if fault is REFUSED:
            assert isinstance(outcome, VendorUnavailable)
        found = here.vendor().find(request)
        assert len(found) == len(here.ours), "the look does not tell what stands in the diary"
        if not isinstance(outcome, VendorError):
            assert found == [outcome]

        if not found:  # then the patient may try once more
            again = here.vendor().book(request)
            assert here.vendor().find(request) == [again]
        assert here.starts == [request.slot.start.isoformat()[:16]]
        assert here.charts == bool(side.charts)
        if not fault.is_a_refusal:
            assert here.sandbox.breaches == []


@cells("reserve")
def test_reserving(side: Side, call: str, fault: Fault) -> None:
    with cell(side, alone=fault.takes_time) as here:
        request = replace(here.request, patient=Patient())
        outcome = suffer(here, call, fault, lambda vendor: vendor.reserve(request))

        held = {name for name, row in here.sandbox.diary["reservations"].items() if not row["used"]}
        assert here.ours == []
        assert len(held) <= 2, "once more after a lost answer, and then no more"
        if isinstance(outcome, Reservation):
            assert outcome.id in held
        else:
            assert isinstance(outcome, NOTHING_HAPPENED), "a reservation is never of unknown outcome"
        if fault is REFUSED:
            assert isinstance(outcome, VendorUnavailable)
        assert here.sandbox.breaches == []


@cells("cancel")
def test_cancelling(side: Side, call: str, fault: Fault) -> None:
    with cell(side, alone=fault.takes_time) as here:
        request = here.reserve(here.request)
        booked = here.vendor().book(request)
        outcome = suffer(here, call, fault, lambda vendor: vendor.cancel(booked.id, request))

        judge(side, outcome, fault, happened=here.ours == [])
        assert len(here.vendor().find(request)) == len(here.ours)
        here.vendor().cancel(booked.id, request)
        assert here.ours == []
        assert here.sandbox.breaches == []


@cells("move")
def test_moving(side: Side, call: str, fault: Fault) -> None:
    with cell(side, alone=fault.takes_time) as here:
        request = here.reserve(here.request)
        booked = here.vendor().book(request)
        there = here.reserve(replace(request, slot=here.there))
        old, new = (slot.start.isoformat()[:16] for slot in (request.slot, there.slot))
        outcome = suffer(here, call, fault, lambda vendor: vendor.move(booked.id, there))

        assert here.starts in ([old], [new])
        judge(side, outcome, fault, happened=here.starts == [new])
        assert here.vendor().move(booked.id, there).start == there.slot.start
        assert here.starts == [new]
        assert here.sandbox.breaches == []


# --- Readings ---------------------------------------------------------------------------------------------------------

READINGS: dict[str, Callable[[Cell, Vendor], object]] = {
    "services": lambda here, vendor: vendor.services("en"),
    "offers": lambda here, vendor: vendor.offers(here.request.service_id, "en"),
    "slots": lambda here, vendor: vendor.slots(here.search),
    "find": lambda here, vendor: vendor.find(here.request),
}


def readings() -> pytest.MarkDecorator:
    rows = [
        pytest.param(
            side,
            call,
            operation,
            fault,
            id=f"{side.name}-{call}-{operation}-{fault}",
            marks=[pytest.mark.slow] if fault.takes_time else [],
        )
        for side in SIDES.values()
        for call, operations in side.reads.items()
        for operation in operations
        for fault in READ_FAULTS
    ]
    return pytest.mark.parametrize(("side", "call", "operation", "fault"), rows)


@readings()
def test_reading(side: Side, call: str, operation: str, fault: Fault) -> None:
    with cell(side, alone=fault.takes_time, cold=True) as here:
        if call == "find":
            here.vendor().book(here.reserve(here.request))
            here.store.values.clear()
        before = here.sandbox.count(operation)
        fault.plan(here.sandbox, operation, 6)
        with pytest.raises(NOT_FOUND_OUT):
            READINGS[call](here, caller(here, fault))
        assert (here.sandbox.count(operation) > before) == (fault is not REFUSED), "the fault was not met"


@pytest.mark.parametrize(
    ("side", "call"), [pytest.param(s, c, id=f"{s.name}-{c}") for s in SIDES.values() for c in s.reads]
)
def test_the_table_names_every_operation_of_a_reading(side: Side, call: str) -> None:
    with cell(side, cold=True) as here:
        if call == "find":
            here.vendor().book(here.reserve(here.request))
            here.store.values.clear()
        here.sandbox.calls.clear()
        assert READINGS[call](here, here.vendor())
        assert set(here.sandbox.calls) == set(side.reads[call])
