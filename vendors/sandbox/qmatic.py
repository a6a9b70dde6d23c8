"""Qmatic Cloud Appointments as its contract describes it: the token endpoint and the external API of one practice.

Riverside Health has two branches in London. What the contract assumes (status codes, bodies) is answered as assumed.
"""

import base64
import binascii
import hashlib
import pathlib
import re
import secrets
import uuid
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from vendors.sandbox.base import Clock, Refusal, Reply, Request, Sandbox

type Json = dict[str, Any]

ZONE = ZoneInfo("Europe/London")
ACCOUNT, CLIENT_ID, CLIENT_SECRET = "riversidehealth", "5k2riverside", "sandbox-secret-of-riverside"
LANGUAGES = ("en_US", "en_UK", "fr_FR", "nl_NL", "de_DE", "it_IT", "ES_es")
SCOPE = "com.qmatic.saas.appointments/external.appointment."
HORIZON = 60
"""Days ahead that patients may book."""
RESERVED = timedelta(minutes=15)
TOKEN_LIVES = timedelta(minutes=60)

GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NAME = re.compile(
    "[A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff\u0400-\u052f\u05d0-\u05ea0-9 '.-]{1,255}"
)
PHONE = re.compile("[0-9 +-]{1,255}")
IDENTIFIER = re.compile("[A-Za-z0-9]{10,48}")


def guid(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"https://riverside.example/{name}"))


TENANT_ID = guid("tenant")


def _branch(name: str, street: str, zip_code: str, longitude: float, latitude: float) -> Json:
    return {
        "id": guid(name),
        "name": name,
        "address": {"streetName": street, "zipCode": zip_code, "city": "London", "country": "United Kingdom"},
        "location": {"longitude": longitude, "latitude": latitude},
    }


BANKSIDE = _branch("Riverside Health Bankside", "14 Lavington Street", "SE1 0NZ", -0.1005, 51.5049)
CANALSIDE = _branch("Riverside Health Canalside", "3 Wharf Road", "N1 7GR", 180, 180)  # as in the vendor's own sample
BRANCHES = (BANKSIDE, CANALSIDE)
OPEN: dict[str, dict[int, tuple[time, time]]] = {
    BANKSIDE["id"]: {day: (time(8, 30), time(17)) for day in range(5)} | {5: (time(9), time(13))},
    CANALSIDE["id"]: {day: (time(9), time(16, 30)) for day in range(5)},
}
"""Per branch and weekday."""


@dataclass(frozen=True, slots=True)
class Treatment:
    """A service as the practice set it up. `resources` are who or what it needs one of, per branch."""

    name: str
    minutes: int
    resources: dict[str, tuple[str, ...]]
    group: str = ""
    index: int = 0
    description: str = ""
    selection: str = "off"
    """off, optional or required"""
    staff_only_at: tuple[str, ...] = ()
    most: int = 1
    questions: tuple[Json, ...] = ()
    screening: tuple[Json, ...] = ()

    @property
    def id(self) -> str:
        return guid(self.name)

    def online(self, branch: str) -> bool:
        return branch not in self.staff_only_at

    def selectable(self, branch: str) -> list[str]:
        return [guid(name) for name in self.resources[branch]] if self.selection != "off" else []


BOTH = (BANKSIDE["id"], CANALSIDE["id"])
TREATMENTS = (  # not in the order in which they are to be shown: their group's index and their own say that
    Treatment(
        "Flu vaccination",
        10,
        {BANKSIDE["id"]: ("Vaccination room 1", "Vaccination room 2"), CANALSIDE["id"]: ("Treatment room",)},
        group="Vaccinations and travel",
        index=1,
        description="For adults. Please wear short sleeves.",
        screening=(
            {
                "yesRequiredAnswer": True,
                "questionText": "Are you 18 or older?",
                "clarificationText": "Children are vaccinated at school.",
                "answerDeniedMessage": "This appointment is for adults. Please call us about children.",
            },
            {
                "yesRequiredAnswer": False,
                "questionText": "Have you ever had a severe reaction to a vaccine?",
                "clarificationText": "For example trouble breathing.",
                "answerDeniedMessage": "Please call us first, so that a doctor can advise you.",
            },
        ),
    ),
    Treatment(
        "Travel advice",
        20,
        {BANKSIDE["id"]: ("Travel desk",)},
        group="Vaccinations and travel",
        index=2,
        description="Vaccinations and medicines for your journey.",
        questions=(
            {
                "required": True,
                "questionText": "Which countries will you visit?",
                "clarificationText": "In the order of your journey.",
            },
            {"required": False, "questionText": "When do you leave?", "clarificationText": ""},
        ),
    ),
    Treatment(
        "Physiotherapy",
        30,
        {BANKSIDE["id"]: ("Ewa Nowak", "James Reid"), CANALSIDE["id"]: ("Sofia Marino",)},
        selection="required",
    ),
    Treatment(
        "Blood test",
        10,
        {BANKSIDE["id"]: ("Phlebotomy chair 1", "Phlebotomy chair 2"), CANALSIDE["id"]: ("Treatment room",)},
        group="General practice",
        index=3,
        description="Bring the form from your doctor.",
        staff_only_at=(CANALSIDE["id"],),
        most=2,
    ),
    Treatment(
        "GP appointment",
        15,
        {BANKSIDE["id"]: ("Dr Amara Okafor", "Dr Tom Hughes"), CANALSIDE["id"]: ("Dr Priya Shah",)},
        group="General practice",
        index=1,
        description="One problem per appointment, please.",
        selection="optional",
    ),
    Treatment(
        "New patient health check",
        30,
        {BANKSIDE["id"]: ("Nurse's room",), CANALSIDE["id"]: ("Treatment room",)},
        group="General practice",
        index=2,
        description="Blood pressure, weight, and a talk about your history.",
        questions=(
            {"required": False, "questionText": "Who was your last doctor?", "clarificationText": "Name and town."},
        ),
    ),
    Treatment(
        "Minor surgery",
        30,
        {BANKSIDE["id"]: ("Dr Amara Okafor",), CANALSIDE["id"]: ("Dr Priya Shah",)},
        group="General practice",
        index=4,
        staff_only_at=BOTH,
    ),
)
GROUPS = {"Vaccinations and travel": 2, "General practice": 1}
SPANISH = {
    "Flu vaccination": "Vacuna contra la gripe",
    "GP appointment": "Cita con el médico de cabecera",
    "General practice": "Medicina general",
    "Are you 18 or older?": "¿Tiene 18 años o más?",
    "Which countries will you visit?": "¿Qué países visitará?",
}
"""What this tenant has in the only other language that it configured. Its default is English."""


@dataclass(frozen=True, slots=True)
class Span:
    start: datetime
    end: datetime

    def json(self) -> Json:
        return {"startTime": self.start.isoformat(), "endTime": self.end.isoformat()}


class QmaticSandbox(Sandbox):
    routes: ClassVar = (
        ("POST", "/oauth2/token", "token"),
        ("GET", "/external/v1/services", "services"),
        ("GET", "/external/v1/services/groups", "groups"),
        ("GET", "/external/v1/services/{service}", "service"),
        ("GET", "/external/v1/services/{service}/timeslots", "timeslots"),
        ("POST", "/external/v1/reservations", "reserve"),
        ("PUT", "/external/v1/reservations/{reservation}", "confirm"),
        ("POST", "/external/v1/appointments/search", "search"),
        ("GET", "/external/v1/appointments/{appointment}", "appointment"),
        ("PUT", "/external/v1/appointments/{appointment}", "reschedule"),
        ("DELETE", "/external/v1/appointments/{appointment}", "cancel"),
        ("PUT", "/external/v1/appointments/{appointment}/customer", "customer"),
    )
    token_lives = TOKEN_LIVES

    def __init__(
        self,
        clock: Clock = lambda: datetime.now(UTC),
        file: pathlib.Path | None = None,
        *,
        birth_date_required: bool = False,
        empty_confirm: bool = False,
    ) -> None:
        self.birth_date_required = birth_date_required
        """Confirming without a date of birth is refused."""
        self.empty_confirm = empty_confirm
        """Confirming answers 201 without a body."""
        super().__init__(clock, file)

    def fresh_diary(self) -> Json:
        return {"tokens": {}, "reservations": {}, "appointments": {}}

    def practice(self, base_url: str) -> Json:
        return {
            "slug": "riverside",
            "name": "Riverside Health",
            "vendor": "qmatic",
            "timezone": "Europe/London",
            "languages": ["en", "sv"],
            "embed_origins": ["https://www.riverside.example"],
            "phone": "+44 20 7946 0123",
            "email": "hello@riverside.example",
            "connection": {
                "base_url": f"{base_url}/external/v1",
                "token_url": f"{base_url}/oauth2/token",
                "account": ACCOUNT,
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
                "tenant_id": TENANT_ID,
            },
        }

    def appointments(self) -> list[Json]:
        with self.lock:
            live = [entry for entry in self.diary["appointments"].values() if not entry["cancelled"]]
            extras = ("personalIdentifier", "informationQuestions", "resource")
            return [self._shown(entry) | {name: entry.get(name) for name in extras} for entry in live]

    def take_at_desk(self, slot_id: str) -> None:
        start, end, branch, resource = slot_id.split("~")
        span = Span(datetime.fromisoformat(start), datetime.fromisoformat(end))
        with self.lock:
            for treatment in TREATMENTS:
                if branch not in treatment.resources or span.json() not in self._grid(treatment, branch, 1):
                    continue
                for free in self._free(treatment, branch, span):
                    if resource in ("", free):
                        booked = {
                            "service": treatment.id,
                            "branch": branch,
                            "resource": free,
                            "timeSlot": span.json(),
                            "numberOfReservations": 1,
                        }
                        self._enter(booked, {"firstName": "Written", "lastName": "At the desk"}, "")

    def resources_free_at(self, service: str, slot_id: str) -> int:
        """How many of those that may take this service's time, whoever it names, could do so."""
        start, end, branch, _resource = slot_id.split("~")
        treatment = _treatment(service)
        assert treatment is not None
        span = Span(datetime.fromisoformat(start), datetime.fromisoformat(end))
        with self.lock:
            return len(list(self._free(treatment, branch, span)))

    def _free(self, treatment: Treatment, branch: str, span: Span) -> Iterator[str]:
        yield from (guid(name) for name in treatment.resources[branch] if self._is_free(guid(name), span))

    def move_by_staff(self, appointment_id: str, start: datetime) -> None:
        with self.lock:
            entry = self.diary["appointments"][appointment_id]
            span, begins = _span(entry["timeSlot"]), start.astimezone(ZONE)
            entry["timeSlot"] = Span(begins, begins + (span.end - span.start)).json()

    def cancel_by_staff(self, appointment_id: str) -> None:
        with self.lock:
            self.diary["appointments"][appointment_id]["cancelled"] = True

    def delete_by_staff(self, appointment_id: str) -> None:
        with self.lock:
            del self.diary["appointments"][appointment_id]

    # --- Who may ask ----------------------------------------------------------------------------------------------

    def token(self, request: Request) -> Reply:
        account = request.headers.get("x-account")
        if not account:
            raise Refusal(400, {"error": "invalid_request"}, breach="no X-ACCOUNT")
        if account != "".join(account.lower().split()):
            raise Refusal(400, {"error": "invalid_request"}, breach="X-ACCOUNT is not lower case without spaces")
        if request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
            raise Refusal(400, {"error": "invalid_request"}, breach="the token request is no form")
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        try:
            client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            client_id, secret = "", ""
        if scheme != "Basic" or not client_id:
            raise Refusal(401, {"error": "invalid_client"}, breach="no Basic credentials in one line")
        if (account, client_id, secret) != (ACCOUNT, CLIENT_ID, CLIENT_SECRET):
            raise Refusal(401, {"error": "invalid_client"})
        form = dict(parse_qsl(request.content.decode()))
        scopes = form.get("scope", "").split()
        if form.get("grant_type") != "client_credentials":
            raise Refusal(400, {"error": "unsupported_grant_type"}, breach="another grant than client_credentials")
        if not scopes or not set(scopes) <= {SCOPE + what for what in ("book", "reschedule", "cancel")}:
            raise Refusal(400, {"error": "invalid_scope"}, breach="unknown or no scope")
        token = secrets.token_hex(24)
        until = self.clock() + self.token_lives
        self.diary["tokens"][token] = {"until": until.isoformat(), "scopes": scopes}
        return Reply(
            200, {"access_token": token, "expires_in": int(self.token_lives.total_seconds()), "token_type": "Bearer"}
        )

    def check(self, request: Request, operation: str) -> None:
        if operation == "token":
            return
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        token = self.diary["tokens"].get(value)
        if scheme != "Bearer":
            raise Refusal(401, _error(401), breach="no Bearer token")
        if token is None:
            raise Refusal(401, _error(401))
        if self.clock() >= datetime.fromisoformat(token["until"]):
            raise Refusal(401, _error(401), breach="a token past its 60 minutes")
        tenant = request.headers.get("x-tenant-id")
        if not tenant:
            raise Refusal(400, _error(400), breach="no X-TENANT-ID")
        if tenant != TENANT_ID:
            raise Refusal(403, _error(403))
        needed = {"confirm": "book", "reschedule": "reschedule", "cancel": "cancel"}.get(operation)
        if needed and SCOPE + needed not in token["scopes"]:
            raise Refusal(403, _error(403))
        language = request.headers.get("accept-language")
        if language is None and operation in ("services", "groups", "service"):
            raise Refusal(400, _error(400), breach="no Accept-Language")
        if language is not None and language not in LANGUAGES:
            raise Refusal(400, _error(400), breach=f"Accept-Language is not of the list: {language}")
        known = {"branchId", "numberOfReservations", "requestedResourceId"} if operation == "timeslots" else set()
        if set(request.query) - known:
            raise Refusal(400, _error(400), breach=f"unknown parameters: {sorted(set(request.query) - known)}")
        for name, given in request.values.items():
            if not GUID.fullmatch(given):
                raise Refusal(400, _error(400), breach=f"the {name} is no GUID")
        if request.method in ("POST", "PUT") and request.headers.get("content-type") != "application/json":
            raise Refusal(415, _error(415), breach="the body is not said to be JSON")

    # --- What can be booked ---------------------------------------------------------------------------------------

    def services(self, request: Request) -> Reply:
        say = _in(request.headers["accept-language"])
        return Reply(
            200, [_pair(t, branch, say) for t in TREATMENTS for branch in BRANCHES if branch["id"] in t.resources]
        )

    def groups(self, request: Request) -> Reply:
        say = _in(request.headers["accept-language"])

        def listed(group: str) -> list[Json]:
            return [
                {
                    "id": treatment.id,
                    "name": say(treatment.name),
                    "index": treatment.index,
                    "externalDescription": say(treatment.description),
                    "onlineBookable": any(treatment.online(branch) for branch in treatment.resources),
                }
                for treatment in TREATMENTS
                if treatment.group == group
            ]

        groups = [
            {"id": guid(name), "name": say(name), "index": index, "services": listed(name)}
            for name, index in GROUPS.items()
        ]
        return Reply(200, {"services": listed(""), "serviceGroups": groups})

    def service(self, request: Request) -> Reply:
        treatment = _treatment(request.values["service"])
        if treatment is None:
            raise Refusal(404, _error(404))
        say = _in(request.headers["accept-language"])
        pairs = [_pair(treatment, branch, say) for branch in BRANCHES if branch["id"] in treatment.resources]
        return Reply(200, [{name: pair[name] for name in ("branch", "resourceSelection")} for pair in pairs])

    # --- Times ----------------------------------------------------------------------------------------------------

    def timeslots(self, request: Request) -> Reply:
        query = request.query
        treatment, branch = self._offered(request.values["service"], query.get("branchId"))
        persons = query.get("numberOfReservations", "")
        if not persons.isdigit() or not 1 <= int(persons) <= treatment.most:
            raise Refusal(400, _error(400), breach="numberOfReservations is missing or out of range")
        resources = self._resources(treatment, branch, query.get("requestedResourceId"))
        if not treatment.online(branch):
            return Reply(200, [])
        return Reply(
            200,
            [
                listed
                for listed in self._grid(treatment, branch, int(persons))
                if any(self._is_free(resource, _span(listed)) for resource in resources)
            ],
        )

    def _offered(self, service: object, branch: object) -> tuple[Treatment, str]:
        for given in (service, branch):
            if not isinstance(given, str) or not GUID.fullmatch(given):
                raise Refusal(400, _error(400), breach="a service or branch that is no GUID")
        treatment = _treatment(str(service))
        if treatment is None or branch not in treatment.resources:
            raise Refusal(404, _error(404))
        return treatment, str(branch)

    def _resources(self, treatment: Treatment, branch: str, requested: object) -> list[str]:
        """The resources that may be used."""
        if requested is None:
            return [guid(name) for name in treatment.resources[branch]]
        if requested not in treatment.selectable(branch):
            raise Refusal(400, _error(400), breach="a resource that cannot be chosen here")
        return [str(requested)]

    def _grid(self, treatment: Treatment, branch: str, persons: int) -> list[Json]:
        """All intervals of the service's length within opening hours, free or not, from now to the horizon."""
        now = self.clock()
        today = now.astimezone(ZONE).date()
        length = timedelta(minutes=treatment.minutes * persons)
        grid = []
        for day in (today + timedelta(days=ahead) for ahead in range(HORIZON)):
            if day.weekday() in OPEN[branch]:
                opens, closes = OPEN[branch][day.weekday()]
                start, closing = datetime.combine(day, opens), datetime.combine(day, closes)
                while start + length <= closing:
                    span = Span(start.replace(tzinfo=ZONE), (start + length).replace(tzinfo=ZONE))
                    if span.start > now:
                        grid.append(span.json())
                    start += length
        return grid

    def _is_free(self, resource: str, span: Span) -> bool:
        return not _is_busy_anyway(resource, span) and not any(
            taken["resource"] == resource and _overlap(_span(taken["timeSlot"]), span) for taken in self._taking()
        )

    def _taking(self) -> Iterator[Json]:
        yield from (entry for entry in self.diary["appointments"].values() if not entry["cancelled"])
        yield from (held for held in self.diary["reservations"].values() if self._lives(held))

    def _lives(self, reservation: Json) -> bool:
        return not reservation["used"] and self.clock() < datetime.fromisoformat(reservation["until"])

    # --- Reserving and confirming ---------------------------------------------------------------------------------

    def reserve(self, request: Request) -> Reply:
        required = {"serviceId", "branchId", "timeSlot", "numberOfReservations"}
        body = _body(request, required, {"requestedResourceId", "notes"})
        treatment, branch = self._offered(body["serviceId"], body["branchId"])
        persons = body["numberOfReservations"]
        if not isinstance(persons, int) or isinstance(persons, bool) or not 1 <= persons <= treatment.most:
            raise Refusal(400, _error(400), breach="numberOfReservations out of range")
        if not treatment.online(branch):
            raise Refusal(400, _error(400), breach="a service that is for staff")
        resources = self._resources(treatment, branch, body.get("requestedResourceId"))
        if treatment.selection == "required" and "requestedResourceId" not in body:
            raise Refusal(400, _error(400), breach="no resource where one is required")
        if body["timeSlot"] not in self._grid(treatment, branch, persons):
            raise Refusal(400, _error(400), breach="a time that was not listed in these strings")
        free = [resource for resource in resources if self._is_free(resource, _span(body["timeSlot"]))]
        if not free:
            raise Refusal(409, _error(409))
        reservation = str(uuid.uuid4())
        self.diary["reservations"][reservation] = {
            "service": treatment.id,
            "branch": branch,
            "resource": free[0],
            "timeSlot": body["timeSlot"],
            "numberOfReservations": persons,
            "until": (self.clock() + RESERVED).isoformat(),
            "used": False,
        }
        return Reply(201, {"reservationId": reservation})

    def confirm(self, request: Request) -> Reply:
        customer = self._customer(request, {"informationQuestions"})
        reservation = self._reservation(request.values["reservation"])
        treatment = _treatment(reservation["service"])
        assert treatment is not None
        answered = _answers(customer.pop("informationQuestions", []), treatment)
        reservation["used"] = True
        identifier = customer.pop("personalIdentifier")
        entry = self._enter(reservation, customer, identifier, answered)
        return Reply(201, None if self.empty_confirm else self._shown(entry))

    def _reservation(self, id: object) -> Json:
        reservation: Json | None = self.diary["reservations"].get(id)
        if reservation is None or not self._lives(reservation):
            raise Refusal(404, _error(404))
        return reservation

    def _customer(self, request: Request, also: set[str]) -> Json:
        required = {"personalIdentifier", "firstName", "lastName", "email"}
        body = _body(request, required, {"phoneNumber", "dateOfBirth"} | also)
        if not _matches(IDENTIFIER, body["personalIdentifier"]):
            raise Refusal(400, _error(400), breach="personalIdentifier is not 10 to 48 letters and digits")
        if "phoneNumber" in body and not _matches(PHONE, body["phoneNumber"]):
            raise Refusal(400, _error(400), breach="phoneNumber is no text of digits, blanks, + and -")
        if not _matches(NAME, body["firstName"]) or not _matches(NAME, body["lastName"]):
            raise Refusal(400, _error(400))
        if not isinstance(body["email"], str) or not 1 <= len(body["email"]) <= 255:
            raise Refusal(400, _error(400))
        if "dateOfBirth" in body and not _matches(re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}"), body["dateOfBirth"]):
            raise Refusal(400, _error(400), breach="dateOfBirth is not YYYY-MM-DD")
        if self.birth_date_required and "dateOfBirth" not in body:
            raise Refusal(400, _error(400))
        return body

    def _enter(self, what: Json, customer: Json, identifier: str, answers: list[Json] | None = None) -> Json:
        id = str(uuid.uuid4())
        kept = {name: what[name] for name in ("service", "branch", "resource", "timeSlot", "numberOfReservations")}
        entry = kept | {"id": id, "customer": customer, "personalIdentifier": identifier, "cancelled": False}
        self.diary["appointments"][id] = entry | {"informationQuestions": answers or []}
        return entry

    # --- Appointments ---------------------------------------------------------------------------------------------

    def search(self, request: Request) -> Reply:
        customer = _body(request, {"customer"})["customer"]
        if not isinstance(customer, dict) or set(customer) != {"personalIdentifier"}:
            raise Refusal(400, _error(400), breach="a search by something else than personalIdentifier")
        wanted = customer["personalIdentifier"]
        if not _matches(IDENTIFIER, wanted):
            raise Refusal(400, _error(400), breach="personalIdentifier is not 10 to 48 letters and digits")
        entries = self.diary["appointments"].values()
        return Reply(200, [self._shown(e) for e in entries if e["personalIdentifier"] == wanted and not e["cancelled"]])

    def appointment(self, request: Request) -> Reply:
        return Reply(200, self._shown(self._entry(request)))

    def reschedule(self, request: Request) -> Reply:
        entry = self._entry(request)
        reservation = self._reservation(_body(request, {"reservationId"})["reservationId"])
        if reservation["service"] != entry["service"]:
            raise Refusal(400, _error(400), breach="moved to another service")
        reservation["used"] = True
        for name in ("branch", "resource", "timeSlot", "numberOfReservations"):
            entry[name] = reservation[name]
        return Reply(204)

    def cancel(self, request: Request) -> Reply:
        if request.content:
            raise Refusal(400, _error(400), breach="a body where none belongs")
        self._entry(request)["cancelled"] = True
        return Reply(204)

    def customer(self, request: Request) -> Reply:
        entry = self._entry(request)
        customer = self._customer(request, set())
        entry["personalIdentifier"] = customer.pop("personalIdentifier")
        entry["customer"] = customer
        return Reply(204)

    def _entry(self, request: Request) -> Json:
        entry: Json | None = self.diary["appointments"].get(request.values["appointment"])
        if entry is None or entry["cancelled"]:
            raise Refusal(404, _error(404))
        return entry

    def _shown(self, entry: Json) -> Json:
        treatment = _treatment(entry["service"])
        branch = next(branch for branch in BRANCHES if branch["id"] == entry["branch"])
        assert treatment is not None
        return {
            "appointmentId": entry["id"],
            "timeSlot": entry["timeSlot"],
            "customer": entry["customer"],
            "service": {
                "id": treatment.id,
                "name": treatment.name,
                "config": {"maxNumberOfReservations": treatment.most},
            },
            "branch": {"id": branch["id"], "name": branch["name"]},
            "numberOfReservations": entry["numberOfReservations"],
        }


def _error(status: int) -> Json:
    return {"status": status, "error": "Error", "message": "Not for patients", "path": "/external/v1"}


def _in(language: str) -> Callable[[str], str]:
    return lambda text: SPANISH.get(text, text) if language == "ES_es" else text


def _treatment(service: str) -> Treatment | None:
    return next((treatment for treatment in TREATMENTS if treatment.id == service), None)


def _pair(treatment: Treatment, branch: Json, say: Callable[[str], str]) -> Json:
    def said(question: Json) -> Json:
        return {name: say(value) if isinstance(value, str) else value for name, value in question.items()}

    names = treatment.resources[branch["id"]] if treatment.selection != "off" else ()
    return {
        "branch": branch,
        "service": {
            "id": treatment.id,
            "name": say(treatment.name),
            "config": {"maxNumberOfReservations": treatment.most, "onlineBookable": treatment.online(branch["id"])},
        },
        "resourceSelection": {
            "required": treatment.selection == "required",
            "availableResources": [{"id": guid(name), "name": name} for name in names],
        },
        "informationQuestions": [said(question) for question in treatment.questions],
        "screeningQuestions": [said(question) for question in treatment.screening],
    }


def _span(time_slot: Json) -> Span:
    return Span(datetime.fromisoformat(time_slot["startTime"]), datetime.fromisoformat(time_slot["endTime"]))


def _overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


def _is_busy_anyway(resource: str, span: Span) -> bool:
    """About a quarter of all times were given away before patients could book online: always the same ones."""
    return hashlib.sha256(f"{resource} {span.start.isoformat()}".encode()).digest()[0] < 64


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _body(request: Request, required: set[str], optional: Set[str] = frozenset()) -> Json:
    try:
        body = request.json()
    except ValueError:
        raise Refusal(400, _error(400), breach="the body is not JSON") from None
    if not isinstance(body, dict) or not required <= set(body):
        raise Refusal(400, _error(400), breach="a required field is missing")
    if unknown := set(body) - required - optional:
        raise Refusal(400, _error(400), breach=f"unknown fields: {sorted(unknown)}")
    return body


def _answers(given: object, treatment: Treatment) -> list[Json]:
    """The answers, each to a question of this service in a text that was served."""
    served = {text for q in treatment.questions for text in (q["questionText"], _in("ES_es")(q["questionText"]))}
    if not isinstance(given, list):
        raise Refusal(400, _error(400), breach="informationQuestions is no array")
    for item in given:
        if not isinstance(item, dict) or set(item) != {"questionText", "answer"}:
            raise Refusal(400, _error(400), breach="an answer that is not {questionText, answer}")
        if item["questionText"] not in served:
            raise Refusal(400, _error(400), breach="a question in a text that was not served")
        if not isinstance(item["answer"], str) or not 1 <= len(item["answer"]) <= 2048:
            raise Refusal(400, _error(400), breach="an answer that is no text of 1 to 2048 characters")
    answered = {item["questionText"] for item in given}
    for question in treatment.questions:
        if question["required"] and not answered & {question["questionText"], _in("ES_es")(question["questionText"])}:
            raise Refusal(400, _error(400), breach="a required question without an answer")
    return given
