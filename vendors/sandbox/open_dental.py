"""Open Dental's far side: Lakeside Dental in Chicago, with two clinics, reached the way the vendor's cloud reaches it.

Working hours follow from a weekly plan; what others have booked by phone is the same for a date however often it is
asked. The plan reaches a year and more ahead of the clock, so it never runs dry. Times are the office's wall clock.
"""

import random
import re
import time as seconds
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from vendors.sandbox.base import Refusal, Reply, Request, Sandbox

type Row = dict[str, Any]

ZONE = ZoneInfo("America/Chicago")
DEVELOPER_KEY, CUSTOMER_KEY = "NFF6i0KrXrxDkZHt", "VzkmZEaUWOjnQX2z"
DATE_TIME = "%Y-%m-%d %H:%M:%S"
NO_TIME = "0001-01-01 00:00:00"
PAGE = 100
CELL = timedelta(minutes=5)
PLANNED = timedelta(days=400)
LINCOLN_PARK, EVANSTON = 1, 2
CHECK_UP, NEW_PATIENT, CLEANING, FILLING, EMERGENCY = 1, 2, 3, 4, 5
PATEL, OCONNOR, RUIZ, JOHANSSON = 1, 2, 3, 4
FOR_NEW_PATIENTS, FOR_EMERGENCIES, STAFF_MEETING = 271, 270, 272

PARAMETERS: dict[str, set[str]] = {
    "clinics": set(),
    "providers": {"ClinicNum", "DateTStamp"},
    "operatories": {"ClinicNum"},
    "appointment_types": set(),
    "definitions": {"Category", "includeHidden"},
    "preferences": {"PrefName"},
    "schedules": {"date", "dateStart", "dateEnd", "SchedType", "BlockoutDefNum", "ProvNum", "EmployeeNum"},
    "appointments": {
        *("PatNum", "AptStatus", "Op", "date", "dateStart", "dateEnd", "ClinicNum", "DateTStamp"),
        "AppointmentTypeNum",
    },
    "patients_simple": {
        *("LName", "FName", "Birthdate", "ClinicNum", "PatStatus", "DateTStamp", "PriProv", "Gender", "Position"),
        *("Guarantor", "SuperFamily", "EmployerNum"),
    },
    "patients": {"LName", "FName", "Birthdate", "Phone", "Email", "Address", "City", "State", "hideInactive"},
}
"""What may stand in the query of each list, besides Limit and Offset."""
WRITES = {"create_appointment", "update_appointment", "break_appointment", "create_patient", "update_patient"}
STATUSES = ("Scheduled", "Complete", "UnschedList", "Broken", "Planned", "PtNote", "PtNoteCompleted")

APPOINTMENT: dict[str, type] = {
    "PatNum": int, "Op": int, "AptDateTime": str, "ProvNum": int, "AppointmentTypeNum": int, "Pattern": str,
    "ClinicNum": int, "Note": str, "IsNewPatient": str, "AptStatus": str, "Confirmed": int, "ProvHyg": int,
    "IsHygiene": str, "Priority": str, "colorOverride": str, "PatternSecondary": str,
}  # fmt: skip
CHANGES = {**{k: v for k, v in APPOINTMENT.items() if k != "PatNum"}, "UnschedStatus": int}
PATIENT: dict[str, type] = {
    "LName": str, "FName": str, "Birthdate": str, "WirelessPhone": str, "Email": str, "ClinicNum": int,
    "TxtMsgOk": str, "Gender": str, "Address": str, "City": str, "State": str, "Zip": str, "Language": str,
    "PreferContactMethod": str,
}  # fmt: skip
NEW_PATIENT_ROW: Row = {
    "LName": "", "FName": "", "MiddleI": "", "Preferred": "", "PatStatus": "Patient", "Gender": "Unknown", "SSN": "",
    "Birthdate": "0001-01-01", "HmPhone": "", "WkPhone": "", "WirelessPhone": "", "Email": "", "ClinicNum": 0,
    "PriProv": 1, "TxtMsgOk": "Unknown", "DateFirstVisit": "0001-01-01",
}  # fmt: skip
NEW_APPOINTMENT_ROW: Row = {
    "PatNum": 0, "AptStatus": "Scheduled", "Pattern": "/XX/", "Confirmed": 19, "confirmed": "Not Called",
    "TimeLocked": "false", "Op": 0, "Note": "", "ProvNum": 0, "provAbbr": "", "ProvHyg": 0, "AptDateTime": NO_TIME,
    "NextAptNum": 0, "UnschedStatus": 0, "unschedStatus": "", "IsNewPatient": "false", "ProcDescript": "",
    "ClinicNum": 0, "IsHygiene": "false", "DateTStamp": "2026-01-02 08:30:00", "DateTimeArrived": NO_TIME,
    "DateTimeSeated": NO_TIME, "DateTimeDismissed": NO_TIME, "InsPlan1": 0, "InsPlan2": 0,
    "DateTimeAskedToArrive": NO_TIME, "colorOverride": "0,0,0", "AppointmentTypeNum": 0,
    "SecDateTEntry": "2026-01-02 08:30:00", "Priority": "Normal", "PatternSecondary": "", "ItemOrderPlanned": 0,
}  # fmt: skip
LENGTHS = {"LName": 100, "FName": 100, "Email": 100, "WirelessPhone": 30}


class OpenDentalSandbox(Sandbox):
    routes: ClassVar = (
        ("GET", "/api/v1/clinics", "clinics"),
        ("GET", "/api/v1/providers", "providers"),
        ("GET", "/api/v1/operatories", "operatories"),
        ("GET", "/api/v1/appointmenttypes", "appointment_types"),
        ("GET", "/api/v1/definitions", "definitions"),
        ("GET", "/api/v1/preferences", "preferences"),
        ("GET", "/api/v1/schedules", "schedules"),
        ("GET", "/api/v1/appointments", "list_appointments"),
        ("GET", "/api/v1/appointments/{AptNum}", "appointment"),
        ("POST", "/api/v1/appointments", "create_appointment"),
        ("PUT", "/api/v1/appointments/{AptNum}", "update_appointment"),
        ("PUT", "/api/v1/appointments/{AptNum}/Break", "break_appointment"),
        ("GET", "/api/v1/patients/Simple", "patients_simple"),
        ("GET", "/api/v1/patients", "patients"),
        ("POST", "/api/v1/patients", "create_patient"),
    )
    uses_clinics = True
    """Without: no clinic in the list, and 0 wherever one would be named."""
    visits = True
    """Others have booked too. Without: only what stands in the diary."""
    accepts_overlaps = False
    """A taken time is booked a second time without a word. Otherwise it is refused with 400."""
    throttle = False
    """Calls that come faster than one a second are answered with 429."""
    other_types = False
    """Numbers come as text where numbers are documented, and the other way round."""
    clock_is_ahead_by = timedelta(0)
    """The office's own clock, which stamps what changes, is wrong by so much."""
    ignores_case_and_accents = True
    """How names are searched for, and compared with those of a new patient."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._last_call = 0.0

    def fresh_diary(self) -> dict[str, Any]:
        return {
            "clinics": [
                _clinic(LINCOLN_PARK, "Lakeside Dental Lincoln Park", "2204 N Halsted St", "Chicago", "60614"),
                _clinic(EVANSTON, "Lakeside Dental Evanston", "815 Church St", "Evanston", "60201"),
                _clinic(3, "Lakeside Dental Oak Park (closed)", "100 Lake St", "Oak Park", "60302", hidden=True),
            ],
            "providers": [
                _provider(PATEL, "Maya", "Patel", "DDS", [LINCOLN_PARK]),
                _provider(OCONNOR, "Daniel", "O'Connor", "DMD", [LINCOLN_PARK, EVANSTON]),
                _provider(RUIZ, "Ana", "Ruiz", "RDH", [LINCOLN_PARK, EVANSTON], hygienist=True),
                _provider(JOHANSSON, "Erik", "Johansson", "DDS", [LINCOLN_PARK, EVANSTON]),  # works in one of them
                _provider(5, "Ruth", "Goldberg", "DDS", [LINCOLN_PARK], hidden=True),  # retired
            ],
            "operatories": [
                _chair(1, "Room 1", LINCOLN_PARK, PATEL),
                _chair(2, "Room 2", LINCOLN_PARK, OCONNOR),
                _chair(3, "Hygiene", LINCOLN_PARK, PATEL, RUIZ),
                _chair(4, "Church Street 1", EVANSTON, JOHANSSON),
                _chair(5, "Church Street hygiene", EVANSTON, JOHANSSON, RUIZ),
                _chair(6, "Old X-ray room", LINCOLN_PARK, PATEL, hidden=True),
            ],
            "types": [
                _type(CHECK_UP, "Check-up", "/XXXX/"),
                _type(NEW_PATIENT, "New patient exam", "//XXXXXXXX//", blockouts="New Patient"),
                _type(CLEANING, "Cleaning", "/XXXXXXXX/"),
                _type(FILLING, "Filling", "/XXXXXXXXXX/"),
                _type(EMERGENCY, "Emergency visit", "XXXX/X"),
                _type(6, "Web recall (old)", "//XX//", hidden=True),
            ],
            "definitions": [
                {"DefNum": FOR_EMERGENCIES, "ItemName": "Emergency", "Category": 25},
                {"DefNum": FOR_NEW_PATIENTS, "ItemName": "New Patient", "Category": 25},
                {"DefNum": STAFF_MEETING, "ItemName": "Staff meeting", "Category": 25},
            ],
            "preferences": {"AppointmentTimeIncrement": "10", "PracticeTitle": "Lakeside Dental"},
            "hours": {  # by provider and weekday: from, to, chairs ("": those that are the provider's)
                str(PATEL): _week("01234", ["08:00", "12:00", "1"], ["13:00", "17:00", "1"]),
                str(OCONNOR): _week("024", ["08:00", "13:00", ""], ["14:00", "17:00", ""])
                | _week("3", ["09:00", "16:00", "4"]),
                str(RUIZ): _week("012", ["08:00", "12:00", "3"], ["12:30", "16:30", "3"])
                | _week("34", ["08:00", "15:00", "5"]),
                str(JOHANSSON): _week("012", ["09:00", "12:00", "4"], ["13:00", "18:00", "4,5"]),
            },
            "blockouts": [  # weekday or date, from, to, kind, chairs ("": all)
                *([day, "11:00", "11:30", FOR_EMERGENCIES, "1"] for day in "01234"),
                *([day, "08:00", "10:00", FOR_NEW_PATIENTS, "2"] for day in "024"),
                *([day, "14:00", "16:00", FOR_NEW_PATIENTS, "4"] for day in "012"),
                ["2", "08:00", "09:00", STAFF_MEETING, ""],
            ],
            "closed": ["12-25", "01-01", "07-04"],
            "patients": [],
            "appointments": [],
            "next": 100_000_000,
        }

    # --- What every request must have

    def check(self, request: Request, operation: str) -> None:
        scheme, _, keys = request.headers.get("authorization", "").partition(" ")
        if scheme != "ODFHIR" or keys.count("/") != 1:
            raise _broken("no key in the vendor's own scheme")
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            raise _broken("no Content-Type, which is asked for on GET too")
        if keys != f"{DEVELOPER_KEY}/{CUSTOMER_KEY}":
            raise Refusal(401, "The key is not valid for this office.")
        if self.throttle:
            now, before = seconds.monotonic(), self._last_call
            self._last_call = now
            if now - before < 0.95:
                reply = Refusal(429, "Too many requests.", breach="calls faster than one a second")
                reply.reply = Reply(429, "Too many requests.", (("Retry-After", "1"),))
                raise reply
        if bool(request.content) != (operation in WRITES):
            raise _broken("a body where none belongs, or none where one does")
        self._check_query(request, operation)

    def _check_query(self, request: Request, operation: str) -> None:
        allowed = PARAMETERS.get(operation.removeprefix("list_"))
        known = set() if allowed is None else {*allowed, "Limit", "Offset"}
        if unknown := set(request.query) - known:
            raise _broken(f"unknown parameters {sorted(unknown)}")
        for name, value in request.query.items():
            numeric = name.endswith("Num") or name in ("Op", "Limit", "Offset", "PriProv", "Category")
            if numeric and not re.fullmatch("[0-9]+", value):
                raise _broken(f"{name} is no number")
            if name in ("date", "dateStart", "dateEnd", "Birthdate"):
                _date(value, name)
            if name == "DateTStamp" and not re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", value):
                raise _broken("DateTStamp is no wall-clock time")
            if value.startswith(('"', "'")):
                raise _broken(f"{name} stands in quotes")
        if not 1 <= int(request.query.get("Limit", PAGE)) <= PAGE:
            raise _broken("Limit beyond the maximum")

    # --- The catalogue

    def clinics(self, request: Request) -> Reply:
        shown = [row for row in self.diary["clinics"] if row["IsHidden"] == "false"]
        return self._page(shown if self.uses_clinics else [], request)

    def providers(self, request: Request) -> Reply:
        rows, clinic = self.diary["providers"], int(request.query.get("ClinicNum", 0))
        if "ClinicNum" in request.query:
            if not self.uses_clinics or clinic not in {row["ClinicNum"] for row in self.diary["clinics"]}:
                raise _broken("ClinicNum of no clinic")
            rows = [row for row in rows if clinic in row["clinics"] and row["IsHidden"] == "false"]
        return self._page([{k: v for k, v in row.items() if k != "clinics"} for row in rows], request)

    def operatories(self, request: Request) -> Reply:
        wanted = request.query.get("ClinicNum")
        rows = self.diary["operatories"]
        if not self.uses_clinics:
            rows = [{**row, "ClinicNum": 0} for row in rows]
        return self._page([row for row in rows if wanted in (None, str(row["ClinicNum"]))], request)

    def appointment_types(self, request: Request) -> Reply:
        return self._page(self.diary["types"], request)

    def definitions(self, request: Request) -> Reply:
        wanted = request.query.get("Category")
        return self._page([r for r in self.diary["definitions"] if wanted in (None, str(r["Category"]))], request)

    def preferences(self, request: Request) -> Reply:
        rows = enumerate(self.diary["preferences"].items(), 1)
        shown = [{"PrefNum": number, "PrefName": name, "ValueString": value} for number, (name, value) in rows]
        return self._page([r for r in shown if request.query.get("PrefName", r["PrefName"]) == r["PrefName"]], request)

    # --- Schedules and appointments

    def schedules(self, request: Request) -> Reply:
        query = request.query
        if not {"dateStart", "dateEnd"} <= set(query) and "date" not in query:
            raise _broken("schedules without days, which would be today's only")
        rows = [row for day in _days(query) for row in self._day(day)]
        wanted = [row for row in rows if query.get("SchedType", row["SchedType"]) == row["SchedType"]]
        return self._page(sorted(wanted, key=lambda row: row["StartTime"]), request, text=True)

    def _day(self, day: date) -> Iterator[Row]:
        base = day.toordinal() * 100
        names = {row["DefNum"]: row["ItemName"] for row in self.diary["definitions"]}
        if f"{day:%m-%d}" in self.diary["closed"] or str(day) in self.diary["closed"]:
            yield _schedule(base, day, "00:00", "00:00", "Practice", Note="Closed")
        yield _schedule(base + 1, day, "07:30", "17:30", "Employee", EmployeeNum=3)
        number = base + 2
        if day > self._now().date() + PLANNED:
            return
        for provider, week in self.diary["hours"].items():
            for start, stop, chairs in week.get(str(day.weekday()), []):
                yield _schedule(number, day, start, stop, "Provider", ProvNum=int(provider), operatories=chairs)
                number += 1
        for when, start, stop, kind, chairs in self.diary["blockouts"]:
            if when in (str(day.weekday()), str(day)):
                named = {"BlockoutType": kind, "blockoutType": names[kind]}
                yield _schedule(number, day, start, stop, "Blockout", **named, operatories=chairs)
                number += 1

    def list_appointments(self, request: Request) -> Reply:
        query = request.query
        if not {"date", "dateStart", "PatNum", "DateTStamp"} & set(query):
            raise _broken("all appointments of all times are asked for")
        rows = [row for row in self.diary["appointments"] if row["DateTStamp"] > query.get("DateTStamp", "")]
        if "date" in query or "dateStart" in query:
            days = _days(query)
            within = {str(day) for day in days}
            rows = [row for row in rows if row["AptDateTime"][:10] in within]
            rows += [row for day in days for row in self._visits(day)]
        for name in ("PatNum", "AptStatus", "Op", "ClinicNum", "AppointmentTypeNum"):
            rows = [row for row in rows if query.get(name, str(row[name])) == str(row[name])]
        now = self._stamp()
        shown = sorted(rows, key=lambda row: row["AptNum"] * 7919 % 10007)  # in no order that could be relied on
        return self._page([{"serverDateTime": now, **self._shown(row)} for row in shown], request)

    def _visits(self, day: date) -> list[Row]:
        """What others have booked by phone, and what came of it."""
        if not self.visits or day < date(2020, 1, 1):
            return []
        rows = [row for row in self._day(day) if row["SchedType"] == "Provider"]
        hours = tuple((row["ProvNum"], row["StartTime"], row["StopTime"], row["operatories"]) for row in rows)
        return _visits(day, hours, tuple((r["OperatoryNum"], r["ProvDentist"]) for r in self.diary["operatories"]))

    def appointment(self, request: Request) -> Reply:
        return Reply(200, {"serverDateTime": self._stamp(), **self._shown(self._known(request))})

    def _known(self, request: Request) -> Row:
        number = request.values["AptNum"]
        if not re.fullmatch("[1-9][0-9]*", number):
            raise _broken("AptNum is no number")
        row: Row | None = next((r for r in self.diary["appointments"] if r["AptNum"] == int(number)), None)
        if row is None:
            raise Refusal(404, "Appointment not found.")
        return row

    def _shown(self, row: Row) -> Row:
        shown = row if self.uses_clinics else {**row, "ClinicNum": 0}
        return _swapped(shown, ("AptNum", "PatNum", "Op", "ProvNum", "ProvHyg")) if self.other_types else shown

    def create_appointment(self, request: Request) -> Reply:
        body = _fields(request.json(), APPOINTMENT, ("PatNum", "Op", "AptDateTime"))
        if "ProvNum" not in body:
            raise _broken("no ProvNum: it would be somebody whom the patient did not choose")
        if "Pattern" not in body and "AppointmentTypeNum" not in body:
            raise _broken("neither a type nor a Pattern: it would be 20 minutes")
        if not body.get("Note"):
            raise _broken("no Note by which it could be recognised")
        self._check_appointment(body)
        if any(_same(row, body) for row in self.diary["appointments"]):
            raise _broken("sent a second time")
        kinds = {row["AppointmentTypeNum"]: row for row in self.diary["types"]}
        if body.get("AppointmentTypeNum", 0) not in {0, *kinds}:
            raise Refusal(400, "AppointmentTypeNum is invalid.")
        if body["PatNum"] not in {row["PatNum"] for row in self.diary["patients"]}:
            raise Refusal(404, "Patient not found.")
        body = {"AptStatus": "Scheduled", **body}
        self._refuse_overlap(body, body["Pattern"])
        row = self._enter(**body)
        return Reply(
            201, self._shown(row), (("location", f"https://api.opendental.com/api/v1/appointments/{row['AptNum']}"),)
        )

    def _check_appointment(self, body: Row) -> None:
        """The forms of the fields that are there, and the chairs and providers they name."""
        if "AptDateTime" in body:
            text = body["AptDateTime"]
            if not re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:00", text) or int(text[14:16]) % 5:
                raise _broken("AptDateTime is no wall-clock time on a mark of five minutes")
            if datetime.strptime(text, DATE_TIME) < self._now():  # noqa: DTZ007
                raise _broken("AptDateTime is over")
        if not re.fullmatch("[X/]{1,108}", body.get("Pattern", "X")):
            raise _broken("Pattern has other characters than X and /, or too many")
        for name in ("IsNewPatient", "IsHygiene"):
            if body.get(name, "true") not in ("true", "false"):
                raise _broken(f"{name} is neither true nor false, as text")
        if body.get("AptStatus", "Scheduled") not in STATUSES:
            raise _broken("an unknown AptStatus")
        if not self.uses_clinics and body.get("ClinicNum"):
            raise _broken("ClinicNum where clinics are not used")
        chairs = {row["OperatoryNum"]: row for row in self.diary["operatories"] if row["IsHidden"] == "false"}
        if "Op" in body and body["Op"] not in chairs:
            raise Refusal(400, "Op is invalid.")
        if self.uses_clinics and "Op" in body and body.get("ClinicNum") not in (None, chairs[body["Op"]]["ClinicNum"]):
            raise _broken("ClinicNum is not the chair's")
        people = {row["ProvNum"] for row in self.diary["providers"] if row["IsHidden"] == "false"}
        if "ProvNum" in body and body["ProvNum"] not in people:
            raise Refusal(400, "ProvNum is invalid.")

    def _refuse_overlap(self, place: Row, pattern: str, but: int = 0) -> None:
        if self.accepts_overlaps:
            return
        start = datetime.strptime(place["AptDateTime"], DATE_TIME)  # noqa: DTZ007
        end = start + CELL * len(pattern)
        for row in [*self.diary["appointments"], *self._visits(start.date())]:
            if row["AptStatus"] not in ("Scheduled", "Complete") or row["AptNum"] == but:
                continue
            since = datetime.strptime(row["AptDateTime"], DATE_TIME)  # noqa: DTZ007
            shared = row["Op"] == place["Op"] or place["ProvNum"] in (row["ProvNum"], row["ProvHyg"])
            if shared and start < since + CELL * len(row["Pattern"]) and since < end:
                raise Refusal(400, "Appointment overlaps with another one.")

    def update_appointment(self, request: Request) -> Reply:
        body, row = _fields(request.json(), CHANGES), self._known(request)
        if "Note" in body:
            raise _broken("PUT overwrites the Note of the staff")
        self._check_appointment(body)
        after = {**row, **body}
        self._refuse_overlap(after, after["Pattern"], but=row["AptNum"])
        row.update(body, DateTStamp=self._stamp())
        return Reply(200, self._shown(row))

    def break_appointment(self, request: Request) -> Reply:
        body = _fields(request.json(), {"sendToUnscheduledList": str, "breakType": str}, ("sendToUnscheduledList",))
        if body["sendToUnscheduledList"] not in ("true", "false"):
            raise _broken("sendToUnscheduledList is neither true nor false, as text")
        if "breakType" in body:
            raise _broken("breakType, which this office has not enabled")
        row = self._known(request)
        if row["AptStatus"] != "Scheduled":
            raise Refusal(400, "Only scheduled appointments can be broken.")
        if body["sendToUnscheduledList"] == "true":
            row.update(AptStatus="UnschedList", Op=0, AptDateTime=NO_TIME)
        else:
            row.update(AptStatus="Broken")
        row.update(DateTStamp=self._stamp())
        return Reply(200)

    def _enter(self, **fields: Any) -> Row:
        clinics = {row["OperatoryNum"]: row["ClinicNum"] for row in self.diary["operatories"]}
        entered = {"DateTStamp": self._stamp(), "SecDateTEntry": self._stamp()}
        row = _appointment(self.diary["next"], **{"ClinicNum": clinics.get(fields["Op"], 0), **entered, **fields})
        self.diary["next"] += 1
        self.diary["appointments"].append(row)
        return row

    def _now(self) -> datetime:
        """The office's wall clock."""
        return self.clock().astimezone(ZONE).replace(tzinfo=None) + self.clock_is_ahead_by

    def _stamp(self) -> str:
        return self._now().strftime(DATE_TIME)

    # --- Patients

    def patients_simple(self, request: Request) -> Reply:
        query = request.query
        if not query.get("LName") or not query.get("FName") or "Birthdate" not in query:
            raise _broken("more charts are asked for than can be the patient's")
        rows = [
            row
            for row in self.diary["patients"]
            if all(self._alike(query[name]) in self._alike(row[name]) for name in ("LName", "FName"))
            and row["Birthdate"] == query["Birthdate"]
        ]
        return self._page([_swapped(row, ("PatNum",)) for row in rows] if self.other_types else rows, request)

    def patients(self, request: Request) -> Reply:
        raise _broken("the Select-Patient window: a household shares its phone and e-mail")

    def create_patient(self, request: Request) -> Reply:
        body = _fields(request.json(), PATIENT, ("LName", "FName"))
        if any(len(body.get(name, "")) > most for name, most in LENGTHS.items()) or "" in body.values():
            raise _broken("a field that is empty, or longer than its column")
        _date(body.get("Birthdate", "1900-01-01"), "Birthdate")
        if body.get("TxtMsgOk", "Unknown") != "Unknown":
            raise _broken("a consent to text messages that nobody gave")
        if not self.uses_clinics and body.get("ClinicNum"):
            raise _broken("ClinicNum where clinics are not used")
        if any(self._is_same_patient(row, body) for row in self.diary["patients"]):
            raise Refusal(400, "Patient already exists.")
        row = self.add_patient(**body)
        return Reply(201, _swapped(row, ("PatNum",)) if self.other_types else row)

    def _is_same_patient(self, row: Row, body: Row) -> bool:
        names = all(self._alike(row[name]) == self._alike(body[name]) for name in ("LName", "FName"))
        mail = bool(body.get("Email")) and row["Email"].casefold() == body["Email"].casefold()
        phones = {_digits(row[name]) for name in ("HmPhone", "WkPhone", "WirelessPhone")} - {""}
        return (
            names
            and row["Birthdate"] == body.get("Birthdate")
            and (mail or _digits(body.get("WirelessPhone", "")) in phones)
        )

    def _alike(self, text: str) -> str:
        if not self.ignores_case_and_accents:
            return text.casefold()
        return text.casefold().translate(str.maketrans("áäåéèëíïñóöøúüç", "aaaeeeiinooouuc"))

    def add_patient(self, **fields: Any) -> Row:
        """A chart, as the staff or a call makes it."""
        with self.lock:
            row = {"PatNum": len(self.diary["patients"]) + 501, **NEW_PATIENT_ROW, **fields}
            self.diary["patients"].append(row)
            return row

    # --- For tests and the demo

    def practice(self, base_url: str) -> dict[str, Any]:
        dentists = [str(PATEL), str(OCONNOR), str(JOHANSSON)]
        return {
            "slug": "lakeside",
            "name": "Lakeside Dental",
            "vendor": "open_dental",
            "timezone": "America/Chicago",
            "languages": ["en"],
            "embed_origins": ["http://localhost:8080", "http://127.0.0.1:8080"],
            "phone": "+1 312 555 0142",
            "email": "hello@lakeside.example",
            "connection": {
                "base_url": f"{base_url}/api/v1",
                "developer_key": DEVELOPER_KEY,
                "customer_key": CUSTOMER_KEY,
                "seconds_between_calls": 1 if self.throttle else 0,
            },
            "service": [
                {
                    "id": str(CHECK_UP),
                    "description": {"en": "For patients who have been here before."},
                    "providers": dentists,
                },
                {
                    "id": str(NEW_PATIENT),
                    "description": {"en": "Your first visit: X-rays, an exam, and time for your questions."},
                    "providers": [str(OCONNOR), str(JOHANSSON)],
                },
                {"id": str(CLEANING), "providers": [str(RUIZ)]},
                {"id": str(FILLING), "clinics": [str(LINCOLN_PARK), str(EVANSTON)], "providers": dentists},
                {
                    "id": str(EMERGENCY),
                    "description": {"en": "Pain, swelling or a broken tooth."},
                    "clinics": [str(LINCOLN_PARK)],
                    "providers": [str(PATEL), str(OCONNOR)],
                },
            ],
        }

    def appointments(self) -> list[dict[str, Any]]:
        with self.lock:
            return [row for row in self.diary["appointments"] if row["AptStatus"] in ("Scheduled", "Complete")]

    def take_at_desk(self, slot_id: str) -> None:
        start, provider, chair, _clinic, pattern = slot_id.split(",")
        with self.lock:
            self._enter(PatNum=7, AptDateTime=start, ProvNum=int(provider), Op=int(chair), Pattern=pattern)

    def move_by_staff(self, appointment_id: str, start: datetime) -> None:
        self._change_by_staff(appointment_id, AptDateTime=start.astimezone(ZONE).strftime(DATE_TIME))

    def cancel_by_staff(self, appointment_id: str) -> None:
        self._change_by_staff(appointment_id, AptStatus="Broken")

    def delete_by_staff(self, appointment_id: str) -> None:
        with self.lock:
            rows = self.diary["appointments"]
            self.diary["appointments"] = [row for row in rows if str(row["AptNum"]) != appointment_id]

    def _change_by_staff(self, appointment_id: str, **fields: Any) -> None:
        with self.lock:
            row = next(row for row in self.diary["appointments"] if str(row["AptNum"]) == appointment_id)
            row.update(fields, DateTStamp=self._stamp())

    def _page(self, rows: list[Row], request: Request, text: bool = False) -> Reply:
        """A page of the list. `text`: this list is documented to have its numbers as text."""
        if text != self.other_types:
            rows = [{k: str(v) if type(v) is int else v for k, v in row.items()} for row in rows]
        offset = int(request.query.get("Offset", 0))
        return Reply(200, rows[offset : offset + int(request.query.get("Limit", PAGE))])


# --- Rows of the diary -----------------------------------------------------------------------------------------------


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _clinic(number: int, name: str, street: str, city: str, zip_code: str, hidden: bool = False) -> Row:
    address = {"Address": street, "Address2": "", "City": city, "State": "IL", "Zip": zip_code}
    phone = {"Phone": f"312555014{number}", "Abbr": name.split()[-1], "IsHidden": _flag(hidden)}
    return {"ClinicNum": number, "Description": name, **address, **phone}


def _provider(
    number: int,
    first: str,
    last: str,
    suffix: str,
    clinics: list[int],
    *,
    hygienist: bool = False,
    hidden: bool = False,
) -> Row:
    names = {"Abbr": last[:4].upper(), "LName": last, "FName": first, "MI": "", "Suffix": suffix, "PreferredName": ""}
    flags = {"IsSecondary": _flag(hygienist), "IsHidden": _flag(hidden), "IsNotPerson": "false"}
    rest = {"Specialty": "Hygienist" if hygienist else "General", "ProvStatus": "Active", "SSN": f"98765{number:04}"}
    return {"ProvNum": number, **names, **rest, **flags, "clinics": clinics}


def _chair(number: int, name: str, clinic: int, dentist: int, hygienist: int = 0, hidden: bool = False) -> Row:
    whose = {"ProvDentist": dentist, "ProvHygienist": hygienist, "IsHygiene": _flag(bool(hygienist))}
    rest = {"SetProspective": "false", "IsWebSched": "false", "OperatoryType": 0, "operatoryType": ""}
    shown = {"OpName": name, "Abbrev": f"OP{number}", "ItemOrder": number - 1, "IsHidden": _flag(hidden)}
    return {"OperatoryNum": number, **shown, **whose, "ClinicNum": clinic, **rest}


def _type(number: int, name: str, pattern: str, *, blockouts: str = "", hidden: bool = False) -> Row:
    codes = {"CodeStr": "", "CodeStrRequired": "", "RequiredProcCodesNeeded": 0, "BlockoutTypes": blockouts}
    shown = {"appointmentTypeColor": "93,54,220", "IsHidden": _flag(hidden), "Pattern": pattern}
    return {"AppointmentTypeNum": number, "AppointmentTypeName": name, **shown, **codes}


def _week(weekdays: str, *hours: list[str]) -> dict[str, list[list[str]]]:
    return {day: list(hours) for day in weekdays}


def _schedule(number: int, day: date, start: str, stop: str, kind: str, **fields: Any) -> Row:
    when = {"SchedDate": str(day), "StartTime": f"{start}:00", "StopTime": f"{stop}:00", "SchedType": kind}
    none = {"ProvNum": 0, "BlockoutType": 0, "blockoutType": "", "Note": "", "operatories": "", "EmployeeNum": 0}
    return {"ScheduleNum": number, **when, **none, **fields}


def _appointment(number: int, **fields: Any) -> Row:
    return {"AptNum": number, **NEW_APPOINTMENT_ROW, **fields}


@lru_cache(maxsize=2000)
def _visits(day: date, hours: tuple[tuple[int, str, str, str], ...], chairs: tuple[tuple[int, int], ...]) -> list[Row]:
    """The same for one day and plan, however often it is asked."""
    rows: list[Row] = []
    dice = random.Random(f"visits of {day}")
    for provider, opens, closes, named in hours:
        op = int(named.split(",")[0]) if named else next((op for op, dentist in chairs if dentist == provider), 0)
        start = datetime.combine(day, time.fromisoformat(opens)) + CELL * 2 * dice.randrange(6)
        while start < datetime.combine(day, time.fromisoformat(closes)) - CELL * 8:
            pattern = dice.choice(("/XXXX/", "/XXXXXX/", "//XXXX//"))
            status = dice.choice((*["Scheduled"] * 8, "Broken"))
            visit = {"PatNum": dice.randrange(1, 400), "AptStatus": status, "Pattern": pattern, "Op": op}
            when = {"ProvNum": provider, "AptDateTime": start.strftime(DATE_TIME), "Note": "Called, wants a reminder"}
            rows.append(_appointment(day.toordinal() * 100 + len(rows), **visit, **when))
            start += CELL * (len(pattern) + 2 * dice.randrange(12))
    return rows


# --- Strictness ------------------------------------------------------------------------------------------------------


def _broken(rule: str) -> Refusal:
    """Refuses what breaks the contract, and has it written down. Errors are words, here as a JSON text."""
    return Refusal(400, f"Bad request: {rule}", breach=rule)


def _fields(body: object, known: Mapping[str, type], required: tuple[str, ...] = ()) -> Row:
    """The body as an object of these fields, each of its type."""
    if not isinstance(body, dict) or not body:
        raise _broken("the body is no object, or empty")
    if unknown := set(body) - set(known):
        raise _broken(f"unknown fields {sorted(unknown)}")
    if missing := set(required) - set(body):
        raise _broken(f"missing fields {sorted(missing)}")
    for name, value in body.items():
        if type(value) is not known[name]:
            raise _broken(f"{name} is a {type(value).__name__}")
    return body


def _date(text: str, name: str) -> date:
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            raise ValueError("of another form")
        return date.fromisoformat(text)
    except ValueError:
        raise _broken(f"{name} is no date") from None


def _days(query: Mapping[str, str]) -> list[date]:
    first = _date(query.get("date") or query["dateStart"], "dateStart")
    last = _date(query.get("date") or query.get("dateEnd", ""), "dateEnd")
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _same(row: Row, body: Row) -> bool:
    return row["AptStatus"] == "Scheduled" and all(row[k] == body[k] for k in ("PatNum", "AptDateTime", "Op", "Note"))


def _digits(phone: str) -> str:
    return re.sub("[^0-9]", "", phone)[-10:]


def _swapped(row: Row, names: tuple[str, ...]) -> Row:
    return {name: str(value) if name in names else value for name, value in row.items()}
