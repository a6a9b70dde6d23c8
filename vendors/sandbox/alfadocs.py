"""AlfaDocs's far side: a dental practice in Milan, its agenda, its patients, and the OAuth2 pages in front of it.

Free slots follow from weekly hours, the chairs each operator works in, and what stands in the agenda. They reach half a
year ahead of the clock; the desk has filled the agenda for eight weeks from when the diary was made.
"""

import base64
import hashlib
import random
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

from vendors.sandbox.base import Refusal, Reply, Request, Sandbox

type Row = dict[str, Any]

ZONE = ZoneInfo("Europe/Rome")
PRACTICE, ARCHIVE = "4120", "8871"
API_KEY = "alfadocs-sandbox-key"
CLIENT_ID, CLIENT_SECRET = "anteroom", "alfadocs-sandbox-secret"
REFRESH_TOKEN = "refresh-1"  # noqa: S105
STEP = timedelta(minutes=15)
PUBLISHED = timedelta(weeks=26)
FORMAT = "%Y-%m-%d %H:%M:%S"

BIANCHI, RINALDI, GALLO, OFFICE, RETIRED = 177, 250, 370, 371, 199
CHAIR_1, CHAIR_2, CHAIR_3, OLD_CHAIR = 1001, 1002, 1003, 1000
CHECK_UP, HYGIENE, FILLING, WHITENING, BRACES, URGENT = 5, 6, 7, 8, 9, 10
GREEN, BLUE, PINK = 301, 302, 303

CHAIRS_OF = {BIANCHI: (CHAIR_1, CHAIR_2), RINALDI: (CHAIR_2,), GALLO: (CHAIR_3,)}
"""Who works where: the first of them may change chairs, and all but one have only one."""
HOURS = {
    BIANCHI: {0: "09:00-18:00", 1: "09:00-18:00", 2: "09:00-13:00", 3: "09:00-18:00", 4: "09:00-17:00"},
    RINALDI: {0: "14:00-19:00", 1: "09:00-13:00", 3: "14:00-19:00", 5: "09:00-13:00"},
    GALLO: {0: "09:00-17:00", 1: "09:00-17:00", 2: "09:00-17:00", 4: "09:00-13:00"},
}

PARAMETERS = {
    "operators": {"ignoreDeleted", "italianFiscalCode"},
    "free_slots": {"startDate", "endDate", "duration", "operatorIds"},
    "list_appointments": {"dateStart", "dateEnd", "state", "patientId"},
    "patients": {"phoneNumberPrefix", "phoneNumber", "italianFiscalCode", "firstName", "lastName", "email", "dateBirth"}
    | {"offset", "limit"},
    "authorize": {"client_id", "redirect_uri", "response_type", "scope", "state"}
    | {"code_challenge", "code_challenge_method"},
}
"""What may stand in the query of each operation; of the others nothing."""
WITH_BODY = {"create_appointment", "update_appointment", "create_patient", "token"}
OPEN = {"token", "authorize"}
STATES = {"absent", "waiting", "in_care", "done", "cancelled", "confirmed"}
APPOINTMENT: dict[str, type] = {
    "date": str, "patientId": int, "emailReminder": bool, "smsReminder": bool, "description": str, "type": str,
    "duration": int, "state": str, "colorId": int, "chairId": int, "operatorId": int,
}  # fmt: skip
READ_ONLY = {"id", "createdThroughBooking", "createdThroughApi", "firstVisit"}
SCOPES = {
    *("appointment:list", "appointment:view", "appointment:create", "appointment:booking-reasons:list"),
    *("operator:list", "free-slot:list", "chair:list", "color:list", "custom-field:list"),
    *("patient:list", "patient:view", "patient:create", "patient:phone-number:list", "patient:phone-number:create"),
}
UNDER = "/api/v1/practices/{practice}/archives/{archive}"


class AlfaDocsSandbox(Sandbox):
    routes: ClassVar = (
        ("GET", "/oauth2/authorize", "authorize"),
        ("POST", "/oauth2/token", "token"),
        ("GET", "/api/v1/me", "me"),
        ("GET", f"{UNDER}/appointment-booking-reasons", "reasons"),
        ("GET", f"{UNDER}/operators", "operators"),
        ("GET", f"{UNDER}/chairs", "chairs"),
        ("GET", f"{UNDER}/colors", "colors"),
        ("GET", f"{UNDER}/free-slots", "free_slots"),
        ("GET", f"{UNDER}/appointments", "list_appointments"),
        ("GET", f"{UNDER}/appointments/{{appointment}}", "appointment"),
        ("POST", f"{UNDER}/appointments", "create_appointment"),
        ("PUT", f"{UNDER}/appointments/{{appointment}}", "update_appointment"),
        ("GET", f"{UNDER}/patients", "patients"),
        ("POST", f"{UNDER}/patients", "create_patient"),
        ("GET", f"{UNDER}/patients/{{patient}}", "patient"),
    )
    accepts_keys = True
    """False: as in Germany, where practices connect by OAuth2 only. Tokens are accepted in any case."""
    accepts_overlaps = False
    """A second appointment at the same time is entered, as for a receptionist. Otherwise it gets `conflict_status`."""
    conflict_status = 400
    refuses_updates = False
    """Updates get 403: the token's scopes do not cover them."""
    second_chair_stays = True
    """An operator with two chairs is still offered in the second while busy in the first."""
    token_lifetime = 3600
    """Seconds."""
    created_status = 201
    page = 100
    """The most patients that one answer lists."""

    def fresh_diary(self) -> dict[str, Any]:
        diary: dict[str, Any] = {
            "reasons": [
                _reason(CHECK_UP, "Visita di controllo", "30", "1", [RINALDI, BIANCHI]),
                _reason(HYGIENE, "Igiene orale professionale", "45", "2", [GALLO]),
                _reason(FILLING, "Otturazione", "60", "10", [BIANCHI, RINALDI]),
                _reason(WHITENING, "Sbiancamento", "60", "4", [GALLO], deleted=True),
                _reason(BRACES, "Controllo apparecchio", "30", "5", [RETIRED]),
                _reason(URGENT, "Urgenza", "20", "3", [BIANCHI, RETIRED]),
            ],
            "operators": [
                _operator(RETIRED, "Carlo Moretti", 1, deleted=True),
                _operator(BIANCHI, "Dott.ssa Elena Bianchi", 2),
                _operator(RINALDI, "Dott. Paolo Rinaldi", 3),
                _operator(GALLO, "Sara Gallo", 4),
                _operator(OFFICE, "Segreteria", 5),
            ],
            "chairs": [
                {"id": OLD_CHAIR, "name": "Poltrona vecchia", "deleted": True},
                *({"id": id, "name": f"Poltrona {id - 1000}", "deleted": False} for id in (CHAIR_1, CHAIR_2, CHAIR_3)),
            ],
            "colors": [
                {"id": GREEN, "backgroundColor": "4caf50", "textColor": "ffffff"},
                {"id": BLUE, "backgroundColor": "2196f3", "textColor": "ffffff"},
                {"id": PINK, "backgroundColor": "e91e63", "textColor": "ffffff"},
            ],
            "patients": [
                _patient(1, "Giulia", "Ferri", "famiglia.ferri@posta.example", "1990-04-12", "3331112221"),
                _patient(2, "Luca", "Ferri", "famiglia.ferri@posta.example", "1988-09-30", "3331112221"),
                _patient(3, "Mario", "Rossi", "rossi@posta.example", "1955-01-20", "3334445551"),
                _patient(4, "Mario", "Rossi", "rossi@posta.example", "1985-06-02", "3334445552"),
                _patient(5, "Nicolò", "D'Angelo", "nicolo@posta.example", "2001-12-31", "3337778881"),
            ],
            "appointments": [],
            "tokens": {"access": {}, "refresh": REFRESH_TOKEN, "used": [], "codes": {}, "made": 1},
        }
        diary["appointments"] = list(_agenda(self.clock().astimezone(ZONE).date()))
        return diary

    # --- What every request must have

    def check(self, request: Request, operation: str) -> None:
        if unknown := set(request.query) - PARAMETERS.get(operation, set()):
            raise _broken(f"unknown parameters {sorted(unknown)}")
        if bool(request.content) != (operation in WITH_BODY):
            raise _broken("a body where none belongs, or none where one does")
        if operation in OPEN:
            return
        if "application/json" not in request.headers.get("accept", ""):
            raise _broken("JSON is not asked for")
        if request.content and request.headers.get("content-type", "").partition(";")[0] != "application/json":
            raise _broken("a body without its content type")
        key, bearer = request.headers.get("x-api-key"), request.headers.get("authorization")
        if key is not None and bearer is not None:
            raise _broken("two schemes at once", 401)
        if key is None and not (bearer or "").startswith("Bearer "):
            raise _broken("no credentials", 401)
        if not (self._is_key(key) if key is not None else self._lives((bearer or "")[7:])):
            raise Refusal(401, {"error": "Non autorizzato"})
        if request.values and (request.values.get("practice"), request.values.get("archive")) != (PRACTICE, ARCHIVE):
            raise _broken("credentials of one archive on another's path", 403)

    def _is_key(self, key: str) -> bool:
        return self.accepts_keys and key == API_KEY

    def _lives(self, token: str) -> bool:
        return bool(self.clock().timestamp() < self.diary["tokens"]["access"].get(token, 0))

    def not_found(self, request: Request) -> Reply:
        return Reply(404, {"error": "Non trovato"})

    # --- OAuth2

    def authorize(self, request: Request) -> Reply:
        """The owner says yes at once."""
        query = request.query
        if missing := PARAMETERS["authorize"] - {name for name, value in query.items() if value}:
            raise _broken(f"missing parameters {sorted(missing)}")
        if query["client_id"] != CLIENT_ID or query["response_type"] != "code":
            raise _broken("not a request for a code")
        if query["code_challenge_method"] != "S256" or not re.fullmatch("[A-Za-z0-9_-]{43}", query["code_challenge"]):
            raise _broken("PKCE without S256")
        if unknown := set(query["scope"].split(" ")) - SCOPES:
            raise _broken(f"scopes that are not in the catalogue: {sorted(unknown)}")
        tokens = self.diary["tokens"]
        tokens["made"] += 1
        code = f"code-{tokens['made']}"
        tokens["codes"][code] = [query["redirect_uri"], query["code_challenge"]]
        separator = "&" if "?" in query["redirect_uri"] else "?"
        back = query["redirect_uri"] + separator + urlencode({"code": code, "state": query["state"]})
        return Reply(302, headers=(("Location", back),))

    def token(self, request: Request) -> Reply:
        kind = request.headers.get("content-type", "").partition(";")[0]
        if kind != "application/x-www-form-urlencoded":
            raise _refused_token("invalid_request", breach="a request for tokens that is no form")
        form = dict(parse_qsl(request.content.decode(), keep_blank_values=True))
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            raise _refused_token("invalid_client", 401)
        tokens = self.diary["tokens"]
        if form.get("grant_type") == "authorization_code":
            redirect_uri, challenge = tokens["codes"].pop(form.get("code", ""), ("", ""))
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            proof = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            if not redirect_uri or (redirect_uri, challenge) != (form.get("redirect_uri"), proof):
                raise _refused_token("invalid_grant")
            tokens["used"].append(tokens["refresh"])
        elif form.get("grant_type") == "refresh_token":
            given = form.get("refresh_token", "")
            if given in tokens["used"]:
                raise _refused_token("invalid_grant", breach="an old refresh token is used twice")
            if given != tokens["refresh"]:
                raise _refused_token("invalid_grant")
            tokens["used"].append(given)
        else:
            raise _refused_token("unsupported_grant_type", breach="an unknown grant type")
        tokens["made"] += 1
        access, tokens["refresh"] = f"access-{tokens['made']}", f"refresh-{tokens['made']}"
        tokens["access"] = {access: self.clock().timestamp() + self.token_lifetime}  # the older one dies
        answer = {"token_type": "Bearer", "expires_in": self.token_lifetime, "access_token": access}
        return Reply(200, answer | {"refresh_token": tokens["refresh"]})

    def me(self, request: Request) -> Reply:
        ids = {"practiceId": int(PRACTICE), "archiveId": int(ARCHIVE), "userId": 12}
        email = "elena@studiobianchi.example"
        return _one(ids | {"ownerEmail": email, "userEmail": email})

    # --- Lists

    def reasons(self, request: Request) -> Reply:
        return _list(self.diary["reasons"])

    def operators(self, request: Request) -> Reply:
        everybody = request.query.get("ignoreDeleted") != "true"
        return _list([row for row in self.diary["operators"] if everybody or not row["deleted"]])

    def chairs(self, request: Request) -> Reply:
        return _list(self.diary["chairs"])

    def colors(self, request: Request) -> Reply:
        return _list(self.diary["colors"])

    # --- Times

    def free_slots(self, request: Request) -> Reply:
        query = request.query
        if missing := PARAMETERS["free_slots"] - set(query):
            raise _broken(f"free slots without {sorted(missing)}")
        first, last = (_moment(query[name], name) for name in ("startDate", "endDate"))
        _check_days(first.date(), last.date())
        if not re.fullmatch("[1-9][0-9]*", query["duration"]):
            raise _broken("duration is no number of minutes")
        if not re.fullmatch("[0-9]+(,[0-9]+)*", query["operatorIds"]):
            raise _broken("operatorIds is no list with commas")
        active = {row["id"] for row in self.diary["operators"] if not row["deleted"]}
        wanted = [id for id in map(int, query["operatorIds"].split(",")) if id in active]
        length = timedelta(minutes=int(query["duration"]))
        return _list(sorted(self._free(wanted, first, last, length), key=lambda row: (row["date"], row["time"])))

    def _free(self, operators: list[int], first: datetime, last: datetime, length: timedelta) -> Iterator[Row]:
        """A row for each start, operator and chair; those of today that have passed are among them."""
        last = min(last, self._now() + PUBLISHED)
        busy: dict[str, list[Row]] = {}
        for entry in self._standing():
            busy.setdefault(entry["date"][:10], []).append(entry)
        for n in range((last.date() - first.date()).days + 1):
            day = first.date() + timedelta(days=n)
            spans = [(*_span(entry), entry) for entry in busy.get(str(day), [])]
            for operator in operators:
                hours = HOURS.get(operator, {}).get(day.weekday())
                if hours is None:
                    continue
                start, closes = (datetime.fromisoformat(f"{day} {hour}") for hour in hours.split("-"))
                while start + length <= closes:
                    if first <= start <= last:
                        near = [entry for since, until, entry in spans if start < until and since < start + length]
                        yield from self._rows(start, operator, near)
                    start += STEP

    def _rows(self, start: datetime, operator: int, near: list[Row]) -> Iterator[Row]:
        for chair in CHAIRS_OF[operator]:
            if not any(self._excludes(entry, operator, chair) for entry in near):
                yield {"chairId": chair, "date": f"{start:%F}", "operatorId": operator, "time": f"{start:%T}"}

    def _excludes(self, entry: Row, operator: int, chair: int) -> bool:
        if entry["chairId"] == chair:
            return True
        moves = self.second_chair_stays and len(CHAIRS_OF.get(operator, ())) > 1
        return bool(entry["operatorId"] == operator) and not moves

    def _standing(self) -> list[Row]:
        return [entry for entry in self.diary["appointments"] if entry["state"] not in ("cancelled", "absent")]

    def _now(self) -> datetime:
        """The wall clock of the practice."""
        return self.clock().astimezone(ZONE).replace(tzinfo=None)

    # --- Appointments

    def list_appointments(self, request: Request) -> Reply:
        query = request.query
        if not {"dateStart", "dateEnd"} <= set(query):
            raise _broken("the default window hides later appointments")
        first, last = (_day(query[name], name) for name in ("dateStart", "dateEnd"))
        _check_days(first, last)
        if "patientId" not in query and first != last:
            raise _broken("everybody's appointments of more than a day")
        if query.get("state", "done") not in STATES:
            raise _broken("an unknown state")
        return _list(
            [
                entry
                for entry in self.diary["appointments"]
                if str(first) <= entry["date"][:10] <= str(last)
                and query.get("patientId", str(entry["patientId"])) == str(entry["patientId"])
                and query.get("state", entry["state"]) == entry["state"]
            ]
        )

    def appointment(self, request: Request) -> Reply:
        return _one(self._entry(request))

    def create_appointment(self, request: Request) -> Reply:
        body = self._appointment(request, set(APPOINTMENT))
        if body["state"] != "confirmed" or not body["description"]:
            raise _broken("an appointment that is not confirmed, or without description")
        if body["date"] <= self._now().strftime(FORMAT):
            raise _broken("an appointment in the past")
        self._refuse_overlaps(body, None)
        ids = [entry["id"] for entry in self.diary["appointments"]]
        entry = _appointment(max(ids, default=33000) + 1, body | {"createdThroughApi": True})
        self.diary["appointments"].append(entry)
        return _one(entry, self.created_status)

    def update_appointment(self, request: Request) -> Reply:
        if self.refuses_updates:
            raise Refusal(403, {"error": "Permesso negato"})
        entry = self._entry(request)
        body = self._appointment(request, {name for name in APPOINTMENT if entry[name] is not None})
        if any(body.get(name) != entry[name] for name in ("date", "operatorId", "chairId", "duration")):
            self._refuse_overlaps(body, entry["id"])
        entry.update(body)
        return _one(entry)

    def _appointment(self, request: Request, always: set[str]) -> Row:
        """The body, checked. `always`: what must be there, by the documentation or by what we agreed to send."""
        body = _object(request)
        if read_only := READ_ONLY & set(body):
            raise _broken(f"read-only fields {sorted(read_only)}")
        if missing := {"date", "colorId", *always} - set(body):
            raise _broken(f"an appointment without {sorted(missing)}")
        _check_types(body, APPOINTMENT | {"allDay": bool})
        _moment(body["date"], "date")
        if body["state"] not in STATES or body["type"] not in ("telehealth", "inPractice") or body["duration"] < 1:
            raise _broken("a state, type or duration that does not exist")
        known = {
            "patientId": self.diary["patients"],
            "colorId": self.diary["colors"],
            "chairId": [row for row in self.diary["chairs"] if not row["deleted"]],
            "operatorId": [row for row in self.diary["operators"] if not row["deleted"]],
        }
        for name, rows in known.items():
            if name in body and body[name] not in {row["id"] for row in rows}:
                raise Refusal(400, {"error": f"{name} non valido"})
        return body

    def _refuse_overlaps(self, body: Row, own: int | None) -> None:
        since, until = _span(body)
        for entry in [] if self.accepts_overlaps else self._standing():
            starts, ends = _span(entry)
            overlaps = entry["id"] != own and starts < until and since < ends
            if overlaps and self._excludes(entry, body["operatorId"], body["chairId"]):
                raise Refusal(self.conflict_status, {"error": "Orario non disponibile"})

    def _entry(self, request: Request) -> Row:
        wanted = request.values["appointment"]
        entry: Row | None = next((row for row in self.diary["appointments"] if str(row["id"]) == wanted), None)
        if entry is None:
            raise Refusal(404, {"error": "Appuntamento non trovato"})
        return entry

    # --- Patients

    def patients(self, request: Request) -> Reply:
        query = request.query
        conditions = set(query) - {"offset", "limit", "phoneNumberPrefix"}
        if not conditions:
            raise _broken("everybody is searched")
        if "phoneNumber" in query and not re.fullmatch("[0-9]+", query["phoneNumber"]):
            raise _broken("a phone number with more than digits")
        if "phoneNumberPrefix" in query and not re.fullmatch("00[1-9][0-9]*", query["phoneNumberPrefix"]):
            raise _broken("a prefix that is not written 0039 in a search")
        offset, limit = int(query.get("offset", 0)), int(query.get("limit", 100))
        if not 1 <= limit <= 100:
            raise _broken("more than 100 patients at once")
        found = [row for row in self.diary["patients"] if all(_fits(row, name, query) for name in conditions)]
        results = found[offset : offset + min(limit, self.page)]
        return Reply(200, {"links": {}, "total": len(found), "offset": offset, "limit": limit, "results": results})

    def create_patient(self, request: Request) -> Reply:
        body = _object(request)
        _check_types(body, {"firstName": str, "lastName": str, "email": str, "dateOfBirth": str, "phoneNumbers": list})
        if not {"firstName", "lastName"} <= set(body) or "" in body.values():
            raise _broken("a patient without a name, or an empty field")
        if "dateOfBirth" in body:
            _day(body["dateOfBirth"], "dateOfBirth")
        for phone in body.get("phoneNumbers", []):
            _check_types(phone, {"prefix": str, "number": str})
            if not re.fullmatch(r"\+[1-9][0-9]*", phone["prefix"]) or not re.fullmatch("[0-9]+", phone["number"]):
                raise _broken("a phone number that is not written +39 and digits when a patient is created")
            if phone["number"].startswith(("00", phone["prefix"][1:])) and len(phone["number"]) > 10:
                raise _broken("the whole number in number")
        phones = [{**phone, "id": str(n), "label": None} for n, phone in enumerate(body.pop("phoneNumbers", []), 1)]
        id = max((row["id"] for row in self.diary["patients"]), default=0) + 1
        row = {"id": id, "email": None, "dateOfBirth": None, **body, "emailValid": "true", "phoneNumbers": phones}
        self.diary["patients"].append(row)
        return _one(row, self.created_status)

    def patient(self, request: Request) -> Reply:
        wanted = request.values["patient"]
        row = next((row for row in self.diary["patients"] if str(row["id"]) == wanted), None)
        return _one(row) if row else self.not_found(request)

    # --- For tests and the demo

    def practice(self, base_url: str) -> dict[str, Any]:
        return {
            "slug": "studio-bianchi",
            "name": "Studio Dentistico Bianchi",
            "vendor": "alfadocs",
            "timezone": "Europe/Rome",
            "languages": ["it", "en"],
            "embed_origins": ["http://localhost:8080", "http://127.0.0.1:8080"],
            "phone": "+39 02 8734 5610",
            "email": "info@studiobianchi.example",
            "clinic": {"name": "Studio Dentistico Bianchi", "address": "Via Solferino 14, 20121 Milano"},
            "connection": {
                "base_url": f"{base_url}/api/v1",
                "practice_id": PRACTICE,
                "archive_id": ARCHIVE,
                "color_id": str(GREEN),
                "api_key": API_KEY,
            },
            "service": [
                {"id": str(CHECK_UP), "name": {"en": "Check-up"}},
                {"id": str(HYGIENE), "name": {"en": "Professional cleaning"}},
                {"id": str(FILLING), "name": {"en": "Filling"}},
                {"id": str(URGENT), "name": {"en": "Emergency"}},
            ],
        }

    def appointments(self) -> list[dict[str, Any]]:
        with self.lock:
            return [entry for entry in self.diary["appointments"] if entry["state"] != "cancelled"]

    def take_at_desk(self, slot_id: str) -> None:
        day, time, minutes, operator, chair = slot_id.split(",")
        taken = {"date": f"{day} {time}", "duration": int(minutes), "operatorId": int(operator), "chairId": int(chair)}
        with self.lock:
            ids = [entry["id"] for entry in self.diary["appointments"]]
            self.diary["appointments"].append(_appointment(max(ids, default=33000) + 1, taken))

    def move_by_staff(self, appointment_id: str, start: datetime) -> None:
        with self.lock:
            self._row(appointment_id)["date"] = start.astimezone(ZONE).strftime(FORMAT)

    def cancel_by_staff(self, appointment_id: str) -> None:
        with self.lock:
            self._row(appointment_id)["state"] = "cancelled"

    def delete_by_staff(self, appointment_id: str) -> None:
        with self.lock:
            self.diary["appointments"].remove(self._row(appointment_id))

    def _row(self, appointment_id: str) -> Row:
        row: Row = next(row for row in self.diary["appointments"] if str(row["id"]) == appointment_id)
        return row


# --- Rows of the diary -----------------------------------------------------------------------------------------------


def _reason(id: int, name: str, minutes: str, sequence: str, operators: list[int], deleted: bool = False) -> Row:
    shown = {"id": id, "specialtyId": 820, "description": name, "duration": minutes, "sequenceNumber": sequence}
    return shown | {"createdAt": "2024-02-18 10:30:47", "deleted": deleted, "operatorIds": operators, "price": "80.00"}


def _operator(id: int, name: str, sequence: int, deleted: bool = False) -> Row:
    return {"id": id, "name": name, "italianFiscalCode": None, "sequenceNumber": sequence, "deleted": deleted}


def _patient(id: int, first_name: str, last_name: str, email: str, born: str, phone: str) -> Row:
    phones = [{"id": str(id), "prefix": "+39", "number": phone, "label": "Cellulare", "smsEnabled": True}]
    names = {"id": id, "firstName": first_name, "lastName": last_name, "email": email, "dateOfBirth": born}
    return names | {"emailEnabled": True, "emailValid": "true", "phoneNumbers": phones}


def _appointment(id: int, values: Row) -> Row:
    """An appointment as the agenda keeps it; those of the desk have few values of their own."""
    empty = {"patientId": 1, "emailReminder": False, "smsReminder": True, "description": "Visita", "allDay": False}
    usual = {"type": "inPractice", "state": "confirmed", "duration": 30, "colorId": BLUE}
    made = {"createdThroughBooking": False, "createdThroughApi": False, "firstVisit": "no"}
    return {"id": id, **empty, **usual, "chairId": None, "operatorId": None, **made, **values}


def _agenda(today: date) -> Iterator[Row]:
    """What the desk has entered for the coming eight weeks: about a third of all hours, the same for the same day."""
    id = 33001
    for n in range(56):
        day = today + timedelta(days=n)
        taken: set[tuple[int, datetime]] = set()
        for operator, hours in HOURS.items():
            if day.weekday() not in hours:
                continue
            opens, closes = (datetime.fromisoformat(f"{day} {hour}") for hour in hours[day.weekday()].split("-"))
            dice = random.Random(f"{day} {operator}")
            chair = CHAIRS_OF[operator][0]
            for start in sorted(
                opens + timedelta(hours=dice.randrange((closes - opens).seconds // 3600)) for _ in "123"
            ):
                if (chair, start) not in taken:
                    taken.add((chair, start))
                    given = {"date": start.strftime(FORMAT), "duration": 60, "operatorId": operator, "chairId": chair}
                    yield _appointment(id, given | {"patientId": 1 + id % 5})
                    id += 1


def _span(entry: Mapping[str, Any]) -> tuple[datetime, datetime]:
    start = datetime.fromisoformat(entry["date"])
    return start, start + timedelta(minutes=entry["duration"])


def _fits(row: Row, name: str, query: Mapping[str, str]) -> bool:
    wanted = query[name]
    if name == "phoneNumber":
        prefix = query.get("phoneNumberPrefix", "")
        return any(
            phone["number"] == wanted and prefix in ("", "00" + phone["prefix"][1:]) for phone in row["phoneNumbers"]
        )
    value = row.get("dateOfBirth" if name == "dateBirth" else name)
    return str(value or "").casefold() == wanted.casefold()


# --- Strictness ------------------------------------------------------------------------------------------------------


def _list(rows: list[Row]) -> Reply:
    return Reply(200, {"status": "success", "count": 0, "data": rows})  # as the samples count


def _one(row: Row, status: int = 200) -> Reply:
    return Reply(status, {"status": "success", "data": row})


def _broken(rule: str, status: int = 400) -> Refusal:
    """Refuses what breaks the contract, and has it written down."""
    return Refusal(status, {"error": f"Richiesta non valida: {rule}"}, breach=rule)


def _refused_token(error: str, status: int = 400, *, breach: str = "") -> Refusal:
    return Refusal(status, {"error": error, "error_description": "No tokens for this."}, breach=breach)


def _object(request: Request) -> Row:
    try:
        body = request.json()
    except ValueError:
        raise _broken("the body is no JSON") from None
    if not isinstance(body, dict):
        raise _broken("the body is no object")
    return body


def _check_types(body: object, known: Mapping[str, type]) -> None:
    if not isinstance(body, dict):
        raise _broken("no object")
    for name, value in body.items():
        if name not in known:
            raise _broken(f"{name} is no field here")
        if type(value) is not known[name]:
            raise _broken(f"{name} is a {type(value).__name__}")


def _moment(text: str, name: str) -> datetime:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", text):
        raise _broken(f"{name} is no local date-time with a blank")
    return datetime.fromisoformat(text)


def _day(text: str, name: str) -> date:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        raise _broken(f"{name} is no date")
    return date.fromisoformat(text)


def _check_days(first: date, last: date) -> None:
    if not 0 <= (last - first).days < 29:
        raise _broken("a window of more than 29 days, or backwards")
