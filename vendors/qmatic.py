"""Qmatic Cloud Appointments: the external API, version 1. (Not the calendar API of the older Qmatic Orchestra.)

Documentation: Qmatic's public wiki, space ECAEAD: Authentication, Book an appointment, Reschedule an appointment,
Cancel an appointment. The reference itself is not public: what we had to assume is marked `Assumed` here, with the
number of the gap in the contract page, and stands in one place each.

Qmatic's words beside ours: `account` and `system` (tenant) are the practice; `branch` is our clinic, `resource` our
provider (also a room or a machine), `timeSlot` our slot, `customer` our patient, `personalIdentifier` our booking's
key, `reservation` what the contract calls so too, `informationQuestions` our questions.

Quirks:
* The catalogue is a list of pairs of branch and service. Only the pair says whether it is for patients.
* Free times come all at once, without a way to ask for days. Slots have no id: the vendor's own two strings are it.
* A reservation lives for 15 minutes and can neither be extended, listed, found nor given back.
* Confirming the same reservation a second time is answered like an expired one: look before telling anybody.
* 408 and 429 in answer to a change say nothing about whether it was done, as a 5xx does not.
* Nothing tells what changed since a moment.
* Languages are seven values of the vendor's own spelling. A language that the tenant lacks gives its default one.

Documented, and not used: service combinations (needs its own configuration; we book one service at a time),
`GET /services/{id}` (does not say whether the pair is for patients), the customer update (our bookings are cancelled
or moved, not edited), `notes` (only taken with the reservation, before the patient typed anything), coordinates
(sometimes nonsense), and more than one person per appointment.
"""

import base64
import hashlib
import json
import re
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import httpx

from vendors.base import (
    Appointment,
    Asked,
    AuthenticationFailed,
    BookingRequest,
    Capabilities,
    Clinic,
    Context,
    Field,
    InvalidPatient,
    Offer,
    OutcomeUnknown,
    Patient,
    Provider,
    ProviderChoice,
    Question,
    Reservation,
    ScreeningQuestion,
    Search,
    Secret,
    Service,
    Slot,
    SlotTaken,
    UnexpectedResponse,
    Unsupported,
    Url,
    Vendor,
    VendorError,
    VendorUnavailable,
)
from vendors.http import Http, Query, json_list, json_object, side_by_side, understanding

type Json = dict[str, Any]

PUBLIC_TOKEN_URL = Url("https://api.eu-west-1.qmatic.io/oauth2/token")
PUBLIC_BASE_URL = Url("https://api.eu-west-1.qmatic.io/external/v1")  # Assumed (gap 9): the token's host is the API's
SCOPES = " ".join(f"com.qmatic.saas.appointments/external.appointment.{x}" for x in ("book", "reschedule", "cancel"))
TOKEN_MARGIN = 60
"""Seconds before its end from which a token is not used any more; of a short life, a tenth of it."""
TOKEN_WAIT = 2.0
"""Seconds that we wait for the token another process is just asking for, before we ask for one ourselves."""
POLL = 0.1
ASKING = "asking for a token"
"""The lease of the process that does."""
RESERVE_SECONDS = 6.0
"""How long an answer to a reservation is waited for: of a page's 9 seconds, it leaves some for the look after it."""
RESERVATION = timedelta(minutes=14, seconds=30)
"""How long we rely on a reservation, from when it was asked for. The vendor keeps it for 15 minutes."""
PAIRS_KEPT = 3600
"""Seconds that we remember which branch has which resources for a service."""
LANGUAGES = {"fr": "fr_FR", "nl": "nl_NL", "de": "de_DE", "it": "it_IT", "es": "ES_es"}
BRITISH = ("GB", "IE")
DATE_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How to reach one system of one account. Outside eu-west-1, set both addresses."""

    base_url: Url = PUBLIC_BASE_URL
    token_url: Url = PUBLIC_TOKEN_URL
    account: str
    client_id: str
    client_secret: Secret
    tenant_id: str
    birth_date: str = "optional"
    """Whether patients are asked for it: "no", "optional" or "required". The API does not say what the tenant wants."""

    def __post_init__(self) -> None:
        if self.birth_date not in ("no", "optional", "required"):
            raise ValueError('birth_date must be "no", "optional" or "required"')
        for name in ("account", "tenant_id"):
            value: str = getattr(self, name)
            if not (value.strip() and value.isascii() and value.isprintable()):
                raise ValueError(f"{name} must be plain letters, digits and punctuation, and not empty")


# --- The client: addresses, credentials, JSON, in Qmatic's words -----------------------------------------------------


class Taken(UnexpectedResponse):
    """Refused because of somebody else's claim. Assumed (gap 8): 409."""


class Gone(UnexpectedResponse):
    """Nothing is known by that id, or not any more. Assumed (gap 8): 404 or 410."""


class Refused(UnexpectedResponse):
    """Refused for what the request says. Assumed (gap 8): 400, 415 or 422."""


class BadRequest(Refused):
    """Of these, 400."""


class QmaticClient:
    """One system's API. Raises `Taken`, `Gone` and `Refused` besides the errors of `vendors.http`."""

    def __init__(self, connection: Connection, context: Context) -> None:
        basic = base64.b64encode(f"{connection.client_id}:{connection.client_secret}".encode()).decode()
        account = "".join(connection.account.lower().split())
        token_base, _, last = connection.token_url.rstrip("/").rpartition("/")
        self._token_path = f"/{last}"
        self._tokens = Http("qmatic", token_base, context, {"Authorization": f"Basic {basic}", "X-ACCOUNT": account})
        self._api = Http("qmatic", connection.base_url, context, {"X-TENANT-ID": connection.tenant_id})
        self._store = context.store
        self._token_key = f"token {account} {connection.client_id}"
        self._token = ""
        self._lock = threading.Lock()

    def token(self, refused: str = "") -> str:
        """The token that all calls share. `refused` is one that the vendor did not take."""
        with self._lock:
            if not self._token or self._token == refused:
                self._token = self._store.get(self._token_key) or ""
            if not self._token or self._token == refused:
                self._token = self._new_token(refused)
            return self._token

    def _new_token(self, refused: str) -> str:
        """That of another process which is asking for one now, or else one of our own."""
        until = time.monotonic() + TOKEN_WAIT
        while not (leased := self._store.lease(ASKING, 2 * TOKEN_WAIT)) and time.monotonic() < until:
            time.sleep(POLL)
        try:
            kept = self._store.get(self._token_key)
            if kept and kept != refused:
                return kept
            token, lives = self._ask_for_token()
            self._store.put(self._token_key, token, lives - min(TOKEN_MARGIN, lives / 10))
            return token
        finally:
            if leased:
                self._store.forget(ASKING)

    def _ask_for_token(self) -> tuple[str, float]:
        form = {"grant_type": "client_credentials", "scope": SCOPES}  # Assumed (gap 10): one token may have all three
        response = _in_time(self._tokens.read("POST", self._token_path, form=form), otherwise=VendorUnavailable)
        if response.status_code >= 400:
            raise AuthenticationFailed(f"no token: status {response.status_code}")
        with understanding():
            answer = json_object(response)
            return _text(answer["access_token"]), float(answer["expires_in"])

    def services(self, language: str) -> list[Json]:
        return self._read(json_list, "GET", "/services", headers={"Accept-Language": language})

    def groups(self, language: str) -> Json:
        """Headings and order; empty where none are configured. Assumed (gap 8): 404, 400 or `[]` say so."""
        try:
            return self._read(_groups, "GET", "/services/groups", headers={"Accept-Language": language})
        except (Gone, BadRequest):
            return {}

    def timeslots(self, service: str, branch: str, resource: str | None) -> list[tuple[str, str]]:
        """`startTime` and `endTime` of every open time for one person."""
        query: Query = {"branchId": branch, "numberOfReservations": 1, "requestedResourceId": resource}
        listed = self._read(json_list, "GET", "/services/{service}/timeslots", {"service": service}, query=query)
        with understanding():
            return [_time_slot(entry) for entry in listed]

    def reserve(self, body: Json) -> str:
        response = self._write("POST", "/reservations", body=body, limit=RESERVE_SECONDS)
        with understanding(OutcomeUnknown):
            answer = json_object(response)
            return _text(answer.get("reservationId") or answer["id"])  # Assumed (gap 2)

    def confirm(self, reservation: str, body: Json) -> Json:
        """The appointment, or nothing where it was confirmed with an answer that does not say which."""
        response = self._write("PUT", "/reservations/{reservation}", {"reservation": reservation}, body=body)
        with suppress(UnexpectedResponse), understanding():  # Assumed (gap 5): the body may be empty
            return json_object(response)
        return {}

    def search(self, personal_identifier: str) -> list[Json]:
        body = {"customer": {"personalIdentifier": personal_identifier}}
        return self._read(_found, "POST", "/appointments/search", body=body)

    def appointment(self, appointment: str) -> Json | None:
        """None once it is cancelled. Assumed (gap 8)."""
        try:
            return self._read(json_object, "GET", "/appointments/{appointment}", {"appointment": appointment})
        except Gone:
            return None

    def reschedule(self, appointment: str, reservation: str) -> None:
        body = {"reservationId": reservation}  # Assumed (gap 7): path and body
        response = self._write("PUT", "/appointments/{appointment}", {"appointment": appointment}, body=body)
        _expect_no_content(response)

    def cancel(self, appointment: str) -> None:
        _expect_no_content(self._write("DELETE", "/appointments/{appointment}", {"appointment": appointment}))

    def _read[T](
        self,
        reading: Callable[[httpx.Response], T],
        method: str,
        path: str,
        values: Json | None = None,
        **content: Any,
    ) -> T:
        """What `reading` makes of the answer. One that is no JSON (a page, half a body) is asked for once more."""
        call = partial(self._ask, method, path, values)
        response = self._authorized(call, content)
        with understanding(), suppress(ValueError, RecursionError):
            return reading(response)
        response = self._authorized(call, content)
        with understanding():
            return reading(response)

    def _ask(self, method: str, path: str, values: Json | None, **content: Any) -> httpx.Response:
        return _in_time(self._api.read(method, path, values, **content), otherwise=VendorUnavailable)

    def _write(self, method: str, path: str, values: Json | None = None, **content: Any) -> httpx.Response:
        return self._authorized(partial(self._send_once, method, path, values), content)

    def _send_once(self, method: str, path: str, values: Json | None, **content: Any) -> httpx.Response:
        try:
            return _in_time(self._api.write(method, path, values, **content), otherwise=OutcomeUnknown)
        except VendorUnavailable as error:
            if error.status == 429:  # its other ways to be unavailable mean that it was not sent
                raise OutcomeUnknown("status 429") from error
            raise

    def _authorized(self, call: Callable[..., httpx.Response], content: Json) -> httpx.Response:
        """Calls with the token; with a new one once more after a 401, which also of a write means: not done."""
        headers = content.get("headers", {})
        token = self.token()
        try:
            response = call(**content | {"headers": {**headers, "Authorization": f"Bearer {token}"}})
        except AuthenticationFailed as error:
            if error.status != 401:
                raise
            token = self.token(refused=token)
            response = call(**content | {"headers": {**headers, "Authorization": f"Bearer {token}"}})
        status = response.status_code
        if status < 400:
            return response
        kinds: dict[int, type[UnexpectedResponse]] = {
            400: BadRequest, 404: Gone, 409: Taken, 410: Gone, 415: Refused, 422: Refused,
        }  # fmt: skip
        raise kinds.get(status, UnexpectedResponse)(f"status {status}")


def _in_time(response: httpx.Response, otherwise: type[VendorError]) -> httpx.Response:
    if response.status_code == 408:  # of us or of a server behind: it may be at work still
        raise otherwise("status 408")
    return response


def _groups(response: httpx.Response) -> Json:
    return {} if json.loads(response.content) == [] else json_object(response)


def _found(response: httpx.Response) -> list[Json]:
    """Assumed (gap 6): an array, though the sample shows one object."""
    return [json_object(response)] if response.content.lstrip()[:1] == b"{" else json_list(response)


def _expect_no_content(response: httpx.Response) -> None:
    if response.status_code != 204:  # a page about maintenance comes with 200
        raise OutcomeUnknown(f"status {response.status_code}, where 204 is documented")


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("a text was expected")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("true or false was expected")
    return value


def _time_slot(entry: Json) -> tuple[str, str]:
    """`startTime` and `endTime` as sent: they go back unchanged. Assumed (gap 1): perhaps wrapped in `timeSlot`."""
    span = entry.get("timeSlot", entry)
    for value in (span["startTime"], span["endTime"]):
        if not DATE_TIME.fullmatch(value):
            raise ValueError("a date-time with its offset was expected")
    return span["startTime"], span["endTime"]


# --- The vendor: what it means, in our words -------------------------------------------------------------------------


type Pairs = dict[str, list[Any]]
"""Of one service: per branch the choice of a resource (a `ProviderChoice`) and a list of the resources' ids."""


class Qmatic(Vendor):
    name = "Qmatic"
    Connection = Connection
    whose = ("base_url", "account", "tenant_id")
    capabilities = Capabilities(
        reserve=True,
        cancel=True,
        move=True,
        carries_reference=True,
        questions=True,
        screening=True,
        groups=True,
        standing=True,
    )

    def __init__(self, connection: Any, context: Context) -> None:
        self._client = QmaticClient(connection, context)
        self._birth_date: str = connection.birth_date
        self._timezone = context.timezone
        self._english = "en_UK" if context.country in BRITISH else "en_US"
        self._store = context.store
        self._pairs_key = f"pairs {connection.tenant_id}"

    def asks(self) -> tuple[Asked, ...]:
        birth_date = Asked(Field.BIRTH_DATE, required=self._birth_date == "required", max_length=10)  # gap 12
        return (
            Asked(Field.FIRST_NAME, max_length=255),
            Asked(Field.LAST_NAME, max_length=255),
            *(() if self._birth_date == "no" else (birth_date,)),
            Asked(Field.EMAIL, max_length=255),
            Asked(Field.PHONE, required=False, max_length=255),
        )

    # --- The catalogue --------------------------------------------------------------------------------------------

    def services(self, language: str) -> list[Service]:
        value = self._language(language)
        self._client.token()  # here, so that the threads need not ask the store
        calls: list[Callable[[], Any]] = [partial(self._client.services, value), partial(self._client.groups, value)]
        pairs, groups = side_by_side(calls)
        offered = self._offered(pairs)
        with understanding():
            headings: dict[str, tuple[str, str]] = {}
            for service, group, description in _in_order(groups):
                headings.setdefault(service, (group, description))
            found = []
            for service in [*headings, *(service for service in offered if service not in headings)]:
                if service in offered:
                    name, offers = offered[service]
                    group, description = headings.get(service, ("", ""))
                    found.append(Service(service, name, description, group, offers=tuple(offers.values())))
            return found

    def _language(self, code: str) -> str:
        """The vendor's value for a language code. For a language not among its seven (Swedish): English."""
        return LANGUAGES.get(code.replace("_", "-").partition("-")[0].lower(), self._english)

    def _offered(self, pairs: list[Json]) -> dict[str, tuple[str, dict[str, Offer]]]:
        """By service its name, and its offers by branch: the pairs that are for patients. Kept in short for `slots`."""
        offered: dict[str, tuple[str, dict[str, Offer]]] = {}
        with understanding():
            for pair in pairs:
                service = pair["service"]
                if _flag(service["config"]["onlineBookable"]):
                    offer = _offer(pair)
                    _, offers = offered.setdefault(_text(service["id"]), (_text(service["name"]), {}))
                    offers[offer.clinic.id] = offer
        known = {service: _in_short(offers) for service, (_, offers) in offered.items()}
        self._store.put(self._pairs_key, json.dumps(known), PAIRS_KEPT)
        return offered

    def _pairs(self, search: Search, *, live: bool = False) -> Pairs:
        """The branches of a service: as last read, or read anew where that is asked for or this service is unknown."""
        known: dict[str, Pairs] = {} if live else json.loads(self._store.get(self._pairs_key) or "{}")
        if search.service_id in known:
            return known[search.service_id]
        offered = self._offered(self._client.services(self._language(search.language)))
        return _in_short(offered[search.service_id][1]) if search.service_id in offered else {}

    # --- Times ----------------------------------------------------------------------------------------------------

    def window(self, day: date) -> tuple[date, date]:
        """Every day: one answer holds all free times up to the tenant's horizon."""
        return date(2000, 1, 1), date(2099, 12, 31)

    def slots(self, search: Search) -> list[Slot]:
        """One call, or one per clinic, and per provider where one must be named and the patient has no preference."""
        if search.clinic_id is not None and search.provider_id is not None:
            places: list[tuple[str, str | None]] = [(search.clinic_id, search.provider_id)]
        else:
            places = _places(search, self._pairs(search))
        try:
            found = self._free(search, places)
        except Gone:  # Assumed (gap 8): the catalogue changed, so ask it before anything is said
            now = _places(search, self._pairs(search, live=True))
            if now == places:
                raise
            found = self._free(search, now)
        within = {slot.id: slot for slot in found if search.first <= slot.start.date() <= search.last}
        return sorted(within.values(), key=lambda slot: slot.start)

    def _free(self, search: Search, places: list[tuple[str, str | None]]) -> list[Slot]:
        self._client.token()  # here, so that the threads need not ask the store
        lists = side_by_side([partial(self._client.timeslots, search.service_id, *place) for place in places])
        with understanding():
            return [self._slot(times, *place) for place, found in zip(places, lists, strict=True) for times in found]

    def _slot(self, times: tuple[str, str], branch: str, resource: str | None) -> Slot:
        start, end = (self._clock(text) for text in times)
        occupies = (f"resource/{resource}",) if resource else ()
        return Slot("~".join((*times, branch, resource or "")), start, end, branch, resource, occupies)

    def slot_of(self, slot_id: str) -> Slot | None:
        try:
            start, end, branch, resource = slot_id.split("~")
            slot = self._slot((start, end), branch, resource or None)
        except ValueError:
            return None
        return slot if branch and slot.start.tzinfo and slot.start < slot.end else None

    def _clock(self, text: str) -> datetime:
        """The wall clock as given, for the offset is the branch's. A bare Z is no branch's clock: it is converted."""
        given = datetime.fromisoformat(text)
        here = given.astimezone(self._timezone)
        return here if here.utcoffset() == given.utcoffset() or text.endswith("Z") else given

    # --- Booking --------------------------------------------------------------------------------------------------

    def reserve(self, request: BookingRequest) -> Reservation:
        """Take the slot for 15 minutes; at most twice after a lost answer, and only while it is still listed.

        With several resources a lost reservation may stand unseen until it lapses. Where the time is gone after a
        lost answer, that may be our own doing: `SlotTaken` then says that it may return, after the second try too.
        """
        body = _reservation(request)
        for first_try in (True, False):
            expires_at = datetime.now(UTC) + RESERVATION
            try:
                return Reservation(self._client.reserve(body), expires_at)
            except Taken as error:
                raise SlotTaken(may_return=not first_try) from error
            except UnexpectedResponse as error:  # every other refusal is suspicious: the list of times decides
                if self._is_listed(body):
                    raise
                raise SlotTaken("refused, and not listed any more", may_return=not first_try) from error
            except OutcomeUnknown as error:
                if not self._is_listed(body):
                    raise SlotTaken("no answer, and not listed any more", may_return=True) from error
                if not first_try:
                    raise VendorUnavailable("two reservations without an answer") from error
        raise AssertionError("unreachable")

    def _is_listed(self, body: Json) -> bool:
        try:
            times = self._client.timeslots(body["serviceId"], body["branchId"], body.get("requestedResourceId"))
        except Gone:  # Assumed (gap 8): the service, the branch or the resource left the catalogue meanwhile
            return False
        with understanding():
            start = datetime.fromisoformat(body["timeSlot"]["startTime"])
            return any(datetime.fromisoformat(listed) == start for listed, _ in times)

    def book(self, request: BookingRequest) -> Appointment:
        """Confirm the reservation. The same request may be sent again after an unknown outcome and an empty `find`:
        one reservation yields one appointment, and a second confirmation of it is looked up.
        """
        if request.reservation_id is None:
            raise Unsupported("book without a reservation")
        appointment: Appointment | None = None
        try:
            confirmed = self._client.confirm(request.reservation_id, self._details(request))
            with suppress(UnexpectedResponse), understanding():
                appointment = self._appointment(confirmed)
        except (Taken, Gone) as error:  # Assumed (gap 8): expired, or confirmed before
            appointment = self._look(request)
            if appointment is None:
                raise SlotTaken("the reservation is over") from error
        except Refused as error:
            appointment = self._look(request)
            if appointment is None:
                raise InvalidPatient(*self._suspects(request.patient)) from error
        appointment = appointment or self._look(request)
        if appointment is None or not _is_at(request.slot, appointment):
            raise OutcomeUnknown("confirmed without saying what, or at another time")
        return appointment

    def find(self, request: BookingRequest) -> list[Appointment]:
        """By the booking's key, at the time it was booked for. Assumed (gap 6): cancelled ones are not listed.

        Raises `OutcomeUnknown` where it stands at another time only: staff may have moved it, so it is not absent.
        """
        entries = self._by_key(request)
        here = [entry for entry in entries if _is_at(request.slot, entry)]
        if entries and not here:
            raise OutcomeUnknown("it stands at another time")
        return here

    def _by_key(self, request: BookingRequest) -> list[Appointment]:
        """Whatever carries the booking's key, which no other booking has, at any time."""
        with understanding():
            return [self._appointment(entry) for entry in self._client.search(_identifier(request))]

    def standing(self, appointment_id: str, request: BookingRequest) -> Appointment | None:
        """By its id. One that is not known by it any more is searched by the booking's key before it is called gone:
        staff may have entered it anew, and a path that is not there is answered alike (gap 6, 8).
        """
        entry = self._client.appointment(appointment_id)
        if entry is None:
            return next(iter(self._by_key(request)), None)
        with understanding():
            return self._appointment(entry)

    def cancel(self, appointment_id: str, request: BookingRequest) -> None:
        try:
            self._client.cancel(appointment_id)
        except Gone:
            return
        except (Taken, Refused, OutcomeUnknown):
            if self._stands(appointment_id) is not None:
                raise

    def move(self, appointment_id: str, request: BookingRequest) -> Appointment:
        """To the request's reservation, which frees the old time. Its id stays."""
        if request.reservation_id is None:
            raise Unsupported("move without a reservation")
        moved = Appointment(appointment_id, request.slot.start, request.slot.end)
        try:
            self._client.reschedule(appointment_id, request.reservation_id)
        except (Taken, Gone, Refused, OutcomeUnknown) as error:
            stands = self._stands(appointment_id)
            if stands and _is_at(request.slot, stands):
                return moved
            if stands and isinstance(error, (Taken, Gone)):
                raise SlotTaken("the reservation is over") from error
            raise
        return moved

    def _stands(self, appointment_id: str) -> Appointment | None:
        """The appointment as the diary has it, after a change whose outcome is open."""
        try:
            entry = self._client.appointment(appointment_id)
            with understanding():
                return None if entry is None else self._appointment(entry)
        except VendorError as error:
            raise OutcomeUnknown("could not be looked up") from error

    def _look(self, request: BookingRequest) -> Appointment | None:
        """This booking, after a confirmation that did not say what became of it."""
        try:
            return next(iter(self.find(request)), None)
        except VendorError as error:
            raise OutcomeUnknown("could not be looked up") from error

    def _appointment(self, entry: Json) -> Appointment:
        start, end = _time_slot(entry)
        return Appointment(_text(entry["appointmentId"]), self._clock(start), self._clock(end))

    def _details(self, request: BookingRequest) -> Json:
        """The confirmation's body. Assumed (gap 3, 4): flat, camel case, one text as the answer to a question."""
        patient = request.patient
        details: Json = {
            "personalIdentifier": _identifier(request),
            "firstName": _plain(patient.first_name),
            "lastName": _plain(patient.last_name),
            "email": patient.email,
        }
        if patient.phone:  # Assumed (gap 13): as text; a number would lose its plus sign and zeros
            details["phoneNumber"] = re.sub(r"[^0-9+]", "", patient.phone)
        if patient.birth_date and self._birth_date != "no":
            details["dateOfBirth"] = patient.birth_date.isoformat()
        answers = [(answer.question, unicodedata.normalize("NFC", answer.text).strip()) for answer in request.answers]
        questions = [{"questionText": question, "answer": answer} for question, answer in answers if answer]
        if questions:
            details["informationQuestions"] = questions
        return details

    def _suspects(self, patient: Patient) -> list[str]:
        """What to look at again after a refusal that does not say why (gap 8, 12)."""
        asked = {str(asked.field): getattr(patient, asked.field) for asked in self.asks()}
        likely = [name for name in ("first_name", "last_name") if not _is_plain(_plain(asked[name]))]
        if "birth_date" in asked and asked["birth_date"] is None:
            likely.append("birth_date")
        return likely or [name for name, value in asked.items() if value]


def _is_at(slot: Slot, appointment: Appointment) -> bool:
    """As instants: Python takes wall clocks of one zone for equal, in the hour that comes twice."""
    return slot.start.timestamp() == appointment.start.timestamp()


def _in_order(groups: Json) -> Iterator[tuple[str, str, str]]:
    """A service's id, its group's name and its description, in the order to show them; those in no group last."""
    ungrouped = {"name": "", "services": groups.get("services")}
    for group in [*sorted(groups.get("serviceGroups") or [], key=_index), ungrouped]:
        for service in sorted(group.get("services") or [], key=_index):
            yield _text(service["id"]), group.get("name") or "", service.get("externalDescription") or ""


def _index(entry: Json) -> int:
    return entry.get("index") or 0


def _offer(pair: Json) -> Offer:
    branch, selection = pair["branch"], pair.get("resourceSelection") or {}
    address = branch.get("address") or {}
    town = " ".join(filter(None, (address.get("zipCode"), address.get("city"))))
    lines = filter(None, (address.get("streetName"), town, address.get("country")))
    resources = {_text(resource["id"]): resource["name"] for resource in selection.get("availableResources") or []}
    choice = ProviderChoice.NONE
    if resources:  # Assumed: a list from which none is required is one to choose from, or to take any
        choice = ProviderChoice.REQUIRED if _flag(selection["required"]) else ProviderChoice.OPTIONAL
    return Offer(
        clinic=Clinic(_text(branch["id"]), _text(branch["name"]), ", ".join(lines)),
        providers=tuple(Provider(id, _text(name)) for id, name in resources.items()),
        provider_choice=choice,
        screening=tuple(
            ScreeningQuestion(
                text=_text(question["questionText"]),
                help=question.get("clarificationText") or "",
                needs_yes=_flag(question["yesRequiredAnswer"]),
                refusal=question.get("answerDeniedMessage") or "",
            )
            for question in pair.get("screeningQuestions") or []
        ),
        questions=tuple(_questions(pair.get("informationQuestions") or [])),
    )


def _questions(entries: list[Json]) -> Iterator[Question]:
    """Questions have no id at the vendor: ours is a digest of the text, with a number where a text comes again."""
    seen: list[str] = []
    for entry in entries:
        text = _text(entry["questionText"])
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        again = f"-{seen.count(text) + 1}" if text in seen else ""
        seen.append(text)
        yield Question(digest + again, text, entry.get("clarificationText") or "", _flag(entry["required"]))


def _in_short(offers: dict[str, Offer]) -> Pairs:
    return {branch: [offer.provider_choice, [p.id for p in offer.providers]] for branch, offer in offers.items()}


def _places(search: Search, pairs: Pairs) -> list[tuple[str, str | None]]:
    """The branches and resources to ask for their times, one call each."""
    places: list[tuple[str, str | None]] = []
    for branch, (choice, resources) in pairs.items():
        if search.clinic_id not in (None, branch):
            continue
        if search.provider_id is not None:
            places += [(branch, resource) for resource in resources if resource == search.provider_id]
        elif choice == ProviderChoice.REQUIRED:
            places += [(branch, resource) for resource in resources]
        else:
            places.append((branch, None))
    return places


def _reservation(request: BookingRequest) -> Json:
    """The reservation's body, with the times in the strings that the vendor listed."""
    try:
        start, end, branch, resource = request.slot.id.split("~")
    except ValueError:
        raise SlotTaken("not a slot of this vendor") from None
    body: Json = {
        "serviceId": request.service_id,
        "branchId": branch,
        "timeSlot": {"startTime": start, "endTime": end},
        "numberOfReservations": 1,
    }
    return body | ({"requestedResourceId": resource} if resource else {})


def _identifier(request: BookingRequest) -> str:
    """The booking's key as a `personalIdentifier`: 10 to 48 letters and digits, so without hyphens."""
    return re.sub(r"[^A-Za-z0-9]", "", request.key)


APOSTROPHES = "\u2019\u2018\u02bc\u02b9\u0060\u00b4\u2032\uff07"
HYPHENS = "\u2010\u2011\u2012\u2013\u2014\u2212"
PLAINER = str.maketrans(dict.fromkeys(APOSTROPHES, "'") | dict.fromkeys(HYPHENS, "-") | {"\u00ad": ""})


def _plain(name: str) -> str:
    """A name in the vendor's alphabet as far as spelling goes: phones type other apostrophes, hyphens and accents."""
    return " ".join(unicodedata.normalize("NFC", name).translate(PLAINER).split())


def _is_plain(name: str) -> bool:
    """Whether it has only what the vendor's samples have: Latin, Cyrillic, Hebrew letters, digits, and ' . -"""
    scripts = ("LATIN ", "CYRILLIC ", "HEBREW LETTER ")
    return all(c in "0123456789 '.-" or unicodedata.name(c, "").startswith(scripts) for c in name)
