"""AlfaDocs, version 1 of its API: the practice system of dentists and doctors in Italy and Germany.

Documentation: app.alfadocs.com/api.html, and for OAuth2 the vendor's repositories `ai-harness-instructions` and
`oauth2-client` of `alfadocs` on GitHub. Much is not said there: what we had to assume is marked ASSUMPTION, with the
number of the gap in the contract page, and stands in one place each.

AlfaDocs says                     we say
--------------------------------  ---------------------------------------------------------------------
practice and archive              clinic: one connection is one, and its name and address are not in the API
booking reason                    service; its `description` is the name
operator                          provider; assistants and office staff are operators too
free slot and the reason's length slot; a row is a start with one operator in one chair (`poltrona`)
patient                           patient
state, colour                     whether an appointment stands; the colour of every booking is a setting

Quirks
* No way to hold a time, no id of ours, no deletion, and no documented answer for a time that was just taken: the vendor
  may refuse it or put two patients there. So after booking the day is read back, and the higher of two ids gives way.
* Our reference stands in the appointment's description, and nothing else of the patient's does.
* Times are the practice's wall clock, written with a blank, and no answer names the zone.
* Free slots know no reasons: its length and its operators are sent along, or people who do not do it are offered.
* No answer is longer than 30 days, both ends counted; we ask for 29.
* Phone numbers have the prefix `+39` when a patient is created and `0039` when one is searched.
* Patients are not unique. Several share an e-mail, and some a name: the birth date tells father and son apart, so it is
  always asked for, and a chart with another one or none is never used.
* Durations and sequence numbers are text in one place and numbers in another; `count` may be 0 beside rows.
* An API key belongs to one archive, and German practices cannot make one: they connect by OAuth2. There each refresh
  token works once, and the scopes name none for updates, which may turn out to be forbidden.
* No list tells what changed since a moment.

Documented and not used
* Accounts, transactions, bills, care plans, documents: money and clinical files; a booking needs none of them.
* Specialties (grouping only), custom fields and custom values (the practice's own questions), phone numbers by
  themselves and the patient's update: a public form does not write into a chart that exists.
* GET /patients/{id}: a search tells as much. The states other than cancelled and absent: they are the desk's.
* Integration status and interface elements: only for the vendor's marketplace. Webhooks: we read when we need to know.
"""

import hashlib
import json
import logging
import re
import threading
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple, NoReturn, TypeGuard
from urllib.parse import quote, urlencode

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
    local,
)
from vendors.http import WRITE_MARGIN, Http, Query, json_object, side_by_side, understanding

type Json = dict[str, Any]

log = logging.getLogger("vendors.alfadocs")

PUBLIC_BASE_URL = Url("https://app.alfadocs.com/api/v1")
PUBLIC_TOKEN_URL = Url("https://app.alfadocs.com/oauth2/token")  # of the host itself, not below /api
NO_URL = Url("")
NO_SECRET = Secret("")
# ASSUMPTION (gap 9): the scopes to create cover updates. Where they do not, the vendor answers 403 to those.
SCOPES = (
    "appointment:list appointment:view appointment:create appointment:booking-reasons:list operator:list free-slot:list"
    " chair:list color:list patient:list patient:view patient:create patient:phone-number:create"
)

ARCHIVE = "/practices/{practice}/archives/{archive}"
# ASSUMPTION (gap 1): the texts of these paths, and PUT for updates. Those without a mark are seen in public clients.
ME = "/me"
REASONS = ARCHIVE + "/appointment-booking-reasons"  # assumed
OPERATORS = ARCHIVE + "/operators"
CHAIRS = ARCHIVE + "/chairs"
COLORS = ARCHIVE + "/colors"  # assumed
FREE_SLOTS = ARCHIVE + "/free-slots"  # assumed
APPOINTMENTS = ARCHIVE + "/appointments"
APPOINTMENT = ARCHIVE + "/appointments/{appointment}"
PATIENTS = ARCHIVE + "/patients"
UPDATE = "PUT"  # assumed

PACE = 0.1
"""Seconds between two calls of one practice: the vendor speaks of about ten a second, and may set a limit any day."""
# ASSUMPTION (gap 5): the documented limit of 30 days for appointments holds for free slots too.
WINDOW = 29
"""Days of one reading."""
# ASSUMPTION (gap 8): the default is also the most.
PAGE = 100
"""Patients asked for at once."""
PAGES = 10
CATALOGUE_KEPT = 600
"""Seconds that we remember what `slots` needs of the catalogue."""
CHAIRS_KEPT = 30 * 24 * 3600
CHART_KEPT = 24 * 3600
FOR_GOOD = 10 * 365 * 24 * 3600

RENEW_EARLY = 300
"""Seconds before its end from which an access token is renewed, and never more than half of its life."""
TOKEN_LIMIT = 10.0
"""Seconds that a renewal may take, whatever the page has left: one whose answer is cut off may cost the connection."""
RENEW_WITHIN = 6.0
"""With fewer seconds left, a token that is still good is used and not renewed."""
RENEW_AGAIN = 30.0
"""Seconds until the next try, after a renewal that did not happen while the token was still good."""
LEASE = 20.0
"""Seconds that one process may take to renew the token, or to find or create one chart. Longer than its calls take."""
POLL = 0.1
LOOK_AGAIN = 1.0
"""Seconds until the second search for a chart that may have been created."""
DESCRIPTION = 99
"""The most characters of ours in an appointment's description."""
# ASSUMPTION (gap 6): the first characters, so many, are surely kept.
SHORT = 60

NUMBERS = ("patientId", "duration", "colorId", "chairId", "operatorId")
FLAGS = ("emailReminder", "smsReminder", "allDay")
WRITABLE = ("date", "description", "type", "state", *NUMBERS, *FLAGS)
"""What an update may send. The rest of an appointment is read-only."""
GONE = {404, 410}
NOT_STANDING = {"cancelled", "absent"}
ODD = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
"""What reading a row of another shape may raise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One archive of one practice, reached with an API key or with OAuth2. The ids are those that `GET /me` tells."""

    base_url: Url = PUBLIC_BASE_URL
    practice_id: str = ""
    archive_id: str = ""
    color_id: str
    """Of every appointment that is booked here: one of the practice's own colours."""
    api_key: Secret = NO_SECRET
    client_id: str = ""
    client_secret: Secret = NO_SECRET
    refresh_token: Secret = NO_SECRET
    """The first one: it works once, and those that follow are remembered elsewhere. Empty: not connected yet."""
    token_url: Url = PUBLIC_TOKEN_URL
    authorize_url: Url = NO_URL
    """Where the owner says yes. Empty: beside `token_url`."""
    reminders: bool = False
    """Whether AlfaDocs reminds the patient by e-mail and text message."""

    def __post_init__(self) -> None:
        if bool(self.api_key) == bool(self.client_id or self.client_secret or self.refresh_token):
            raise ValueError("fill in either api_key or client_id and client_secret, not both and not neither")
        if not self.api_key and not (self.client_id and self.client_secret):
            raise ValueError("client_id and client_secret belong together")
        names = ["color_id"]
        if self.api_key or self.refresh_token or self.practice_id or self.archive_id:
            names += ["practice_id", "archive_id"]
        for name in names:
            if not re.fullmatch("[0-9]+", getattr(self, name)):
                raise ValueError(f"{name} must be a number")

    @property
    def consent_page(self) -> str:
        return self.authorize_url or f"{self.token_url.rstrip('/').rpartition('/')[0]}/authorize"


# --- In AlfaDocs's words ---------------------------------------------------------------------------------------------


class Refused(UnexpectedResponse):
    """A 4xx answer. Its text is undocumented, may be Italian and may quote a patient: only the status is kept."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


class _Unclear(VendorUnavailable):
    """Nobody knows whether the tokens were renewed."""


class Tokens:
    """The access token that all processes of a practice share, and the chain of refresh tokens behind it.

    Each refresh token works once, so one process at a time renews, and both new tokens are stored in one step. When the
    answer to a renewal is lost, the token may be used up: the next caller tries it once more, and if the vendor then
    refuses it, the practice has to connect again. There is no way to ask.

    A renewal that clearly did not happen harms nobody while the older token is good: it is used, and renewed later.
    """

    # ASSUMPTION (gap 10): a renewal ends the older access token. So whoever finds it due waits for the new one.

    def __init__(self, connection: Connection, context: Context, clock: Callable[[], datetime]) -> None:
        self._base_url, _, last = connection.token_url.rstrip("/").rpartition("/")
        self._path = f"/{last}"
        self._context = context
        self._connection = connection
        self._store = context.store
        self._clock = clock
        self._deadline = time.monotonic() + context.budget
        self._origin = _digest(connection.refresh_token)
        self._lock = threading.Lock()
        self._known: Json = {}

    def access(self, refused: str = "") -> str:
        """A living access token. `refused` is one that the vendor did not take."""
        if not self._connection.refresh_token:
            raise AuthenticationFailed("not connected yet: the practice must connect")
        with self._lock:
            if not self._is_fresh(self._known, refused):
                self._known = self._shared(refused)
            return str(self._known["access"])

    def exchange(self, code: str, verifier: str, redirect_uri: str) -> Json:
        """The tokens for the code that the owner's browser brought back."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        return self._new(form | {"code_verifier": verifier})

    def keep(self, tokens: Json) -> None:
        """Both tokens at once, beside a digest of the connection's own: a newly typed one begins a new chain."""
        self._store.put("tokens", json.dumps(tokens | {"origin": self._origin}), FOR_GOOD)

    def _shared(self, refused: str) -> Json:
        """As another process stored it, or renewed while all others wait."""
        until = min(self._deadline, time.monotonic() + LEASE)
        while True:
            kept = self._kept()
            if self._is_fresh(kept, refused) or (self._is_good(kept, refused) and self._is_no_time()):
                return kept
            if self._store.lease("refresh", LEASE):
                try:
                    kept = self._kept()  # perhaps renewed a moment ago
                    return kept if self._is_fresh(kept, refused) else self._renewed(kept, refused)
                finally:
                    self._store.forget("refresh")
            if time.monotonic() + POLL > until:
                raise VendorUnavailable("another process is still renewing the token", retry_after=2)
            time.sleep(POLL)

    def _is_fresh(self, tokens: Json, refused: str) -> bool:
        """It is good, and need not be renewed yet."""
        return self._is_good(tokens, refused) and self._clock().timestamp() < tokens["renew_at"]

    def _is_good(self, tokens: Json, refused: str) -> bool:
        return bool(tokens) and tokens["access"] != refused and self._clock().timestamp() < tokens["expires_at"]

    def _is_no_time(self) -> bool:
        """To renew a token that is still good: the page is almost over, or it was tried in vain a moment ago."""
        if self._deadline - time.monotonic() < RENEW_WITHIN:
            return True
        return self._clock().timestamp() < float(self._store.get("not renewed") or 0)

    def _kept(self) -> Json:
        kept: Json = json.loads(self._store.get("tokens") or "{}")
        return kept if kept.get("origin") == self._origin else {}

    def _renewed(self, kept: Json, refused: str) -> Json:
        if self._deadline - time.monotonic() < WRITE_MARGIN:
            raise VendorUnavailable("no time left to renew the token")
        refresh = kept.get("refresh") or str(self._connection.refresh_token)
        refusal = _digest(self._connection.client_id, self._connection.client_secret, refresh)
        if self._store.get("reconnect") == refusal:
            raise AuthenticationFailed("the practice must reconnect")
        try:
            tokens = self._new({"grant_type": "refresh_token", "refresh_token": refresh})
        except AuthenticationFailed as error:
            if error.status in (400, 401, 403):
                self._store.put("reconnect", refusal, FOR_GOOD)
            raise
        except _Unclear:
            raise
        except VendorUnavailable:
            if not self._is_good(kept, refused):
                raise
            until = self._clock().timestamp() + RENEW_AGAIN
            self._store.put("not renewed", str(until), RENEW_AGAIN)
            return kept
        tokens = {"refresh": refresh} | tokens
        self.keep(tokens)
        return tokens

    def _new(self, form: dict[str, str]) -> Json:
        """Raises `AuthenticationFailed` when it is refused, `VendorUnavailable` when nothing was done.

        And `_Unclear`, which is one of those, when nobody knows.
        """
        http = Http("alfadocs", self._base_url, replace(self._context, budget=TOKEN_LIMIT), {}, pace=PACE)
        form |= {"client_id": self._connection.client_id, "client_secret": str(self._connection.client_secret)}
        try:
            response = http.write("POST", self._path, form=form, limit=TOKEN_LIMIT)
        except OutcomeUnknown as error:
            if re.fullmatch("status 5[0-9]{2}", str(error)):  # ASSUMPTION (gap 10): then the older tokens still hold
                raise VendorUnavailable(f"no tokens: {error}") from error
            raise _Unclear("no clear answer to a request for tokens") from error
        except AuthenticationFailed as error:
            if error.status is None:
                raise
            raise AuthenticationFailed("the practice must reconnect", status=error.status) from error
        if response.is_error:
            raise AuthenticationFailed("the practice must reconnect", status=response.status_code)
        with understanding(_Unclear):
            answer = json_object(response)
            lives = float(answer.get("expires_in") or 3600)
            now = self._clock().timestamp()
            times = {"expires_at": now + lives, "renew_at": now + lives - min(RENEW_EARLY, lives / 2)}
            refresh = {"refresh": _text(answer["refresh_token"])} if answer.get("refresh_token") else {}
            return {"access": _text(answer["access_token"])} | refresh | times


class AlfaDocsClient:
    """One archive's API. Raises `Refused` besides the errors of `vendors.http`."""

    def __init__(self, connection: Connection, context: Context, clock: Callable[[], datetime]) -> None:
        self._http = Http("alfadocs", connection.base_url, context, {}, pace=PACE)
        self._archive = {"practice": connection.practice_id, "archive": connection.archive_id}
        self._api_key = str(connection.api_key)
        self.tokens = None if connection.api_key else Tokens(connection, context, clock)

    def ready(self) -> None:
        """Sees to the token. Before calls side by side, so that their threads need not."""
        if self.tokens:
            self.tokens.access()

    def me(self, access: str) -> tuple[str, str]:
        """The ids of the practice and the archive that this token was given for."""
        response = self._http.read("GET", ME, headers={"Authorization": f"Bearer {access}"})
        if response.is_error:
            raise Refused(response.status_code)
        with understanding():
            data = _data(response)
            return _id(data["practiceId"]), _id(data["archiveId"])

    def reasons(self) -> list[Json]:
        return self._list(REASONS)

    def operators(self) -> list[Json]:
        return self._list(OPERATORS, {"ignoreDeleted": True})

    def chairs(self) -> list[Json]:
        return self._list(CHAIRS)

    def colors(self) -> list[Json]:
        return self._list(COLORS)

    def free_slots(self, minutes: int, operators: Iterable[str], first: date, last: date) -> list[Json]:
        query: Query = {
            "startDate": f"{first} 00:00:00",
            "endDate": f"{last} 23:59:59",
            "duration": minutes,
            "operatorIds": ",".join(operators),
        }
        return self._list(FREE_SLOTS, query)

    def appointments(self, day: date, patient: str | None = None) -> list[Json]:
        """One day's, cancelled ones too. Without a patient they are everybody's: for comparing in memory only."""
        return self._list(APPOINTMENTS, {"dateStart": str(day), "dateEnd": str(day), "patientId": patient})

    def appointment(self, appointment: str) -> Json | None:
        """None: there is none by that id."""
        try:
            response = self._read("GET", APPOINTMENT, {"appointment": appointment})
        except Refused as refusal:
            if refusal.status in GONE:
                return None
            raise
        with understanding():
            return _data(response)

    def create_appointment(self, body: Json) -> str | None:
        """Its id, or None: it is accepted, and what was said is no id beyond doubt."""
        # ASSUMPTION (gap 3): any 2xx is success.
        response = self._write("POST", APPOINTMENTS, body=body)
        with suppress(UnexpectedResponse), understanding():
            return _id(_data(response)["id"])
        return None

    def update_appointment(self, appointment: str, body: Json) -> None:
        response = self._write(UPDATE, APPOINTMENT, {"appointment": appointment}, body=body)
        with understanding(OutcomeUnknown):  # a page about maintenance comes with 200
            _enveloped(response)

    def patients(self, **conditions: str) -> list[Json]:
        """Every patient whom these conditions fit, page after page. Deleted ones are not found."""
        found: dict[str, Json] = {}
        offset = 0
        for _ in range(PAGES):
            query: Query = {**conditions, "offset": offset, "limit": PAGE}
            response = self._read("GET", PATIENTS, query=query)
            with understanding():
                answer = json_object(response)
                rows: list[Json] = _rows(answer["results"])
                found |= {_id(row["id"]): row for row in rows}
                offset += len(rows)
                if not rows or (len(rows) < PAGE and offset >= int(answer.get("total") or 0)):
                    return list(found.values())
        raise UnexpectedResponse("more patients than anybody shares an e-mail with")

    def create_patient(self, body: Json) -> str:
        response = self._write("POST", PATIENTS, body=body)
        with understanding(OutcomeUnknown):
            return _id(_data(response)["id"])

    def _list(self, path: str, query: Query | None = None) -> list[Json]:
        response = self._read("GET", path, query=query)
        with understanding():  # `count` is no number of rows: samples show 0 beside some
            return _rows(_enveloped(response))

    def _read(self, method: str, path: str, values: Json | None = None, **content: Any) -> httpx.Response:
        return self._answer(partial(self._http.read, method, path), values, content)

    def _write(self, method: str, path: str, values: Json | None = None, **content: Any) -> httpx.Response:
        return self._answer(partial(self._http.write, method, path), values, content)

    def _answer(self, call: Callable[..., httpx.Response], values: Json | None, content: Json) -> httpx.Response:
        """Calls with the key or with the token; with a new token once more after a 401, which means: not done."""
        call = partial(call, self._archive | (values or {}), **content)
        if self.tokens is None:
            response = call(headers={"X-Api-Key": self._api_key})
        else:
            token = self.tokens.access()
            try:
                response = call(headers={"Authorization": f"Bearer {token}"})
            except AuthenticationFailed as error:
                if error.status != 401:
                    raise
                token = self.tokens.access(refused=token)
                response = call(headers={"Authorization": f"Bearer {token}"})
        if response.is_error:
            raise Refused(response.status_code)
        return response


def _enveloped(response: httpx.Response) -> Any:
    answer = json_object(response)
    if answer.get("status") != "success":
        raise ValueError("an answer that does not say success")
    return answer["data"]


def _data(response: httpx.Response) -> Json:
    data = _enveloped(response)
    if not isinstance(data, dict):
        raise TypeError("an object was expected")
    return data


def _rows(value: Any) -> list[Json]:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise TypeError("a list of objects was expected")
    return value


def _id(value: object) -> str:
    """One of AlfaDocs's ids as text. Documented as numbers, except those of phones: both are taken."""
    if isinstance(value, bool) or not re.fullmatch("[0-9]+", str(value)):
        raise ValueError("an id was expected")
    return str(int(str(value)))


def _optional_id(value: object) -> str:
    return "" if value in (None, "") else _id(value)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise TypeError("a text was expected")
    return value.strip()


def _number(value: object) -> int:
    """A whole number that may come as text; 0 for none."""
    return 0 if value in (None, "") else int(str(value))


def _flag(value: object) -> bool:
    return str(value).lower() in ("true", "1", "yes")


def _moment(text: str) -> datetime:
    """The practice's wall clock. Raises for every other form, which could not be sent back."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", text):
        raise ValueError("a local time was expected")
    return datetime.fromisoformat(text)


def _each[T](what: str, rows: list[Json], read: Callable[[Json], T]) -> list[T]:
    """What is read of each row. Odd ones are left out, unless all are: then the vendor speaks otherwise than we think.

    Use inside `understanding`.
    """
    good: list[T] = []
    odd: Exception | None = None
    for row in rows:
        try:
            good.append(read(row))
        except ODD as error:
            odd = error
    if odd is not None:
        if not good:
            raise odd
        log.warning("alfadocs: %d of %d %s could not be read", len(rows) - len(good), len(rows), what)
    return good


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


# --- In our words ----------------------------------------------------------------------------------------------------


class _Row(NamedTuple):
    """A free slot in the vendor's own strings, with the length that it was asked for."""

    date: str
    time: str
    minutes: str
    operator: str
    chair: str

    @property
    def start(self) -> datetime:
        return _moment(f"{self.date} {self.time}")

    @property
    def end(self) -> datetime:
        return self.start + timedelta(minutes=int(self.minutes))


@dataclass(frozen=True, slots=True)
class _Reason:
    name: str
    minutes: int
    operators: tuple[str, ...]
    """The active ones, in the practice's order. Never empty."""


@dataclass(frozen=True, slots=True)
class _Catalogue:
    """What is remembered of the catalogue between requests."""

    reasons: dict[str, _Reason]
    chairs: tuple[str, ...]
    deleted_chairs: tuple[str, ...]

    def json(self) -> str:
        reasons = {id: [reason.name, reason.minutes, reason.operators] for id, reason in self.reasons.items()}
        return json.dumps([reasons, self.chairs, self.deleted_chairs])

    @classmethod
    def of(cls, text: str) -> "_Catalogue":
        reasons, chairs, deleted_chairs = json.loads(text)
        known = {id: _Reason(name, minutes, tuple(operators)) for id, (name, minutes, operators) in reasons.items()}
        return cls(known, tuple(chairs), tuple(deleted_chairs))

    def in_order(self, rows: Iterable[_Row]) -> list[_Row]:
        """The rows with the chair first that an operator gets where several are free.

        The order depends on nothing that changes from one reading to the next, so the same row is chosen again. Each
        operator begins with another chair, so that two who are free at one time rarely get the same.
        """
        people = sorted({operator for reason in self.reasons.values() for operator in reason.operators}, key=int)
        place = {chair: n for n, chair in enumerate(self.chairs)}

        def chairs_away(row: _Row) -> tuple[int, int]:
            known = row.chair in place and row.operator in people
            away = (place[row.chair] - people.index(row.operator)) % len(place) if known else len(place)
            return away, int(row.chair)

        return sorted(rows, key=chairs_away)


@dataclass(frozen=True, slots=True, repr=False)
class _Entry:
    """An appointment in the vendor's diary, of anybody: for comparing, and never kept."""

    id: str
    start: datetime
    end: datetime
    minutes: int
    """0: the vendor states none."""
    chair: str
    operator: str
    stands: bool
    description: str
    row: Json


class _Day(NamedTuple):
    """A day's appointments, and the rows that could not be read as such."""

    entries: list[_Entry]
    odd: list[Json]


class _Capabilities(Capabilities):
    """Of one practice. Whether it may change appointments is looked up when somebody asks, and no sooner."""

    _updates: Callable[[], bool]

    def __init__(self, known: Capabilities, updates: Callable[[], bool]) -> None:
        super().__init__(**{field.name: getattr(known, field.name) for field in fields(known)})
        object.__setattr__(self, "_updates", updates)

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        return value and self._updates() if name in ("cancel", "move") else value


def _now() -> datetime:
    return datetime.now(UTC)


class AlfaDocs(Vendor):
    name = "AlfaDocs"
    Connection = Connection
    whose = ("base_url", "practice_id", "archive_id")
    granted = ("practice_id", "archive_id", "refresh_token")
    lasting = ("tokens", "refresh", "reconnect", "no updates", "chart")
    capabilities = Capabilities(
        cancel=True,
        move=True,
        carries_reference=True,
        clinics=False,
        list_by_patient=True,
        charts=True,
        notifies=True,
        standing=True,
        consent=True,
    )
    needs_clinic = True

    def __init__(self, connection: Any, context: Context, clock: Callable[[], datetime] = _now) -> None:
        self._client = AlfaDocsClient(connection, context, clock)
        self._connection: Connection = connection
        self._context = context
        self._store = context.store
        self._zone = context.timezone
        self._clock = clock
        self._deadline = time.monotonic() + context.budget
        self._clinic = Clinic(connection.practice_id, context.clinic_name or context.practice, context.clinic_address)
        self._archive = f"{connection.practice_id}/{connection.archive_id}"
        self._grant = _digest(connection.refresh_token) if connection.refresh_token else ""
        known = replace(AlfaDocs.capabilities, notifies=connection.reminders, consent=bool(connection.client_id))
        self.capabilities = _Capabilities(known, self._covers_updates)

    def asks(self) -> tuple[Asked, ...]:
        return (
            Asked(Field.FIRST_NAME),
            Asked(Field.LAST_NAME),
            Asked(Field.EMAIL, max_length=254),
            Asked(Field.PHONE, max_length=20),
            Asked(Field.BIRTH_DATE, max_length=10),
        )

    # --- What is offered

    def services(self, language: str) -> list[Service]:
        """In the practice's own words: AlfaDocs has one language."""
        names, catalogue = self._read_catalogue()
        return [
            Service(
                id=id,
                name=reason.name,
                minutes=reason.minutes,
                offers=(
                    Offer(
                        self._clinic,
                        tuple(Provider(operator, names[operator]) for operator in reason.operators),
                        ProviderChoice.OPTIONAL,
                    ),
                ),
            )
            for id, reason in catalogue.reasons.items()
        ]

    def _catalogue(self) -> _Catalogue:
        """As it was lately, or read anew."""
        kept = self._store.get(f"catalogue {self._archive}")
        return _Catalogue.of(kept) if kept else self._read_catalogue()[1]

    def _read_catalogue(self) -> tuple[dict[str, str], _Catalogue]:
        """The operators' names and the catalogue, which is remembered. The practice's colour is checked by the way."""
        self._client.ready()
        client = self._client
        reasons, operators, chairs, colors = side_by_side(
            [client.reasons, client.operators, client.chairs, client.colors]
        )
        with understanding():
            known_colors = _each("colours", colors, lambda row: _id(row["id"]))
            active = [row for row in operators if not _flag(row.get("deleted"))]
            people = sorted(
                _each("operators", active, lambda row: (_sequence(row), _id(row["id"]), _text(row["name"])))
            )
            names = {id: name for _, id, name in people}
            read = _each("reasons", reasons, lambda row: (_sequence(row), _id(row["id"]), _reason(row, names)))
            places = _each("chairs", chairs, lambda row: (_id(row["id"]), _flag(row.get("deleted"))))
            catalogue = _Catalogue(
                {id: reason for _, id, reason in sorted(read, key=lambda found: found[0]) if reason},
                # By their ids: the vendor promises no order, and which chair is chosen hangs on it.
                tuple(sorted((id for id, deleted in places if not deleted), key=int)),
                tuple(id for id, deleted in places if deleted),
            )
        if str(int(self._connection.color_id)) not in known_colors:
            raise AuthenticationFailed(f"color_id is none of the practice's colours: {', '.join(known_colors)}")
        self._store.put(f"catalogue {self._archive}", catalogue.json(), CATALOGUE_KEPT)
        return names, catalogue

    # --- Times

    def _today(self) -> date:
        return self._clock().astimezone(self._zone).date()

    def window(self, day: date) -> tuple[date, date]:
        """Blocks of 29 days, the first of which begins today."""
        today = self._today()
        first = today + timedelta(days=(day - today).days // WINDOW * WINDOW)
        return first, first + timedelta(days=WINDOW - 1)

    def slots(self, search: Search) -> list[Slot]:
        """One call for 29 days while the catalogue is known. Times that have passed are left out.

        A start comes once for each operator, in a chair of our choice; with `every_chair`, in each that is free.
        """
        search = replace(search, first=max(search.first, self._today()))
        if search.first > search.last or search.clinic_id not in (None, self._clinic.id):
            return []
        catalogue = self._catalogue()
        if search.service_id not in catalogue.reasons:
            catalogue = self._read_catalogue()[1]
        try:
            rows = self._free(search, catalogue)
        except Refused:  # somebody may have left since the catalogue was read
            known, (_, catalogue) = catalogue, self._read_catalogue()
            if known.reasons.get(search.service_id) == catalogue.reasons.get(search.service_id):
                raise
            rows = self._free(search, catalogue)
        self._learn_chairs(rows)
        chosen: dict[tuple[str, ...], _Row] = {}
        for row in catalogue.in_order(rows):
            chosen.setdefault(row if search.every_chair else (row.date, row.time, row.operator), row)
        slots = filter(None, map(self._slot, chosen.values()))
        now = self._clock()
        return sorted(
            (slot for slot in slots if slot.start > now), key=lambda slot: (slot.start, int(slot.provider_id or 0))
        )

    def _free(self, search: Search, catalogue: _Catalogue) -> list[_Row]:
        """Every row of the days asked for: a start comes once for each chair that is free with an operator."""
        reason = catalogue.reasons.get(search.service_id)
        operators = [id for id in reason.operators if search.provider_id in (None, id)] if reason else []
        if reason is None or not operators:
            return []
        days = range(search.first.toordinal(), search.last.toordinal() + 1, WINDOW)
        windows = [(date.fromordinal(n), min(date.fromordinal(n + WINDOW - 1), search.last)) for n in days]
        self._client.ready()
        lists = side_by_side([partial(self._client.free_slots, reason.minutes, operators, *w) for w in windows])

        def read(row: Json) -> _Row:
            free = _Row(row["date"], row["time"], str(reason.minutes), _id(row["operatorId"]), _id(row["chairId"]))
            _moment(f"{free.date} {free.time}")
            return free

        with understanding():
            return [
                row
                for row in set(_each("free slots", [row for found in lists for row in found], read))
                if search.first <= row.start.date() <= search.last
                and row.operator in operators
                and row.chair not in catalogue.deleted_chairs
            ]

    def _slot(self, row: _Row) -> Slot | None:
        """None for a time that the clocks skip."""
        start = local(row.start, self._zone)
        if start is None:
            return None
        return Slot(
            id=",".join(row),
            start=start,
            end=self._end(start, int(row.minutes)),
            clinic_id=self._clinic.id,
            provider_id=row.operator,
            occupies=(f"chair/{row.chair}", f"operator/{row.operator}"),
        )

    def slot_of(self, slot_id: str) -> Slot | None:
        try:
            return self._slot(_row(slot_id))
        except SlotTaken:
            return None

    def _end(self, start: datetime, minutes: int) -> datetime:
        """So many minutes later by any watch, also across a change of the clocks."""
        return (start.astimezone(UTC) + timedelta(minutes=minutes)).astimezone(self._zone)

    def _wall(self, moment: datetime) -> datetime:
        return moment.astimezone(self._zone).replace(tzinfo=None)

    def _is_offered(self, request: BookingRequest, row: _Row) -> bool:
        """Whether the very row is offered at this moment, by the catalogue of this moment."""
        catalogue = self._read_catalogue()[1]
        day = row.start.date()
        return row in self._free(Search(request.service_id, day, day, provider_id=row.operator), catalogue)

    def _learn_chairs(self, rows: list[_Row]) -> None:
        """Remember which chairs each operator works in, so far as free times ever told."""
        kept, now = self._kept_chairs(), self._clock().timestamp()
        known: dict[str, list[str]] = kept["operators"]
        seen = {operator: set(chairs) for operator, chairs in known.items()}
        for row in rows:
            seen.setdefault(row.operator, set()).add(row.chair)
        learnt = {operator: sorted(chairs) for operator, chairs in seen.items()}
        if learnt != known or now > kept["at"] + CHAIRS_KEPT / 2:
            self._store.put(f"chairs {self._archive}", json.dumps({"at": now, "operators": learnt}), CHAIRS_KEPT)

    def _kept_chairs(self) -> Json:
        kept: Json = json.loads(self._store.get(f"chairs {self._archive}") or "{}")
        return {"at": 0, "operators": {}} if "at" not in kept else kept

    # --- The patient's chart

    def _chart(self, patient: Patient) -> str:
        """The id of the patient's chart, which is created where none is beyond doubt theirs.

        One at a time for one patient: two bookings at once must not create two charts. Raises `VendorUnavailable`
        when one may have been created and is not found: there is no appointment, and the next try searches first.
        """
        body = self._new_chart(patient)
        with self._alone(f"chart {_digest(*_who(patient))[:32]}"):
            before = self._charts(patient)
            if len(before) == 1:
                return before[0]
            try:
                return self._client.create_patient(body)
            except Refused as refusal:  # some refuse what they did
                if refusal.status not in (400, 409, 422):
                    raise
                new = self._new_charts(patient, before)
                if len(new) != 1:
                    given = [str(asked.field) for asked in self.asks() if getattr(patient, asked.field)]
                    # ASSUMPTION (gap 4): the text of a refusal does not say reliably which.
                    raise InvalidPatient(*given) from refusal
            except OutcomeUnknown as error:
                new = self._new_charts(patient, before)
                if not new and time.monotonic() + LOOK_AGAIN + 1 < self._deadline:
                    time.sleep(LOOK_AGAIN)
                    new = self._new_charts(patient, before)
                if len(new) != 1:
                    raise VendorUnavailable("a chart may have been created") from error
            return new[0]

    def _new_charts(self, patient: Patient, before: list[str]) -> list[str]:
        return [id for id in self._charts(patient) if id not in before]

    def _charts(self, patient: Patient) -> list[str]:
        """The charts that are this patient's as far as e-mail (or phone), names and birth date tell."""
        # ASSUMPTION (gap 8, 11): `email` is the parameter's name, and matches whole. Were it ignored, everybody would
        # be found: so the e-mail of each is compared here, too.
        if patient.email:
            rows = self._client.patients(email=patient.email)
        else:
            prefix, number = _phone(patient.phone)
            rows = self._client.patients(phoneNumberPrefix=f"00{prefix}", phoneNumber=number)
        with understanding():
            return sorted((_id(row["id"]) for row in rows if _is_theirs(row, patient)), key=int)

    def _new_chart(self, patient: Patient) -> Json:
        """Only what the patient gave."""
        body: Json = {"firstName": _spelled(patient.first_name), "lastName": _spelled(patient.last_name)}
        if patient.email:
            body["email"] = patient.email
        if patient.birth_date:
            body["dateOfBirth"] = patient.birth_date.isoformat()
        if patient.phone or not patient.email:
            prefix, number = _phone(patient.phone)
            body["phoneNumbers"] = [{"prefix": f"+{prefix}", "number": number}]
        return body

    @contextmanager
    def _alone(self, key: str) -> Iterator[None]:
        """While no other process does the same."""
        while not self._store.lease(key, LEASE):
            if time.monotonic() + POLL + 1 > self._deadline:
                raise VendorUnavailable("another booking of the same patient is under way", retry_after=5)
            time.sleep(POLL)
        try:
            yield
        finally:
            self._store.forget(key)

    # --- The booking

    def book(self, request: BookingRequest) -> Appointment:
        """Put it in the diary, and look whether it stands there alone: the vendor may accept two at one time."""
        row = _row(request.slot.id)
        if request.slot.start <= self._clock():  # no limit at the vendor's is documented
            raise SlotTaken("it has begun")
        chart = self._chart(request.patient)
        self._store.put(f"chart of {request.key}", chart, CHART_KEPT)
        body = {
            "date": f"{row.date} {row.time}",
            "patientId": int(chart),
            "duration": int(row.minutes),
            "operatorId": int(row.operator),
            "chairId": int(row.chair),
            "colorId": int(self._connection.color_id),
            "state": "confirmed",  # ASSUMPTION (gap 7): the default may be another one
            "type": "inPractice",
            "description": self._description(request),
            "emailReminder": self._connection.reminders,
            "smsReminder": self._connection.reminders,
        }
        try:
            appointment_id = self._client.create_appointment(body)
        except Refused as refusal:
            appointment_id = self._landed(request, row, chart, refusal)
        return self._verified(request, row, appointment_id)

    def _description(self, request: BookingRequest) -> str:
        """The reason in the vendor's own words, cut where it is long, and our reference."""
        # ASSUMPTION (gap 6): it comes back as it was sent, and may be this long.
        kept = self._store.get(f"catalogue {self._archive}")
        reason = _Catalogue.of(kept).reasons.get(request.service_id) if kept else None
        name = reason.name if reason else request.service_name
        return _described(name[: DESCRIPTION - len(_mark(request)) - 1].rstrip(), request)

    def _landed(self, request: BookingRequest, row: _Row, chart: str, refusal: Refused) -> str:
        """The id of what was refused and stands in the diary all the same. Otherwise says why it was refused."""
        # ASSUMPTION (gap 2): a taken time gets 400, 409 or 422, and so may bad input, and the text does not tell.
        try:
            ours = self._entries_of(request, [chart])
        except VendorError as error:
            raise OutcomeUnknown("refused, and could not be looked up") from error
        if not ours:
            self._say_why(request, row, refusal)
        return ours[0].id

    def _say_why(self, request: BookingRequest, row: _Row, refusal: Refused) -> NoReturn:
        """Nothing was done. Whether the time is still offered decides what it was refused for."""
        if self._is_offered(request, row):
            raise UnexpectedResponse(f"a free time was refused with status {refusal.status}") from refusal
        raise SlotTaken from refusal

    def _verified(self, request: BookingRequest, row: _Row, appointment_id: str | None) -> Appointment:
        """The booking as the diary has it. Where two stand at one time, the later gives way: `SlotTaken`."""
        try:
            day = self._day(row.start.date())
            ours = [entry for entry in day.entries if self._is_this(entry, request, row, appointment_id)]
            if not ours and appointment_id in {str(odd.get("id")) for odd in day.odd}:
                raise UnexpectedResponse("our appointment cannot be read")
            rivals = self._rivals(ours[0].id, row, day) if ours else []
        except VendorError as error:
            if appointment_id is None:
                raise OutcomeUnknown("no id in the answer, and no look at the day") from error
            return Appointment(appointment_id, request.slot.start, request.slot.end)  # said clearly, if not compared
        if not ours:
            raise OutcomeUnknown("accepted, and not among the day's appointments")
        (mine, *_) = ours
        if any(int(rival.id) < int(mine.id) for rival in rivals):
            try:
                self._change(mine.row, {"state": "cancelled"})
            except VendorError as error:
                raise OutcomeUnknown("two stand at one time, and ours could not be cancelled") from error
            raise SlotTaken("somebody else was there before")
        return Appointment(mine.id, request.slot.start, request.slot.end)

    @staticmethod
    def _is_this(entry: _Entry, request: BookingRequest, row: _Row, appointment_id: str | None) -> bool:
        known = _is_ours(entry, request) if appointment_id is None else entry.id == appointment_id
        return known and entry.start == row.start

    def _rivals(self, appointment_id: str, row: _Row, day: _Day) -> list[_Entry]:
        """Those of others that overlap the row in its chair, or with its operator if that one works in no other chair.

        An operator with several chairs may see two at a time: then the vendor goes on offering the other chair.
        Raises `UnexpectedResponse` where there is none, and what could not be read may be one.
        """
        one_chair = len(self._kept_chairs()["operators"].get(row.operator, ())) < 2
        rivals = [
            entry
            for entry in day.entries
            if entry.id != appointment_id
            and entry.stands
            and entry.start < row.end
            and row.start < entry.end
            and (entry.chair == row.chair or (one_chair and entry.operator == row.operator))
        ]
        if not rivals and not all(_is_elsewhere(odd, row, one_chair) for odd in day.odd):
            raise UnexpectedResponse("an appointment that cannot be read, and may be at the same time")
        return rivals

    def find(self, request: BookingRequest) -> list[Appointment]:
        """By the patient, the day and our reference, wherever in that day it stands. Cancelled ones are left out."""
        chart = self._store.get(f"chart of {request.key}")
        if chart is None and not (request.patient.last_name and (request.patient.email or request.patient.phone)):
            raise OutcomeUnknown("appointments are found by the patient, and nothing is known of them")
        charts = [chart] if chart else self._charts(request.patient)
        return [self._appointment(entry, request) for entry in self._entries_of(request, charts)]

    def _appointment(self, entry: _Entry, request: BookingRequest) -> Appointment:
        """As it stands there. It is as long as it was when it was chosen, where the vendor states no length."""
        start = local(entry.start, self._zone)
        if start is None:
            raise UnexpectedResponse("an appointment at an hour that the clocks skip")
        known = int((request.slot.end.astimezone(UTC) - request.slot.start.astimezone(UTC)).total_seconds() // 60)
        return Appointment(entry.id, start, self._end(start, entry.minutes or known))

    def _entries_of(self, request: BookingRequest, charts: list[str]) -> list[_Entry]:
        """Raises `UnexpectedResponse` where there is none, and what could not be read may be it."""
        days = [(chart, self._day(self._wall(request.slot.start).date(), chart)) for chart in charts]
        found = [entry for _, day in days for entry in day.entries if _is_ours(entry, request)]
        if not found and any(_may_be_ours(odd, request, chart) for chart, day in days for odd in day.odd):
            raise UnexpectedResponse("an appointment of the patient's that cannot be read")
        return found

    def _day(self, day: date, chart: str | None = None) -> _Day:
        rows = self._client.appointments(day, chart)
        entries, odd = [], []
        for row in rows:
            try:
                entries.append(_entry(row))
            except ODD:
                odd.append(row)
        if odd:
            log.warning("alfadocs: %d of %d appointments could not be read", len(odd), len(rows))
        return _Day(sorted(entries, key=lambda entry: int(entry.id)), odd)

    # --- Changes

    def standing(self, appointment_id: str, request: BookingRequest) -> Appointment | None:
        """By its id. One whose patient did not come still stands."""
        row = self._client.appointment(appointment_id)
        if row is None:
            # A path that is not there is 404 too. So the day is read as well, by a path that ends before the id.
            chart = self._store.get(f"chart of {request.key}")
            day = self._day(self._wall(request.slot.start).date(), chart)
            listed = {str(row.get("id")) for row in [*(entry.row for entry in day.entries), *day.odd]}
            if appointment_id in listed or any(_may_be_ours(odd, request, chart) for odd in day.odd):
                raise UnexpectedResponse("an appointment of the day that is not known by its id")
            return None
        if row.get("state") == "cancelled":
            return None
        with understanding():
            entry = _entry(row)
        return self._appointment(entry, request)

    def cancel(self, appointment_id: str, request: BookingRequest) -> None:
        if not self.capabilities.cancel:
            raise Unsupported("cancel")
        row = self._client.appointment(appointment_id)
        if not _stands(row):
            return
        try:
            self._change(row, {"state": "cancelled"})
        except Refused:  # also with 404: it may be the path that is not there
            if _stands(self._looked_up(appointment_id)):
                raise

    def move(self, appointment_id: str, request: BookingRequest) -> Appointment:
        """To the request's slot, in place: its id stays. Looks afterwards whether it stands there alone."""
        if not self.capabilities.move:
            raise Unsupported("move")
        row = _row(request.slot.id)
        if request.slot.start <= self._clock():
            raise SlotTaken("it has begun")
        before = self._client.appointment(appointment_id)
        if not _stands(before):
            raise UnexpectedResponse("what should be moved is not in the diary")
        there = {
            "date": f"{row.date} {row.time}",
            "duration": int(row.minutes),
            "operatorId": int(row.operator),
            "chairId": int(row.chair),
            "description": _marked(before.get("description"), request),
        }
        moved = Appointment(appointment_id, request.slot.start, request.slot.end)
        try:
            self._change(before, there)
        except Refused as refusal:
            now = self._looked_up(appointment_id)
            if not _stands(now):
                raise UnexpectedResponse("what should be moved left the diary") from refusal
            if not _stands_so(now, there):
                self._say_why(request, row, refusal)
        try:
            rivals = self._rivals(appointment_id, row, self._day(row.start.date()))
        except VendorError:
            return moved  # said clearly, if not compared
        if rivals:  # the older id says nothing here about who came first
            try:
                self._change(before, {})
            except VendorError as error:
                raise OutcomeUnknown("two stand at one time, and ours could not be moved back") from error
            raise SlotTaken("somebody else was there before")
        return moved

    def _change(self, row: Json, changes: Json) -> None:
        """Update the appointment with all that was read of it, and the changes.

        After a lost answer it is read, and sent once more if nothing changed, which does no harm.
        """
        with understanding():
            appointment_id, body = _id(row["id"]), _writable(row)
        # An update needs the date and the colour, even one that only cancels.
        body = {"colorId": int(self._connection.color_id)} | body | changes
        try:
            self._update(appointment_id, body)
        except OutcomeUnknown:
            if not _stands_so(self._looked_up(appointment_id), body):
                try:
                    self._update(appointment_id, body)
                except Refused:
                    raise
                except VendorError as error:
                    raise OutcomeUnknown("two updates without an answer") from error

    def _update(self, appointment_id: str, body: Json) -> None:
        try:
            self._client.update_appointment(appointment_id, body)
        except AuthenticationFailed as error:
            if error.status == 403 and self._grant:  # see SCOPES; until the practice connects again
                self._store.put("no updates", self._grant, FOR_GOOD)
            raise

    def _covers_updates(self) -> bool:
        """Whether no update was forbidden since the practice connected."""
        return not self._grant or self._store.get("no updates") != self._grant

    def _looked_up(self, appointment_id: str) -> Json | None:
        """As the appointment stands after a change whose outcome is open."""
        try:
            return self._client.appointment(appointment_id)
        except VendorError as error:
            raise OutcomeUnknown("could not be looked up") from error

    # --- The practice's owner says yes

    def consent_address(self, redirect_uri: str, state: str, challenge: str) -> str:
        if not self.capabilities.consent:
            raise Unsupported("consent_address")
        query = {
            "client_id": self._connection.client_id,
            "redirect_uri": redirect_uri,
            "response_type": "code",
            "scope": SCOPES,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{self._connection.consent_page}?{urlencode(query, quote_via=quote)}"

    def connected(self, code: str, verifier: str, redirect_uri: str) -> Any:
        """The ids come from the vendor, never from the browser. Raises `AuthenticationFailed` for a wrong code."""
        tokens = self._client.tokens
        if tokens is None:
            raise Unsupported("connected")
        granted = tokens.exchange(code, verifier, redirect_uri)
        practice_id, archive_id = self._client.me(granted["access"])
        with understanding():
            refresh = Secret(granted["refresh"])
        connection = replace(self._connection, refresh_token=refresh, practice_id=practice_id, archive_id=archive_id)
        Tokens(connection, self._context, self._clock).keep(granted)
        return connection


# --- Small readings --------------------------------------------------------------------------------------------------


def _sequence(row: Json) -> tuple[int, int]:
    """For sorting as the practice does. Text in reasons, a number in operators, and sometimes missing."""
    return _number(row.get("sequenceNumber")), int(_id(row["id"]))


def _reason(row: Json, names: dict[str, str]) -> _Reason | None:
    """None for one that cannot be booked: deleted, without a length, or with nobody left who does it."""
    minutes = _number(row.get("duration"))
    if _flag(row.get("deleted")) or not 0 < minutes <= 24 * 60:
        return None
    named = {_id(operator) for operator in row.get("operatorIds") or []}
    operators = tuple(operator for operator in names if operator in named)
    return _Reason(_text(row["description"]), minutes, operators) if operators else None


def _row(slot_id: str) -> _Row:
    """The row that the slot's id was made from. One of another making is no time of this vendor: `SlotTaken`."""
    parts = re.fullmatch(r"([0-9-]{10}),([0-9:]{8}),([0-9]{1,4}),([0-9]+),([0-9]+)", slot_id)
    try:
        if parts is None:
            raise ValueError
        row = _Row(*parts.groups())
        if row.end <= row.start:
            raise ValueError
    except (ValueError, OverflowError):
        raise SlotTaken("not a time of this vendor") from None
    return row


def _entry(row: Json) -> _Entry:
    start = _moment(row["date"])
    minutes = min(max(_number(row.get("duration")), 0), 24 * 60)
    return _Entry(
        id=_id(row["id"]),
        start=start,
        end=start + timedelta(minutes=max(minutes, 1)),
        minutes=0 if _flag(row.get("allDay")) else minutes,
        chair=_optional_id(row.get("chairId")),
        operator=_optional_id(row.get("operatorId")),
        stands=row.get("state") not in NOT_STANDING,
        description=str(row.get("description") or ""),
        row=row,
    )


def _stands(row: Json | None) -> TypeGuard[Json]:
    return row is not None and row.get("state") != "cancelled"


def _stands_so(row: Json | None, wanted: Json) -> bool:
    """Whether the appointment has these values. Raises `OutcomeUnknown` where it cannot be read."""
    told = {name: value for name, value in wanted.items() if name in ("date", "state", "operatorId", "chairId")}
    with understanding(OutcomeUnknown):
        return row is not None and _writable(row).items() >= told.items()


def _is_elsewhere(odd: Json, row: _Row, one_chair: bool) -> bool:
    """Whether an appointment that cannot be read as a whole does not stand in the row's way, beyond doubt."""
    if odd.get("state") in NOT_STANDING:
        return True
    with suppress(*ODD):
        if _moment(odd["date"]) >= row.end:
            return True
    with suppress(*ODD):
        chair, operator = _optional_id(odd["chairId"]), _optional_id(odd["operatorId"])
        return chair != row.chair and not (one_chair and operator == row.operator)
    return False


def _may_be_ours(odd: Json, request: BookingRequest, chart: str | None) -> bool:
    """Whether an appointment that cannot be read as a whole may be the request's."""
    with suppress(*ODD):
        if chart and _id(odd["patientId"]) != chart:
            return False
    description = odd.get("description")
    return not isinstance(description, str) or _mark(request) in description


def _mark(request: BookingRequest) -> str:
    return f"[rif {request.reference}]"


def _marked(description: object, request: BookingRequest) -> str:
    """What the desk may have written stays; the reference is the request's."""
    return _described(re.sub(r"\s*\[rif [^\]]*\]", "", str(description or request.service_name)).strip(), request)


def _described(text: str, request: BookingRequest) -> str:
    """With the reference in front of a long text: were it cut off at its end, nothing would be found again."""
    mark = _mark(request)
    return f"{text} {mark}".strip() if len(f"{text} {mark}") <= SHORT else f"{mark} {text}"


def _is_ours(entry: _Entry, request: BookingRequest) -> bool:
    return _mark(request) in entry.description and entry.row.get("state") != "cancelled"


def _writable(row: Json) -> Json:
    """An appointment as read, in the types of an update, without what is read-only or empty."""
    body: Json = {}
    for name in WRITABLE:
        value = row.get(name)
        if value is not None:
            body[name] = int(value) if name in NUMBERS else _flag(value) if name in FLAGS else value
    return body


def _who(patient: Patient) -> tuple[str, ...]:
    contact = patient.email.casefold() or patient.phone
    return _folded(patient.last_name), _folded(patient.first_name), contact, str(patient.birth_date)


def _is_theirs(row: Json, patient: Patient) -> bool:
    """Names alike but for case, accents and punctuation, the same e-mail, and the birth date that was given."""
    if patient.email and str(row.get("email") or "").strip().casefold() != patient.email.strip().casefold():
        return False
    if patient.birth_date and str(row.get("dateOfBirth") or "")[:10] != patient.birth_date.isoformat():
        return False
    names = (row.get("lastName") or "", row.get("firstName") or "")
    return tuple(map(_folded, names)) == (_folded(patient.last_name), _folded(patient.first_name))


def _folded(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name).casefold()
    return "".join(letter for letter in letters if letter.isalnum()) or name.strip()


def _spelled(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).split())


E164 = re.compile(
    r"\+(?=[0-9]{7,15}$)([17]|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|[2-9][0-9]{2})([0-9]+)"
)
"""A country code, of one, two or three digits (ITU-T E.164), and the rest."""


def _phone(e164: str) -> tuple[str, str]:
    """The country code and the rest of a number. An Italian landline keeps its zero."""
    match = E164.fullmatch(re.sub(r"[\s()./-]", "", e164))
    if match is None:
        raise InvalidPatient("phone")
    return match[1], match[2]
