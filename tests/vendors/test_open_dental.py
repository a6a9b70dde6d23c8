"""Open Dental: the contract of every vendor, and its own corners: computed times, charts, refusals that say nothing."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

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
    Service,
    Slot,
    SlotTaken,
    UnexpectedResponse,
    Url,
    VendorUnavailable,
)
from vendors.open_dental import PUBLIC_BASE_URL, Connection, OpenDental
from vendors.sandbox.base import Reply, Request
from vendors.sandbox.open_dental import (
    CUSTOMER_KEY,
    DEVELOPER_KEY,
    FOR_EMERGENCIES,
    FOR_NEW_PATIENTS,
    OpenDentalSandbox,
)

CHICAGO = ZoneInfo("America/Chicago")
MONDAY = date(2026, 6, 15)
FRIDAY_BEFORE = datetime(2026, 6, 12, 15, 0, tzinfo=UTC)
CHECK_UP, NEW_PATIENT, CLEANING, FILLING = "1", "2", "3", "4"  # 30, 60, 50 and 60 minutes
LINCOLN_PARK, EVANSTON = "1", "2"
PATEL, OCONNOR, RUIZ, JOHANSSON = "1", "2", "3", "4"

type Both = tuple[OpenDental, "RecordingSandbox"]


class RecordingSandbox(OpenDentalSandbox):
    """Keeps what was sent; and something may happen there right before an operation."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        self.requests: list[tuple[str, Request]] = []
        self.right_before: dict[str, Callable[[], object]] = {}
        self.address = ""
        super().__init__(*args, **settings)

    def check(self, request: Request, operation: str) -> None:
        self.requests.append((operation, request))
        self.right_before.pop(operation, lambda: None)()
        super().check(request, operation)

    def sent(self, operation: str) -> list[Request]:
        return [request for name, request in self.requests if name == operation]

    def body(self, operation: str) -> dict[str, Any]:
        (request,) = self.sent(operation)
        return request.json()

    def create_appointment(self, request: Request) -> Reply:
        reply = super().create_appointment(request)
        self.right_before.pop("answer", lambda: None)()
        return reply


class TestOpenDental(VendorContract):
    Vendor = OpenDental
    Sandbox = RecordingSandbox
    zone = CHICAGO
    country = "US"
    patient = Patient(
        first_name="Renée",
        last_name="O'Malley-Nuñez",
        email="renee@patient.example",
        phone="+13125550187",
        birth_date=date(1984, 2, 29),
    )
    times = "list_appointments"
    booking = "create_appointment"
    lookup = "list_appointments"
    standing, changes = "appointment", "list_appointments"

    def connection(self, base_url: str, /, **changes: Any) -> Connection:
        given: dict[str, Any] = {
            "base_url": Url(f"{base_url}/api/v1"),
            "developer_key": Secret(DEVELOPER_KEY),
            "customer_key": Secret(CUSTOMER_KEY),
            "seconds_between_calls": 0,
        }
        return Connection(**given | changes)

    def wrong_credentials(self, base_url: str) -> Connection:
        return self.connection(base_url, customer_key=Secret("another-offices-key"))

    def refuse_the_patient(self, sandbox: OpenDentalSandbox) -> None:
        sandbox.answer("create_patient", 400, "Birthdate is invalid.", times=2)

    # --- Tools ----------------------------------------------------------------------------------------------------

    @contextmanager
    def at(self, moment: datetime, **changes: Any) -> Iterator[Both]:
        """Both sides at one moment, and at the end no breach of the vendor's contract."""
        sandbox = RecordingSandbox(clock=lambda: moment)
        with sandbox.serve() as sandbox.address:
            yield self.again(sandbox, MemoryStore(), moment, **changes), sandbox
        assert sandbox.breaches == []

    def again(
        self, sandbox: RecordingSandbox, store: MemoryStore, moment: datetime = FRIDAY_BEFORE, **changes: Any
    ) -> OpenDental:
        """A vendor object as the next request would build it."""
        context = Context("lakeside", self.zone, self.country, store, allow_private_hosts=True, budget=30)
        return OpenDental(self.connection(sandbox.address), replace(context, **changes), clock=lambda: moment)

    @pytest.fixture
    def june(self) -> Iterator[Both]:
        """The Friday before, with the sandbox's usual plan and nobody booked."""
        with self.at(FRIDAY_BEFORE) as (vendor, sandbox):
            sandbox.visits = False
            yield vendor, sandbox

    @pytest.fixture
    def quiet(self, june: Both) -> Both:
        """As `june`, and only Dr. Patel works, on Mondays from 8 to 10 at chair 1, without blockouts."""
        vendor, sandbox = june
        sandbox.diary["blockouts"] = []
        sandbox.diary["hours"] = {PATEL: {"0": [["08:00", "10:00", "1"]]}}
        return vendor, sandbox

    def on(self, day: date = MONDAY, service: str = CHECK_UP, **changes: Any) -> Search:
        return replace(Search(service, day, day, LINCOLN_PARK, PATEL), **changes)

    def starts(self, vendor: OpenDental, search: Search | None = None) -> list[str]:
        return [f"{slot.start:%H:%M}" for slot in vendor.slots(search or self.on())]

    def wanted(self, slot: Slot, service: str = CHECK_UP, **patient: Any) -> BookingRequest:
        return BookingRequest(KEY, "ABC-2345", service, "", slot, replace(self.patient, **patient))

    @staticmethod
    def stands(sandbox: OpenDentalSandbox, day: date = MONDAY, **fields: Any) -> dict[str, Any]:
        """Somebody else's appointment, at nine with Dr. Patel at chair 1 unless said otherwise."""
        usual = {"PatNum": 7, "AptDateTime": f"{day} 09:00:00", "ProvNum": 1, "Op": 1, "Pattern": "/XXXX/"}
        return sandbox._enter(**usual | fields)

    @staticmethod
    def chart(sandbox: OpenDentalSandbox, **fields: Any) -> dict[str, Any]:
        """The patient's chart at the office."""
        usual = {"LName": "O'Malley-Nuñez", "FName": "Renée", "Birthdate": "1984-02-29"}
        return sandbox.add_patient(**usual | {"WirelessPhone": "(312)555-0187", "Email": ""} | fields)

    @staticmethod
    def service(vendor: OpenDental, service_id: str) -> Service:
        return next(service for service in vendor.services("en") if service.id == service_id)

    def team(self, vendor: OpenDental, clinic: str) -> list[str]:
        offers = self.service(vendor, CHECK_UP).offers or ()
        return next(([p.id for p in offer.providers] for offer in offers if offer.clinic.id == clinic), [])

    # --- The connection -------------------------------------------------------------------------------------------

    def test_the_keys_and_the_content_type_go_with_every_call(self, june: Both) -> None:
        vendor, sandbox = june
        vendor.services("en")
        appointment = vendor.book(request := self.wanted(vendor.slots(self.on())[0]))
        vendor.cancel(appointment.id, request)
        assert {"GET", "POST", "PUT"} == {request.method for _, request in sandbox.requests}
        for _, sent in sandbox.requests:
            assert sent.headers["authorization"] == f"ODFHIR {DEVELOPER_KEY}/{CUSTOMER_KEY}"
            assert sent.headers["content-type"] == "application/json"

    def test_the_public_address_and_one_call_a_second_are_what_is_meant_without_saying(self) -> None:
        connection = Connection(developer_key=Secret("dev"), customer_key=Secret("cust"))
        assert (connection.base_url, connection.seconds_between_calls) == (PUBLIC_BASE_URL, 1)
        assert PUBLIC_BASE_URL == "https://api.opendental.com/api/v1"

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("base_url", Url("api.opendental.com")),
            ("base_url", Url("ftp://api.opendental.com")),
            ("developer_key", Secret("")),
            ("developer_key", Secret("with/slash")),
            ("customer_key", Secret("two words")),
            ("customer_key", Secret("nyckel-å")),
            ("seconds_between_calls", -1),
            ("seconds_between_calls", 61),
            ("seconds_between_calls", True),
        ],
    )
    def test_a_connection_that_cannot_work_is_refused_by_the_name_of_its_field(self, name: str, value: Any) -> None:
        with pytest.raises(ValueError, match=name):
            self.connection("http://localhost", **{name: value})

    def test_an_address_with_a_slash_at_its_end_is_the_same_address(self, base_url: str) -> None:
        assert self.connect(self.connection("", base_url=Url(f"{base_url}/api/v1/"))).services("en")

    def test_calls_keep_the_distance_that_the_vendor_asks_for(self, base_url: str, sandbox: RecordingSandbox) -> None:
        sandbox.throttle = True
        began = time.monotonic()
        vendor = self.connect(self.connection(base_url, seconds_between_calls=1), practice="unhurried")
        assert vendor.slots(replace(self.on(), service_id="99")) == []
        assert sandbox.calls == ["appointment_types", "clinics"]
        assert time.monotonic() - began >= 1
        assert sandbox.breaches == []

    def test_calls_that_come_too_fast_are_told_to_wait(self, base_url: str, sandbox: RecordingSandbox) -> None:
        sandbox.throttle = True
        vendor = self.connect(self.connection(base_url), practice="hurried")
        with pytest.raises(VendorUnavailable) as raised:
            vendor.slots(replace(self.on(), service_id="99"))
        assert raised.value.retry_after == 1

    def test_too_many_calls_are_said_to_pass_and_when(self, vendor: OpenDental, sandbox: RecordingSandbox) -> None:
        sandbox.answer("clinics", 429, "Too many requests.", headers=(("Retry-After", "7"),))
        with pytest.raises(VendorUnavailable) as raised:
            vendor.services("en")
        assert raised.value.retry_after == 7

    def test_a_read_that_is_refused_is_the_office_that_cannot_be_reached(
        self, vendor: OpenDental, sandbox: RecordingSandbox
    ) -> None:
        sandbox.answer("appointment_types", 400, "The eConnector is not running.", times=3)
        with pytest.raises(VendorUnavailable):
            vendor.services("en")

    @pytest.mark.parametrize("status", [404, 410])
    def test_a_list_that_does_not_exist_is_a_wrong_address_and_no_empty_list(
        self, vendor: OpenDental, sandbox: RecordingSandbox, status: int
    ) -> None:
        sandbox.answer("clinics", status, "Not found.", times=3)
        with pytest.raises(UnexpectedResponse):
            vendor.services("en")

    # --- The catalogue --------------------------------------------------------------------------------------------

    def test_an_appointment_type_is_a_service_as_long_as_its_pattern(self, vendor: OpenDental) -> None:
        found = [(s.id, s.name, s.minutes) for s in vendor.services("en")]
        assert found == [
            ("1", "Check-up", 30),
            ("2", "New patient exam", 60),
            ("3", "Cleaning", 50),
            ("4", "Filling", 60),
            ("5", "Emergency visit", 30),
        ]

    def test_a_type_without_a_pattern_has_no_length_and_is_not_offered(
        self, vendor: OpenDental, sandbox: RecordingSandbox
    ) -> None:
        sandbox.diary["types"][0]["Pattern"] = ""
        assert CHECK_UP not in {service.id for service in vendor.services("en")}

    def test_a_pattern_of_more_than_nine_hours_is_cut_as_the_vendor_cuts_it(
        self, vendor: OpenDental, sandbox: RecordingSandbox
    ) -> None:
        sandbox.diary["types"][0]["Pattern"] = "X" * 120
        assert self.service(vendor, CHECK_UP).minutes == 540

    @pytest.mark.parametrize("hidden", ["true", "True", True])
    def test_what_is_hidden_is_not_offered_however_the_vendor_writes_it(self, june: Both, hidden: Any) -> None:
        vendor, sandbox = june
        sandbox.diary["types"][4]["IsHidden"] = hidden
        sandbox.diary["clinics"][1]["IsHidden"] = hidden
        sandbox.diary["providers"][1]["IsHidden"] = hidden
        sandbox.diary["operatories"][0]["IsHidden"] = hidden
        sandbox.diary["hours"][PATEL] = {"0": [["08:00", "09:00", "1"], ["14:00", "15:00", "2"]]}
        sandbox.answer("clinics", 200, sandbox.diary["clinics"])  # as is not documented: with the hidden ones
        assert [service.name for service in vendor.services("en")][-1] == "Filling"
        assert [offer.clinic.id for offer in self.service(vendor, CHECK_UP).offers or ()] == [LINCOLN_PARK]
        assert OCONNOR not in self.team(vendor, LINCOLN_PARK)
        assert self.starts(vendor)[0] == "14:00"

    def test_a_provider_without_working_hours_at_a_clinic_is_not_offered_there(self, june: Both) -> None:
        vendor, _ = june
        assert self.team(vendor, LINCOLN_PARK) == [PATEL, OCONNOR, RUIZ]
        assert self.team(vendor, EVANSTON) == [OCONNOR, RUIZ, JOHANSSON]

    def test_where_nobody_has_working_hours_yet_all_are_offered_without_times(self, june: Both) -> None:
        vendor, sandbox = june
        sandbox.diary["hours"] = {}
        assert self.team(vendor, LINCOLN_PARK) == [PATEL, OCONNOR, RUIZ, JOHANSSON]
        assert vendor.slots(self.on()) == []

    def test_the_patient_may_choose_a_provider_and_need_not(self, june: Both) -> None:
        vendor, _ = june
        offer = (self.service(vendor, CHECK_UP).offers or ())[0]
        assert offer.provider_choice is ProviderChoice.OPTIONAL
        assert [(p.name, p.title) for p in offer.providers] == [
            ("Maya Patel", "DDS"),
            ("Daniel O'Connor", "DMD"),
            ("Ana Ruiz", "RDH"),
        ]

    def test_a_clinic_has_its_address_on_one_line_and_its_phone_as_people_write_it(self, june: Both) -> None:
        vendor, _ = june
        clinic = (self.service(vendor, CHECK_UP).offers or ())[0].clinic
        assert clinic.name == "Lakeside Dental Lincoln Park"
        assert clinic.address == "2204 N Halsted St, Chicago, IL 60614"
        assert clinic.phone == "(312) 555-0141"

    def test_an_office_without_clinics_is_one_clinic_that_can_be_booked(self, june: Both) -> None:
        vendor, sandbox = june
        sandbox.uses_clinics = False
        (offer,) = self.service(vendor, CHECK_UP).offers or ()
        assert (offer.clinic.id, offer.clinic.name) == ("0", "lakeside")
        assert not vendor.capabilities.clinics
        slot = vendor.slots(self.on(clinic_id="0"))[0]
        assert slot.clinic_id == "0"
        vendor.book(self.wanted(slot))
        assert "ClinicNum" not in sandbox.body("create_appointment")
        assert "ClinicNum" not in sandbox.body("create_patient")
        assert OpenDental.capabilities.clinics

    def test_chairs_that_still_name_a_clinic_after_the_office_gave_clinics_up_have_times(self, june: Both) -> None:
        vendor, sandbox = june
        sandbox.uses_clinics = False
        sandbox.answer("operatories", 200, sandbox.diary["operatories"])
        assert vendor.slots(self.on(clinic_id="0"))

    def test_the_one_clinic_of_such_an_office_has_the_name_that_the_practice_gave_it(self, june: Both) -> None:
        _, sandbox = june
        sandbox.uses_clinics = False
        named = self.again(sandbox, MemoryStore(), clinic_name="Lakeside", clinic_address="2204 N Halsted St")
        clinic = (self.service(named, CHECK_UP).offers or ())[0].clinic
        assert (clinic.name, clinic.address) == ("Lakeside", "2204 N Halsted St")

    def test_the_catalogue_is_read_once_for_all_processes(self, june: Both) -> None:
        _, sandbox = june
        store = MemoryStore()
        first = self.again(sandbox, store).services("en")
        assert sorted(set(sandbox.calls)) == ["appointment_types", "clinics", "operatories", "providers", "schedules"]
        assert sandbox.count("providers") == 2
        sandbox.calls.clear()
        assert self.again(sandbox, store).services("en") == first
        assert sandbox.calls == []

    def test_offices_do_not_share_what_is_remembered(self, june: Both) -> None:
        _, sandbox = june
        store = MemoryStore()
        self.again(sandbox, store).services("en")
        context = Context("other", self.zone, "US", store, allow_private_hosts=True)
        other = OpenDental(self.connection(sandbox.address, customer_key=Secret("another-offices-key")), context)
        with pytest.raises(AuthenticationFailed):
            other.services("en")

    def test_a_reading_that_was_cut_off_goes_on_where_it_ended(self, june: Both) -> None:
        _, sandbox = june
        store = MemoryStore()
        sandbox.answer("appointment_types", 503, times=2)
        with pytest.raises(VendorUnavailable):
            self.again(sandbox, store).services("en")
        sandbox.calls.clear()
        assert self.again(sandbox, store).services("en")
        assert sandbox.calls == ["appointment_types"]

    def test_nothing_that_is_remembered_names_a_patient_or_a_providers_number(self, june: Both) -> None:
        _, sandbox = june
        store = MemoryStore()
        vendor = self.again(sandbox, store)
        vendor.services("en")
        vendor.book(self.wanted(vendor.slots(self.on())[0]))
        kept = str(store.values)
        assert "Check-up" in kept
        for secret in ("98765", "SSN", "PatNum", "Nuñez", "555", "patient.example", CUSTOMER_KEY):
            assert secret not in kept.replace("312555014", "")

    # --- Free times -----------------------------------------------------------------------------------------------

    def test_times_are_cut_from_working_hours_and_what_is_booked(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        assert self.starts(vendor) == [
            *("08:00", "08:10", "08:20", "08:30", "08:40", "08:50", "09:00", "09:10", "09:20", "09:30"),
        ]
        self.stands(sandbox, AptDateTime=f"{MONDAY} 08:40:00", Pattern="//XX/")  # until 9:05
        assert self.starts(vendor) == ["08:00", "08:10", "09:10", "09:20", "09:30"]

    @pytest.mark.parametrize(
        ("increment", "starts"),
        [
            ("5", ["08:00", "08:05", "08:10", "08:15", "08:20", "08:25", "08:30"]),
            ("10", ["08:00", "08:10", "08:20", "08:30"]),
            ("15", ["08:00", "08:15", "08:30"]),
            ("0", ["08:00", "08:10", "08:20", "08:30"]),
            ("", ["08:00", "08:10", "08:20", "08:30"]),
            (None, ["08:00", "08:10", "08:20", "08:30"]),
        ],
    )
    def test_starts_stand_on_the_practices_grid(self, quiet: Both, increment: str | None, starts: list[str]) -> None:
        vendor, sandbox = quiet
        sandbox.diary["hours"][PATEL] = {"0": [["08:00", "09:00", "1"]]}
        sandbox.diary["preferences"] = {} if increment is None else {"AppointmentTimeIncrement": increment}
        assert self.starts(vendor) == starts

    def test_the_grid_counts_from_midnight_and_not_from_when_work_begins(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        sandbox.diary["hours"][PATEL] = {"0": [["08:25", "09:05", "1"]]}
        assert self.starts(vendor) == ["08:30"]

    def test_lunch_is_no_time_and_hours_that_touch_are_one_stretch(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        hours = [["08:00", "08:40", "1"], ["08:40", "09:20", "1"], ["09:40", "10:40", "1"]]
        sandbox.diary["hours"][PATEL] = {"0": hours}
        assert self.starts(vendor, self.on(service=FILLING)) == ["08:00", "08:10", "08:20", "09:40"]

    @pytest.mark.parametrize(
        ("fields", "occupies"),
        [
            ({"ProvNum": 2, "Op": 1}, True),  # the chair, with somebody else
            ({"ProvNum": 1, "Op": 4}, True),  # the provider, at the other clinic
            ({"ProvNum": 2, "Op": 2, "ProvHyg": 1}, True),  # the provider, as somebody else's second
            ({"ProvNum": 2, "Op": 2}, False),
            ({"ProvNum": 1, "Op": 0}, True),
            ({"AptStatus": "Complete"}, True),
            ({"Priority": "ASAP"}, True),
            ({"AptStatus": "Broken"}, False),
            ({"AptStatus": "Planned"}, False),
            ({"AptStatus": "PtNote"}, False),
            ({"AptStatus": "PtNoteCompleted"}, False),
        ],
    )
    def test_an_appointment_takes_its_chair_and_its_providers_while_it_is_live(
        self, quiet: Both, fields: dict[str, Any], occupies: bool
    ) -> None:
        vendor, sandbox = quiet
        self.stands(sandbox, **fields)
        assert ("09:00" not in self.starts(vendor)) == occupies

    def test_an_appointment_takes_time_also_where_the_provider_is_not_needed(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        self.stands(sandbox, AptDateTime=f"{MONDAY} 08:00:00", Pattern="XX" + "/" * 20)  # until 9:50
        assert self.starts(vendor) == []

    def test_an_appointment_without_a_pattern_is_as_long_as_the_vendor_makes_it(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        self.stands(sandbox, AptDateTime=f"{MONDAY} 08:00:00", Pattern="")
        assert self.starts(vendor)[0] == "08:20"

    def test_a_blockout_closes_its_chairs_or_all_of_them(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        sandbox.diary["hours"][PATEL] = {"0": [["08:00", "10:00", "1,2"]]}
        sandbox.diary["blockouts"] = [["0", "08:00", "09:00", FOR_EMERGENCIES, "1"]]
        chairs = {slot.occupies[0] for slot in vendor.slots(self.on()) if slot.start.hour == 8}
        assert chairs == {"op/2"}
        sandbox.diary["blockouts"] = [["0", "08:00", "09:00", FOR_EMERGENCIES, ""]]
        assert self.starts(self.again(sandbox, MemoryStore()))[0] == "09:00"

    @pytest.mark.parametrize("named", ["New Patient", "new patient", "Emergency of old, New Patient", "271"])
    def test_a_type_that_belongs_into_a_blockout_is_offered_there_only(self, quiet: Both, named: str) -> None:
        vendor, sandbox = quiet
        sandbox.diary["types"][1]["BlockoutTypes"] = named
        sandbox.diary["blockouts"] = [["0", "08:20", "09:30", FOR_NEW_PATIENTS, "1"]]
        assert self.starts(vendor, self.on(service=NEW_PATIENT)) == ["08:20", "08:30"]
        assert self.starts(vendor) == ["09:30"]

    def test_another_kind_of_blockout_closes_that_type_too(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        inside = ["0", "08:00", "10:00", FOR_NEW_PATIENTS, ""]
        sandbox.diary["blockouts"] = [inside, ["0", "08:50", "09:00", FOR_EMERGENCIES, "1"]]
        assert self.starts(vendor, self.on(service=NEW_PATIENT)) == ["09:00"]

    def test_without_its_blockout_such_a_type_has_no_times(self, quiet: Both) -> None:
        vendor, _ = quiet
        assert self.starts(vendor, self.on(service=NEW_PATIENT)) == []

    def test_a_closed_day_has_no_times(self, june: Both) -> None:
        vendor, sandbox = june
        assert vendor.slots(self.on())
        sandbox.diary["closed"] = [str(MONDAY)]
        assert self.again(sandbox, MemoryStore()).slots(self.on()) == []
        assert self.again(sandbox, MemoryStore()).slots(self.on(MONDAY + timedelta(days=1)))

    def test_hours_without_chairs_are_at_the_chairs_that_are_the_providers(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        sandbox.diary["hours"] = {OCONNOR: {"0": [["08:00", "08:30", ""]]}, RUIZ: {"0": [["08:00", "08:50", ""]]}}
        (slot,) = vendor.slots(self.on(provider_id=OCONNOR))
        assert slot.occupies == ("op/2", "prov/2")
        everywhere = vendor.slots(self.on(service=CLEANING, clinic_id=None, provider_id=RUIZ))
        assert [(slot.clinic_id, slot.occupies) for slot in everywhere] == [
            (LINCOLN_PARK, ("op/3", "prov/3")),
            (EVANSTON, ("op/5", "prov/3")),
        ]

    def test_hours_at_a_hidden_chair_are_no_times(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        sandbox.diary["hours"][PATEL] = {"0": [["08:00", "10:00", "6"]]}
        assert vendor.slots(self.on()) == []

    def test_the_hours_of_employees_are_no_times(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        sandbox.diary["hours"] = {}
        assert vendor.slots(self.on(provider_id=None, clinic_id=None)) == []

    def test_a_start_is_listed_once_for_each_provider_whatever_chairs_are_free(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        sandbox.diary["hours"] = {p: {"0": [["08:00", "08:30", "1,2,3"]]} for p in (PATEL, OCONNOR)}
        slots = vendor.slots(self.on(provider_id=None))
        assert [(slot.provider_id, slot.occupies) for slot in slots] == [
            (PATEL, ("op/1", "prov/1")),
            (OCONNOR, ("op/2", "prov/2")),
        ]

    def test_a_chair_for_hygiene_is_the_hygienists_first_and_the_dentists_last(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        sandbox.diary["hours"] = {p: {"0": [["08:00", "08:30", "3,1"]]} for p in (PATEL, RUIZ)}
        first, second = vendor.slots(self.on(provider_id=None))
        assert (first.occupies, second.occupies) == (("op/1", "prov/1"), ("op/3", "prov/3"))

    def test_two_providers_who_share_chairs_are_given_different_ones_first(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        for chair in sandbox.diary["operatories"]:
            chair["ProvDentist"] = chair["ProvHygienist"] = 0
        sandbox.diary["hours"] = {p: {"0": [["08:00", "08:30", "1,2,3"]]} for p in (PATEL, OCONNOR)}
        first, second = vendor.slots(self.on(provider_id=None))
        assert first.occupies[0] != second.occupies[0]

    def test_the_same_id_is_read_again_as_long_as_its_chair_is_free(self, quiet: Both) -> None:
        _, sandbox = quiet
        store = MemoryStore()
        sandbox.diary["hours"][PATEL] = {"0": [["08:00", "10:00", "1,2"]]}
        week = self.again(sandbox, store).slots(self.on(last=MONDAY + timedelta(days=6), provider_id=None))
        self.stands(sandbox, ProvNum=2, Op=2)
        assert self.again(sandbox, store).slots(self.on()) == week

    def test_a_start_whose_chair_was_taken_is_offered_under_the_next_chair(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        sandbox.diary["hours"][PATEL] = {"0": [["08:00", "10:00", "1,2"]]}
        self.stands(sandbox, ProvNum=2, Op=1)
        nine = next(slot for slot in vendor.slots(self.on()) if f"{slot.start:%H:%M}" == "09:00")
        assert nine.occupies == ("op/2", "prov/1")

    def test_every_chair_of_a_start_is_listed_to_who_asks_for_it(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        sandbox.diary["hours"] = {p: {"0": [["08:00", "08:40", "1,2,3"]]} for p in (PATEL, OCONNOR)}
        self.stands(sandbox, AptDateTime=f"{MONDAY} 08:30:00", ProvNum=4, Op=2)  # so chair 2 has no room from 8:10
        once = vendor.slots(self.on(provider_id=None))
        slots = vendor.slots(self.on(provider_id=None, every_chair=True))
        found = [(f"{slot.start:%H:%M}", slot.provider_id, slot.occupies[0]) for slot in slots]
        assert sorted(found) == [
            *[("08:00", provider, chair) for provider in (PATEL, OCONNOR) for chair in ("op/1", "op/2", "op/3")],
            *[("08:10", provider, chair) for provider in (PATEL, OCONNOR) for chair in ("op/1", "op/3")],
        ]
        assert len({slot.id for slot in slots}) == len(slots)
        assert len(once) == 4
        assert set(once) < set(slots)
        assert slots == sorted(slots, key=lambda slot: slot.start)

    def test_a_held_time_is_still_free_when_the_chair_before_its_own_becomes_free(self, quiet: Both) -> None:
        _, sandbox = quiet
        store = MemoryStore()
        sandbox.diary["hours"][PATEL] = {"0": [["08:00", "08:30", "1,2"]]}
        other = self.stands(sandbox, AptDateTime=f"{MONDAY} 08:00:00", ProvNum=2)
        (held,) = self.again(sandbox, store).slots(self.on())
        assert held.occupies == ("op/2", "prov/1")
        sandbox.cancel_by_staff(str(other["AptNum"]))
        assert held not in self.again(sandbox, store).slots(self.on())
        assert held in self.again(sandbox, store).slots(self.on(every_chair=True))
        self.stands(sandbox, AptDateTime=f"{MONDAY} 08:00:00", ProvNum=2, Op=2)
        assert held not in self.again(sandbox, store).slots(self.on(every_chair=True))

    def test_a_slot_says_in_its_id_what_is_needed_to_book_it(self, quiet: Both) -> None:
        vendor, _ = quiet
        slot = vendor.slots(self.on())[0]
        assert slot.id == "2026-06-15 08:00:00,1,1,1,/XXXX/"
        assert slot.start.isoformat() == "2026-06-15T08:00:00-05:00"
        assert slot.end - slot.start == timedelta(minutes=30)

    def test_today_is_the_offices_day_and_past_times_are_left_out(self) -> None:
        late = datetime(2026, 6, 16, 3, 0, tzinfo=UTC)  # in Chicago it is still Monday, ten in the evening
        with self.at(late) as (vendor, sandbox):
            sandbox.visits = False
            sandbox.diary["hours"] = {PATEL: {"0": [["21:00", "23:30", "1"]]}}
            assert self.starts(vendor) == ["22:10", "22:20", "22:30", "22:40", "22:50", "23:00"]
            assert sandbox.sent("schedules")[0].query["dateStart"] == str(MONDAY)

    def test_days_that_are_over_are_not_asked_for(self, june: Both) -> None:
        vendor, sandbox = june
        assert vendor.slots(self.on(date(2026, 6, 8))) == []
        assert not {"schedules", "list_appointments"} & set(sandbox.calls)

    def test_in_the_night_when_clocks_go_forward_the_skipped_hour_has_no_times(self) -> None:
        # In Chicago, on Sunday 14 March 2027, 2:00 CST (UTC-6) becomes 3:00 CDT (UTC-5).
        with self.at(datetime(2027, 3, 10, 15, 0, tzinfo=UTC)) as (vendor, sandbox):
            sandbox.visits = False
            sandbox.diary["preferences"]["AppointmentTimeIncrement"] = "30"
            sandbox.diary["hours"] = {PATEL: {day: [["00:30", "04:00", "1"]] for day in ("5", "6", "0")}}
            slots = vendor.slots(self.on(date(2027, 3, 13), last=date(2027, 3, 15)))
            utc = [slot.start.astimezone(UTC).strftime("%d %H:%M") for slot in slots]
            assert utc[:7] == ["13 06:30", "13 07:00", "13 07:30", "13 08:00", "13 08:30", "13 09:00", "13 09:30"]
            # 1:30 would end at 2:00, which does not exist; so do 2:00 and 2:30.
            assert utc[7:11] == ["14 06:30", "14 07:00", "14 08:00", "14 08:30"]
            assert utc[11:] == ["15 05:30", "15 06:00", "15 06:30", "15 07:00", "15 07:30", "15 08:00", "15 08:30"]

    def test_when_clocks_go_back_lengths_count_on_the_wall_clock(self) -> None:
        # In Chicago, on Sunday 1 November 2026, 2:00 CDT (UTC-5) becomes 1:00 CST (UTC-6).
        with self.at(datetime(2026, 10, 28, 15, 0, tzinfo=UTC)) as (vendor, sandbox):
            sandbox.visits = False
            sandbox.diary["preferences"]["AppointmentTimeIncrement"] = "30"
            sandbox.diary["hours"] = {PATEL: {"4": [["08:00", "08:30", "1"]], "0": [["08:00", "08:30", "1"]]}}
            friday, monday = vendor.slots(self.on(date(2026, 10, 30), last=date(2026, 11, 2)))
            assert friday.start.astimezone(UTC) == datetime(2026, 10, 30, 13, 0, tzinfo=UTC)
            assert monday.start.astimezone(UTC) == datetime(2026, 11, 2, 14, 0, tzinfo=UTC)
            assert monday.end.astimezone(UTC) == datetime(2026, 11, 2, 14, 30, tzinfo=UTC)
            vendor.book(self.wanted(monday))
            assert sandbox.body("create_appointment")["AptDateTime"] == "2026-11-02 08:00:00"

    @pytest.mark.parametrize(
        "gone",
        [{"service_id": "99"}, {"service_id": "6"}, {"clinic_id": "9"}, {"provider_id": "99"}, {"provider_id": "x"}],
    )
    def test_what_is_unknown_or_hidden_has_no_times(self, june: Both, gone: dict[str, str]) -> None:
        vendor, _ = june
        assert vendor.slots(replace(self.on(), **gone)) == []

    def test_a_full_page_is_not_the_last(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        sandbox.diary["hours"] = {PATEL: {str(n): [["08:00", "08:30", "1"]] for n in range(7)}}
        for n in range(100):
            self.stands(sandbox, AptDateTime=f"{MONDAY} 18:00:00", ProvNum=50 + n, Op=50 + n)
        assert self.starts(vendor) == ["08:00"]
        assert [r.query.get("Offset") for r in sandbox.sent("list_appointments")] == [None, "100"]

    def test_what_stands_on_the_third_page_takes_its_time_too(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        numbers = [
            self.stands(sandbox, AptDateTime=f"{MONDAY} 18:00:00", ProvNum=50 + n, Op=50)["AptNum"] for n in range(240)
        ]
        in_order = sorted(numbers, key=lambda number: number * 7919 % 10007)
        last = next(row for row in sandbox.diary["appointments"] if row["AptNum"] == in_order[-1])
        last.update(AptDateTime=f"{MONDAY} 09:00:00", ProvNum=1)
        assert "09:00" not in self.starts(vendor)
        assert sandbox.count("list_appointments") == 3

    def test_schedules_have_pages_too_and_are_not_sorted_by_day(self, june: Both) -> None:
        vendor, sandbox = june
        far = MONDAY + timedelta(days=27)
        slots = vendor.slots(self.on(last=far))
        assert sandbox.count("schedules") == 3
        weekdays = {MONDAY + timedelta(days=n) for n in range(28) if n % 7 < 5}
        assert {slot.start.date() for slot in slots} == weekdays

    def test_a_second_reading_costs_one_page_of_appointments(self, june: Both) -> None:
        _, sandbox = june
        store = MemoryStore()
        self.again(sandbox, store).slots(self.on(last=MONDAY + timedelta(days=6)))
        sandbox.calls.clear()
        self.again(sandbox, store).slots(self.on(MONDAY + timedelta(days=2)))
        assert sandbox.calls == ["list_appointments"]

    def test_appointments_are_not_asked_for_where_nobody_works(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        assert vendor.slots(self.on(MONDAY + timedelta(days=1))) == []
        assert sandbox.count("list_appointments") == 0

    def test_the_appointments_of_all_clinics_are_asked_for_and_only_the_days_that_matter(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        vendor.slots(self.on(MONDAY - timedelta(days=2), last=MONDAY + timedelta(days=6)))
        (asked,) = sandbox.sent("list_appointments")
        assert asked.query == {"dateStart": str(MONDAY), "dateEnd": str(MONDAY)}

    def test_numbers_that_come_as_text_and_text_as_numbers_are_understood(self, june: Both) -> None:
        vendor, sandbox = june
        self.stands(sandbox)
        self.chart(sandbox)
        expected = self.again(sandbox, MemoryStore()).slots(self.on())
        sandbox.other_types = True
        assert vendor.slots(self.on()) == expected
        request = self.wanted(expected[0])
        assert vendor.find(request) == []
        assert vendor.book(request) == vendor.find(request)[0]

    @pytest.mark.parametrize(
        "wrong",
        [
            {"AptDateTime": "2026-06-15T09:00:00Z"},
            {"AptDateTime": "soon"},
            {"Op": None},
            {"ProvNum": "Dr. Patel"},
            {"AptNum": 0},
            {"AptNum": True},
        ],
    )
    def test_a_row_that_cannot_be_understood_is_no_free_time(self, quiet: Both, wrong: dict[str, Any]) -> None:
        vendor, sandbox = quiet
        sandbox.answer("list_appointments", 200, [self.stands(sandbox) | wrong])
        with pytest.raises(UnexpectedResponse):
            vendor.slots(self.on())

    @pytest.mark.parametrize(
        "odd",
        [
            {"SchedType": "Employee", "StartTime": "", "ProvNum": None},
            {"SchedType": "WebSchedASAP", "SchedDate": None, "operatories": "all"},
            {"SchedType": "OfALaterVersion", "StopTime": "24:00:00"},
        ],
    )
    def test_an_odd_row_of_a_kind_that_is_not_used_costs_no_time(self, quiet: Both, odd: dict[str, Any]) -> None:
        vendor, sandbox = quiet
        rows = list(sandbox._day(MONDAY))
        sandbox.answer("schedules", 200, [rows[0] | odd, *rows])
        assert self.starts(vendor)[0] == "08:00"

    @pytest.mark.parametrize("kind", ["Practice", "Provider", "Blockout"])
    def test_an_odd_row_of_a_kind_that_is_used_is_no_free_time(self, quiet: Both, kind: str) -> None:
        vendor, sandbox = quiet
        rows = list(sandbox._day(MONDAY))
        sandbox.answer("schedules", 200, [rows[0] | {"SchedType": kind, "StartTime": ""}, *rows])
        with pytest.raises(UnexpectedResponse):
            vendor.slots(self.on())

    def test_a_page_is_full_also_with_rows_that_are_not_used(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        employee, *rest = sandbox._day(MONDAY)
        sandbox.answer("schedules", 200, [employee] * 100)
        sandbox.answer("schedules", 200, rest)
        assert self.starts(vendor)[0] == "08:00"
        assert sandbox.count("schedules") == 2

    def test_a_number_that_is_not_given_is_none(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        expected = self.again(sandbox, MemoryStore()).slots(self.on())
        nothing = {"ItemOrder": None, "ProvDentist": None, "ProvHygienist": None}
        sandbox.answer("operatories", 200, [{**chair, **nothing} for chair in sandbox.diary["operatories"]])
        row = self.stands(sandbox) | {"ProvHyg": None, "ClinicNum": None}
        sandbox.answer("list_appointments", 200, [row])
        free = [slot for slot in expected if not 8 * 60 + 30 < slot.start.hour * 60 + slot.start.minute < 9 * 60 + 30]
        assert vendor.slots(self.on()) == free

    def test_a_blockout_until_midnight_closes_the_evening(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        sandbox.diary["blockouts"] = [["0", "09:00", "00:00", FOR_EMERGENCIES, "1"]]
        assert self.starts(vendor) == ["08:00", "08:10", "08:20", "08:30"]

    def test_hours_until_midnight_last_to_the_end_of_the_day(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        sandbox.diary["hours"][PATEL] = {"0": [["23:10", "00:00", "1"]], "1": [["00:00", "00:40", "1"]]}
        starts = [f"{slot.start:%a %H:%M}" for slot in vendor.slots(self.on(last=MONDAY + timedelta(days=1)))]
        assert starts == ["Mon 23:10", "Mon 23:20", "Mon 23:30", "Tue 00:00", "Tue 00:10"]
        assert self.team(vendor, LINCOLN_PARK) == [PATEL]

    def test_an_appointment_without_a_time_takes_none(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        row = self.stands(sandbox) | {"AptDateTime": "0001-01-01 00:00:00"}
        sandbox.answer("list_appointments", 200, [row])
        assert "09:00" in self.starts(vendor)

    def test_the_window_is_a_week(self, june: Both) -> None:
        vendor, _ = june
        assert vendor.window(MONDAY) == (MONDAY, MONDAY + timedelta(days=6))

    # --- Booking --------------------------------------------------------------------------------------------------

    def test_a_booking_says_all_that_the_vendor_would_otherwise_guess(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        known = self.chart(sandbox)
        appointment = vendor.book(self.wanted(vendor.slots(self.on())[0]))
        assert sandbox.body("create_appointment") == {
            "PatNum": known["PatNum"],
            "Op": 1,
            "AptDateTime": "2026-06-15 08:00:00",
            "ProvNum": 1,
            "ClinicNum": 1,
            "AppointmentTypeNum": 1,
            "Pattern": "/XXXX/",
            "AptStatus": "Scheduled",
            "IsNewPatient": "false",
            "Note": "Booked online, reference ABC-2345",
        }
        assert appointment.start.isoformat() == "2026-06-15T08:00:00-05:00"
        assert sandbox.count("create_patient") == 0

    def test_a_patient_without_a_chart_gets_one_and_is_said_to_be_new(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        vendor.book(self.wanted(vendor.slots(self.on())[0]))
        assert sandbox.body("create_patient") == {
            "LName": "O'Malley-Nuñez",
            "FName": "Renée",
            "Birthdate": "1984-02-29",
            "WirelessPhone": "+13125550187",
            "Email": "renee@patient.example",
            "TxtMsgOk": "Unknown",
            "ClinicNum": 1,
        }
        assert sandbox.body("create_appointment")["IsNewPatient"] == "true"

    def test_seven_calls_are_enough_from_the_times_to_the_booking(self, june: Both) -> None:
        _, sandbox = june
        store = MemoryStore()
        self.chart(sandbox)
        self.again(sandbox, store).services("en")
        self.again(sandbox, store).slots(self.on(MONDAY + timedelta(days=30)))
        sandbox.calls.clear()
        week = self.again(sandbox, store).slots(self.on(last=MONDAY + timedelta(days=6)))
        chosen = week[3]
        assert chosen in self.again(sandbox, store).slots(self.on(chosen.start.date()))
        assert chosen in self.again(sandbox, store).slots(self.on(chosen.start.date()))
        self.again(sandbox, store).book(self.wanted(chosen))
        assert sandbox.calls == [
            *("schedules", "list_appointments"),
            "list_appointments",
            "list_appointments",
            *("patients_simple", "create_appointment", "list_appointments"),
        ]
        assert len(sandbox.calls) <= 7

    @pytest.mark.parametrize(
        ("first_name", "last_name"),
        [
            ("Sinéad", "O\u2019Brien"),
            ("Anne\u2011Marie", "Smith\u2013Jones"),
            ("Zoë", "Ångström"),
            ("Jose\u0301", "Nu\u0301ñez"),
            ("A", "B"),
            ("X" * 100, "Y" * 100),
            ("Mary  Ann", "van der Berg"),
            ("d'Arcy", "&=?#/ %"),
        ],
    )
    def test_whatever_the_name_the_second_booking_finds_the_chart_of_the_first(
        self, quiet: Both, first_name: str, last_name: str
    ) -> None:
        vendor, sandbox = quiet
        first, second = self.two_apart(vendor.slots(self.on()))
        vendor.book(self.wanted(first, first_name=first_name, last_name=last_name))
        vendor.book(self.wanted(second, first_name=first_name, last_name=last_name))
        assert len(sandbox.diary["patients"]) == 1
        assert [row["IsNewPatient"] for row in sandbox.appointments()] == ["true", "false"]

    @pytest.mark.parametrize(
        "fields",
        [
            {"WirelessPhone": "312.555.0187"},
            {"WirelessPhone": "", "HmPhone": "1 (312) 555-0187 ext"},
            {"WirelessPhone": "", "WkPhone": "3125550187"},
            {"WirelessPhone": "", "Email": "RENEE@patient.example"},
            {"WirelessPhone": "", "Email": "work@example.com; renee@patient.example"},
            {"LName": "O'MALLEY-NUNEZ", "FName": "renee"},
        ],
    )
    def test_a_chart_is_known_by_name_birth_date_and_phone_or_mail(self, quiet: Both, fields: dict[str, str]) -> None:
        vendor, sandbox = quiet
        known = self.chart(sandbox, **fields)
        vendor.book(self.wanted(vendor.slots(self.on())[0]))
        assert sandbox.body("create_appointment")["PatNum"] == known["PatNum"]

    @pytest.mark.parametrize(
        "fields",
        [
            {"LName": "O'Malley-Nuñezson"},  # the search is for parts of names
            {"FName": "Renée Marie"},
            {"Birthdate": "1986-02-28"},
            {"WirelessPhone": "(312)555-0100", "Email": "somebody@else.example"},
            {"WirelessPhone": "", "Email": ""},
            {"WirelessPhone": "555-0187"},
            {"PatStatus": "Deleted", "Birthdate": "1984-02-29", "WirelessPhone": "(312)555-0187"},
        ],
    )
    def test_somebody_elses_chart_is_never_taken_for_the_patients(self, quiet: Both, fields: dict[str, str]) -> None:
        vendor, sandbox = quiet
        other = self.chart(sandbox, **fields)
        sandbox._is_same_patient = lambda row, body: False  # type: ignore[method-assign]
        vendor.book(self.wanted(vendor.slots(self.on())[0]))
        assert sandbox.body("create_appointment")["PatNum"] != other["PatNum"]
        assert sandbox.count("create_patient") == 1

    def test_a_search_that_answers_more_than_was_asked_for_is_not_believed(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        twin = self.chart(sandbox, Birthdate="1986-03-01")
        sandbox.answer("patients_simple", 200, [twin])
        vendor.book(self.wanted(vendor.slots(self.on())[0]))
        assert sandbox.body("create_appointment")["PatNum"] != twin["PatNum"]

    def test_a_name_typed_on_a_phone_finds_the_chart_typed_on_a_keyboard(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        known = self.chart(sandbox, LName="O'Brien-Smith")
        vendor.book(self.wanted(vendor.slots(self.on())[0], last_name="O\u2019Brien\u2011Smith "))
        assert sandbox.body("create_appointment")["PatNum"] == known["PatNum"]

    def test_two_missing_phone_numbers_are_not_the_same_number(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        other = self.chart(sandbox, WirelessPhone="")
        vendor.book(self.wanted(vendor.slots(self.on())[0], phone=""))
        assert sandbox.body("create_appointment")["PatNum"] != other["PatNum"]

    def test_two_of_one_household_get_two_charts(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        first, second = self.two_apart(vendor.slots(self.on()))
        vendor.book(self.wanted(first))
        vendor.book(self.wanted(second, first_name="Liam", birth_date=date(2016, 5, 1)))
        assert [row["FName"] for row in sandbox.diary["patients"]] == ["Renée", "Liam"]
        assert len({row["PatNum"] for row in sandbox.appointments()}) == 2

    def test_between_two_charts_that_fit_nobody_guesses(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        self.chart(sandbox)
        self.chart(sandbox, WirelessPhone="", Email="renee@patient.example")
        slot = vendor.slots(self.on())[0]
        with pytest.raises(UnexpectedResponse):
            vendor.book(self.wanted(slot))
        assert sandbox.appointments() == []
        assert sandbox.count("create_patient") == 0

    @pytest.mark.parametrize("status", ["Inactive", "Archived", "NonPatient", "Prospective", ""])
    def test_of_charts_that_fit_the_only_active_one_is_taken(self, quiet: Both, status: str) -> None:
        vendor, sandbox = quiet
        self.chart(sandbox, PatStatus=status)
        active = self.chart(sandbox)
        self.chart(sandbox, PatStatus=status)
        vendor.book(self.wanted(vendor.slots(self.on())[0]))
        assert sandbox.body("create_appointment")["PatNum"] == active["PatNum"]

    def test_of_charts_that_fit_and_are_not_active_none_is_taken(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        self.chart(sandbox, PatStatus="Inactive")
        self.chart(sandbox, PatStatus="Archived")
        slot = vendor.slots(self.on())[0]
        with pytest.raises(UnexpectedResponse):
            vendor.book(self.wanted(slot))
        assert sandbox.count("create_patient") == sandbox.count("create_appointment") == 0

    @pytest.mark.parametrize(
        ("changes", "fields"),
        [
            ({"birth_date": None}, ("birth_date",)),
            ({"first_name": "  "}, ("first_name",)),
            ({"last_name": "", "birth_date": None}, ("last_name", "birth_date")),
        ],
    )
    def test_what_a_chart_needs_is_asked_for_before_any_call(
        self, quiet: Both, changes: dict[str, Any], fields: tuple[str, ...]
    ) -> None:
        vendor, sandbox = quiet
        slot = vendor.slots(self.on())[0]
        sandbox.calls.clear()
        with pytest.raises(InvalidPatient) as raised:
            vendor.book(self.wanted(slot, **changes))
        assert raised.value.fields == fields
        assert sandbox.calls == []

    def test_a_chart_that_was_made_meanwhile_is_refused_as_a_double_and_then_found(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        slot = vendor.slots(self.on())[0]
        sandbox.right_before["create_patient"] = lambda: self.chart(sandbox)
        vendor.book(self.wanted(slot))
        assert len(sandbox.diary["patients"]) == 1
        assert sandbox.body("create_appointment")["IsNewPatient"] == "false"

    def test_trouble_on_the_way_to_a_new_chart_is_not_the_patients_fault(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        slot = vendor.slots(self.on())[0]
        sandbox.answer("create_patient", 400, "The eConnector is running twice.")
        sandbox.calls.clear()
        vendor.book(self.wanted(slot))
        assert sandbox.calls[:4] == ["patients_simple", "create_patient", "patients_simple", "create_patient"]
        assert len(sandbox.diary["patients"]) == len(sandbox.appointments()) == 1
        assert sandbox.body("create_appointment")["IsNewPatient"] == "true"

    def test_a_chart_that_is_refused_twice_is_refused_for_the_details(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        slot = vendor.slots(self.on())[0]
        sandbox.answer("create_patient", 400, "Birthdate is invalid.", times=2)
        with pytest.raises(InvalidPatient) as raised:
            vendor.book(self.wanted(slot))
        assert set(raised.value.fields) == {"first_name", "last_name", "birth_date", "email", "phone"}
        assert sandbox.count("create_patient") == 2
        assert sandbox.count("create_appointment") == 0

    def test_a_refusal_beside_a_chart_with_another_phone_is_for_the_staff(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        self.chart(sandbox, WirelessPhone="(312)555-0100", Email="old@patient.example")
        slot = vendor.slots(self.on())[0]
        sandbox.answer("create_patient", 400, "Patient already exists.")
        with pytest.raises(UnexpectedResponse):
            vendor.book(self.wanted(slot))
        assert sandbox.count("create_patient") == 1
        assert sandbox.appointments() == []

    def test_a_chart_made_by_the_first_attempt_is_found_after_the_second_was_refused(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        slot = vendor.slots(self.on())[0]
        sandbox.answer("create_patient", 400, "Network timeout.", done=True)
        sandbox.right_before["create_patient"] = lambda: sandbox.answer("patients_simple", 200, [])  # it appears late
        vendor.book(self.wanted(slot))
        assert sandbox.count("create_patient") == 2
        assert len(sandbox.diary["patients"]) == 1

    def test_a_chart_whose_answer_was_lost_is_found_and_not_made_twice(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        sandbox.lose_answer_after("create_patient")
        vendor.book(self.wanted(vendor.slots(self.on())[0]))
        assert len(sandbox.diary["patients"]) == 1
        assert sandbox.body("create_appointment")["IsNewPatient"] == "true"

    @pytest.mark.parametrize("status", [500, 504, 201])
    def test_a_chart_with_an_unclear_answer_is_found(self, quiet: Both, status: int) -> None:
        vendor, sandbox = quiet
        sandbox.answer("create_patient", status, b"<html>", done=True)
        vendor.book(self.wanted(vendor.slots(self.on())[0]))
        assert len(sandbox.diary["patients"]) == 1

    @pytest.mark.parametrize("refused_before", [False, True])
    def test_a_chart_that_may_still_appear_books_nothing_and_is_found_by_the_next_attempt(
        self, quiet: Both, refused_before: bool
    ) -> None:
        vendor, sandbox = quiet
        request = self.wanted(vendor.slots(self.on())[0])
        if refused_before:
            sandbox.answer("create_patient", 400, "Network timeout.")
        sandbox.answer("create_patient", 504)
        with pytest.raises(VendorUnavailable):
            vendor.book(request)
        assert sandbox.count("create_appointment") == 0
        assert vendor.find(request) == []
        self.chart(sandbox)  # late, and then the patient tries again
        vendor.book(request)
        assert len(sandbox.diary["patients"]) == len(sandbox.appointments()) == 1

    def test_a_chart_that_cannot_be_looked_for_after_an_unclear_answer_books_nothing_yet(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        request = self.wanted(vendor.slots(self.on())[0])
        sandbox.right_before["create_patient"] = lambda: sandbox.answer("patients_simple", 503, times=2)
        sandbox.lose_answer_after("create_patient")
        with pytest.raises(VendorUnavailable):
            vendor.book(request)
        assert sandbox.count("create_appointment") == 0
        vendor.book(request)
        assert len(sandbox.diary["patients"]) == len(sandbox.appointments()) == 1

    def test_charts_that_cannot_be_read_book_nothing(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        request = self.wanted(vendor.slots(self.on())[0])
        sandbox.answer("patients_simple", 400, "The eConnector is not running.", times=2)
        with pytest.raises(VendorUnavailable):
            vendor.book(request)
        assert sandbox.count("create_patient") == sandbox.count("create_appointment") == 0

    # --- Two on one time ------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("accepts", [True, False])
    @pytest.mark.parametrize("rival", [{"ProvNum": 2}, {"Op": 2}, {"ProvNum": 2, "ProvHyg": 1, "Op": 2}])
    def test_a_time_that_somebody_took_first_is_theirs(self, quiet: Both, accepts: bool, rival: dict[str, Any]) -> None:
        vendor, sandbox = quiet
        slot = next(slot for slot in vendor.slots(self.on()) if f"{slot.start:%H:%M}" == "08:50")
        first = self.stands(sandbox, **rival)
        sandbox.accepts_overlaps = accepts
        with pytest.raises(SlotTaken):
            vendor.book(self.wanted(slot))
        assert [row["AptNum"] for row in sandbox.appointments()] == [first["AptNum"]]
        after = sandbox.calls[sandbox.calls.index("create_appointment") + 1 :]
        assert after == ["list_appointments", *(["break_appointment"] if accepts else [])]

    def test_a_time_that_somebody_takes_second_stays_ours(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        sandbox.accepts_overlaps = True
        slot = next(slot for slot in vendor.slots(self.on()) if f"{slot.start:%H:%M}" == "09:00")
        sandbox.right_before["answer"] = lambda: self.stands(sandbox)
        appointment = vendor.book(self.wanted(slot))
        assert appointment.id in {str(row["AptNum"]) for row in sandbox.appointments()}
        assert len(sandbox.appointments()) == 2
        assert sandbox.count("break_appointment") == 0

    def test_an_appointment_beside_ours_is_nobodys_loss(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        sandbox.accepts_overlaps = True
        self.stands(sandbox, AptDateTime=f"{MONDAY} 08:30:00")
        self.stands(sandbox, AptDateTime=f"{MONDAY} 08:00:00", ProvNum=2, Op=2)
        self.stands(sandbox, AptDateTime=f"{MONDAY} 08:00:00", AptStatus="Broken")
        assert vendor.book(self.wanted(vendor.slots(self.on())[0]))

    def test_a_second_one_that_could_not_be_withdrawn_is_unclear_until_a_look_withdraws_it(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        sandbox.accepts_overlaps = True
        request = self.wanted(next(s for s in vendor.slots(self.on()) if f"{s.start:%H:%M}" == "09:00"))
        first = self.stands(sandbox)
        sandbox.answer("break_appointment", 503)
        with pytest.raises(OutcomeUnknown):
            vendor.book(request)
        assert len(sandbox.appointments()) == 2
        assert vendor.find(request) == []
        assert [row["AptNum"] for row in sandbox.appointments()] == [first["AptNum"]]

    # --- What a refusal means -------------------------------------------------------------------------------------

    @pytest.mark.parametrize("status", [400, 404, 409])
    def test_a_refusal_of_what_was_booked_all_the_same_is_a_booking(self, quiet: Both, status: int) -> None:
        vendor, sandbox = quiet
        sandbox.answer("create_appointment", status, "Timeout between the servers.", done=True)
        appointment = vendor.book(self.wanted(vendor.slots(self.on())[0]))
        assert [str(row["AptNum"]) for row in sandbox.appointments()] == [appointment.id]

    @pytest.mark.parametrize("status", [400, 404])
    def test_a_refusal_of_a_free_time_is_our_fault_and_not_the_patients(self, quiet: Both, status: int) -> None:
        vendor, sandbox = quiet
        sandbox.answer("create_appointment", status, "Op is invalid for Renée.")
        with pytest.raises(UnexpectedResponse) as raised:
            vendor.book(self.wanted(vendor.slots(self.on())[0]))
        assert "Renée" not in repr(raised.value) + repr(raised.value.__cause__)
        assert sandbox.appointments() == []

    @pytest.mark.parametrize("at_another_chair", [False, True])
    @pytest.mark.parametrize("gone", ["chair", "hours", "blocked"])
    def test_a_chair_or_hours_that_disappeared_since_the_choice_are_a_time_that_is_gone(
        self, quiet: Both, gone: str, at_another_chair: bool
    ) -> None:
        _, sandbox = quiet
        store = MemoryStore()
        sandbox.diary["hours"][PATEL] = {"0": [["08:00", "10:00", "1,2" if at_another_chair else "1"]]}
        request = self.wanted(self.again(sandbox, store).slots(self.on())[0])
        if gone == "chair":
            sandbox.diary["operatories"][0]["IsHidden"] = "true"
        elif gone == "hours":
            sandbox.diary["hours"][PATEL] = {"0": [["08:00", "10:00", "2"]]}
        else:
            sandbox.diary["blockouts"] = [["0", "08:00", "10:00", FOR_EMERGENCIES, "1"]]
        sandbox.answer("create_appointment", 400, "Something is invalid.")
        with pytest.raises(SlotTaken):
            self.again(sandbox, store).book(request)
        assert sandbox.appointments() == []

    @pytest.mark.parametrize("kind", ["types", "providers", "clinics"])
    def test_what_else_disappeared_within_the_hour_is_for_the_staff(self, quiet: Both, kind: str) -> None:
        vendor, sandbox = quiet
        request = self.wanted(vendor.slots(self.on())[0])
        sandbox.diary[kind][0]["IsHidden"] = "true"
        sandbox.answer("create_appointment", 400, "Something is invalid.")
        with pytest.raises(UnexpectedResponse):
            vendor.book(request)
        assert sandbox.appointments() == []

    def test_why_a_booking_was_refused_costs_three_calls_at_most(self, quiet: Both) -> None:
        _, sandbox = quiet
        store = MemoryStore()
        request = self.wanted(self.again(sandbox, store).slots(self.on())[0])
        sandbox.answer("create_appointment", 400, "Something is invalid.")
        sandbox.calls.clear()
        with pytest.raises(UnexpectedResponse):
            self.again(sandbox, store).book(request)
        assert sandbox.calls == [
            *("patients_simple", "create_patient", "create_appointment", "list_appointments"),
            *("schedules", "operatories", "list_appointments"),
        ]

    def test_a_refused_time_whose_chair_is_not_the_preferred_one_any_more_is_not_called_taken(
        self, quiet: Both
    ) -> None:
        vendor, sandbox = quiet
        sandbox.diary["hours"][PATEL] = {"0": [["08:00", "08:30", "1,2"]]}
        other = self.stands(sandbox, AptDateTime=f"{MONDAY} 08:00:00", ProvNum=2)
        request = self.wanted(vendor.slots(self.on())[0])
        sandbox.cancel_by_staff(str(other["AptNum"]))
        sandbox.answer("create_appointment", 400, "Something is invalid.")
        with pytest.raises(UnexpectedResponse):
            vendor.book(request)

    def test_a_refusal_that_cannot_be_looked_into_is_unclear(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        request = self.wanted(vendor.slots(self.on())[0])
        sandbox.answer("create_appointment", 400, "Network timeout.", done=True)
        sandbox.answer("list_appointments", 400, "Network timeout.", times=2)
        with pytest.raises(OutcomeUnknown):
            vendor.book(request)
        sandbox.well_again()
        assert len(vendor.find(request)) == 1

    def test_a_booking_whose_diary_cannot_be_read_is_unclear_and_then_found(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        request = self.wanted(vendor.slots(self.on())[0])
        sandbox.answer("list_appointments", 503, times=2)
        with pytest.raises(OutcomeUnknown):
            vendor.book(request)
        assert len(vendor.find(request)) == 1

    def test_an_accepted_booking_that_is_not_in_the_diary_is_unclear(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        request = self.wanted(vendor.slots(self.on())[0])
        sandbox.answer("create_appointment", 201, {"AptNum": 4711})
        with pytest.raises(OutcomeUnknown):
            vendor.book(request)

    def test_a_booking_with_an_unreadable_answer_is_read_back(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        sandbox.html("create_appointment", done=True)
        appointment = vendor.book(self.wanted(vendor.slots(self.on())[0]))
        assert [str(row["AptNum"]) for row in sandbox.appointments()] == [appointment.id]

    @pytest.mark.parametrize(
        ("status", "pause", "error"),
        [(401, "1", AuthenticationFailed), (429, "28", VendorUnavailable), (429, "600", VendorUnavailable)],
    )
    def test_a_booking_that_was_not_let_in_did_not_happen(
        self, quiet: Both, status: int, pause: str, error: type[Exception]
    ) -> None:
        vendor, sandbox = quiet
        request = self.wanted(vendor.slots(self.on())[0])
        sandbox.answer("create_appointment", status, headers=(("Retry-After", pause),))
        with pytest.raises(error):
            vendor.book(request)
        assert sandbox.count("create_appointment") == 1
        assert vendor.find(request) == []

    def test_a_booking_that_comes_too_early_is_sent_again_after_the_pause(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        request = self.wanted(vendor.slots(self.on())[0])
        sandbox.answer("create_appointment", 429, "Too many requests.", headers=(("Retry-After", "1"),))
        sandbox.calls.clear()
        began = time.monotonic()
        appointment = vendor.book(request)
        assert time.monotonic() - began >= 1
        assert [str(row["AptNum"]) for row in sandbox.appointments()] == [appointment.id]
        assert sandbox.calls[2:] == ["create_appointment", "list_appointments"] * 2

    def test_the_pause_is_waited_for_once_also_where_calls_keep_their_distance(self, june: Both) -> None:
        _, sandbox = june
        self.chart(sandbox)
        store = MemoryStore()
        request = self.wanted(self.again(sandbox, store).slots(self.on())[0])
        sandbox.answer("create_appointment", 429, "Too many requests.", headers=(("Retry-After", "2"),))
        sandbox.throttle = True
        context = Context("patient-office", self.zone, "US", store, allow_private_hosts=True, budget=9)
        paced = OpenDental(
            self.connection(sandbox.address, seconds_between_calls=1), context, clock=lambda: FRIDAY_BEFORE
        )
        began = time.monotonic()
        paced.book(request)
        assert 4.9 <= time.monotonic() - began < 6.9  # a second after the search, two of pause, two between the others
        assert len(sandbox.appointments()) == 1

    def test_a_booking_that_comes_too_early_twice_did_not_happen(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        request = self.wanted(vendor.slots(self.on())[0])
        sandbox.answer("create_appointment", 429, headers=(("Retry-After", "0"),), times=2)
        with pytest.raises(VendorUnavailable):
            vendor.book(request)
        assert sandbox.count("create_appointment") == 2
        assert vendor.find(request) == []

    def test_a_booking_that_stands_in_spite_of_its_429_is_not_sent_again(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        request = self.wanted(vendor.slots(self.on())[0])
        sandbox.answer("create_appointment", 429, headers=(("Retry-After", "0"),), done=True)
        appointment = vendor.book(request)
        assert [str(row["AptNum"]) for row in sandbox.appointments()] == [appointment.id]
        assert sandbox.count("create_appointment") == 1

    def test_a_time_that_was_taken_during_the_pause_is_not_sent_again(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        request = self.wanted(vendor.slots(self.on())[0])
        sandbox.answer("create_appointment", 429, headers=(("Retry-After", "0"),))
        sandbox.right_before["list_appointments"] = lambda: sandbox.take_at_desk(request.slot.id)
        with pytest.raises(SlotTaken):
            vendor.book(request)
        assert sandbox.count("create_appointment") == 1

    @pytest.mark.parametrize(
        "slot_id",
        [
            "",
            "1",
            "2026-06-15 08:00:00,1,1,1",
            "2026-06-15T08:00:00,1,1,1,/XX/",
            "2026-06-15 08:00:00,1,1,1,/YY/",
            "2026-06-15 08:00:00,1,0,1,/XX/",
            "2026-06-15 08:00:00,-1,1,1,/XX/",
            "2026-06-15 08:00:00,1,1,1,/XX/\n",
            "2026-02-30 08:00:00,1,1,1,/XX/",
            "2026-06-15 08:00:00,1,1,1," + "X" * 109,
            "2026-06-15 08:00:00,\u0661,1,1,/XX/",
        ],
    )
    def test_a_slot_of_another_making_is_gone_and_nobody_is_asked(self, quiet: Both, slot_id: str) -> None:
        vendor, sandbox = quiet
        slot = replace(vendor.slots(self.on())[0], id=slot_id)
        sandbox.calls.clear()
        with pytest.raises(SlotTaken):
            vendor.book(self.wanted(slot))
        assert sandbox.calls == []

    def test_a_service_of_another_making_is_gone(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        with pytest.raises(SlotTaken):
            vendor.book(self.wanted(vendor.slots(self.on())[0], service="check-up"))
        assert sandbox.count("patients_simple") == 0

    # --- Finding --------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        ("note", "found"),
        [
            ("Booked online, reference ABC-2345", True),
            ("abc; Booked online, reference ABC-2345 Called: needs a ramp", True),
            ("reference ABC-23456", False),
            ("reference XABC-2345", False),
            ("", False),
        ],
    )
    def test_our_booking_is_known_by_its_whole_reference_in_the_note(self, quiet: Both, note: str, found: bool) -> None:
        vendor, sandbox = quiet
        slot = vendor.slots(self.on())[0]
        self.stands(sandbox, AptDateTime=f"{MONDAY} 08:00:00", Note=note)
        assert bool(vendor.find(self.wanted(slot))) == found

    @pytest.mark.parametrize(
        "changes",
        [
            {"AptDateTime": f"{MONDAY} 08:10:00"},
            {"Op": 2},
            {"ProvNum": 2},
            {"AptStatus": "Broken"},
            {"AptStatus": "Complete"},
            {"AptStatus": "UnschedList", "Op": 0, "AptDateTime": "0001-01-01 00:00:00"},
        ],
    )
    def test_what_is_elsewhere_or_no_longer_stands_is_not_found(self, quiet: Both, changes: dict[str, Any]) -> None:
        vendor, sandbox = quiet
        slot = vendor.slots(self.on())[0]
        ours = {"AptDateTime": f"{MONDAY} 08:00:00", "Note": "Booked online, reference ABC-2345"}
        self.stands(sandbox, **ours | changes)
        assert vendor.find(self.wanted(slot)) == []

    def test_a_row_that_two_pages_show_is_one_booking(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        request = self.wanted(vendor.slots(self.on())[0])
        appointment = vendor.book(request)
        sandbox.answer("list_appointments", 200, sandbox.appointments() * 2)
        assert vendor.find(request) == [appointment]

    def test_a_list_that_never_ends_is_said_to_be_so(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        sandbox.answer("list_appointments", 200, [self.stands(sandbox)] * 100, times=300)
        with pytest.raises(UnexpectedResponse):
            vendor.slots(self.on())

    def test_a_booking_is_found_though_the_charts_were_merged(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        request = self.wanted(vendor.slots(self.on())[0])
        appointment = vendor.book(request)
        sandbox.diary["patients"][0].update(LName="O'Malley")
        sandbox.diary["appointments"][0].update(PatNum=7)
        assert vendor.find(request) == [appointment]

    # --- How it stands, and whether anything changed ---------------------------------------------------------------

    @pytest.mark.parametrize("status", ["Broken", "UnschedList", "Planned", "PtNote", "PtNoteCompleted"])
    def test_what_the_staff_took_off_the_appointment_book_does_not_stand(self, booked: Any, status: str) -> None:
        vendor, sandbox, request, number = booked
        sandbox.diary["appointments"][0]["AptStatus"] = status
        assert vendor.standing(number, request) is None

    def test_a_visit_that_is_over_still_stands(self, booked: Any) -> None:
        vendor, sandbox, request, number = booked
        sandbox.diary["appointments"][0]["AptStatus"] = "Complete"
        assert vendor.standing(number, request).start == request.slot.start

    @pytest.mark.parametrize("odd", [{"AptStatus": "Elsewhere"}, {"AptDateTime": "0001-01-01 00:00:00"}])
    def test_what_nobody_understands_is_not_taken_for_gone(self, booked: Any, odd: dict[str, str]) -> None:
        vendor, sandbox, request, number = booked
        sandbox.diary["appointments"][0].update(odd)
        with pytest.raises(UnexpectedResponse):
            vendor.standing(number, request)

    def test_an_appointment_moved_to_an_hour_that_the_clocks_skip_is_not_taken_for_gone(self, booked: Any) -> None:
        vendor, sandbox, request, number = booked
        sandbox.diary["appointments"][0]["AptDateTime"] = "2027-03-14 02:30:00"
        with pytest.raises(UnexpectedResponse):
            vendor.standing(number, request)

    @pytest.mark.parametrize("lists", [200, 404, 401])
    def test_an_unknown_number_alone_does_not_say_that_it_is_gone(self, booked: Any, lists: int) -> None:
        vendor, sandbox, request, number = booked
        sandbox.answer("appointment", 404, "No such page.")
        if lists != 200:
            sandbox.answer("list_appointments", lists)
        with pytest.raises((UnexpectedResponse, AuthenticationFailed)):
            vendor.standing(number, request)

    def test_how_an_appointment_stands_costs_one_call_unless_it_is_gone(self, booked: Any) -> None:
        vendor, sandbox, request, number = booked
        sandbox.calls.clear()
        vendor.standing(number, request)
        assert sandbox.calls == ["appointment"]
        sandbox.delete_by_staff(number)
        assert vendor.standing(number, request) is None
        assert sandbox.calls == ["appointment", "appointment", "list_appointments"]

    @pytest.mark.parametrize("minutes", [-50, -6, 6, 50, 300])
    def test_an_office_whose_clock_is_wrong_tells_changes_all_the_same(self, quiet: Both, minutes: int) -> None:
        vendor, sandbox = quiet
        sandbox.clock_is_ahead_by = timedelta(minutes=minutes)
        sandbox.clock = lambda: FRIDAY_BEFORE - timedelta(minutes=10)
        self.stands(sandbox)
        sandbox.clock = lambda: FRIDAY_BEFORE
        assert not vendor.changed(FRIDAY_BEFORE - timedelta(minutes=5))
        assert vendor.changed(FRIDAY_BEFORE - timedelta(minutes=10))

    def test_changes_are_asked_for_by_the_offices_clock_and_a_little_early(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        vendor.changed(datetime(2026, 6, 12, 14, 30, 15, 999, tzinfo=UTC))
        assert [sent.query for sent in sandbox.sent("list_appointments")] == [{"DateTStamp": "2026-06-12 08:30:15"}]

    @pytest.mark.parametrize(
        ("changed", "asked", "since", "answer"),
        [
            # On the 14th of March the clocks go from 2:00 (8:00 by UTC) to 3:00.
            ("2027-03-14T07:50", "2027-03-14T08:10", "2027-03-14T07:45", True),
            ("2027-03-14T07:50", "2027-03-14T08:10", "2027-03-14T07:55", False),
            # On the 1st of November they go from 2:00 (7:00 by UTC) back to 1:00.
            ("2026-11-01T06:50", "2026-11-01T07:10", "2026-11-01T06:45", True),
            ("2026-11-01T07:05", "2026-11-01T08:10", "2026-11-01T07:00", True),
            ("2026-11-01T05:50", "2026-11-01T08:10", "2026-11-01T08:05", False),
        ],
    )
    def test_in_the_night_when_the_clocks_change_no_change_is_missed(
        self, changed: str, asked: str, since: str, answer: bool
    ) -> None:
        when, now, before = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (changed, asked, since))
        with self.at(now) as (vendor, sandbox):
            sandbox.clock = lambda: when
            self.stands(sandbox)
            sandbox.clock = lambda: now
            assert vendor.changed(before) is answer

    def test_a_full_page_of_changes_is_a_change(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        sandbox.clock = lambda: FRIDAY_BEFORE - timedelta(minutes=10)
        for _ in range(99):
            self.stands(sandbox)
        sandbox.clock = lambda: FRIDAY_BEFORE
        assert not vendor.changed(FRIDAY_BEFORE)
        sandbox.clock = lambda: FRIDAY_BEFORE - timedelta(minutes=10)
        self.stands(sandbox)
        sandbox.clock = lambda: FRIDAY_BEFORE
        assert vendor.changed(FRIDAY_BEFORE)

    def test_changes_without_the_offices_clock_do_not_say_that_nothing_changed(self, quiet: Both) -> None:
        vendor, sandbox = quiet
        sandbox.answer("list_appointments", 200, [self.stands(sandbox)])
        with pytest.raises(UnexpectedResponse):
            vendor.changed(FRIDAY_BEFORE)

    # --- Cancelling -----------------------------------------------------------------------------------------------

    @pytest.fixture
    def booked(self, quiet: Both) -> tuple[OpenDental, RecordingSandbox, BookingRequest, str]:
        vendor, sandbox = quiet
        request = self.wanted(vendor.slots(self.on())[0])
        return vendor, sandbox, request, vendor.book(request).id

    def test_cancelling_breaks_the_appointment_onto_the_staffs_list(self, booked: Any) -> None:
        vendor, sandbox, request, number = booked
        vendor.cancel(number, request)
        assert sandbox.body("break_appointment") == {"sendToUnscheduledList": "true"}
        assert sandbox.diary["appointments"][0]["AptStatus"] == "UnschedList"
        assert sandbox.count("appointment") == 0

    def test_a_cancellation_whose_answer_was_lost_is_looked_up(self, booked: Any) -> None:
        vendor, sandbox, request, number = booked
        sandbox.lose_answer_after("break_appointment")
        vendor.cancel(number, request)
        assert sandbox.appointments() == []

    def test_a_cancellation_that_may_still_happen_is_unclear(self, booked: Any) -> None:
        vendor, sandbox, request, number = booked
        sandbox.lose_answer_before("break_appointment")
        with pytest.raises(OutcomeUnknown):
            vendor.cancel(number, request)

    def test_a_cancellation_that_cannot_be_looked_up_is_unclear(self, booked: Any) -> None:
        vendor, sandbox, request, number = booked
        sandbox.answer("break_appointment", 400, "Network timeout.", done=True)
        sandbox.answer("appointment", 503, times=2)
        with pytest.raises(OutcomeUnknown):
            vendor.cancel(number, request)

    @pytest.mark.parametrize("status", ["Broken", "UnschedList", "Planned"])
    def test_what_the_staff_took_out_already_is_cancelled(self, booked: Any, status: str) -> None:
        vendor, sandbox, request, number = booked
        sandbox.diary["appointments"][0]["AptStatus"] = status
        vendor.cancel(number, request)

    def test_an_appointment_that_does_not_exist_any_more_is_cancelled(self, booked: Any) -> None:
        vendor, sandbox, request, number = booked
        sandbox.diary["appointments"].clear()
        vendor.cancel(number, request)

    def test_a_visit_that_took_place_cannot_be_cancelled(self, booked: Any) -> None:
        vendor, sandbox, request, number = booked
        sandbox.diary["appointments"][0]["AptStatus"] = "Complete"
        with pytest.raises(UnexpectedResponse):
            vendor.cancel(number, request)

    # --- Moving ---------------------------------------------------------------------------------------------------

    def later(self, vendor: OpenDental, request: BookingRequest, **search: Any) -> BookingRequest:
        """The request for the last time on offer."""
        return replace(request, slot=vendor.slots(self.on(**search))[-1])

    def test_moving_changes_when_where_and_with_whom_and_nothing_else(self, booked: Any) -> None:
        vendor, sandbox, request, number = booked
        sandbox.diary["hours"][JOHANSSON] = {"0": [["13:00", "13:30", "4"]]}
        there = self.later(self.again(sandbox, MemoryStore()), request, clinic_id=EVANSTON, provider_id=JOHANSSON)
        sandbox.diary["appointments"][0]["Note"] += " Needs a ramp."
        moved = vendor.move(number, there)
        assert (moved.id, moved.start, moved.end) == (number, there.slot.start, there.slot.end)
        assert sandbox.body("update_appointment") == {
            "AptDateTime": "2026-06-15 13:00:00",
            "Op": 4,
            "ProvNum": 4,
            "ClinicNum": 2,
        }
        (row,) = sandbox.appointments()
        assert row["Note"].endswith("Needs a ramp.")
        assert vendor.find(there) == [moved]
        assert vendor.find(request) == []

    def test_a_length_that_the_staff_changed_is_kept_and_must_fit(self, booked: Any) -> None:
        vendor, sandbox, request, number = booked
        there = replace(request, slot=next(s for s in vendor.slots(self.on()) if f"{s.start:%H:%M}" == "08:30"))
        sandbox.diary["appointments"][0]["Pattern"] = "X" * 12
        self.stands(sandbox)
        with pytest.raises(SlotTaken):
            vendor.move(number, there)
        assert sandbox.count("update_appointment") == 0

    def test_a_target_that_was_taken_leaves_the_old_time_standing(self, booked: Any) -> None:
        vendor, sandbox, request, number = booked
        there = self.later(vendor, request)
        sandbox.take_at_desk(there.slot.id)
        with pytest.raises(SlotTaken):
            vendor.move(number, there)
        assert len(vendor.find(request)) == 1
        assert sandbox.count("update_appointment") == 0

    @pytest.mark.parametrize("accepts", [True, False])
    def test_a_target_that_is_taken_at_the_last_moment_leaves_the_old_time_standing(
        self, booked: Any, accepts: bool
    ) -> None:
        vendor, sandbox, request, number = booked
        there = self.later(vendor, request)
        sandbox.accepts_overlaps = accepts
        sandbox.right_before["update_appointment"] = lambda: sandbox.take_at_desk(there.slot.id)
        with pytest.raises(SlotTaken):
            vendor.move(number, there)
        assert [found.id for found in vendor.find(request)] == [number]

    def test_a_move_to_another_clinic_that_came_second_goes_all_the_way_back(self, booked: Any) -> None:
        vendor, sandbox, request, number = booked
        before = dict(sandbox.appointments()[0])
        sandbox.diary["hours"][JOHANSSON] = {"0": [["13:00", "13:30", "4"]]}
        there = self.later(self.again(sandbox, MemoryStore()), request, clinic_id=EVANSTON, provider_id=JOHANSSON)
        sandbox.accepts_overlaps = True
        sandbox.right_before["update_appointment"] = lambda: sandbox.take_at_desk(there.slot.id)
        with pytest.raises(SlotTaken):
            vendor.move(number, there)
        assert sandbox.appointments()[0] == before

    def test_a_move_that_could_not_be_undone_is_unclear(self, booked: Any) -> None:
        vendor, sandbox, request, number = booked
        there = self.later(vendor, request)
        sandbox.accepts_overlaps = True

        def take_and_break() -> None:
            sandbox.take_at_desk(there.slot.id)
            sandbox.answer("update_appointment", 503)

        sandbox.right_before["update_appointment"] = take_and_break
        with pytest.raises(OutcomeUnknown):
            vendor.move(number, there)

    def test_a_move_whose_answer_was_lost_is_looked_up(self, booked: Any) -> None:
        vendor, sandbox, request, number = booked
        there = self.later(vendor, request)
        sandbox.lose_answer_after("update_appointment")
        assert vendor.move(number, there).start == there.slot.start

    def test_a_move_that_was_refused_and_happened_all_the_same_is_a_move(self, booked: Any) -> None:
        vendor, sandbox, request, number = booked
        there = self.later(vendor, request)
        sandbox.answer("update_appointment", 400, "Network timeout.", done=True)
        assert vendor.move(number, there).start == there.slot.start

    @pytest.mark.parametrize(
        ("status", "error"), [(400, UnexpectedResponse), (504, OutcomeUnknown), (200, OutcomeUnknown)]
    )
    def test_a_move_that_is_not_seen_is_what_its_answer_makes_of_it(
        self, booked: Any, status: int, error: type[Exception]
    ) -> None:
        vendor, sandbox, request, number = booked
        sandbox.answer("update_appointment", status)
        with pytest.raises(error):
            vendor.move(number, self.later(vendor, request))

    def test_a_move_that_cannot_be_looked_up_is_unclear(self, booked: Any) -> None:
        vendor, sandbox, request, number = booked
        there = self.later(vendor, request)
        sandbox.right_before["update_appointment"] = lambda: sandbox.answer("list_appointments", 503, times=2)
        with pytest.raises(OutcomeUnknown):
            vendor.move(number, there)

    @pytest.mark.parametrize(
        "fields",
        [
            {"AptStatus": "Broken"},
            {"AptStatus": "UnschedList"},
            {"AptStatus": "Complete"},
            {"AptDateTime": "0001-01-01 00:00:00"},
            None,
        ],
    )
    def test_what_is_not_scheduled_any_more_is_not_moved(self, booked: Any, fields: dict[str, str] | None) -> None:
        vendor, sandbox, request, number = booked
        there = self.later(vendor, request)
        if fields:
            sandbox.diary["appointments"][0].update(fields)
        else:
            sandbox.diary["appointments"].clear()
        with pytest.raises(UnexpectedResponse):
            vendor.move(number, there)
        assert sandbox.count("update_appointment") == 0

    # --- The sandbox ----------------------------------------------------------------------------------------------

    def test_the_demo_practice_is_one_that_can_be_booked(self, june: Both) -> None:
        vendor, sandbox = june
        table = sandbox.practice(sandbox.address)
        services = {service.id for service in vendor.services("en")}
        assert {row["id"] for row in table["service"]} == services
        for row in table["service"]:
            clinics, providers = row.get("clinics", [LINCOLN_PARK, EVANSTON]), row["providers"]
            week = vendor.slots(
                self.on(service=row["id"], last=MONDAY + timedelta(days=6), clinic_id=None, provider_id=None)
            )
            assert [s for s in week if s.clinic_id in clinics and s.provider_id in providers], row["id"]

    def test_weeks_of_times_are_answered_quickly(self, vendor: OpenDental, sandbox: RecordingSandbox) -> None:
        today = self.today(sandbox)
        search = Search(CHECK_UP, today, today + timedelta(days=60))
        vendor.slots(search)
        sandbox.calls.clear()
        took = []
        for _ in range(3):
            began = time.monotonic()
            vendor.slots(search)
            took.append(time.monotonic() - began)
        pages = len(sandbox.calls) / 3
        assert pages > 5
        assert min(took) / pages < 0.05
