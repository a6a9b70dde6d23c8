"""One practice per vendor, each in front of its sandbox over real HTTP, and patients who book there."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from booking import practices
from booking.logs import WithoutTokens
from booking.models import Booking, Practice
from tests.pages.patient import Page, Patient
from vendors.sandbox import OpusSandbox, QmaticSandbox, Sandbox
from vendors.sandbox.opus import CITY
from vendors.sandbox.qmatic import BANKSIDE, guid


@dataclass
class Place:
    """A practice of ours and its vendor's far side."""

    sandbox: Sandbox
    table: dict[str, Any]
    choice: dict[str, str]
    """A service, a clinic and a provider, of which there are times on every weekday."""
    details: dict[str, str]
    """What a patient types here. All of it is right."""
    patients: list[Patient] = field(default_factory=list)

    @property
    def slug(self) -> str:
        return str(self.table["slug"])

    @property
    def row(self) -> Practice:
        return Practice.objects.get(slug=self.slug)

    @property
    def booking(self) -> Booking:
        """The newest booking."""
        return Booking.objects.filter(practice__slug=self.slug).latest("pk")

    def set(self, **changes: Any) -> None:
        """Other settings, through the practices file's own door."""
        self.table |= changes
        practices.load_tables([self.table], actor="command")

    def patient(self, language: str = "en", **headers: str) -> Patient:
        self.patients.append(Patient(self.slug, language, **headers))
        return self.patients[-1]

    # --- A patient's way, as far as a test needs it

    def times(self, patient: Patient, **choice: object) -> Page:
        """The times of the usual choice, in a week that lies in one month."""
        page = patient.open(patient.at("times/", **{**self.choice, "day": a_week(), **choice}))
        assert page.status == 200
        assert page.slots
        return page

    def hold(self, patient: Patient, number: int = 0, **choice: object) -> Page:
        """The details page of a time that is held now."""
        page = self.times(patient, **choice)
        page = patient.press(page, page.slots[number])
        assert page.path.endswith("/details/"), page.path
        return page

    def review(self, patient: Patient, number: int = 0, **choice: object) -> Page:
        """The page before the booking, everything typed."""
        page = patient.fill_in(self.hold(patient, number, **choice), **self.details)
        assert page.path.endswith("/confirm/"), page.text
        return page

    def book(self, patient: Patient, number: int = 0, **choice: object) -> Page:
        page = patient.book(self.review(patient, number, **choice))
        assert page.state == "confirmed"
        return page


def a_week() -> date:
    """The first Monday of next month, at the vendors' practices: seven days in one month that are open for booking."""
    day = (datetime.now(UTC).date().replace(day=1) + timedelta(days=32)).replace(day=1)
    return day + timedelta(days=-day.weekday() % 7)


def work_that_is_due(booking: Booking, **changes: Any) -> Booking:
    """The worker's next round, at a moment when this booking's look is due."""
    Booking.objects.filter(pk=booking.pk).update(look_at=timezone.now() - timedelta(seconds=1), **changes)
    call_command("worker", "--once")
    booking.refresh_from_db()
    return booking


@contextmanager
def _open(sandbox: Sandbox, choice: dict[str, str], details: dict[str, str]) -> Iterator[Place]:
    with sandbox.serve() as url:
        place = Place(sandbox, sandbox.practice(url), choice, details)
        place.set()
        yield place
    assert sandbox.breaches == [], "the vendor's contract was broken"


@pytest.fixture
def opus(transactional_db: None) -> Iterator[Place]:
    """A dentist in Stockholm, whose vendor neither reserves nor cancels."""
    choice = {"service": "1", "clinic": CITY, "provider": "1"}
    details = {
        "first_name": "Åsa",
        "last_name": "Nässlind-Öberg",
        "personal_number": "19811218-9876",
        "email": "asa@patient.example",
        "phone": "070-550 62 28",
        "postal_code": "111 22",
    }
    with _open(OpusSandbox(), choice, details) as place:
        yield place


@pytest.fixture
def qmatic(transactional_db: None) -> Iterator[Place]:
    """A health centre in London, whose vendor reserves, asks, screens and groups."""
    choice = {"service": guid("GP appointment"), "clinic": BANKSIDE["id"], "provider": "any"}
    details = {
        "first_name": "Siobhán",
        "last_name": "O'Neill",
        "birth_date": "1980-05-31",
        "email": "siobhan@patient.example",
        "phone": "020 7946 0958",
    }
    with _open(QmaticSandbox(), choice, details) as place:
        yield place


@pytest.fixture(params=["opus", "qmatic"])
def place(request: pytest.FixtureRequest, transactional_db: None) -> Place:
    """Each vendor's practice in turn, for what must hold at all of them."""
    found: Place = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def console() -> Iterator[StringIO]:
    """What the product's own console handler writes, its filter included."""
    handler = next(
        h
        for h in logging.getLogger().handlers
        if isinstance(h, logging.StreamHandler) and any(isinstance(f, WithoutTokens) for f in h.filters)
    )
    stream = StringIO()
    before = handler.setStream(stream)
    yield stream
    handler.setStream(before)
