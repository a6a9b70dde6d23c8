"""Opus Dental's internet timebook, for dentists in Sweden and Norway.

Documentation: the vendor's "ITB API" guide, given to its customers with the key. It shows requests and no answers;
the shapes of answers are those of the vendor's newer published interface.

Opus says                    we say
---------------------------  ------------------------------------------------------------------------
treatment, booking model     service
clinic                       clinic; its id is `{number}-{guid of the clinic's database}`
clinician                    provider; numbered per clinic's database, so 3 here need not be 3 there
time slot                    slot; it has no id that can be used, so its row is the id
booking                      appointment
personal number, SSN         personal number, in four parts

Quirks
* 404 is the empty list, but not the page of a proxy. 400 is every refusal: a taken time, bad details, and a bad key.
* A booking may be accepted and lose a race at the clinic all the same: what was accepted is read back.
* The key's header has an underscore, which some proxies drop without a word; that looks like a bad key.
* Times are the clinic's wall clock without an offset, and go back exactly as they came.
* Answers may hold a number where the guide says text (phones, postal codes), and the other way round.
* Free times and lists come from a hosted copy; patients and bookings are relayed to a server at the clinic. When that
  is down, bookings fail with 503 while times still list.
* The personal number travels in the query when bookings are looked up, so no address may be logged.

Documented and not used
* PUT /booking: the guide does not say what it changes; its required data fit cancelling as well as moving (gap 1).
* GET and POST /patient: a booking carries the whole patient, and registers one who is new (gap 7).
* GET /clinic/{clinicID}: the list says the same.
* GET /timeslot from a moment on: how far it reaches is not said (gap 5). Months have an end.
* `delay` when listing times: an integer of an unknown unit (gap 4).
There is no way to cancel, to reserve, or to leave a note or a reference. How a booking stands later cannot be read:
bookings are listed by personal number only, which is not kept. No list tells what changed since a moment.
"""

import codecs
import json
import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache, partial
from itertools import chain
from typing import Any, NoReturn
from urllib.parse import quote, unquote

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
    Url,
    Vendor,
    VendorError,
    local,
)
from vendors.http import Http, json_list, side_by_side, understanding

type Row = dict[str, Any]

EXTRA_DIGITS = {"SE": 4, "NO": 5}
"""How many digits follow the date in a personal number, by country."""
POSTAL_DIGITS = {"SE": 5, "NO": 4}

RELAYED = 25.0
"""Seconds for a read that is relayed to the server at the clinic, as writes are. Lists come from the hosted copy."""

# The wording of refusals is not documented beyond "Invalid SSN". The other words are guesses. "ssn" also stands in
# other words ("ClassName"), so not every spelling of it counts.
NAMES_THE_PERSONAL_NUMBER = re.compile(
    r"SSN|Ssn|\bssn|(?i:personal[ _-]?(identity[ _-]?)?number|personnummer|fødselsnummer|extra[ _-]?digits)"
)


@dataclass(frozen=True, slots=True)
class Connection:
    base_url: Url
    """Ends before `/api/v1`."""
    api_key: Secret


# --- In Opus's words -------------------------------------------------------------------------------------------------


class Refused(Exception):
    """Status 400, and for a booking 404 too. Of the text, which may quote a patient, it keeps one fact only."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(f"status {response.status_code}")
        self.names_the_personal_number = bool(NAMES_THE_PERSONAL_NUMBER.search(_said(response)))


def _said(response: httpx.Response) -> str:
    """All that a refusal says, names of fields too: an object with a "Message", a JSON string or plain text."""
    # ASSUMPTION (errors): it need not be in the "Message", which may only say that "the request is invalid".
    try:
        return json.dumps(json.loads(response.content), ensure_ascii=False)
    except (ValueError, RecursionError):
        return response.text


def _is_a_page(response: httpx.Response) -> bool:
    """Whether somebody in between answered, a proxy or a web server: Opus itself speaks JSON, or says nothing."""
    body = response.content.removeprefix(codecs.BOM_UTF8).lstrip()
    return bool(body) and (body.startswith(b"<") or "html" in response.headers.get("Content-Type", "").lower())


class OpusClient:
    """Addresses, headers and JSON. Raises `Refused` where the caller must find out why."""

    def __init__(self, connection: Connection, context: Context) -> None:
        base_url = connection.base_url.rstrip("/") + "/api/v1"
        self._http = Http("opus", base_url, context, {"api_key": connection.api_key}, relayed=["/booking"])

    def treatments(self) -> list[Row]:
        try:
            return self._list("/treatment")
        except Refused as refusal:
            # ASSUMPTION (errors): a bad key gets 400 too. This call has no parameter that could be wrong instead.
            raise AuthenticationFailed("the key is refused, or a proxy drops its header") from refusal

    # `onlyWithFreeTimes` is true unless said otherwise, and a clinician whose times are all taken would be gone: from
    # the practice admins' lists, and for patients who follow a link to that clinician. "No times" says it better.

    def clinics(self, treatment: str) -> list[Row]:
        return self._list("/clinic", treatmentID=treatment, onlyWithFreeTimes=False)

    def clinicians(self, treatment: str, clinic: str | None = None) -> list[Row]:
        return self._list("/clinician", clinicID=clinic, treatmentID=treatment, onlyWithFreeTimes=False)

    def timeslots(self, treatment: str, clinic: str | None, clinician: str | None, year: int, month: int) -> list[Row]:
        # ASSUMPTION (gap 6): without a treatment these would be the rows of every treatment, so it is always sent.
        return self._list(
            "/timeslot", year=year, month=month, clinicID=clinic, clinicianID=clinician, treatmentID=treatment
        )

    def bookings(self, personal_number: Row) -> list[Row]:
        query = {part.lower(): value for part, value in personal_number.items()}
        return self._list("/booking", limit=RELAYED, **query)

    def book(self, patient: Row, time_slot: Row) -> str | None:
        """The booking's ID, or None: it is accepted, and what was said is no ID beyond doubt."""
        response = self._http.write("POST", "/booking", body={"Patient": patient, "TimeSlot": time_slot})
        if response.status_code in (400, 404):
            raise Refused(response)
        if response.is_error:
            raise OutcomeUnknown(f"status {response.status_code}, which is not documented")
        if not response.extensions["length_known"]:
            return None  # a bare integer cut short is still an integer
        # ASSUMPTION (gap 2): the answer is the ID and nothing around it.
        try:
            return _number(json.loads(response.content))
        except (ValueError, RecursionError):
            return None

    def _list(self, path: str, *, limit: float = 10.0, **query: str | int | bool | None) -> list[Row]:
        response = self._http.read("GET", path, query=query, limit=limit)
        if response.status_code == 404 and not _is_a_page(response):
            return []  # how Opus says "none"
        if response.status_code == 400:
            raise Refused(response)
        if response.is_error:
            raise UnexpectedResponse(f"status {response.status_code}, which is not documented")
        with understanding():
            # ASSUMPTION (gap 2): lists are bare arrays.
            return json_list(response)


# --- In our words ----------------------------------------------------------------------------------------------------


def _now() -> datetime:
    return datetime.now(UTC)


class Opus(Vendor):
    name = "Opus Dental"
    Connection = Connection
    capabilities = Capabilities()  # books and looks up, and nothing else

    def __init__(self, connection: Any, context: Context, clock: Callable[[], datetime] = _now) -> None:
        self._client = OpusClient(connection, context)
        self._zone = context.timezone
        self._country = context.country
        self._clock = clock

    def asks(self) -> tuple[Asked, ...]:
        # ASSUMPTION (gap 8): of the patient, Opus requires the names and the personal number. E-mail and phone are
        # how the practice reaches somebody who booked.
        return (
            Asked(Field.FIRST_NAME),
            Asked(Field.LAST_NAME),
            Asked(Field.PERSONAL_NUMBER, max_length=13),
            Asked(Field.EMAIL, max_length=254),
            Asked(Field.PHONE, max_length=20),
            Asked(Field.POSTAL_CODE, required=False, max_length=10),
        )

    def services(self, language: str) -> list[Service]:
        """In the practice's own words: Opus has one language."""
        rows = self._client.treatments()
        with understanding():
            services = [
                Service(
                    id=_number(row["ID"]),
                    name=_text(row["Name"]),
                    description=_text(row.get("Description")),
                    minutes=int(row.get("Duration") or 0) or None,
                )
                for row in rows
            ]
        return list({service.id: service for service in services}.values())

    # --- Where and with whom

    def offers(self, service_id: str, language: str) -> list[Offer]:
        """Clinicians without free times are among the providers; those who no longer work there are not."""
        if not _is_number(service_id):
            return []
        try:
            clinics, clinicians = side_by_side(
                [partial(self._client.clinics, service_id), partial(self._client.clinicians, service_id)]
            )
            with understanding():
                ids = [_text(row["ID"]) for row in clinics]
                told = all(row.get("ClinicID") for row in clinicians)
            if told:
                teams = [[row for row in clinicians if _text(row["ClinicID"]) == clinic_id] for clinic_id in ids]
            else:
                teams = side_by_side([partial(self._client.clinicians, service_id, clinic_id) for clinic_id in ids])
        except Refused as refusal:
            return self._none_if_unknown(service_id, refusal)
        with understanding():
            return [self._offer(clinic, team) for clinic, team in zip(clinics, teams, strict=True)]

    def _offer(self, clinic: Row, team: list[Row]) -> Offer:
        active = [row for row in team if _text(row.get("Active")).lower() not in ("false", "0")]
        providers = [Provider(_number(row["ID"]), _text(row["Name"]), _text(row.get("Title"))) for row in active]
        unique = tuple({provider.id: provider for provider in providers}.values())
        choice = ProviderChoice.OPTIONAL if unique else ProviderChoice.NONE
        return Offer(self._clinic(clinic), unique, choice)

    def _clinic(self, row: Row) -> Clinic:
        postal_code = _text(row.get("Postalcode"))
        if postal_code.isdigit():
            postal_code = postal_code.zfill(POSTAL_DIGITS.get(self._country, 0))
        town = f"{postal_code} {_text(row.get('City'))}".strip()
        lines = (_text(row.get("Address1")), _text(row.get("Address2")), town)
        phone = next((row[field] for field in ("Work", "Mobile", "Home") if row.get(field)), "")
        return Clinic(
            id=_text(row["ID"]),
            name=_text(row["Name"]),
            address=", ".join(line for line in lines if line),
            phone=self._phone(phone),
        )

    def _phone(self, value: object) -> str:
        """As text. One that came as a number has lost its plus sign or, in Sweden, its leading zero."""
        if not isinstance(value, int):
            return _text(value)
        if len(str(value)) >= 10:  # longer than any number inside Sweden or Norway, so its country comes first
            return f"+{value}"
        return f"0{value}" if self._country == "SE" else str(value)

    def _none_if_unknown(self, service_id: str, refusal: Refused) -> list[Any]:
        """The empty list, if it was refused because there is no such treatment. Raises otherwise."""
        rows = self._client.treatments()
        with understanding():
            known = {_number(row["ID"]) for row in rows}
        if service_id in known:
            raise UnexpectedResponse("a list for a treatment that exists was refused") from refusal
        return []

    # --- Times

    def window(self, day: date) -> tuple[date, date]:
        """The calendar month: one reading gives no less."""
        return day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1])

    def slots(self, search: Search) -> list[Slot]:
        """Past ones are left out: Opus lists a month as from its first day."""
        now = self._clock()
        months = _months(max(search.first, now.astimezone(self._zone).date()), search.last)
        if not _is_number(search.service_id) or not _is_number(search.provider_id or "0"):
            return []
        month = partial(self._client.timeslots, search.service_id, search.clinic_id, search.provider_id)
        try:
            pages = side_by_side([partial(month, *year_and_month) for year_and_month in months])
        except Refused as refusal:
            return self._none_if_unknown(search.service_id, refusal)
        found: dict[str, Slot] = {}
        with understanding():
            for row in chain.from_iterable(pages):
                starts = _moment(row["Start"])
                if not search.first <= starts.date() <= search.last:
                    continue  # as most of a month, where a day is searched
                slot = self._slot(row, starts, search)
                if slot and slot.start > now:
                    found[slot.id] = slot
        return sorted(found.values(), key=lambda slot: (slot.start, slot.clinic_id, slot.provider_id or ""))

    def _slot(self, row: Row, starts: datetime, search: Search) -> Slot | None:
        """None for a row of something else, and for a time that the clocks skip."""
        treatment, clinician, clinic = _number(row["TreatmentID"]), _number(row["ClinicianID"]), _text(row["ClinicID"])
        if treatment != search.service_id or search.clinic_id not in (None, clinic):
            return None
        if search.provider_id not in (None, clinician):
            return None
        ends = _moment(row["End"])
        if ends <= starts or not clinic:
            raise ValueError("a time without length or place")
        start, end = local(starts, self._zone), local(ends, self._zone)
        if start is None or end is None:
            return None
        return Slot(
            id=_slot_id(row["Start"], row["End"], clinician, treatment, clinic),
            start=start,
            end=end,
            clinic_id=clinic,
            provider_id=clinician,
            occupies=(f"{clinic}/{clinician}",),
        )

    def slot_of(self, slot_id: str) -> Slot | None:
        try:
            row = _time_slot(slot_id)
        except SlotTaken:
            return None
        start, end = local(_moment(row["Start"]), self._zone), local(_moment(row["End"]), self._zone)
        clinic, clinician = row["ClinicID"], str(row["ClinicianID"])
        return Slot(slot_id, start, end, clinic, clinician) if start and end and clinic and start < end else None

    # --- The booking

    def book(self, request: BookingRequest) -> Appointment:
        slot = request.slot
        patient, time_slot = self._patient(request.patient), _time_slot(slot.id)
        try:
            booking_id = self._client.book(patient, time_slot)
        except Refused as refusal:
            self._say_why(request, refusal)
        return self._read_back(request, booking_id)

    def _say_why(self, request: BookingRequest, refusal: Refused) -> NoReturn:
        """Nothing was booked. Whether the time is gone decides, for the wording of refusals is not documented.

        When the time is gone and the personal number is wrong too, the time comes first: the patient needs another
        one in any case. Where the times cannot be read, that error goes on, and the patient may try again.
        """
        # ASSUMPTION (gap 3): a taken time gets 400.
        slot, day = request.slot, request.slot.start.date()
        offered = self.slots(Search(request.service_id, day, day, slot.clinic_id, slot.provider_id))
        if slot.id not in {other.id for other in offered}:
            raise SlotTaken from refusal
        if refusal.names_the_personal_number:
            raise InvalidPatient("personal_number") from refusal
        raise UnexpectedResponse("a booking of a free time was refused") from refusal

    def _read_back(self, request: BookingRequest, booking_id: str | None) -> Appointment:
        """The accepted booking as the diary has it, which has the last word: an ID cut short is still an ID."""
        # ASSUMPTION (gap 3): a race lost at the clinic may be accepted too, and is then missing from the list.
        try:
            found = self.find(request)
        except VendorError as error:
            if booking_id is None:
                raise OutcomeUnknown("no ID in the answer, and no look at the bookings") from error
            return Appointment(booking_id, request.slot.start, request.slot.end)
        if not found:
            raise OutcomeUnknown("accepted, and not in the list")
        if booking_id is None and len(found) > 1:
            raise OutcomeUnknown("no ID in the answer, and several in the list")
        return next((entry for entry in found if entry.id == booking_id), found[0])

    def find(self, request: BookingRequest) -> list[Appointment]:
        """Raises `OutcomeUnknown` where a look cannot tell: without the personal number, or once the time has begun."""
        slot = request.slot
        if not request.patient.personal_number:
            raise OutcomeUnknown("bookings are found by personal number only, and there is none")
        try:
            rows = self._client.bookings(self._personal_number(request.patient))
        except Refused as refusal:
            self._client.treatments()  # says so if it is the key
            raise UnexpectedResponse("the look at a patient's bookings was refused") from refusal
        ids: list[str] = []
        unreadable: UnexpectedResponse | None = None
        for row in rows:  # one by one: what else the patient has booked must not hide this booking
            try:
                with understanding():
                    if _is_at(slot, request.service_id, row["TimeSlot"]):
                        ids.append(_number(row["ID"]))
            except UnexpectedResponse as error:
                unreadable = error
        if not ids and unreadable:
            raise unreadable
        # ASSUMPTION (gap 11): past bookings are left out, so one that has begun would be missing although it is there.
        if not ids and slot.start <= self._clock():
            raise OutcomeUnknown("bookings that have begun are not listed")
        return [Appointment(booking_id, slot.start, slot.end) for booking_id in ids]

    def _patient(self, patient: Patient) -> Row:
        digits = POSTAL_DIGITS.get(self._country)
        if patient.postal_code and digits and not re.fullmatch(rf"[0-9]{{{digits}}}", patient.postal_code):
            raise InvalidPatient("postal_code")
        given = {
            "FirstName": patient.first_name,
            "LastName": patient.last_name,
            "PostalCode": patient.postal_code,
            "Email": patient.email,
            "MobilePhoneNumber": patient.phone,
        }
        return {field: value for field, value in given.items() if value} | {
            "PersonalNumber": self._personal_number(patient)
        }

    def _personal_number(self, patient: Patient) -> Row:
        """In four parts. The last is text, or 0421 would become 421; a coordination number keeps its raised day."""
        digits = EXTRA_DIGITS.get(self._country, 4)
        parts = re.fullmatch(rf"([0-9]{{4}})([0-9]{{2}})([0-9]{{2}})([0-9]{{{digits}}})", patient.personal_number)
        if parts is None:
            raise InvalidPatient("personal_number")
        year, month, day, extra = parts.groups()
        return {"Year": int(year), "Month": int(month), "Day": int(day), "ExtraDigits": extra}


# --- Small readings --------------------------------------------------------------------------------------------------


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


@lru_cache(maxsize=2000)
def _quoted(text: str) -> str:
    return quote(text, safe="")


def _is_number(text: str) -> bool:
    return re.fullmatch("[0-9]+", text) is not None


def _number(value: object) -> str:
    """One of Opus's numbers, which may come as 3 or as "3", as text. Anything but a positive whole number raises."""
    if not isinstance(value, int | str):
        raise ValueError("a number was expected")
    return _whole_number(str(value))


@lru_cache(maxsize=2000)
def _whole_number(text: str) -> str:
    if not _is_number(text) or int(text) < 1:
        raise ValueError("a number was expected")
    return str(int(text))


def _moment(text: str) -> datetime:
    """The clinic's wall clock. Raises for a text with an offset, a `Z` or fractions: it could not be sent back."""
    moment = datetime.fromisoformat(text)
    if len(text) != len("2017-02-03T08:00:00") or moment.tzinfo:
        raise ValueError("a local time was expected")
    return moment


def _months(first: date, last: date) -> list[tuple[int, int]]:
    if last < first:
        return []
    months = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return [(month // 12, month % 12 + 1) for month in months]


def _is_at(slot: Slot, service_id: str, time_slot: Row) -> bool:
    """Whether a booking's time is this one, though written a little otherwise. Raises where that cannot be told."""
    start = datetime.fromisoformat(time_slot["Start"])
    if start.tzinfo:
        raise ValueError("a local time was expected")
    if start.replace(microsecond=0) != slot.start.replace(tzinfo=None):
        return False  # another booking, of which no more need be readable
    clinic, clinician, treatment = time_slot["ClinicID"], time_slot["ClinicianID"], time_slot["TreatmentID"]
    if not clinic:
        raise ValueError("a clinic was expected")
    return (_text(clinic), _number(clinician), _number(treatment)) == (slot.clinic_id, slot.provider_id, service_id)


def _slot_id(start: str, end: str, clinician: str, treatment: str, clinic: str) -> str:
    return ",".join((start, end, clinician, treatment, _quoted(clinic)))


def _time_slot(slot_id: str) -> Row:
    """The row that `_slot_id` was made from. One of another making is no time of this vendor: `SlotTaken`."""
    try:
        start, end, clinician, treatment, clinic = slot_id.split(",")
        _moment(start), _moment(end)
        numbers = {"ClinicianID": int(_number(clinician)), "TreatmentID": int(_number(treatment))}
    except ValueError:
        raise SlotTaken("not a time of this vendor") from None
    return {"Start": start, "End": end, "ClinicID": unquote(clinic), **numbers}
