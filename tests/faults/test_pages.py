"""The same faults as a patient meets them: the page after the button, and what the worker makes of it later.

However the call ended, the booking ends CONFIRMED if and only if the vendor's diary has it, and we sent it once.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from booking import reconciliation
from booking.models import Booking, State
from tests.faults.faults import NAMED, Fault
from tests.faults.sides import SIDES, Side
from tests.pages.conftest import Place
from vendors.sandbox.opus import CITY
from vendors.sandbox.qmatic import BANKSIDE, guid

PAGE_SECONDS = 3.0
LATE = 3.6
"""Seconds after which the vendor is done, or says so: too late for the page."""

CHOICES = {
    "opus": {"service": "1", "clinic": CITY, "provider": "1"},
    "open_dental": {"service": "1", "clinic": "1", "provider": "any"},
    "qmatic": {"service": guid("GP appointment"), "clinic": BANKSIDE["id"], "provider": "any"},
    "bookio": {"service": "9011", "clinic": "101", "provider": "any"},
    "alfadocs": {"service": "5", "clinic": "4120", "provider": "any"},
}
PERSON = {"first_name": "Nora", "last_name": "Lind", "email": "nora@patient.example"}
DETAILS = {
    "opus": PERSON | {"personal_number": "19811218-9876", "phone": "070-550 62 28", "postal_code": "111 22"},
    "open_dental": PERSON | {"birth_date": "1984-02-29", "phone": "(312) 555-0187"},
    "qmatic": PERSON | {"birth_date": "1980-05-31", "phone": "020 7946 0958"},
    "bookio": PERSON | {"phone": "+421 948 762 315"},
    "alfadocs": PERSON | {"birth_date": "1984-02-29", "phone": "+39 347 123 4567"},
}

EXPECTED = {
    "drop_before": "checking",
    "drop_after": "checking",
    "half": "confirmed",
    "garbage-done": "confirmed",
    "409-done": "confirmed",
    "500-done": "checking",
    "500-not_done": "checking",
    "503-not_done": "checking",
    "429-not_done": "trouble",
    "401-not_done": "trouble",
    "late": "checking",
    "slow": "checking",
}
"""What the patient reads after the button. Most vendors look at once after an answer that they do not understand."""
OTHERWISE = {
    ("opus", "409-done"): "checking",  # not documented there
    ("bookio", "half"): "checking",
    ("bookio", "garbage-done"): "checking",
    ("bookio", "401-not_done"): "checking",  # without Bookio's envelope it may be a proxy's
    ("bookio", "409-done"): "checking",
    ("open_dental", "429-not_done"): "",  # left out: it is sent once more after the pause
    ("qmatic", "429-not_done"): "checking",  # no clear answer there
    ("qmatic", "401-not_done"): "",  # left out: a token that ran out, so it is sent once more with a new one
}


@pytest.fixture
def database_in_a_file(transactional_db: None) -> Iterator[None]:
    """As the product has it. SQLite in memory refuses what several threads do at once instead of letting them wait."""
    in_memory = connections["default"]
    if in_memory.vendor != "sqlite" or not in_memory.is_in_memory_db():
        yield
        return
    settings_before = connections.settings["default"]
    in_memory.ensure_connection()
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        file = f"{folder}/faults.sqlite3"
        with closing(sqlite3.connect(file)) as copy:
            in_memory.connection.backup(copy)
        connections.settings["default"] = {**settings_before, "NAME": file}
        connections["default"] = connections.create_connection("default")
        yield
        connections["default"].close()
        connections.settings["default"] = settings_before
        connections["default"] = in_memory


@pytest.fixture
def place(side: Side, database_in_a_file: None) -> Iterator[Place]:
    sandbox = side.contract.Sandbox()
    with sandbox.serve() as url:
        found = Place(sandbox, sandbox.practice(url), CHOICES[side.name], DETAILS[side.name])
        found.set()
        yield found
    assert sandbox.breaches == []


def plan(place: Place, operation: str, fault: Fault) -> None:
    if fault.name == "late":
        place.sandbox.late(operation, LATE)
    elif fault.name == "slow":
        place.sandbox.slow(operation, LATE)
    else:
        fault.plan(place.sandbox, operation, 1)


def look(booking: Booking, **changes: Any) -> Booking:
    """The worker's next look, now."""
    Booking.objects.filter(pk=booking.pk, state=State.CHECKING).update(
        look_at=timezone.now() - timedelta(seconds=1), **changes
    )
    reconciliation.settle_due(booking.practice)
    booking.refresh_from_db()
    return booking


@pytest.mark.parametrize(
    ("side", "fault", "expected"),
    [
        pytest.param(
            side,
            NAMED[name],
            OTHERWISE.get((side.name, name), expected),
            id=f"{side.name}-{name}",
            marks=[pytest.mark.slow] if NAMED[name].takes_time else [],
        )
        for side in SIDES.values()
        for name, expected in EXPECTED.items()
        if name not in side.without.get("book", ()) and OTHERWISE.get((side.name, name), expected)
    ],
)
def test_a_booking_ends_as_the_diary_says(side: Side, fault: Fault, expected: str, place: Place, settings: Any) -> None:
    write, sandbox = side.writes["book"], place.sandbox
    patient = place.patient()
    review = place.review(patient)
    before, since = len(sandbox.appointments()), time.monotonic()
    plan(place, write, fault)
    if fault.takes_time:
        settings.PAGE_SECONDS = PAGE_SECONDS
    page = patient.book(review)
    booking = place.booking

    if expected == "trouble":
        assert page.status == 503
        assert booking.state == State.HELD
        assert (len(sandbox.appointments()), sandbox.count(write)) == (before, 1)
        time.sleep(1 if fault.status == 429 else 0)  # a vendor that named no pause gets one of a second
        assert patient.book(review).state == "confirmed"
        assert (len(sandbox.appointments()), sandbox.count(write)) == (before + 1, 2)
        return

    assert page.state == expected
    # Two looks while the vendor may still be at it: nobody is told yet that nothing was booked.
    for _ in range(2):
        assert look(booking).state in (State.CHECKING, State.CONFIRMED)
    if fault.takes_time:
        time.sleep(max(since + LATE + 1 - time.monotonic(), 0))
    long_ago = timezone.now() - reconciliation.STILL_WORKING - timedelta(seconds=10)
    for _ in range(2):
        look(booking, checking_since=long_ago)

    stands = len(sandbox.appointments()) - before
    assert stands == (1 if fault.done else 0)
    assert booking.state == (State.CONFIRMED if stands else State.FAILED)
    assert patient.open(page.path).state == ("confirmed" if stands else "failed")
    assert sandbox.count(write) == 1, "it was sent again"
