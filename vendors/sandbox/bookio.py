"""Bookio Medical's far side: an outpatient clinic with one house in Bratislava and one in Košice.

What the contract page assumes is answered as assumed; the switches of `BookioSandbox` answer otherwise. Whether a time
is free is decided minute by minute, on purpose in another way than a client would: any start that fits is accepted.
"""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from vendors.base import local
from vendors.sandbox.base import Refusal, Reply, Request, Sandbox

type Row = dict[str, Any]

TOKEN = "bookio-sandbox-token"  # noqa: S105
ROOT = "/public/api/v1"
BRATISLAVA, KOSICE = 101, 102
FORMAT = "%Y-%m-%dT%H:%M:%S"
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
SEEDED = (-7, 60)
"""The days, counted from the first start, on which others have booked."""

STATUSES = ("CONFIRMED", "CANCELLED", "DID_NOT_COME")
DATE, NUMBER, TRUTH = r"\d{4}-\d\d-\d\d", r"[1-9]\d{0,18}", "true|false"
MOMENT, LANGUAGE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", "[a-z]{2}"
PAGES = {"offset": r"0|[1-9]\d*", "limit": r"\d|[1-9]\d|100", "facilityId": NUMBER, "lastSync": r"\d+"}
PARAMETERS: dict[str, dict[str, str]] = {
    "calendars": {"date": DATE, "facilityId": NUMBER},
    "reservations": PAGES
    | {"email": ".+", "number": ".+", "status": "|".join(STATUSES), "from": DATE, "to": DATE, "onlyUnsynced": TRUTH},
    "blocked_times": PAGES | {"dateFrom": DATE, "dateTo": DATE},
}
"""What may stand in the query beside `lang`, and in which form."""
NOT_FOR_BOOKING = {
    "create_calendar", "modify_calendar", "end_calendar", "create_blocked_time", "move_blocked_time",
    "remove_blocked_time", "confirm_sync",
}  # fmt: skip
BODIES: dict[str, tuple[dict[str, str | type], dict[str, str | type]]] = {
    "create_reservation": (
        {
            "name": r"\S(.*\S)?",
            "surname": r"\S(.*\S)?",
            "email": r"[^@\s]+@[^@\s]+\.[^@\s]+",
            "phone": r"\+[1-9]\d{6,14}",
            "dateFrom": MOMENT,
            "locale": LANGUAGE,
            "externalId": int,
            "serviceId": int,
            "facilityId": int,
        },
        {"note": r"(?s).+"},
    ),
    "change_status": ({"status": "|".join(STATUSES)}, {"cancellationReason": ".+"}),
    "change_term": ({"dateFrom": MOMENT}, {"dateTo": MOMENT}),
}
"""What a body must and may have: a number, or a text of this form."""

NAMES = ("Mária", "Ján", "Zuzana", "Peter", "Ľubica", "Štefan", "Žofia", "Ondrej")
SURNAMES = ("Nováková", "Kováč", "Ďurišová", "O’Hara-Tóth", "Čierny", "Vargová", "Ľ")


class BookioSandbox(Sandbox):
    routes: ClassVar = tuple(
        (method, ROOT + path, operation)
        for method, path, operation in (
            ("GET", "/facilities/cgm", "facilities"),
            ("GET", "/calendars", "calendars"),
            ("POST", "/calendars", "create_calendar"),
            ("PUT", "/calendars/{id}", "modify_calendar"),
            ("PUT", "/calendars/{id}/end", "end_calendar"),
            ("GET", "/reservations", "reservations"),
            ("POST", "/reservations", "create_reservation"),
            ("PUT", "/reservations/{id}/status", "change_status"),
            ("PUT", "/reservations/{id}/term", "change_term"),
            ("PUT", "/reservations/{id}/sync", "confirm_sync"),
            ("GET", "/blocked-times", "blocked_times"),
            ("POST", "/blocked-times", "create_blocked_time"),
            ("PUT", "/blocked-times/{id}/term", "move_blocked_time"),
            ("DELETE", "/blocked-times/{id}", "remove_blocked_time"),
        )
    )
    failing_status = 400
    """The HTTP status of every failure. The same envelope may come with 200."""
    code_key = "errorCode"
    """Where the error number stands: its place is not documented."""
    ids_in_quotes = False
    """Answers with texts where numbers are documented."""
    rounds_numbers = False
    """Reads and writes numbers as JavaScript does: above 2**53 their last digits are lost."""
    most_rows = 100
    """Of a page, whatever more was asked for. The answer's `limit` says so."""
    counts_hidden = False
    """Reservations that our token is not shown are in the total all the same, and their places on the pages empty."""
    between_pages: Callable[[], None] | None = None
    """Called after each page of reservations but the last: somebody else changes the diary while we read it."""

    def fresh_diary(self) -> dict[str, Any]:
        today = self.clock().astimezone(ZoneInfo("Europe/Bratislava")).date()
        diary: dict[str, Any] = {
            "facilities": [
                _facility(BRATISLAVA, "Poliklinika Pod Lipami", "Lipová 12", 82109, "Bratislava", "+421 2 5555 01 23"),
                _facility(
                    KOSICE, "Poliklinika Pod Lipami – Košice", "Južná trieda 8", 4001, "Košice", "+421 55 555 04 56"
                ),
            ],
            "calendars": _calendars(today),
            "reservations": [],
            "blocked_times": [
                _blocked(71, BRATISLAVA, today + 9 * DAY, "12:00:00", "15:30:00", "Školenie personálu"),
                _blocked(72, KOSICE, today + 16 * DAY, "07:00:00", "18:00:00", "Rekonštrukcia, nevolať p. Vargovej"),
            ],
            "next_id": 40001,
        }
        for calendar in diary["calendars"]:
            for n in range(*SEEDED):
                _fill(diary, calendar, today + n * DAY, today)
        return diary

    # --- What every request must have

    def check(self, request: Request, operation: str) -> None:
        given = request.headers.get("authorization", "")
        if not given.startswith("Bearer "):
            raise self._broken("no bearer token", 20)
        if given != f"Bearer {TOKEN}":
            raise self._refused(20, "Invalid token")
        if not re.fullmatch(LANGUAGE, request.query.get("lang", "")):
            raise self._broken("lang is missing, or not two letters")
        if operation in NOT_FOR_BOOKING:
            raise self._broken("not for a booking app", 403)
        forms = {"lang": LANGUAGE, **PARAMETERS.get(operation, {})}
        for name, value in request.query.items():
            if name not in forms:
                raise self._broken(f"unknown parameter {name}")
            if not re.fullmatch(forms[name], value):
                raise self._broken(f"{name} has another form")
        if not re.fullmatch(NUMBER, request.values.get("id", "1")):
            raise self._broken("the id in the path is no number")
        if bool(request.content) != (operation in BODIES):
            raise self._broken("a body where none belongs, or none where one does")
        if request.content and request.headers.get("content-type", "").partition(";")[0] != "application/json":
            raise self._broken("a body without its content type")

    def not_found(self, request: Request) -> Reply:
        return self._failure(404, "Not found", status=404)

    def _body(self, request: Request, operation: str) -> Row:
        required, optional = BODIES[operation]
        try:
            body = request.json()
        except ValueError:
            raise self._broken("the body is no JSON") from None
        if not isinstance(body, dict) or set(required) - set(body) or set(body) - {*required, *optional}:
            raise self._broken("the body has other fields")
        for name, value in body.items():
            form = {**required, **optional}[name]
            if name == "dateTo" and value is None:
                continue
            if form is int:
                if type(value) is not int or not 0 < value < 2**63:
                    raise self._broken(f"{name} is no positive number of 63 bits")
            elif not isinstance(value, str) or not re.fullmatch(str(form), value):
                raise self._broken(f"{name} has another form")
        return body

    # --- The envelope

    def _success(self, **data: Any) -> Reply:
        shown = _in_quotes(data) if self.ids_in_quotes else data
        return Reply(200, {"result": {"success": True, "errors": [], "data": shown}})

    def _failure(self, code: int, text: str, status: int | None = None) -> Reply:
        result = {"success": False, self.code_key: code, "errors": [text], "data": None}
        return Reply(status or self.failing_status, {"result": result})

    def _refused(self, code: int, text: str, breach: str = "") -> Refusal:
        reply = self._failure(code, text)
        return Refusal(reply.status, reply.body, breach=breach)

    def _broken(self, rule: str, code: int = 10) -> Refusal:
        """Refuses what breaks the contract, and has it written down."""
        return self._refused(code, rule, breach=rule)

    # --- Lists

    def facilities(self, request: Request) -> Reply:
        return self._success(facilities=self.diary["facilities"])

    def calendars(self, request: Request) -> Reply:
        wanted, day = request.query.get("facilityId"), request.query.get("date")
        now = self._now(self.diary["facilities"][0]).strftime(FORMAT)
        return self._success(
            calendars=[
                row
                for row in self.diary["calendars"]
                if wanted in (None, str(row["facilityId"]))
                and row["validTo"] > now
                and (day is None or row["validFrom"][:10] <= day <= row["validTo"][:10])
            ]
        )

    def reservations(self, request: Request) -> Reply:
        query = request.query
        self._facility_asked(query)
        rows = [
            row
            for row in self.diary["reservations"]
            if (self.counts_hidden or not row.get("secret"))
            and query.get("facilityId", str(row["facilityId"])) == str(row["facilityId"])
            and query.get("email", row["email"]).lower() == row["email"].lower()
            and query.get("number", row["number"]) == row["number"]
            and query.get("status", row["status"]) == row["status"]
            and query.get("from", "") <= row["dateFrom"][:10]
            and row["dateTo"][:10] <= query.get("to", "9999-12-31")
            and (query.get("onlyUnsynced") != "true" or row["externalId"] is None)
        ]
        reply = self._page("reservations", rows, query)
        page = reply.body["result"]["data"]["pagination"]
        if self.between_pages and int(page["offset"]) + int(page["limit"]) < int(page["total"]):
            self.between_pages()
        return reply

    def blocked_times(self, request: Request) -> Reply:
        query = request.query
        self._facility_asked(query)
        rows = [
            row
            for row in self.diary["blocked_times"]
            if query.get("facilityId", str(row["facilityId"])) == str(row["facilityId"])
            and query.get("dateFrom", "") <= row["dateTo"][:10]
            and row["dateFrom"][:10] <= query.get("dateTo", "9999-12-31")
        ]
        return self._page("blockedTimes", rows, query)

    def _page(self, name: str, rows: list[Row], query: dict[str, str]) -> Reply:
        offset, limit = int(query.get("offset", 0)), min(int(query.get("limit", 100)), self.most_rows)
        rows = [row for row in rows if row.get("changed", 0) > int(query.get("lastSync", -1))]
        pagination = {"total": len(rows), "offset": offset, "limit": limit}
        page = [_shown(row) for row in rows[offset : offset + limit] if not row.get("secret")]
        return self._success(**{"pagination": pagination, name: page})

    def _facility_asked(self, query: dict[str, str]) -> None:
        if "facilityId" in query and int(query["facilityId"]) not in {row["id"] for row in self.diary["facilities"]}:
            raise self._refused(12, "Facility not found")

    # --- Reservations

    def create_reservation(self, request: Request) -> Reply:
        body = self._body(request, "create_reservation")
        if body["surname"] in body["name"].split()[1:]:
            raise self._broken("the surname stands in the name too")
        if self.rounds_numbers:
            body["externalId"] = int(Decimal(repr(float(body["externalId"]))))
        calendar, service = self._service(body["serviceId"])
        if calendar["facilityId"] != body["facilityId"] or service.get("hidden"):
            raise self._refused(12, "Service not found")
        start = self._future(calendar, body["dateFrom"])
        for row in self.diary["reservations"]:
            same = (row["email"].lower(), row["service"], row["dateFrom"], row["status"]) == (
                body["email"].lower(), body["serviceId"], body["dateFrom"], "CONFIRMED",
            )  # fmt: skip
            if same or row["externalId"] == body["externalId"]:
                raise self._refused(40, "Duplicate reservation")
        end = start + service["duration"] * MINUTE
        if not self._is_free(calendar, service, start, end):
            raise self._refused(30, "There is no capacity left")
        row = _enter(self.diary, calendar["facilityId"], service, start, end, body)
        return self._changed(row)

    def change_status(self, request: Request) -> Reply:
        body = self._body(request, "change_status")
        row = self._reservation(request)
        if body["status"] == "DID_NOT_COME":
            raise self._broken("whether somebody came is the practice's decision", 403)
        if body["status"] == "CONFIRMED" and row["status"] != "CONFIRMED":
            calendar, service = self._service(row["service"])
            if not self._is_free(calendar, service, _moment(row["dateFrom"]), _moment(row["dateTo"])):
                raise self._refused(30, "There is no capacity left")
        if body["status"] == "CANCELLED" and row["status"] != "CANCELLED":
            row["cancelTime"] = self._now(self._facility(row["facilityId"])).strftime(FORMAT)
            row["cancellationReason"] = body.get("cancellationReason")
        row["status"] = body["status"]
        return self._changed(row)

    def change_term(self, request: Request) -> Reply:
        body = self._body(request, "change_term")
        row = self._reservation(request)
        if row["status"] != "CONFIRMED":
            raise self._refused(10, "The reservation is not confirmed")
        calendar, service = self._service(row["service"])
        start = self._future(calendar, body["dateFrom"])
        end = start + (_moment(row["dateTo"]) - _moment(row["dateFrom"]))
        if body.get("dateTo"):
            end = _moment(body["dateTo"])
        if not self._is_free(calendar, service, start, end, but=row):
            raise self._refused(30, "There is no capacity left")
        row |= {"dateFrom": start.strftime(FORMAT), "dateTo": end.strftime(FORMAT)}
        return self._changed(row)

    def _changed(self, row: Row) -> Reply:
        self._stamp(row)
        return self._success(reservation=_shown(row))

    def _stamp(self, row: Row) -> None:
        """What stood there from the beginning has no stamp: it was entered long ago."""
        row["changed"] = int(self.clock().timestamp() * 1000)

    def _service(self, number: int) -> tuple[Row, Row]:
        for calendar in self.diary["calendars"]:
            for service in calendar["services"]:
                if service["id"] == number:
                    return calendar, service
        raise self._refused(12, "Service not found")

    def _reservation(self, request: Request) -> Row:
        number = int(request.values["id"])
        row: Row | None = next((row for row in self.diary["reservations"] if row["id"] == number), None)
        if row is None:
            raise self._refused(12, "Reservation not found")
        return row

    def _facility(self, number: int) -> Row:
        row: Row = next(row for row in self.diary["facilities"] if row["id"] == number)
        return row

    def _now(self, facility: Row) -> datetime:
        return self.clock().astimezone(ZoneInfo(facility["timeZone"])).replace(tzinfo=None)

    def _future(self, calendar: Row, text: str) -> datetime:
        facility, start = self._facility(calendar["facilityId"]), _moment(text)
        if local(start, ZoneInfo(facility["timeZone"])) is None:
            raise self._broken("a time that the clocks skip")
        if start <= self._now(facility):
            raise self._refused(10, "dateFrom is in the past")
        return start

    # --- Free or not

    def _is_free(self, calendar: Row, service: Row, start: datetime, end: datetime, but: Row | None = None) -> bool:
        if not _is_open(calendar, start, end):
            return False
        if any(
            row["facilityId"] == calendar["facilityId"]
            and _moment(row["dateFrom"]) < end
            and start < _moment(row["dateTo"])
            for row in self.diary["blocked_times"]
        ):
            return False
        return _has_room(self.diary, calendar, service, start, end, but)

    def is_free(self, service: int, start: datetime) -> bool:
        """Whether a booking of this service at this wall-clock time would be accepted now."""
        with self.lock:
            calendar, row = self._service(service)
            zone = ZoneInfo(self._facility(calendar["facilityId"])["timeZone"])
            there = local(start, zone)
            soon = there is not None and there > self.clock()
            return bool(soon and self._is_free(calendar, row, start, start + row["duration"] * MINUTE))

    # --- For tests and the demo

    def practice(self, base_url: str) -> dict[str, Any]:
        return {
            "slug": "poliklinika-pod-lipami",
            "name": "Poliklinika Pod Lipami",
            "vendor": "bookio",
            "timezone": "Europe/Bratislava",
            "languages": ["sk", "en"],
            "embed_origins": ["http://localhost:8080", "http://127.0.0.1:8080"],
            "phone": "+421 2 5555 01 23",
            "email": "recepcia@poliklinika.example",
            "connection": {"base_url": base_url + ROOT, "token": TOKEN},
        }

    def appointments(self) -> list[dict[str, Any]]:
        with self.lock:
            return [row for row in self.diary["reservations"] if row["status"] != "CANCELLED"]

    def take_at_desk(self, slot_id: str, *, secretly: bool = False) -> None:
        """All the places that are left. `secretly`: in reservations that our token is not shown."""
        _, number, _, start, _, _ = slot_id.split("~")
        with self.lock:
            calendar, service = self._service(int(number))
            begins = _moment(start)
            ends = begins + service["duration"] * MINUTE
            while _has_room(self.diary, calendar, service, begins, ends):
                row = _enter(self.diary, calendar["facilityId"], service, begins, ends, _stranger(random.Random(start)))
                row["secret"] = secretly
                self._stamp(row)

    def reserve(self, service: int, start: str, minutes: int | None = None, **changes: Any) -> Row:
        """A reservation made at the desk, whatever else is there."""
        with self.lock:
            calendar, found = self._service(service)
            ends = _moment(start) + (minutes or found["duration"]) * MINUTE
            row = _enter(
                self.diary, calendar["facilityId"], found, _moment(start), ends, _stranger(random.Random(start))
            )
            row.update(changes)
            self._stamp(row)
            return row

    def move_by_staff(self, appointment_id: str, start: datetime) -> None:
        with self.lock:
            row = self._row(appointment_id)
            zone = ZoneInfo(self._facility(row["facilityId"])["timeZone"])
            begins, length = start.astimezone(zone), _moment(row["dateTo"]) - _moment(row["dateFrom"])
            row |= {"dateFrom": begins.strftime(FORMAT), "dateTo": (begins + length).strftime(FORMAT)}
            self._stamp(row)

    def cancel_by_staff(self, appointment_id: str) -> None:
        with self.lock:
            row = self._row(appointment_id)
            row["status"] = "CANCELLED"
            self._stamp(row)

    def delete_by_staff(self, appointment_id: str) -> None:
        with self.lock:
            self.diary["reservations"].remove(self._row(appointment_id))

    def _row(self, appointment_id: str) -> Row:
        row: Row = next(row for row in self.diary["reservations"] if str(row["id"]) == appointment_id)
        return row

    def block(self, facility: int, start: str, end: str) -> None:
        """The facility is closed in between."""
        with self.lock:
            self.diary["next_id"] += 1
            times = {"dateFrom": start, "dateTo": end, "note": "Súkromné: p. Vargová"}
            row = {"id": self.diary["next_id"], "externalId": None, "facilityId": facility, **times}
            self._stamp(row)
            self.diary["blocked_times"].append(row)


# --- Rows of the diary -----------------------------------------------------------------------------------------------


def _facility(number: int, name: str, street: str, postcode: int, city: str, phone: str) -> Row:
    country = {"name": "Slovensko", "code": "SVK"}
    gps = {"latitude": 48.15, "longitude": 17.15}
    address = {"street": street, "city": city, "postcode": postcode, "country": country, "gps": gps}
    contact = {"phone": phone, "email": "recepcia@poliklinika.example"}
    return {"id": number, "name": name, "address": address, "contact": contact, "timeZone": "Europe/Bratislava"}


def _calendars(today: date) -> list[Row]:
    monday = today + timedelta(days=7 - today.weekday())
    always = (today - 400 * DAY, today + 400 * DAY)
    mornings = [(day, "07:30:00", "12:00:00") for day in range(1, 6)]
    office = [*mornings, (1, "12:30:00", "15:30:00"), (2, "12:30:00", "15:30:00"), (3, "13:00:00", "18:00:00")]
    afternoons = [(1, "12:30:00", "18:00:00"), (3, "07:00:00", "13:00:00"), (4, "12:30:00", "18:00:00")]
    saturday, short = str(monday + timedelta(days=5)), str(monday + timedelta(days=7))
    return [
        _calendar(
            504,
            KOSICE,
            ("MUDr. Ján Šimko", "Ortopédia"),
            [
                _service(9041, "Ortopedické vyšetrenie", 20, note="Prineste si snímky, ak ich máte.", referral=True),
                _service(9042, "Kontrola po operácii", 10),
            ],
            office,
            *always,
        ),
        _calendar(
            501,
            BRATISLAVA,
            ("MUDr. Zuzana Kováčová", "Všeobecné lekárstvo"),
            [
                _service(9011, "Preventívna prehliadka", 20, note="Príďte nalačno."),
                _service(9012, "Akútne ťažkosti", 10),
                _service(9013, "Interná konzultácia", 30, hidden=True),
            ],
            office,
            *always,
        ),
        _calendar(
            502,
            BRATISLAVA,
            ("MUDr. Peter Horňák", "Všeobecné lekárstvo"),
            [_service(9021, "preventívna  prehliadka", 30), _service(9022, "Akútne ťažkosti", 10)],
            [*afternoons, (saturday, "08:00:00", "12:00:00"), (short, "16:00:00", "18:00:00")],
            *always,
        ),
        _calendar(
            503,
            BRATISLAVA,
            ("Odberová miestnosť", "Laboratórium"),
            [
                _service(9031, "Odber krvi", 10, capacity=2, note="Príďte nalačno.", referral=True),
                _service(9032, "Očkovanie proti chrípke", 10, capacity=2),
                _service(9033, "Záťažový test", 30, referral=True),
            ],
            [(day, "06:30:00", "11:30:00") for day in range(1, 6)],
            *always,
        ),
        _calendar(
            505,
            KOSICE,
            ("MUDr. Eva Bartošová", "Dermatológia"),
            [_service(9051, "Kožné vyšetrenie", 15, referral=True)],
            afternoons,
            today + 21 * DAY,
            today + 400 * DAY,
        ),
        _calendar(
            506,
            KOSICE,
            ("MUDr. Ladislav Tóth", "Interné lekárstvo"),
            [_service(9061, "Preventívna prehliadka", 20)],
            mornings,
            today - 400 * DAY,
            today + 10 * DAY,
        ),
        _calendar(
            507,
            KOSICE,
            ("Rehabilitácia", ""),
            [_service(9071, "Rehabilitačné cvičenie", 45, capacity=2)],
            [],
            *always,
        ),
    ]


def _calendar(
    number: int,
    facility: int,
    who: tuple[str, str],
    services: list[Row],
    intervals: Sequence[tuple[int | str, str, str]],
    first: date,
    last: date,
) -> Row:
    return {
        "id": number,
        "facilityId": facility,
        "name": who[0],
        "note": who[1],
        "validFrom": f"{first}T00:00:00",
        "validTo": f"{last}T23:59:59",
        "services": services,
        "intervals": [
            interval(number * 100 + n, day, opens, closes) for n, (day, opens, closes) in enumerate(intervals, 1)
        ],
    }


def interval(number: int, day: int | str, opens: str, closes: str) -> Row:
    """On a weekday, or on one date."""
    weekly = isinstance(day, int)
    which = {"dayOfWeek": day if weekly else None, "date": None if weekly else day}
    return {"id": number, **which, "timeFrom": opens, "timeTo": closes}


def _service(
    number: int,
    name: str,
    minutes: int,
    *,
    capacity: int = 1,
    note: str = "",
    referral: bool = False,
    hidden: bool | None = None,
) -> Row:
    shown = {"id": number, "name": name, "note": note, "duration": minutes, "capacity": capacity}
    return shown | {"referralLetter": referral} | ({} if hidden is None else {"hidden": hidden})


def _blocked(number: int, facility: int, day: date, opens: str, closes: str, note: str) -> Row:
    times = {"dateFrom": f"{day}T{opens}", "dateTo": f"{day}T{closes}"}
    return {"id": number, "externalId": None, "facilityId": facility, **times, "note": note}


def _enter(diary: Row, facility: int, service: Row, start: datetime, end: datetime, person: Row) -> Row:
    number: int = diary["next_id"]
    diary["next_id"] += 1
    row = {
        "id": number,
        "number": f"{number:06x}",
        "externalId": person.get("externalId"),
        "facilityId": facility,
        "service": service["id"],
        **{name: person[name] for name in ("name", "surname", "email", "phone", "locale")},
        "note": person.get("note"),
        "status": "CONFIRMED",
        "duration": int((end - start).total_seconds()) // 60,
        "created": start.strftime(FORMAT),
        "dateFrom": start.strftime(FORMAT),
        "dateTo": end.strftime(FORMAT),
        "cancelTime": None,
        "cancellationReason": None,
    }
    diary["reservations"].append(row)
    return row


def _shown(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in ("secret", "changed")}


def _stranger(dice: random.Random) -> Row:
    name, surname, digits = dice.choice(NAMES), dice.choice(SURNAMES), dice.randrange(10**6)
    mail = f"pacient{digits:06}@posta.example"
    return {"name": name, "surname": surname, "email": mail, "phone": f"+421905{digits:06}", "locale": "sk"}


def _fill(diary: Row, calendar: Row, day: date, today: date) -> None:
    """What others have booked on this day: the same whenever it is asked, about a sixth of the open time."""
    dice = random.Random(f"{day} {calendar['id']}")
    for opens, closes in _hours(calendar, day):
        start = opens
        while start < closes:
            service = dice.choice(calendar["services"])
            end = start + service["duration"] * MINUTE
            if dice.random() < 0.18 and _is_open(calendar, start, end):
                for _ in range(dice.randint(1, service["capacity"])):
                    row = _enter(diary, calendar["facilityId"], service, start, end, _stranger(dice))
                    row["status"] = dice.choices(STATUSES, (8, 2, 1 if day < today else 0))[0]
            start = end


# --- The calendar, minute by minute ----------------------------------------------------------------------------------


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _hours(calendar: Row, day: date) -> Iterator[tuple[datetime, datetime]]:
    """When it is open on this day. Intervals with a date replace the weekly ones."""
    dated = [row for row in calendar["intervals"] if row["date"] == str(day)]
    for row in dated or [row for row in calendar["intervals"] if row["dayOfWeek"] == day.isoweekday()]:
        yield _moment(f"{day}T{row['timeFrom']}"), _moment(f"{day}T{row['timeTo']}")


def _is_open(calendar: Row, start: datetime, end: datetime) -> bool:
    valid = _moment(calendar["validFrom"]) <= start and end <= _moment(calendar["validTo"])
    return valid and any(opens <= start and end <= closes for opens, closes in _hours(calendar, start.date()))


def _has_room(diary: Row, calendar: Row, service: Row, start: datetime, end: datetime, but: Row | None = None) -> bool:
    """Whether in every minute the places of all who are there, and of this one more, suffice."""
    places = {row["id"]: row["capacity"] for row in calendar["services"]}
    first, last = start.strftime(FORMAT), end.strftime(FORMAT)
    there = [
        (_moment(row["dateFrom"]), _moment(row["dateTo"]), places[row["service"]])
        for row in diary["reservations"]
        if row["service"] in places and row["dateFrom"] < last and first < row["dateTo"]
        if row["status"] != "CANCELLED" and row is not but
    ]
    minute = start
    while minute < end:
        beside = [capacity for begins, ends, capacity in there if begins <= minute < ends]
        if len(beside) >= min([service["capacity"], *beside]):
            return False
        minute += MINUTE
    return True


def _in_quotes(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _in_quotes(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_in_quotes(item) for item in value]
    return str(value) if type(value) is int else value
