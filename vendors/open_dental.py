"""Open Dental, for dentists in the United States and Canada: the REST API, which relays each call into the office.

Documentation: the vendor's public manual, pages "API Specification", "API Appointments", "API Schedules", "API
Patients" and their siblings. What we had to assume is marked ASSUMPTION here, with the number of the gap in the
contract page, and stands in one place each.

Open Dental says               we say
-----------------------------  ----------------------------------------------------------------------------------
office (customer key)          practice
appointment type               service; its length is that of its Pattern, one character for five minutes
clinic                         clinic; an office that does not use them is one clinic, with the id "0"
provider (also a hygienist)    provider
operatory, Op                  a chair: chosen by us, part of a slot's id, never shown
patient                        patient's chart
appointment, AptNum            appointment; `Break` is our cancel

Quirks
* There are no free times to ask for: we compute them from Schedules (who works when at which chairs, and blockouts)
  and Appointments (what is taken). The vendor's own `Slots` takes a provider's chairs for one, and one provider a call.
* Nothing refuses a second appointment on one time for certain. So we look after each booking: of two, the one with the
  higher number is withdrawn, if it is ours.
* 400 means bad fields, or trouble on the way into the office, or an office too old for the method. What was refused and
  why is found out by reading back, never from the text.
* Times are the office's wall clock. Schedules sends its numbers as text. Booleans are the texts "true" and "false".
  `0` is no id, and the year 1 is no date.
* Lists come in pages of 100 (1000 where the office's own computer is asked), and a full page may not be the last.
* Appointments have no field for another system's id: our reference stands in the Note, which staff read.
* An appointment is stamped when it changes, by the office's own clock, which comes along with each row. One that is
  deleted leaves no stamp.

A start is listed once per clinic and provider, with the first free chair in an order that only the catalogue decides:
chairs whose first or second provider it is, then the others, beginning elsewhere for each provider, so two providers
seldom want the same chair. A start's id changes with its chair: when that one is taken, and when one before it becomes
free. Whether a time chosen earlier is still free is asked with `Search.every_chair`, which lists all of its chairs.

Documented and not used
* `Slots`, `SlotsWebSched`, `WebSched`: see above; the last two only for subscribers.
* `scheduleops`, `definitions`: Schedules names its chairs and blockouts. One provider, chair or schedule by its number.
* `Planned`, `SchedulePlanned`, `ASAP`, `Confirm`, `Note`: work of the staff.
* `/patients` by phone or e-mail: a household shares both. `PUT /patients`: a chart is the office's.
* Subscriptions: a hint from inside the office, without a signature. `DateTStamp` of patients and providers.
"""

import hashlib
import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import httpx

from vendors.base import (
    Appointment,
    Asked,
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
    VendorUnavailable,
    local,
)
from vendors.http import Http, Query, json_list, json_object, understanding

type Row = dict[str, Any]
type Span = tuple[datetime, datetime]
"""Of the office's wall clock, without its end."""

PUBLIC_BASE_URL = Url("https://api.opendental.com/api/v1")
PAGE = 100
"""Rows from which on a page may not be the last."""
MOST_ROWS = 20_000
CELL = timedelta(minutes=5)
"""What one character of a Pattern stands for."""
LONGEST_PATTERN = 108
DEFAULT_PATTERN = "/XX/"
"""What the vendor takes for an appointment without one."""
USUAL_INCREMENT = 10
OCCUPYING = ("scheduled", "complete", "asap")
"""Statuses of appointments that take up time. ASAP is a priority of Scheduled, and named like a status in one place."""
NOT_IN_THE_DIARY = ("unschedlist", "broken", "planned", "ptnote", "ptnotecompleted")
CLOCKS_APART = timedelta(hours=1)
"""How far the office's clock may be from ours before a change could be missed."""
STAMP_MARGIN = timedelta(minutes=1)
"""How much earlier than it can be seen a change may be stamped."""
USUAL_SECONDS = 1.0
"""That a call takes, most of them less."""
CATALOGUE_KEPT = 3600
"""Seconds that clinics, chairs, providers and types are remembered."""
SCHEDULES_KEPT = 60
"""Seconds that working hours and blockouts are remembered: long enough for the readings around one choice."""
ROSTER = timedelta(days=35)
"""How far ahead somebody must have working hours to be offered. A visiting specialist may come once a month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    base_url: Url = PUBLIC_BASE_URL
    developer_key: Secret
    customer_key: Secret
    """Selects the office."""
    seconds_between_calls: int = 1
    """What the vendor allows this customer key: 5 where the developer key may only read. 0 for a `base_url` of the
    office's own (its Local and API Service modes have no limit)."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("base_url must be an address like https://…")
        for name in ("developer_key", "customer_key"):
            key: str = getattr(self, name)
            if not re.fullmatch("[!-.0-~]+", key):
                raise ValueError(f"{name} must be letters, digits and punctuation without blanks and slashes")
        if isinstance(self.seconds_between_calls, bool) or not 0 <= self.seconds_between_calls <= 60:
            raise ValueError("seconds_between_calls must be from 0 to 60")


# --- In Open Dental's words ------------------------------------------------------------------------------------------


class Refused(Exception):
    """A write was answered with a 4xx, which need not mean that anything was wrong with it."""

    def __init__(self, response: httpx.Response) -> None:
        # ASSUMPTION (gap 2): the body is words for people, as JSON or not. It may name a patient, and is dropped.
        super().__init__(f"status {response.status_code}")


@dataclass(frozen=True, slots=True)
class Entry:
    """An appointment as the diary has it. `start` is None where it takes up no time."""

    apt_num: int
    status: str
    start: datetime | None = None
    length: timedelta = timedelta(0)
    op: int = 0
    prov_num: int = 0
    prov_hyg: int = 0
    clinic_num: int = 0
    note: str = field(default="", repr=False)

    @property
    def span(self) -> Span:
        if self.start is None:
            raise ValueError("an appointment without a time")
        return self.start, self.start + self.length

    @property
    def takes(self) -> set[str]:
        """The chair and the providers that it takes up."""
        people = {f"prov/{number}" for number in (self.prov_num, self.prov_hyg) if number}
        return people | {f"op/{self.op}"} if self.op else people

    def collides(self, other: "Entry") -> bool:
        (start, end), (since, until) = self.span, other.span
        return start < until and since < end and bool(self.takes & other.takes)


class OpenDentalClient:
    """Addresses, keys, pages and JSON. Lists come trimmed to what we use: no provider's SSN, no schedule's note."""

    def __init__(self, connection: Connection, context: Context) -> None:
        headers = {
            "Authorization": f"ODFHIR {connection.developer_key}/{connection.customer_key}",
            "Content-Type": "application/json",  # asked for on every request, also without a body
        }
        # ASSUMPTION (gap 6): too fast is 429 with Retry-After in seconds. The whole queue waits then, not one call.
        self._pace = connection.seconds_between_calls
        self._until = monotonic() + context.budget
        self._http = Http("open_dental", connection.base_url, context, headers, pace=self._pace)

    def has_time_for(self, calls: int, after: float) -> bool:
        """Whether so many calls after a pause of so many seconds fit into what is left of the budget."""
        return monotonic() + after + calls * max(self._pace, USUAL_SECONDS) < self._until

    def clinics(self) -> list[Row]:
        texts = ("Description", "Address", "Address2", "City", "State", "Zip", "Phone")
        return [row for row in self._rows("/clinics", lambda row: _trimmed(row, "ClinicNum", texts)) if row]

    def providers(self, clinic_num: int) -> list[Row]:
        """Not hidden, and allowed at this clinic. 0: the office has no clinics."""
        texts = ("FName", "LName", "Suffix", "Abbr")
        rows = self._rows("/providers", lambda row: _trimmed(row, "ProvNum", texts), ClinicNum=clinic_num or None)
        return [row for row in rows if row]

    def operatories(self) -> list[Row]:
        numbers = ("ItemOrder", "ProvDentist", "ProvHygienist", "ClinicNum")
        rows = self._rows("/operatories", lambda row: _trimmed(row, "OperatoryNum", ("IsHygiene",), numbers))
        return sorted((row for row in rows if row), key=lambda row: (row["ItemOrder"], row["OperatoryNum"]))

    def appointment_types(self) -> list[Row]:
        texts = ("AppointmentTypeName", "Pattern", "BlockoutTypes")
        rows = self._rows("/appointmenttypes", lambda row: _trimmed(row, "AppointmentTypeNum", texts))
        return [row for row in rows if row]

    def preference(self, name: str) -> str | None:
        rows = self._rows("/preferences", lambda row: (str(row["PrefName"]), str(row["ValueString"])), PrefName=name)
        return next((value for found, value in rows if found.lower() == name.lower()), None)

    def schedules(self, first: date, last: date, kind: str | None = None) -> list[Row]:
        """Rows of all days, in no order, without the kinds that say nothing about times. Both dates are always sent:
        without them it would be today only.
        """
        days = {"dateStart": str(first), "dateEnd": str(last)}
        return [row for row in self._rows("/schedules", _schedule, **days, SchedType=kind) if row]

    def appointments(self, first: date, last: date) -> list[Entry]:
        """What takes up time on these days, at all clinics: a provider may be busy at another one."""
        # ASSUMPTION (gap 8): in any order; a row that comes twice, because pages shifted meanwhile, counts once.
        rows = self._rows("/appointments", _entry, dateStart=str(first), dateEnd=str(last))
        return list({row.apt_num: row for row in rows if row.start}.values())

    def appointment(self, apt_num: str) -> Entry | None:
        """None: there is no such appointment."""
        response = self._http.read("GET", "/appointments/{AptNum}", {"AptNum": apt_num})
        if response.status_code == 404:
            return None
        _expect_success(response)
        with understanding():
            return _entry(json_object(response))

    def changes(self, after: datetime) -> list[Span]:
        """When appointments of any day were changed, each with what the office's clock said as it told so.

        `after` is by that clock too. One page: no more than `PAGE` of them.
        """
        response = self._http.read("GET", "/appointments", query={"DateTStamp": str(after)})
        _expect_success(response)
        with understanding():
            return [(_moment(row["DateTStamp"]), _moment(row["serverDateTime"])) for row in json_list(response)]

    def patients(self, last_name: str, first_name: str, birthdate: date) -> list[Row]:
        """Charts whose names contain these: more than those that are meant."""
        names: Query = {"LName": last_name, "FName": first_name, "Birthdate": str(birthdate)}
        texts = ("LName", "FName", "Birthdate", "Email", "HmPhone", "WkPhone", "WirelessPhone", "PatStatus")
        rows = self._rows("/patients/Simple", lambda row: _trimmed(row, "PatNum", texts), **names)
        return list({row["PatNum"]: row for row in rows if row}.values())

    def create_patient(self, patient: Row) -> int:
        response = self._write("POST", "/patients", patient)
        with understanding(OutcomeUnknown):
            return _number(json_object(response)["PatNum"], least=1)

    def create_appointment(self, appointment: Row) -> None:
        """Nothing is taken from the answer: the diary says what became of it, in one place for all cases."""
        self._write("POST", "/appointments", appointment)

    def update_appointment(self, apt_num: str, changes: Row) -> None:
        self._write("PUT", "/appointments/{AptNum}", changes, AptNum=apt_num)

    def break_appointment(self, apt_num: str) -> None:
        # "true": off the appointment book, and on the staff's list of what may be scheduled anew.
        response = self._write("PUT", "/appointments/{AptNum}/Break", {"sendToUnscheduledList": "true"}, AptNum=apt_num)
        if response.content.strip():  # a page about maintenance comes with 200
            raise OutcomeUnknown("an answer where none is documented")

    def _rows[T](self, path: str, read: Callable[[Row], T], **query: str | int | None) -> list[T]:
        """All pages of a list."""
        rows: list[T] = []
        while True:
            response = self._http.read("GET", path, query={**query, "Offset": len(rows) or None})
            _expect_success(response)
            with understanding():
                page = [read(row) for row in json_list(response)]
            rows += page
            if len(page) < PAGE:
                return rows
            if len(rows) > MOST_ROWS:
                raise UnexpectedResponse("a list without an end")

    def _write(self, method: str, path: str, body: Row, **values: str) -> httpx.Response:
        response = self._http.write(method, path, values, body=body)
        if response.is_error:
            raise Refused(response)
        return response


def _expect_success(response: httpx.Response) -> None:
    if response.status_code == 400:  # what we ask is in order, so it is the way into the office, or its version
        raise VendorUnavailable("status 400: the office cannot be reached, or is too old")
    if response.is_error:
        raise UnexpectedResponse(f"status {response.status_code}")


def _trimmed(row: Row, number: str, texts: Iterable[str], numbers: Iterable[str] = ()) -> Row | None:
    """The fields of a row that we use, or None where it is hidden. `number` names the row's own id."""
    if str(row.get("IsHidden")).lower() == "true":
        return None
    trimmed: Row = {number: _number(row[number], least=1)}
    trimmed |= {name: _text(row.get(name)) for name in texts}
    return trimmed | {name: _number(row.get(name) or 0) for name in numbers}


def _schedule(row: Row) -> Row | None:
    """None: of a kind that we do not use, whatever else it says."""
    kind = _text(row["SchedType"]).lower()
    if kind not in ("practice", "provider", "blockout"):
        return None
    chairs = [_number(chair, least=1) for chair in _text(row.get("operatories")).split(",") if chair.strip()]
    day = date.fromisoformat(row["SchedDate"][:10])
    return {
        "SchedType": kind,
        "SchedDate": str(day),
        "StartTime": str(time.fromisoformat(row["StartTime"])),
        "StopTime": str(time.fromisoformat(row["StopTime"])),
        "ProvNum": _number(row.get("ProvNum") or 0),
        "blockout": [_text(row.get("BlockoutType")), _text(row.get("blockoutType")).casefold()],
        "operatories": chairs,
    }


def _entry(row: Row) -> Entry:
    entry = Entry(_number(row["AptNum"], least=1), _text(row["AptStatus"]).lower())
    if entry.status not in OCCUPYING:
        return entry
    start = _moment(row["AptDateTime"])
    if start.year == 1:  # the vendor's way to say that there is no time
        return entry
    return replace(
        entry,
        start=start,
        length=CELL * len(_text(row["Pattern"]) or DEFAULT_PATTERN),
        op=_number(row["Op"]),
        prov_num=_number(row["ProvNum"]),
        prov_hyg=_number(row.get("ProvHyg") or 0),
        clinic_num=_number(row.get("ClinicNum") or 0),
        note=_text(row.get("Note")),
    )


def _number(value: object, least: int = 0) -> int:
    """A number, which may come as 2 or as "2"."""
    if isinstance(value, bool) or not isinstance(value, int | str) or int(value) < least:
        raise ValueError("a number was expected")
    return int(value)


def _moment(text: str) -> datetime:
    """The office's wall clock. Raises for a text with a T or an offset: whoever sends that means something else."""
    moment = datetime.fromisoformat(text)
    if str(moment) != text or moment.tzinfo:
        raise ValueError("a local time was expected")
    return moment


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


# --- In our words ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a slot's id says."""

    start: str
    prov_num: int
    op: int
    clinic_num: int
    pattern: str

    @property
    def id(self) -> str:
        return ",".join(map(str, (self.start, self.prov_num, self.op, self.clinic_num, self.pattern)))

    @classmethod
    def of(cls, slot_id: str) -> "Wanted":
        """One of another making is no time of this vendor: `SlotTaken`."""
        form = r"(\d{4}-\d\d-\d\d \d\d:\d\d:00),([1-9]\d*),([1-9]\d*),(0|[1-9]\d*),([X/]{1,108})"
        parts = re.fullmatch(form, slot_id, re.ASCII)
        try:
            if parts is None:
                raise ValueError("of another form")
            _moment(parts[1])
        except ValueError:
            raise SlotTaken("not a time of this vendor") from None
        return cls(parts[1], int(parts[2]), int(parts[3]), int(parts[4]), parts[5])

    @property
    def day(self) -> date:
        return date.fromisoformat(self.start[:10])

    @property
    def place(self) -> Row:
        """When, where and with whom, as it is sent."""
        place = {"AptDateTime": self.start, "Op": self.op, "ProvNum": self.prov_num}
        return place | ({"ClinicNum": self.clinic_num} if self.clinic_num else {})

    def entry(self, apt_num: int = 0) -> Entry:
        length = CELL * len(self.pattern)
        return Entry(apt_num, "scheduled", _moment(self.start), length, self.op, self.prov_num)

    def is_met_by(self, entry: Entry, reference: str) -> bool:
        """Whether an appointment is the one we sent for this time. The Note may hold words of the staff as well."""
        if entry.status != "scheduled" or (entry.op, entry.prov_num) != (self.op, self.prov_num):
            return False
        named = re.search(rf"(?<![\w-]){re.escape(reference)}(?![\w-])", entry.note)
        return named is not None and entry.start == self.entry().start


def _now() -> datetime:
    return datetime.now(UTC)


class OpenDental(Vendor):
    name = "Open Dental"
    Connection = Connection
    capabilities = Capabilities(
        cancel=True,
        move=True,
        carries_reference=True,
        list_by_patient=True,
        charts=True,
        standing=True,
        changed=True,
    )

    def __init__(self, connection: Any, context: Context, clock: Callable[[], datetime] = _now) -> None:
        self._client = OpenDentalClient(connection, context)
        self._zone = context.timezone
        self._clock = clock
        self._store = context.store
        self._unnamed = Clinic("0", context.clinic_name or context.practice, context.clinic_address)
        office = hashlib.sha256(f"{connection.base_url} {connection.customer_key}".encode()).hexdigest()[:12]
        self._prefix = f"open_dental {office}"
        self._memory: dict[str, Any] = {}

    def asks(self) -> tuple[Asked, ...]:
        # ASSUMPTION (gap 7): these lengths.
        return (
            Asked(Field.FIRST_NAME, max_length=100),
            Asked(Field.LAST_NAME, max_length=100),
            Asked(Field.BIRTH_DATE, max_length=10),
            Asked(Field.EMAIL, max_length=100),
            Asked(Field.PHONE, max_length=30),
        )

    # --- The catalogue, remembered in pieces: a reading that ran out of time goes on where it ended

    def services(self, language: str) -> list[Service]:
        """In the office's own words. Nothing ties a type to a clinic or a provider, so each is offered by all."""
        offers = []
        for clinic in self._clinics():
            team = self._team(int(clinic.id))
            # Somebody allowed at a clinic need not work there. Where nobody does, "no times" says it better.
            here = [provider for provider in team if clinic.id in self._roster().get(provider.id, ())] or team
            if here:
                offers.append(Offer(clinic, tuple(here), ProviderChoice.OPTIONAL))
        return [
            Service(id, row["AppointmentTypeName"], minutes=5 * len(row["Pattern"]), offers=tuple(offers))
            for id, row in self._types().items()
        ]

    def _clinics(self) -> list[Clinic]:
        rows = self._kept("clinics", CATALOGUE_KEPT, self._client.clinics)
        if not rows:
            self.capabilities = replace(self.capabilities, clinics=False)
            return [self._unnamed]
        return [
            Clinic(str(row["ClinicNum"]), row["Description"] or self._unnamed.name, _address(row), _phone(row["Phone"]))
            for row in rows
        ]

    def _team(self, clinic_num: int) -> list[Provider]:
        """Who may work at a clinic."""
        rows = self._kept(f"providers {clinic_num}", CATALOGUE_KEPT, lambda: self._client.providers(clinic_num))
        named = ((row, f"{row['FName']} {row['LName']}".strip()) for row in rows)
        return [Provider(str(row["ProvNum"]), name or row["Abbr"], row["Suffix"]) for row, name in named]

    def _roster(self) -> dict[str, list[str]]:
        """The clinics at which somebody has working hours in the coming weeks, by provider."""

        def read() -> dict[str, list[str]]:
            today = self._clock().astimezone(self._zone).date()
            rows = self._client.schedules(today, today + ROSTER, "Provider")
            places: dict[str, set[str]] = defaultdict(set)
            chairs = {chair["OperatoryNum"]: str(chair["ClinicNum"]) for chair in self._chairs()}
            for provider, chair, _span in self._hours(rows):
                places[str(provider)].add(chairs[chair])
            return {provider: sorted(clinics) for provider, clinics in places.items()}

        roster: dict[str, list[str]] = self._kept("roster", CATALOGUE_KEPT, read)
        return roster

    def _chairs(self) -> list[Row]:
        """Chairs that are not hidden, in the office's order. Where clinics are not used, none has one."""
        chairs: list[Row] = self._kept("chairs", CATALOGUE_KEPT, self._client.operatories)
        if self._clinics() == [self._unnamed]:
            return [{**chair, "ClinicNum": 0} for chair in chairs]
        return chairs

    def _types(self) -> dict[str, Row]:
        """The services by id. A type without a Pattern has no length, so it cannot be booked."""
        rows = self._kept("types", CATALOGUE_KEPT, self._client.appointment_types)
        cut = [{**row, "Pattern": row["Pattern"].upper()[:LONGEST_PATTERN]} for row in rows]
        return {str(row["AppointmentTypeNum"]): row for row in cut if re.fullmatch("[X/]+", row["Pattern"])}

    def _increment(self) -> timedelta:
        """What the office's starts are multiples of, counted from midnight."""
        value = self._kept("increment", CATALOGUE_KEPT, lambda: self._client.preference("AppointmentTimeIncrement"))
        usable = value is not None and value.isdigit() and int(value) in (5, 10, 15, 20, 30, 60)
        return timedelta(minutes=int(value) if usable else USUAL_INCREMENT)

    def _kept(self, name: str, seconds: float, read: Callable[[], Any]) -> Any:
        """What was read lately by any process, or is read now. Nothing about patients is kept."""
        if name not in self._memory:
            kept = self._store.get(f"{self._prefix} {name}")
            if kept is None:
                kept = json.dumps(read())
                self._store.put(f"{self._prefix} {name}", kept, seconds)
            self._memory[name] = json.loads(kept)
        return self._memory[name]

    # --- Times

    def window(self, day: date) -> tuple[date, date]:
        """A week from that day: one page of Schedules, and of Appointments one page for each hundred."""
        return day, day + timedelta(days=6)

    def slots(self, search: Search) -> list[Slot]:
        """Past ones are left out. Costs a reading of Appointments, and of what is not remembered."""
        service = self._types().get(search.service_id)
        now = self._clock().astimezone(self._zone)
        first = max(search.first, now.date())
        places = [clinic.id for clinic in self._clinics() if search.clinic_id in (None, clinic.id)]
        if service is None or not places or search.last < first:
            return []
        offered = {
            (clinic, int(provider.id))
            for clinic in places
            for provider in self._team(int(clinic))
            if search.provider_id in (None, provider.id)
        }
        if not offered:
            return []
        free = self._free(service, offered, self._schedules(first, search.last))
        listed = self._listed(service["Pattern"], free, search.every_chair)
        found = [slot for slot in listed if slot.start > now]
        return sorted(found, key=lambda slot: (slot.start, int(slot.clinic_id), int(slot.provider_id or 0)))

    def _free(
        self, service: Row, offered: set[tuple[str, int]], schedules: list[Row]
    ) -> dict[tuple[str, int, int], list[Span]]:
        """The free stretches by clinic, provider and chair."""
        # ASSUMPTION (gap 4): the rules of this method and of `_hours` are ours; the vendor describes the fields only.
        clinic_of = {chair["OperatoryNum"]: str(chair["ClinicNum"]) for chair in self._chairs()}
        hours: dict[tuple[str, int, int], list[Span]] = defaultdict(list)
        for provider, op, span in self._hours(schedules):
            if (clinic_of[op], provider) in offered:
                hours[clinic_of[op], provider, op].append(span)
        if not hours:
            return {}
        inside = {name.strip().casefold() for name in service["BlockoutTypes"].split(",")} - {""}
        reserved: dict[int, list[Span]] = defaultdict(list)
        busy: dict[str, list[Span]] = defaultdict(list)
        for row in schedules:
            if row["SchedType"] == "blockout" and _span(row)[0] < _span(row)[1]:
                for op in row["operatories"] or clinic_of:
                    if inside & set(row["blockout"]):
                        reserved[op].append(_span(row))
                    else:
                        busy[f"op/{op}"].append(_span(row))
        days = [start.date() for spans in hours.values() for start, _end in spans]
        for entry in self._client.appointments(min(days), max(days)):
            for name in entry.takes:
                busy[name].append(entry.span)
        free = {}
        for (clinic, provider, op), spans in hours.items():
            open_spans = _joined(spans)
            if inside:
                open_spans = _common(open_spans, _joined(reserved[op]))
            free[clinic, provider, op] = _without(open_spans, busy[f"op/{op}"] + busy[f"prov/{provider}"])
        return free

    def _hours(self, schedules: list[Row]) -> Iterator[tuple[int, int, Span]]:
        """Who works at which chair, and when."""
        midnight = ["00:00:00", "00:00:00"]
        closed = {
            row["SchedDate"]
            for row in schedules
            if row["SchedType"] == "practice" and [row["StartTime"], row["StopTime"]] == midnight
        }
        chairs = {chair["OperatoryNum"]: (chair["ProvDentist"], chair["ProvHygienist"]) for chair in self._chairs()}
        for row in schedules:
            provider, span = row["ProvNum"], _span(row)
            if row["SchedType"] == "provider" and provider and row["SchedDate"] not in closed and span[0] < span[1]:
                for op, own in chairs.items():
                    if op in row["operatories"] or (not row["operatories"] and provider in own):
                        yield provider, op, span

    def _listed(self, pattern: str, free: dict[tuple[str, int, int], list[Span]], every_chair: bool) -> Iterator[Slot]:
        """A start once per clinic and provider, at the first chair that is free for the whole length; or at each."""
        length, step = CELL * len(pattern), self._increment()
        chairs: dict[str, dict[int, Row]] = defaultdict(dict)
        for chair in self._chairs():
            chairs[str(chair["ClinicNum"])][chair["OperatoryNum"]] = chair

        def preference(place: tuple[str, int, int]) -> tuple[int, int]:
            clinic, provider, op = place
            whose = [chairs[clinic][op]["ProvDentist"], chairs[clinic][op]["ProvHygienist"]]
            if chairs[clinic][op]["IsHygiene"].lower() == "true":
                whose.reverse()
            strangeness = [*whose, provider].index(provider)
            return strangeness, (list(chairs[clinic]).index(op) + provider) % len(chairs[clinic])

        seen = set()
        for clinic, provider, op in sorted(free, key=preference):
            for span in free[clinic, provider, op]:
                for start in _starts(span, length, step):
                    if every_chair or (clinic, provider, start) not in seen:
                        seen.add((clinic, provider, start))
                        yield from self._slot(Wanted(str(start), provider, op, int(clinic), pattern))

    def _slot(self, wanted: Wanted) -> Iterator[Slot]:
        """None for a time that the clocks skip. The length is counted on the wall clock."""
        start, end = (local(naive, self._zone) for naive in wanted.entry().span)
        if start and end:
            occupies = (f"op/{wanted.op}", f"prov/{wanted.prov_num}")
            yield Slot(wanted.id, start, end, str(wanted.clinic_num), str(wanted.prov_num), occupies)

    def _schedules(self, first: date, last: date) -> list[Row]:
        """The rows of these days. Each day is remembered by itself, so one that is read again costs nothing."""
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        kept = {day: self._store.get(f"{self._prefix} day {day}") for day in days}
        missing = [day for day in days if kept[day] is None]
        if missing:
            rows = self._client.schedules(missing[0], missing[-1])
            for day in missing:
                kept[day] = json.dumps([row for row in rows if row["SchedDate"] == str(day)])
                self._store.put(f"{self._prefix} day {day}", kept[day] or "", SCHEDULES_KEPT)
        return [row for day in days for row in json.loads(kept[day] or "[]")]

    def slot_of(self, slot_id: str) -> Slot | None:
        try:
            return next(self._slot(Wanted.of(slot_id)), None)
        except SlotTaken:
            return None

    # --- The booking

    def book(self, request: BookingRequest) -> Appointment:
        wanted = Wanted.of(request.slot.id)
        if not re.fullmatch("[1-9][0-9]*", request.service_id):
            raise SlotTaken("not a service of this vendor")
        pat_num, is_new = self._chart(request.patient, wanted.clinic_num)
        # ASSUMPTION (gap 3): times outside working hours would be accepted. A slot is within them as of its reading.
        appointment = {
            "PatNum": pat_num,
            **wanted.place,
            "AppointmentTypeNum": int(request.service_id),
            "Pattern": wanted.pattern,
            "AptStatus": "Scheduled",
            "IsNewPatient": "true" if is_new else "false",
            "Note": f"Booked online, reference {request.reference}",
        }
        try:
            refusal = self._send(appointment)
        except VendorUnavailable as error:
            there = self._waited(error, wanted, request)
            if there:
                return there
            refusal = self._send(appointment)
        # ASSUMPTION (gap 1): a taken time may be refused or booked twice. The diary tells, in either case.
        try:
            standing, lost, others = self._look(wanted, request)
        except VendorError as error:
            raise OutcomeUnknown("the diary could not be read afterwards") from error
        if standing:
            return self._appointment(standing[0])
        if lost:
            raise SlotTaken("another appointment was first") from refusal
        if refusal is None:
            raise OutcomeUnknown("accepted, and not in the diary")
        if any(wanted.entry().collides(other) for other in others):
            raise SlotTaken from refusal
        raise self._reason(request) from refusal

    def _send(self, appointment: Row) -> Refused | None:
        """The refusal, if it was refused."""
        try:
            self._client.create_appointment(appointment)
        except Refused as refusal:
            return refusal
        return None

    def _waited(self, error: VendorUnavailable, wanted: Wanted, request: BookingRequest) -> Appointment | None:
        """After a 429, when its pause is over and it may be sent again: None, or the booking that stands all the same.

        Raises the error where it is no 429, or where there is no time to wait, look, send and look again.
        """
        if error.status != 429 or error.retry_after is None or not self._client.has_time_for(3, error.retry_after):
            raise error
        sleep(error.retry_after)
        standing, lost, others = self._look(wanted, request)
        if standing:
            return self._appointment(standing[0])
        if lost or any(wanted.entry().collides(other) for other in others):
            raise SlotTaken from error
        return None

    def _reason(self, request: BookingRequest) -> VendorError:
        """For a refusal, when nobody is there: whether the time is still on offer decides.

        Chairs, hours and appointments are read anew. A call takes a second, so the rest is what is remembered.
        """
        slot, day = request.slot, Wanted.of(request.slot.id).day
        self._memory.pop("chairs", None)
        for name in ("chairs", f"day {day}"):
            self._store.forget(f"{self._prefix} {name}")
        offered = self.slots(Search(request.service_id, day, day, slot.clinic_id, slot.provider_id, every_chair=True))
        if slot.id not in {other.id for other in offered}:
            return SlotTaken("not offered any more")
        return UnexpectedResponse("a booking of a free time was refused")

    def find(self, request: BookingRequest) -> list[Appointment]:
        """By start, chair, provider and our reference, among all of the day's: the chart may have been merged since.

        One that came second to another appointment on its time is withdrawn here too, and counts as not there.
        """
        standing, _lost, _others = self._look(Wanted.of(request.slot.id), request)
        return [self._appointment(entry) for entry in standing]

    def _look(self, wanted: Wanted, request: BookingRequest) -> tuple[list[Entry], list[Entry], list[Entry]]:
        """What stands of this booking, what came second to somebody else's and was withdrawn, and everybody else's."""
        rows = self._client.appointments(wanted.day, wanted.day)
        ours = [row for row in rows if wanted.is_met_by(row, request.reference)]
        others = [row for row in rows if row not in ours]
        lost = [row for row in ours if any(other.apt_num < row.apt_num and other.collides(row) for other in others)]
        for row in lost:
            self.cancel(str(row.apt_num), request)
        return [row for row in ours if row not in lost], lost, others

    def standing(self, appointment_id: str, request: BookingRequest) -> Appointment | None:
        """By its number. One that was broken, or put on the staff's list of what may be scheduled anew, is None."""
        entry = self._client.appointment(appointment_id)
        if entry is None:
            # A path that is not there is 404 too. So the day is read as well, by a path that ends before the number.
            day = request.slot.start.astimezone(self._zone).date()
            if appointment_id in {str(row.apt_num) for row in self._client.appointments(day, day)}:
                raise UnexpectedResponse("an appointment of the day that is not known by its number")
            return None
        if entry.status in NOT_IN_THE_DIARY:
            return None
        if entry.start is None:
            raise UnexpectedResponse("an appointment without a time, or of an unknown status")
        return self._appointment(entry)

    def changed(self, since: datetime) -> bool:
        """One call. One that was deleted is not noticed, and neither are working hours and blockouts.

        The office's clock need not agree with ours: how old a change is, is told by that clock alone.
        """
        wall_clock = since.astimezone(self._zone).replace(microsecond=0, tzinfo=None)
        changes = self._client.changes(wall_clock - CLOCKS_APART)
        so_long = self._clock() - since + STAMP_MARGIN
        return len(changes) >= PAGE or any(_age(*change, self._zone) <= so_long for change in changes)

    def cancel(self, appointment_id: str, request: BookingRequest) -> None:
        try:
            self._client.break_appointment(appointment_id)
        except (Refused, OutcomeUnknown) as error:
            entry = self._stands(appointment_id)
            if entry and entry.status in OCCUPYING:
                if isinstance(error, OutcomeUnknown):
                    raise
                raise UnexpectedResponse("an appointment that stands could not be broken") from error
        # ASSUMPTION (gap 5): it is UnschedList now, without chair and time, or at least no longer occupies them.

    def move(self, appointment_id: str, request: BookingRequest) -> Appointment:
        """It keeps its AptNum, Note and length, also where the staff changed that."""
        wanted = Wanted.of(request.slot.id)
        before = self._client.appointment(appointment_id)
        if before is None or before.status != "scheduled" or before.start is None:
            raise UnexpectedResponse("the appointment is not scheduled any more")
        there = replace(wanted.entry(before.apt_num), length=before.length, prov_hyg=before.prov_hyg)
        if self._rivals(there)[1]:
            raise SlotTaken
        failure: Exception | None = None
        try:
            self._client.update_appointment(appointment_id, wanted.place)
        except (Refused, OutcomeUnknown) as error:
            failure = error
        try:
            now, rivals = self._rivals(there)
        except VendorError as error:
            raise OutcomeUnknown("the diary could not be read afterwards") from error
        arrived = now is not None and (now.start, now.op, now.prov_num) == (there.start, there.op, there.prov_num)
        if now and arrived and not rivals:
            return self._appointment(now)
        if arrived:
            self._put_back(before)
            raise SlotTaken("another appointment was first")
        if not isinstance(failure, Refused):
            raise OutcomeUnknown("not seen at its new time") from failure
        if rivals:
            raise SlotTaken from failure
        raise UnexpectedResponse("a move to a free time was refused") from failure

    def _rivals(self, there: Entry) -> tuple[Entry | None, list[Entry]]:
        """This appointment if it is on the target's day, and the others that are in its way there."""
        if there.start is None:
            raise ValueError("a target without a time")
        rows = self._client.appointments(there.start.date(), there.start.date())
        own = next((row for row in rows if row.apt_num == there.apt_num), None)
        return own, [row for row in rows if row.apt_num != there.apt_num and row.collides(there)]

    def _put_back(self, before: Entry) -> None:
        place: Row = {"AptDateTime": str(before.span[0]), "Op": before.op, "ProvNum": before.prov_num}
        try:
            number = {"ClinicNum": before.clinic_num} if before.clinic_num else {}
            self._client.update_appointment(str(before.apt_num), place | number)
        except (Refused, VendorError) as error:
            raise OutcomeUnknown("moved to a taken time, and perhaps still there") from error

    def _stands(self, appointment_id: str) -> Entry | None:
        try:
            return self._client.appointment(appointment_id)
        except VendorError as error:
            raise OutcomeUnknown("could not be looked up") from error

    def _appointment(self, entry: Entry) -> Appointment:
        start, end = (local(naive, self._zone) for naive in entry.span)
        if start is None or end is None:
            raise UnexpectedResponse("an appointment at an hour that the clocks skip")
        return Appointment(str(entry.apt_num), start, end)

    # --- The patient's chart

    def _chart(self, patient: Patient, clinic_num: int) -> tuple[int, bool]:
        """The patient's PatNum, and whether the chart is new. What a refusal or no answer means, a second search tells.

        A 400 may come from the way into the office, so it is sent once more before it counts as one.
        """
        missing = [name for name in ("first_name", "last_name") if not _plain(getattr(patient, name))]
        if patient.birth_date is None:
            raise InvalidPatient(*missing, "birth_date")
        if missing:
            raise InvalidPatient(*missing)
        known = self._one_of(self._namesakes(patient, patient.birth_date), patient)
        if known is not None:
            return known, False
        chart: Row = {
            "LName": _plain(patient.last_name),
            "FName": _plain(patient.first_name),
            "Birthdate": str(patient.birth_date),
            "WirelessPhone": patient.phone,
            "Email": patient.email,
            "TxtMsgOk": "Unknown",
        }
        chart = {name: value for name, value in chart.items() if value}
        chart |= {"ClinicNum": clinic_num} if clinic_num else {}
        for tries_left in (1, 0):
            try:
                return self._client.create_patient(chart), True
            except Refused as refusal:
                namesakes = self._namesakes(patient, patient.birth_date)
                known = self._one_of(namesakes, patient)
                if known is not None:
                    return known, False
                if namesakes:
                    raise UnexpectedResponse("a chart of that name is reached otherwise: for the office") from refusal
                if not tries_left:
                    # ASSUMPTION (gap 9): no chart to see, and twice refused, so it was the details; which is not said.
                    raise InvalidPatient(*(str(asked.field) for asked in self.asks())) from refusal
            except OutcomeUnknown as error:
                known = self._one_of(self._namesakes(patient, patient.birth_date), patient)
                if known is None:  # no appointment was sent, and whoever tries again searches first
                    raise VendorUnavailable("whether there is a chart now is not known") from error
                return known, True
        raise AssertionError("unreachable")

    def _namesakes(self, patient: Patient, birth_date: date) -> list[Row]:
        """The charts with this name and date of birth, of one person or several."""
        rows = self._client.patients(_plain(patient.last_name), _plain(patient.first_name), birth_date)
        name = (_folded(patient.last_name), _folded(patient.first_name))
        return [
            row
            for row in rows
            if (_folded(row["LName"]), _folded(row["FName"])) == name
            and row["Birthdate"][:10] == str(birth_date)
            and row["PatStatus"].lower() != "deleted"  # such a chart takes no appointment
        ]

    def _one_of(self, namesakes: list[Row], patient: Patient) -> int | None:
        """The one whose phone or e-mail is the patient's, and of several the only active one. Never guesses."""
        fitting = [row for row in namesakes if _is_reached_by(row, patient)]
        if len(fitting) > 1:
            fitting = [row for row in fitting if row["PatStatus"].lower() == "patient"]
            if len(fitting) != 1:
                raise UnexpectedResponse("several charts fit one patient: the office has to merge them")
        return fitting[0]["PatNum"] if fitting else None


# --- Small readings --------------------------------------------------------------------------------------------------


def _address(row: Row) -> str:
    town = f"{row['City']}, {row['State']}".strip(", ") + f" {row['Zip']}"
    return ", ".join(line for line in (row["Address"], row["Address2"], town.strip()) if line)


def _phone(text: str) -> str:
    """As people write it: the office's database has ten digits."""
    return f"({text[:3]}) {text[3:6]}-{text[6:]}" if re.fullmatch("[0-9]{10}", text) else text


APOSTROPHES = "\u2019\u2018\u02bc\u0060\u00b4\u2032\uff07"
HYPHENS = "\u2010\u2011\u2012\u2013\u2014\u2212"
PLAINER = str.maketrans(dict.fromkeys(APOSTROPHES, "'") | dict.fromkeys(HYPHENS, "-") | {"\u00ad": ""})


def _plain(name: str) -> str:
    """A name with the apostrophe and hyphen of a keyboard: phones type others, and the search would miss the chart."""
    return " ".join(unicodedata.normalize("NFC", name).translate(PLAINER).split())


def _folded(name: str) -> str:
    """For comparing: without case and accents, which charts often lack."""
    letters = unicodedata.normalize("NFKD", _plain(name))
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).casefold()


def _is_reached_by(chart: Row, patient: Patient) -> bool:
    phones = {_digits(chart[name]) for name in ("HmPhone", "WkPhone", "WirelessPhone")} - {""}
    emails = {email.casefold() for email in re.split(r"[\s,;]+", chart["Email"])} - {""}
    return _digits(patient.phone) in phones or patient.email.strip().casefold() in emails


def _digits(phone: str) -> str:
    """The last ten: charts leave out the country's code."""
    return re.sub("[^0-9]", "", phone)[-10:]


def _age(then: datetime, now: datetime, zone: ZoneInfo) -> timedelta:
    """How long it is from one wall-clock time to another. Where the clocks were changed in between: at least."""
    by_the_watch = now.replace(tzinfo=zone).astimezone(UTC) - then.replace(tzinfo=zone).astimezone(UTC)
    return min(now - then, by_the_watch)


def _span(row: Row) -> Span:
    start, stop = (datetime.fromisoformat(f"{row['SchedDate']} {row[name]}") for name in ("StartTime", "StopTime"))
    if stop.time() == time() < start.time():  # ASSUMPTION (gap 4): midnight as an end is that of the day
        stop += timedelta(days=1)
    return start, stop


def _joined(spans: list[Span]) -> list[Span]:
    """The same time in the fewest stretches, of one day each: a start must not hang on how many days were read."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1] and start.date() == joined[-1][0].date():
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _common(spans: list[Span], others: list[Span]) -> list[Span]:
    both = [(max(start, since), min(end, until)) for start, end in spans for since, until in others]
    return [(start, end) for start, end in both if start < end]


def _without(spans: list[Span], busy: list[Span]) -> list[Span]:
    for since, until in _joined(busy):
        pieces = [piece for start, end in spans for piece in ((start, min(end, since)), (max(start, until), end))]
        spans = [(start, end) for start, end in pieces if start < end]
    return spans


def _starts(span: Span, length: timedelta, step: timedelta) -> Iterator[datetime]:
    """Multiples of the step since midnight from which the length fits into the span."""
    midnight = datetime.combine(span[0].date(), time())
    start = midnight + step * -(-(span[0] - midnight) // step)
    while start + length <= span[1]:
        yield start
        start += step
