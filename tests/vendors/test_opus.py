"""Opus Dental: the contract of every vendor, and Opus's own corners."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.vendors.contract import KEY, VendorContract
from vendors.base import (
    AuthenticationFailed,
    BookingRequest,
    Context,
    InvalidPatient,
    MemoryStore,
    OutcomeUnknown,
    Patient,
    ProviderChoice,
    Search,
    Secret,
    Slot,
    SlotTaken,
    UnexpectedResponse,
    Url,
    VendorUnavailable,
)
from vendors.opus import Connection, Opus
from vendors.sandbox.opus import API_KEY, CITY, SOLNA, OpusSandbox

CHECK_UP, HYGIENIST, BLEACHING = "1", "3", "5"
STOCKHOLM = ZoneInfo("Europe/Stockholm")
NOON = datetime(2026, 6, 10, 10, 0, tzinfo=UTC)


def row(start: str = "2026-06-15T08:00:00", end: str = "2026-06-15T08:30:00", **changes: Any) -> dict[str, Any]:
    """A free time as Opus lists it, of a check-up with Anna in the city."""
    return {"ID": 0, "Start": start, "End": end, "ClinicID": CITY, "ClinicianID": 1, "TreatmentID": 1} | changes


class TestOpus(VendorContract):
    Vendor = Opus
    Sandbox = OpusSandbox
    zone = STOCKHOLM
    country = "SE"
    patient = Patient(
        first_name="Åsa",
        last_name="Nässlind-Öberg",
        email="asa@patient.example",
        phone="+46705506228",
        personal_number="198112189876",
        postal_code="11122",
    )
    times = "timeslots"
    booking = "book"
    lookup = "bookings"

    def connection(self, base_url: str) -> Connection:
        return Connection(base_url=Url(base_url), api_key=Secret(API_KEY))

    def wrong_credentials(self, base_url: str) -> Connection:
        return Connection(base_url=Url(base_url), api_key=Secret("opus-wrong-key"))

    def refuse_the_patient(self, sandbox: Sandbox) -> None:
        sandbox.answer("book", 400, {"Message": "Invalid SSN"})

    @contextmanager
    def at(self, moment: datetime, **changes: Any) -> Iterator[tuple[Opus, OpusSandbox]]:
        """Both sides at one moment, and at the end no breach of the vendor's contract."""
        sandbox = OpusSandbox(clock=lambda: moment)
        context = Context("test", self.zone, self.country, MemoryStore(), allow_private_hosts=True, budget=30)
        with sandbox.serve() as base_url:
            yield Opus(self.connection(base_url), replace(context, **changes), clock=lambda: moment), sandbox
        assert sandbox.breaches == []

    @pytest.fixture
    def june(self) -> Iterator[tuple[Opus, OpusSandbox]]:
        with self.at(NOON) as both:
            yield both

    def search(self, first: date, last: date, service: str = CHECK_UP, **changes: Any) -> Search:
        return replace(Search(service, first, last, CITY, "1"), **changes)

    def wanted(self, slot: Slot, **patient: Any) -> BookingRequest:
        return BookingRequest(KEY, "ABC-234", CHECK_UP, "Undersökning", slot, replace(self.patient, **patient))

    def some_time(self, vendor: Opus, **changes: Any) -> Slot:
        """A free check-up in the second half of June."""
        return vendor.slots(self.search(date(2026, 6, 15), date(2026, 6, 30), **changes))[0]

    # --- The connection -------------------------------------------------------------------------------------------

    def test_the_key_arrives_under_a_name_with_an_underscore(
        self, vendor: Vendor, sandbox: Sandbox, base_url: str
    ) -> None:
        assert vendor.services("sv")
        assert sandbox.breaches == []
        headers = {"api-key": API_KEY, "Accept": "application/json"}
        assert httpx.get(f"{base_url}/api/v1/treatment", headers=headers).status_code == 400
        assert sandbox.breaches == ["treatments: no api_key header"]

    def test_an_address_with_a_slash_at_its_end_is_the_same_address(self, base_url: str) -> None:
        assert self.connect(self.connection(base_url + "/")).services("sv")

    @pytest.mark.parametrize("status", [400, 401, 403])
    def test_a_wrong_key_is_said_to_be_so_whatever_the_status(
        self, vendor: Vendor, sandbox: Sandbox, status: int
    ) -> None:
        sandbox.answer("treatments", status, {"Message": "No"})
        with pytest.raises(AuthenticationFailed):
            vendor.services("sv")

    def test_a_wrong_key_is_said_to_be_so_in_every_step(self, june: tuple[Opus, OpusSandbox], base_url: str) -> None:
        vendor, _ = june
        request = self.wanted(self.some_time(vendor))
        stranger = self.connect(self.wrong_credentials(base_url))
        today = datetime.now(STOCKHOLM).date()
        steps = (
            lambda: stranger.offers(CHECK_UP, "sv"),
            lambda: stranger.slots(self.search(today, today)),
            lambda: stranger.find(request),
        )
        for step in steps:
            with pytest.raises(AuthenticationFailed):
                step()

    def test_a_key_that_was_withdrawn_while_the_patient_typed_books_nothing(
        self, june: tuple[Opus, OpusSandbox]
    ) -> None:
        vendor, sandbox = june
        request = self.wanted(self.some_time(vendor))
        for operation in ("book", "timeslots", "treatments"):
            sandbox.answer(operation, 400, {"Message": "Invalid API key"})
        with pytest.raises(AuthenticationFailed):
            vendor.book(request)
        assert sandbox.appointments() == []

    # --- What is offered ------------------------------------------------------------------------------------------

    def test_a_treatment_becomes_a_service_with_its_length(self, vendor: Vendor) -> None:
        service = next(service for service in vendor.services("sv") if service.id == HYGIENIST)
        assert (service.name, service.minutes) == ("Tandhygienist", 45)
        assert service.description == "Rengöring och förebyggande behandling"

    def test_a_service_is_offered_where_and_by_whom_it_is_done(self, vendor: Vendor) -> None:
        offers = {offer.clinic.id: [p.id for p in offer.providers] for offer in vendor.offers(CHECK_UP, "sv")}
        assert offers == {CITY: ["1", "3"], SOLNA: ["3"]}
        assert {offer.clinic.id for offer in vendor.offers(BLEACHING, "sv")} == {CITY}
        assert {o.provider_choice for o in vendor.offers(CHECK_UP, "sv")} == {ProviderChoice.OPTIONAL}

    def test_the_same_number_at_two_clinics_is_two_people(self, vendor: Vendor) -> None:
        threes = [p for offer in vendor.offers(CHECK_UP, "sv") for p in offer.providers if p.id == "3"]
        assert [provider.name for provider in threes] == ["Johan Ek", "Fatima Rahimi"]
        assert [provider.title for provider in threes] == ["Tandläkare", "Tandläkare"]

    def test_a_clinic_has_its_address_on_one_line_and_its_phone(self, vendor: Vendor) -> None:
        city = vendor.offers(CHECK_UP, "sv")[0].clinic
        assert city.name == "Norrmalms Tandvård City"
        assert city.address == "Drottninggatan 71, 11136 Stockholm"
        assert city.phone == "08-123 45 67"

    def test_a_provider_whose_times_are_all_taken_is_still_offered(self, vendor: Vendor, sandbox: Sandbox) -> None:
        city = next(offer for offer in vendor.offers(HYGIENIST, "sv") if offer.clinic.id == CITY)
        assert "Eva Holm" in {provider.name for provider in city.providers}
        today = self.today(sandbox)
        assert vendor.slots(Search(HYGIENIST, today, today + timedelta(days=20), CITY, "6")) == []
        assert sandbox.breaches == []

    def test_a_clinic_whose_times_are_all_taken_is_still_offered(self, vendor: Vendor, sandbox: Sandbox) -> None:
        for clinician in sandbox.diary["clinicians"]:
            if clinician["ClinicID"] == SOLNA:
                clinician["Hours"] = {}
        assert {offer.clinic.id for offer in vendor.offers(CHECK_UP, "sv")} == {CITY, SOLNA}

    def test_a_provider_who_no_longer_works_there_is_not_offered(self, vendor: Vendor, sandbox: Sandbox) -> None:
        retired = next(row for row in sandbox.diary["clinicians"] if row["Name"] == "Sven Ahlgren")
        assert 1 in retired["Treatments"]
        names = {p.name for offer in vendor.offers(CHECK_UP, "sv") for p in offer.providers}
        assert "Sven Ahlgren" not in names

    def test_one_cold_look_at_what_is_offered_costs_two_calls(self, vendor: Vendor, sandbox: Sandbox) -> None:
        vendor.offers(CHECK_UP, "sv")
        assert sorted(sandbox.calls) == ["clinicians", "clinics"]

    def test_clinicians_that_do_not_name_their_clinic_are_asked_for_clinic_by_clinic(
        self, vendor: Vendor, sandbox: Sandbox
    ) -> None:
        sandbox.answer("clinicians", 200, [{"ID": 1, "Name": "Anna Lindqvist"}, {"ID": 3, "Name": "Fatima Rahimi"}])
        offers = {offer.clinic.id: [p.name for p in offer.providers] for offer in vendor.offers(CHECK_UP, "sv")}
        assert offers == {CITY: ["Anna Lindqvist", "Johan Ek"], SOLNA: ["Fatima Rahimi"]}
        assert sandbox.breaches == []

    def test_a_clinic_without_clinicians_is_offered_without_a_choice(self, vendor: Vendor, sandbox: Sandbox) -> None:
        sandbox.answer("clinicians", 404)
        offer = vendor.offers(BLEACHING, "sv")[0]
        assert (offer.clinic.id, offer.providers, offer.provider_choice) == (CITY, (), ProviderChoice.NONE)

    @pytest.mark.parametrize("unknown", ["99", "check-up", "", "-1", "1&delay=3"])
    def test_an_unknown_service_is_offered_nowhere(self, vendor: Vendor, sandbox: Sandbox, unknown: str) -> None:
        assert vendor.offers(unknown, "sv") == []
        today = self.today(sandbox)
        assert vendor.slots(self.search(today, today, unknown)) == []
        assert sandbox.breaches == []

    def test_a_refusal_about_a_treatment_that_exists_is_not_taken_for_none(
        self, vendor: Vendor, sandbox: Sandbox
    ) -> None:
        today = self.today(sandbox)
        sandbox.answer("clinics", 400, {"Message": "Something else"})
        with pytest.raises(UnexpectedResponse):
            vendor.offers(CHECK_UP, "sv")
        sandbox.answer("timeslots", 400, {"Message": "Something else"})
        with pytest.raises(UnexpectedResponse):
            vendor.slots(self.search(today, today))

    def test_what_is_listed_twice_is_offered_once(self, vendor: Vendor, sandbox: Sandbox) -> None:
        sandbox.answer("treatments", 200, sandbox.diary["treatments"][:1] * 2)
        sandbox.answer("clinicians", 200, [{"ID": 4, "Name": "Maria Sjöberg", "ClinicID": CITY}] * 2)
        assert [service.id for service in vendor.services("sv")] == [CHECK_UP]
        assert [provider.id for provider in vendor.offers(BLEACHING, "sv")[0].providers] == ["4"]

    def test_404_is_the_empty_list(self, vendor: Vendor, sandbox: Sandbox) -> None:
        today = self.today(sandbox)
        for operation in ("treatments", "clinics", "clinicians", "timeslots"):
            sandbox.answer(operation, 404)
        assert vendor.services("sv") == []
        assert vendor.offers(CHECK_UP, "sv") == []
        assert vendor.slots(self.search(today, today)) == []

    @pytest.mark.parametrize(
        ("body", "kind"),
        [
            (None, "text/html"),
            (b"", "application/json"),
            (b" \r\n", "text/html"),
            ({"Message": "No <b>patient</b>"}, "application/json"),
            ([], "application/json"),
            (b"Not found", "text/plain"),
        ],
    )
    def test_404_is_the_empty_list_whatever_the_vendor_says_with_it(
        self, vendor: Vendor, sandbox: Sandbox, body: object, kind: str
    ) -> None:
        sandbox.answer("treatments", 404, body, headers=(("Content-Type", kind),))
        assert vendor.services("sv") == []

    @pytest.mark.parametrize(
        ("body", "kind"),
        [
            (b"<!DOCTYPE html><title>404 - File or directory not found.</title>", "text/html; charset=utf-8"),
            (b"404 page not found", "Text/HTML"),
            (b"\xef\xbb\xbf\r\n <html>", "text/plain"),
            (b"\n<Error><Code>NoSuchKey</Code></Error>", "application/xml"),
        ],
    )
    def test_the_page_of_a_proxy_is_not_the_empty_list(
        self, june: tuple[Opus, OpusSandbox], body: bytes, kind: str
    ) -> None:
        vendor, sandbox = june
        request = self.wanted(self.some_time(vendor))
        for operation in ("treatments", "timeslots", "bookings"):
            sandbox.answer(operation, 404, body, headers=(("Content-Type", kind),))
        with pytest.raises(UnexpectedResponse):
            vendor.services("sv")
        with pytest.raises(UnexpectedResponse):
            self.some_time(vendor)
        with pytest.raises(UnexpectedResponse):
            vendor.find(request)

    @pytest.mark.parametrize("status", [405, 410, 418])
    def test_a_status_that_is_not_documented_is_not_the_empty_list(
        self, vendor: Vendor, sandbox: Sandbox, status: int
    ) -> None:
        sandbox.answer("treatments", status, [])
        with pytest.raises(UnexpectedResponse):
            vendor.services("sv")

    def test_numbers_where_text_is_documented_are_read(self, vendor: Vendor, sandbox: Sandbox) -> None:
        address = {"Address1": "Storgatan 1", "Address2": "2 tr", "Postalcode": 11136, "City": "Stockholm"}
        sandbox.answer("treatments", 200, [{"ID": "1", "Name": 2026, "Duration": "30"}])
        sandbox.answer("clinics", 200, [{"ID": CITY, "Name": "City", **address, "Work": 81234567}])
        sandbox.answer("clinicians", 200, [{"ID": "3", "Name": "Johan Ek", "ClinicID": CITY, "Active": "true"}])
        assert [(s.id, s.name, s.minutes) for s in vendor.services("sv")] == [("1", "2026", 30)]
        (offer,) = vendor.offers(CHECK_UP, "sv")
        assert offer.clinic.address == "Storgatan 1, 2 tr, 11136 Stockholm"
        assert offer.clinic.phone == "081234567"
        assert [provider.id for provider in offer.providers] == ["3"]

    def test_a_number_that_lost_its_zeros_or_its_plus_gets_them_back(self) -> None:
        clinic = {"ID": CITY, "Name": "Oslo", "Address1": "Karl Johans gate 1", "Postalcode": 154, "City": "Oslo"}
        with self.at(NOON, country="NO") as (vendor, sandbox):
            sandbox.answer("clinics", 200, [{**clinic, "Work": 4722334455}])
            shown = vendor.offers(CHECK_UP, "no")[0].clinic
        assert (shown.address, shown.phone) == ("Karl Johans gate 1, 0154 Oslo", "+4722334455")

    # --- Times ----------------------------------------------------------------------------------------------------

    def test_the_window_is_the_calendar_month(self, vendor: Vendor) -> None:
        assert vendor.window(date(2028, 2, 14)) == (date(2028, 2, 1), date(2028, 2, 29))

    def test_days_across_the_end_of_a_month_cost_one_call_a_month(self, june: tuple[Opus, OpusSandbox]) -> None:
        vendor, sandbox = june
        days = [slot.start.date() for slot in vendor.slots(self.search(date(2026, 6, 29), date(2026, 7, 3)))]
        assert sandbox.calls == ["timeslots", "timeslots"]
        assert date(2026, 6, 29) <= days[0] < date(2026, 7, 1) <= days[-1] <= date(2026, 7, 3)

    def test_past_months_are_not_asked_for(self, june: tuple[Opus, OpusSandbox]) -> None:
        vendor, sandbox = june
        assert vendor.slots(self.search(date(2026, 3, 1), date(2026, 6, 30)))
        assert sandbox.calls == ["timeslots"]
        assert vendor.slots(self.search(date(2026, 3, 1), date(2026, 4, 30))) == []
        assert vendor.slots(self.search(date(2026, 6, 1), date(2026, 6, 9))) == []
        assert sandbox.calls == ["timeslots"]

    def test_which_month_is_past_is_told_by_the_clinics_clock(self) -> None:
        with self.at(datetime(2026, 6, 30, 22, 30, tzinfo=UTC)) as (vendor, sandbox):  # half past midnight there
            assert vendor.slots(self.search(date(2026, 6, 28), date(2026, 7, 5)))
            assert sandbox.calls == ["timeslots"]

    def test_times_that_have_passed_today_are_left_out(self, june: tuple[Opus, OpusSandbox]) -> None:
        vendor, sandbox = june
        rows = [row(f"2026-06-{time}:00:00", f"2026-06-{time}:30:00") for time in ("09T15", "10T11", "10T12", "10T13")]
        sandbox.answer("timeslots", 200, rows)
        slots = vendor.slots(self.search(date(2026, 6, 1), date(2026, 6, 30)))
        assert [slot.start for slot in slots] == [datetime(2026, 6, 10, 13, tzinfo=STOCKHOLM)]

    def test_the_offset_is_right_on_both_sides_of_the_change_of_clocks(self) -> None:
        with self.at(datetime(2026, 10, 20, 10, tzinfo=UTC)) as (vendor, sandbox):
            slots = vendor.slots(self.search(date(2026, 10, 23), date(2026, 10, 26), provider_id=None))
            before, after = slots[0].start, slots[-1].start
            assert (before.date(), before.utcoffset()) == (date(2026, 10, 23), timedelta(hours=2))
            assert (after.date(), after.utcoffset()) == (date(2026, 10, 26), timedelta(hours=1))
            vendor.book(self.wanted(slots[-1]))
            (entry,) = sandbox.appointments()
            assert entry["TimeSlot"]["Start"] == after.strftime("%Y-%m-%dT%H:%M:%S")

    def test_an_hour_that_the_clocks_skip_is_not_offered(self) -> None:
        night = [
            row("2027-03-28T01:00:00", "2027-03-28T01:30:00"),
            row("2027-03-28T02:00:00", "2027-03-28T02:30:00"),
            row("2027-03-28T03:00:00", "2027-03-28T03:30:00"),
        ]
        with self.at(datetime(2027, 3, 20, 10, tzinfo=UTC)) as (vendor, sandbox):
            sandbox.answer("timeslots", 200, night)
            slots = vendor.slots(self.search(date(2027, 3, 28), date(2027, 3, 28)))
        assert [slot.start.isoformat() for slot in slots] == ["2027-03-28T01:00:00+01:00", "2027-03-28T03:00:00+02:00"]

    def test_with_any_clinic_and_provider_each_time_keeps_its_own(self, june: tuple[Opus, OpusSandbox]) -> None:
        vendor, sandbox = june
        anywhere = self.search(date(2026, 6, 15), date(2026, 6, 30), clinic_id=None, provider_id=None)
        slots = vendor.slots(anywhere)
        assert {(s.clinic_id, s.provider_id) for s in slots} == {(CITY, "1"), (CITY, "3"), (SOLNA, "3")}
        theirs = next(slot for slot in slots if slot.clinic_id == SOLNA)
        vendor.book(self.wanted(theirs))
        time = sandbox.appointments()[0]["TimeSlot"]
        assert (time["ClinicID"], time["ClinicianID"], time["TreatmentID"]) == (SOLNA, 3, 1)

    def test_an_unknown_provider_has_no_times(self, june: tuple[Opus, OpusSandbox]) -> None:
        vendor, sandbox = june
        for unknown in ("99", "anna"):
            assert vendor.slots(self.search(date(2026, 6, 15), date(2026, 6, 30), provider_id=unknown)) == []
        assert sandbox.calls == ["timeslots"]

    def test_a_time_occupies_the_clinician_of_its_clinic(self, june: tuple[Opus, OpusSandbox]) -> None:
        vendor, _ = june
        assert self.some_time(vendor, provider_id="3").occupies == (f"{CITY}/3",)
        assert self.some_time(vendor, clinic_id=SOLNA, provider_id="3").occupies == (f"{SOLNA}/3",)

    def test_booking_one_of_several_overlapping_times_takes_them_all(self, june: tuple[Opus, OpusSandbox]) -> None:
        vendor, _ = june
        search = self.search(date(2026, 6, 15), date(2026, 6, 30))
        before = vendor.slots(search)
        first = next(a for a, b in pairwise(before) if b.start < a.end)
        vendor.book(self.wanted(first))
        gone = {slot.id for slot in before} - {slot.id for slot in vendor.slots(search)}
        assert gone == {slot.id for slot in before if slot.start < first.end and first.start < slot.end}
        assert len(gone) > 1

    def test_rows_of_something_else_and_repeated_rows_are_dropped(self, june: tuple[Opus, OpusSandbox]) -> None:
        vendor, sandbox = june
        rows = [
            row(),
            row(),
            row(TreatmentID=2),
            row(ClinicID=SOLNA),
            row(ClinicianID=3),
            row("2026-06-16T08:00:00", "2026-06-16T08:30:00"),
        ]
        sandbox.answer("timeslots", 200, rows)
        (slot,) = vendor.slots(self.search(date(2026, 6, 15), date(2026, 6, 15)))
        assert (slot.clinic_id, slot.provider_id) == (CITY, "1")

    def test_times_come_in_order_whatever_the_order_of_the_rows(self, june: tuple[Opus, OpusSandbox]) -> None:
        vendor, sandbox = june
        sandbox.answer("timeslots", 200, [row("2026-06-15T09:00:00", "2026-06-15T09:30:00"), row()])
        first, second = vendor.slots(self.search(date(2026, 6, 15), date(2026, 6, 15)))
        assert first.start < second.start

    def test_numbers_that_come_as_text_are_the_same_numbers(self, june: tuple[Opus, OpusSandbox]) -> None:
        vendor, sandbox = june
        sandbox.answer("timeslots", 200, [row(ClinicianID="1", TreatmentID="1"), row()])
        (slot,) = vendor.slots(self.search(date(2026, 6, 15), date(2026, 6, 15)))
        assert slot.provider_id == "1"

    @pytest.mark.parametrize(
        "wrong",
        [
            {"Start": "2026-06-15T08:00:00Z"},
            {"Start": "2026-06-15T08:00:00+02:00"},
            {"Start": "2026-06-15T08:00+02", "End": "2026-06-15T09:00+02"},
            {"Start": "2026-06-15T08:00:00.000"},
            {"Start": "2026-06-15T08:00"},
            {"End": "2026-06-15T08:30:00Z"},
            {"Start": "15.06.2026 08:00"},
            {"Start": None},
            {"End": "2026-06-15T08:00:00"},
            {"ClinicianID": None},
            {"ClinicianID": True},
            {"ClinicID": ""},
        ],
    )
    def test_a_row_that_could_not_be_sent_back_is_not_offered_as_a_time(
        self, june: tuple[Opus, OpusSandbox], wrong: dict[str, Any]
    ) -> None:
        vendor, sandbox = june
        sandbox.answer("timeslots", 200, [row(**wrong)])
        with pytest.raises(UnexpectedResponse):
            vendor.slots(self.search(date(2026, 6, 15), date(2026, 6, 15), clinic_id=None, provider_id=None))

    # --- What is sent ---------------------------------------------------------------------------------------------

    def test_the_row_goes_back_as_it_came_with_the_whole_patient(self, june: tuple[Opus, OpusSandbox]) -> None:
        vendor, sandbox = june
        slot = self.some_time(vendor)
        appointment = vendor.book(self.wanted(slot))
        (entry,) = sandbox.appointments()
        assert entry == {
            "ID": int(appointment.id),
            "Patient": {
                "FirstName": "Åsa",
                "LastName": "Nässlind-Öberg",
                "PostalCode": "11122",
                "Email": "asa@patient.example",
                "MobilePhoneNumber": "+46705506228",
                "PersonalNumber": {"Year": 1981, "Month": 12, "Day": 18, "ExtraDigits": "9876"},
            },
            "TimeSlot": {
                "Start": slot.start.strftime("%Y-%m-%dT%H:%M:%S"),
                "End": slot.end.strftime("%Y-%m-%dT%H:%M:%S"),
                "ClinicID": CITY,
                "ClinicianID": 1,
                "TreatmentID": 1,
            },
        }

    def test_what_the_patient_left_empty_is_left_out(self, june: tuple[Opus, OpusSandbox]) -> None:
        vendor, sandbox = june
        vendor.book(self.wanted(self.some_time(vendor), postal_code=""))
        assert "PostalCode" not in sandbox.appointments()[0]["Patient"]

    def test_zeros_at_the_front_of_the_extra_digits_stay(self, june: tuple[Opus, OpusSandbox]) -> None:
        vendor, sandbox = june
        request = self.wanted(self.some_time(vendor), personal_number="198507090002")
        vendor.book(request)
        sent = sandbox.appointments()[0]["Patient"]["PersonalNumber"]
        assert sent == {"Year": 1985, "Month": 7, "Day": 9, "ExtraDigits": "0002"}
        assert len(vendor.find(request)) == 1

    def test_a_coordination_number_keeps_its_raised_day(self, june: tuple[Opus, OpusSandbox]) -> None:
        vendor, sandbox = june
        request = self.wanted(self.some_time(vendor), personal_number="198507699802")
        vendor.book(request)
        assert sandbox.appointments()[0]["Patient"]["PersonalNumber"]["Day"] == 69
        assert len(vendor.find(request)) == 1

    def test_norway_has_five_extra_digits_and_a_shorter_postal_code(self) -> None:
        with self.at(NOON, country="NO", timezone=ZoneInfo("Europe/Oslo")) as (vendor, sandbox):
            sandbox.extra_digits = 5
            request = self.wanted(self.some_time(vendor), personal_number="1985070901234", postal_code="0154")
            vendor.book(request)
            sent = sandbox.appointments()[0]["Patient"]
            assert (sent["PersonalNumber"]["ExtraDigits"], sent["PostalCode"]) == ("01234", "0154")
            assert len(vendor.find(request)) == 1

    @pytest.mark.parametrize(
        ("patient", "field"),
        [
            ({"personal_number": ""}, "personal_number"),
            ({"personal_number": "8112189876"}, "personal_number"),
            ({"personal_number": "1981121898765"}, "personal_number"),
            ({"postal_code": "0154"}, "postal_code"),
        ],
    )
    def test_a_detail_that_has_no_form_in_opus_is_not_sent(
        self, june: tuple[Opus, OpusSandbox], patient: dict[str, str], field: str
    ) -> None:
        vendor, sandbox = june
        slot = self.some_time(vendor)
        with pytest.raises(InvalidPatient) as raised:
            vendor.book(self.wanted(slot, **patient))
        assert raised.value.fields == (field,)
        assert sandbox.count("book") == 0

    def test_a_clinics_id_may_hold_any_sign(self, june: tuple[Opus, OpusSandbox]) -> None:
        vendor, sandbox = june
        strange = "17-a9/ff,31 &delay=1#å+%41"
        for table, column in (("clinics", "ID"), ("clinicians", "ClinicID")):
            for entry in sandbox.diary[table]:
                if entry[column] == CITY:
                    entry[column] = strange
        assert strange in {offer.clinic.id for offer in vendor.offers(CHECK_UP, "sv")}
        slot = self.some_time(vendor, clinic_id=strange)
        assert slot.clinic_id == strange
        assert slot.id.isascii()
        request = self.wanted(slot)
        appointment = vendor.book(request)
        assert sandbox.appointments()[0]["TimeSlot"]["ClinicID"] == strange
        assert [found.id for found in vendor.find(request)] == [appointment.id]

    @pytest.mark.parametrize(
        "slot_id",
        [
            "12345",
            "2026-06-15T08:00:00Z,2026-06-15T08:30:00Z,1,1,17",
            "2026-06-15T08:00:00,2026-06-15T08:30:00,x,1,17",
            "2026-06-15T08:00:00,2026-06-15T08:30:00,1,1,17,3",
        ],
    )
    def test_a_time_of_another_system_is_not_sent(self, june: tuple[Opus, OpusSandbox], slot_id: str) -> None:
        vendor, sandbox = june
        request = self.wanted(replace(self.some_time(vendor), id=slot_id))
        with pytest.raises(SlotTaken):
            vendor.book(request)
        assert sandbox.count("book") == 0

    def test_a_booking_costs_one_call_and_one_look(self, june: tuple[Opus, OpusSandbox]) -> None:
        vendor, sandbox = june
        request = self.wanted(self.some_time(vendor))
        calls = len(sandbox.calls)
        vendor.book(request)
        assert sandbox.calls[calls:] == ["book", "bookings"]

    def test_the_personal_number_and_its_query_stand_in_no_log(
        self, june: tuple[Opus, OpusSandbox], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("DEBUG")
        vendor, sandbox = june
        request = self.wanted(self.some_time(vendor))
        vendor.book(request)
        vendor.find(request)
        assert sandbox.count("bookings") == 2
        assert "GET /booking 200" in caplog.text
        assert "9876" not in caplog.text
        assert "extradigits" not in caplog.text

    # --- Refusals -------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("status", [400, 404])
    def test_a_refusal_of_a_time_that_is_gone_means_taken_whatever_it_says(
        self, june: tuple[Opus, OpusSandbox], status: int
    ) -> None:
        vendor, sandbox = june
        slot = self.some_time(vendor)
        sandbox.take_at_desk(slot.id)
        sandbox.answer("book", status, {"Message": "Invalid SSN"})
        calls = len(sandbox.calls)
        with pytest.raises(SlotTaken):
            vendor.book(self.wanted(slot))
        assert sandbox.calls[calls:] == ["book", "timeslots"]

    @pytest.mark.parametrize(
        "said",
        [
            {"Message": "Invalid SSN"},
            {"Message": "Ogiltigt personnummer"},
            {"Message": "ExtraDigits must be four digits"},
            "The personal number is not valid",
            b"invalid ssn",
            {"Message": "The request is invalid.", "ModelState": {"patient.PersonalNumber": ["Not a valid value."]}},
            {"Message": "Invalid personal identity number"},
            {"error": "InvalidSSN"},
            b'{"title": "Ogiltigt f\\u00f8dselsnummer"}',
        ],
    )
    def test_a_refusal_that_names_the_personal_number_leads_to_its_field(
        self, june: tuple[Opus, OpusSandbox], said: Any
    ) -> None:
        vendor, sandbox = june
        request = self.wanted(self.some_time(vendor))
        sandbox.answer("book", 400, said)
        with pytest.raises(InvalidPatient) as raised:
            vendor.book(request)
        assert raised.value.fields == ("personal_number",)

    def test_a_wrong_control_digit_leads_to_the_personal_number(self, june: tuple[Opus, OpusSandbox]) -> None:
        vendor, sandbox = june
        with pytest.raises(InvalidPatient) as raised:
            vendor.book(self.wanted(self.some_time(vendor), personal_number="198112189875"))
        assert raised.value.fields == ("personal_number",)
        assert sandbox.appointments() == []

    @pytest.mark.parametrize(
        "said",
        [
            {"Message": "Invalid postal code"},
            {"ClassName": "System.NullReferenceException", "Message": "An error has occurred."},
            ["?"],
            b"",
            b"[" * 100_000,
        ],
    )
    def test_any_other_refusal_of_a_free_time_is_for_us_to_look_at(
        self, june: tuple[Opus, OpusSandbox], said: Any
    ) -> None:
        vendor, sandbox = june
        request = self.wanted(self.some_time(vendor))
        sandbox.answer("book", 400, said)
        with pytest.raises(UnexpectedResponse):
            vendor.book(request)

    def test_a_refusal_whose_reason_cannot_be_read_means_that_nothing_happened(
        self, june: tuple[Opus, OpusSandbox]
    ) -> None:
        vendor, sandbox = june
        request = self.wanted(self.some_time(vendor))
        sandbox.take_at_desk(request.slot.id)
        sandbox.answer("timeslots", 500, times=2)
        with pytest.raises(VendorUnavailable):
            vendor.book(request)

    def test_a_refusal_does_not_repeat_what_was_said_about_the_patient(self, june: tuple[Opus, OpusSandbox]) -> None:
        vendor, sandbox = june
        request = self.wanted(self.some_time(vendor))
        sandbox.answer("book", 400, {"Message": "Invalid SSN 19811218-9876"})
        with pytest.raises(InvalidPatient) as raised:
            vendor.book(request)
        assert "9876" not in repr(raised.value) + repr(raised.value.__cause__)

    @pytest.mark.parametrize("status", [409, 422])
    def test_a_status_that_is_not_documented_leaves_a_booking_unknown(
        self, june: tuple[Opus, OpusSandbox], status: int
    ) -> None:
        vendor, sandbox = june
        request = self.wanted(self.some_time(vendor))
        sandbox.answer("book", status, {"Message": "Conflict"}, done=True)
        with pytest.raises(OutcomeUnknown):
            vendor.book(request)
        assert len(vendor.find(request)) == 1

    def test_while_the_clinics_server_is_down_times_still_list_and_bookings_do_not_happen(
        self, june: tuple[Opus, OpusSandbox]
    ) -> None:
        vendor, sandbox = june
        sandbox.on_premise_down = True
        request = self.wanted(self.some_time(vendor))
        with pytest.raises(OutcomeUnknown):
            vendor.book(request)
        with pytest.raises(VendorUnavailable):
            vendor.find(request)
        sandbox.on_premise_down = False
        assert vendor.find(request) == []

    # --- Answers in doubt, and looks ------------------------------------------------------------------------------

    @pytest.mark.parametrize("said", [None, b"", {"ID": 4711}, [4711], True, 0, -1, 4711.5, "booked", b"47\xff"])
    def test_an_accepted_booking_whose_answer_is_no_number_is_read_back(
        self, june: tuple[Opus, OpusSandbox], said: Any
    ) -> None:
        vendor, sandbox = june
        request = self.wanted(self.some_time(vendor))
        sandbox.answer("book", 200, said, done=True)
        appointment = vendor.book(request)
        assert appointment.id == str(sandbox.appointments()[0]["ID"])
        assert (appointment.start, appointment.end) == (request.slot.start, request.slot.end)
        assert sandbox.count("book") == 1

    def test_a_number_in_quotes_is_a_number(self, june: tuple[Opus, OpusSandbox]) -> None:
        vendor, sandbox = june
        request = self.wanted(self.some_time(vendor))
        sandbox.answer("book", 200, "4711", done=True)
        sandbox.answer("bookings", 503, times=2)
        assert vendor.book(request).id == "4711"

    def test_a_booking_that_was_accepted_and_lost_a_race_at_the_clinic_is_an_unknown_outcome(
        self, june: tuple[Opus, OpusSandbox]
    ) -> None:
        vendor, sandbox = june
        request = self.wanted(self.some_time(vendor))
        sandbox.answer("book", 200, 4711)
        with pytest.raises(OutcomeUnknown):
            vendor.book(request)
        assert sandbox.calls[-2:] == ["book", "bookings"]
        assert vendor.find(request) == []

    def test_an_id_that_was_cut_short_is_mended_by_the_look(self, june: tuple[Opus, OpusSandbox]) -> None:
        vendor, sandbox = june
        request = self.wanted(self.some_time(vendor))
        sandbox.half("book")
        assert vendor.book(request).id == str(sandbox.appointments()[0]["ID"]) == "4711"

    @pytest.mark.parametrize(("answered", "believed"), [(4712, "4712"), (47, "4711")])
    def test_of_two_bookings_in_the_list_the_answered_id_says_which_and_else_the_first_is_it(
        self, june: tuple[Opus, OpusSandbox], answered: int, believed: str
    ) -> None:
        vendor, sandbox = june
        request = self.wanted(self.some_time(vendor))
        time = row(request.slot.start.strftime("%Y-%m-%dT%H:%M:%S"))
        sandbox.answer("book", 200, answered, done=True)
        sandbox.answer("bookings", 200, [{"ID": number, "TimeSlot": time} for number in (4711, 4712)])
        assert vendor.book(request).id == believed

    @pytest.mark.parametrize("status", [503, 400, 418])
    def test_an_accepted_booking_keeps_its_id_where_it_cannot_be_looked_at(
        self, june: tuple[Opus, OpusSandbox], status: int
    ) -> None:
        vendor, sandbox = june
        request = self.wanted(self.some_time(vendor))
        sandbox.answer("bookings", status, times=2)
        assert vendor.book(request).id == str(sandbox.appointments()[0]["ID"])

    def test_an_answer_in_doubt_without_a_booking_is_an_unknown_outcome(self, june: tuple[Opus, OpusSandbox]) -> None:
        vendor, sandbox = june
        request = self.wanted(self.some_time(vendor))
        sandbox.answer("book", 200, b"")
        with pytest.raises(OutcomeUnknown):
            vendor.book(request)
        assert sandbox.count("bookings") == 1

    def test_an_answer_in_doubt_that_cannot_be_read_back_is_an_unknown_outcome(
        self, june: tuple[Opus, OpusSandbox]
    ) -> None:
        vendor, sandbox = june
        request = self.wanted(self.some_time(vendor))
        sandbox.answer("book", 200, b"", done=True)
        sandbox.answer("bookings", 503, times=2)
        with pytest.raises(OutcomeUnknown):
            vendor.book(request)
        assert len(vendor.find(request)) == 1

    def test_a_lost_answer_is_found_by_the_same_four_things_and_no_others(self, june: tuple[Opus, OpusSandbox]) -> None:
        vendor, sandbox = june
        request = self.wanted(self.some_time(vendor))
        sandbox.lose_answer_after("book")
        with pytest.raises(OutcomeUnknown):
            vendor.book(request)
        (entry,) = sandbox.appointments()
        other = {"Start": "2026-06-16T23:00:00", "ClinicID": SOLNA, "ClinicianID": 9, "TreatmentID": 9}
        for name, value in other.items():
            sandbox.answer("bookings", 200, [{**entry, "TimeSlot": {**entry["TimeSlot"], name: value}}])
            assert vendor.find(request) == []
        assert [found.id for found in vendor.find(request)] == [str(entry["ID"])]
        assert sandbox.count("book") == 1

    def test_a_booking_is_recognised_though_its_row_is_written_otherwise(self, june: tuple[Opus, OpusSandbox]) -> None:
        vendor, sandbox = june
        slot = self.some_time(vendor)
        start = slot.start.strftime("%Y-%m-%dT%H:%M:%S.0000000")
        time = {"Start": start, "ClinicID": CITY, "ClinicianID": "1", "TreatmentID": "1"}
        sandbox.answer("bookings", 200, [{"ID": "77", "TimeSlot": time, "CampaignCode": None}])
        assert [found.id for found in vendor.find(self.wanted(slot))] == ["77"]

    def test_a_booking_with_an_offset_is_neither_ours_nor_absent(self, june: tuple[Opus, OpusSandbox]) -> None:
        vendor, sandbox = june
        slot = self.some_time(vendor)
        sandbox.answer("bookings", 200, [{"ID": 77, "TimeSlot": row(slot.start.isoformat())}])
        with pytest.raises(UnexpectedResponse):
            vendor.find(self.wanted(slot))

    @pytest.mark.parametrize(
        "other",
        [
            {"ID": 12, "TimeSlot": None},
            {"ID": 12},
            {"ID": 12, "TimeSlot": {"Start": "soon"}},
            {"ID": 12, "TimeSlot": row(Start=None)},
            None,
        ],
    )
    def test_a_row_that_cannot_be_read_does_not_hide_our_booking_and_is_not_taken_for_none(
        self, june: tuple[Opus, OpusSandbox], other: Any
    ) -> None:
        vendor, sandbox = june
        request = self.wanted(self.some_time(vendor))
        booked = vendor.book(request)
        sandbox.answer("bookings", 200, [other, *sandbox.appointments(), other])
        assert vendor.find(request) == [booked]
        sandbox.answer("bookings", 200, [other])
        with pytest.raises(UnexpectedResponse):
            vendor.find(request)

    @pytest.mark.parametrize("name", ["ClinicID", "ClinicianID", "TreatmentID"])
    def test_what_a_row_lacks_matters_only_where_it_starts_when_our_booking_does(
        self, june: tuple[Opus, OpusSandbox], name: str
    ) -> None:
        vendor, sandbox = june
        request = self.wanted(self.some_time(vendor))
        start = request.slot.start.strftime("%Y-%m-%dT%H:%M:%S")
        lacks = {key: value for key, value in row(start).items() if key != name}
        sandbox.answer("bookings", 200, [{"ID": 12, "TimeSlot": {**lacks, "Start": "2026-06-29T23:00:00"}}])
        assert vendor.find(request) == []
        for ambiguous in (lacks, {**row(start), name: None}):
            sandbox.answer("bookings", 200, [{"ID": 12, "TimeSlot": ambiguous}])
            with pytest.raises(UnexpectedResponse):
                vendor.find(request)

    def test_our_own_booking_without_a_number_is_not_said_to_be_absent(self, june: tuple[Opus, OpusSandbox]) -> None:
        vendor, sandbox = june
        request = self.wanted(self.some_time(vendor))
        time = row(request.slot.start.strftime("%Y-%m-%dT%H:%M:%S"))
        sandbox.answer("bookings", 200, [{"ID": None, "TimeSlot": time}])
        with pytest.raises(UnexpectedResponse):
            vendor.find(request)

    @pytest.mark.slow
    def test_a_look_that_is_relayed_to_the_clinic_may_take_longer_than_a_list(
        self, june: tuple[Opus, OpusSandbox]
    ) -> None:
        vendor, sandbox = june
        request = self.wanted(self.some_time(vendor))
        sandbox.late("bookings", 10.5)
        assert vendor.find(request) == []
        assert sandbox.count("bookings") == 1

    def test_without_a_personal_number_a_look_tells_nothing(self, june: tuple[Opus, OpusSandbox]) -> None:
        vendor, sandbox = june
        with pytest.raises(OutcomeUnknown):
            vendor.find(self.wanted(self.some_time(vendor), personal_number=""))
        assert sandbox.count("bookings") == 0

    def test_a_booking_that_has_begun_is_not_said_to_be_absent(self, june: tuple[Opus, OpusSandbox]) -> None:
        vendor, _ = june
        begun = replace(self.some_time(vendor), start=NOON.astimezone(STOCKHOLM) - timedelta(minutes=5))
        with pytest.raises(OutcomeUnknown):
            vendor.find(self.wanted(begun))

    def test_a_look_that_is_refused_is_an_error_and_never_an_empty_answer(self, june: tuple[Opus, OpusSandbox]) -> None:
        vendor, sandbox = june
        sandbox.answer("bookings", 400, {"Message": "Invalid SSN"})
        with pytest.raises(UnexpectedResponse):
            vendor.find(self.wanted(self.some_time(vendor)))

    # --- The sandbox is strict ------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        "query",
        [
            "year=2026&month=5&treatmentID=1",
            "year=2026&month=6&treatmentID=1&delay=0",
            "year=2026&month=6&treatmentId=1",
            "year=2026&month=6",
            "year=2026&month=juni&treatmentID=1",
            "startingFromDateTime=2026-06-15T08:00:00Z&treatmentID=1",
        ],
    )
    def test_the_sandbox_writes_down_a_breach_in_a_query(self, query: str) -> None:
        sandbox = OpusSandbox(clock=lambda: NOON)
        headers = {"api_key": API_KEY, "Accept": "application/json"}
        with sandbox.serve() as base_url:
            assert httpx.get(f"{base_url}/api/v1/timeslot?{query}", headers=headers).status_code == 400
        assert len(sandbox.breaches) == 1

    @pytest.mark.parametrize(
        ("part", "wrong"),
        [
            ("PersonalNumber", {"ExtraDigits": 9876}),
            ("PersonalNumber", {"ExtraDigits": "876"}),
            ("PersonalNumber", {"Year": "1981"}),
            ("Patient", {"MobilePhoneNumber": "070-550 62 28"}),
            ("Patient", {"PostalCode": 11122}),
            ("Patient", {"Note": "extra"}),
            ("TimeSlot", {"Start": "2026-06-15T08:00:00Z"}),
            ("TimeSlot", {"ClinicianID": "1"}),
            ("TimeSlot", {"ID": 0}),
        ],
    )
    def test_the_sandbox_writes_down_a_breach_in_a_body(
        self, june: tuple[Opus, OpusSandbox], part: str, wrong: dict[str, Any]
    ) -> None:
        vendor, sandbox = june
        vendor.book(self.wanted(self.some_time(vendor)))
        entry = sandbox.appointments()[0]
        body = {"Patient": entry["Patient"], "TimeSlot": entry["TimeSlot"]}
        (entry["Patient"]["PersonalNumber"] if part == "PersonalNumber" else body[part]).update(wrong)
        headers = {"api_key": API_KEY, "Accept": "application/json"}
        with sandbox.serve() as base_url:
            answer = httpx.post(f"{base_url}/api/v1/booking", headers=headers, json=body)
        assert answer.status_code == 400
        assert len(sandbox.breaches) == 1
        sandbox.breaches.clear()
