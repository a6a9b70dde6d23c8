"""The vendor in memory keeps the contract that the real ones keep, as far as there is one without a network."""

import time
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.fake_vendor import TOKEN, Asking, Connection, Diary, FakeVendor, Reserving, ReservingForGood, asking_diary
from tests.vendors.contract import VendorContract
from vendors.base import OutcomeUnknown, Patient, Search, Secret, Url, Vendor, VendorUnavailable


class FakeContract(VendorContract):
    zone = ZoneInfo("Europe/Stockholm")
    country = "SE"
    patient = Patient(first_name="Eva", last_name="Berg", email="eva@example.com", phone="+46701234567")
    times = "slots"
    booking = "book"
    lookup = "find"
    standing, changes = "standing", "changed"
    Sandbox: Any = Diary

    def connection(self, base_url: str) -> Connection:
        return Connection(Url(base_url), Secret(TOKEN))

    def wrong_credentials(self, base_url: str) -> Connection:
        return Connection(Url(base_url), Secret("another"))

    def refuse_the_patient(self, sandbox: Any) -> None:
        sandbox.refused_fields = ("phone",)

    test_no_error_and_no_log_line_carries_the_patient = None  # it writes no log lines: those are `vendors.http`'s

    def search(self, vendor: Vendor, sandbox: Diary) -> Search:
        return self.choice(vendor, sandbox)[1]  # type: ignore[arg-type]

    def test_a_slow_answer_ends_with_the_budget(self, base_url: str, sandbox: Diary) -> None:
        vendor = self.connect(self.connection(base_url), budget=0.05)
        search = self.search(vendor, sandbox)
        sandbox.slow("slots", 0.06)
        with pytest.raises(VendorUnavailable):
            vendor.slots(search)

    def test_a_slow_booking_is_an_unknown_outcome(self, base_url: str, sandbox: Diary) -> None:
        request = self.ready(self.connect(self.connection(base_url)), sandbox)  # type: ignore[arg-type]
        sandbox.slow("book", 0.06)
        with pytest.raises(OutcomeUnknown):
            self.connect(self.connection(base_url), budget=0.05).book(request)
        assert len(sandbox.entries) == 1

    def test_before_each_call_the_caller_is_told(self, base_url: str, sandbox: Diary) -> None:
        told: list[float] = []
        before_call: Callable[[], None] = lambda: told.append(time.monotonic())  # noqa: E731
        vendor = self.connect(self.connection(base_url), before_call=before_call)
        vendor.find(self.ready(vendor, sandbox))  # type: ignore[arg-type]
        assert len(told) == len(sandbox.calls) > 0


class TestFakeVendor(FakeContract):
    Vendor = FakeVendor


class TestReserving(FakeContract):
    Vendor = Reserving

    def test_a_released_reservation_frees_its_time(self, vendor: Vendor, sandbox: Diary) -> None:
        request = self.ready(vendor, sandbox)  # type: ignore[arg-type]
        vendor.release(request.reservation_id or "")
        assert request.slot in vendor.slots(self.search(vendor, sandbox))


class TestReservingForGood(FakeContract):
    Vendor = ReservingForGood


class TestAsking(FakeContract):
    Vendor = Asking
    Sandbox = staticmethod(asking_diary)
