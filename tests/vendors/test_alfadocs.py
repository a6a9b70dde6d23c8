"""AlfaDocs: the contract of every vendor, and its own corners: tokens, charts, chairs, two at one time."""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.vendors.contract import VendorContract
from vendors.alfadocs import AlfaDocs, Connection
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
    Slot,
    SlotTaken,
    UnexpectedResponse,
    Unsupported,
    Url,
    VendorUnavailable,
)
from vendors.sandbox.alfadocs import (
    API_KEY,
    ARCHIVE,
    BIANCHI,
    CHAIR_1,
    CHAIR_2,
    CHAIR_3,
    CHECK_UP,
    CLIENT_ID,
    CLIENT_SECRET,
    FILLING,
    GALLO,
    GREEN,
    HYGIENE,
    OLD_CHAIR,
    PRACTICE,
    REFRESH_TOKEN,
    RETIRED,
    RINALDI,
    URGENT,
    AlfaDocsSandbox,
)
from vendors.sandbox.base import Refusal, Reply, Request

ROME = ZoneInfo("Europe/Rome")
NOON = datetime(2026, 6, 10, 10, 0, tzinfo=UTC)  # a Wednesday, 12:00 in Rome
MONDAY = date(2026, 6, 15)
GIULIA = Patient("Giulia", "Ferri", "famiglia.ferri@posta.example", "+393331112221", date(1990, 4, 12))
"""Has a chart, with the number 1."""


type Both = tuple[AlfaDocs, RecordingSandbox]
type BothHurried = tuple[AlfaDocs, Hurried]


class NoQueue:
    """`Turns` for tests that are about something else than the queue."""

    def wait(self, seconds: float, deadline: float) -> bool:
        return True

    def pause(self, seconds: float) -> None:
        pass


class RecordingSandbox(AlfaDocsSandbox):
    """Keeps what was sent, for tests about exactly that."""

    address = ""

    def __init__(self, *args: Any, **settings: Any) -> None:
        self.requests: list[tuple[str, Request]] = []
        super().__init__(*args, **settings)

    def check(self, request: Request, operation: str) -> None:
        self.requests.append((operation, request))
        super().check(request, operation)

    def sent(self, operation: str) -> list[Request]:
        return [request for name, request in self.requests if name == operation]

    def ours(self) -> list[dict[str, Any]]:
        return [entry for entry in self.appointments() if entry["createdThroughApi"]]


class Hurried(RecordingSandbox):
    """Somebody at the desk is a moment faster, or slower, than a booking, and the vendor accepts both."""

    accepts_overlaps = True
    before: list[dict[str, Any]]
    """What the desk enters right before the next booking: the same, but for these values."""
    after: list[dict[str, Any]]

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.before, self.after = [], []

    def create_appointment(self, request: Request) -> Reply:
        body = request.json()
        slot_id = ",".join(map(str, (*body["date"].split(" "), body["duration"], body["operatorId"], body["chairId"])))
        for changes in self.before:
            self.take_at_desk(slot_id)
            self.diary["appointments"][-1] |= changes
        reply = super().create_appointment(request)
        for changes in self.after:
            self.take_at_desk(slot_id)
            self.diary["appointments"][-1] |= changes
        return reply


def free(day: date = MONDAY, at: str = "10:00:00", operator: int = BIANCHI, chair: int = CHAIR_1) -> dict[str, Any]:
    return {"chairId": chair, "date": str(day), "operatorId": operator, "time": at}


def listed(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"status": "success", "count": 0, "data": list(rows)}


class Base:
    zone = ROME
    country = "IT"

    def at(
        self, moment: datetime, sandbox: RecordingSandbox | None = None, **changes: Any
    ) -> Any:  # a context manager of (vendor, sandbox)
        return self._at(moment, sandbox, **changes)

    @contextmanager
    def _at(
        self, moment: datetime, sandbox: RecordingSandbox | None, breaches: bool = False, **changes: Any
    ) -> Iterator[Both]:
        """Both sides at one moment, and at the end no breach of the vendor's contract."""
        sandbox = sandbox or RecordingSandbox(clock=lambda: moment)
        with sandbox.serve() as sandbox.address:
            yield self.made(sandbox.address, sandbox, **changes), sandbox
        if not breaches:
            assert sandbox.breaches == []

    def made(self, base_url: str, sandbox: AlfaDocsSandbox, oauth: bool = False, **changes: Any) -> AlfaDocs:
        connection = oauth_connection(base_url) if oauth else key_connection(base_url)
        connection = changes.pop("connection", connection)
        context = Context(
            "test", self.zone, self.country, MemoryStore(), allow_private_hosts=True, budget=30, turns=NoQueue()
        )
        clinic = {"clinic_name": "Studio Bianchi", "clinic_address": "Via Solferino 14, 20121 Milano"}
        return AlfaDocs(connection, replace(context, **(clinic | changes)), clock=sandbox.clock)

    @pytest.fixture
    def june(self) -> Iterator[Both]:
        with self.at(NOON) as both:
            yield both

    @pytest.fixture
    def hurried(self) -> Iterator[BothHurried]:
        with self.at(NOON, Hurried(clock=lambda: NOON)) as both:
            yield both


def key_connection(base_url: str, **changes: Any) -> Connection:
    ids = {"practice_id": PRACTICE, "archive_id": ARCHIVE, "color_id": str(GREEN)}
    return Connection(**{"base_url": Url(f"{base_url}/api/v1"), "api_key": Secret(API_KEY), **ids, **changes})


def oauth_connection(base_url: str, **changes: Any) -> Connection:
    ids = {"practice_id": PRACTICE, "archive_id": ARCHIVE, "color_id": str(GREEN)}
    credentials = {"client_id": CLIENT_ID, "client_secret": Secret(CLIENT_SECRET)}
    addresses = {
        "base_url": Url(f"{base_url}/api/v1"),
        "token_url": Url(f"{base_url}/oauth2/token"),
        "authorize_url": Url(f"{base_url}/oauth2/authorize"),
    }
    return Connection(**{"refresh_token": Secret(REFRESH_TOKEN), **ids, **credentials, **addresses, **changes})


def search(first: date = MONDAY, last: date | None = None, service: int = CHECK_UP, **changes: Any) -> Search:
    return replace(Search(str(service), first, last or first, PRACTICE), **changes)


def request_for(slot: Slot, patient: Patient = GIULIA, service: int = CHECK_UP, **changes: Any) -> BookingRequest:
    return replace(
        BookingRequest("k" * 32, "ABC-2345", str(service), "Check-up", slot, patient),
        **changes,
    )


def some_slot(vendor: AlfaDocs, operator: int = RINALDI, **changes: Any) -> Slot:
    """The first free check-up from the Monday on, with Dott. Rinaldi, who has one chair."""
    return vendor.slots(search(MONDAY, date(2026, 6, 30), provider_id=str(operator), **changes))[0]


class TestAlfaDocs(VendorContract):
    Vendor = AlfaDocs
    Sandbox = RecordingSandbox
    zone = ROME
    country = "IT"
    patient = Patient(
        first_name="Zoë",
        last_name="Dell'Orto-Bassani",
        email="zoe@paziente.example",
        phone="+393471234567",
        birth_date=date(1984, 2, 29),
    )
    times = "free_slots"
    booking = "create_appointment"
    lookup = "list_appointments"
    standing = "appointment"

    def connect(self, connection: Any, **changes: Any) -> Any:
        return super().connect(connection, **({"clinic_name": "Studio Bianchi", "turns": NoQueue()} | changes))

    def connection(self, base_url: str) -> Connection:
        return key_connection(base_url)

    def wrong_credentials(self, base_url: str) -> Connection:
        return key_connection(base_url, api_key=Secret("another key"))

    def request(self, vendor: Any, sandbox: Any, slot: Slot, **changes: Any) -> BookingRequest:
        """Of two bookings each has its own reference: by it and the day they are told apart."""
        reference = f"{changes['key'][:3]}-234" if "key" in changes else "ABC-234"
        return super().request(vendor, sandbox, slot, **({"reference": reference} | changes))

    def refuse_the_patient(self, sandbox: Any) -> None:
        sandbox.answer("create_patient", 400, {"error": "Dati non validi"})

    def test_a_connection_does_not_show_its_secrets(self, base_url: str) -> None:
        connection = self.connection(base_url)
        secrets = [s for s in (connection.api_key, connection.client_secret, connection.refresh_token) if s]
        assert secrets  # those of the other scheme are empty
        assert not [secret for secret in secrets if str(secret) in repr(connection)]

    def test_it_cannot_hold_a_time(self) -> None:
        assert not AlfaDocs.capabilities.reserve
        assert AlfaDocs.needs_clinic


class TestOverOAuth(TestAlfaDocs):
    """The whole contract once more, with tokens instead of a key."""

    def connection(self, base_url: str) -> Connection:
        return oauth_connection(base_url)

    def wrong_credentials(self, base_url: str) -> Connection:
        return oauth_connection(base_url, refresh_token=Secret("refresh-0"))


class TestTheConnection:
    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"client_id": "x", "client_secret": Secret("y")}, "not both"),
            ({"refresh_token": Secret("y")}, "not both"),
            ({"api_key": Secret("")}, "not neither"),
            ({"api_key": Secret(""), "client_id": "x"}, "belong together"),
            ({"api_key": Secret(""), "client_secret": Secret("x")}, "belong together"),
            ({"api_key": Secret(""), "refresh_token": Secret("x")}, "belong together"),
            ({"practice_id": ""}, "practice_id"),
            ({"archive_id": "8871/.."}, "archive_id"),
            ({"color_id": "green"}, "color_id"),
            ({"color_id": ""}, "color_id"),
        ],
    )
    def test_what_cannot_be_is_refused_in_clear_words(self, changes: dict[str, Any], said: str) -> None:
        with pytest.raises(ValueError, match=said):
            key_connection("http://127.0.0.1", **changes)

    def test_the_public_addresses_are_known_and_the_tokens_are_not_below_the_api(self) -> None:
        connection = Connection(practice_id="1", archive_id="2", color_id="3", api_key=Secret("k"))
        assert connection.base_url == "https://app.alfadocs.com/api/v1"
        assert connection.token_url == "https://app.alfadocs.com/oauth2/token"
        assert connection.consent_page == "https://app.alfadocs.com/oauth2/authorize"
        assert not connection.reminders

    def test_the_owner_says_yes_beside_where_the_tokens_are_unless_it_is_told_otherwise(self) -> None:
        keys = {"color_id": "3", "client_id": "x", "client_secret": Secret("y")}
        elsewhere = Connection(**keys, token_url=Url("https://alfa.example/oauth2/token/"))  # type: ignore[arg-type]
        assert elsewhere.consent_page == "https://alfa.example/oauth2/authorize"
        assert replace(elsewhere, authorize_url=Url("https://yes.example/")).consent_page == "https://yes.example/"

    def test_before_the_owner_said_yes_neither_ids_nor_token_are_there(self) -> None:
        Connection(color_id="3", client_id="x", client_secret=Secret("y"))
        with pytest.raises(ValueError, match="practice_id"):
            Connection(color_id="3", client_id="x", client_secret=Secret("y"), refresh_token=Secret("z"))


class TestTokens(Base):
    @contextmanager
    def over_oauth(self, **changes: Any) -> Iterator[Both]:
        with self.at(NOON, oauth=True, **changes) as both:
            yield both

    def test_a_key_goes_in_its_own_header_and_a_token_in_another(self) -> None:
        with self.at(NOON) as (vendor, sandbox):
            vendor.services("it")
            assert {r.headers.get("x-api-key") for _, r in sandbox.requests} == {API_KEY}
            assert all("authorization" not in r.headers for _, r in sandbox.requests)
        with self.over_oauth() as (vendor, sandbox):
            vendor.services("it")
            after = [r for name, r in sandbox.requests if name != "token"]
            assert {r.headers.get("authorization") for r in after} == {"Bearer access-2"}
            assert all("x-api-key" not in r.headers for r in after)

    def test_one_token_serves_many_requests_and_many_vendor_objects(self) -> None:
        store = MemoryStore()
        sandbox = RecordingSandbox(clock=lambda: NOON)
        with sandbox.serve() as base_url:
            for _ in range(3):
                vendor = self.made(base_url, sandbox, oauth=True, store=store)
                vendor.services("it")
                vendor.slots(search())
        assert sandbox.count("token") == 1
        assert sandbox.breaches == []

    def test_both_tokens_are_stored_in_one_step_and_the_next_refresh_uses_the_newer(self) -> None:
        puts: list[tuple[str, str]] = []

        class Store(MemoryStore):
            def put(self, key: str, value: str, seconds: float) -> None:
                puts.append((key, value))
                super().put(key, value, seconds)

        with self.over_oauth(store=Store()) as (vendor, sandbox):
            vendor.services("it")
            (kept,) = [json.loads(value) for key, value in puts if key == "tokens"]
            assert (kept["access"], kept["refresh"]) == ("access-2", "refresh-2")
            assert kept["expires_at"] == NOON.timestamp() + 3600
            sandbox.diary["tokens"]["access"].clear()
            vendor.services("it")
            forms = [parse_qs(r.content.decode()) for r in sandbox.sent("token")]
            assert [form["refresh_token"] for form in forms] == [["refresh-1"], ["refresh-2"]]
            assert [form["grant_type"] for form in forms] == [["refresh_token"]] * 2

    @pytest.mark.parametrize(("minutes", "tokens"), [(54, 1), (56, 2)])
    def test_a_token_is_renewed_some_minutes_before_its_end(self, minutes: int, tokens: int) -> None:
        now = [NOON]
        sandbox = RecordingSandbox(clock=lambda: now[0])
        with self.at(NOON, sandbox, oauth=True) as (vendor, sandbox):
            vendor.services("it")
            now[0] = NOON + timedelta(minutes=minutes)
            vendor.services("it")
            assert sandbox.count("token") == tokens

    def test_a_token_of_a_few_minutes_is_not_renewed_for_every_call(self) -> None:
        sandbox = RecordingSandbox(clock=lambda: NOON)
        sandbox.token_lifetime = 120
        with self.at(NOON, sandbox, oauth=True) as (vendor, sandbox):
            vendor.services("it")
            vendor.slots(search())
            assert sandbox.count("token") == 1

    def test_a_refused_token_is_renewed_once_and_the_call_repeated(self) -> None:
        with self.over_oauth() as (vendor, sandbox):
            before = vendor.slots(search())
            sandbox.diary["tokens"]["access"].clear()
            assert vendor.slots(search()) == before
            assert sandbox.count("token") == 2

    def test_a_refused_token_is_renewed_for_a_booking_too_which_happens_once(self) -> None:
        with self.over_oauth() as (vendor, sandbox):
            request = request_for(some_slot(vendor))
            sandbox.answer("create_appointment", 401, {"error": "scaduto"})
            assert vendor.book(request).id
            assert len(sandbox.ours()) == 1
            assert sandbox.count("token") == 2

    def test_a_vendor_that_refuses_every_token_is_asked_twice_and_no_more(self) -> None:
        with self.over_oauth() as (vendor, sandbox):
            vendor.services("it")
            sandbox.answer("free_slots", 401, times=5)
            with pytest.raises(AuthenticationFailed):
                vendor.slots(search())
            assert sandbox.count("free_slots") == 2
            assert sandbox.count("token") == 2

    def test_of_many_processes_one_renews_and_the_others_take_its_token(self) -> None:
        class Store(MemoryStore):
            """As the real one is: of all callers one gets the lease."""

            lock = threading.Lock()

            def lease(self, key: str, seconds: float) -> bool:
                with self.lock:
                    return super().lease(key, seconds)

        store, found = Store(), []
        sandbox = RecordingSandbox(clock=lambda: NOON)
        with sandbox.serve() as base_url:
            sandbox.slow("token", 0.5)
            vendors = [self.made(base_url, sandbox, oauth=True, store=store) for _ in range(8)]
            threads = [threading.Thread(target=lambda v=v: found.append(len(v.slots(search())))) for v in vendors]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert sandbox.count("token") == 1
        assert len(found) == 8
        assert sandbox.breaches == []

    def test_a_token_that_another_process_renewed_a_moment_before_is_not_renewed_again(self) -> None:
        sandbox = RecordingSandbox(clock=lambda: NOON)
        others: list[AlfaDocs] = []

        class Store(MemoryStore):
            def lease(self, key: str, seconds: float) -> bool:
                if others:
                    others.pop().services("it")
                return super().lease(key, seconds)

        store = Store()
        with sandbox.serve() as base_url:
            others.append(self.made(base_url, sandbox, oauth=True, store=store))
            assert self.made(base_url, sandbox, oauth=True, store=store).services("it")
        assert sandbox.count("token") == 1
        assert sandbox.breaches == []

    def test_who_waits_for_another_process_that_does_not_come_back_gives_up_in_time(self) -> None:
        store = MemoryStore()
        store.lease("refresh", 20)
        with self.over_oauth(store=store, budget=1.0) as (vendor, sandbox):
            started = time.monotonic()
            with pytest.raises(VendorUnavailable):
                vendor.services("it")
            assert time.monotonic() - started < 2
            assert sandbox.calls == []

    def test_the_lease_is_given_back_also_when_the_vendor_is_down(self) -> None:
        with self.over_oauth() as (vendor, sandbox):
            sandbox.answer("token", 503)
            with pytest.raises(VendorUnavailable):
                vendor.services("it")
            assert vendor.services("it")

    @pytest.mark.parametrize("status", [400, 401, 403])
    def test_a_refused_refresh_means_that_the_practice_must_reconnect_and_is_not_tried_again(self, status: int) -> None:
        store = MemoryStore()
        with self.over_oauth(store=store) as (vendor, sandbox):
            sandbox.answer("token", status, {"error": "invalid_grant", "error_description": "…"})
            for _ in range(2):
                with pytest.raises(AuthenticationFailed, match="must reconnect"):
                    vendor.services("it")
            assert sandbox.calls == ["token"]

    @pytest.mark.parametrize("status", [429, 500, 502, 503])
    def test_a_token_endpoint_in_trouble_means_try_again_later(self, status: int) -> None:
        with self.over_oauth() as (vendor, sandbox):
            sandbox.answer("token", status)
            with pytest.raises(VendorUnavailable):
                vendor.services("it")
            assert sandbox.count("token") == 1
            assert vendor.services("it")

    @pytest.mark.parametrize("trouble", [429, 500, 503, "unreachable"])
    def test_while_no_token_is_to_be_had_the_older_one_is_used_to_its_end(self, trouble: int | str) -> None:
        now, store = [NOON], MemoryStore()
        sandbox = RecordingSandbox(clock=lambda: now[0])
        with self.at(NOON, sandbox, oauth=True, store=store) as (vendor, sandbox):
            vendor.services("it")
            now[0] = NOON + timedelta(minutes=56)
            if trouble == "unreachable":
                nowhere = oauth_connection(sandbox.address, token_url=Url("http://127.0.0.1:9/oauth2/token"))
                vendor = self.made(sandbox.address, sandbox, connection=nowhere, store=store)
            else:
                sandbox.answer("token", int(trouble), times=2)
            assert vendor.services("it")
            assert self.made(sandbox.address, sandbox, oauth=True, store=store).slots(search())
            assert sandbox.count("token") == (1 if trouble == "unreachable" else 2)  # not for every call
            now[0] = NOON + timedelta(minutes=61)
            if trouble != "unreachable":
                with pytest.raises(VendorUnavailable):
                    vendor.services("it")
                assert vendor.services("it")
                assert sandbox.count("token") == 4

    def test_a_renewal_that_did_not_happen_is_tried_again_half_a_minute_later(self) -> None:
        now = [NOON]
        sandbox = RecordingSandbox(clock=lambda: now[0])
        with self.at(NOON, sandbox, oauth=True) as (vendor, sandbox):
            vendor.services("it")
            now[0] = NOON + timedelta(minutes=56)
            sandbox.answer("token", 503)
            vendor.services("it")
            now[0] += timedelta(seconds=31)
            vendor.services("it")
            assert sandbox.count("token") == 3
            assert sandbox.sent("operators")[-1].headers["authorization"] == "Bearer access-3"

    def test_a_token_that_was_refused_is_not_used_while_no_other_is_to_be_had(self) -> None:
        now = [NOON]
        sandbox = RecordingSandbox(clock=lambda: now[0])
        with self.at(NOON, sandbox, oauth=True) as (vendor, sandbox):
            vendor.services("it")
            now[0] = NOON + timedelta(minutes=56)
            sandbox.answer("token", 503, times=2)
            vendor.services("it")
            sandbox.diary["tokens"]["access"].clear()
            with pytest.raises(VendorUnavailable):
                vendor.slots(search())
            assert vendor.slots(search())

    @pytest.mark.parametrize("lose", ["lose_answer_before", "html"])
    def test_when_nobody_knows_whether_it_was_renewed_the_older_token_is_not_used(self, lose: str) -> None:
        now = [NOON]
        sandbox = RecordingSandbox(clock=lambda: now[0])
        with self.at(NOON, sandbox, oauth=True) as (vendor, sandbox):
            vendor.services("it")
            now[0] = NOON + timedelta(minutes=56)
            getattr(sandbox, lose)("token")
            with pytest.raises(VendorUnavailable):
                vendor.slots(search())
            assert vendor.slots(search())

    def test_a_renewal_has_its_own_time_so_that_no_page_cuts_its_answer_off(self) -> None:
        store = MemoryStore()
        with self.over_oauth(store=store, budget=2.0) as (vendor, sandbox):
            sandbox.late("token", 2.5)
            with pytest.raises(VendorUnavailable):
                vendor.services("it")  # the page is over
            assert self.made(sandbox.address, sandbox, oauth=True, store=store).services("it")
            assert sandbox.count("token") == 1

    @pytest.mark.parametrize(("budget", "tokens"), [(5.0, 1), (30.0, 2)])
    def test_a_page_that_is_almost_over_renews_no_token_that_is_still_good(self, budget: float, tokens: int) -> None:
        now, store = [NOON], MemoryStore()
        sandbox = RecordingSandbox(clock=lambda: now[0])
        with self.at(NOON, sandbox, oauth=True, store=store) as (vendor, sandbox):
            vendor.services("it")
            now[0] = NOON + timedelta(minutes=56)
            late = self.made(sandbox.address, sandbox, oauth=True, store=store, budget=budget)
            assert late.services("it")
            assert sandbox.count("token") == tokens

    def test_a_page_that_is_over_begins_no_renewal(self) -> None:
        with self.over_oauth(budget=0.5) as (vendor, sandbox):
            with pytest.raises(VendorUnavailable):
                vendor.services("it")
            assert sandbox.calls == []

    def test_an_address_for_tokens_that_does_not_exist_is_a_matter_of_configuration(self) -> None:
        with self.over_oauth() as (vendor, sandbox):
            sandbox.answer("token", 404)
            with pytest.raises(AuthenticationFailed):
                vendor.services("it")
            assert vendor.services("it")  # nothing is remembered of it

    def test_a_refresh_is_never_sent_twice_blindly(self) -> None:
        with self.over_oauth() as (vendor, sandbox):
            sandbox.lose_answer_before("token")
            with pytest.raises(VendorUnavailable):
                vendor.services("it")
            assert sandbox.count("token") == 1
            assert vendor.services("it")

    @pytest.mark.parametrize("lose", ["lose_answer_after", "half", "garbage"])
    def test_when_the_answer_to_a_refresh_is_lost_the_old_token_is_tried_once_more_and_then_reconnected(
        self, lose: str
    ) -> None:
        with self.at(NOON, oauth=True, breaches=True) as (vendor, sandbox):
            getattr(sandbox, lose)("token", **({"done": True} if lose == "garbage" else {}))
            with pytest.raises(VendorUnavailable):
                vendor.services("it")
            for _ in range(3):
                with pytest.raises(AuthenticationFailed, match="must reconnect"):
                    vendor.services("it")
            assert sandbox.count("token") == 2
            assert len(sandbox.breaches) == 1

    def test_a_newly_typed_refresh_token_replaces_what_was_stored(self) -> None:
        store = MemoryStore()
        with self.over_oauth(store=store) as (vendor, sandbox):
            vendor.services("it")
            sandbox.diary["tokens"] |= {"refresh": "typed", "access": {}}
            base_url = sandbox.address
            connection = oauth_connection(base_url, refresh_token=Secret("typed"))
            again = self.made(base_url, sandbox, store=store, connection=connection)
            again.services("it")
            assert [parse_qs(r.content.decode())["refresh_token"] for r in sandbox.sent("token")][1:] == [["typed"]]

    def test_after_a_refusal_a_newly_typed_token_is_tried(self) -> None:
        store = MemoryStore()
        with self.over_oauth(store=store) as (vendor, sandbox):
            sandbox.answer("token", 400)
            with pytest.raises(AuthenticationFailed):
                vendor.services("it")
            sandbox.diary["tokens"]["refresh"] = "typed"
            base_url = sandbox.address
            connection = oauth_connection(base_url, refresh_token=Secret("typed"))
            assert self.made(base_url, sandbox, store=store, connection=connection).services("it")

    def test_the_form_is_a_form_and_goes_to_the_host_itself(self) -> None:
        with self.over_oauth() as (vendor, sandbox):
            vendor.services("it")
            (sent,) = sandbox.sent("token")
            assert sent.path == "/oauth2/token"
            assert sent.headers["content-type"].startswith("application/x-www-form-urlencoded")
            assert "authorization" not in sent.headers

    def test_before_the_owner_said_yes_every_call_says_so_and_none_is_made(self) -> None:
        with self.at(NOON) as (_, sandbox):
            connection = oauth_connection(sandbox.address, refresh_token=Secret(""), practice_id="", archive_id="")
            vendor = self.made(sandbox.address, sandbox, connection=connection)
            for call in (lambda: vendor.services("it"), lambda: vendor.slots(search(clinic_id=None))):
                with pytest.raises(AuthenticationFailed, match="must connect"):
                    call()
            assert sandbox.calls == []

    def test_the_owner_says_yes_in_the_browser_and_the_practice_is_connected(self) -> None:
        verifier = "v" * 64
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        back = "https://anteroom.example/consent/?practice=1"
        store = MemoryStore()
        sandbox = RecordingSandbox(clock=lambda: NOON)
        with sandbox.serve() as base_url:
            connection = oauth_connection(base_url, refresh_token=Secret(""), practice_id="", archive_id="")
            vendor = self.made(base_url, sandbox, connection=connection, store=store)
            assert vendor.capabilities.consent
            address = vendor.consent_address(back, "st4te", challenge)
            assert "+" not in urlsplit(address).query
            answer = httpx.get(address, follow_redirects=False)
            assert answer.status_code == 302
            query = parse_qs(urlsplit(answer.headers["location"]).query)
            assert query["state"] == ["st4te"]
            connected = vendor.connected(query["code"][0], verifier, back)
            assert (connected.practice_id, connected.archive_id) == (PRACTICE, ARCHIVE)
            assert connected.refresh_token == "refresh-3"
            assert connected.color_id == connection.color_id
            tokens = sandbox.count("token")
            assert self.made(base_url, sandbox, connection=connected, store=store).services("it")
            assert sandbox.count("token") == tokens  # what was granted is used
        assert sandbox.breaches == []

    @pytest.mark.parametrize("wrong", ["code", "verifier", "redirect_uri"])
    def test_a_code_that_is_not_the_owners_connects_nothing(self, wrong: str) -> None:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(b"verifier").digest()).rstrip(b"=").decode()
        given = {"verifier": "verifier", "redirect_uri": "https://anteroom.example/consent/"}
        store = MemoryStore()
        with self.over_oauth(store=store) as (vendor, sandbox):
            answer = httpx.get(vendor.consent_address(given["redirect_uri"], "s", challenge), follow_redirects=False)
            given["code"] = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
            with pytest.raises(AuthenticationFailed):
                vendor.connected(**(given | {wrong: "something else"}))
            assert store.get("tokens") is None
            assert sandbox.count("me") == 0

    def test_a_practice_with_a_key_has_nothing_to_consent_to(self, june: Both) -> None:
        vendor, _ = june
        assert not vendor.capabilities.consent
        with pytest.raises(Unsupported):
            vendor.consent_address("https://anteroom.example/", "s", "c")
        with pytest.raises(Unsupported):
            vendor.connected("code", "verifier", "https://anteroom.example/")

    def test_german_practices_that_refuse_keys_are_reached_by_token(self) -> None:
        sandbox = RecordingSandbox(clock=lambda: NOON)
        sandbox.accepts_keys = False
        with sandbox.serve() as base_url:
            berlin = {"timezone": ZoneInfo("Europe/Berlin"), "country": "DE"}
            assert self.made(base_url, sandbox, oauth=True, **berlin).services("de")
            with pytest.raises(AuthenticationFailed):
                self.made(base_url, sandbox, **berlin).services("de")

    def test_a_key_on_another_archives_path_is_a_matter_of_configuration(self) -> None:
        with self.at(NOON, breaches=True) as (_, sandbox):
            vendor = self.made(sandbox.address, sandbox, connection=key_connection(sandbox.address, archive_id="1"))
            with pytest.raises(AuthenticationFailed) as raised:
                vendor.services("it")
            assert raised.value.status == 403

    def test_calls_keep_their_distance_and_a_429_stops_all_of_them(self) -> None:
        class Queue(NoQueue):
            waited: list[float] = []
            paused: list[float] = []

            def wait(self, seconds: float, deadline: float) -> bool:
                self.waited.append(seconds)
                return True

            def pause(self, seconds: float) -> None:
                self.paused.append(seconds)

        queue = Queue()
        with self.over_oauth(turns=queue) as (vendor, sandbox):
            vendor.services("it")
            assert len(queue.waited) == 5
            assert min(queue.waited) >= 0.1
            sandbox.answer("free_slots", 429, headers=(("Retry-After", "7"),))
            with pytest.raises(VendorUnavailable) as raised:
                vendor.slots(search())
            assert (raised.value.retry_after, queue.paused) == (7, [7])


class TestTheCatalogue(Base):
    def test_reasons_become_services_in_the_practices_order(self, june: Both) -> None:
        vendor, _ = june
        assert [(s.id, s.name, s.minutes) for s in vendor.services("it")] == [
            (str(CHECK_UP), "Visita di controllo", 30),
            (str(HYGIENE), "Igiene orale professionale", 45),
            (str(URGENT), "Urgenza", 20),
            (str(FILLING), "Otturazione", 60),  # its number is the text "10", which is more than "2"
        ]

    def test_a_cold_catalogue_costs_four_calls(self, june: Both) -> None:
        vendor, sandbox = june
        vendor.services("it")
        assert sorted(sandbox.calls) == ["chairs", "colors", "operators", "reasons"]
        assert sandbox.sent("operators")[0].query == {"ignoreDeleted": "true"}

    def test_only_people_of_a_reason_are_shown_and_deleted_ones_never(self, june: Both) -> None:
        vendor, _ = june
        people = {s.id: [(p.id, p.name) for o in s.offers or () for p in o.providers] for s in vendor.services("it")}
        assert people[str(CHECK_UP)] == [
            (str(BIANCHI), "Dott.ssa Elena Bianchi"),
            (str(RINALDI), "Dott. Paolo Rinaldi"),
        ]
        assert people[str(URGENT)] == [(str(BIANCHI), "Dott.ssa Elena Bianchi")]
        assert "Segreteria" not in str(people)

    def test_deleted_operators_are_left_out_also_where_the_vendor_lists_them(self, june: Both) -> None:
        vendor, sandbox = june
        sandbox.answer("operators", 200, listed(*sandbox.diary["operators"]))
        assert str(RETIRED) not in {p.id for s in vendor.services("it") for o in s.offers or () for p in o.providers}

    def test_the_clinic_is_what_the_practice_said_of_it(self, june: Both) -> None:
        vendor, _ = june
        (offer,) = vendor.services("it")[0].offers or ()
        assert (offer.clinic.id, offer.clinic.name) == (PRACTICE, "Studio Bianchi")
        assert offer.clinic.address == "Via Solferino 14, 20121 Milano"
        assert offer.provider_choice is ProviderChoice.OPTIONAL

    @pytest.mark.parametrize("duration", ["", None, "0", 0, "1500"])
    def test_a_reason_without_a_length_that_can_be_is_not_offered(self, june: Both, duration: object) -> None:
        vendor, sandbox = june
        sandbox.diary["reasons"][0]["duration"] = duration
        assert str(CHECK_UP) not in {service.id for service in vendor.services("it")}

    def test_numbers_as_text_and_text_as_numbers_are_the_same(self, june: Both) -> None:
        vendor, sandbox = june
        reason = {
            "id": "5",
            "description": "Visita",
            "duration": 30,
            "sequenceNumber": 1,
            "operatorIds": [str(BIANCHI)],
        }
        sandbox.answer("reasons", 200, listed(reason | {"deleted": "false"}, reason | {"id": 6, "deleted": "true"}))
        sandbox.answer("operators", 200, listed({"id": str(BIANCHI), "name": "E", "sequenceNumber": "1"}))
        sandbox.answer("colors", 200, listed({"id": str(GREEN)}))
        (service,) = vendor.services("it")
        assert (service.id, service.minutes) == ("5", 30)
        sandbox.answer("free_slots", 200, listed(free(operator=str(BIANCHI), chair=str(CHAIR_1))))  # type: ignore[arg-type]
        (slot,) = vendor.slots(search())
        assert slot.occupies == (f"chair/{CHAIR_1}", f"operator/{BIANCHI}")

    def test_a_colour_that_the_practice_does_not_have_is_said_before_anybody_books(self) -> None:
        with self.at(NOON) as (_, sandbox):
            vendor = self.made(sandbox.address, sandbox, connection=key_connection(sandbox.address, color_id="999"))
            with pytest.raises(AuthenticationFailed, match="301, 302, 303"):
                vendor.services("it")

    @pytest.mark.parametrize("name", [None, "", 7])
    def test_an_operator_without_a_name_is_not_shown_and_takes_nobody_with_them(
        self, june: Both, name: object, caplog: pytest.LogCaptureFixture
    ) -> None:
        vendor, sandbox = june
        for row in sandbox.diary["operators"][2:]:  # all but Dott.ssa Bianchi
            row["name"] = name
        services = {s.id: [p.name for o in s.offers or () for p in o.providers] for s in vendor.services("it")}
        assert services[str(CHECK_UP)] == ["Dott.ssa Elena Bianchi"]
        assert str(HYGIENE) not in services
        assert "3 of 4 operators could not be read" in caplog.text

    @pytest.mark.parametrize("wrong", [{"description": None}, {"description": " "}, {"duration": "mezz'ora"}])
    def test_a_reason_that_cannot_be_read_is_not_offered_and_the_others_are(
        self, june: Both, wrong: dict[str, Any]
    ) -> None:
        vendor, sandbox = june
        sandbox.diary["reasons"][0] |= wrong
        assert {service.id for service in vendor.services("it")} == {str(HYGIENE), str(FILLING), str(URGENT)}

    @pytest.mark.parametrize("operation", ["reasons", "operators", "chairs", "colors"])
    def test_a_list_of_odd_rows_only_is_no_empty_list(self, june: Both, operation: str) -> None:
        vendor, sandbox = june
        sandbox.answer(operation, 200, listed({"name": "?"}, {}))
        with pytest.raises(UnexpectedResponse):
            vendor.services("it")

    @pytest.mark.parametrize("operation", ["chairs", "colors"])
    def test_an_odd_chair_or_colour_is_passed_over(self, june: Both, operation: str) -> None:
        vendor, sandbox = june
        sandbox.diary[operation].append({"id": None, "name": "?"})
        assert vendor.services("it")
        assert vendor.slots(search())

    @pytest.mark.parametrize("operation", ["reasons", "operators", "chairs", "colors"])
    @pytest.mark.parametrize(
        "body",
        [{"data": []}, {"status": "error", "data": []}, {"status": "success"}, [], b"<html>", b'{"status"', None],
    )
    def test_a_list_of_another_shape_is_no_empty_list(self, june: Both, operation: str, body: object) -> None:
        vendor, sandbox = june
        sandbox.answer(operation, 200, body, times=2)
        with pytest.raises(UnexpectedResponse):
            vendor.services("it")

    @pytest.mark.parametrize("status", [400, 404, 422])
    def test_a_refused_list_is_no_empty_list(self, june: Both, status: int) -> None:
        vendor, sandbox = june
        sandbox.answer("reasons", status, {"error": "No"})
        with pytest.raises(UnexpectedResponse):
            vendor.services("it")


class TestTimes(Base):
    def test_times_are_asked_for_in_local_time_with_an_end_a_length_and_the_people(self, june: Both) -> None:
        vendor, sandbox = june
        vendor.slots(search(MONDAY, date(2026, 6, 20), FILLING))
        assert [r.query for r in sandbox.sent("free_slots")] == [
            {
                "startDate": "2026-06-15 00:00:00",
                "endDate": "2026-06-20 23:59:59",
                "duration": "60",
                "operatorIds": f"{BIANCHI},{RINALDI}",
            }
        ]

    def test_once_the_catalogue_is_known_a_reading_is_one_call(self) -> None:
        store = MemoryStore()
        sandbox = RecordingSandbox(clock=lambda: NOON)
        with sandbox.serve() as base_url:
            self.made(base_url, sandbox, store=store).services("it")
            sandbox.calls.clear()
            assert self.made(base_url, sandbox, store=store).slots(search())
        assert sandbox.calls == ["free_slots"]

    def test_the_window_begins_today_and_is_29_days(self, june: Both) -> None:
        vendor, sandbox = june
        today = date(2026, 6, 10)
        assert vendor.window(today) == vendor.window(date(2026, 7, 8)) == (today, date(2026, 7, 8))
        assert vendor.window(date(2026, 7, 9)) == (date(2026, 7, 9), date(2026, 8, 6))
        assert vendor.window(date(2026, 6, 9))[1] == date(2026, 6, 9)
        vendor.services("it")
        sandbox.calls.clear()
        vendor.slots(search(*vendor.window(today)))
        assert sandbox.calls == ["free_slots"]

    @pytest.mark.parametrize(("days", "calls"), [(29, 1), (30, 2), (60, 3)])
    def test_more_than_29_days_are_more_calls(self, june: Both, days: int, calls: int) -> None:
        vendor, sandbox = june
        slots = vendor.slots(search(MONDAY, MONDAY + timedelta(days=days - 1)))
        assert sandbox.count("free_slots") == calls
        assert slots[-1].start.date() >= MONDAY + timedelta(days=days - 3)
        spans = [(r.query["startDate"][:10], r.query["endDate"][:10]) for r in sandbox.sent("free_slots")]
        covered = sorted(spans)
        assert covered[0][0] == str(MONDAY)
        for (_, last), (first, _) in pairwise(covered):
            assert date.fromisoformat(first) == date.fromisoformat(last) + timedelta(days=1)

    def test_past_days_are_not_asked_for_and_past_times_of_today_not_offered(self, june: Both) -> None:
        vendor, sandbox = june
        today = date(2026, 6, 10)
        assert vendor.slots(search(date(2026, 5, 1), date(2026, 6, 9))) == []
        assert sandbox.calls == []
        rows = [free(today, at) for at in ("11:45:00", "12:00:00", "12:15:00")]
        sandbox.answer("free_slots", 200, listed(*rows), done=True)
        (slot,) = vendor.slots(search(date(2026, 6, 1), today))
        assert slot.start == datetime(2026, 6, 10, 12, 15, tzinfo=ROME)
        assert sandbox.sent("free_slots")[0].query["startDate"] == "2026-06-10 00:00:00"

    def test_today_is_the_practices_and_not_the_servers(self) -> None:
        with self.at(datetime(2026, 6, 14, 22, 30, tzinfo=UTC)) as (vendor, sandbox):  # half past midnight, Monday
            vendor.slots(search(date(2026, 6, 14), MONDAY))
            assert sandbox.sent("free_slots")[0].query["startDate"] == "2026-06-15 00:00:00"

    def test_a_start_comes_once_for_each_operator(self, june: Both) -> None:
        vendor, sandbox = june
        vendor.services("it")
        rows = [free(chair=CHAIR_2), free(chair=CHAIR_1), free(chair=CHAIR_1), free(operator=RINALDI, chair=CHAIR_2)]
        sandbox.answer("free_slots", 200, listed(*rows))
        slots = vendor.slots(search())
        assert [(slot.start, slot.provider_id) for slot in slots] == [
            (datetime(2026, 6, 15, 10, tzinfo=ROME), str(BIANCHI)),
            (datetime(2026, 6, 15, 10, tzinfo=ROME), str(RINALDI)),
        ]

    def test_the_same_chair_is_chosen_again_whatever_the_order_and_whoever_else_is_free(self, june: Both) -> None:
        vendor, sandbox = june
        rows = [free(chair=CHAIR_1), free(chair=CHAIR_2), free(operator=RINALDI, chair=CHAIR_2)]
        chosen = set()
        for order in (rows, rows[::-1], rows[:2]):
            sandbox.answer("free_slots", 200, listed(*order))
            chosen.add(next(slot.id for slot in vendor.slots(search()) if slot.provider_id == str(BIANCHI)))
        assert chosen == {f"2026-06-15,10:00:00,30,{BIANCHI},{CHAIR_1}"}
        sandbox.answer("free_slots", 200, listed(rows[1]))
        assert [slot.id for slot in vendor.slots(search())] == [f"2026-06-15,10:00:00,30,{BIANCHI},{CHAIR_2}"]

    def test_a_chosen_time_is_found_again_though_a_better_chair_became_free(self, june: Both) -> None:
        vendor, sandbox = june
        vendor.services("it")
        sandbox.answer("free_slots", 200, listed(free(chair=CHAIR_2)))
        (chosen,) = vendor.slots(search())
        both = listed(free(chair=CHAIR_1), free(chair=CHAIR_2))
        sandbox.answer("free_slots", 200, both, times=2)
        assert chosen.id not in {slot.id for slot in vendor.slots(search())}
        every = vendor.slots(search(every_chair=True))
        assert chosen in every
        assert [slot.occupies[0] for slot in every] == [f"chair/{CHAIR_1}", f"chair/{CHAIR_2}"]
        assert len({slot.id for slot in every}) == len(every)

    def test_every_chair_of_a_whole_diary_is_what_the_vendor_lists(self, june: Both) -> None:
        vendor, _ = june
        span = search(MONDAY, date(2026, 6, 20))
        once, every = vendor.slots(span), vendor.slots(replace(span, every_chair=True))
        assert set(once) < set(every)
        assert {(slot.start, slot.provider_id) for slot in once} == {(slot.start, slot.provider_id) for slot in every}
        assert every == sorted(every, key=lambda slot: (slot.start, int(slot.provider_id or 0)))

    def test_the_order_in_which_the_vendor_lists_its_chairs_changes_nothing(self, june: Both) -> None:
        vendor, sandbox = june
        before = vendor.slots(search())
        sandbox.diary["chairs"].reverse()
        vendor.services("it")
        assert vendor.slots(search()) == before

    def test_two_people_who_may_use_all_chairs_are_not_offered_in_the_same_one(self, june: Both) -> None:
        vendor, sandbox = june
        chairs = (CHAIR_1, CHAIR_2, CHAIR_3)
        rows = [free(operator=operator, chair=chair) for operator in (BIANCHI, RINALDI) for chair in chairs]
        sandbox.answer("free_slots", 200, listed(*rows))
        one, other = vendor.slots(search())
        assert not set(one.occupies) & set(other.occupies)

    def test_a_time_takes_up_its_chair_and_its_operator(self, june: Both) -> None:
        vendor, _ = june
        slot = some_slot(vendor)
        assert slot.occupies == (f"chair/{CHAIR_2}", f"operator/{RINALDI}")
        assert slot.places == 1
        assert slot.id.isascii()
        assert len(slot.id) < 60

    def test_rows_of_other_people_of_deleted_chairs_and_of_other_days_are_dropped(self, june: Both) -> None:
        vendor, sandbox = june
        rows = [free(operator=GALLO), free(chair=OLD_CHAIR), free(day=date(2026, 6, 16)), free(at="11:00:00")]
        sandbox.answer("free_slots", 200, listed(*rows))
        (slot,) = vendor.slots(search())
        assert slot.start.hour == 11

    def test_an_unknown_clinic_provider_or_service_has_no_times(self, june: Both) -> None:
        vendor, sandbox = june
        for changes in ({"clinic_id": "1"}, {"provider_id": str(GALLO)}, {"provider_id": "x"}, {"service_id": "99"}):
            assert vendor.slots(search(**changes)) == []
        assert sandbox.count("free_slots") == 0

    def test_any_clinic_is_the_one_clinic(self, june: Both) -> None:
        vendor, _ = june
        assert vendor.slots(search(clinic_id=None)) == vendor.slots(search())

    def test_a_provider_who_left_since_has_no_times_and_the_others_keep_theirs(self, june: Both) -> None:
        vendor, sandbox = june
        assert vendor.slots(search(provider_id=str(RINALDI)))
        next(row for row in sandbox.diary["operators"] if row["id"] == RINALDI)["deleted"] = True
        assert {slot.provider_id for slot in vendor.slots(search())} == {str(BIANCHI)}
        sandbox.answer("free_slots", 404, {"error": "Operatore non trovato"})  # the other way a vendor may say it
        assert {slot.provider_id for slot in vendor.slots(search())} == {str(BIANCHI)}
        assert sandbox.sent("free_slots")[-1].query["operatorIds"] == str(BIANCHI)

    def test_a_service_that_went_since_has_no_times_once_the_vendor_objects(self, june: Both) -> None:
        vendor, sandbox = june
        vendor.services("it")
        sandbox.diary["reasons"][0]["deleted"] = True
        sandbox.answer("free_slots", 400, {"error": "No"})
        assert vendor.slots(search()) == []

    def test_a_refusal_while_nothing_changed_is_our_mistake(self, june: Both) -> None:
        vendor, sandbox = june
        sandbox.answer("free_slots", 400, {"error": "Intervallo troppo lungo"})
        with pytest.raises(UnexpectedResponse):
            vendor.slots(search())

    def test_a_service_that_is_new_since_is_found(self, june: Both) -> None:
        vendor, sandbox = june
        vendor.services("it")
        sandbox.diary["reasons"].append(sandbox.diary["reasons"][0] | {"id": 55})
        assert vendor.slots(search(service=55))

    @pytest.mark.parametrize(
        "wrong",
        [
            {"time": "10:00"},
            {"time": "10:00:00Z"},
            {"date": "2026-06-15T00:00:00"},
            {"date": "15.06.2026"},
            {"date": None},
            {"time": None},
            {"operatorId": None},
            {"operatorId": True},
            {"chairId": None},
            {"chairId": -1},
            {"time": "24:30:00"},
        ],
    )
    def test_a_row_that_could_not_be_sent_back_is_no_time(self, june: Both, wrong: dict[str, Any]) -> None:
        vendor, sandbox = june
        sandbox.answer("free_slots", 200, listed(free() | wrong))
        with pytest.raises(UnexpectedResponse):
            vendor.slots(search())

    @pytest.mark.parametrize("wrong", [{"chairId": None}, {"chairId": ""}, {"time": "24:30:00"}, {"operatorId": None}])
    def test_an_odd_row_takes_no_other_time_with_it(
        self, june: Both, wrong: dict[str, Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        vendor, sandbox = june
        sandbox.answer("free_slots", 200, listed(free(at="11:00:00") | wrong, free()))
        assert [slot.start.hour for slot in vendor.slots(search())] == [10]
        assert "1 of 2 free slots could not be read" in caplog.text

    @pytest.mark.parametrize(
        ("monday", "expected"),
        [
            # Italy's clocks go forward on 29 March 2026 and back on 25 October 2026, both at night from Saturday.
            (date(2026, 3, 23), ["+01:00"] * 6 + ["+02:00"]),
            (date(2026, 10, 19), ["+02:00"] * 6 + ["+01:00"]),
        ],
    )
    def test_in_the_weeks_when_the_clocks_change_times_are_those_on_the_practices_wall(
        self, monday: date, expected: list[str]
    ) -> None:
        now = datetime(monday.year, monday.month, monday.day, 1, tzinfo=UTC)
        days = [monday + timedelta(days=n) for n in range(7)]
        with self.at(now) as (vendor, sandbox):
            vendor.services("it")
            sandbox.answer("free_slots", 200, listed(*(free(day, "09:15:00") for day in days)))
            slots = vendor.slots(search(days[0], days[-1]))
        assert [slot.start.isoformat() for slot in slots] == [
            f"{day}T09:15:00{offset}" for day, offset in zip(days, expected, strict=True)
        ]
        assert [slot.end.isoformat()[11:] for slot in slots] == [f"09:45:00{offset}" for offset in expected]

    def test_an_hour_that_the_clocks_skip_is_not_offered_and_lengths_are_by_the_watch(self) -> None:
        night = [free(date(2026, 3, 29), at) for at in ("01:30:00", "02:30:00", "03:00:00")]
        with self.at(datetime(2026, 3, 20, tzinfo=UTC)) as (vendor, sandbox):
            vendor.services("it")
            sandbox.answer("free_slots", 200, listed(*night))
            slots = vendor.slots(search(date(2026, 3, 29), service=FILLING))
        assert [(slot.start.isoformat(), slot.end.isoformat()) for slot in slots] == [
            ("2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00+02:00"),
            ("2026-03-29T03:00:00+02:00", "2026-03-29T04:00:00+02:00"),
        ]

    def test_the_vendors_own_strings_go_back_after_the_clocks_changed(self) -> None:
        with self.at(datetime(2026, 10, 20, 10, tzinfo=UTC)) as (vendor, sandbox):
            slot = vendor.slots(search(date(2026, 10, 26), provider_id=str(BIANCHI)))[0]
            booked = vendor.book(request_for(slot))
            (entry,) = sandbox.ours()
            assert entry["date"] == slot.start.strftime("%Y-%m-%d %H:%M:%S")
            assert booked.start.utcoffset() == timedelta(hours=1)


class TestBooking(Base):
    def test_everything_that_was_agreed_on_is_sent(self, june: Both) -> None:
        vendor, sandbox = june
        slot = some_slot(vendor)
        vendor.book(request_for(slot, service_name="Check-up"))
        (sent,) = sandbox.sent("create_appointment")
        assert sent.json() == {
            "date": slot.start.strftime("%Y-%m-%d %H:%M:%S"),
            "patientId": 1,
            "duration": 30,
            "operatorId": RINALDI,
            "chairId": CHAIR_2,
            "colorId": GREEN,
            "state": "confirmed",
            "type": "inPractice",
            "description": "Visita di controllo [rif ABC-2345]",
            "emailReminder": False,
            "smsReminder": False,
        }

    def test_a_practice_that_wants_reminders_gets_them_from_alfadocs(self) -> None:
        with self.at(NOON) as (_, sandbox):
            vendor = self.made(sandbox.address, sandbox, connection=key_connection(sandbox.address, reminders=True))
            assert vendor.capabilities.notifies
            vendor.book(request_for(some_slot(vendor)))
            (entry,) = sandbox.ours()
            assert (entry["emailReminder"], entry["smsReminder"]) == (True, True)

    def test_without_reminders_alfadocs_notifies_nobody(self, june: Both) -> None:
        assert not june[0].capabilities.notifies

    def test_a_booking_with_a_warm_catalogue_costs_six_calls(self) -> None:
        store = MemoryStore()
        sandbox = RecordingSandbox(clock=lambda: NOON)
        with sandbox.serve() as base_url:

            def vendor() -> AlfaDocs:
                return self.made(base_url, sandbox, store=store)

            vendor().services("it")
            sandbox.calls.clear()
            slot = vendor().slots(search(*vendor().window(MONDAY)))[-1]
            day = slot.start.date()
            for _ in ("when chosen", "right before booking"):
                assert slot in vendor().slots(search(day, provider_id=slot.provider_id))
            vendor().book(request_for(slot))
        assert sandbox.calls == [
            *["free_slots"] * 3,
            *("patients", "create_appointment", "list_appointments"),
        ]
        assert sandbox.breaches == []

    def test_a_found_booking_costs_one_call_where_the_chart_is_known(self, june: Both) -> None:
        vendor, sandbox = june
        request = request_for(some_slot(vendor))
        booked = vendor.book(request)
        sandbox.calls.clear()
        assert vendor.find(request) == [booked]
        assert sandbox.calls == ["list_appointments"]
        assert sandbox.sent("list_appointments")[-1].query["patientId"] == "1"

    @pytest.mark.parametrize("status", [200, 201])
    def test_a_creation_may_be_200_or_201(self, june: Both, status: int) -> None:
        vendor, sandbox = june
        sandbox.created_status = status
        stranger = Patient("A", "B", "ab@posta.example", "+393330000000", date(2000, 1, 1))
        assert vendor.book(request_for(some_slot(vendor), stranger)).id

    @pytest.mark.parametrize(
        "slot_id",
        [
            "",
            "x",
            "2026-06-15,10:00:00,30,177",
            "2026-06-15,10:00:00,30,177,1001,1",
            "2026-06-15T10:00:00,30,177,1001",
            "2026-13-15,10:00:00,30,177,1001",
            "2026-06-15,10:00:00,0,177,1001",
            "2026-06-15,10:00:00,30,177,1001\n",
            "2026-06-15,10:00:00,30,\u0661,1001",
            "9999-12-31,23:59:00,9999,177,1001",
        ],
    )
    def test_a_slot_of_another_making_is_taken(self, june: Both, slot_id: str) -> None:
        vendor, sandbox = june
        slot = replace(some_slot(vendor), id=slot_id)
        sandbox.calls.clear()
        for call in (vendor.book, lambda request: vendor.move("1", request)):
            with pytest.raises(SlotTaken):
                call(request_for(slot))
        assert sandbox.calls == []

    def test_a_time_that_has_begun_is_not_booked(self) -> None:
        now = [NOON]
        sandbox = RecordingSandbox(clock=lambda: now[0])
        with self.at(NOON, sandbox) as (vendor, sandbox):
            slot = some_slot(vendor)
            now[0] = slot.start
            with pytest.raises(SlotTaken):
                vendor.book(request_for(slot))
            assert sandbox.count("create_appointment") == 0

    # --- Refused

    @pytest.mark.parametrize("status", [400, 404, 409, 422])
    def test_a_refusal_is_a_taken_time_only_if_the_time_is_gone(self, june: Both, status: int) -> None:
        vendor, sandbox = june
        slot = some_slot(vendor)
        sandbox.answer("create_appointment", status, {"error": "Orario non disponibile"}, times=2)
        with pytest.raises(UnexpectedResponse):
            vendor.book(request_for(slot))
        sandbox.take_at_desk(slot.id)
        with pytest.raises(SlotTaken):
            vendor.book(request_for(slot))
        assert sandbox.ours() == []

    @pytest.mark.parametrize("status", [400, 409, 422])
    def test_a_booking_that_was_refused_and_landed_is_booked(self, june: Both, status: int) -> None:
        vendor, sandbox = june
        request = request_for(some_slot(vendor))
        sandbox.answer("create_appointment", status, {"error": "Orario non disponibile"}, done=True)
        booked = vendor.book(request)
        assert [str(entry["id"]) for entry in sandbox.ours()] == [booked.id]
        assert vendor.find(request) == [booked]

    def test_a_refusal_that_cannot_be_looked_up_is_an_unknown_outcome(self, june: Both) -> None:
        vendor, sandbox = june
        request = request_for(some_slot(vendor))
        sandbox.answer("create_appointment", 409)
        sandbox.answer("list_appointments", 500, times=2)
        with pytest.raises(OutcomeUnknown):
            vendor.book(request)

    def test_after_a_refusal_the_times_are_read_with_the_catalogue_of_that_moment(self, june: Both) -> None:
        vendor, sandbox = june
        slot = some_slot(vendor)
        next(row for row in sandbox.diary["operators"] if row["id"] == RINALDI)["deleted"] = True
        with pytest.raises(SlotTaken):  # refused as a wrong operatorId
            vendor.book(request_for(slot))
        slot = some_slot(vendor, BIANCHI)
        sandbox.diary["reasons"][0]["deleted"] = True
        sandbox.answer("create_appointment", 400)
        with pytest.raises(SlotTaken):
            vendor.book(request_for(slot))

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_key_that_was_withdrawn_books_nothing(self, june: Both, status: int) -> None:
        vendor, sandbox = june
        request = request_for(some_slot(vendor))
        sandbox.answer("create_appointment", status)
        with pytest.raises(AuthenticationFailed):
            vendor.book(request)

    def test_too_many_requests_means_nothing_happened(self, june: Both) -> None:
        vendor, sandbox = june
        request = request_for(some_slot(vendor))
        sandbox.answer("create_appointment", 429)
        with pytest.raises(VendorUnavailable):
            vendor.book(request)

    # --- Lost answers

    @pytest.mark.parametrize("status", [200, 201])
    @pytest.mark.parametrize(
        "body", [b"", b"<html>", {"status": "success"}, {"status": "success", "data": {"id": None}}]
    )
    def test_an_accepted_booking_without_an_id_is_read_back(self, june: Both, status: int, body: object) -> None:
        vendor, sandbox = june
        sandbox.answer("create_appointment", status, body, done=True)
        booked = vendor.book(request_for(some_slot(vendor)))
        assert [str(entry["id"]) for entry in sandbox.ours()] == [booked.id]

    def test_an_accepted_booking_that_the_day_does_not_have_is_an_unknown_outcome(self, june: Both) -> None:
        vendor, sandbox = june
        sandbox.answer("create_appointment", 201, {"status": "success", "data": {"id": 5}})
        with pytest.raises(OutcomeUnknown):
            vendor.book(request_for(some_slot(vendor)))

    def test_an_accepted_booking_at_another_hour_is_an_unknown_outcome(self, hurried: BothHurried) -> None:
        vendor, sandbox = hurried
        slot = some_slot(vendor)
        shifted = {"date": f"{slot.start:%F} 21:00:00", "patientId": 1, "description": "Visita [rif ABC-2345]"}
        entry = sandbox.diary["appointments"][0] | shifted | {"id": 99999}
        sandbox.diary["appointments"].append(entry)
        sandbox.answer("create_appointment", 201, {"status": "success", "data": entry})
        with pytest.raises(OutcomeUnknown):
            vendor.book(request_for(slot))

    def test_a_booking_said_clearly_stands_though_the_day_cannot_be_read(self, june: Both) -> None:
        vendor, sandbox = june
        sandbox.answer("list_appointments", 503, times=2)
        booked = vendor.book(request_for(some_slot(vendor)))
        assert [str(entry["id"]) for entry in sandbox.ours()] == [booked.id]

    def test_a_booking_without_an_id_and_without_a_look_is_an_unknown_outcome(self, june: Both) -> None:
        vendor, sandbox = june
        sandbox.garbage("create_appointment", done=True)
        sandbox.answer("list_appointments", 503, times=2)
        with pytest.raises(OutcomeUnknown):
            vendor.book(request_for(some_slot(vendor)))

    def test_a_lost_booking_is_sent_once(self, june: Both) -> None:
        vendor, sandbox = june
        request = request_for(some_slot(vendor))
        sandbox.lose_answer_after("create_appointment")
        with pytest.raises(OutcomeUnknown):
            vendor.book(request)
        assert sandbox.count("create_appointment") == 1
        assert [found.start for found in vendor.find(request)] == [request.slot.start]

    def test_another_process_finds_a_lost_booking_by_the_patient(self) -> None:
        sandbox = RecordingSandbox(clock=lambda: NOON)
        with sandbox.serve() as base_url:
            vendor = self.made(base_url, sandbox)
            stranger = Patient("Ada", "Neri", "ada@posta.example", "+393330000009", date(1999, 9, 9))
            request = request_for(some_slot(vendor), stranger)
            sandbox.lose_answer_after("create_appointment")
            with pytest.raises(OutcomeUnknown):
                vendor.book(request)
            (found,) = self.made(base_url, sandbox).find(request)
            assert found.id == str(sandbox.ours()[0]["id"])
            assert sandbox.count("create_patient") == 1
        assert sandbox.breaches == []

    def test_a_cancelled_booking_is_not_found(self, june: Both) -> None:
        vendor, sandbox = june
        request = request_for(some_slot(vendor))
        vendor.book(request)
        sandbox.ours()[0]["state"] = "cancelled"
        assert vendor.find(request) == []

    def test_another_reference_of_the_same_patient_is_not_taken_for_this_one(self, june: Both) -> None:
        vendor, _ = june
        request = request_for(some_slot(vendor))
        vendor.book(request)
        assert vendor.find(replace(request, reference="ABC-234")) == []
        assert vendor.find(replace(request, reference="BC-2345")) == []

    def test_a_booking_is_found_also_where_its_slot_is_of_another_making(self, june: Both) -> None:
        vendor, _ = june
        request = request_for(some_slot(vendor))
        booked = vendor.book(request)
        stored = replace(request.slot, id="", start=request.slot.start.astimezone(UTC))
        assert [found.id for found in vendor.find(replace(request, slot=stored))] == [booked.id]

    def test_a_lost_booking_that_the_desk_moved_within_its_day_is_found_where_it_stands(self, june: Both) -> None:
        vendor, sandbox = june
        request = request_for(some_slot(vendor))
        sandbox.lose_answer_after("create_appointment")
        with pytest.raises(OutcomeUnknown):
            vendor.book(request)
        id, later = str(sandbox.ours()[0]["id"]), request.slot.start + timedelta(hours=2)
        sandbox.move_by_staff(id, later)
        sandbox.ours()[0]["duration"] = 45
        (found,) = vendor.find(request)
        assert (found.id, found.start, found.end) == (id, later, later + timedelta(minutes=45))

    def test_another_patients_row_that_cannot_be_read_hides_nobodys_booking(
        self, june: Both, caplog: pytest.LogCaptureFixture
    ) -> None:
        vendor, sandbox = june
        request = request_for(some_slot(vendor))
        booked = vendor.book(request)
        rows = [dict(sandbox.ours()[0]), sandbox.ours()[0] | {"patientId": 2, "date": None, "description": None}]
        sandbox.answer("list_appointments", 200, listed(*rows))
        assert vendor.find(request) == [booked]
        assert "1 of 2 appointments could not be read" in caplog.text
        rows = [rows[1], rows[0] | {"date": None, "description": "Telefonata"}]
        sandbox.answer("list_appointments", 200, listed(*rows))
        assert vendor.find(request) == []

    @pytest.mark.parametrize("odd", [{"date": None}, {"id": None}, {"date": "?", "description": None}])
    def test_a_row_that_cannot_be_read_and_may_be_the_booking_is_not_taken_for_none(
        self, june: Both, odd: dict[str, Any]
    ) -> None:
        vendor, sandbox = june
        request = request_for(some_slot(vendor))
        id = vendor.book(request).id
        sandbox.answer("list_appointments", 200, listed(sandbox.ours()[0] | odd), times=2)
        with pytest.raises(UnexpectedResponse):
            vendor.find(request)
        sandbox.answer("appointment", 404)
        with pytest.raises(UnexpectedResponse):
            vendor.standing(id, request)

    @pytest.mark.parametrize("name", ["Igiene", "Prima visita specialistica " * 8])
    @pytest.mark.parametrize("kept", [60, 99])
    def test_a_long_name_of_a_reason_does_not_cost_the_reference(self, name: str, kept: int) -> None:
        class Short(RecordingSandbox):
            def create_appointment(self, request: Request) -> Reply:
                reply = super().create_appointment(request)
                self.ours()[0]["description"] = reply.body["data"]["description"][:kept]
                return reply

        with self.at(NOON, Short(clock=lambda: NOON)) as (vendor, sandbox):
            sandbox.diary["reasons"][0]["description"] = name
            vendor.services("it")
            request = request_for(some_slot(vendor))
            booked = vendor.book(request)
            assert vendor.find(request) == [booked]
            sent = sandbox.sent("create_appointment")[0].json()["description"]
            assert len(sent) < 100
            assert name[:6] in sent

    def test_without_the_patient_a_look_cannot_tell(self, june: Both) -> None:
        vendor, _ = june
        with pytest.raises(OutcomeUnknown):
            vendor.find(request_for(some_slot(vendor), Patient()))

    def test_everybodys_appointments_are_read_for_one_day_only(self, june: Both) -> None:
        vendor, sandbox = june
        slot = some_slot(vendor)
        vendor.book(request_for(slot))
        day = str(slot.start.date())
        assert [r.query for r in sandbox.sent("list_appointments")] == [{"dateStart": day, "dateEnd": day}]

    # --- Two at one time

    @pytest.mark.parametrize("changes", [{}, {"chairId": CHAIR_3}, {"chairId": None}, {"operatorId": None}])
    def test_of_two_at_one_time_the_later_gives_way_and_is_told_so(
        self, hurried: BothHurried, changes: dict[str, Any]
    ) -> None:
        vendor, sandbox = hurried
        sandbox.before = [changes]
        request = request_for(some_slot(vendor))
        with pytest.raises(SlotTaken):
            vendor.book(request)
        assert sandbox.ours() == []
        assert vendor.find(request) == []
        (put,) = sandbox.sent("update_appointment")
        assert put.json()["state"] == "cancelled"
        assert put.json()["description"] == "Visita di controllo [rif ABC-2345]"

    @pytest.mark.parametrize(
        "changes",
        [
            {"state": "cancelled"},
            {"state": "absent"},
            {"operatorId": None, "chairId": CHAIR_3},
            {"operatorId": BIANCHI, "chairId": CHAIR_1},
        ],
    )
    def test_who_does_not_stand_in_the_way_is_no_rival(self, hurried: BothHurried, changes: dict[str, Any]) -> None:
        vendor, sandbox = hurried
        sandbox.before = [changes]
        assert vendor.book(request_for(some_slot(vendor))).id
        assert len(sandbox.ours()) == 1

    def test_of_two_at_one_time_the_earlier_stays(self, hurried: BothHurried) -> None:
        vendor, sandbox = hurried
        sandbox.after = [{}]
        assert vendor.book(request_for(some_slot(vendor))).id
        assert len(sandbox.ours()) == 1

    @pytest.mark.parametrize(
        "changes",
        [
            {"date": None, "chairId": CHAIR_3, "operatorId": BIANCHI},
            {"date": None, "state": "cancelled"},
            {"date": "2026-06-15T09:00"},
            {"duration": "lunga"},
            {"id": None},
        ],
    )
    def test_an_odd_row_of_the_day_hides_no_rival_and_makes_none(self, changes: dict[str, Any]) -> None:
        class Odd(Hurried):
            def list_appointments(self, request: Request) -> Reply:
                reply = super().list_appointments(request)
                entry = {"date": "2026-06-15 14:00:00", "duration": 30, "operatorId": RINALDI, "chairId": CHAIR_2}
                entry |= {"id": 7, "patientId": 2, "description": "Visita", "state": "confirmed"}
                return replace(reply, body=listed(entry | changes, *reply.body["data"]))

        with self.at(NOON, Odd(clock=lambda: NOON)) as (vendor, sandbox):
            slots = vendor.slots(search(provider_id=str(RINALDI)))
            assert vendor.book(request_for(slots[0])).id
            assert len(sandbox.ours()) == 1
            sandbox.before = [{}]
            with pytest.raises(SlotTaken):
                vendor.book(request_for(slots[-1], reference="XYZ-9876"))
            assert len(sandbox.ours()) == 1

    def test_an_entry_without_a_length_at_the_very_start_is_a_rival(self, hurried: BothHurried) -> None:
        vendor, sandbox = hurried
        sandbox.before = [{"duration": 0}]
        with pytest.raises(SlotTaken):
            vendor.book(request_for(some_slot(vendor)))

    def test_an_operator_with_two_chairs_may_have_a_patient_in_each(self, hurried: BothHurried) -> None:
        vendor, sandbox = hurried
        slot = some_slot(vendor, BIANCHI)
        assert slot.id.endswith(f",{CHAIR_1}")
        sandbox.before = [{"chairId": CHAIR_2}]
        assert vendor.book(request_for(slot)).id
        assert len(sandbox.ours()) == 1

    def test_which_chairs_somebody_works_in_is_not_forgotten_while_it_is_seen(self) -> None:
        now, puts = [NOON], []

        class Store(MemoryStore):
            def put(self, key: str, value: str, seconds: float) -> None:
                if key.startswith("chairs"):
                    puts.append(seconds)
                super().put(key, value, seconds)

        sandbox = RecordingSandbox(clock=lambda: now[0])
        with self.at(NOON, sandbox, store=Store()) as (vendor, sandbox):
            for days, written in ((0, 1), (14, 1), (16, 2), (17, 2), (32, 3)):
                now[0] = NOON + timedelta(days=days)
                vendor.slots(search(MONDAY + timedelta(days=35), MONDAY + timedelta(days=41)))
                assert len(puts) == written

    def test_the_neighbours_before_and_after_are_no_rivals(self, hurried: BothHurried) -> None:
        vendor, sandbox = hurried
        slot = some_slot(vendor)
        starts = [slot.start + timedelta(minutes=minutes) for minutes in (-30, 30)]
        sandbox.before = [{"date": start.strftime("%Y-%m-%d %H:%M:%S")} for start in starts]
        assert vendor.book(request_for(slot)).id

    def test_a_rival_that_cannot_be_given_way_to_is_an_unknown_outcome(self, hurried: BothHurried) -> None:
        vendor, sandbox = hurried
        sandbox.before = [{}]
        sandbox.refuses_updates = True
        with pytest.raises(OutcomeUnknown):
            vendor.book(request_for(some_slot(vendor)))

    def test_giving_way_survives_a_lost_answer(self, hurried: BothHurried) -> None:
        vendor, sandbox = hurried
        sandbox.before = [{}]
        sandbox.lose_answer_before("update_appointment")
        with pytest.raises(SlotTaken):
            vendor.book(request_for(some_slot(vendor)))
        assert sandbox.ours() == []


class TestCharts(Base):
    def booked(self, vendor: AlfaDocs, sandbox: RecordingSandbox, patient: Patient) -> int:
        """The chart that a booking of this patient ends in."""
        vendor.book(request_for(some_slot(vendor), patient))
        return int(sandbox.ours()[-1]["patientId"])

    def test_what_is_asked_decides_between_father_and_son(self, june: Both) -> None:
        vendor, _ = june
        assert [(str(a.field), a.required) for a in vendor.asks()] == [
            ("first_name", True),
            ("last_name", True),
            ("email", True),
            ("phone", True),
            ("birth_date", True),
        ]
        assert Field.NOTE not in {asked.field for asked in vendor.asks()}

    def test_a_known_patient_keeps_their_chart_which_is_not_touched(self, june: Both) -> None:
        vendor, sandbox = june
        charts = json.dumps(sandbox.diary["patients"])
        changed = replace(GIULIA, phone="+393339999999", email="Famiglia.Ferri@Posta.example")
        assert self.booked(vendor, sandbox, changed) == 1
        assert json.dumps(sandbox.diary["patients"]) == charts

    def test_two_of_one_household_have_two_charts(self, june: Both) -> None:
        vendor, sandbox = june
        luca = replace(GIULIA, first_name="Luca", birth_date=date(1988, 9, 30))
        assert self.booked(vendor, sandbox, luca) == 2
        child = replace(GIULIA, first_name="Anna", birth_date=date(2019, 5, 5))
        assert self.booked(vendor, sandbox, child) == 6
        assert self.booked(vendor, sandbox, child) == 6

    @pytest.mark.parametrize(("born", "chart"), [(date(1955, 1, 20), 3), (date(1985, 6, 2), 4), (date(2010, 1, 1), 6)])
    def test_the_birth_date_tells_father_son_and_grandson_apart(self, june: Both, born: date, chart: int) -> None:
        vendor, sandbox = june
        mario = Patient("Mario", "Rossi", "rossi@posta.example", "+393334445551", born)
        assert self.booked(vendor, sandbox, mario) == chart

    def test_two_charts_that_nothing_tells_apart_are_left_to_the_practice(self, june: Both) -> None:
        vendor, sandbox = june
        sandbox.diary["patients"].append(sandbox.diary["patients"][0] | {"id": 6})
        assert self.booked(vendor, sandbox, GIULIA) == 7

    def test_a_chart_without_a_birth_date_may_be_a_namesakes(self, june: Both) -> None:
        vendor, sandbox = june
        sandbox.diary["patients"][0]["dateOfBirth"] = None
        assert self.booked(vendor, sandbox, GIULIA) == 6

    def test_without_a_birth_date_one_name_is_enough_and_two_are_too_many(self, june: Both) -> None:
        vendor, sandbox = june
        assert self.booked(vendor, sandbox, replace(GIULIA, birth_date=None)) == 1
        mario = Patient("Mario", "Rossi", "rossi@posta.example", "+393334445551")
        assert self.booked(vendor, sandbox, mario) == 6

    @pytest.mark.parametrize(
        ("first_name", "last_name"),
        [("nicolo", "D'ANGELO"), ("Nicolò", "D’Angelo"), ("Nicolo\u0300", "d angelo"), ("NICOLÒ ", " Dangelo")],
    )
    def test_a_name_is_the_same_however_it_is_typed(self, june: Both, first_name: str, last_name: str) -> None:
        vendor, sandbox = june
        patient = Patient(first_name, last_name, "nicolo@posta.example", "+393337778881", date(2001, 12, 31))
        assert self.booked(vendor, sandbox, patient) == 5

    @pytest.mark.parametrize(
        "name", ["X", "L'Abbate-Conti", "Żółć", "山田", "Ng", "O", "M" * 100, "De la Cruz y Ñandú", "-"]
    )
    def test_every_name_gets_one_chart_and_keeps_it(self, june: Both, name: str) -> None:
        vendor, sandbox = june
        patient = Patient(name, name, "qualcuno@posta.example", "+393330000001", date(1970, 1, 1))
        assert self.booked(vendor, sandbox, patient) == 6
        assert self.booked(vendor, sandbox, patient) == 6
        assert sandbox.diary["patients"][-1]["lastName"] == name

    def test_a_name_is_written_in_one_way_and_without_stray_blanks(self, june: Both) -> None:
        vendor, sandbox = june
        typed = Patient("  Nicolo\u0300 ", "De\u00a0 Luca", "n@posta.example", "+393330000001", date(1970, 1, 1))
        self.booked(vendor, sandbox, typed)
        chart = sandbox.diary["patients"][-1]
        assert (chart["firstName"], chart["lastName"]) == ("Nicol\u00f2", "De Luca")

    def test_only_what_the_patient_gave_is_sent(self, june: Both) -> None:
        vendor, sandbox = june
        patient = Patient("Ada", "Neri", "ada+denti@posta.example", "+393471234567", date(1999, 9, 9))
        self.booked(vendor, sandbox, patient)
        (sent,) = sandbox.sent("create_patient")
        assert sent.json() == {
            "firstName": "Ada",
            "lastName": "Neri",
            "email": "ada+denti@posta.example",
            "dateOfBirth": "1999-09-09",
            "phoneNumbers": [{"prefix": "+39", "number": "3471234567"}],
        }
        (asked,) = sandbox.sent("patients")
        assert asked.query == {"email": "ada+denti@posta.example", "offset": "0", "limit": "100"}
        vendor.book(request_for(some_slot(vendor), replace(patient, phone="", birth_date=None, first_name="Bea")))
        assert set(sandbox.sent("create_patient")[-1].json()) == {"firstName", "lastName", "email"}

    @pytest.mark.parametrize(
        ("phone", "prefix", "number"),
        [
            ("+393471234567", "+39", "3471234567"),
            ("+390287345610", "+39", "0287345610"),  # an Italian landline keeps its zero
            ("+39 347 123-4567", "+39", "3471234567"),
            ("+4915112345678", "+49", "15112345678"),
            ("+12125550123", "+1", "2125550123"),
            ("+79161234567", "+7", "9161234567"),
            ("+3584512345678", "+358", "4512345678"),
            ("+37812345678", "+378", "12345678"),  # San Marino
            ("+41791234567", "+41", "791234567"),
        ],
    )
    def test_a_phone_number_is_split_after_its_country(self, june: Both, phone: str, prefix: str, number: str) -> None:
        vendor, sandbox = june
        self.booked(vendor, sandbox, Patient("Ada", "Neri", "ada@posta.example", phone, date(1999, 9, 9)))
        assert sandbox.sent("create_patient")[0].json()["phoneNumbers"] == [{"prefix": prefix, "number": number}]

    @pytest.mark.parametrize(
        "phone", ["3471234567", "+39", "+390", "+0391234567", "+39347123456789012", "+39abc123456"]
    )
    def test_a_number_without_a_country_leads_back_to_the_phone(self, june: Both, phone: str) -> None:
        vendor, sandbox = june
        with pytest.raises(InvalidPatient) as raised:
            vendor.book(request_for(some_slot(vendor), replace(GIULIA, phone=phone)))
        assert raised.value.fields == ("phone",)
        assert sandbox.ours() == []

    def test_without_an_email_the_phone_finds_the_chart(self, june: Both) -> None:
        vendor, sandbox = june
        assert self.booked(vendor, sandbox, replace(GIULIA, email="")) == 1
        query = sandbox.sent("patients")[0].query
        assert (query["phoneNumberPrefix"], query["phoneNumber"]) == ("0039", "3331112221")

    def test_a_vendor_that_ignores_the_email_leads_into_nobodys_chart(self, june: Both) -> None:
        vendor, sandbox = june
        everybody = {"links": {}, "total": 5, "offset": 0, "limit": 100, "results": sandbox.diary["patients"]}
        sandbox.answer("patients", 200, everybody)
        assert self.booked(vendor, sandbox, replace(GIULIA, email="another.giulia@posta.example")) == 6

    @pytest.mark.parametrize("total", [0, 100, 102])
    def test_a_page_that_is_exactly_full_is_not_the_last_whatever_it_counts(self, june: Both, total: int) -> None:
        vendor, sandbox = june
        others = [sandbox.diary["patients"][0] | {"id": n, "firstName": f"N{n}"} for n in range(100, 200)]
        sandbox.diary["patients"][:1] = [*others, sandbox.diary["patients"][0]]
        full = {"links": {}, "total": total, "offset": 0, "limit": 100, "results": others}
        sandbox.answer("patients", 200, full, done=True)
        assert self.booked(vendor, sandbox, GIULIA) == 1
        assert [r.query["offset"] for r in sandbox.sent("patients")] == ["0", "100"]

    def test_a_vendor_with_shorter_pages_is_read_to_the_end(self, june: Both) -> None:
        vendor, sandbox = june
        sandbox.page = 1
        luca = replace(GIULIA, first_name="Luca", birth_date=date(1988, 9, 30))
        assert self.booked(vendor, sandbox, luca) == 2

    def test_a_vendor_that_pages_in_a_circle_is_left(self, june: Both) -> None:
        vendor, sandbox = june
        circle = {"links": {}, "total": 10**6, "offset": 0, "limit": 100, "results": sandbox.diary["patients"][:1]}
        sandbox.answer("patients", 200, circle, times=50)
        with pytest.raises(UnexpectedResponse):
            vendor.book(request_for(some_slot(vendor)))
        assert sandbox.count("patients") == 10

    @pytest.mark.parametrize(
        "body", [{"status": "success", "data": []}, {"results": None}, {"results": [{}]}, [], b"<html>"]
    )
    def test_a_search_of_another_shape_has_not_found_nobody(self, june: Both, body: object) -> None:
        vendor, sandbox = june
        sandbox.answer("patients", 200, body)
        with pytest.raises(UnexpectedResponse):
            vendor.book(request_for(some_slot(vendor)))
        assert sandbox.count("create_patient") == 0

    def test_a_search_that_fails_books_nothing(self, june: Both) -> None:
        vendor, sandbox = june
        sandbox.answer("patients", 503, times=2)
        with pytest.raises(VendorUnavailable):
            vendor.book(request_for(some_slot(vendor)))
        assert sandbox.count("create_patient") == sandbox.count("create_appointment") == 0

    ADA = Patient("Ada", "Neri", "ada@posta.example", "+393471234567", date(1999, 9, 9))

    @pytest.mark.parametrize("lose", ["lose_answer_after", "half", "garbage", "html"])
    def test_a_chart_whose_creation_was_not_answered_is_searched_and_used(self, june: Both, lose: str) -> None:
        vendor, sandbox = june
        getattr(sandbox, lose)("create_patient", **({"done": True} if lose in ("garbage", "html") else {}))
        assert self.booked(vendor, sandbox, self.ADA) == 6
        assert len(sandbox.diary["patients"]) == 6

    def test_a_chart_that_was_not_created_costs_nobody_the_booking(self, june: Both) -> None:
        vendor, sandbox = june
        slot = some_slot(vendor)
        sandbox.lose_answer_before("create_patient")
        with pytest.raises(VendorUnavailable):
            vendor.book(request_for(slot, self.ADA))
        assert sandbox.count("create_patient") == 1
        assert sandbox.count("patients") == 3  # before, at once afterwards, and a moment later
        assert vendor.find(request_for(slot, self.ADA)) == []
        assert vendor.book(request_for(slot, self.ADA)).id
        assert len(sandbox.diary["patients"]) == 6

    def test_a_chart_that_the_vendor_finds_a_moment_late_is_used(self, june: Both) -> None:
        vendor, sandbox = june
        nobody = {"links": {}, "total": 0, "offset": 0, "limit": 100, "results": []}
        sandbox.answer("patients", 200, nobody, times=2)
        sandbox.lose_answer_after("create_patient")
        assert self.booked(vendor, sandbox, self.ADA) == 6
        assert len(sandbox.diary["patients"]) == 6

    def test_who_has_no_time_left_does_not_wait_for_a_chart(self) -> None:
        with self.at(NOON, budget=1.8) as (vendor, sandbox):
            request = request_for(some_slot(vendor), self.ADA)
            sandbox.lose_answer_before("create_patient")
            with pytest.raises(VendorUnavailable):
                vendor.book(request)
            assert sandbox.count("patients") == 2

    def test_a_chart_that_cannot_be_searched_again_is_no_booking_and_never_a_twin(self, june: Both) -> None:
        vendor, sandbox = june
        slot = some_slot(vendor)
        found = {"links": {}, "total": 0, "offset": 0, "limit": 100, "results": []}
        sandbox.answer("patients", 200, found)
        sandbox.answer("patients", 500, times=2)
        sandbox.lose_answer_after("create_patient")
        with pytest.raises(VendorUnavailable):
            vendor.book(request_for(slot, self.ADA))
        assert vendor.book(request_for(slot, self.ADA)).id
        assert len(sandbox.diary["patients"]) == 6

    @pytest.mark.parametrize("status", [400, 409, 422])
    def test_a_refused_chart_leads_back_to_what_was_given(self, june: Both, status: int) -> None:
        vendor, sandbox = june
        sandbox.answer("create_patient", status, {"error": "Dati non validi"})
        with pytest.raises(InvalidPatient) as raised:
            vendor.book(request_for(some_slot(vendor), replace(self.ADA, birth_date=None)))
        assert set(raised.value.fields) == {"first_name", "last_name", "email", "phone"}
        assert sandbox.count("create_appointment") == 0

    @pytest.mark.parametrize("status", [400, 409, 422])
    def test_a_chart_that_was_refused_and_created_is_used(self, june: Both, status: int) -> None:
        vendor, sandbox = june
        sandbox.answer("create_patient", status, {"error": "Dati non validi"}, done=True)
        assert self.booked(vendor, sandbox, self.ADA) == 6
        assert sandbox.count("create_patient") == 1
        assert sandbox.count("patients") == 2

    def test_another_refusal_of_a_chart_is_ours_to_mend(self, june: Both) -> None:
        vendor, sandbox = june
        sandbox.answer("create_patient", 405)
        with pytest.raises(UnexpectedResponse):
            vendor.book(request_for(some_slot(vendor), self.ADA))

    def test_two_bookings_of_a_new_patient_at_once_create_one_chart(self) -> None:
        class Store(MemoryStore):
            lock = threading.Lock()

            def lease(self, key: str, seconds: float) -> bool:
                with self.lock:
                    return super().lease(key, seconds)

        store, booked = Store(), []
        sandbox = RecordingSandbox(clock=lambda: NOON)
        with sandbox.serve() as base_url:
            slots = self.made(base_url, sandbox).slots(search(provider_id=str(RINALDI)))
            far = [slots[0], next(slot for slot in slots if slot.start >= slots[0].end)]
            sandbox.slow("create_patient", 0.3)
            vendors = [self.made(base_url, sandbox, store=store) for _ in far]
            pairs = [
                (vendor, request_for(slot, self.ADA, key=f"{n:032}"))
                for n, (vendor, slot) in enumerate(zip(vendors, far, strict=True))
            ]
            threads = [threading.Thread(target=lambda v=v, r=r: booked.append(v.book(r).id)) for v, r in pairs]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert len(set(booked)) == 2
        assert sandbox.count("create_patient") == 1

    def test_who_waits_too_long_for_the_same_patients_other_booking_may_try_again(self) -> None:
        class Taken(MemoryStore):
            def lease(self, key: str, seconds: float) -> bool:
                return False

        with self.at(NOON, store=Taken(), budget=2.0) as (vendor, sandbox):
            slot = some_slot(vendor)
            with pytest.raises(VendorUnavailable):
                vendor.book(request_for(slot))
            assert sandbox.count("patients") == 0


class TestChanges(Base):
    def booked(self, vendor: AlfaDocs, operator: int = RINALDI) -> tuple[str, BookingRequest, BookingRequest]:
        """A booked appointment, its request, and one for another time."""
        slots = vendor.slots(search(MONDAY, date(2026, 6, 30), provider_id=str(operator)))
        here = request_for(slots[0])
        other = next(slot for slot in slots if slot.start >= slots[0].end + timedelta(hours=1))
        return vendor.book(here).id, here, replace(here, slot=other)

    @pytest.mark.parametrize("state", ["absent", "waiting", "in_care", "done"])
    def test_whatever_the_desk_does_with_an_appointment_it_stands_until_it_is_cancelled(
        self, june: Both, state: str
    ) -> None:
        vendor, sandbox = june
        id, here, _ = self.booked(vendor)
        sandbox.ours()[0]["state"] = state
        stands = vendor.standing(id, here)
        assert stands is not None
        assert (stands.start, stands.end) == (here.slot.start, here.slot.end)

    def test_a_longer_appointment_stands_as_long_as_the_desk_made_it(self, june: Both) -> None:
        vendor, sandbox = june
        id, here, _ = self.booked(vendor)
        sandbox.ours()[0]["duration"] = "75"
        stands = vendor.standing(id, here)
        assert stands is not None
        assert stands.end - stands.start == timedelta(minutes=75)

    @pytest.mark.parametrize("changes", [{"duration": None}, {"duration": 0}, {"duration": 0, "allDay": True}])
    def test_an_appointment_without_a_length_stands_as_long_as_it_was_booked(
        self, june: Both, changes: dict[str, Any]
    ) -> None:
        vendor, sandbox = june
        id, here, _ = self.booked(vendor)
        sandbox.answer("appointment", 200, {"status": "success", "data": sandbox.ours()[0] | changes})
        stands = vendor.standing(id, here)
        assert stands is not None
        assert (stands.start, stands.end) == (here.slot.start, here.slot.end)
        sandbox.answer("list_appointments", 200, listed(sandbox.ours()[0] | changes))
        assert vendor.find(here) == [stands]

    @pytest.mark.parametrize("lists", [200, 404, 500])
    def test_an_unknown_id_alone_does_not_say_that_an_appointment_is_gone(self, june: Both, lists: int) -> None:
        vendor, sandbox = june
        id, here, _ = self.booked(vendor)
        sandbox.answer("appointment", 404)
        if lists != 200:
            sandbox.answer("list_appointments", lists, times=2)
        with pytest.raises((UnexpectedResponse, VendorUnavailable)):
            vendor.standing(id, here)

    def test_an_appointment_at_an_hour_that_the_clocks_skip_is_not_taken_for_gone(self, june: Both) -> None:
        vendor, sandbox = june
        id, here, _ = self.booked(vendor)
        sandbox.ours()[0]["date"] = "2027-03-28 02:30:00"
        with pytest.raises(UnexpectedResponse):
            vendor.standing(id, here)

    def test_how_an_appointment_stands_costs_one_call_unless_it_is_gone(self, june: Both) -> None:
        vendor, sandbox = june
        id, here, _ = self.booked(vendor)
        sandbox.calls.clear()
        vendor.standing(id, here)
        assert sandbox.calls == ["appointment"]
        sandbox.delete_by_staff(id)
        assert vendor.standing(id, here) is None
        assert sandbox.calls == ["appointment", "appointment", "list_appointments"]

    def test_cancelling_sends_the_whole_record_with_its_colour_and_nothing_read_only(self, june: Both) -> None:
        vendor, sandbox = june
        id, here, _ = self.booked(vendor)
        sandbox.ours()[0] |= {"description": "Porta la TAC [rif ABC-2345]", "colorId": 302, "smsReminder": True}
        vendor.cancel(id, here)
        (put,) = sandbox.sent("update_appointment")
        assert put.json() == {
            "date": here.slot.start.strftime("%Y-%m-%d %H:%M:%S"),
            "description": "Porta la TAC [rif ABC-2345]",
            "type": "inPractice",
            "state": "cancelled",
            "patientId": 1,
            "duration": 30,
            "colorId": 302,
            "chairId": CHAIR_2,
            "operatorId": RINALDI,
            "emailReminder": False,
            "smsReminder": True,
            "allDay": False,
        }

    def test_a_record_of_other_types_goes_back_in_the_documented_ones(self, june: Both) -> None:
        vendor, sandbox = june
        id, here, _ = self.booked(vendor)
        entry = sandbox.ours()[0]
        odd = {"patientId": "1", "duration": "30", "colorId": None, "smsReminder": "true", "allDay": "false", "note": 1}
        sandbox.answer("appointment", 200, {"status": "success", "data": entry | odd})
        vendor.cancel(id, here)
        sent = sandbox.sent("update_appointment")[0].json()
        assert (sent["patientId"], sent["duration"], sent["colorId"]) == (1, 30, GREEN)
        assert (sent["smsReminder"], sent["allDay"]) == (True, False)
        assert "note" not in sent

    def test_what_is_gone_or_cancelled_already_is_no_error(self, june: Both) -> None:
        vendor, sandbox = june
        id, here, _ = self.booked(vendor)
        vendor.cancel("424242", here)
        vendor.cancel(id, here)
        vendor.cancel(id, here)
        assert sandbox.count("update_appointment") == 1
        assert sandbox.ours() == []

    @pytest.mark.parametrize("status", [404, 409])
    @pytest.mark.parametrize("by_staff", ["cancel_by_staff", "delete_by_staff"])
    def test_what_staff_took_out_right_before_the_change_is_cancelled_and_not_moved(
        self, by_staff: str, status: int
    ) -> None:
        class Late(RecordingSandbox):
            def update_appointment(self, request: Request) -> Reply:
                getattr(self, by_staff)(request.values["appointment"])
                raise Refusal(status)

        for change in ("cancel", "move"):
            with self.at(NOON, Late(clock=lambda: NOON)) as (vendor, sandbox):
                id, here, there = self.booked(vendor)
                if change == "cancel":
                    vendor.cancel(id, here)
                else:
                    sandbox.take_at_desk(there.slot.id)
                    with pytest.raises(UnexpectedResponse):  # not `SlotTaken`: the old time does not stand
                        vendor.move(id, there)
                assert sandbox.ours() == []
                assert sandbox.count("update_appointment") == 1

    @pytest.mark.parametrize("status", [404, 405, 410])
    def test_a_vendor_that_knows_no_such_update_has_not_cancelled(self, june: Both, status: int) -> None:
        vendor, sandbox = june
        id, here, there = self.booked(vendor)
        sandbox.answer("update_appointment", status, times=2)
        for call in (lambda: vendor.cancel(id, here), lambda: vendor.move(id, there)):
            with pytest.raises(UnexpectedResponse):
                call()
        assert [found.start for found in vendor.find(here)] == [here.slot.start]

    @pytest.mark.parametrize("lose", ["lose_answer_after", "lose_answer_before"])
    @pytest.mark.parametrize("change", ["cancel", "move"])
    def test_a_change_without_an_answer_is_read_and_if_need_be_repeated(
        self, june: Both, lose: str, change: str
    ) -> None:
        vendor, sandbox = june
        id, here, there = self.booked(vendor)
        getattr(sandbox, lose)("update_appointment")
        if change == "cancel":
            vendor.cancel(id, here)
            assert sandbox.ours() == []
        else:
            assert vendor.move(id, there).start == there.slot.start
            assert len(vendor.find(there)) == 1
        assert sandbox.count("update_appointment") == (1 if lose == "lose_answer_after" else 2)

    def test_two_changes_without_an_answer_are_an_unknown_outcome(self, june: Both) -> None:
        vendor, sandbox = june
        id, here, there = self.booked(vendor)
        for call in (lambda: vendor.cancel(id, here), lambda: vendor.move(id, there)):
            sandbox.lose_answer_before("update_appointment", times=2)
            with pytest.raises(OutcomeUnknown):
                call()
        sandbox.lose_answer_before("update_appointment")
        sandbox.answer("update_appointment", 429)
        with pytest.raises(OutcomeUnknown):
            vendor.cancel(id, here)

    def test_a_change_that_cannot_be_looked_up_is_an_unknown_outcome(self, june: Both) -> None:
        vendor, sandbox = june
        id, here, _ = self.booked(vendor)
        entry = {"status": "success", "data": dict(sandbox.ours()[0])}
        sandbox.answer("appointment", 200, entry)
        sandbox.answer("appointment", 500, times=2)
        sandbox.lose_answer_after("update_appointment")
        with pytest.raises(OutcomeUnknown):
            vendor.cancel(id, here)

    def test_a_refused_cancellation_is_not_taken_for_a_done_one(self, june: Both) -> None:
        vendor, sandbox = june
        id, here, _ = self.booked(vendor)
        sandbox.answer("update_appointment", 400)
        with pytest.raises(UnexpectedResponse):
            vendor.cancel(id, here)

    def test_an_appointment_of_another_shape_changes_nothing(self, june: Both) -> None:
        vendor, sandbox = june
        id, here, _ = self.booked(vendor)
        for body in (b"<html>", {"status": "success", "data": []}, {"status": "success", "data": {"id": "x"}}):
            sandbox.answer("appointment", 200, body)
            with pytest.raises(UnexpectedResponse):
                vendor.cancel(id, here)
        assert sandbox.count("update_appointment") == 0

    def test_moving_takes_the_new_operator_and_chair_and_keeps_the_rest(self, june: Both) -> None:
        vendor, sandbox = june
        id, here, _ = self.booked(vendor)
        sandbox.ours()[0]["description"] = "Porta la TAC [rif ABC-2345]"
        there = replace(here, slot=some_slot(vendor, BIANCHI))
        assert vendor.move(id, there).id == id
        (entry,) = sandbox.ours()
        assert (entry["operatorId"], entry["chairId"]) == (BIANCHI, CHAIR_1)
        assert entry["date"] == there.slot.start.strftime("%Y-%m-%d %H:%M:%S")
        assert entry["description"] == "Porta la TAC [rif ABC-2345]"
        assert [found.id for found in vendor.find(there)] == [id]

    def test_a_moved_booking_carries_the_reference_it_is_known_by_now(self, june: Both) -> None:
        vendor, sandbox = june
        id, _, there = self.booked(vendor)
        vendor.move(id, replace(there, reference="XYZ-9876"))
        assert sandbox.ours()[0]["description"] == "Visita di controllo [rif XYZ-9876]"

    def test_a_move_to_a_taken_time_leaves_the_old_one(self, june: Both) -> None:
        vendor, sandbox = june
        id, here, there = self.booked(vendor)
        sandbox.take_at_desk(there.slot.id)
        with pytest.raises(SlotTaken):
            vendor.move(id, there)
        assert [found.id for found in vendor.find(here)] == [id]

    def test_a_move_whose_repetition_finds_the_time_taken_leaves_the_old_one(self, june: Both) -> None:
        vendor, sandbox = june
        id, here, there = self.booked(vendor)
        sandbox.take_at_desk(there.slot.id)
        sandbox.lose_answer_before("update_appointment")
        with pytest.raises(SlotTaken):
            vendor.move(id, there)
        assert [found.id for found in vendor.find(here)] == [id]

    def test_a_move_that_is_refused_while_the_time_is_free_is_our_mistake(self, june: Both) -> None:
        vendor, sandbox = june
        id, here, there = self.booked(vendor)
        sandbox.answer("update_appointment", 422)
        with pytest.raises(UnexpectedResponse):
            vendor.move(id, there)
        assert [found.id for found in vendor.find(here)] == [id]

    def test_a_move_that_was_refused_and_landed_is_moved(self, june: Both) -> None:
        vendor, sandbox = june
        id, _, there = self.booked(vendor)
        sandbox.answer("update_appointment", 400, done=True)
        assert vendor.move(id, there).start == there.slot.start

    def test_a_move_onto_somebody_is_taken_back(self, june: Both) -> None:
        vendor, sandbox = june
        sandbox.accepts_overlaps = True
        id, here, there = self.booked(vendor)
        sandbox.take_at_desk(there.slot.id)
        with pytest.raises(SlotTaken):
            vendor.move(id, there)
        assert [(found.id, found.start) for found in vendor.find(here)] == [(id, here.slot.start)]

    def test_a_move_that_cannot_be_taken_back_is_an_unknown_outcome(self, june: Both) -> None:
        vendor, sandbox = june
        sandbox.accepts_overlaps = True
        id, _, there = self.booked(vendor)
        sandbox.take_at_desk(there.slot.id)
        before = dict(sandbox.ours()[0])
        sandbox.answer("update_appointment", 200, {"status": "success", "data": before}, done=True)
        sandbox.answer("update_appointment", 400)
        with pytest.raises(OutcomeUnknown):
            vendor.move(id, there)

    def test_what_was_cancelled_is_not_moved(self, june: Both) -> None:
        vendor, sandbox = june
        id, here, there = self.booked(vendor)
        vendor.cancel(id, here)
        for gone in (id, "424242"):
            with pytest.raises(UnexpectedResponse):
                vendor.move(gone, there)
        assert sandbox.ours() == []

    def test_a_practice_whose_tokens_do_not_cover_updates_offers_neither_change_from_then_on(self) -> None:
        store = MemoryStore()
        sandbox = RecordingSandbox(clock=lambda: NOON)
        with sandbox.serve() as base_url:
            vendor = self.made(base_url, sandbox, oauth=True, store=store)
            id, here, there = self.booked(vendor)
            assert vendor.capabilities.cancel
            assert vendor.capabilities.move
            sandbox.refuses_updates = True
            with pytest.raises(AuthenticationFailed):
                vendor.cancel(id, here)
            for changed in (vendor, self.made(base_url, sandbox, oauth=True, store=store)):
                assert not changed.capabilities.cancel
                assert not changed.capabilities.move
                assert changed.capabilities.charts
                with pytest.raises(Unsupported):
                    changed.cancel(id, here)
                with pytest.raises(Unsupported):
                    changed.move(id, there)
            again = oauth_connection(base_url, refresh_token=Secret("granted anew"))
            assert self.made(base_url, sandbox, connection=again, store=store).capabilities.cancel
        assert AlfaDocs.capabilities.cancel

    def test_a_vendor_is_made_and_says_whether_it_can_be_connected_without_a_look_into_its_memory(self) -> None:
        class Closed(MemoryStore):
            def get(self, key: str) -> str | None:
                raise RuntimeError("a vendor is called inside a transaction")

        sandbox = RecordingSandbox(clock=lambda: NOON)
        vendor = self.made("http://127.0.0.1:9", sandbox, oauth=True, store=Closed())
        assert vendor.capabilities.consent
        assert vendor.capabilities.standing
        assert not vendor.capabilities.notifies
        with pytest.raises(RuntimeError):
            assert vendor.capabilities.cancel  # only this is remembered

    def test_a_key_that_is_refused_once_keeps_its_changes(self, june: Both) -> None:
        vendor, sandbox = june
        id, here, _ = self.booked(vendor)
        sandbox.answer("update_appointment", 403)
        with pytest.raises(AuthenticationFailed):
            vendor.cancel(id, here)
        vendor.cancel(id, here)
        assert sandbox.ours() == []


class TestTheSandboxIsStrict(Base):
    """A control: were the sandbox blind, an empty list of breaches would say nothing."""

    @pytest.mark.parametrize(
        ("operation", "change", "breach"),
        [
            ("free_slots", lambda r: r.headers.update({"authorization": "Bearer x"}), "two schemes"),
            ("free_slots", lambda r: r.headers.pop("x-api-key"), "no credentials"),
            ("free_slots", lambda r: r.values.update({"archive": "1"}), "another's path"),
            ("free_slots", lambda r: r.query.update({"startDate": "2026-06-15T00:00:00Z"}), "local date-time"),
            ("free_slots", lambda r: r.query.update({"endDate": "2026-07-14 23:59:59"}), "29 days"),
            ("free_slots", lambda r: r.query.pop("endDate"), "endDate"),
            ("free_slots", lambda r: r.query.pop("operatorIds"), "operatorIds"),
            ("free_slots", lambda r: r.query.update({"reasonId": "5"}), "unknown parameters"),
            ("patients", lambda r: r.query.update({"phoneNumber": "3331112221", "phoneNumberPrefix": "+39"}), "0039"),
            ("patients", lambda r: r.query.update({"dateOfBirth": "1990-04-12"}), "unknown parameters"),
            ("patients", lambda r: r.query.pop("email"), "everybody"),
            ("list_appointments", lambda r: r.query.pop("dateEnd"), "default window"),
            ("list_appointments", lambda r: r.query.update({"dateEnd": "2026-06-16"}), "more than a day"),
        ],
    )
    def test_a_broken_rule_of_asking_is_recorded(
        self, operation: str, change: Callable[[Request], object], breach: str
    ) -> None:
        class Careless(RecordingSandbox):
            """Breaks a request on its way in, as a careless caller would have."""

            def check(self, request: Request, name: str) -> None:
                if name == operation:
                    change(request)
                super().check(request, name)

        with self.at(NOON, Careless(clock=lambda: NOON), breaches=True) as (vendor, sandbox):
            slot = Slot(f"2026-06-15,15:00:00,30,{RINALDI},{CHAIR_2}", NOON, NOON, PRACTICE, str(RINALDI))
            slot = replace(slot, start=datetime(2026, 6, 15, 15, tzinfo=ROME))
            for call in (lambda: vendor.slots(search()), lambda: vendor.book(request_for(slot))):
                with suppress(UnexpectedResponse, AuthenticationFailed):
                    call()
            assert breach in "".join(sandbox.breaches)

    @pytest.mark.parametrize(
        ("path", "method", "body", "breach"),
        [
            ("patients", "POST", {"firstName": "A", "lastName": "B", "gender": "m"}, "gender"),
            ("patients", "POST", {"firstName": "A"}, "without a name"),
            (
                "patients",
                "POST",
                {"firstName": "A", "lastName": "B", "phoneNumbers": [{"prefix": "0039", "number": "347"}]},
                "+39",
            ),
            (
                "patients",
                "POST",
                {"firstName": "A", "lastName": "B", "phoneNumbers": [{"prefix": "+39", "number": "393471234567"}]},
                "whole number",
            ),
            ("appointments", "POST", {"date": "2026-06-15 10:00:00", "colorId": GREEN}, "without"),
            ("appointments/33001", "PUT", {"date": "2026-06-15 10:00:00", "state": "cancelled"}, "colorId"),
            ("appointments/33001", "PUT", {"firstVisit": "no", "colorId": GREEN}, "read-only"),
        ],
    )
    def test_a_broken_rule_of_writing_is_recorded(self, path: str, method: str, body: Any, breach: str) -> None:
        sandbox = RecordingSandbox(clock=lambda: NOON)
        with sandbox.serve() as base_url:
            url = f"{base_url}/api/v1/practices/{PRACTICE}/archives/{ARCHIVE}/{path}"
            answer = httpx.request(method, url, json=body, headers={"X-Api-Key": API_KEY, "Accept": "application/json"})
        assert answer.status_code == 400
        assert breach in "".join(sandbox.breaches)

    def test_json_for_the_token_endpoint_and_an_old_refresh_token_are_recorded(self) -> None:
        sandbox = RecordingSandbox(clock=lambda: NOON)
        client = {"grant_type": "refresh_token", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        with sandbox.serve() as base_url:
            url = f"{base_url}/oauth2/token"
            form = client | {"refresh_token": REFRESH_TOKEN}
            assert httpx.post(url, json=form).status_code == 400
            assert httpx.post(url, data=form).status_code == 200
            assert httpx.post(url, data=form).json()["error"] == "invalid_grant"
        assert len(sandbox.breaches) == 2

    def test_several_weeks_are_answered_at_once(self) -> None:
        sandbox = AlfaDocsSandbox(clock=lambda: NOON)
        headers = {"X-Api-Key": API_KEY, "Accept": "application/json"}
        query = {"startDate": "2026-06-10 00:00:00", "endDate": "2026-07-08 23:59:59", "duration": "30"}
        with sandbox.serve() as base_url, httpx.Client(headers=headers, trust_env=False) as client:
            url = f"{base_url}/api/v1/practices/{PRACTICE}/archives/{ARCHIVE}/free-slots"
            times = []
            for _ in range(5):
                started = time.perf_counter()
                rows = client.get(url, params=query | {"operatorIds": f"{BIANCHI},{RINALDI},{GALLO}"}).json()["data"]
                times.append(time.perf_counter() - started)
        assert len(rows) > 500
        assert min(times) < 0.05

    def test_the_demo_practice_can_be_connected_as_it_stands(self) -> None:
        sandbox = AlfaDocsSandbox(clock=lambda: NOON)
        with sandbox.serve() as base_url:
            table = sandbox.practice(base_url)
            kinds = {"base_url": Url, "api_key": Secret}
            connection = Connection(**{k: kinds.get(k, str)(v) for k, v in table["connection"].items()})
            services = self.made(base_url, sandbox, connection=connection).services("it")
        assert {row["id"] for row in table["service"]} <= {service.id for service in services}
        assert set(table["clinic"]) == {"name", "address"}
        assert json.loads(json.dumps(sandbox.diary)) == sandbox.diary
