"""Qmatic: the contract, and its own corners: the token, languages, pairs, reservations, lost answers."""

import threading
import time
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.vendors.contract import KEY, VendorContract
from vendors.base import (
    Answer,
    AuthenticationFailed,
    BookingRequest,
    Field,
    InvalidPatient,
    MemoryStore,
    Offer,
    OutcomeUnknown,
    Patient,
    ProviderChoice,
    Search,
    Secret,
    Service,
    Slot,
    SlotTaken,
    UnexpectedResponse,
    Unsupported,
    Url,
    VendorUnavailable,
)
from vendors.qmatic import ASKING, Connection, Qmatic
from vendors.sandbox.base import Reply, Request
from vendors.sandbox.qmatic import BANKSIDE, CANALSIDE, QmaticSandbox, guid

GP, CHECK, BLOOD = guid("GP appointment"), guid("New patient health check"), guid("Blood test")
FLU, TRAVEL, PHYSIO = guid("Flu vaccination"), guid("Travel advice"), guid("Physiotherapy")
OKAFOR = guid("Dr Amara Okafor")
ENTERED_ANEW = guid("entered anew at the desk")


class RecordingSandbox(QmaticSandbox):
    """Keeps what was sent, for tests about exactly that."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        self.requests: list[tuple[str, Request]] = []
        super().__init__(*args, **settings)

    def check(self, request: Request, operation: str) -> None:
        self.requests.append((operation, request))
        super().check(request, operation)

    def sent(self, operation: str) -> list[Request]:
        return [request for name, request in self.requests if name == operation]


class TestQmatic(VendorContract):
    Vendor = Qmatic
    Sandbox = RecordingSandbox
    zone = ZoneInfo("Europe/London")
    country = "GB"
    patient = Patient(
        first_name="Maeve",
        last_name="Thornbury",
        email="maeve@thornbury.example",
        phone="+442079460999",
        birth_date=date(1984, 2, 29),
    )
    times = "timeslots"
    booking = "confirm"
    lookup = "search"
    standing = "appointment"

    @pytest.fixture
    def sandbox(self) -> RecordingSandbox:
        return RecordingSandbox()

    def connection(self, base_url: str, **changes: Any) -> Connection:
        table = QmaticSandbox().practice(base_url)["connection"] | changes
        for name, kind in (("base_url", Url), ("token_url", Url), ("client_secret", Secret)):
            table[name] = kind(table[name])
        return Connection(**table)

    def wrong_credentials(self, base_url: str) -> Connection:
        return self.connection(base_url, client_secret="something else")

    def refuse_the_patient(self, sandbox: QmaticSandbox) -> None:
        sandbox.answer("confirm", 400, {"status": 400, "message": "Bad Request"})

    # --- Tools ----------------------------------------------------------------------------------------------------

    def search(self, sandbox: QmaticSandbox, service: str, clinic: str | None, provider: str | None = None) -> Search:
        today = self.today(sandbox)
        return Search(service, today, today + timedelta(days=30), clinic, provider)

    def for_slot(self, slot: Slot, service: str = GP, **changes: Any) -> BookingRequest:
        request = BookingRequest(
            key=KEY,
            reference="ABC-234",
            service_id=service,
            service_name="",
            slot=slot,
            patient=self.patient,
        )
        return replace(request, **changes)

    def held(self, vendor: Qmatic, sandbox: QmaticSandbox, **changes: Any) -> BookingRequest:
        """A request for the first time with Dr Okafor, reserved."""
        return self.request(vendor, sandbox, self.free(vendor, sandbox)[0], **changes)

    @staticmethod
    def a_day_later(time_slot: dict[str, str]) -> dict[str, str]:
        return {n: (datetime.fromisoformat(t) + timedelta(days=1)).isoformat() for n, t in time_slot.items()}

    @staticmethod
    def offer(services: list[Service], service: str, clinic: dict[str, Any]) -> Offer:
        found = next(s for s in services if s.id == service)
        assert found.offers is not None
        return next(offer for offer in found.offers if offer.clinic.id == clinic["id"])

    # --- The token and the headers --------------------------------------------------------------------------------

    def test_one_token_serves_many_requests_and_many_vendor_objects(
        self, base_url: str, sandbox: RecordingSandbox
    ) -> None:
        store = MemoryStore()
        for _ in range(3):
            vendor = self.connect(self.connection(base_url), store=store)
            vendor.services("en")
            vendor.slots(self.search(sandbox, GP, None))
        assert sandbox.count("token") == 1
        assert sandbox.breaches == []

    def test_a_cold_catalogue_is_a_token_and_two_calls(self, vendor: Qmatic, sandbox: RecordingSandbox) -> None:
        vendor.services("en")
        assert sorted(sandbox.calls) == ["groups", "services", "token"]

    @pytest.mark.parametrize(("lives", "kept"), [(3600, 3540), (600, 540), (50, 45), (0, 0)])
    def test_a_token_is_kept_for_a_little_less_than_it_lives(
        self, base_url: str, sandbox: RecordingSandbox, lives: int, kept: float
    ) -> None:
        stored: list[float] = []
        sandbox.token_lives = timedelta(seconds=lives)

        class Store(MemoryStore):
            def put(self, key: str, value: str, seconds: float) -> None:
                if "token" in key:
                    stored.append(seconds)
                super().put(key, value, seconds)

        self.connect(self.connection(base_url), store=Store())._client.token()
        assert stored == [pytest.approx(kept)]

    def test_of_two_processes_without_a_token_one_asks_and_the_other_waits_for_it(
        self, base_url: str, sandbox: RecordingSandbox
    ) -> None:
        store = MemoryStore()
        first, second = (self.connect(self.connection(base_url), store=store) for _ in range(2))
        sandbox.slow("token", 0.8)
        racing = threading.Thread(target=first.services, args=("en",))
        racing.start()
        while not sandbox.count("token"):
            time.sleep(0.01)
        assert second.services("en")
        racing.join()
        assert sandbox.count("token") == 1
        assert ASKING not in store.values

    @pytest.mark.slow
    def test_a_process_that_died_while_it_asked_for_a_token_is_not_waited_for_long(
        self, base_url: str, sandbox: RecordingSandbox
    ) -> None:
        store = MemoryStore()
        store.lease(ASKING, 60)
        assert self.connect(self.connection(base_url), store=store, budget=9).services("en")
        assert sandbox.count("token") == 1

    def test_a_refused_token_is_renewed_once_and_the_read_repeated(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        search = self.search(sandbox, GP, BANKSIDE["id"], OKAFOR)
        before = vendor.slots(search)
        sandbox.diary["tokens"].clear()
        assert vendor.slots(search) == before
        assert sandbox.count("token") == 2

    def test_a_refused_token_is_renewed_for_a_write_too_and_books_once(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        request = self.held(vendor, sandbox)
        sandbox.diary["tokens"].clear()
        assert vendor.book(request).start == request.slot.start
        assert len(sandbox.appointments()) == 1

    def test_a_vendor_that_refuses_every_token_is_asked_twice_and_no_more(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        sandbox.answer("timeslots", 401, times=5)
        with pytest.raises(AuthenticationFailed):
            vendor.slots(self.search(sandbox, GP, BANKSIDE["id"], OKAFOR))
        assert sandbox.count("timeslots") == 2
        assert sandbox.count("token") == 2

    def test_a_new_token_of_another_process_is_used_before_one_more_is_asked_for(
        self, base_url: str, sandbox: RecordingSandbox
    ) -> None:
        store = MemoryStore()
        search = self.search(sandbox, GP, BANKSIDE["id"], OKAFOR)
        first = self.connect(self.connection(base_url), store=store)
        second = self.connect(self.connection(base_url), store=store)
        assert first.slots(search) == second.slots(search)
        sandbox.diary["tokens"].clear()
        assert first.slots(search) == second.slots(search)
        assert sandbox.count("token") == 2

    def test_the_wrong_tenant_is_a_matter_of_configuration_and_not_tried_again(
        self, base_url: str, sandbox: RecordingSandbox
    ) -> None:
        with pytest.raises(AuthenticationFailed) as raised:
            self.connect(self.connection(base_url, tenant_id=guid("another"))).slots(
                self.search(sandbox, GP, BANKSIDE["id"], OKAFOR)
            )
        assert raised.value.status == 403
        assert sandbox.calls == ["token", "timeslots"]

    @pytest.mark.parametrize("status", [400, 401, 403])
    def test_a_refused_token_request_is_a_matter_of_configuration(
        self, vendor: Qmatic, sandbox: RecordingSandbox, status: int
    ) -> None:
        sandbox.answer("token", status, {"error": "invalid_client"}, times=3)
        with pytest.raises(AuthenticationFailed):
            vendor.services("en")

    def test_a_token_endpoint_that_is_down_is_no_matter_of_configuration(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        sandbox.answer("token", 503, times=3)
        with pytest.raises(VendorUnavailable):
            vendor.services("en")

    def test_a_token_that_was_asked_for_too_slowly_is_no_matter_of_configuration(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        sandbox.answer("token", 408)
        with pytest.raises(VendorUnavailable):
            vendor.services("en")

    def test_a_token_endpoint_that_talks_nonsense_is_said_to_do_so(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        sandbox.html("token", times=3)
        with pytest.raises(UnexpectedResponse):
            vendor.services("en")

    def test_the_account_goes_to_the_token_and_the_tenant_to_the_rest(
        self, base_url: str, sandbox: RecordingSandbox
    ) -> None:
        connection = self.connection(base_url, account="Riverside Health")
        self.connect(connection).slots(self.search(sandbox, GP, None))
        assert [r.headers["x-account"] for r in sandbox.sent("token")] == ["riversidehealth"]
        assert {r.headers.get("x-tenant-id") for o, r in sandbox.requests if o != "token"} == {connection.tenant_id}
        assert all("x-account" not in r.headers for o, r in sandbox.requests if o != "token")
        assert sandbox.breaches == []

    @pytest.mark.parametrize(
        ("code", "country", "value"),
        [
            ("en", "GB", "en_UK"),
            ("en", "IE", "en_UK"),
            ("en", "US", "en_US"),
            ("en-GB", "US", "en_US"),
            ("es", "GB", "ES_es"),
            ("fr", "FR", "fr_FR"),
            ("nl", "NL", "nl_NL"),
            ("de", "DE", "de_DE"),
            ("it", "IT", "it_IT"),
            ("sv", "SE", "en_US"),
            ("sv", "GB", "en_UK"),
        ],
    )
    def test_a_language_is_sent_as_one_value_of_the_vendors_own_list(
        self, base_url: str, sandbox: RecordingSandbox, code: str, country: str, value: str
    ) -> None:
        self.connect(self.connection(base_url), country=country).services(code)
        sent = {r.headers.get("accept-language") for o, r in sandbox.requests if o in ("services", "groups")}
        assert sent == {value}
        assert sandbox.breaches == []

    def test_no_language_is_sent_where_none_is_documented(self, vendor: Qmatic, sandbox: RecordingSandbox) -> None:
        vendor.book(self.held(vendor, sandbox))
        others = [r for o, r in sandbox.requests if o not in ("services", "groups")]
        assert others
        assert all("accept-language" not in r.headers for r in others)

    def test_a_connection_with_a_setting_that_means_nothing_is_refused(self, base_url: str) -> None:
        with pytest.raises(ValueError, match="birth_date"):
            self.connection(base_url, birth_date="sometimes")
        with pytest.raises(ValueError, match="tenant_id"):
            self.connection(base_url, tenant_id="")

    # --- The catalogue --------------------------------------------------------------------------------------------

    def test_services_come_in_the_order_of_the_groups_and_the_ungrouped_last(self, vendor: Qmatic) -> None:
        assert [(s.group, s.name) for s in vendor.services("en")] == [
            ("General practice", "GP appointment"),
            ("General practice", "New patient health check"),
            ("General practice", "Blood test"),
            ("Vaccinations and travel", "Flu vaccination"),
            ("Vaccinations and travel", "Travel advice"),
            ("", "Physiotherapy"),
        ]

    def test_a_service_for_staff_is_never_offered_though_a_group_lists_it(self, vendor: Qmatic) -> None:
        assert guid("Minor surgery") not in {s.id for s in vendor.services("en")}

    def test_a_service_that_one_branch_keeps_for_staff_is_offered_at_the_other(self, vendor: Qmatic) -> None:
        blood = next(s for s in vendor.services("en") if s.id == BLOOD)
        assert blood.offers is not None
        assert [offer.clinic.id for offer in blood.offers] == [BANKSIDE["id"]]

    def test_a_service_without_a_group_is_shown_where_no_groups_are_configured(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        names = {s.name for s in vendor.services("en")}
        sandbox.answer("groups", 404)
        assert {s.name for s in vendor.services("en")} == names
        sandbox.answer("groups", 200, {"services": [], "serviceGroups": []})
        without = vendor.services("en")
        assert {s.name for s in without} == names
        assert {s.group for s in without} == {""}

    @pytest.mark.parametrize(
        ("status", "body"), [(400, {"status": 400}), (200, []), (200, {}), (200, {"serviceGroups": None})]
    )
    def test_services_are_listed_however_the_vendor_says_that_there_are_no_groups(
        self, vendor: Qmatic, sandbox: RecordingSandbox, status: int, body: object
    ) -> None:
        names = {s.name for s in vendor.services("en")}
        sandbox.answer("groups", status, body)
        services = vendor.services("en")
        assert {s.name for s in services} == names
        assert {s.group for s in services} == {""}
        assert sandbox.count("groups") == 2

    @pytest.mark.parametrize("empty", [{}, {"services": None}, {"services": []}])
    def test_a_group_without_services_is_skipped(
        self, vendor: Qmatic, sandbox: RecordingSandbox, empty: dict[str, Any]
    ) -> None:
        full = {"id": guid("a"), "name": "Doctors", "index": 2, "services": [{"id": GP, "name": "GP", "index": 1}]}
        nobody = {"id": guid("b"), "name": "Nobody", "index": 1, **empty}
        sandbox.answer("groups", 200, {"services": [], "serviceGroups": [nobody, full]})
        assert next((s.group, s.id) for s in vendor.services("en")) == ("Doctors", GP)

    @pytest.mark.parametrize(
        ("status", "body", "error"),
        [
            (500, None, VendorUnavailable),
            (401, None, AuthenticationFailed),
            (403, None, AuthenticationFailed),
            (422, None, UnexpectedResponse),
            (204, None, UnexpectedResponse),
            (200, [{"services": []}], UnexpectedResponse),
            (200, b"<html>", UnexpectedResponse),
        ],
    )
    def test_groups_that_cannot_be_read_are_an_error_and_not_a_shorter_list(
        self, vendor: Qmatic, sandbox: RecordingSandbox, status: int, body: object, error: type[Exception]
    ) -> None:
        sandbox.answer("groups", status, body, times=3)
        with pytest.raises(error):
            vendor.services("en")

    @pytest.mark.parametrize("body", [{}, [{}], [None], ["x"], [{"branch": {}, "service": {}}], b"<html>", b""])
    def test_a_catalogue_of_the_wrong_shape_is_said_to_be_so(
        self, vendor: Qmatic, sandbox: RecordingSandbox, body: object
    ) -> None:
        sandbox.answer("services", 200, body, times=3)
        with pytest.raises(UnexpectedResponse):
            vendor.services("en")

    @pytest.mark.parametrize("nonsense", ["garbage", "html", "half"])
    @pytest.mark.parametrize("operation", ["services", "groups", "timeslots", "search", "appointment"])
    def test_a_read_whose_answer_is_no_json_is_repeated_once(
        self, vendor: Qmatic, sandbox: RecordingSandbox, operation: str, nonsense: str
    ) -> None:
        request = self.held(vendor, sandbox)
        booked = vendor.book(request)
        reads: dict[str, Callable[[], object]] = {
            "services": lambda: vendor.services("en"),
            "groups": lambda: vendor.services("en"),
            "timeslots": lambda: vendor.slots(self.search(sandbox, GP, BANKSIDE["id"], OKAFOR)),
            "search": lambda: vendor.find(request),
            "appointment": lambda: vendor.standing(booked.id, request),
        }
        sandbox.calls.clear()
        before = reads[operation]()
        calls = sandbox.count(operation)
        getattr(sandbox, nonsense)(operation)
        assert reads[operation]() == before
        getattr(sandbox, nonsense)(operation, times=2)
        with pytest.raises(UnexpectedResponse):
            reads[operation]()
        assert sandbox.count(operation) == calls + 4

    def test_a_read_that_the_vendor_gave_up_is_no_empty_answer_and_nothing_for_us_to_mend(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        sandbox.answer("timeslots", 408, times=3)
        with pytest.raises(VendorUnavailable):
            vendor.slots(self.search(sandbox, GP, BANKSIDE["id"], OKAFOR))

    def test_a_branch_is_a_clinic_with_a_printable_address(self, vendor: Qmatic) -> None:
        clinic = self.offer(vendor.services("en"), GP, BANKSIDE).clinic
        assert clinic.name == "Riverside Health Bankside"
        assert clinic.address == "14 Lavington Street, SE1 0NZ London, United Kingdom"

    def test_a_service_says_what_the_group_says_about_it(self, vendor: Qmatic) -> None:
        described = {s.id: s.description for s in vendor.services("en")}
        assert described[GP] == "One problem per appointment, please."
        assert described[PHYSIO] == ""

    def test_the_pair_says_whether_a_provider_may_or_must_be_chosen(self, vendor: Qmatic) -> None:
        services = vendor.services("en")
        gp, physio = self.offer(services, GP, BANKSIDE), self.offer(services, PHYSIO, BANKSIDE)
        assert gp.provider_choice is ProviderChoice.OPTIONAL
        assert [p.name for p in gp.providers] == ["Dr Amara Okafor", "Dr Tom Hughes"]
        assert [p.name for p in self.offer(services, GP, CANALSIDE).providers] == ["Dr Priya Shah"]
        assert physio.provider_choice is ProviderChoice.REQUIRED
        assert self.offer(services, TRAVEL, BANKSIDE).provider_choice is ProviderChoice.NONE

    def test_screening_says_which_answer_goes_on_and_what_ends_it(self, vendor: Qmatic) -> None:
        adult, reaction = self.offer(vendor.services("en"), FLU, CANALSIDE).screening
        assert (adult.text, adult.needs_yes) == ("Are you 18 or older?", True)
        assert adult.help == "Children are vaccinated at school."
        assert adult.refusal.startswith("This appointment is for adults.")
        assert not reaction.needs_yes

    def test_questions_have_an_id_that_stays_and_is_fit_for_a_form(self, vendor: Qmatic) -> None:
        first, again = (self.offer(vendor.services("en"), TRAVEL, BANKSIDE).questions for _ in range(2))
        assert first == again
        assert [q.required for q in first] == [True, False]
        assert first[0].help == "In the order of your journey."
        assert len({q.id for q in first}) == 2
        assert all(q.id.replace("-", "").isalnum() and q.id.isascii() for q in first)

    def test_the_same_question_twice_has_two_ids(self, vendor: Qmatic, sandbox: RecordingSandbox) -> None:
        question = {"required": False, "questionText": "Why?", "clarificationText": None}
        pair = {
            "branch": {"id": "b", "name": "B", "address": None},
            "service": {"id": "s", "name": "S", "config": {"maxNumberOfReservations": 1, "onlineBookable": True}},
            "resourceSelection": {"required": False, "availableResources": []},
            "informationQuestions": [question, question],
            "screeningQuestions": [],
        }
        sandbox.answer("services", 200, [pair])
        (service,) = vendor.services("en")
        assert service.offers is not None
        assert len({q.id for q in service.offers[0].questions}) == 2

    def test_names_and_questions_come_in_the_patients_language_and_go_back_so(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        with self.no_breach(sandbox):
            services = vendor.services("es")
            assert services[0].name == "Cita con el médico de cabecera"
            countries, leave = self.offer(services, TRAVEL, BANKSIDE).questions
            assert countries.text == "¿Qué países visitará?"
            slot = vendor.slots(self.search(sandbox, TRAVEL, BANKSIDE["id"]))[0]
            answers = (Answer(countries.text, "Perú"), Answer(leave.text, ""))
            request = self.for_slot(slot, TRAVEL, answers=answers)
            vendor.book(replace(request, reservation_id=vendor.reserve(request).id))
            (entry,) = sandbox.appointments()
            assert entry["informationQuestions"] == [{"questionText": "¿Qué países visitará?", "answer": "Perú"}]

    # --- Times ----------------------------------------------------------------------------------------------------

    def test_times_are_asked_for_one_person_and_never_for_days(self, vendor: Qmatic, sandbox: RecordingSandbox) -> None:
        vendor.slots(self.search(sandbox, GP, BANKSIDE["id"], OKAFOR))
        vendor.slots(self.search(sandbox, TRAVEL, BANKSIDE["id"]))
        assert [request.query for request in sandbox.sent("timeslots")] == [
            {"branchId": BANKSIDE["id"], "numberOfReservations": "1", "requestedResourceId": OKAFOR},
            {"branchId": BANKSIDE["id"], "numberOfReservations": "1"},
        ]

    def test_one_reading_holds_all_days_so_every_day_has_the_same_window(self, vendor: Qmatic) -> None:
        assert vendor.window(date(2026, 12, 31)) == vendor.window(date(2027, 1, 1))

    def test_only_the_days_asked_for_are_answered(self, vendor: Qmatic, sandbox: RecordingSandbox) -> None:
        everything = vendor.slots(self.search(sandbox, GP, BANKSIDE["id"]))
        day = everything[-1].start.date()
        search = replace(self.search(sandbox, GP, BANKSIDE["id"]), first=day, last=day)
        assert vendor.slots(search) == [slot for slot in everything if slot.start.date() == day]

    @pytest.mark.parametrize("now", ["2027-03-25T12:00:00+00:00", "2026-10-22T12:00:00+00:00"])
    def test_the_vendors_own_strings_go_back_unchanged_also_when_the_clocks_change(
        self, vendor: Qmatic, sandbox: RecordingSandbox, now: str
    ) -> None:
        sandbox.clock = lambda: datetime.fromisoformat(now)
        slots = vendor.slots(replace(self.search(sandbox, GP, BANKSIDE["id"]), provider_id=OKAFOR))
        assert {slot.start.utcoffset() for slot in slots} == {timedelta(0), timedelta(hours=1)}
        for offset in (timedelta(0), timedelta(hours=1)):
            slot = next(s for s in slots if s.start.utcoffset() == offset)
            assert slot.start.replace(tzinfo=None).time() >= datetime(2026, 1, 1, 8, 30).time()
            vendor.reserve(self.for_slot(slot))
            sent = sandbox.sent("reserve")[-1].json()["timeSlot"]
            assert sent == {"startTime": slot.start.isoformat(), "endTime": slot.end.isoformat()}
        assert sandbox.breaches == []

    @pytest.mark.parametrize(
        ("listed", "shown"),
        [
            ("2026-12-01T09:00:00+01:00", "2026-12-01T09:00:00+01:00"),  # a branch abroad: its own wall clock
            ("2026-07-01T09:00:00.000+01:00", "2026-07-01T09:00:00+01:00"),
            ("2026-07-01T08:00Z", "2026-07-01T09:00:00+01:00"),
        ],
    )
    def test_a_time_is_shown_on_the_branchs_wall_clock_and_sent_back_as_it_came(
        self, vendor: Qmatic, sandbox: RecordingSandbox, listed: str, shown: str
    ) -> None:
        end = listed.replace(":00", ":20", 1)
        sandbox.answer("timeslots", 200, [{"timeSlot": {"startTime": listed, "endTime": end}}])
        search = Search(GP, date(2026, 1, 1), date(2026, 12, 31), BANKSIDE["id"], OKAFOR)
        (slot,) = vendor.slots(search)
        assert slot.start.isoformat() == shown
        sandbox.answer("timeslots", 200, [{"startTime": listed, "endTime": end}])
        with pytest.raises(UnexpectedResponse):  # the sandbox itself has no such time, and so refuses it
            vendor.reserve(self.for_slot(slot))
        assert sandbox.sent("reserve")[0].json()["timeSlot"] == {"startTime": listed, "endTime": end}

    @pytest.mark.parametrize("listed", ["2026-12-01T09:00:00", "2026-12-01", "", None, 1700000000])
    def test_a_time_without_its_offset_is_no_time(
        self, vendor: Qmatic, sandbox: RecordingSandbox, listed: object
    ) -> None:
        sandbox.answer("timeslots", 200, [{"startTime": listed, "endTime": listed}])
        with pytest.raises(UnexpectedResponse):
            vendor.slots(self.search(sandbox, GP, BANKSIDE["id"], OKAFOR))

    def test_any_clinic_asks_each_that_offers_it_to_patients_and_merges_their_times(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        with self.no_breach(sandbox):
            slots = vendor.slots(self.search(sandbox, CHECK, None))
            assert {slot.clinic_id for slot in slots} == {BANKSIDE["id"], CANALSIDE["id"]}
            assert sandbox.count("timeslots") == 2
            assert {slot.clinic_id for slot in vendor.slots(self.search(sandbox, BLOOD, None))} == {BANKSIDE["id"]}
            assert sandbox.count("timeslots") == 3
            assert sandbox.count("services") == 1

    def test_a_provider_at_any_clinic_is_asked_for_only_where_that_provider_is(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        with self.no_breach(sandbox):
            slots = vendor.slots(self.search(sandbox, GP, None, OKAFOR))
            assert {(slot.clinic_id, slot.provider_id) for slot in slots} == {(BANKSIDE["id"], OKAFOR)}

    def test_without_a_preference_one_call_asks_for_any_provider_and_names_none(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        slots = vendor.slots(self.search(sandbox, GP, BANKSIDE["id"]))
        assert {(slot.provider_id, slot.occupies) for slot in slots} == {(None, ())}
        assert sandbox.count("timeslots") == 1

    def test_where_a_provider_must_be_named_no_preference_asks_each(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        with self.no_breach(sandbox):
            slots = vendor.slots(self.search(sandbox, PHYSIO, BANKSIDE["id"]))
            assert {slot.provider_id for slot in slots} == {guid("Ewa Nowak"), guid("James Reid")}
            assert {slot.occupies for slot in slots} == {(f"resource/{slot.provider_id}",) for slot in slots}
            assert sandbox.count("timeslots") == 2
            vendor.reserve(self.for_slot(slots[0], PHYSIO))
            assert sandbox.sent("reserve")[0].json()["requestedResourceId"] == slots[0].provider_id

    def test_a_service_that_nobody_offers_has_no_times(self, vendor: Qmatic, sandbox: RecordingSandbox) -> None:
        assert vendor.slots(self.search(sandbox, guid("Minor surgery"), None)) == []

    def test_what_left_the_catalogue_has_no_times_but_what_is_in_it_must_have_an_answer(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        assert vendor.slots(self.search(sandbox, guid("Gone"), BANKSIDE["id"], OKAFOR)) == []
        sandbox.answer("timeslots", 404)
        with pytest.raises(UnexpectedResponse):
            vendor.slots(self.search(sandbox, GP, BANKSIDE["id"], OKAFOR))

    # --- Reserving ------------------------------------------------------------------------------------------------

    def test_a_booking_costs_three_calls_when_token_and_catalogue_are_known(
        self, base_url: str, sandbox: RecordingSandbox
    ) -> None:
        store = MemoryStore()

        def vendor() -> Qmatic:
            return self.connect(self.connection(base_url), store=store)  # type: ignore[return-value]

        vendor().services("en")
        sandbox.calls.clear()
        slot = vendor().slots(self.search(sandbox, GP, BANKSIDE["id"]))[0]
        request = self.for_slot(slot)
        vendor().book(replace(request, reservation_id=vendor().reserve(request).id))
        assert sandbox.calls == ["timeslots", "reserve", "confirm"]
        assert sandbox.breaches == []

    def test_a_reservation_is_relied_on_for_a_little_less_than_its_quarter_of_an_hour(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        slot = self.free(vendor, sandbox)[0]
        sandbox.late("reserve", 1)
        asked_at = datetime.now(UTC)
        reservation = vendor.reserve(self.for_slot(slot))
        lives = reservation.expires_at - asked_at
        assert timedelta(minutes=14) < lives < timedelta(minutes=14, seconds=31)
        assert reservation.expires_at.utcoffset() == timedelta(0)

    def test_a_reservation_that_says_its_id_as_id_is_understood(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        sandbox.answer("reserve", 200, {"id": "r-1"})
        assert vendor.reserve(self.for_slot(self.free(vendor, sandbox)[0])).id == "r-1"

    def test_a_taken_time_is_said_to_be_taken_without_another_look(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        slot = self.free(vendor, sandbox)[0]
        sandbox.take_at_desk(slot.id)
        sandbox.calls.clear()
        with pytest.raises(SlotTaken) as raised:
            vendor.reserve(self.for_slot(slot))
        assert not raised.value.may_return
        assert sandbox.calls == ["reserve"]

    @pytest.mark.parametrize("status", [400, 404, 405, 410, 422])
    def test_another_refusal_is_taken_only_if_the_time_is_gone(
        self, vendor: Qmatic, sandbox: RecordingSandbox, status: int
    ) -> None:
        slot = self.free(vendor, sandbox)[0]
        sandbox.answer("reserve", status, times=2)
        with pytest.raises(UnexpectedResponse):
            vendor.reserve(self.for_slot(slot))
        sandbox.take_at_desk(slot.id)
        with pytest.raises(SlotTaken):
            vendor.reserve(self.for_slot(slot))
        assert sandbox.count("reserve") == 2

    @pytest.mark.parametrize("lose", ["lose_answer_before", "garbage", "html"])
    def test_a_reservation_without_an_answer_is_made_once_more_while_the_time_is_listed(
        self, vendor: Qmatic, sandbox: RecordingSandbox, lose: str
    ) -> None:
        slot = self.free(vendor, sandbox)[0]
        getattr(sandbox, lose)("reserve")
        assert vendor.reserve(self.for_slot(slot)).id
        assert sandbox.count("reserve") == 2

    def test_a_time_that_went_with_a_lost_answer_may_return(self, vendor: Qmatic, sandbox: RecordingSandbox) -> None:
        slot = self.free(vendor, sandbox)[0]
        sandbox.lose_answer_after("reserve")
        with pytest.raises(SlotTaken) as raised:
            vendor.reserve(self.for_slot(slot))
        assert raised.value.may_return
        assert sandbox.count("reserve") == 1

    @pytest.mark.parametrize("status", [409, 404])
    def test_a_time_that_is_gone_at_the_second_try_may_return_for_the_first_may_have_landed(
        self, vendor: Qmatic, sandbox: RecordingSandbox, status: int
    ) -> None:
        slot = self.free(vendor, sandbox)[0]
        sandbox.lose_answer_before("reserve")
        sandbox.answer("reserve", status)
        listed = {"startTime": slot.start.isoformat(), "endTime": slot.end.isoformat()}
        sandbox.answer("timeslots", 200, [listed])
        sandbox.answer("timeslots", 200, [])
        with pytest.raises(SlotTaken) as raised:
            vendor.reserve(self.for_slot(slot))
        assert raised.value.may_return
        assert sandbox.count("reserve") == 2

    @pytest.mark.slow
    def test_a_reservation_that_is_answered_too_late_leaves_time_for_a_look_within_a_page(
        self, base_url: str, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        slot = self.free(vendor, sandbox)[0]
        sandbox.late("reserve", 10)
        with pytest.raises(SlotTaken) as raised:
            self.connect(self.connection(base_url), budget=9).reserve(self.for_slot(slot))
        assert raised.value.may_return
        assert sandbox.calls[-2:] == ["reserve", "timeslots"]

    @pytest.mark.parametrize(("lost", "may_return"), [(False, False), (True, True)])
    def test_a_time_whose_service_left_the_catalogue_meanwhile_is_gone(
        self, vendor: Qmatic, sandbox: RecordingSandbox, lost: bool, may_return: bool
    ) -> None:
        slot = self.free(vendor, sandbox)[0]
        if lost:
            sandbox.lose_answer_before("reserve")
        else:
            sandbox.answer("reserve", 404)
        sandbox.answer("timeslots", 404)
        with pytest.raises(SlotTaken) as raised:
            vendor.reserve(self.for_slot(slot))
        assert raised.value.may_return == may_return

    def test_a_reservation_is_never_repeated_in_a_loop(self, vendor: Qmatic, sandbox: RecordingSandbox) -> None:
        slot = self.free(vendor, sandbox)[0]
        sandbox.answer("reserve", 500, times=9)
        with pytest.raises(VendorUnavailable):
            vendor.reserve(self.for_slot(slot))
        assert sandbox.count("reserve") == 2

    def test_a_slot_of_nobody_is_taken(self, vendor: Qmatic, sandbox: RecordingSandbox) -> None:
        slot = replace(self.free(vendor, sandbox)[0], id="what is this")
        with pytest.raises(SlotTaken):
            vendor.reserve(self.for_slot(slot))

    def test_booking_or_moving_without_a_reservation_is_our_mistake(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        request = self.for_slot(self.free(vendor, sandbox)[0])
        with pytest.raises(Unsupported):
            vendor.book(request)
        with pytest.raises(Unsupported):
            vendor.move(guid("any"), request)

    # --- Confirming -----------------------------------------------------------------------------------------------

    def test_a_confirmation_with_an_empty_answer_is_looked_up(self, vendor: Qmatic, sandbox: RecordingSandbox) -> None:
        sandbox.empty_confirm = True
        request = self.held(vendor, sandbox)
        appointment = vendor.book(request)
        assert [entry["appointmentId"] for entry in sandbox.appointments()] == [appointment.id]
        assert appointment.start == request.slot.start

    def test_an_empty_answer_that_cannot_be_looked_up_is_an_unknown_outcome(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        sandbox.empty_confirm = True
        request = self.held(vendor, sandbox)
        sandbox.answer("search", 500, times=3)
        with pytest.raises(OutcomeUnknown):
            vendor.book(request)
        sandbox.well_again()
        assert len(vendor.find(request)) == 1

    def test_an_echo_of_another_time_is_an_unknown_outcome(self, vendor: Qmatic, sandbox: RecordingSandbox) -> None:
        request = self.held(vendor, sandbox)
        other = {"startTime": "2030-01-01T09:00:00+00:00", "endTime": "2030-01-01T09:15:00+00:00"}
        sandbox.answer("confirm", 201, {"appointmentId": guid("x"), "timeSlot": other}, done=True)
        with pytest.raises(OutcomeUnknown):
            vendor.book(request)

    def test_a_second_confirmation_finds_the_first(self, vendor: Qmatic, sandbox: RecordingSandbox) -> None:
        request = self.held(vendor, sandbox)
        sandbox.lose_answer_after("confirm")
        with pytest.raises(OutcomeUnknown):
            vendor.book(request)
        (found,) = vendor.find(request)
        assert vendor.book(request) == found
        assert len(sandbox.appointments()) == 1

    def test_a_confirmation_that_did_not_arrive_can_be_sent_again(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        request = self.held(vendor, sandbox)
        sandbox.lose_answer_before("confirm")
        with pytest.raises(OutcomeUnknown):
            vendor.book(request)
        assert vendor.book(request).start == request.slot.start
        assert len(sandbox.appointments()) == 1

    def test_a_reservation_that_ran_out_is_a_taken_time_after_a_look(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        request = self.held(vendor, sandbox)
        later = datetime.now(UTC) + timedelta(minutes=16)
        sandbox.clock = lambda: later
        with pytest.raises(SlotTaken):
            vendor.book(request)
        assert sandbox.calls[-2:] == ["confirm", "search"]
        assert sandbox.appointments() == []

    @pytest.mark.parametrize("status", [404, 409, 410])
    def test_a_reservation_said_to_be_gone_is_an_unknown_outcome_while_nobody_can_look(
        self, vendor: Qmatic, sandbox: RecordingSandbox, status: int
    ) -> None:
        request = self.held(vendor, sandbox)
        sandbox.answer("confirm", status)
        sandbox.answer("search", 503, times=3)
        with pytest.raises(OutcomeUnknown):
            vendor.book(request)

    @pytest.mark.parametrize("before", [False, True])
    def test_an_entry_at_another_time_is_neither_taken_for_this_booking_nor_for_a_second_one(
        self, vendor: Qmatic, sandbox: RecordingSandbox, before: bool
    ) -> None:
        request = self.held(vendor, sandbox)
        booked = vendor.book(request)
        entry = sandbox.diary["appointments"][booked.id]
        other = {**entry, "id": ENTERED_ANEW, "timeSlot": self.a_day_later(entry["timeSlot"])}
        both = {ENTERED_ANEW: other, booked.id: entry}
        sandbox.diary["appointments"] = both if before else dict(reversed(both.items()))
        assert vendor.find(request) == [booked]

    def test_a_booking_that_stands_at_another_time_only_is_neither_found_nor_absent(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        request = self.held(vendor, sandbox)
        booked = vendor.book(request)
        sandbox.move_by_staff(booked.id, booked.start + timedelta(days=1))
        with pytest.raises(OutcomeUnknown):
            vendor.find(request)
        with pytest.raises(OutcomeUnknown):  # its reservation is used up: 404, and yet it is in the diary
            vendor.book(request)

    def test_the_same_instant_in_another_offset_is_the_same_time(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        request = self.held(vendor, sandbox)
        booked = vendor.book(request)
        entry = sandbox.diary["appointments"][booked.id]
        there = timezone(timedelta(hours=5))
        entry["timeSlot"] = {
            name: datetime.fromisoformat(text).astimezone(there).isoformat() for name, text in entry["timeSlot"].items()
        }
        assert [found.id for found in vendor.find(request)] == [booked.id]

    def test_the_hour_that_comes_twice_is_two_times(self, vendor: Qmatic, sandbox: RecordingSandbox) -> None:
        first, second = (datetime(2026, 10, 25, 1, 0, tzinfo=self.zone, fold=fold) for fold in (0, 1))
        slot = Slot("-", first, first + timedelta(minutes=15), BANKSIDE["id"], None)
        time_slot = {"startTime": second.isoformat(), "endTime": (second + timedelta(minutes=15)).isoformat()}
        sandbox.answer("search", 200, [{"appointmentId": guid("x"), "timeSlot": time_slot}])
        with pytest.raises(OutcomeUnknown):
            vendor.find(self.for_slot(slot))
        sandbox.answer("search", 200, [{"appointmentId": guid("x"), "timeSlot": time_slot}])
        assert [found.id for found in vendor.find(self.for_slot(replace(slot, start=second)))] == [guid("x")]

    def test_a_search_that_finds_one_bare_object_has_found_it(self, vendor: Qmatic, sandbox: RecordingSandbox) -> None:
        request = self.held(vendor, sandbox)
        booked = vendor.book(request)
        entry = {key: value for key, value in sandbox.appointments()[0].items() if key in ("appointmentId", "timeSlot")}
        sandbox.answer("search", 200, entry)
        assert vendor.find(request) == [booked]

    @pytest.mark.parametrize("status", [400, 404])
    def test_a_search_that_is_refused_has_not_found_nothing(
        self, vendor: Qmatic, sandbox: RecordingSandbox, status: int
    ) -> None:
        request = self.held(vendor, sandbox)
        sandbox.answer("search", status)
        with pytest.raises(UnexpectedResponse):
            vendor.find(request)

    def test_a_refusal_without_a_birth_date_leads_to_that_field(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        sandbox.birth_date_required = True
        request = self.held(vendor, sandbox, patient=replace(self.patient, birth_date=None))
        with pytest.raises(InvalidPatient) as raised:
            vendor.book(request)
        assert raised.value.fields == ("birth_date",)
        assert vendor.book(replace(request, patient=self.patient)).id

    def test_a_name_that_the_vendor_cannot_write_leads_to_that_name(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        request = self.held(vendor, sandbox, patient=replace(self.patient, last_name="山田"))
        with pytest.raises(InvalidPatient) as raised:
            vendor.book(request)
        assert raised.value.fields == ("last_name",)

    def test_a_refusal_without_a_suspect_leads_to_everything_that_was_given(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        request = self.held(vendor, sandbox, patient=replace(self.patient, phone=""))
        sandbox.answer("confirm", 422)
        with pytest.raises(InvalidPatient) as raised:
            vendor.book(request)
        assert set(raised.value.fields) == {"first_name", "last_name", "email", "birth_date"}

    def test_another_refusal_of_a_confirmation_is_ours_to_mend(self, vendor: Qmatic, sandbox: RecordingSandbox) -> None:
        request = self.held(vendor, sandbox)
        sandbox.answer("confirm", 405)
        with pytest.raises(UnexpectedResponse):
            vendor.book(request)

    @pytest.mark.parametrize(("setting", "asked"), [("no", None), ("optional", False), ("required", True)])
    def test_the_practice_says_whether_the_birth_date_is_asked_for(
        self, base_url: str, sandbox: RecordingSandbox, setting: str, asked: bool | None
    ) -> None:
        vendor = self.connect(self.connection(base_url, birth_date=setting))
        required = {entry.field: entry.required for entry in vendor.asks()}
        assert required.get(Field.BIRTH_DATE) == asked
        vendor.book(self.held(vendor, sandbox))  # type: ignore[arg-type]
        sent = sandbox.sent("confirm")[0].json()
        assert sent.get("dateOfBirth") == (None if setting == "no" else "1984-02-29")

    @pytest.mark.parametrize(
        ("typed", "sent"),
        [
            ("O’Brien", "O'Brien"),
            ("O\u00b4Brien", "O'Brien"),
            (unicodedata.normalize("NFD", "Zoë Ångström"), "Zoë Ångström"),
            ("Smith\u2011Jones", "Smith-Jones"),
            ("  van\u00a0der  Berg ", "van der Berg"),
            ("Достоевский", "Достоевский"),
        ],
    )
    def test_a_name_is_spelled_so_that_the_vendor_takes_it(
        self, vendor: Qmatic, sandbox: RecordingSandbox, typed: str, sent: str
    ) -> None:
        vendor.book(self.held(vendor, sandbox, patient=replace(self.patient, last_name=typed)))
        assert sandbox.appointments()[0]["customer"]["lastName"] == sent

    def test_a_phone_number_stays_a_text_with_its_plus(self, vendor: Qmatic, sandbox: RecordingSandbox) -> None:
        vendor.book(self.held(vendor, sandbox, patient=replace(self.patient, phone="+44 (0)20/7946.0999")))
        assert sandbox.appointments()[0]["customer"]["phoneNumber"] == "+4402079460999"
        assert sandbox.breaches == []

    def test_what_was_not_asked_is_not_sent(self, vendor: Qmatic, sandbox: RecordingSandbox) -> None:
        vendor.book(self.held(vendor, sandbox, patient=replace(self.patient, phone="", birth_date=None)))
        sent = sandbox.sent("confirm")[0].json()
        assert set(sent) == {"personalIdentifier", "firstName", "lastName", "email"}

    def test_the_identifier_is_the_bookings_key_without_hyphens(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        key = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
        request = self.held(vendor, sandbox, key=key)
        booked = vendor.book(request)
        assert sandbox.appointments()[0]["personalIdentifier"] == key.replace("-", "")
        assert vendor.find(request) == [booked]
        assert sandbox.breaches == []

    # --- How it stands later --------------------------------------------------------------------------------------

    def test_an_appointment_that_staff_entered_anew_is_found_by_the_bookings_key(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        request = self.held(vendor, sandbox)
        booked = vendor.book(request)
        entry = sandbox.diary["appointments"].pop(booked.id)
        sandbox.diary["appointments"][ENTERED_ANEW] = {**entry, "id": ENTERED_ANEW}
        assert vendor.standing(booked.id, request) == replace(booked, id=ENTERED_ANEW)

    def test_an_appointment_that_stands_costs_one_call_and_one_that_is_gone_two(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        request = self.held(vendor, sandbox)
        booked = vendor.book(request)
        sandbox.calls.clear()
        vendor.standing(booked.id, request)
        sandbox.cancel_by_staff(booked.id)
        vendor.standing(booked.id, request)
        assert sandbox.calls == ["appointment", "appointment", "search"]

    @pytest.mark.parametrize(("status", "error"), [(500, VendorUnavailable), (404, UnexpectedResponse)])
    def test_an_unknown_id_alone_does_not_say_that_it_is_gone(
        self, vendor: Qmatic, sandbox: RecordingSandbox, status: int, error: type[Exception]
    ) -> None:
        request = self.held(vendor, sandbox)
        booked = vendor.book(request)
        sandbox.answer("appointment", 404)
        sandbox.answer("search", status, times=2)
        with pytest.raises(error):
            vendor.standing(booked.id, request)

    # --- Given up by the vendor: 408 ------------------------------------------------------------------------------

    @pytest.mark.parametrize("done", [True, False])
    def test_a_booking_that_the_vendor_gave_up_is_an_unknown_outcome(
        self, vendor: Qmatic, sandbox: RecordingSandbox, done: bool
    ) -> None:
        request = self.held(vendor, sandbox)
        sandbox.answer("confirm", 408, done=done)
        with pytest.raises(OutcomeUnknown):
            vendor.book(request)
        assert len(vendor.find(request)) == done

    def test_a_reservation_a_cancellation_and_a_move_that_the_vendor_gave_up_are_looked_up(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        booked, _, there = self.moving(vendor, sandbox)
        sandbox.answer("reschedule", 408)
        with pytest.raises(OutcomeUnknown):
            vendor.move(booked, there)
        sandbox.answer("reschedule", 408, done=True)
        assert vendor.move(booked, there).start == there.slot.start
        sandbox.answer("cancel", 408)
        with pytest.raises(OutcomeUnknown):
            vendor.cancel(booked, there)
        sandbox.answer("cancel", 408, done=True)
        vendor.cancel(booked, there)
        slot = self.free(vendor, sandbox)[0]
        sandbox.answer("reserve", 408, done=True)
        with pytest.raises(SlotTaken) as raised:
            vendor.reserve(self.for_slot(slot))
        assert raised.value.may_return

    # --- Too many requests ----------------------------------------------------------------------------------------

    @pytest.mark.parametrize("done", [True, False])
    def test_too_many_requests_leave_a_booking_unknown(
        self, vendor: Qmatic, sandbox: RecordingSandbox, done: bool
    ) -> None:
        request = self.held(vendor, sandbox)
        sandbox.answer("confirm", 429, headers=(("Retry-After", "7"),), done=done)
        with pytest.raises(OutcomeUnknown):
            vendor.book(request)
        assert sandbox.count("confirm") == 1
        assert len(vendor.find(request)) == done

    def test_a_cancellation_that_meets_too_many_requests_is_looked_up(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        request = self.held(vendor, sandbox)
        booked = vendor.book(request)
        sandbox.answer("cancel", 429)
        with pytest.raises(OutcomeUnknown):
            vendor.cancel(booked.id, request)
        sandbox.answer("cancel", 429, done=True)
        vendor.cancel(booked.id, request)
        assert sandbox.appointments() == []

    def test_a_move_that_meets_too_many_requests_is_looked_up(self, vendor: Qmatic, sandbox: RecordingSandbox) -> None:
        booked, _, there = self.moving(vendor, sandbox)
        sandbox.answer("reschedule", 429)
        with pytest.raises(OutcomeUnknown):
            vendor.move(booked, there)
        sandbox.answer("reschedule", 429, done=True)
        assert vendor.move(booked, there).start == there.slot.start

    def test_a_reservation_that_meets_too_many_requests_may_stand_unseen(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        _, search = self.choice(vendor, sandbox)
        slot = vendor.slots(replace(search, provider_id=OKAFOR))[0]
        sandbox.answer("reserve", 429, done=True)
        with pytest.raises(SlotTaken) as raised:
            self.request(vendor, sandbox, slot)
        assert raised.value.may_return

    def test_a_booking_whose_token_meets_too_many_requests_was_not_sent(
        self, base_url: str, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        request = self.held(vendor, sandbox)
        sandbox.answer("token", 429)
        with pytest.raises(VendorUnavailable):
            self.connect(self.connection(base_url)).book(request)
        assert sandbox.count("confirm") == 0

    # --- Cancelling and moving ------------------------------------------------------------------------------------

    def test_a_cancellation_without_an_answer_is_looked_up(self, vendor: Qmatic, sandbox: RecordingSandbox) -> None:
        request = self.held(vendor, sandbox)
        booked = vendor.book(request)
        sandbox.lose_answer_after("cancel")
        vendor.cancel(booked.id, request)
        assert sandbox.appointments() == []

    def test_a_cancellation_that_did_not_arrive_is_an_unknown_outcome(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        request = self.held(vendor, sandbox)
        booked = vendor.book(request)
        sandbox.lose_answer_before("cancel")
        with pytest.raises(OutcomeUnknown):
            vendor.cancel(booked.id, request)
        assert sandbox.count("cancel") == 1
        sandbox.lose_answer_after("cancel")
        sandbox.answer("appointment", 500, times=3)
        with pytest.raises(OutcomeUnknown):
            vendor.cancel(booked.id, request)

    def test_a_refused_cancellation_is_not_taken_for_a_done_one(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        request = self.held(vendor, sandbox)
        booked = vendor.book(request)
        sandbox.answer("cancel", 409)
        with pytest.raises(UnexpectedResponse):
            vendor.cancel(booked.id, request)

    def moving(self, vendor: Qmatic, sandbox: RecordingSandbox) -> tuple[str, BookingRequest, BookingRequest]:
        first, second = self.two_apart(self.free(vendor, sandbox))
        here = self.request(vendor, sandbox, first)
        return vendor.book(here).id, here, self.request(vendor, sandbox, second)

    def test_moving_keeps_the_id_and_is_one_reservation_and_one_change(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        booked, _, there = self.moving(vendor, sandbox)
        sandbox.calls.clear()
        assert vendor.move(booked, there).id == booked
        assert sandbox.calls == ["reschedule"]
        assert [found.start for found in vendor.find(there)] == [there.slot.start]
        assert sandbox.breaches == []

    @pytest.mark.parametrize("again", [False, True])
    def test_a_move_without_an_answer_is_looked_up(
        self, vendor: Qmatic, sandbox: RecordingSandbox, again: bool
    ) -> None:
        booked, _, there = self.moving(vendor, sandbox)
        sandbox.lose_answer_after("reschedule")
        assert vendor.move(booked, there).start == there.slot.start
        if again:  # its reservation is used up: 404, and yet it stands at the new time
            assert vendor.move(booked, there).start == there.slot.start

    def test_a_move_that_did_not_arrive_is_an_unknown_outcome(self, vendor: Qmatic, sandbox: RecordingSandbox) -> None:
        booked, here, there = self.moving(vendor, sandbox)
        sandbox.lose_answer_before("reschedule")
        with pytest.raises(OutcomeUnknown):
            vendor.move(booked, there)
        assert [found.start for found in vendor.find(here)] == [here.slot.start]

    def test_a_move_to_a_reservation_that_ran_out_leaves_the_old_time(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        booked, here, there = self.moving(vendor, sandbox)
        later = datetime.now(UTC) + timedelta(minutes=16)
        sandbox.clock = lambda: later
        with pytest.raises(SlotTaken):
            vendor.move(booked, there)
        assert [found.start for found in vendor.find(here)] == [here.slot.start]

    def test_a_move_of_a_cancelled_appointment_is_no_taken_time(
        self, vendor: Qmatic, sandbox: RecordingSandbox
    ) -> None:
        booked, here, there = self.moving(vendor, sandbox)
        vendor.cancel(booked, here)
        with pytest.raises(UnexpectedResponse):
            vendor.move(booked, there)

    # --- Time limits ----------------------------------------------------------------------------------------------

    def test_a_vendor_that_hangs_is_given_up_within_the_budget(self, base_url: str, sandbox: RecordingSandbox) -> None:
        sandbox.slow("timeslots", 5)
        started = datetime.now(UTC)
        with pytest.raises(VendorUnavailable):
            self.connect(self.connection(base_url), budget=1.5).slots(self.search(sandbox, GP, None))
        assert datetime.now(UTC) - started < timedelta(seconds=4)


class TestTheSandboxIsStrict:
    """A control: were the sandbox blind, an empty list of breaches would say nothing."""

    @pytest.mark.parametrize(
        ("change", "breach"),
        [
            (lambda r: r.headers.pop("x-tenant-id"), "X-TENANT-ID"),
            (lambda r: r.headers.update({"accept-language": "en-GB,en;q=0.9"}), "Accept-Language"),
            (lambda r: r.query.update({"date": "2026-12-01"}), "unknown parameters"),
            (lambda r: r.query.pop("numberOfReservations"), "numberOfReservations"),
            (lambda r: r.query.update({"branchId": "12"}), "GUID"),
            (lambda r: r.headers.pop("authorization"), "Bearer"),
        ],
    )
    def test_a_broken_rule_is_recorded(self, change: Callable[[Request], object], breach: str) -> None:
        seen: list[Reply] = []

        class Careless(QmaticSandbox):
            """Breaks a request on its way in, as a careless caller would have."""

            def check(self, request: Request, operation: str) -> None:
                if operation == "timeslots":
                    change(request)
                super().check(request, operation)

            def timeslots(self, request: Request) -> Reply:
                reply = super().timeslots(request)
                seen.append(reply)
                return reply

        contract, sandbox = TestQmatic(), Careless()
        with sandbox.serve() as base_url, pytest.raises((UnexpectedResponse, AuthenticationFailed)):
            contract.connect(contract.connection(base_url)).slots(contract.search(sandbox, GP, BANKSIDE["id"], OKAFOR))
        assert not seen
        assert breach in "".join(sandbox.breaches)
