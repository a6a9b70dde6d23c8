"""Bookio Medical, for outpatient clinics in Slovakia whose records are kept in CGM's software.

Documentation: apidocs.bookio.com/medic (1.0.4), and for lists and their pages the sister product's
apidocs.bookio.com/services. The public record is cut short: what is assumed is marked `ASSUMPTION` with the number of
the gap in the contract page, in one place each.

Bookio says              we say
-----------------------  --------------------------------------------------------------------------------------------
channel                  practice: what the token sees
facility                 clinic
calendar                 provider: one timetable, in practice a doctor or a room; its note says the specialty
service                  service, but each calendar has its own: those of one name are one of ours, known by the lowest
                         of their ids
term                     slot: a start and an end of a service
reservation              appointment
externalId               the booking's key, made into a number of 53 bits
note                     our reference, then what the patient wrote

Quirks
* There is no call for free times: they follow from a calendar's intervals, the facility's reservations and its blocked
  times. The answer to a booking decides.
* Failure may come with status 200: `success` and the error code tell, and one function reads them.
* Times are the facility's wall clock without an offset; facilities may lie in different zones.
* Capacity is how many run at one instant, over all services of a calendar. A slot's places are what its diary leaves of
  it, so that our holds protect the last one too. Our own booking may count twice for the moments after it is confirmed.
* There are no patient records: contact details stand in each reservation, and lists hold those of other patients.
* A repeated `externalId` is refused as a duplicate, so a duplicate may be our own booking.
* A postal code is a number there and loses its zeros.
* Bookio mails cancellations to the patient, with the reason that we give.

Documented and not used
* Creating, changing and ending calendars: timetables belong to the practice.
* Creating, moving and removing blocked times: one closes the whole facility, so it is no way to hold a time.
* Confirming a sync: it would overwrite the marker of the practice's record system.
* `onlyUnsynced`: for mirrors of the diary. `lastSync` of blocked times: they are read with each look at the diary. The
  status DID_NOT_COME: the practice's to set.
* What else a patient has booked: reservations are listed by mailbox, which families share.
* Changing the term to another service or calendar is not possible: see `Bookio.move`.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

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
from vendors.http import Http, Query, json_object, side_by_side, understanding

type Row = dict[str, Any]

PUBLIC_BASE_URL = Url("https://medic.bookio.com/public/api/v1")
PACE = 0.2  # ASSUMPTION (gap 11): no limit is documented; five calls a second are modest
PAGE = 100
"""Rows of a page: the most that can be asked for."""
MOST_PAGES = 200
"""Of one list: at `PACE` already longer than any look may take."""
DAY = timedelta(days=1)
CATALOGUE_KEPT = 300
"""Seconds that facilities and calendars are remembered."""
REFUSED_FOR = timedelta(minutes=5)
"""How long a time is not offered after it looked free and was refused."""
BOOKABLE = timedelta(days=366)
"""How far ahead a calendar may begin for its services to be offered: the furthest that any practice takes bookings."""
CLOCKS_APART = timedelta(minutes=5)
"""How far the vendor's clock may be from ours before a change could be missed. No answer tells its time."""
PASSED_THERE = timedelta(minutes=10)
"""Before its start, by our clock, a time that is refused as bad input is taken for passed by the vendor's."""
CONFIRMED, CANCELLED = "CONFIRMED", "CANCELLED"
REASONS = {
    "sk": "Zrušené pacientom online.",
    "cs": "Zrušeno pacientem online.",
    "en": "Cancelled online by the patient.",
}
"""What Bookio's mail says about a cancellation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    base_url: Url = PUBLIC_BASE_URL
    token: Secret

    def __post_init__(self) -> None:
        if not re.fullmatch("[!-~]+", self.token):
            raise ValueError("token must be letters, digits and punctuation without blanks, and not empty")
        if not re.fullmatch(r"https?://[^\s?#]+", self.base_url):
            raise ValueError("base_url must be an address that starts with https://")


# --- In Bookio's words -----------------------------------------------------------------------------------------------

BAD_INPUT, NOT_FOUND, NO_CAPACITY, DUPLICATE = 10, 12, 30, 40
NO_RIGHTS = (20, 403)
NO_SUCH_PATH = 404
# Every other code, such as 666 (an internal error) and 11 (a payment), says nothing about what happened.

# The wording of refusals is not documented. These are the names of the fields, in English and in Slovak.
NAMED = {
    Field.EMAIL: re.compile(r"e-?mail", re.IGNORECASE),
    Field.PHONE: re.compile(r"phone|telef", re.IGNORECASE),
    Field.LAST_NAME: re.compile(r"\bsurname\b|\bpriezvisko\b", re.IGNORECASE),
    Field.FIRST_NAME: re.compile(r"\bname\b|\bmeno\b", re.IGNORECASE),
}


class Refused(UnexpectedResponse):
    """Refused with one of the codes above: nothing happened. Of the texts, which may quote a patient, it keeps which
    of our fields they name.
    """

    def __init__(self, code: int, texts: object) -> None:
        super().__init__(f"error code {code}")
        self.code = code
        self.fields = [str(field) for field, words in NAMED.items() if words.search(str(texts))]


def _data(response: httpx.Response, unclear: type[VendorError]) -> Row:
    """What stands in the envelope. Raises `Refused`, or `unclear` where it is not known whether something was done."""
    with understanding(unclear):
        result = json_object(response)["result"]
        code = result.get("errorCode") or result.get("code")  # ASSUMPTION (gap 2)
        if result["success"] is True and response.is_success and not result.get("errorCode"):
            data = result["data"]
            if not isinstance(data, dict):
                raise TypeError("an object was expected")
            return data
        if result["success"] is not False:
            raise ValueError("neither success nor failure")
        number, texts = _number(code), result.get("errors")
    if number in NO_RIGHTS:
        raise AuthenticationFailed(f"error code {number}")
    if number in (BAD_INPUT, NOT_FOUND, NO_CAPACITY, DUPLICATE):
        raise Refused(number, texts)
    if number == NO_SUCH_PATH:
        raise UnexpectedResponse(f"error code {number}")
    raise unclear(f"error code {number}")


class BookioClient:
    """Addresses, credentials and JSON. Every call raises `Refused` besides the errors of `vendors.http`."""

    def __init__(self, connection: Connection, context: Context) -> None:
        headers = {"Authorization": f"Bearer {connection.token}"}
        self._http = Http("bookio", connection.base_url, context, headers, pace=PACE)

    # ASSUMPTION (gap 1): the paths and verbs below, but for the first two.

    def facilities(self, lang: str) -> list[Row]:
        return self._list("/facilities/cgm", "facilities", {"lang": lang})

    def calendars(self, lang: str) -> list[Row]:
        """Of all facilities, and for all days: with a date, those that begin later or end earlier would be missing."""
        return self._list("/calendars", "calendars", {"lang": lang})

    def reservations(self, lang: str, facility: int, first: date, last: date, email: str | None = None) -> list[Row]:
        """Those of these days, of any status.

        One day more is asked for on both sides: `from` is compared with the begin and `to` with the end.
        """
        days = {"from": str(first - DAY), "to": str(last + DAY)}  # ASSUMPTION (gap 9): inclusive; wide enough if not
        return self._pages(
            "/reservations", "reservations", {"lang": lang, "facilityId": facility, **days, "email": email}
        )

    def reservations_of(self, lang: str, email: str) -> list[Row]:
        return self._pages("/reservations", "reservations", {"lang": lang, "email": email})

    def reservations_from(self, lang: str, facility: int, first: date) -> list[Row]:
        """All of a facility from that day on: a page for each hundred."""
        return self._pages("/reservations", "reservations", {"lang": lang, "facilityId": facility, "from": str(first)})

    def any_changed(self, since: datetime) -> bool:
        """Whether there is a reservation, of any facility and day, that was changed since."""
        milliseconds = int(since.timestamp() * 1000)
        data = self._read("/reservations", {"lang": "en", "lastSync": milliseconds, "offset": 0, "limit": 1})
        with understanding():
            return bool(_number(data["pagination"]["total"], least=0) or data["reservations"])

    def blocked_times(self, lang: str, facility: int, first: date, last: date) -> list[Row]:
        days = {"dateFrom": str(first - DAY), "dateTo": str(last + DAY)}
        return self._pages("/blocked-times", "blockedTimes", {"lang": lang, "facilityId": facility, **days})

    def create(self, lang: str, body: Row) -> Row:
        return self._write("POST", "/reservations", lang, {}, body)

    def change_status(self, lang: str, reservation: str, body: Row) -> Row:
        return self._write("PUT", "/reservations/{reservation}/status", lang, {"reservation": reservation}, body)

    def change_term(self, lang: str, reservation: str, body: Row) -> Row:
        return self._write("PUT", "/reservations/{reservation}/term", lang, {"reservation": reservation}, body)

    def _pages(self, path: str, name: str, query: Query) -> list[Row]:
        """All rows, by their ids. Read a second time where the list changed meanwhile: a row may have slipped by.

        A page may hold fewer rows than places, or none: the total tells where the list ends.
        """
        rows: dict[int, Row] = {}
        for _ in range(2):
            totals: set[int] = set()
            offset = 0
            for _ in range(MOST_PAGES):
                data = self._read(path, {**query, "offset": offset, "limit": PAGE})
                with understanding():
                    page, pagination = data[name], data["pagination"]
                    total, step = _number(pagination["total"], least=0), _number(pagination.get("limit") or PAGE)
                    rows |= {_number(row["id"]): row for row in page}
                totals.add(total)
                offset += min(step, PAGE)
                if offset >= total:
                    break
            else:
                raise UnexpectedResponse("a list without an end")
            if len(totals) == 1:
                break
        if not rows and total:
            raise UnexpectedResponse("a list of nothing that says it is longer")
        return list(rows.values())

    def _list(self, path: str, name: str, query: Query) -> list[Row]:
        data = self._read(path, query)
        with understanding():
            return list({_number(row["id"]): row for row in data[name]}.values())

    def _read(self, path: str, query: Query) -> Row:
        return _data(self._http.read("GET", path, query=query), VendorUnavailable)

    def _write(self, method: str, path: str, lang: str, values: Row, body: Row) -> Row:
        answer = self._http.write(method, path, values, query={"lang": lang}, body=body, refusals_in_body=True)
        data = _data(answer, OutcomeUnknown)
        with understanding(OutcomeUnknown):
            reservation: Row = data["reservation"]  # ASSUMPTION (gap 5): the whole record
            _number(reservation["id"])
            return reservation


# --- Facilities, calendars and what is in a slot's id, read from Bookio's rows ---------------------------------------


@dataclass(frozen=True, slots=True)
class Facility:
    id: int
    clinic: Clinic
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Treatment:
    """A service as one calendar has it."""

    id: int
    name: str
    note: str
    length: timedelta
    capacity: int
    referral_letter: bool
    hidden: bool

    @property
    def is_offered(self) -> bool:
        return bool(not self.hidden and self.name and self.length)

    @property
    def common_name(self) -> str:
        """The same for all that are one service to patients. Receptions write a name once so and once otherwise."""
        return self.name.casefold()


@dataclass(frozen=True, slots=True)
class Interval:
    """When a calendar is open, counted from midnight, on a weekday (1 is Monday) or on one date."""

    weekday: int | None
    day: date | None
    opens: timedelta
    closes: timedelta


@dataclass(frozen=True, slots=True)
class Calendar:
    id: int
    facility: Facility
    provider: Provider
    valid_from: datetime
    valid_to: datetime
    treatments: tuple[Treatment, ...]
    intervals: tuple[Interval, ...]

    def starts(self, length: timedelta, first: date, last: date) -> Iterator[datetime]:
        """The wall-clock times at which something of this length fits into the intervals of these days."""
        # ASSUMPTION (free times, step 5): any start inside an interval is accepted; this grid is ours.
        day, last = max(first, self.valid_from.date()), min(last, self.valid_to.date())
        while day <= last:
            midnight = datetime.combine(day, time())
            for interval in self._on(day):
                start = max(midnight + interval.opens, self.valid_from)
                end = min(midnight + interval.closes, self.valid_to)
                while start + length <= end:
                    yield start
                    start += length
            day += DAY

    def _on(self, day: date) -> list[Interval]:
        # ASSUMPTION (gap 3): intervals with a date replace the weekly ones of that day.
        dated = [interval for interval in self.intervals if interval.day == day]
        return dated or [interval for interval in self.intervals if interval.weekday == day.isoweekday()]


@dataclass(frozen=True, slots=True)
class Span:
    """From one wall-clock time of a facility to another. Spans that only touch do not overlap."""

    start: datetime
    end: datetime

    def overlaps(self, other: "Span") -> bool:
        return self.start < other.end and other.start < self.end

    def instants(self, zone: ZoneInfo) -> tuple[datetime, datetime] | None:
        """With the zone attached; None where the clocks skip the start."""
        start = local(self.start, zone)
        if start is None:
            return None
        # An end that the clocks skip is counted from the start.
        return start, local(self.end, zone) or (start.astimezone(UTC) + (self.end - self.start)).astimezone(zone)


TERM = re.compile(r"([1-9]\d{0,18})~([1-9]\d{0,18})~([1-9]\d{0,18})~([\dT:-]{19})~([\dT:-]{19})~([\w/+-]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Term:
    """All that a slot's id says."""

    facility: int
    service: int
    calendar: int
    span: Span
    zone: ZoneInfo

    def __str__(self) -> str:
        times = (_wall_clock(self.span.start), _wall_clock(self.span.end))
        return "~".join((f"{self.facility}~{self.service}~{self.calendar}", *times, self.zone.key))

    @classmethod
    def of(cls, slot_id: str, otherwise: type[VendorError] = SlotTaken) -> "Term":
        """Raises `otherwise` for an id that is none of ours."""
        try:
            facility, service, calendar, start, end, zone = TERM.fullmatch(slot_id).groups()  # type: ignore[union-attr]
            return cls(int(facility), int(service), int(calendar), Span(_moment(start), _moment(end)), _zone(zone))
        except (AttributeError, ValueError, KeyError):
            raise otherwise("not a time of this vendor") from None


# --- In our words ----------------------------------------------------------------------------------------------------


def _now() -> datetime:
    return datetime.now(UTC)


class Bookio(Vendor):
    name = "Bookio Medical"
    Connection = Connection
    capabilities = Capabilities(
        refuses_taken=True,  # error 30
        cancel=True,
        move=True,
        carries_reference=True,
        note=True,
        capacity=True,
        notifies=True,
        standing=True,
        changed=True,
    )

    def __init__(self, connection: Any, context: Context, clock: Callable[[], datetime] = _now) -> None:
        self._client = BookioClient(connection, context)
        self._zone = context.timezone
        self._store = context.store
        self._clock = clock

    def asks(self) -> tuple[Asked, ...]:
        return (
            Asked(Field.FIRST_NAME),
            Asked(Field.LAST_NAME),
            Asked(Field.EMAIL, max_length=254),
            Asked(Field.PHONE, max_length=20),
            Asked(Field.NOTE, required=False, max_length=500),
        )

    # --- The catalogue

    def services(self, language: str) -> list[Service]:
        groups: dict[str, list[tuple[Calendar, Treatment]]] = {}
        for calendar in self._calendars(language, live=True):
            now = self._clock().astimezone(calendar.facility.zone).replace(tzinfo=None)
            if calendar.valid_from.date() <= now.date() + BOOKABLE and now < calendar.valid_to:
                for treatment in calendar.treatments:
                    if treatment.is_offered:
                        groups.setdefault(treatment.common_name, []).append((calendar, treatment))
        return [_service(group) for group in groups.values()]

    def _calendars(self, language: str, *, live: bool = False) -> list[Calendar]:
        """All that have not ended: as kept, or read anew where that is asked for or nothing is kept."""
        lang, key = _lang(language), _catalogue_key(language)
        kept = None if live else self._store.get(key)
        if kept:
            facilities, calendars = json.loads(kept)
        else:
            calls = [partial(self._client.facilities, lang), partial(self._client.calendars, lang)]
            facilities, calendars = side_by_side(calls)
        with understanding():
            known = {facility.id: facility for facility in (_facility(row, self._zone) for row in facilities)}
            found = [_calendar(row, known) for row in calendars if _number(row["facilityId"]) in known]
        if not kept:
            self._store.put(key, json.dumps([facilities, calendars]), CATALOGUE_KEPT)
        return found

    # --- Times

    def window(self, day: date) -> tuple[date, date]:
        """Two calendar weeks. The reservations of a longer time would often need one more page."""
        monday = day - timedelta(days=(day.toordinal() - 1) % 14)
        return monday, monday + timedelta(days=13)

    def slots(self, search: Search) -> list[Slot]:
        """Past ones are left out, and for a few minutes those that looked free and were refused."""
        try:
            return self._free(search, self._calendars(search.language))
        except Refused as refusal:
            if refusal.code != NOT_FOUND:
                raise
        return self._free(search, self._calendars(search.language, live=True))  # the facility went since

    def _free(self, search: Search, calendars: list[Calendar]) -> list[Slot]:
        now, refused = self._clock().astimezone(UTC), self._refused_lately()
        openings: list[Opening] = []
        for calendar, treatment in _wanted(search, calendars):
            first = max(search.first, now.astimezone(calendar.facility.zone).date())
            spans = [
                Span(start, start + treatment.length) for start in calendar.starts(treatment.length, first, search.last)
            ]
            slots = [(span, _slot(calendar, treatment, span)) for span in spans]
            coming = [(span, slot) for span, slot in slots if slot and slot.start > now and slot.id not in refused]
            if coming:
                openings.append((calendar, treatment, coming))
        diaries = self._diaries(_lang(search.language), openings)
        free: dict[str, Slot] = {}
        for calendar, treatment, coming in openings:
            visits, blocked = diaries[calendar.facility.id]
            # ASSUMPTION (gap 6): a calendar's services, hidden ones too, share its capacity; other calendars' do not.
            capacities = {other.id: other.capacity for other in calendar.treatments}
            running = [(span, capacities[service]) for service, span in visits if service in capacities]
            for span, slot in coming:
                # ASSUMPTION (gap 7): a blocked time closes every calendar of its facility.
                left = _places_left(span, treatment.capacity, running)
                if left > 0 and not any(span.overlaps(one) for one in blocked):
                    free[slot.id] = replace(slot, places=left)
        return sorted(free.values(), key=lambda slot: (slot.start, slot.clinic_id, slot.provider_id or ""))

    def slot_of(self, slot_id: str) -> Slot | None:
        try:
            term = Term.of(slot_id)
        except SlotTaken:
            return None
        times = term.span.instants(term.zone)
        return Slot(slot_id, *times, str(term.facility), str(term.calendar)) if times else None

    def _diaries(self, lang: str, openings: "list[Opening]") -> "dict[int, Diary]":
        """Of each facility that has an opening. Two calls for one, or more where its reservations fill pages."""
        days: dict[int, list[date]] = {}
        for calendar, _, coming in openings:
            days.setdefault(calendar.facility.id, []).extend(span.start.date() for span, _ in coming)
        rows = side_by_side(
            [
                partial(read, lang, facility, min(there), max(there))
                for facility, there in days.items()
                for read in (self._client.reservations, self._client.blocked_times)
            ]
        )
        with understanding():
            return {
                facility: (_visits(reservations), [_span(row) for row in blocked])
                for facility, reservations, blocked in zip(days, rows[::2], rows[1::2], strict=True)
            }

    def _refused_lately(self) -> dict[str, float]:
        """Slots that looked free and were not, each with the moment from which it may be offered again."""
        kept: dict[str, float] = json.loads(self._store.get("refused") or "{}")
        return {slot_id: until for slot_id, until in kept.items() if until > self._clock().timestamp()}

    def _remember_refused(self, slot_id: str) -> None:
        # ASSUMPTION (gap 10): all reservations are visible to us. Where some are not, this ends the loop of offering
        # a time, being refused it, and offering it again.
        until = (self._clock() + REFUSED_FOR).timestamp()
        kept = json.dumps({**self._refused_lately(), slot_id: until})
        self._store.put("refused", kept, REFUSED_FOR.total_seconds())

    # --- The booking

    def book(self, request: BookingRequest) -> Appointment:
        term = Term.of(request.slot.id)
        body = _body(request, term)
        try:
            row = self._client.create(_lang(request.language), body)
        except Refused as refusal:
            return self._although_refused(request, term, refusal)
        with understanding(OutcomeUnknown):
            # A reservation calls its service by another name than the request does.
            for ours, theirs in (("facilityId", "facilityId"), ("serviceId", "service")):
                if row.get(theirs) is not None and str(row[theirs]) != str(body[ours]):
                    raise ValueError("another booking")
            if row.get("externalId") is not None and not _is_ours(row, request):
                raise ValueError("another booking")
            if _moment(row["dateFrom"]) != term.span.start or row.get("status", CONFIRMED) != CONFIRMED:
                raise ValueError("another time, or not confirmed")
            return _appointment(row, term.zone)

    def _although_refused(self, request: BookingRequest, term: Term, refusal: Refused) -> Appointment:
        """The booking, if it was made before. Otherwise raises what the refusal means."""
        if refusal.code == DUPLICATE:
            # ASSUMPTION (gap 8): refused so is our own number, and another booking of the same mailbox, service and
            # start. Of the latter nothing may be told: a mailbox is not a person.
            try:
                found = self.find(request)
            except VendorError as error:
                raise OutcomeUnknown("refused as a duplicate, and could not be looked up") from error
            if found:
                return found[0]
            raise SlotTaken("another booking holds the same") from refusal
        if refusal.code == NOT_FOUND:
            self._store.forget(_catalogue_key(request.language))
            raise SlotTaken("the service or facility is gone") from refusal
        self._say_if_taken(request, term, refusal)
        if refusal.code == BAD_INPUT and refusal.fields:
            raise InvalidPatient(*refusal.fields) from refusal
        raise refusal

    def _say_if_taken(self, request: BookingRequest, term: Term, refusal: Refused) -> None:
        if refusal.code == NO_CAPACITY:
            self._remember_refused(request.slot.id)
            raise SlotTaken from refusal
        times, now = term.span.instants(term.zone), self._clock()
        if refusal.code == BAD_INPUT and (times is None or times[0] <= now):
            raise SlotTaken("the time has passed") from refusal
        if refusal.code == BAD_INPUT and not refusal.fields and times and times[0] <= now + PASSED_THERE:
            self._remember_refused(request.slot.id)
            raise SlotTaken("the time has passed by the vendor's clock") from refusal

    def find(self, request: BookingRequest) -> list[Appointment]:
        """By the number made of the booking's key, on its days. One that was cancelled is not there.

        One call, by the patient's mailbox. That it is not there is said only after all of these days were read.
        """
        term = Term.of(request.slot.id, OutcomeUnknown)
        days = term.span.start.date(), term.span.end.date()
        email = request.patient.email.strip()
        # ASSUMPTION (5.3): how Bookio compares mailboxes; and staff may have put another one.
        for mailbox in dict.fromkeys((email or None, None)):
            rows = self._client.reservations(_lang(request.language), term.facility, *days, mailbox)
            ours = [row for row in rows if _is_ours(row, request)]
            if ours:
                break
        with understanding():
            return [_appointment(row, term.zone) for row in ours if row.get("status") != CANCELLED]

    def standing(self, appointment_id: str, request: BookingRequest) -> Appointment | None:
        """One call, by the patient's mailbox. One that is not there, since staff may have put another address or the
        patient is not kept any more, is looked for among all that its facility has to come: a page for each hundred.

        Moving keeps the facility and the id, says the vendor. One that did not come still stands.
        """
        term = Term.of(request.slot.id, UnexpectedResponse)
        row = self._reservation(appointment_id, request)
        if row is None:
            today = self._clock().astimezone(term.zone).date()
            first = min(term.span.start.date(), today) - DAY
            rows = self._client.reservations_from(_lang(request.language), term.facility, first)
            with understanding():
                row = next((row for row in rows if str(_number(row["id"])) == appointment_id), None)
        with understanding():
            return None if row is None or row["status"] == CANCELLED else _appointment(row, term.zone)

    def changed(self, since: datetime) -> bool:
        """One call for all facilities. Changes of the last minutes before then count too: see `CLOCKS_APART`. Blocked
        times are not covered.
        """
        return self._client.any_changed(since - CLOCKS_APART)

    def cancel(self, appointment_id: str, request: BookingRequest) -> None:
        lang = _lang(request.language)
        body = {"status": CANCELLED, "cancellationReason": REASONS.get(lang, REASONS["en"])}
        try:
            row = self._client.change_status(lang, appointment_id, body)
        except Refused as refusal:
            if refusal.code == NOT_FOUND:
                return
            raise
        except OutcomeUnknown:
            row = self._after_the_change(appointment_id, request)
        with understanding(OutcomeUnknown):
            if str(_number(row["id"])) != appointment_id or row["status"] != CANCELLED:
                raise ValueError("not cancelled")

    def move(self, appointment_id: str, request: BookingRequest) -> Appointment:
        """Within the same service of the same calendar. To another one it raises `SlotTaken` and changes nothing:
        Bookio would look for room in the old calendar, at a time that was offered in the other.
        """
        term, lang = Term.of(request.slot.id), _lang(request.language)
        now = self._reservation(appointment_id, request)
        with understanding():
            if now is None or now["status"] != CONFIRMED:
                raise UnexpectedResponse("there is no such confirmed reservation")
            if _number(now["service"]) != term.service:
                raise SlotTaken("a time of another service or calendar")
            if _moment(now["dateFrom"]) == term.span.start:
                return _appointment(now, term.zone)
        try:
            row = self._client.change_term(lang, appointment_id, {"dateFrom": _wall_clock(term.span.start)})
        except Refused as refusal:
            self._say_if_taken(request, term, refusal)
            raise
        except OutcomeUnknown:
            row = self._after_the_change(appointment_id, request)
        with understanding(OutcomeUnknown):
            if str(_number(row["id"])) != appointment_id or _moment(row["dateFrom"]) != term.span.start:
                raise ValueError("not moved")
            return _appointment(row, term.zone)

    def _after_the_change(self, appointment_id: str, request: BookingRequest) -> Row:
        """The reservation as it stands after a change without a clear answer."""
        try:
            row = self._reservation(appointment_id, request)
        except VendorError as error:
            raise OutcomeUnknown("could not be looked up") from error
        if row is None:
            raise OutcomeUnknown("not found in the patient's mailbox")
        return row

    def _reservation(self, appointment_id: str, request: BookingRequest) -> Row | None:
        """There is no reading of one reservation, and the old day of one that moves is not known."""
        email = request.patient.email.strip()
        rows = self._client.reservations_of(_lang(request.language), email) if email else []
        with understanding():
            return next((row for row in rows if str(_number(row["id"])) == appointment_id), None)


type Opening = tuple[Calendar, Treatment, list[tuple[Span, Slot]]]
"""What a calendar could offer of a treatment, were nothing booked."""
type Visit = tuple[int, Span]
"""The service of a reservation, and when."""
type Diary = tuple[list[Visit], list[Span]]
"""Of a facility: its reservations, and its blocked times."""


def _wanted(search: Search, calendars: list[Calendar]) -> Iterator[tuple[Calendar, Treatment]]:
    offered = [(calendar, treatment) for calendar in calendars for treatment in calendar.treatments]
    offered = [(calendar, treatment) for calendar, treatment in offered if treatment.is_offered]
    names = {treatment.common_name for _, treatment in offered if str(treatment.id) == search.service_id}
    for calendar, treatment in offered:
        here = search.clinic_id in (None, str(calendar.facility.id)) and search.provider_id in (
            None,
            calendar.provider.id,
        )
        if here and treatment.common_name in names:
            yield calendar, treatment


def _places_left(wanted: Span, capacity: int, running: list[tuple[Span, int]]) -> int:
    """How many more may run beside these, each given with its own capacity, at every instant: none for less than 1."""
    beside = [(span, places) for span, places in running if span.overlaps(wanted)]
    left = capacity
    for instant in {wanted.start, *(span.start for span, _ in beside if span.start > wanted.start)}:
        places = [places for span, places in beside if span.start <= instant < span.end]
        left = min(left, min([capacity, *places]) - len(places))
    return left


def _slot(calendar: Calendar, treatment: Treatment, span: Span) -> Slot | None:
    """With the places it has while nobody is there. None where the clocks skip its start."""
    zone = calendar.facility.zone
    times = span.instants(zone)
    if times is None:
        return None
    start, end = times
    return Slot(
        id=str(Term(calendar.facility.id, treatment.id, calendar.id, span, zone)),
        start=start,
        end=end,
        clinic_id=str(calendar.facility.id),
        provider_id=calendar.provider.id,
        occupies=(f"calendar/{calendar.id}",),
        places=treatment.capacity,
    )


def _service(group: list[tuple[Calendar, Treatment]]) -> Service:
    known = min((treatment for _, treatment in group), key=lambda treatment: treatment.id)
    lengths = {treatment.length for _, treatment in group}
    facilities = {calendar.facility.id: calendar.facility for calendar, _ in group}
    there = {id: [pair for pair in group if pair[0].facility.id == id] for id in facilities}
    return Service(
        id=str(known.id),
        name=known.name,
        description=known.note,
        minutes=int(known.length.total_seconds()) // 60 if len(lengths) == 1 else None,
        offers=tuple(
            Offer(
                clinic=facility.clinic,
                providers=tuple({calendar.id: calendar.provider for calendar, _ in there[id]}.values()),
                provider_choice=ProviderChoice.OPTIONAL,
                referral_letter=any(treatment.referral_letter for _, treatment in there[id]),
            )
            for id, facility in facilities.items()
        ),
    )


def _body(request: BookingRequest, term: Term) -> Row:
    """The body of a new reservation. Raises `InvalidPatient` for a detail that Bookio would refuse."""
    patient = request.patient
    details = {
        Field.FIRST_NAME: _one_line(patient.first_name),
        Field.LAST_NAME: _one_line(patient.last_name),
        Field.EMAIL: patient.email.strip(),
        Field.PHONE: patient.phone.strip(),
    }
    wrong = [str(field) for field, value in details.items() if not value]
    if details[Field.PHONE] and not re.fullmatch(r"\+[1-9][0-9]{6,14}", details[Field.PHONE]):
        wrong.append(str(Field.PHONE))
    if wrong:
        raise InvalidPatient(*wrong)
    return {
        "name": details[Field.FIRST_NAME],
        "surname": details[Field.LAST_NAME],
        "email": details[Field.EMAIL],
        "phone": details[Field.PHONE],
        "dateFrom": _wall_clock(term.span.start),
        "locale": _lang(request.language),
        "externalId": _external_id(request.key),
        "serviceId": term.service,
        "facilityId": term.facility,
        # No limit of its length is documented.
        "note": f"Online booking {request.reference}\n{request.note.strip()}".strip(),
    }


def _external_id(key: str) -> int:
    """A positive number of 53 bits, which JavaScript does not round; always the same for a booking."""
    return _digest(key) >> 11 or 1


def _is_ours(row: Row, request: BookingRequest) -> bool:
    """Whether it carries the number of this booking. Those of older ones have 63 bits, and may have been rounded."""
    given = str(row.get("externalId"))
    if not re.fullmatch("[0-9]{1,19}", given):
        return False
    before = _digest(request.key) >> 1
    return int(given) == _external_id(request.key) or float(given) == float(before)


def _digest(key: str) -> int:
    """64 bits."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8])


def _lang(language: str) -> str:
    """Two letters, which is all that Bookio knows of languages and locales."""
    code = language[:2].lower()
    return code if re.fullmatch("[a-z]{2}", code) else "en"


def _catalogue_key(language: str) -> str:
    return f"catalogue {_lang(language)}"


# --- Rows ------------------------------------------------------------------------------------------------------------


def _facility(row: Row, practice_zone: ZoneInfo) -> Facility:
    address, contact = row.get("address") or {}, row.get("contact") or {}
    postcode = _one_line(address.get("postcode"))
    if postcode.isdigit():
        postcode = postcode.zfill(5)  # a number there, and so without its leading zero
    lines = (_one_line(address.get("street")), f"{postcode} {_one_line(address.get('city'))}".strip())
    number = _number(row["id"])
    return Facility(
        id=number,
        clinic=Clinic(
            id=str(number),
            name=_one_line(row["name"]),
            address=", ".join(line for line in lines if line),
            phone=_one_line(contact.get("phone")),
        ),
        zone=_zone(row["timeZone"]) if row.get("timeZone") else practice_zone,
    )


def _calendar(row: Row, facilities: dict[int, Facility]) -> Calendar:
    number = _number(row["id"])
    return Calendar(
        id=number,
        facility=facilities[_number(row["facilityId"])],
        provider=Provider(str(number), _one_line(row["name"]), _one_line(row.get("note"))),
        valid_from=_edge(row.get("validFrom") or "0001-01-01"),
        valid_to=_edge(row.get("validTo") or "9000-12-31", DAY),
        treatments=tuple(_treatment(service) for service in row["services"]),
        intervals=tuple(_interval(interval) for interval in row["intervals"]),
    )


def _treatment(row: Row) -> Treatment:
    return Treatment(
        id=_number(row["id"]),
        name=_one_line(row["name"]),
        note=_one_line(row.get("note")),
        length=timedelta(minutes=_number(row["duration"], least=0)),
        capacity=_number(row["capacity"], least=0),
        referral_letter=bool(row.get("referralLetter")),
        hidden=bool(row.get("hidden")),  # ASSUMPTION (gap 4): the name of the flag
    )


def _interval(row: Row) -> Interval:
    # ASSUMPTION (gap 3): this shape.
    day = date.fromisoformat(row["date"][:10]) if row.get("date") else None
    weekday = None if day else _number(row["dayOfWeek"])
    return Interval(weekday, day, _since_midnight(row["timeFrom"]), _since_midnight(row["timeTo"]))


def _visits(rows: list[Row]) -> list[Visit]:
    """Of reservations that take up time. One of no service is in no calendar."""
    live = [row for row in rows if row.get("status") != CANCELLED and row.get("service")]
    return [(_number(row["service"]), _span(row)) for row in live]


def _span(row: Row) -> Span:
    start = _moment(row["dateFrom"])
    return Span(start, _moment(row["dateTo"]) if row.get("dateTo") else start + timedelta(minutes=row["duration"]))


def _appointment(row: Row, zone: ZoneInfo) -> Appointment:
    span = _span(row)
    times = span.instants(zone)
    if times is None:
        raise ValueError("an hour that the clocks skip")
    return Appointment(str(_number(row["id"])), *times)


def _one_line(value: object) -> str:
    return "" if value is None else " ".join(unicodedata.normalize("NFC", str(value)).split())


def _number(value: object, least: int = 1) -> int:
    """One of Bookio's numbers, which might come in quotes."""
    if not isinstance(value, int | str) or not re.fullmatch("[0-9]{1,19}", str(value)) or int(value) < least:
        raise ValueError("a number was expected")
    return int(value)


def _moment(text: str) -> datetime:
    """A wall-clock time. Raises for one with an offset, a `Z` or fractions: it could not be sent back."""
    moment = datetime.fromisoformat(text)
    if len(text) != len("2018-06-29T12:00:00") or moment.tzinfo:
        raise ValueError("a wall-clock time was expected")
    return moment


def _edge(text: str, of_a_day: timedelta = timedelta()) -> datetime:
    """Of a calendar's validity: a date-time by the samples, and a date by what the page calls it."""
    return datetime.combine(date.fromisoformat(text), time()) + of_a_day if len(text) == 10 else _moment(text)


def _wall_clock(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _since_midnight(text: str) -> timedelta:
    """Of `HH:MM:SS`; 24:00:00 is the end of the day."""
    hours, minutes, seconds = (int(part) for part in text.split(":"))
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except OSError:  # the name of a folder of zones
        raise ValueError("a time zone was expected") from None
