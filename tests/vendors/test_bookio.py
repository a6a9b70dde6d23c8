"""Bookio Medical: the contract of every vendor, and Bookio's own corners."""

import hashlib
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.vendors.contract import KEY, VendorContract
from vendors.base import (
    AuthenticationFailed,
    BookingRequest,
    Context,
    Field,
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
from vendors.bookio import Bookio, Connection, _external_id
from vendors.sandbox.base import Reply, Request
from vendors.sandbox.bookio import BRATISLAVA, KOSICE, ROOT, TOKEN, BookioSandbox, interval

ZONE = ZoneInfo("Europe/Bratislava")
NOON = datetime(2026, 6, 10, 10, 0, tzinfo=UTC)
"""A Wednesday; twelve o'clock in Bratislava."""
MONDAY = date(2026, 6, 15)
CHECK_UP, ACUTE, BLOOD, FLU, STRESS, ORTHOPAEDICS = "9011", "9012", "9031", "9032", "9033", "9041"
KOVACOVA, HORNAK, LABORATORY, SIMKO = "501", "502", "503", "504"
OURS = 2**62
"""Above what a JavaScript number holds."""


def failure(code: object, *texts: str, key: str = "errorCode") -> dict[str, Any]:
    return {"result": {"success": False, key: code, "errors": list(texts), "data": None}}


def success(**data: Any) -> dict[str, Any]:
    return {"result": {"success": True, "errors": [], "data": data}}


class Hurried:
    """A queue that lets everybody through, and remembers how far apart they had to be."""

    def __init__(self) -> None:
        self.apart: list[float] = []

    def wait(self, seconds: float, deadline: float) -> bool:
        self.apart.append(seconds)
        return True

    def pause(self, seconds: float) -> None:
        """Nobody waits here."""


@dataclass
class Watch:
    moment: datetime

    def __call__(self) -> datetime:
        return self.moment


class RecordingSandbox(BookioSandbox):
    """Keeps what was sent, for tests about exactly that."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        self.requests: list[tuple[str, Request]] = []
        super().__init__(*args, **settings)

    def check(self, request: Request, operation: str) -> None:
        self.requests.append((operation, request))
        super().check(request, operation)

    def sent(self, operation: str) -> list[Request]:
        return [request for name, request in self.requests if name == operation]

    def calendar(self, number: str) -> dict[str, Any]:
        return next(row for row in self.diary["calendars"] if row["id"] == int(number))

    def service(self, number: str) -> dict[str, Any]:
        return next(s for row in self.diary["calendars"] for s in row["services"] if s["id"] == int(number))

    def clear(self) -> None:
        """Nobody has booked, and nothing is closed."""
        self.diary["reservations"], self.diary["blocked_times"] = [], []

    def open(self, number: str, *intervals: tuple[int | str, str, str]) -> None:
        """The calendar has these intervals and no others, each given with its hours as HH:MM."""
        rows = [interval(n, day, f"{opens}:00", f"{closes}:00") for n, (day, opens, closes) in enumerate(intervals, 1)]
        self.calendar(number)["intervals"] = rows


type June = tuple[Bookio, RecordingSandbox, Watch]


class TestBookio(VendorContract):
    Vendor = Bookio
    Sandbox = RecordingSandbox
    zone = ZONE
    country = "SK"
    patient = Patient(
        first_name="Ľubomíra",
        last_name="Šťastná-O'Hara",
        email="lubomira@patient.example",
        phone="+421948762315",
    )
    times = "reservations"
    booking = "create_reservation"
    lookup = "reservations"
    standing = changes = "reservations"

    def connection(self, base_url: str) -> Connection:
        return Connection(base_url=Url(base_url + ROOT), token=Secret(TOKEN))

    def wrong_credentials(self, base_url: str) -> Connection:
        return Connection(base_url=Url(base_url + ROOT), token=Secret("another-token"))

    def refuse_the_patient(self, sandbox: BookioSandbox) -> None:
        sandbox.answer("create_reservation", 400, failure(10, "phone: not a valid number"))

    def connect(self, connection: Any, **changes: Any) -> Bookio:
        vendor = super().connect(connection, **{"turns": Hurried(), **changes})
        assert isinstance(vendor, Bookio)
        return vendor

    @contextmanager
    def at(self, moment: datetime, **changes: Any) -> Iterator[June]:
        """Both sides at one moment, and at the end no breach of the vendor's contract."""
        watch = Watch(moment)
        sandbox = RecordingSandbox(clock=watch)
        context = Context("test", ZONE, "SK", MemoryStore(), allow_private_hosts=True, budget=30, turns=Hurried())
        with sandbox.serve() as base_url:
            yield Bookio(self.connection(base_url), replace(context, **changes), clock=watch), sandbox, watch
        assert sandbox.breaches == []

    @pytest.fixture
    def june(self) -> Iterator[June]:
        with self.at(NOON) as all_three:
            yield all_three

    @pytest.fixture
    def empty(self) -> Iterator[June]:
        """One Monday of Dr Kováčová, from eight to nine, with nothing booked."""
        with self.at(NOON) as (vendor, sandbox, watch):
            sandbox.clear()
            sandbox.open(KOVACOVA, (1, "08:00", "09:00"))
            yield vendor, sandbox, watch

    def search(self, first: date = MONDAY, last: date | None = None, service: str = CHECK_UP, **changes: Any) -> Search:
        return replace(Search(service, first, last or first, str(BRATISLAVA), KOVACOVA, "sk"), **changes)

    def hours(self, vendor: Bookio, search: Search | None = None) -> list[str]:
        return [f"{slot.start:%H:%M}" for slot in vendor.slots(search or self.search())]

    def wanted(
        self, slot: Slot, key: str = KEY, note: str = "", language: str = "sk", **patient: Any
    ) -> BookingRequest:
        who = replace(self.patient, **patient)
        return BookingRequest(key, "ABC-234", CHECK_UP, "Prehliadka", slot, who, language, note=note)

    def some_time(self, vendor: Bookio, **changes: Any) -> Slot:
        return vendor.slots(self.search(MONDAY, MONDAY + timedelta(days=13), **changes))[0]

    @staticmethod
    def named(services: list[Service], name: str) -> Service:
        (service,) = [service for service in services if service.name.casefold() == name.casefold()]
        return service

    # --- The connection, the language, the queue ------------------------------------------------------------------

    def test_the_address_is_the_public_one_unless_another_is_given(self) -> None:
        assert Connection(token=Secret("t")).base_url == "https://medic.bookio.com/public/api/v1"

    @pytest.mark.parametrize("token", ["", " ", "two words", "line\nbreak", "tökén"])
    def test_a_token_that_no_header_can_carry_is_refused(self, token: str) -> None:
        with pytest.raises(ValueError, match="token"):
            Connection(token=Secret(token))

    @pytest.mark.parametrize("address", ["", "medic.bookio.com", "ftp://medic.bookio.com", "https://x?lang=sk"])
    def test_an_address_that_is_none_is_refused(self, address: str) -> None:
        with pytest.raises(ValueError, match="base_url"):
            Connection(base_url=Url(address), token=Secret("t"))

    def test_every_call_has_the_token_and_the_language_of_the_request(self, june: June) -> None:
        vendor, sandbox, _ = june
        request = self.wanted(self.some_time(vendor, language="sk"))
        appointment = vendor.book(request)
        vendor.find(request)
        vendor.move(appointment.id, replace(request, slot=vendor.slots(self.search(language="sk"))[-1]))
        vendor.cancel(appointment.id, request)
        assert {operation for operation, _ in sandbox.requests} == {
            "facilities", "calendars", "reservations", "blocked_times",
            "create_reservation", "change_term", "change_status",
        }  # fmt: skip
        assert {request.query["lang"] for _, request in sandbox.requests} == {"sk"}
        assert {request.headers["authorization"] for _, request in sandbox.requests} == {f"Bearer {TOKEN}"}

    @pytest.mark.parametrize(
        ("language", "lang"), [("sk-SK", "sk"), ("EN", "en"), ("pt-br", "pt"), ("", "en"), ("1", "en")]
    )
    def test_a_language_is_two_small_letters(self, june: June, language: str, lang: str) -> None:
        vendor, sandbox, _ = june
        vendor.book(self.wanted(self.some_time(vendor, language=language), language=language))
        assert {request.query["lang"] for _, request in sandbox.requests} == {lang}
        assert sandbox.sent("create_reservation")[0].json()["locale"] == lang

    def test_calls_queue_for_five_a_second(self, base_url: str) -> None:
        turns = Hurried()
        self.connect(self.connection(base_url), turns=turns).services("sk")
        assert len(turns.apart) == 2
        assert all(0.2 <= seconds <= 0.25 for seconds in turns.apart)

    # --- The envelope ---------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("status", [200, 400])
    @pytest.mark.parametrize("key", ["errorCode", "code"])
    def test_a_refusal_is_told_by_its_code_whatever_the_status(self, june: June, status: int, key: str) -> None:
        vendor, sandbox, _ = june
        slot = self.some_time(vendor)
        sandbox.take_at_desk(slot.id)
        sandbox.failing_status, sandbox.code_key = status, key
        before = len(sandbox.appointments())
        with pytest.raises(SlotTaken):
            vendor.book(self.wanted(slot))
        assert len(sandbox.appointments()) == before

    def test_a_code_in_quotes_is_a_code(self, june: June) -> None:
        vendor, sandbox, _ = june
        slot = self.some_time(vendor)
        sandbox.answer("create_reservation", 400, failure("30"))
        with pytest.raises(SlotTaken):
            vendor.book(self.wanted(slot))

    @pytest.mark.parametrize("status", [200, 400, 401, 403])
    @pytest.mark.parametrize("code", [20, 403])
    def test_missing_rights_are_told_at_once_and_never_tried_again(self, june: June, status: int, code: int) -> None:
        vendor, sandbox, _ = june
        slot = self.some_time(vendor)
        before, calls = len(sandbox.appointments()), len(sandbox.calls)
        for operation in ("create_reservation", "reservations"):
            sandbox.answer(operation, status, failure(code, "Invalid token"))
        with pytest.raises(AuthenticationFailed):
            vendor.book(self.wanted(slot))
        with pytest.raises(AuthenticationFailed):
            vendor.find(self.wanted(slot))
        assert sandbox.calls[calls:] == ["create_reservation", "reservations"]
        assert len(sandbox.appointments()) == before

    @pytest.mark.parametrize("code", [666, 11, 77, None, "?"])
    @pytest.mark.parametrize("status", [200, 400])
    def test_a_code_that_does_not_say_what_happened_leaves_a_booking_unknown(
        self, june: June, code: object, status: int
    ) -> None:
        vendor, sandbox, _ = june
        request = self.wanted(self.some_time(vendor))
        sandbox.answer("create_reservation", status, failure(code), done=True)
        with pytest.raises(OutcomeUnknown):
            vendor.book(request)
        assert len(vendor.find(request)) == 1

    @pytest.mark.parametrize("code", [666, 11, 77, None])
    def test_an_internal_error_when_reading_is_trouble_and_no_empty_list(self, june: June, code: object) -> None:
        vendor, sandbox, _ = june
        sandbox.answer("reservations", 200, failure(code), times=2)
        sandbox.answer("calendars", 400, failure(code))
        with pytest.raises(VendorUnavailable):
            vendor.services("sk")
        with pytest.raises(VendorUnavailable):
            vendor.slots(self.search())

    @pytest.mark.parametrize("code", [10, 30, 40, 404])
    def test_a_refused_reading_is_ours_to_mend_and_no_empty_list(self, june: June, code: int) -> None:
        vendor, sandbox, _ = june
        sandbox.answer("reservations", 400, failure(code))
        with pytest.raises(UnexpectedResponse):
            vendor.slots(self.search())

    def test_a_path_that_the_vendor_does_not_know_books_nothing(self, june: June) -> None:
        vendor, sandbox, _ = june
        slot = self.some_time(vendor)
        sandbox.answer("create_reservation", 404, failure(404, "Not found"))
        with pytest.raises(UnexpectedResponse):
            vendor.book(self.wanted(slot))

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (404, b"<html>Not found"),
            (401, b"<html>Who are you?"),
            (403, b"<html>Forbidden"),
            (403, b""),
            (200, b""),
            (200, b'{"result": {"success": true, "data": {"reserv'),
            (200, {"success": True}),
            (200, {"result": {"success": True, "errors": [], "data": None}}),
            (200, {"result": {"success": True, "errors": [], "data": {}}}),
            (200, {"result": {"success": "yes", "data": {"reservation": {"id": 1}}}}),
        ],
    )
    def test_what_is_no_clear_envelope_leaves_a_booking_unknown(self, june: June, status: int, body: Any) -> None:
        vendor, sandbox, _ = june
        request = self.wanted(self.some_time(vendor))
        sandbox.answer("create_reservation", status, body, done=True)
        with pytest.raises(OutcomeUnknown):
            vendor.book(request)
        assert len(vendor.find(request)) == 1

    @pytest.mark.parametrize(("status", "more"), [(400, {}), (404, {}), (200, {"errorCode": 30})])
    def test_an_envelope_that_contradicts_itself_leaves_a_booking_unknown(
        self, empty: June, status: int, more: dict[str, Any]
    ) -> None:
        vendor, sandbox, _ = empty
        request = self.wanted(vendor.slots(self.search())[0])
        result = {"success": True, "errors": [], "data": {"reservation": self.echo(request)}, **more}
        sandbox.answer("create_reservation", status, {"result": result}, done=True)
        with pytest.raises(OutcomeUnknown):
            vendor.book(request)
        assert len(vendor.find(request)) == 1

    @pytest.mark.parametrize(
        "body",
        [
            b"<html>",
            b"",
            b'{"result": {"succ',
            {"result": {"success": False}},
            {"result": {"success": True, "data": []}},
            {"result": {"success": True, "data": {"facilities": [{"id": 1}]}}},
            {"result": {"success": True, "data": {"facilities": None}}},
            {"result": {"success": True, "data": {"facilities": [{"id": 1, "name": "A", "timeZone": "Europe"}]}}},
            {"result": {"success": True, "data": {"facilities": [{"id": 1, "name": "A", "timeZone": "Mars/A"}]}}},
        ],
    )
    def test_what_is_no_list_of_facilities_is_an_error(self, june: June, body: Any) -> None:
        vendor, sandbox, _ = june
        sandbox.answer("facilities", 200, body)
        with pytest.raises((UnexpectedResponse, VendorUnavailable)):
            vendor.services("sk")

    def test_success_needs_no_list_of_errors(self, june: June) -> None:
        vendor, sandbox, _ = june
        facilities = {"result": {"success": True, "data": {"facilities": sandbox.diary["facilities"]}}}
        sandbox.answer("facilities", 200, facilities)
        assert vendor.services("sk")

    # --- The catalogue --------------------------------------------------------------------------------------------

    def test_services_of_one_name_are_one_choice_known_by_the_lowest_id(self, june: June) -> None:
        vendor, sandbox, _ = june
        sandbox.diary["calendars"].reverse()
        services = vendor.services("sk")
        check_up = self.named(services, "Preventívna prehliadka")
        assert check_up.id == CHECK_UP
        assert {o.clinic.id: {p.id for p in o.providers} for o in check_up.offers or ()} == {
            str(BRATISLAVA): {KOVACOVA, HORNAK},
            str(KOSICE): {"506"},
        }
        assert {o.provider_choice for o in check_up.offers or ()} == {ProviderChoice.OPTIONAL}
        assert len([s for s in services if "prehliadka" in s.name.lower()]) == 1

    def test_a_name_in_other_letters_and_blanks_is_the_same_name(self, june: June) -> None:
        vendor, sandbox, _ = june
        decomposed = "Preventi\u0301vna\u00a0 PREHLIADKA "
        sandbox.service("9061")["name"] = decomposed
        assert len(self.named(vendor.services("sk"), "preventívna prehliadka").offers or ()) == 2

    def test_a_length_is_told_only_where_it_is_the_same_everywhere(self, june: June) -> None:
        vendor, _, _ = june
        services = vendor.services("sk")
        assert self.named(services, "Akútne ťažkosti").minutes == 10
        assert self.named(services, "Preventívna prehliadka").minutes is None

    def test_a_hidden_service_is_not_offered_and_has_no_times(self, june: June) -> None:
        vendor, sandbox, _ = june
        assert "Interná konzultácia" not in {service.name for service in vendor.services("sk")}
        assert vendor.slots(self.search(service="9013")) == []
        sandbox.service("9013")["hidden"] = False
        assert "Interná konzultácia" in {service.name for service in vendor.services("sk")}
        assert vendor.slots(self.search(service="9013"))

    def test_a_hidden_namesake_neither_names_the_service_nor_has_times(self, june: June) -> None:
        vendor, sandbox, _ = june
        sandbox.service(CHECK_UP)["hidden"] = True
        check_up = self.named(vendor.services("sk"), "Preventívna prehliadka")
        assert check_up.id == "9021"
        found = vendor.slots(self.search(MONDAY, MONDAY + timedelta(days=5), "9021", clinic_id=None, provider_id=None))
        assert {slot.provider_id for slot in found} == {HORNAK, "506"}

    def test_a_calendar_is_offered_where_it_is_valid_in_the_days_that_can_be_booked(self, june: June) -> None:
        vendor, sandbox, _ = june
        assert self.named(vendor.services("sk"), "Kožné vyšetrenie")  # in three weeks
        dermatology = sandbox.calendar("505")
        dermatology["validFrom"] = "2027-06-11T15:00:00"  # the last day of the longest horizon
        assert self.named(vendor.services("sk"), "Kožné vyšetrenie")
        dermatology["validFrom"] = "2027-06-12T00:00:00"
        assert "Kožné vyšetrenie" not in {service.name for service in vendor.services("sk")}
        dermatology |= {"validFrom": "2026-06-01T00:00:00", "validTo": "2026-06-10T12:00:01"}
        assert self.named(vendor.services("sk"), "Kožné vyšetrenie")
        ended = [{**dermatology, "validTo": "2026-06-10T12:00:00"}]
        sandbox.answer("calendars", 200, success(calendars=ended))
        assert vendor.services("sk") == []

    def test_a_practice_with_a_long_horizon_offers_a_calendar_that_begins_in_half_a_year(self, june: June) -> None:
        vendor, sandbox, _ = june
        sandbox.calendar("505").update(validFrom="2026-12-07T00:00:00")
        service = self.named(vendor.services("sk"), "Kožné vyšetrenie")
        monday = date(2026, 12, 7)
        assert vendor.slots(self.search(monday, service=service.id, clinic_id=str(KOSICE), provider_id="505"))

    def test_a_calendar_without_an_end_does_not_end(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        calendar = sandbox.calendar(KOVACOVA) | {"validFrom": None, "validTo": None}
        sandbox.answer("calendars", 200, success(calendars=[calendar]), times=1)
        assert self.hours(vendor) == ["08:00", "08:20", "08:40"]

    @pytest.mark.parametrize(
        ("valid", "hours"),
        [
            ({"validTo": "2026-06-15"}, ["08:00", "08:20", "08:40"]),
            ({"validTo": "2026-06-14"}, []),
            ({"validFrom": "2026-06-15"}, ["08:00", "08:20", "08:40"]),
            ({"validFrom": "2026-06-16"}, []),
        ],
    )
    def test_validity_that_is_a_bare_date_counts_whole_days(
        self, empty: June, valid: dict[str, str], hours: list[str]
    ) -> None:
        vendor, sandbox, _ = empty
        sandbox.answer("calendars", 200, success(calendars=[sandbox.calendar(KOVACOVA) | valid]))
        assert self.hours(vendor) == hours

    def test_a_calendar_without_intervals_is_offered_and_has_no_times(self, june: June) -> None:
        vendor, sandbox, _ = june
        exercise = self.named(vendor.services("sk"), "Rehabilitačné cvičenie")
        calls = len(sandbox.calls)
        assert vendor.slots(self.search(service=exercise.id, clinic_id=None, provider_id=None)) == []
        assert len(sandbox.calls) == calls  # where nothing is open, nobody needs to be asked who is there

    def test_a_calendar_is_a_provider_with_the_specialty_as_title(self, june: June) -> None:
        vendor, _, _ = june
        (offer,) = self.named(vendor.services("sk"), "Ortopedické vyšetrenie").offers or ()
        assert [(p.id, p.name, p.title) for p in offer.providers] == [(SIMKO, "MUDr. Ján Šimko", "Ortopédia")]

    def test_a_postal_code_gets_its_zero_back(self, june: June) -> None:
        vendor, sandbox, _ = june
        clinics = {o.clinic.id: o.clinic for s in vendor.services("sk") for o in s.offers or ()}
        assert clinics[str(KOSICE)].address == "Južná trieda 8, 04001 Košice"
        assert clinics[str(BRATISLAVA)].address == "Lipová 12, 82109 Bratislava"
        assert clinics[str(KOSICE)].phone == "+421 55 555 04 56"
        sandbox.diary["facilities"][1]["address"]["postcode"] = "040 01"
        clinics = {o.clinic.id: o.clinic for s in vendor.services("sk") for o in s.offers or ()}
        assert clinics[str(KOSICE)].address == "Južná trieda 8, 040 01 Košice"

    def test_a_facility_may_have_no_address_and_no_contact(self, june: June) -> None:
        vendor, sandbox, _ = june
        for facility in sandbox.diary["facilities"]:
            facility |= {"address": None, "contact": None}
        clinic = (self.named(vendor.services("sk"), "Odber krvi").offers or ())[0].clinic
        assert (clinic.address, clinic.phone) == ("", "")

    def test_a_referral_letter_is_asked_for_where_a_calendar_wants_one(self, june: June) -> None:
        vendor, sandbox, _ = june
        letters = {s.name: {o.referral_letter for o in s.offers or ()} for s in vendor.services("sk")}
        assert letters["Ortopedické vyšetrenie"] == {True}
        assert letters["Kontrola po operácii"] == letters["Akútne ťažkosti"] == {False}
        sandbox.service("9022")["referralLetter"] = True  # of one of the two who treat it
        letters = {s.name: {o.referral_letter for o in s.offers or ()} for s in vendor.services("sk")}
        assert letters["Akútne ťažkosti"] == {True}

    def test_the_catalogue_costs_two_calls_and_is_asked_for_without_a_day(self, june: June) -> None:
        vendor, sandbox, _ = june
        vendor.services("sk")
        assert sorted(sandbox.calls) == ["calendars", "facilities"]
        assert sandbox.sent("calendars")[0].query == {"lang": "sk"}

    def test_a_service_that_cannot_be_shown_or_has_no_length_is_not_offered(self, june: June) -> None:
        vendor, sandbox, _ = june
        sandbox.service(BLOOD)["name"] = "  "
        sandbox.service(FLU)["duration"] = 0
        shown = {service.id for service in vendor.services("sk")}
        assert STRESS in shown
        assert not {BLOOD, FLU} & shown
        assert vendor.slots(self.search(service=FLU, provider_id=None)) == []

    def test_a_calendar_of_a_facility_that_is_not_listed_is_not_offered(self, june: June) -> None:
        vendor, sandbox, _ = june
        sandbox.answer("facilities", 200, success(facilities=sandbox.diary["facilities"][:1]))
        clinics = {o.clinic.id for s in vendor.services("sk") for o in s.offers or ()}
        assert clinics == {str(BRATISLAVA)}

    def test_no_facility_is_an_empty_list(self, june: June) -> None:
        vendor, sandbox, _ = june
        sandbox.answer("facilities", 200, success(facilities=[]))
        assert vendor.services("sk") == []

    @pytest.mark.parametrize(
        "wrong",
        [
            {"services": None},
            {"intervals": [{"id": 1, "dayOfWeek": None, "date": None, "timeFrom": "08:00:00", "timeTo": "09:00:00"}]},
            {"intervals": [{"id": 1, "dayOfWeek": 1, "date": None, "timeFrom": "8 o'clock", "timeTo": "09:00:00"}]},
            {"validFrom": "2026-06-01T00:00:00Z"},
            {"validTo": "2026-06-01T00:00:00+02:00"},
            {"id": True},
            {"id": -501},
        ],
    )
    def test_a_calendar_that_cannot_be_read_is_an_error_and_is_not_kept(
        self, june: June, wrong: dict[str, Any]
    ) -> None:
        vendor, sandbox, _ = june
        sandbox.answer("calendars", 200, success(calendars=[{**sandbox.calendar(KOVACOVA), **wrong}]))
        with pytest.raises(UnexpectedResponse):
            vendor.services("sk")
        assert vendor.slots(self.search())

    def test_numbers_in_quotes_are_the_same_numbers(self, june: June) -> None:
        vendor, sandbox, _ = june
        plain = vendor.services("sk"), vendor.slots(self.search())
        sandbox.ids_in_quotes = True
        assert (vendor.services("sk"), vendor.slots(self.search())) == plain
        request = self.wanted(plain[1][0])
        appointment = vendor.book(request)
        assert [found.id for found in vendor.find(request)] == [appointment.id]
        vendor.cancel(appointment.id, request)
        assert vendor.find(request) == []

    # --- What is remembered between requests ----------------------------------------------------------------------

    def test_times_need_the_diary_only_where_the_catalogue_is_known(
        self, base_url: str, sandbox: RecordingSandbox
    ) -> None:
        store, today = MemoryStore(), self.today(sandbox)
        search = Search(ORTHOPAEDICS, today, today + timedelta(days=13), str(KOSICE), SIMKO, "sk")

        def vendor() -> Bookio:
            return self.connect(self.connection(base_url), store=store)

        vendor().services("sk")
        sandbox.calls.clear()
        assert vendor().slots(search)
        assert sorted(sandbox.calls) == ["blocked_times", "reservations"]
        assert vendor().slots(replace(search, language="en"))
        assert sorted(sandbox.calls[2:]) == ["blocked_times", "calendars", "facilities", "reservations"]
        assert all(isinstance(value, str) for value in store.values.values())

    def test_a_booking_with_a_known_catalogue_costs_three_calls_from_the_last_look_on(
        self, base_url: str, sandbox: RecordingSandbox
    ) -> None:
        store, today = MemoryStore(), self.today(sandbox)

        def vendor() -> Bookio:
            return self.connect(self.connection(base_url), store=store)

        week = Search(ORTHOPAEDICS, today, today + timedelta(days=6), str(KOSICE), SIMKO, "sk")
        slot = vendor().slots(week)[-1]
        assert len(sandbox.calls) == 4
        day = slot.start.date()
        chosen = replace(week, first=day, last=day, clinic_id=slot.clinic_id, provider_id=slot.provider_id)
        for _ in ("when it is chosen", "right before it is booked"):
            sandbox.calls.clear()
            assert slot.id in {other.id for other in vendor().slots(chosen)}
            assert sorted(sandbox.calls) == ["blocked_times", "reservations"]
        vendor().book(self.wanted(slot))
        assert sorted(sandbox.calls) == ["blocked_times", "create_reservation", "reservations"]
        assert sandbox.breaches == []

    def test_the_catalogue_is_kept_for_a_few_minutes(self, base_url: str) -> None:
        kept: dict[str, float] = {}

        class Measuring(MemoryStore):
            def put(self, key: str, value: str, seconds: float) -> None:
                kept[key] = seconds

        self.connect(self.connection(base_url), store=Measuring()).services("sk")
        assert list(kept) == ["catalogue sk"]
        assert 60 <= kept["catalogue sk"] <= 600

    # --- Times: intervals, validity, the clock --------------------------------------------------------------------

    def test_the_window_is_two_calendar_weeks_whatever_the_day(self, vendor: Bookio) -> None:
        windows = {vendor.window(date(2026, 6, 1) + timedelta(days=n)) for n in range(42)}
        assert len(windows) in (3, 4)
        for first, last in windows:
            assert (first.isoweekday(), (last - first).days) == (1, 13)

    def test_times_follow_one_another_by_the_length_of_the_service(self, empty: June) -> None:
        vendor, _, _ = empty
        assert self.hours(vendor) == ["08:00", "08:20", "08:40"]
        assert self.hours(vendor, self.search(service=ACUTE)) == ["08:00", "08:10", "08:20", "08:30", "08:40", "08:50"]

    def test_each_interval_begins_its_own_grid_and_holds_only_what_fits(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        sandbox.open(
            KOVACOVA, (1, "08:05", "08:44"), (1, "10:00", "10:50"), (1, "11:00", "11:19"), (1, "12:00", "12:00")
        )
        assert self.hours(vendor) == ["08:05", "10:00", "10:20"]

    def test_an_interval_may_end_with_the_day(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        sandbox.open(KOVACOVA, (1, "23:20", "24:00"))
        slots = vendor.slots(self.search())
        assert [slot.end.isoformat() for slot in slots] == ["2026-06-15T23:40:00+02:00", "2026-06-16T00:00:00+02:00"]

    def test_monday_is_the_first_day_of_the_week_and_sunday_the_seventh(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        sandbox.open(KOVACOVA, *((day, f"{7 + day:02}:00", f"{7 + day:02}:20") for day in range(1, 8)))
        slots = vendor.slots(self.search(MONDAY, MONDAY + timedelta(days=6)))
        assert [f"{slot.start:%a %H}" for slot in slots] == [
            "Mon 08", "Tue 09", "Wed 10", "Thu 11", "Fri 12", "Sat 13", "Sun 14",
        ]  # fmt: skip

    def test_intervals_with_a_date_replace_the_weekly_ones_of_that_day(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        sandbox.open(
            KOVACOVA,
            (1, "08:00", "09:00"),
            ("2026-06-15", "16:00", "16:40"),  # a Monday
            ("2026-06-20", "10:00", "10:20"),  # a Saturday
            ("2026-06-22", "00:00", "00:00"),  # closed on that Monday
        )
        slots = vendor.slots(self.search(MONDAY, date(2026, 6, 29)))
        assert [f"{slot.start:%d %H:%M}" for slot in slots] == [
            "15 16:00", "15 16:20", "20 10:00", "29 08:00", "29 08:20", "29 08:40",
        ]  # fmt: skip

    def test_intervals_are_cut_to_the_calendars_validity(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        sandbox.calendar(KOVACOVA).update(validFrom="2026-06-15T08:10:00", validTo="2026-06-22T08:45:00")
        slots = vendor.slots(self.search(date(2026, 6, 11), date(2026, 7, 6)))
        assert [f"{slot.start:%d %H:%M}" for slot in slots] == ["15 08:10", "15 08:30", "22 08:00", "22 08:20"]

    def test_days_before_a_calendar_begins_and_after_it_ends_have_no_times(self, june: June) -> None:
        vendor, _, _ = june
        year = replace(self.search(NOON.date(), NOON.date() + timedelta(days=60)), clinic_id=None, provider_id=None)
        skin = [slot.start.date() for slot in vendor.slots(replace(year, service_id="9051"))]
        assert min(skin) >= date(2026, 7, 1)
        internal = [s.start.date() for s in vendor.slots(replace(year, provider_id="506"))]
        assert max(internal) <= date(2026, 6, 20)
        assert skin
        assert internal

    def test_a_time_that_has_passed_is_left_out_by_the_facilitys_clock(self, empty: June) -> None:
        vendor, _, watch = empty
        watch.moment = datetime(2026, 6, 15, 6, 20, tzinfo=UTC)  # 8:20 there
        assert self.hours(vendor) == ["08:40"]
        assert self.hours(vendor, self.search(date(2026, 6, 1), MONDAY)) == ["08:40"]
        watch.moment = datetime(2026, 6, 15, 6, 19, 59, tzinfo=UTC)
        assert self.hours(vendor) == ["08:20", "08:40"]

    def test_today_is_the_facilitys_today(self, empty: June) -> None:
        vendor, sandbox, watch = empty
        sandbox.open(KOVACOVA, (1, "00:00", "01:00"))
        watch.moment = datetime(2026, 6, 14, 22, 10, tzinfo=UTC)  # still Sunday in UTC, Monday 0:10 there
        assert self.hours(vendor, self.search(date(2026, 6, 14), MONDAY)) == ["00:20", "00:40"]

    def test_it_may_still_be_yesterday_at_the_facility(self, empty: June) -> None:
        vendor, sandbox, watch = empty
        sandbox.diary["facilities"][0]["timeZone"] = "America/New_York"
        sandbox.open(KOVACOVA, (1, "21:00", "22:00"))
        watch.moment = datetime(2026, 6, 16, 1, 10, tzinfo=UTC)  # Tuesday in UTC, Monday 21:10 there
        assert self.hours(vendor) == ["21:20", "21:40"]

    def test_a_past_day_needs_no_call_about_the_diary(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        assert vendor.slots(self.search(date(2026, 5, 1), date(2026, 6, 9))) == []
        assert not {"reservations", "blocked_times"} & set(sandbox.calls)

    def test_days_in_the_wrong_order_have_no_times(self, empty: June) -> None:
        vendor, _, _ = empty
        assert vendor.slots(self.search(MONDAY, MONDAY - timedelta(days=1))) == []

    def test_each_facility_has_its_own_time_zone(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        sandbox.diary["facilities"][1]["timeZone"] = "Atlantic/Azores"
        sandbox.open(SIMKO, (1, "08:00", "08:40"))
        (first, _) = vendor.slots(self.search(service=ORTHOPAEDICS, clinic_id=str(KOSICE), provider_id=SIMKO))
        assert first.start.isoformat() == "2026-06-15T08:00:00+00:00"  # the Azores' summer time
        request = self.wanted(first)
        assert vendor.book(request).start == first.start
        assert sandbox.sent("create_reservation")[0].json()["dateFrom"] == "2026-06-15T08:00:00"
        # The wizard keeps instants and shows them in the practice's zone; what is sent stays the facility's clock.
        seen_elsewhere = replace(first, start=first.start.astimezone(ZONE), end=first.end.astimezone(ZONE))
        (found,) = vendor.find(replace(request, slot=seen_elsewhere))
        assert found.start == first.start

    def test_now_is_told_by_the_clock_of_each_facility(self, empty: June) -> None:
        vendor, sandbox, watch = empty
        sandbox.diary["facilities"][1]["timeZone"] = "Atlantic/Azores"
        sandbox.open(SIMKO, (1, "08:00", "08:40"))
        watch.moment = datetime(2026, 6, 15, 6, 30, tzinfo=UTC)  # 8:30 in Bratislava, 6:30 on the Azores
        azores = self.search(service=ORTHOPAEDICS, clinic_id=str(KOSICE), provider_id=SIMKO)
        assert self.hours(vendor, azores) == ["08:00", "08:20"]
        assert self.hours(vendor) == ["08:40"]

    def test_a_facility_without_a_time_zone_is_in_the_practices(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        facilities = [{**sandbox.diary["facilities"][0], "timeZone": None}]
        sandbox.answer("facilities", 200, success(facilities=facilities))
        assert vendor.slots(self.search())[0].start.isoformat() == "2026-06-15T08:00:00+02:00"

    # --- Times: when the clocks change ----------------------------------------------------------------------------

    def test_the_week_in_which_the_clocks_go_forward(self) -> None:
        with self.at(datetime(2027, 3, 20, 10, tzinfo=UTC)) as (vendor, sandbox, _):
            sandbox.clear()
            sandbox.service(CHECK_UP)["duration"] = 30
            sandbox.open(KOVACOVA, (6, "08:00", "08:30"), (7, "00:30", "04:30"), (1, "08:00", "08:30"))
            slots = vendor.slots(self.search(date(2027, 3, 27), date(2027, 3, 29)))
            assert [(slot.start.isoformat(), slot.start.astimezone(UTC).strftime("%H:%M")) for slot in slots] == [
                ("2027-03-27T08:00:00+01:00", "07:00"),
                ("2027-03-28T00:30:00+01:00", "23:30"),
                ("2027-03-28T01:00:00+01:00", "00:00"),
                ("2027-03-28T01:30:00+01:00", "00:30"),
                ("2027-03-28T03:00:00+02:00", "01:00"),
                ("2027-03-28T03:30:00+02:00", "01:30"),
                ("2027-03-28T04:00:00+02:00", "02:00"),
                ("2027-03-29T08:00:00+02:00", "06:00"),
            ]
            assert {slot.end.astimezone(UTC) - slot.start.astimezone(UTC) for slot in slots} == {timedelta(minutes=30)}
            assert slots[3].end.isoformat() == "2027-03-28T03:00:00+02:00"  # there is no 2:00

    def test_the_week_in_which_the_clocks_go_back(self) -> None:
        with self.at(datetime(2026, 10, 20, 10, tzinfo=UTC)) as (vendor, sandbox, _):
            sandbox.clear()
            sandbox.service(CHECK_UP)["duration"] = 30
            sandbox.open(KOVACOVA, (6, "08:00", "08:30"), (7, "00:30", "04:30"), (1, "08:00", "08:30"))
            slots = vendor.slots(self.search(date(2026, 10, 24), date(2026, 10, 26)))
            assert [(slot.start.isoformat(), slot.start.astimezone(UTC).strftime("%H:%M")) for slot in slots] == [
                ("2026-10-24T08:00:00+02:00", "06:00"),
                ("2026-10-25T00:30:00+02:00", "22:30"),
                ("2026-10-25T01:00:00+02:00", "23:00"),
                ("2026-10-25T01:30:00+02:00", "23:30"),
                ("2026-10-25T02:00:00+02:00", "00:00"),
                ("2026-10-25T02:30:00+02:00", "00:30"),
                ("2026-10-25T03:00:00+01:00", "02:00"),
                ("2026-10-25T03:30:00+01:00", "02:30"),
                ("2026-10-25T04:00:00+01:00", "03:00"),
                ("2026-10-26T08:00:00+01:00", "07:00"),
            ]
            request = self.wanted(slots[5])
            assert vendor.book(request).start == slots[5].start
            assert sandbox.sent("create_reservation")[0].json()["dateFrom"] == "2026-10-25T02:30:00"
            assert [found.start for found in vendor.find(request)] == [slots[5].start]

    def test_the_hour_that_comes_twice_is_over_once_it_was_there_first(self) -> None:
        with self.at(datetime(2026, 10, 20, 10, tzinfo=UTC)) as (vendor, sandbox, watch):
            sandbox.clear()
            sandbox.service(CHECK_UP)["duration"] = 30
            sandbox.open(KOVACOVA, (7, "01:30", "03:30"))
            watch.moment = datetime(2026, 10, 25, 1, 15, tzinfo=UTC)  # 2:15, for the second time
            sunday = self.search(date(2026, 10, 25))
            assert self.hours(vendor, sunday) == ["03:00"]
            watch.moment = datetime(2026, 10, 25, 0, 15, tzinfo=UTC)  # 2:15, for the first time
            assert self.hours(vendor, sunday) == ["02:30", "03:00"]

    # --- Times: reservations and capacity -------------------------------------------------------------------------

    def test_every_free_time_is_accepted_and_every_other_one_is_not(self, june: June) -> None:
        """The sandbox decides minute by minute, and knows no grid."""
        vendor, sandbox, _ = june
        for service, start, minutes in (
            (9031, "2026-06-15T07:05:00", 25),
            (9032, "2026-06-15T07:20:00", 40),
            (9033, "2026-06-16T08:55:00", 30),
            (9012, "2026-06-17T08:11:00", 7),
            (9013, "2026-06-18T09:00:00", 90),
        ):
            sandbox.reserve(service, start, minutes)
        sandbox.block(BRATISLAVA, "2026-06-19T09:10:00", "2026-06-19T10:00:00")
        first, days = NOON.date(), 40
        judged = {True: 0, False: 0}
        for calendar in sandbox.diary["calendars"]:
            for service in calendar["services"]:
                if service.get("hidden"):
                    continue
                search = Search(
                    str(service["id"]), first, first + timedelta(days=days - 1), str(calendar["facilityId"]),
                    str(calendar["id"]), "sk",
                )  # fmt: skip
                offered = {slot.start.replace(tzinfo=None) for slot in vendor.slots(search)}
                grid = set(self.grid(calendar, service, first, days))
                assert offered <= grid
                for start in grid:
                    free = sandbox.is_free(service["id"], start)
                    assert (start in offered) == free, (service["name"], start)
                    judged[free] += 1
        assert judged[True] > 1000
        assert judged[False] > 200

    @staticmethod
    def grid(calendar: dict[str, Any], service: dict[str, Any], first: date, days: int) -> Iterator[datetime]:
        for day in (first + timedelta(days=n) for n in range(days)):
            dated = [row for row in calendar["intervals"] if row["date"] == day.isoformat()]
            for row in dated or [row for row in calendar["intervals"] if row["dayOfWeek"] == day.isoweekday()]:
                start = datetime.fromisoformat(f"{day}T{row['timeFrom']}")
                while start < datetime.fromisoformat(f"{day}T{row['timeTo']}"):
                    yield start
                    start += timedelta(minutes=service["duration"])

    def test_a_reservation_takes_what_it_overlaps_and_not_what_it_touches(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        sandbox.reserve(9012, "2026-06-15T08:20:00")  # until 8:30
        assert self.hours(vendor) == ["08:00", "08:40"]
        assert self.hours(vendor, self.search(service=ACUTE)) == ["08:00", "08:10", "08:30", "08:40", "08:50"]

    def test_reservations_of_other_services_of_the_calendar_count_and_hidden_ones_too(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        sandbox.reserve(9013, "2026-06-15T08:00:00")  # half an hour of the internal consultation
        assert self.hours(vendor) == ["08:40"]

    def test_reservations_in_other_calendars_do_not_count(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        sandbox.reserve(9021, "2026-06-15T08:00:00")
        sandbox.reserve(9041, "2026-06-15T08:20:00")
        assert self.hours(vendor) == ["08:00", "08:20", "08:40"]

    @pytest.mark.parametrize(
        ("status", "hours"), [("CANCELLED", ["08:00", "08:20", "08:40"]), ("DID_NOT_COME", ["08:00", "08:40"])]
    )
    def test_cancelled_reservations_do_not_count_and_all_others_do(
        self, empty: June, status: str, hours: list[str]
    ) -> None:
        vendor, sandbox, _ = empty
        sandbox.reserve(9011, "2026-06-15T08:20:00", status=status)
        assert self.hours(vendor) == hours

    def test_a_reservation_that_only_says_its_length_counts(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        row = {**sandbox.reserve(9012, "2026-06-15T08:20:00"), "dateTo": None}
        pagination = {"total": 1, "offset": 0, "limit": 100}
        sandbox.answer("reservations", 200, success(reservations=[row], pagination=pagination))
        assert self.hours(vendor, self.search(service=ACUTE)) == ["08:00", "08:10", "08:30", "08:40", "08:50"]

    def laboratory(self, sandbox: RecordingSandbox) -> Search:
        """One hour in the laboratory, where two blood tests of ten minutes may run side by side."""
        sandbox.open(LABORATORY, (1, "08:00", "09:00"))
        return self.search(service=BLOOD, provider_id=LABORATORY)

    def test_with_two_places_the_second_is_free_and_the_third_is_not(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        search = self.laboratory(sandbox)
        sandbox.reserve(9031, "2026-06-15T08:10:00")
        assert "08:10" in self.hours(vendor, search)
        sandbox.reserve(9032, "2026-06-15T08:10:00")  # another service, the same room
        assert self.hours(vendor, search) == ["08:00", "08:20", "08:30", "08:40", "08:50"]

    def test_capacity_is_counted_at_instants_and_not_in_overlapping_rows(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        search = self.laboratory(sandbox)
        sandbox.service(BLOOD)["duration"] = 30
        for start in ("08:00:00", "08:10:00", "08:20:00"):  # three in the half hour, never two at once
            sandbox.reserve(9032, f"2026-06-15T{start}")
        assert self.hours(vendor, search) == ["08:00", "08:30"]
        sandbox.reserve(9032, "2026-06-15T08:15:00", 5)
        assert self.hours(vendor, search) == ["08:30"]

    def test_a_crowd_in_the_middle_of_a_longer_time_takes_it(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        search = self.laboratory(sandbox)
        sandbox.service(BLOOD)["duration"] = 30
        for _ in range(2):
            sandbox.reserve(9032, "2026-06-15T08:35:00")
        assert self.hours(vendor, search) == ["08:00"]

    def test_the_smallest_capacity_of_those_who_are_there_counts(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        search = self.laboratory(sandbox)
        sandbox.reserve(9033, "2026-06-15T08:00:00")  # a stress test wants the room for itself, for half an hour
        assert self.hours(vendor, search) == ["08:30", "08:40", "08:50"]
        sandbox.clear()
        sandbox.reserve(9031, "2026-06-15T08:10:00")
        assert self.hours(vendor, replace(search, service_id=STRESS)) == ["08:30"]

    def test_a_capacity_is_no_number_of_bookings_a_day(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        sandbox.reserve(9011, "2026-06-15T08:00:00")
        assert self.hours(vendor) == ["08:20", "08:40"]

    def test_a_service_with_no_place_at_all_has_no_times(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        sandbox.service(CHECK_UP)["capacity"] = 0
        assert self.hours(vendor) == []

    def test_the_places_of_a_time_are_those_that_others_left(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        search = self.laboratory(sandbox)
        sandbox.service(BLOOD)["capacity"] = sandbox.service(FLU)["capacity"] = 3
        sandbox.service(BLOOD)["duration"] = 30

        def places() -> list[tuple[str, int]]:
            return [(f"{slot.start:%H:%M}", slot.places) for slot in vendor.slots(search)]

        assert places() == [("08:00", 3), ("08:30", 3)]
        for start in ("08:00:00", "08:10:00", "08:20:00"):  # never two at once
            sandbox.reserve(9032, f"2026-06-15T{start}")
        assert places() == [("08:00", 2), ("08:30", 3)]
        sandbox.reserve(9032, "2026-06-15T08:10:00")
        assert places() == [("08:00", 1), ("08:30", 3)]
        sandbox.reserve(9032, "2026-06-15T08:40:00", status="CANCELLED")
        assert places() == [("08:00", 1), ("08:30", 3)]
        sandbox.service(FLU)["capacity"] = 2  # the fewest of those who are there
        vendor.services("sk")  # reads it anew
        assert places() == [("08:30", 3)]

    def test_who_sees_one_place_left_holds_the_only_one_that_the_vendor_has(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        search = self.laboratory(sandbox)
        sandbox.reserve(9031, "2026-06-15T08:10:00")  # at the desk
        slot = next(slot for slot in vendor.slots(search) if f"{slot.start:%H:%M}" == "08:10")
        assert slot.places == 1
        vendor.book(self.wanted(slot))
        with pytest.raises(SlotTaken):
            vendor.book(self.wanted(slot, key="another0key", email="eva@patient.example"))

    def test_a_time_says_what_it_occupies_and_how_many_places_there_are(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        assert {(s.occupies, s.places) for s in vendor.slots(self.search())} == {((f"calendar/{KOVACOVA}",), 1)}
        blood = vendor.slots(self.laboratory(sandbox))
        assert {(s.occupies, s.places) for s in blood} == {((f"calendar/{LABORATORY}",), 2)}

    def test_a_blocked_time_closes_every_calendar_of_its_facility_and_no_other(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        sandbox.open(HORNAK, (1, "08:00", "09:00"))
        sandbox.open(SIMKO, (1, "08:00", "09:00"))
        sandbox.block(BRATISLAVA, "2026-06-15T08:20:00", "2026-06-15T08:30:00")
        assert self.hours(vendor) == ["08:00", "08:40"]
        assert self.hours(vendor, self.search(provider_id=HORNAK)) == ["08:30"]
        there = self.search(service=ORTHOPAEDICS, clinic_id=str(KOSICE), provider_id=SIMKO)
        assert self.hours(vendor, there) == ["08:00", "08:20", "08:40"]

    def test_a_blocked_time_of_several_weeks_is_seen_from_its_middle(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        sandbox.block(BRATISLAVA, "2026-06-01T00:00:00", "2026-06-29T08:20:00")
        assert vendor.slots(self.search(MONDAY, date(2026, 6, 22))) == []
        assert self.hours(vendor, self.search(date(2026, 6, 29))) == ["08:20", "08:40"]

    def test_what_others_wrote_into_a_blocked_time_or_a_reservation_goes_nowhere(
        self, empty: June, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("DEBUG")
        vendor, sandbox, _ = empty
        row = sandbox.reserve(9012, "2026-06-15T08:20:00", note="HIV test")
        sandbox.block(BRATISLAVA, "2026-06-15T08:40:00", "2026-06-15T09:00:00")
        said = repr(vendor.slots(self.search())) + repr(vendor.services("sk"))
        sandbox.answer(
            "reservations", 200, success(reservations=[{**row, "dateFrom": row["email"]}], pagination={"total": 1})
        )
        with pytest.raises(UnexpectedResponse) as raised:
            vendor.slots(self.search())
        said += repr(raised.value) + repr(raised.value.__cause__) + caplog.text
        for private in ("Vargová", "Súkromné", "HIV", row["email"], row["surname"], row["phone"]):
            assert private not in said
        assert "GET /reservations 200" in caplog.text

    @pytest.mark.parametrize(
        "wrong",
        [
            {"dateFrom": "2026-06-15T08:20:00Z"},
            {"dateTo": "2026-06-15T08:20:00+02:00"},
            {"dateFrom": "2026-06-15T08:20:00.000"},
            {"dateFrom": "2026-06-15 at 8"},
            {"dateFrom": None},
            {"service": "x-ray"},
            {"id": None},
        ],
    )
    def test_a_reservation_that_cannot_be_read_is_not_taken_for_none(self, empty: June, wrong: dict[str, Any]) -> None:
        vendor, sandbox, _ = empty
        row = {**sandbox.reserve(9012, "2026-06-15T08:20:00"), **wrong}
        sandbox.answer(
            "reservations", 200, success(reservations=[row], pagination={"total": 1, "offset": 0, "limit": 100})
        )
        with pytest.raises(UnexpectedResponse):
            vendor.slots(self.search())

    def test_the_days_around_are_read_too(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        vendor.slots(self.search())
        reservations, blocked = sandbox.sent("reservations")[0].query, sandbox.sent("blocked_times")[0].query
        assert (reservations["from"], reservations["to"]) == ("2026-06-14", "2026-06-16")
        assert (blocked["dateFrom"], blocked["dateTo"]) == ("2026-06-14", "2026-06-16")
        assert reservations["facilityId"] == blocked["facilityId"] == str(BRATISLAVA)

    def test_a_reservation_that_began_the_evening_before_is_seen(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        sandbox.open(KOVACOVA, (1, "00:00", "01:00"))
        sandbox.reserve(9011, "2026-06-14T23:50:00")
        assert self.hours(vendor) == ["00:20", "00:40"]

    # --- Pages ----------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize(("others", "pages"), [(0, 1), (98, 1), (99, 1), (100, 2), (199, 2), (200, 3)])
    def test_all_pages_are_read_and_a_full_one_is_no_reason_for_another(
        self, empty: June, others: int, pages: int
    ) -> None:
        vendor, sandbox, _ = empty
        for _ in range(others):
            sandbox.reserve(9021, "2026-06-15T08:00:00")
        sandbox.reserve(9011, "2026-06-15T08:20:00")  # the last row of all
        assert self.hours(vendor) == ["08:00", "08:40"]
        assert [int(r.query["offset"]) for r in sandbox.sent("reservations")] == [100 * n for n in range(pages)]
        assert {r.query["limit"] for r in sandbox.sent("reservations")} == {"100"}

    def test_all_pages_of_blocked_times_are_read(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        for _ in range(100):
            sandbox.block(BRATISLAVA, "2026-06-15T12:00:00", "2026-06-15T12:10:00")
        sandbox.block(BRATISLAVA, "2026-06-15T08:20:00", "2026-06-15T08:30:00")
        assert self.hours(vendor) == ["08:00", "08:40"]

    def test_a_row_that_comes_twice_because_somebody_booked_counts_once(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        search = self.laboratory(sandbox)
        for _ in range(99):
            sandbox.reserve(9021, "2026-06-15T12:00:00")
        sandbox.reserve(9031, "2026-06-15T08:10:00")  # the hundredth
        sandbox.reserve(9021, "2026-06-15T12:00:00")

        def somebody_books() -> None:
            sandbox.between_pages = None
            row = sandbox.reserve(9021, "2026-06-15T12:00:00")
            sandbox.diary["reservations"].remove(row)
            sandbox.diary["reservations"].insert(0, row)

        sandbox.between_pages = somebody_books
        assert "08:10" in self.hours(vendor, search)
        assert sandbox.between_pages is None

    def test_a_row_that_slipped_by_because_another_went_is_found_by_reading_again(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        for _ in range(100):
            sandbox.reserve(9021, "2026-06-15T12:00:00")
        sandbox.reserve(9011, "2026-06-15T08:20:00")  # the hundred and first

        def one_goes() -> None:
            sandbox.between_pages = None
            del sandbox.diary["reservations"][0]

        sandbox.between_pages = one_goes
        assert self.hours(vendor) == ["08:00", "08:40"]

    def test_a_list_that_never_stands_still_is_not_read_for_ever(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        for _ in range(150):
            sandbox.reserve(9021, "2026-06-15T12:00:00")
        sandbox.between_pages = lambda: sandbox.diary["reservations"].append(
            sandbox.reserve(9021, "2026-06-15T12:00:00")
        )
        assert self.hours(vendor) == ["08:00", "08:20", "08:40"]
        assert sandbox.count("reservations") <= 6

    def test_a_page_that_leaves_out_what_we_may_not_see_is_no_reason_to_ask_for_its_end_again(
        self, empty: June
    ) -> None:
        vendor, sandbox, _ = empty
        sandbox.counts_hidden = True
        for _ in range(60):
            sandbox.reserve(9021, "2026-06-15T12:00:00")
        for _ in range(40):
            sandbox.reserve(9021, "2026-06-15T12:00:00", secret=True)
        sandbox.reserve(9011, "2026-06-15T08:20:00")
        assert self.hours(vendor) == ["08:00", "08:40"]
        assert [int(r.query["offset"]) for r in sandbox.sent("reservations")] == [0, 100]

    def test_an_empty_page_before_the_end_hides_nothing_that_comes_after_it(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        sandbox.counts_hidden = True
        sandbox.reserve(9011, "2026-06-15T08:00:00")
        for _ in range(200):
            sandbox.reserve(9021, "2026-06-15T12:00:00", secret=True)
        sandbox.reserve(9011, "2026-06-15T08:20:00")
        assert self.hours(vendor) == ["08:40"]
        assert [int(r.query["offset"]) for r in sandbox.sent("reservations")] == [0, 100, 200]

    def test_pages_that_are_shorter_than_we_asked_for_are_all_read(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        sandbox.most_rows = 30
        for _ in range(70):
            sandbox.reserve(9021, "2026-06-15T12:00:00")
        sandbox.reserve(9011, "2026-06-15T08:20:00")
        assert self.hours(vendor) == ["08:00", "08:40"]
        assert [int(r.query["offset"]) for r in sandbox.sent("reservations")] == [0, 30, 60]

    @pytest.mark.parametrize("limit", [1000, None, 0])
    def test_a_limit_that_cannot_be_skips_no_rows(self, empty: June, limit: int | None) -> None:
        vendor, sandbox, _ = empty
        first = [sandbox.reserve(9021, "2026-06-15T12:00:00") for _ in range(100)]
        sandbox.reserve(9011, "2026-06-15T08:20:00")
        pagination = {"total": 101, "offset": 0, "limit": limit}
        sandbox.answer("reservations", 200, success(reservations=first, pagination=pagination))
        assert self.hours(vendor) == ["08:00", "08:40"]

    def test_a_list_whose_end_moves_away_is_given_up(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        row = sandbox.reserve(9021, "2026-06-15T12:00:00")
        endless = success(reservations=[row], pagination={"total": 10**9, "offset": 0, "limit": 100})
        sandbox.answer("reservations", 200, endless, times=1000)
        with pytest.raises(UnexpectedResponse):
            vendor.slots(self.search())
        assert sandbox.count("reservations") == 200

    @pytest.mark.parametrize("pagination", [{"total": 3}, {"total": None}, {}, None, {"total": -1}])
    def test_a_list_that_does_not_say_where_it_ends_is_an_error(self, empty: June, pagination: Any) -> None:
        vendor, sandbox, _ = empty
        sandbox.answer("reservations", 200, success(reservations=[], pagination=pagination))
        with pytest.raises(UnexpectedResponse):
            vendor.slots(self.search())

    def test_an_empty_diary_leaves_every_time_free(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        assert len(self.hours(vendor)) == 3
        assert sandbox.count("reservations") == 1

    # --- Times: any clinic, any provider --------------------------------------------------------------------------

    def test_any_provider_is_the_union_and_each_time_says_whose_it_is(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        sandbox.open(HORNAK, (1, "08:00", "09:00"))
        found = vendor.slots(self.search(provider_id=None))
        assert [(f"{s.start:%H:%M}", s.provider_id) for s in found] == [
            ("08:00", KOVACOVA), ("08:00", HORNAK), ("08:20", KOVACOVA), ("08:30", HORNAK), ("08:40", KOVACOVA),
        ]  # fmt: skip
        theirs = next(slot for slot in found if slot.provider_id == HORNAK)
        vendor.book(self.wanted(theirs))
        assert sandbox.appointments()[0]["service"] == 9021

    def test_any_clinic_reads_each_facility_that_has_something_to_offer(self, june: June) -> None:
        vendor, sandbox, _ = june
        found = vendor.slots(self.search(MONDAY, MONDAY + timedelta(days=4), clinic_id=None, provider_id=None))
        assert {(s.clinic_id, s.provider_id) for s in found} == {
            (str(BRATISLAVA), KOVACOVA), (str(BRATISLAVA), HORNAK), (str(KOSICE), "506"),
        }  # fmt: skip
        assert {r.query["facilityId"] for r in sandbox.sent("blocked_times")} == {str(BRATISLAVA), str(KOSICE)}

    def test_only_the_facilities_concerned_are_read(self, june: June) -> None:
        vendor, sandbox, _ = june
        vendor.slots(self.search(service=BLOOD, clinic_id=None, provider_id=None))
        assert {r.query["facilityId"] for r in sandbox.sent("reservations")} == {str(BRATISLAVA)}

    @pytest.mark.parametrize(
        "unknown",
        [{"service": "1"}, {"service": "check-up"}, {"service": ""}, {"clinic_id": "9"}, {"provider_id": "anna"}],
    )
    def test_what_nobody_knows_has_no_times(self, june: June, unknown: dict[str, str]) -> None:
        vendor, _, _ = june
        assert vendor.slots(self.search(**unknown)) == []

    def test_any_id_of_a_group_finds_the_groups_times(self, empty: June) -> None:
        vendor, _, _ = empty
        assert self.hours(vendor, self.search(service="9021")) == ["08:00", "08:20", "08:40"]

    def test_a_facility_that_went_since_the_catalogue_was_read_has_no_times(self, june: June) -> None:
        vendor, sandbox, _ = june
        vendor.services("sk")
        sandbox.diary["facilities"] = [row for row in sandbox.diary["facilities"] if row["id"] != KOSICE]
        everywhere = self.search(MONDAY, MONDAY + timedelta(days=4), clinic_id=None, provider_id=None)
        assert {slot.clinic_id for slot in vendor.slots(everywhere)} == {str(BRATISLAVA)}
        assert vendor.slots(replace(everywhere, clinic_id=str(KOSICE))) == []
        assert sandbox.count("facilities") == 2

    def test_a_facility_that_is_listed_and_not_found_is_an_error_and_not_asked_for_again_and_again(
        self, june: June
    ) -> None:
        vendor, sandbox, _ = june
        sandbox.answer("reservations", 400, failure(12, "Facility not found"), times=9)
        with pytest.raises(UnexpectedResponse):
            vendor.slots(self.search())
        assert sandbox.count("reservations") == 2

    # --- Slots ----------------------------------------------------------------------------------------------------

    def test_a_slot_says_all_that_is_needed_to_book_it(self, empty: June) -> None:
        vendor, _, _ = empty
        slot = vendor.slots(self.search())[0]
        assert slot.id == "101~9011~501~2026-06-15T08:00:00~2026-06-15T08:20:00~Europe/Bratislava"

    @pytest.mark.parametrize(
        "slot_id",
        [
            "",
            "12345",
            "101~9011~501~2026-06-15T08:00:00Z~2026-06-15T08:20:00Z~Europe/Bratislava",
            "101~9011~501~2026-06-15T08:00~2026-06-15T08:20~Europe/Bratislava",
            "101~9011~501~2026-13-15T08:00:00~2026-06-15T08:20:00~Europe/Bratislava",
            "101~9011~501~2026-06-15T08:00:00~2026-06-15T08:20:00~Mars/Olympus",
            "101~9011~501~2026-06-15T08:00:00~2026-06-15T08:20:00~Europe",
            "101~9011~501~2026-06-15T08:00:00~2026-06-15T08:20:00~../../etc/passwd",
            "101~x~501~2026-06-15T08:00:00~2026-06-15T08:20:00~Europe/Bratislava",
            "0~9011~501~2026-06-15T08:00:00~2026-06-15T08:20:00~Europe/Bratislava",
            "101~9011~501~2026-06-15T08:00:00~2026-06-15T08:20:00~Europe/Bratislava~1",
            "101~9011~501~2026-06-15T08:00:00~2026-06-15T08:20:00~Europe/Bratislava\n",
        ],
    )
    def test_a_time_of_another_making_is_not_sent(self, empty: June, slot_id: str) -> None:
        vendor, sandbox, _ = empty
        request = self.wanted(replace(vendor.slots(self.search())[0], id=slot_id))
        sandbox.calls.clear()
        with pytest.raises(SlotTaken):
            vendor.book(request)
        with pytest.raises(SlotTaken):
            vendor.move("40001", request)
        with pytest.raises(OutcomeUnknown):
            vendor.find(request)
        assert sandbox.calls == []

    # --- What is sent ---------------------------------------------------------------------------------------------

    def test_a_booking_sends_what_is_documented_and_nothing_else(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        vendor.book(self.wanted(vendor.slots(self.search())[0], note=" Mám alergiu.\nĎakujem "))
        body = sandbox.sent("create_reservation")[0].json()
        number = body.pop("externalId")
        assert body == {
            "name": "Ľubomíra",
            "surname": "Šťastná-O'Hara",
            "email": "lubomira@patient.example",
            "phone": "+421948762315",
            "dateFrom": "2026-06-15T08:00:00",
            "locale": "sk",
            "serviceId": 9011,
            "facilityId": 101,
            "note": "Online booking ABC-234\nMám alergiu.\nĎakujem",
        }
        assert type(number) is int
        assert 0 < number < 2**53

    def test_the_desk_can_find_every_booking_by_the_reference_that_the_patient_quotes(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        vendor.book(self.wanted(vendor.slots(self.search())[0], note=" \n"))
        assert sandbox.sent("create_reservation")[0].json()["note"] == "Online booking ABC-234"

    def test_a_booking_has_one_number_of_its_own_however_often_it_is_sent(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        slot = vendor.slots(self.search())[0]
        sandbox.take_at_desk(slot.id, secretly=True)
        for key in ("first0key", "second0key", "first0key"):
            with pytest.raises(SlotTaken):
                vendor.book(self.wanted(slot, key=key))
        first, second, again = (request.json()["externalId"] for request in sandbox.sent("create_reservation"))
        assert first == again != second

    def test_the_numbers_of_bookings_use_all_bits_that_javascript_keeps(self) -> None:
        numbers = {_external_id(f"key{n}") for n in range(2000)}
        assert len(numbers) == 2000
        assert all(0 < number < 2**53 for number in numbers)
        for bit in range(53):
            assert 800 < sum(number >> bit & 1 for number in numbers) < 1200

    def test_a_far_side_in_javascript_keeps_the_number_of_a_booking(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        sandbox.rounds_numbers = True
        request = self.wanted(vendor.slots(self.search())[0])
        appointment = vendor.book(request)
        assert [found.id for found in vendor.find(request)] == [appointment.id]

    @staticmethod
    def old_number(key: str) -> int:
        """Of 63 bits, as it was sent before."""
        return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) >> 1

    def test_a_booking_that_was_sent_with_a_number_of_63_bits_is_found_and_not_booked_again(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        request = self.wanted(vendor.slots(self.search())[0])
        row = sandbox.reserve(9011, "2026-06-15T08:00:00", externalId=self.old_number(KEY), email=self.patient.email)
        assert row["externalId"] > 2**53
        there = str(row["id"])
        assert [found.id for found in vendor.find(request)] == [there]
        assert vendor.book(request).id == there  # refused as a duplicate
        standing = vendor.standing(there, request)
        assert standing is not None
        assert standing.id == there
        assert len(sandbox.appointments()) == 1

    def test_a_number_of_63_bits_that_was_rounded_is_found(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        request = self.wanted(vendor.slots(self.search())[0])
        old = self.old_number(KEY)
        rounded = int(Decimal(repr(float(old))))  # as JavaScript prints it
        assert rounded != old
        row = sandbox.reserve(9011, "2026-06-15T08:00:00", externalId=rounded, email=self.patient.email)
        assert [found.id for found in vendor.find(request)] == [str(row["id"])]

    def test_an_echo_of_the_old_number_is_the_same_booking(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        request = self.wanted(vendor.slots(self.search())[0])
        echo = {**self.echo(request), "externalId": self.old_number(KEY)}
        sandbox.answer("create_reservation", 200, success(reservation=echo))
        assert vendor.book(request).id == "77"

    @pytest.mark.parametrize(
        ("first_name", "last_name"),
        [
            ("Ľ", "Ň"),
            ("Anna-Mária", "d’Arc O'Neill"),
            ("A" * 100, "Ž" * 100),
            ("Nguyễn Thị", "Đặng"),
            ("  Ján ", "Novák   ml."),
            ("Zoe\u0308", "Mu\u0308ller"),
        ],
    )
    def test_names_arrive_as_they_are_written(self, empty: June, first_name: str, last_name: str) -> None:
        vendor, sandbox, _ = empty
        request = self.wanted(vendor.slots(self.search())[0], first_name=first_name, last_name=last_name)
        vendor.book(request)
        (entry,) = sandbox.appointments()
        shown = [" ".join(unicodedata.normalize("NFC", name).split()) for name in (first_name, last_name)]
        assert [entry["name"], entry["surname"]] == shown
        assert len(vendor.find(request)) == 1

    @pytest.mark.parametrize("phone", ["+421948762315", "+4915112345678", "+12025550123", "+3726123456"])
    def test_a_phone_number_of_any_country_is_sent(self, empty: June, phone: str) -> None:
        vendor, sandbox, _ = empty
        vendor.book(self.wanted(vendor.slots(self.search())[0], phone=phone))
        assert sandbox.appointments()[0]["phone"] == phone

    @pytest.mark.parametrize(
        ("patient", "fields"),
        [
            ({"phone": "0948762315"}, ("phone",)),
            ({"phone": "+421 948 762 315"}, ("phone",)),
            ({"phone": ""}, ("phone",)),
            ({"email": " "}, ("email",)),
            ({"first_name": " "}, ("first_name",)),
            ({"last_name": "", "phone": "+0"}, ("last_name", "phone")),
        ],
    )
    def test_a_detail_that_bookio_would_refuse_is_not_sent(
        self, empty: June, patient: dict[str, str], fields: tuple[str, ...]
    ) -> None:
        vendor, sandbox, _ = empty
        slot = vendor.slots(self.search())[0]
        with pytest.raises(InvalidPatient) as raised:
            vendor.book(self.wanted(slot, **patient))
        assert raised.value.fields == fields
        assert sandbox.count("create_reservation") == 0

    def test_names_email_and_phone_are_required_and_a_note_is_not(self, vendor: Bookio) -> None:
        assert {asked.field for asked in vendor.asks() if asked.required} == {
            Field.FIRST_NAME, Field.LAST_NAME, Field.EMAIL, Field.PHONE,
        }  # fmt: skip
        assert {asked.field for asked in vendor.asks() if not asked.required} == {Field.NOTE}

    # --- What is answered -----------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        "wrong",
        [
            {"externalId": OURS},
            {"service": 9012},
            {"facilityId": KOSICE},
            {"dateFrom": "2026-06-15T08:20:00"},
            {"dateFrom": "2026-06-15T08:00:00Z"},
            {"dateFrom": None},
            {"status": "CANCELLED"},
            {"id": None},
            {"id": "a47b89"},
        ],
    )
    def test_an_echo_of_something_else_is_an_unknown_outcome(self, empty: June, wrong: dict[str, Any]) -> None:
        vendor, sandbox, _ = empty
        request = self.wanted(vendor.slots(self.search())[0])
        echo = {**self.echo(request), **wrong}
        sandbox.answer("create_reservation", 200, success(reservation=echo), done=True)
        with pytest.raises(OutcomeUnknown):
            vendor.book(request)
        assert len(vendor.find(request)) == 1

    @pytest.mark.parametrize("missing", [(), ("externalId",), ("service", "facilityId", "status"), ("dateTo",)])
    def test_an_echo_may_leave_out_what_is_not_documented(self, empty: June, missing: tuple[str, ...]) -> None:
        vendor, sandbox, _ = empty
        request = self.wanted(vendor.slots(self.search())[0])
        echo = {name: value for name, value in self.echo(request).items() if name not in missing}
        sandbox.answer("create_reservation", 200, success(reservation=echo))
        booked = vendor.book(request)
        assert (booked.id, booked.start, booked.end) == ("77", request.slot.start, request.slot.end)

    def echo(self, request: BookingRequest) -> dict[str, Any]:
        return {
            "id": 77,
            "externalId": _external_id(request.key),
            "service": 9011,
            "facilityId": BRATISLAVA,
            "status": "CONFIRMED",
            "duration": 20,
            "dateFrom": "2026-06-15T08:00:00",
            "dateTo": "2026-06-15T08:20:00",
        }

    def test_a_booking_that_turned_out_longer_says_so(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        request = self.wanted(vendor.slots(self.search())[0])
        sandbox.service(CHECK_UP)["duration"] = 40
        booked = vendor.book(request)
        assert (booked.start, booked.end) == (request.slot.start, request.slot.start + timedelta(minutes=40))

    # --- Refusals -------------------------------------------------------------------------------------------------

    def test_a_time_that_looked_free_and_was_refused_is_not_offered_for_some_minutes(self, empty: June) -> None:
        vendor, sandbox, watch = empty
        slot = vendor.slots(self.search())[1]
        sandbox.take_at_desk(slot.id, secretly=True)  # in a reservation that our token does not see
        assert "08:20" in self.hours(vendor)
        with pytest.raises(SlotTaken):
            vendor.book(self.wanted(slot))
        assert self.hours(vendor) == ["08:00", "08:40"]
        assert "08:20" in self.hours(vendor, self.search(service=ACUTE))
        watch.moment += timedelta(minutes=4)
        other = vendor.slots(self.search())[0]
        sandbox.take_at_desk(other.id, secretly=True)
        with pytest.raises(SlotTaken):
            vendor.book(self.wanted(other))
        assert self.hours(vendor) == ["08:40"]
        watch.moment += timedelta(minutes=2)
        assert self.hours(vendor) == ["08:20", "08:40"]

    @pytest.mark.parametrize(
        ("text", "fields"),
        [
            ("email: must be a well-formed address", ("email",)),
            ("E-mail nie je platný", ("email",)),
            ("Telefónne číslo nie je platné", ("phone",)),
            ("Phone number is invalid", ("phone",)),
            ("surname: too long", ("last_name",)),
            ("customer.name: must not be blank", ("first_name",)),
        ],
    )
    def test_bad_input_that_names_a_detail_leads_to_its_field(
        self, empty: June, text: str, fields: tuple[str, ...]
    ) -> None:
        vendor, sandbox, _ = empty
        request = self.wanted(vendor.slots(self.search())[0])
        sandbox.answer("create_reservation", 400, failure(10, "Validation failed", text))
        with pytest.raises(InvalidPatient) as raised:
            vendor.book(request)
        assert raised.value.fields == fields

    @pytest.mark.parametrize("texts", [["locale: unknown"], [], ["?"], None, {"locale": "unknown"}])
    def test_any_other_bad_input_is_ours_to_mend_and_books_nothing(self, empty: June, texts: Any) -> None:
        vendor, sandbox, _ = empty
        request = self.wanted(vendor.slots(self.search())[0])
        refusal = failure(10)
        refusal["result"]["errors"] = texts
        sandbox.answer("create_reservation", 400, refusal)
        with pytest.raises(UnexpectedResponse):
            vendor.book(request)
        assert sandbox.count("create_reservation") == 1

    def test_a_time_that_passed_while_the_patient_typed_is_a_taken_time(self, empty: June) -> None:
        vendor, sandbox, watch = empty
        request = self.wanted(vendor.slots(self.search())[0])
        watch.moment = datetime(2026, 6, 15, 6, 0, 1, tzinfo=UTC)
        with pytest.raises(SlotTaken):
            vendor.book(request)
        sandbox.answer("create_reservation", 400, failure(10, "email and dateFrom are invalid"))
        with pytest.raises(SlotTaken):  # another time is needed in any case
            vendor.book(request)
        assert sandbox.appointments() == []

    @pytest.mark.parametrize("moves", [False, True])
    def test_a_time_that_has_passed_by_the_vendors_clock_is_a_taken_time(self, empty: June, moves: bool) -> None:
        vendor, sandbox, watch = empty
        first, second, *_ = vendor.slots(self.search())
        appointment = vendor.book(self.wanted(second))
        watch.moment = first.start - timedelta(minutes=3)
        sandbox.clock = lambda: watch.moment + timedelta(minutes=4)
        request = self.wanted(first, key="another0key", email="eva@patient.example")
        with pytest.raises(SlotTaken):
            vendor.move(appointment.id, self.wanted(first)) if moves else vendor.book(request)
        assert len(sandbox.appointments()) == 1
        assert self.hours(vendor) == ["08:40"]  # it is not offered again until it has passed here too

    def test_bad_input_for_a_time_that_is_near_still_leads_to_the_detail_it_names(self, empty: June) -> None:
        vendor, sandbox, watch = empty
        request = self.wanted(vendor.slots(self.search())[0])
        watch.moment = request.slot.start - timedelta(minutes=3)
        sandbox.answer("create_reservation", 400, failure(10, "email is not valid"))
        with pytest.raises(InvalidPatient):
            vendor.book(request)

    def test_bad_input_for_a_time_that_is_not_near_is_ours_to_mend(self, empty: June) -> None:
        vendor, sandbox, watch = empty
        request = self.wanted(vendor.slots(self.search())[0])
        watch.moment = request.slot.start - timedelta(minutes=11)
        sandbox.clock = lambda: watch.moment + timedelta(minutes=12)
        with pytest.raises(UnexpectedResponse):
            vendor.book(request)

    def test_a_refusal_does_not_repeat_what_was_said_about_the_patient(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        request = self.wanted(vendor.slots(self.search())[0])
        sandbox.answer("create_reservation", 400, failure(10, "email lubomira@patient.example is blocked"))
        with pytest.raises(InvalidPatient) as raised:
            vendor.book(request)
        assert "lubomira" not in repr(raised.value) + repr(raised.value.__cause__) + str(raised.value.__cause__)

    @pytest.mark.parametrize("gone", ["service", "calendar", "facility", "hidden"])
    def test_what_left_the_catalogue_while_the_patient_typed_is_a_taken_time(self, empty: June, gone: str) -> None:
        vendor, sandbox, _ = empty
        request = self.wanted(vendor.slots(self.search())[0])
        calendar = sandbox.calendar(KOVACOVA)
        if gone == "service":
            calendar["services"] = calendar["services"][1:]
        elif gone == "hidden":
            calendar["services"][0]["hidden"] = True
        elif gone == "calendar":
            sandbox.diary["calendars"].remove(calendar)
        else:
            sandbox.diary["facilities"] = sandbox.diary["facilities"][1:]
            sandbox.diary["calendars"].remove(calendar)
        with pytest.raises(SlotTaken):
            vendor.book(request)
        assert sandbox.appointments() == []
        # The catalogue is read anew, without waiting for it to grow old.
        assert vendor.slots(self.search()) == []
        assert sandbox.count("calendars") == 2

    # --- Duplicates -----------------------------------------------------------------------------------------------

    def test_a_duplicate_that_is_our_own_booking_is_success(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        request = self.wanted(vendor.slots(self.search())[0])
        sandbox.lose_answer_after("create_reservation")
        with pytest.raises(OutcomeUnknown):
            vendor.book(request)
        appointment = vendor.book(request)
        assert (appointment.start, appointment.end) == (request.slot.start, request.slot.end)
        assert [entry["id"] for entry in sandbox.appointments()] == [int(appointment.id)]

    def test_a_duplicate_of_somebody_with_the_same_mailbox_is_a_taken_time(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        search = self.laboratory(sandbox)
        slot = vendor.slots(search)[0]
        vendor.book(self.wanted(slot))
        child = self.wanted(slot, key="of0the0child", first_name="Eva", email="LUBOMIRA@patient.example")
        with pytest.raises(SlotTaken):
            vendor.book(child)
        assert len(sandbox.appointments()) == 1
        assert slot.id in {other.id for other in vendor.slots(search)}  # for others it is still free

    def test_a_duplicate_that_cannot_be_looked_up_is_an_unknown_outcome(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        request = self.wanted(vendor.slots(self.search())[0])
        vendor.book(request)
        for trouble in (500, 403):
            sandbox.answer("reservations", trouble, times=2 if trouble == 500 else 1)
            with pytest.raises(OutcomeUnknown):
                vendor.book(request)

    # --- Looking for a booking ------------------------------------------------------------------------------------

    def test_a_look_asks_for_the_mailbox_the_facility_and_the_day(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        slot = vendor.slots(self.search())[0]
        vendor.find(self.wanted(slot, email="anna+lekár@patient.example"))
        query = sandbox.sent("reservations")[1].query
        assert query["email"] == "anna+lekár@patient.example"
        assert query["facilityId"] == str(BRATISLAVA)
        assert query["from"] <= "2026-06-15" <= query["to"]

    def test_a_look_finds_only_what_carries_our_number(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        slot = vendor.slots(self.search())[0]
        request = self.wanted(slot)
        for number in (None, OURS, 1):
            sandbox.reserve(9011, "2026-06-15T08:00:00", email=self.patient.email, externalId=number)
        assert vendor.find(request) == []

    def test_a_look_that_finds_the_booking_by_its_mailbox_costs_one_call(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        request = self.wanted(vendor.slots(self.search())[0])
        vendor.book(request)
        before = sandbox.count("reservations")
        assert len(vendor.find(request)) == 1
        assert sandbox.count("reservations") == before + 1
        sandbox.appointments()[0]["status"] = "CANCELLED"
        assert vendor.find(request) == []
        assert sandbox.count("reservations") == before + 2

    def test_a_booking_that_its_mailbox_does_not_find_is_looked_for_among_all_of_the_day(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        request = self.wanted(vendor.slots(self.search())[0])
        for _ in range(100):
            sandbox.reserve(9021, "2026-06-15T12:00:00")
        appointment = vendor.book(request)
        sandbox.appointments()[-1]["email"] = "corrected@patient.example"
        sandbox.requests.clear()
        assert [found.id for found in vendor.find(request)] == [appointment.id]
        asked = [sent.query for sent in sandbox.sent("reservations")]
        assert [query.get("email") for query in asked] == [self.patient.email, None, None]
        assert {query["facilityId"] for query in asked} == {str(BRATISLAVA)}
        assert {(query["from"], query["to"]) for query in asked} == {("2026-06-14", "2026-06-16")}

    def test_a_second_look_that_fails_does_not_say_that_the_booking_is_not_there(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        request = self.wanted(vendor.slots(self.search())[0])
        nobody = success(reservations=[], pagination={"total": 0, "offset": 0, "limit": 100})
        sandbox.answer("reservations", 200, nobody)
        sandbox.answer("reservations", 500, times=2)
        with pytest.raises(VendorUnavailable):
            vendor.find(request)

    def test_a_look_reads_all_pages(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        request = self.wanted(vendor.slots(self.search())[0])
        for _ in range(100):
            sandbox.reserve(9021, "2026-06-15T12:00:00", email=self.patient.email)
        appointment = vendor.book(request)
        assert [found.id for found in vendor.find(request)] == [appointment.id]

    def test_a_look_finds_a_booking_over_midnight(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        sandbox.open(KOVACOVA, (1, "23:20", "24:00"))
        request = self.wanted(vendor.slots(self.search())[1])
        sandbox.diary["calendars"] = [sandbox.calendar(KOVACOVA)]
        row = sandbox.reserve(9011, "2026-06-15T23:40:00", email=self.patient.email)
        row["externalId"] = self.echo(request)["externalId"]
        assert [found.id for found in vendor.find(request)] == [str(row["id"])]

    def test_a_look_finds_what_staff_moved_within_the_day_where_it_is_now(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        request = self.wanted(vendor.slots(self.search())[0])
        vendor.book(request)
        sandbox.appointments()[0].update(dateFrom="2026-06-15T14:00:00", dateTo="2026-06-15T14:20:00")
        (found,) = vendor.find(request)
        assert found.start.isoformat() == "2026-06-15T14:00:00+02:00"

    def test_a_look_without_a_mailbox_still_goes_by_our_number(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        request = self.wanted(vendor.slots(self.search())[0])
        appointment = vendor.book(request)
        forgotten = replace(request, patient=Patient())
        assert [found.id for found in vendor.find(forgotten)] == [appointment.id]
        assert "email" not in sandbox.sent("reservations")[-1].query

    def test_one_who_did_not_come_has_a_booking_and_a_cancelled_one_has_none(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        request = self.wanted(vendor.slots(self.search())[0])
        vendor.book(request)
        (row,) = sandbox.appointments()
        row["status"] = "DID_NOT_COME"
        assert len(vendor.find(request)) == 1
        row["status"] = "CANCELLED"
        assert vendor.find(request) == []

    # --- How it stands, and whether anything changed ---------------------------------------------------------------

    def test_how_a_booking_stands_costs_one_call_by_the_patients_mailbox(self, june: June) -> None:
        vendor, sandbox, _ = june
        request = self.wanted(self.some_time(vendor))
        appointment = vendor.book(request)
        sandbox.requests.clear()
        assert vendor.standing(appointment.id, request) == appointment
        assert [sent.query.get("email") for sent in sandbox.sent("reservations")] == ["lubomira@patient.example"]

    @pytest.mark.parametrize("days", [-1, 0, 40])
    def test_a_booking_whose_mailbox_staff_corrected_is_found_wherever_they_moved_it(
        self, june: June, days: int
    ) -> None:
        vendor, sandbox, watch = june
        request = self.wanted(self.some_time(vendor))
        appointment = vendor.book(request)
        for row in sandbox.diary["reservations"]:
            if str(row["id"]) == appointment.id:
                row["email"] = "corrected@patient.example"
        start = appointment.start + timedelta(days=days)
        sandbox.move_by_staff(appointment.id, start)
        watch.moment += timedelta(days=4)
        stands = vendor.standing(appointment.id, request)
        assert stands is not None
        assert (stands.id, stands.start) == (appointment.id, start)

    def test_a_mailbox_that_is_not_found_alone_does_not_say_that_it_is_gone(self, june: June) -> None:
        vendor, sandbox, _ = june
        request = self.wanted(self.some_time(vendor))
        appointment = vendor.book(request)
        elsewhere = replace(request, patient=replace(self.patient, email="another@patient.example"))
        sandbox.answer("reservations", 200, success(reservations=[], pagination={"total": 0, "offset": 0}))
        sandbox.answer("reservations", 500, times=2)
        with pytest.raises(VendorUnavailable):
            vendor.standing(appointment.id, elsewhere)
        sandbox.answer("reservations", 400, failure(12))
        with pytest.raises(UnexpectedResponse):
            vendor.standing(appointment.id, elsewhere)

    def test_one_who_did_not_come_stands(self, june: June) -> None:
        vendor, sandbox, _ = june
        request = self.wanted(self.some_time(vendor))
        appointment = vendor.book(request)
        sandbox.appointments()[-1]["status"] = "DID_NOT_COME"
        assert vendor.standing(appointment.id, request) == appointment

    @pytest.mark.parametrize("missing", ["status", "dateFrom", "id"])
    def test_a_row_that_lacks_what_counts_is_not_taken_for_gone(self, empty: June, missing: str) -> None:
        vendor, sandbox, _ = empty
        request = self.wanted(self.some_time(vendor))
        appointment = vendor.book(request)
        row = {name: value for name, value in sandbox.appointments()[0].items() if name != missing}
        pagination = {"total": 1, "offset": 0, "limit": 100}
        sandbox.answer("reservations", 200, success(reservations=[row], pagination=pagination))
        with pytest.raises(UnexpectedResponse):
            vendor.standing(appointment.id, request)

    def test_a_slot_of_another_making_does_not_say_that_it_is_gone(self, empty: June) -> None:
        vendor, _, _ = empty
        slot = self.some_time(vendor)
        with pytest.raises(UnexpectedResponse):
            vendor.standing("31", self.wanted(replace(slot, id="another")))

    @pytest.mark.parametrize(("minutes", "answer"), [(4, True), (6, False)])
    def test_the_vendors_clock_may_be_some_minutes_behind_ours(self, june: June, minutes: int, answer: bool) -> None:
        vendor, sandbox, watch = june
        sandbox.clock = lambda: NOON - timedelta(minutes=minutes)
        sandbox.reserve(9041, "2026-06-15T08:20:00")  # in the other house
        sandbox.clock = watch
        assert vendor.changed(NOON) is answer

    def test_changes_are_asked_for_without_reading_what_changed(self, june: June) -> None:
        vendor, sandbox, _ = june
        vendor.changed(NOON)
        five_minutes_before = int((NOON - timedelta(minutes=5)).timestamp() * 1000)
        (sent,) = sandbox.sent("reservations")
        assert sent.query == {"lang": "en", "lastSync": str(five_minutes_before), "offset": "0", "limit": "1"}

    # --- Cancelling -----------------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        ("language", "reason"),
        [
            ("sk", "Zrušené pacientom online."),
            ("en", "Cancelled online by the patient."),
            ("hu", "Cancelled online by the patient."),
        ],
    )
    def test_a_cancellation_gives_a_reason_in_the_patients_language(
        self, empty: June, language: str, reason: str
    ) -> None:
        vendor, sandbox, _ = empty
        request = self.wanted(vendor.slots(self.search())[0], language=language)
        appointment = vendor.book(request)
        vendor.cancel(appointment.id, request)
        assert sandbox.sent("change_status")[0].json() == {"status": "CANCELLED", "cancellationReason": reason}

    def test_a_booking_that_the_vendor_does_not_know_is_cancelled_already(self, empty: June) -> None:
        vendor, _, _ = empty
        vendor.cancel("31", self.wanted(vendor.slots(self.search())[0]))

    def test_a_cancellation_without_an_answer_is_looked_up(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        request = self.wanted(vendor.slots(self.search())[0])
        appointment = vendor.book(request)
        sandbox.lose_answer_after("change_status")
        vendor.cancel(appointment.id, request)
        assert sandbox.count("change_status") == 1

    def test_a_cancellation_that_did_not_arrive_is_an_unknown_outcome(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        request = self.wanted(vendor.slots(self.search())[0])
        appointment = vendor.book(request)
        sandbox.lose_answer_before("change_status")
        with pytest.raises(OutcomeUnknown):
            vendor.cancel(appointment.id, request)
        sandbox.answer("change_status", 200, failure(666))
        sandbox.answer("reservations", 500, times=2)
        with pytest.raises(OutcomeUnknown):
            vendor.cancel(appointment.id, request)
        sandbox.lose_answer_before("change_status")
        with pytest.raises(OutcomeUnknown):
            vendor.cancel(appointment.id, replace(request, patient=Patient()))
        assert len(sandbox.appointments()) == 1

    @pytest.mark.parametrize("wrong", [{"status": "CONFIRMED"}, {"id": 9}, {"status": None}])
    def test_a_cancellation_that_is_answered_with_something_else_is_an_unknown_outcome(
        self, empty: June, wrong: dict[str, Any]
    ) -> None:
        vendor, sandbox, _ = empty
        request = self.wanted(vendor.slots(self.search())[0])
        appointment = vendor.book(request)
        row = {**sandbox.appointments()[0], "status": "CANCELLED", **wrong}
        sandbox.answer("change_status", 200, success(reservation=row))
        with pytest.raises(OutcomeUnknown):
            vendor.cancel(appointment.id, request)

    @pytest.mark.parametrize("code", [10, 30, 40])
    def test_a_refused_cancellation_is_not_taken_for_a_done_one(self, empty: June, code: int) -> None:
        vendor, sandbox, _ = empty
        request = self.wanted(vendor.slots(self.search())[0])
        appointment = vendor.book(request)
        sandbox.answer("change_status", 400, failure(code))
        with pytest.raises(UnexpectedResponse):
            vendor.cancel(appointment.id, request)

    # --- Moving ---------------------------------------------------------------------------------------------------

    def moving(self, vendor: Bookio) -> tuple[str, BookingRequest, BookingRequest]:
        """What was booked, for when, and when it shall be instead."""
        first, second = vendor.slots(self.search())[:2]
        before = self.wanted(first)
        return vendor.book(before).id, before, replace(before, slot=second)

    def test_a_move_keeps_the_number_and_sends_only_the_new_start(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        appointment_id, _, there = self.moving(vendor)
        moved = vendor.move(appointment_id, there)
        assert (moved.id, moved.start, moved.end) == (appointment_id, there.slot.start, there.slot.end)
        assert sandbox.sent("change_term")[0].json() == {"dateFrom": "2026-06-15T08:20:00"}
        assert [found.id for found in vendor.find(there)] == [appointment_id]
        assert self.hours(vendor) == ["08:00", "08:40"]

    def test_a_move_to_a_taken_time_leaves_the_old_one(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        appointment_id, before, there = self.moving(vendor)
        sandbox.take_at_desk(there.slot.id, secretly=True)
        with pytest.raises(SlotTaken):
            vendor.move(appointment_id, there)
        assert [found.start for found in vendor.find(before)] == [before.slot.start]
        assert self.hours(vendor) == ["08:40"]

    def test_a_move_to_another_provider_or_service_changes_nothing(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        appointment_id, before, there = self.moving(vendor)
        sandbox.open(HORNAK, (1, "08:30", "09:00"))
        for other in (
            vendor.slots(replace(self.search(provider_id=HORNAK), language="sk"))[0],
            vendor.slots(self.search(service=ACUTE))[-1],
            vendor.slots(Search(ORTHOPAEDICS, MONDAY, MONDAY, str(KOSICE), SIMKO))[0],
        ):
            with pytest.raises(SlotTaken):
                vendor.move(appointment_id, replace(there, slot=other))
        assert sandbox.count("change_term") == 0
        assert [found.start for found in vendor.find(before)] == [before.slot.start]

    def test_a_move_that_was_made_before_is_made(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        appointment_id, _, there = self.moving(vendor)
        assert vendor.move(appointment_id, there) == vendor.move(appointment_id, there)
        assert sandbox.count("change_term") == 1

    def test_a_move_without_an_answer_is_looked_up(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        appointment_id, _, there = self.moving(vendor)
        sandbox.lose_answer_after("change_term")
        assert vendor.move(appointment_id, there).start == there.slot.start
        assert sandbox.count("change_term") == 1

    def test_a_move_that_did_not_arrive_is_an_unknown_outcome(self, empty: June) -> None:
        vendor, sandbox, _ = empty
        appointment_id, before, there = self.moving(vendor)
        sandbox.lose_answer_before("change_term")
        with pytest.raises(OutcomeUnknown):
            vendor.move(appointment_id, there)
        assert [found.start for found in vendor.find(before)] == [before.slot.start]

    @pytest.mark.parametrize("wrong", [{"dateFrom": "2026-06-15T08:40:00"}, {"id": 9}, {"dateFrom": None}])
    def test_a_move_that_is_answered_with_something_else_is_an_unknown_outcome(
        self, empty: June, wrong: dict[str, Any]
    ) -> None:
        vendor, sandbox, _ = empty
        appointment_id, _, there = self.moving(vendor)
        times = {"dateFrom": "2026-06-15T08:20:00", "dateTo": "2026-06-15T08:40:00"}
        row = {**sandbox.appointments()[0], **times, **wrong}
        sandbox.answer("change_term", 200, success(reservation=row))
        with pytest.raises(OutcomeUnknown):
            vendor.move(appointment_id, there)

    @pytest.mark.parametrize("status", ["CANCELLED", "DID_NOT_COME"])
    def test_a_booking_that_does_not_stand_is_not_moved_and_no_time_is_said_to_be_taken(
        self, empty: June, status: str
    ) -> None:
        vendor, sandbox, _ = empty
        appointment_id, _, there = self.moving(vendor)
        sandbox.appointments()[0]["status"] = status
        with pytest.raises(UnexpectedResponse):
            vendor.move(appointment_id, there)
        assert sandbox.count("change_term") == 0

    @pytest.mark.parametrize("changes", [{"email": ""}, {"email": "other@patient.example"}])
    def test_a_booking_that_cannot_be_found_is_not_moved(self, empty: June, changes: dict[str, str]) -> None:
        vendor, sandbox, _ = empty
        appointment_id, _, there = self.moving(vendor)
        with pytest.raises(UnexpectedResponse):
            vendor.move(appointment_id, replace(there, patient=replace(self.patient, **changes)))
        assert sandbox.count("change_term") == 0

    @pytest.mark.parametrize("code", [10, 12])
    def test_a_refused_move_for_another_reason_is_ours_to_mend(self, empty: June, code: int) -> None:
        vendor, sandbox, _ = empty
        appointment_id, _, there = self.moving(vendor)
        sandbox.answer("change_term", 400, failure(code))
        with pytest.raises(UnexpectedResponse):
            vendor.move(appointment_id, there)

    def test_a_vendor_that_hangs_is_given_up_within_the_budget(self, base_url: str, sandbox: RecordingSandbox) -> None:
        sandbox.slow("reservations", 5)
        today, started = self.today(sandbox), datetime.now(UTC)
        vendor = self.connect(self.connection(base_url), budget=1.5)
        with pytest.raises(VendorUnavailable):
            vendor.slots(Search(ORTHOPAEDICS, today, today + timedelta(days=13)))
        assert datetime.now(UTC) - started < timedelta(seconds=4)


HEADERS = {"Authorization": f"Bearer {TOKEN}"}
BOOKING = {
    "name": "Ján",
    "surname": "Novák",
    "email": "jan@patient.example",
    "phone": "+421948762315",
    "dateFrom": "2026-06-15T08:00:00",
    "locale": "sk",
    "externalId": 123,
    "serviceId": 9011,
    "facilityId": BRATISLAVA,
}


class TestTheSandboxIsStrict:
    """A control: were the sandbox blind, an empty list of breaches would say nothing."""

    @pytest.fixture
    def sandbox(self) -> BookioSandbox:
        sandbox = BookioSandbox(clock=lambda: NOON)
        sandbox.diary["reservations"] = []
        return sandbox

    @pytest.fixture
    def root(self, sandbox: BookioSandbox) -> Iterator[str]:
        with sandbox.serve() as base_url:
            yield base_url + ROOT

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/facilities/cgm"),
            ("GET", "/facilities/cgm?lang=sk-SK"),
            ("GET", "/facilities/cgm?lang=sk&limit=10"),
            ("GET", "/calendars?lang=sk&date=2026-06-15T00:00:00"),
            ("GET", "/reservations?lang=sk&limit=101"),
            ("GET", "/reservations?lang=sk&offset=-1"),
            ("GET", "/reservations?lang=sk&externalId=1"),
            ("GET", "/reservations?lang=sk&serviceId=1"),
            ("GET", "/reservations?lang=sk&facilityId=ba"),
            ("GET", "/reservations?lang=sk&status=confirmed"),
            ("GET", "/reservations?lang=sk&from=15.06.2026"),
            ("GET", "/blocked-times?lang=sk&from=2026-06-15"),
            ("PUT", "/reservations/a47b89/status?lang=sk"),
            ("GET", "/reservations/1?lang=sk"),
            ("DELETE", "/blocked-times/71?lang=sk"),
            ("POST", "/calendars?lang=sk"),
            ("PUT", "/calendars/501?lang=sk"),
            ("PUT", "/calendars/501/end?lang=sk"),
            ("POST", "/blocked-times?lang=sk"),
            ("PUT", "/blocked-times/71/term?lang=sk"),
            ("PUT", "/reservations/1/sync?lang=sk"),
        ],
    )
    def test_a_breach_in_an_address_is_written_down_and_refused(
        self, sandbox: BookioSandbox, root: str, method: str, path: str
    ) -> None:
        answer = httpx.request(method, root + path, headers=HEADERS)
        assert answer.json()["result"]["success"] is False
        assert len(sandbox.breaches) == 1

    @pytest.mark.parametrize(
        "change",
        [
            {"dateFrom": "2026-06-15T08:00:00Z"},
            {"dateFrom": "2026-06-15T08:00:00+02:00"},
            {"dateFrom": "2026-06-15"},
            {"dateFrom": "2027-03-28T02:30:00"},
            {"externalId": "123"},
            {"externalId": 0},
            {"externalId": 2**63},
            {"externalId": True},
            {"serviceId": "9011"},
            {"facilityId": "101"},
            {"phone": "0948762315"},
            {"phone": "+421 948 762 315"},
            {"locale": "sk-SK"},
            {"locale": "SK"},
            {"email": "jan"},
            {"name": ""},
            {"name": "Ján Novák"},
            {"note": None},
            {"calendarId": 501},
            {"dateTo": "2026-06-15T08:20:00"},
        ],
    )
    def test_a_breach_in_a_booking_is_written_down_and_refused(
        self, sandbox: BookioSandbox, root: str, change: dict[str, Any]
    ) -> None:
        answer = httpx.post(f"{root}/reservations?lang=sk", headers=HEADERS, json=BOOKING | change)
        assert (answer.status_code, answer.json()["result"]["errorCode"]) == (400, 10)
        assert len(sandbox.breaches) == 1
        assert sandbox.appointments() == []

    def test_a_missing_token_is_a_breach_and_a_wrong_one_is_a_refusal(self, sandbox: BookioSandbox, root: str) -> None:
        for headers, breaches in (({"Authorization": "Bearer x"}, 0), ({}, 1)):
            answer = httpx.get(f"{root}/facilities/cgm?lang=sk", headers=headers)
            assert answer.json()["result"]["errorCode"] == 20
            assert len(sandbox.breaches) == breaches

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({}, None),
            ({"dateFrom": "2026-06-09T08:00:00"}, 10),
            ({"serviceId": 1}, 12),
            ({"serviceId": 9013}, 12),
            ({"facilityId": KOSICE}, 12),
            ({"dateFrom": "2026-06-15T05:00:00"}, 30),
            ({"dateFrom": "2026-06-15T11:50:00"}, 30),
            ({"dateFrom": "2026-06-15T08:07:00"}, None),  # no grid is enforced
        ],
    )
    def test_a_booking_is_refused_with_the_code_of_its_reason(
        self, sandbox: BookioSandbox, root: str, change: dict[str, Any], code: int | None
    ) -> None:
        answer = httpx.post(f"{root}/reservations?lang=sk", headers=HEADERS, json=BOOKING | change)
        assert answer.json()["result"].get("errorCode") == code
        assert sandbox.breaches == []

    def test_a_number_used_before_and_a_mailbox_at_the_same_start_are_duplicates(
        self, sandbox: BookioSandbox, root: str
    ) -> None:
        def book(**change: Any) -> object:
            answer = httpx.post(f"{root}/reservations?lang=sk", headers=HEADERS, json=BOOKING | change)
            return answer.json()["result"].get("errorCode")

        assert book() is None
        assert book() == 40
        assert book(externalId=124, email="JAN@patient.example") == 40
        assert book(externalId=123, email="eva@patient.example", dateFrom="2026-06-15T09:00:00") == 40
        assert book(externalId=124, email="eva@patient.example") == 30

    def test_a_restart_keeps_the_diary(self, tmp_path: Any) -> None:
        file = tmp_path / "bookio.json"
        sandbox = BookioSandbox(clock=lambda: NOON, file=file)
        with sandbox.serve() as base_url:
            httpx.post(f"{base_url}{ROOT}/reservations?lang=sk", headers=HEADERS, json=BOOKING | {"serviceId": 9012})
        assert BookioSandbox(clock=lambda: NOON, file=file).diary == sandbox.diary

    def test_the_demo_practice_connects(self, sandbox: BookioSandbox, root: str) -> None:
        practice = sandbox.practice(root.removesuffix(ROOT))
        given = {name: kind(practice["connection"][name]) for name, kind in (("base_url", Url), ("token", Secret))}
        context = Context("demo", ZONE, "SK", MemoryStore(), allow_private_hosts=True, turns=Hurried())
        assert Bookio(Connection(**given), context).services("sk")

    def test_several_weeks_are_answered_at_once(self, root: str) -> None:
        started = datetime.now(UTC)
        for _ in range(5):
            answer = httpx.get(
                f"{root}/reservations?lang=sk&facilityId=101&from=2026-06-01&to=2026-08-31", headers=HEADERS
            )
            assert answer.status_code == 200
        assert datetime.now(UTC) - started < timedelta(seconds=1)

    def test_a_facility_has_more_than_a_page_of_reservations_in_sixty_days(self) -> None:
        rows = BookioSandbox(clock=lambda: NOON).diary["reservations"]
        assert len([row for row in rows if row["facilityId"] == BRATISLAVA and row["dateFrom"] > "2026-06-10"]) > 100


def test_a_reply_is_what_the_contract_shows() -> None:
    reply: Reply = BookioSandbox(clock=lambda: NOON).facilities(Request("GET", "/", {}, {}, b""))
    assert set(reply.body["result"]) == {"success", "errors", "data"}
    assert isinstance(reply.body["result"]["data"]["facilities"], list)
