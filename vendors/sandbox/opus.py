"""Opus Dental's far side: a practice in Stockholm with two clinics, and the hosted timebook in front of it.

Free times follow from weekly hours, the clinicians' other visits (the same for a date however often it is asked) and
what was booked here. They reach ten weeks ahead of the clock, so they never run dry.
"""

import random
import re
from calendar import monthrange
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from itertools import product
from typing import Any, ClassVar
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from vendors.sandbox.base import Refusal, Reply, Request, Sandbox

type Row = dict[str, Any]

ZONE = ZoneInfo("Europe/Stockholm")
API_KEY = "opus-sandbox-key"
PUBLISHED = timedelta(weeks=10)
STEP = timedelta(minutes=15)
FORMAT = "%Y-%m-%dT%H:%M:%S"

CITY = "17-a9ffb031-417f-4169-810a-cfd0d00adc7d"
SOLNA = "23-5be1c0d4-92e6-4b1d-8f0a-6c2f7e9ab514"

OFFICE = {"0": "08:00-17:00", "1": "08:00-17:00", "2": "08:00-17:00", "3": "10:00-19:00", "4": "08:00-15:00"}
HALF = {"0": "08:00-13:00", "2": "12:00-19:00", "4": "08:00-13:00"}

PARAMETERS = {
    "treatments": ((), ("clinicID", "clinicianID")),
    "clinics": ((), ("clinicianID", "treatmentID", "onlyWithFreeTimes")),
    "clinic": ((), ()),
    "clinicians": ((), ("clinicID", "treatmentID", "onlyWithFreeTimes")),
    "timeslots": ((), ("year", "month", "startingFromDateTime", "treatmentID", "clinicID", "clinicianID")),
    "patient": (("year", "month", "day", "extradigits"), ()),
    "create_patient": (("clinicID", "clinicianID"), ()),
    "bookings": (("year", "month", "day", "extradigits"), ()),
    "book": ((), ()),
    "change_booking": (("bookingID", "clinicID"), ()),
}
"""What may stand in the query of each operation: required, optional."""
NUMBERS = {"clinicianID", "treatmentID", "bookingID", "year", "month", "day", "extradigits"}
WITH_BODY = {"create_patient", "book", "change_booking"}
ON_PREMISE = {"patient", "create_patient", "bookings", "book", "change_booking"}

PATIENT = {"FirstName": str, "LastName": str, "PersonalNumber": dict}
CONTACT = {"PostalCode": str, "Email": str, "MobilePhoneNumber": str}
PERSONAL_NUMBER = {"Year": int, "Month": int, "Day": int, "ExtraDigits": str}
TIME_SLOT = {"Start": str, "End": str, "ClinicID": str, "ClinicianID": int, "TreatmentID": int}


class OpusSandbox(Sandbox):
    routes: ClassVar = (
        ("GET", "/api/v1/treatment", "treatments"),
        ("GET", "/api/v1/clinic", "clinics"),
        ("GET", "/api/v1/clinic/{clinicID}", "clinic"),
        ("GET", "/api/v1/clinician", "clinicians"),
        ("GET", "/api/v1/timeslot", "timeslots"),
        ("GET", "/api/v1/patient", "patient"),
        ("POST", "/api/v1/patient", "create_patient"),
        ("GET", "/api/v1/booking", "bookings"),
        ("POST", "/api/v1/booking", "book"),
        ("PUT", "/api/v1/booking", "change_booking"),
    )
    extra_digits = 4
    """How many digits follow the date in a personal number: 4 in Sweden, 5 in Norway."""
    on_premise_down = False
    """The server at the clinic is out of reach: patients and bookings answer 503, lists and times still work."""

    def fresh_diary(self) -> dict[str, Any]:
        return {
            "treatments": [
                _treatment(1, "Undersökning", "Kontroll av tänder och tandkött, med röntgen vid behov", 30),
                _treatment(2, "Akut tandvård", "Värk, svullnad eller en skadad tand", 30),
                _treatment(3, "Tandhygienist", "Rengöring och förebyggande behandling", 45),
                _treatment(4, "Lagning", "Hål eller trasig fyllning", 60),
                _treatment(5, "Blekning", "Blekning på kliniken", 60),
                _treatment(6, "Implantatkonsultation", "Bedömning inför implantat", 45),
            ],
            "clinics": [
                _clinic(CITY, "Norrmalms Tandvård City", "Drottninggatan 71", "11136", "Stockholm", "08-123 45 67"),
                _clinic(SOLNA, "Norrmalms Tandvård Solna", "Råsundavägen 12", "16967", "Solna", "08-765 43 21"),
            ],
            "clinicians": [
                _clinician(CITY, 1, "Anna Lindqvist", "Tandläkare", [1, 2, 4], OFFICE),
                _clinician(CITY, 3, "Johan Ek", "Tandläkare", [1, 2, 4, 6], HALF),
                _clinician(CITY, 4, "Maria Sjöberg", "Tandhygienist", [3, 5], OFFICE),
                _clinician(CITY, 6, "Eva Holm", "Tandhygienist", [3], {}),  # on leave: no times, and still employed
                _clinician(CITY, 7, "Sven Ahlgren", "Tandläkare", [1], {}, active=False),  # retired
                _clinician(SOLNA, 3, "Fatima Rahimi", "Tandläkare", [1, 2, 4], OFFICE),
                _clinician(SOLNA, 5, "Karin Nyström", "Tandhygienist", [3], HALF),
            ],
            "patients": [],
            "bookings": [],
            "next_id": 4711,
        }

    # --- What every request must have

    def check(self, request: Request, operation: str) -> None:
        if "api_key" not in request.headers:
            raise _broken("no api_key header")
        if "application/json" not in request.headers.get("accept", ""):
            raise _broken("JSON is not asked for")
        self._check_query(request, operation)
        if request.headers["api_key"] != API_KEY:
            raise _bad_request("Invalid API key")
        if bool(request.content) != (operation in WITH_BODY):
            raise _broken("a body where none belongs, or none where one does")
        if request.content and request.headers.get("content-type", "").partition(";")[0] != "application/json":
            raise _broken("a body without its content type")
        if self.on_premise_down and operation in ON_PREMISE:
            raise Refusal(503, {"Message": "Unable to contact the backend service."})

    def _check_query(self, request: Request, operation: str) -> None:
        required, optional = PARAMETERS[operation]
        if "delay" in request.query:
            raise _broken("delay, whose unit nobody knows")
        if unknown := set(request.query) - {*required, *optional}:
            raise _broken(f"unknown parameters {sorted(unknown)}")
        if missing := set(required) - set(request.query):
            raise _broken(f"missing parameters {sorted(missing)}")
        for name, value in request.query.items():
            if name in NUMBERS and not re.fullmatch("[0-9]+", value):
                raise _broken(f"{name} is no number")
            if name == "onlyWithFreeTimes" and value not in ("true", "false"):
                raise _broken(f"{name} is neither true nor false")

    # --- The lists

    def treatments(self, request: Request) -> Reply:
        known = {number for row in self._matching(request) for number in row["Treatments"]}
        return _list([row for row in self.diary["treatments"] if not request.query or row["ID"] in known])

    def clinics(self, request: Request) -> Reply:
        there = {row["ClinicID"] for row in self._team(request)}
        return _list([row for row in self.diary["clinics"] if row["ID"] in there])

    def clinic(self, request: Request) -> Reply:
        row = next((row for row in self.diary["clinics"] if row["ID"] == request.values["clinicID"]), None)
        return Reply(200, row) if row else Reply(404)

    def clinicians(self, request: Request) -> Reply:
        hidden = ("Treatments", "Hours")
        return _list([{k: v for k, v in row.items() if k not in hidden} for row in self._team(request)])

    def _team(self, request: Request) -> list[Row]:
        """The clinicians that the query asks for. Who has no free time is left out unless the query says otherwise."""
        rows = self._matching(request)
        if request.query.get("onlyWithFreeTimes", "true") == "true":
            wanted = int(request.query.get("treatmentID", 0))
            today = self._now().date()
            rows = [row for row in rows if next(self._free(row, wanted, today, today + PUBLISHED), None)]
        return rows

    def _matching(self, request: Request) -> list[Row]:
        query = request.query
        if "treatmentID" in query and int(query["treatmentID"]) not in {row["ID"] for row in self.diary["treatments"]}:
            raise _bad_request("Invalid treatmentID")
        return [
            row
            for row in self.diary["clinicians"]
            if query.get("clinicID", row["ClinicID"]) == row["ClinicID"]
            and int(query.get("clinicianID", row["ID"])) == row["ID"]
            and ("treatmentID" not in query or int(query["treatmentID"]) in row["Treatments"])
        ]

    # --- Times

    def timeslots(self, request: Request) -> Reply:
        query = request.query
        if "treatmentID" not in query:
            raise _broken("times are asked for without a treatment")
        if "startingFromDateTime" in query:
            raise _broken("how far this form reaches is not documented")
        if not {"year", "month"} <= set(query) or not 1 <= int(query["month"]) <= 12:
            raise _broken("no month")
        first = date(int(query["year"]), int(query["month"]), 1)
        last = first.replace(day=monthrange(first.year, first.month)[1])
        if last < self._now().date():
            raise _broken("a past month is asked for")
        published = min(last, self._now().date() + PUBLISHED)
        treatment = int(query["treatmentID"])
        rows = [row for team in self._matching(request) for row in self._free(team, treatment, first, published)]
        return _list(sorted(rows, key=lambda row: (row["Start"], row["ClinicID"], row["ClinicianID"])))

    def _free(self, clinician: Row, treatment: int, first: date, last: date) -> Iterator[Row]:
        """The rows of one clinician; of every treatment if `treatment` is 0."""
        lengths = {row["ID"]: timedelta(minutes=row["Duration"]) for row in self.diary["treatments"]}
        treatments = [number for number in clinician["Treatments"] if treatment in (0, number)]
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        for day, number in product(days if clinician["Active"] else [], treatments):
            hours = clinician["Hours"].get(str(day.weekday()))
            if hours is None:
                continue
            opens, closes = (datetime.fromisoformat(f"{day}T{hour}:00") for hour in hours.split("-"))
            busy = [*_visits(clinician, opens, closes), *self._booked(clinician, day)]
            start = opens
            while (end := start + lengths[number]) <= closes:
                if not any(start < until and since < end for since, until in busy):
                    yield {
                        "ID": 0,
                        "Start": start.strftime(FORMAT),
                        "End": end.strftime(FORMAT),
                        "ClinicID": clinician["ClinicID"],
                        "ClinicianID": clinician["ID"],
                        "TreatmentID": number,
                    }
                start += STEP

    def _booked(self, clinician: Row, day: date) -> list[tuple[datetime, datetime]]:
        whose = (clinician["ClinicID"], clinician["ID"])
        times = [row["TimeSlot"] for row in self.diary["bookings"]]
        return [
            (datetime.fromisoformat(time["Start"]), datetime.fromisoformat(time["End"]))
            for time in times
            if (time["ClinicID"], time["ClinicianID"]) == whose and time["Start"].startswith(str(day))
        ]

    def _is_free(self, time: Row) -> bool:
        day = datetime.fromisoformat(time["Start"]).date()
        return time["Start"] > self._now().strftime(FORMAT) and any(
            {**row, "ID": None} == {**time, "ID": None}
            for clinician in self.diary["clinicians"]
            if (clinician["ClinicID"], clinician["ID"]) == (time["ClinicID"], time["ClinicianID"])
            for row in self._free(clinician, time["TreatmentID"], day, min(day, self._now().date() + PUBLISHED))
        )

    def _now(self) -> datetime:
        """The wall clock of the clinics."""
        return self.clock().astimezone(ZONE).replace(tzinfo=None)

    # --- Patients and bookings

    def patient(self, request: Request) -> Reply:
        number = self._asked_number(request)
        known = next((row for row in self.diary["patients"] if row["PersonalNumber"] == number), None)
        return Reply(200, known) if known else Reply(404)

    def create_patient(self, request: Request) -> Reply:
        patient = self._read_patient(_object(request.json(), "Patient"))
        if any(row["PersonalNumber"] == patient["PersonalNumber"] for row in self.diary["patients"]):
            raise _bad_request("The patient exists")
        self._register(patient)
        return Reply(200, self.diary["patients"][-1])

    def bookings(self, request: Request) -> Reply:
        number, now = self._asked_number(request), self._now().strftime(FORMAT)
        return _list(
            [
                row
                for row in self.diary["bookings"]
                if row["Patient"] and row["Patient"]["PersonalNumber"] == number and row["TimeSlot"]["Start"] > now
            ]
        )

    def book(self, request: Request) -> Reply:
        body = _fields(request.json(), {"Patient": dict, "TimeSlot": dict}, "body")
        patient, time = self._read_patient(body["Patient"]), _read_time(body["TimeSlot"])
        if not self._is_free(time):
            raise _bad_request("The time is no longer available")
        self._register(patient)
        return Reply(200, self._enter(patient, time))

    def change_booking(self, request: Request) -> Reply:
        body = _fields(request.json(), {"Patient": dict, "TimeSlot": dict}, "body")
        number = _fields(body["Patient"], {"PersonalNumber": dict}, "Patient")["PersonalNumber"]
        number, time = self._read_number(number), _read_time(body["TimeSlot"])
        booking_id = int(request.query["bookingID"])
        booking = next((row for row in self.diary["bookings"] if row["ID"] == booking_id and row["Patient"]), None)
        if booking is None or booking["Patient"]["PersonalNumber"] != number:
            return Reply(404)
        if not self._is_free(time):
            raise _bad_request("The time is no longer available")
        booking["TimeSlot"] = time
        return Reply(200, booking_id)

    def _enter(self, patient: Row | None, time: Row) -> int:
        booking_id: int = self.diary["next_id"]
        self.diary["next_id"] += 1
        self.diary["bookings"].append({"ID": booking_id, "Patient": patient, "TimeSlot": time})
        return booking_id

    def _register(self, patient: Row) -> None:
        """A patient who is known stays as they were."""
        if all(row["PersonalNumber"] != patient["PersonalNumber"] for row in self.diary["patients"]):
            self.diary["patients"].append({"ID": len(self.diary["patients"]) + 1, **patient})

    def _read_patient(self, patient: Row) -> Row:
        _fields(patient, PATIENT, "Patient", CONTACT)
        if "" in patient.values():
            raise _broken("an empty field of the patient")
        if not re.fullmatch(r"\+?[0-9]{6,15}", patient.get("MobilePhoneNumber", "+46700000000")):
            raise _broken("a phone number with more than digits")
        if not re.fullmatch("[0-9]{4,5}", patient.get("PostalCode", "11122")):
            raise _broken("a postal code of another form")
        return {**patient, "PersonalNumber": self._read_number(patient["PersonalNumber"])}

    def _read_number(self, number: Row) -> Row:
        _fields(number, PERSONAL_NUMBER, "PersonalNumber")
        if not re.fullmatch(rf"[0-9]{{{self.extra_digits}}}", number["ExtraDigits"]):
            raise _broken("ExtraDigits of another length")
        if not _is_valid(number):
            raise _bad_request("Invalid SSN")
        return number

    def _asked_number(self, request: Request) -> Row:
        parts = {name: int(request.query[name.lower()]) for name in ("Year", "Month", "Day")}
        return self._read_number({**parts, "ExtraDigits": request.query["extradigits"]})

    # --- For tests and the demo

    def practice(self, base_url: str) -> dict[str, Any]:
        return {
            "slug": "norrmalm",
            "name": "Norrmalms Tandvård",
            "vendor": "opus",
            "timezone": "Europe/Stockholm",
            "languages": ["sv", "en"],
            "embed_origins": ["http://localhost:8080", "http://127.0.0.1:8080"],
            "phone": "+46 8 123 45 67",
            "email": "info@norrmalm.example",
            "connection": {"base_url": base_url, "api_key": API_KEY},
        }

    def appointments(self) -> list[dict[str, Any]]:
        with self.lock:
            return list(self.diary["bookings"])

    def take_at_desk(self, slot_id: str) -> None:
        start, end, clinician, treatment, clinic = slot_id.split(",")
        numbers = {"ClinicianID": int(clinician), "TreatmentID": int(treatment)}
        with self.lock:
            self._enter(None, {"Start": start, "End": end, "ClinicID": unquote(clinic), **numbers})


# --- Rows of the diary -----------------------------------------------------------------------------------------------


def _treatment(number: int, name: str, description: str, minutes: int) -> Row:
    return {"ID": number, "Name": name, "Description": description, "Duration": minutes}


def _clinic(clinic_id: str, name: str, street: str, postal_code: str, city: str, phone: str) -> Row:
    address = {"Address1": street, "Address2": None, "Postalcode": postal_code, "City": city}
    contact = {"Home": None, "Work": phone, "Fax": None, "Mobile": None, "Email": "info@norrmalm.example"}
    return {"ID": clinic_id, "Name": name, **address, **contact, "Group": None}


def _clinician(
    clinic: str, number: int, name: str, title: str, treatments: list[int], hours: dict[str, str], active: bool = True
) -> Row:
    shown = {"ID": number, "Name": name, "Title": title, "Active": active, "ClinicID": clinic, "Info": None}
    return {**shown, "Treatments": treatments, "Hours": hours}


def _visits(clinician: Row, opens: datetime, closes: datetime) -> list[tuple[datetime, datetime]]:
    """Lunch, and what others have booked by phone: the same for one day, however often it is asked."""
    noon = opens.replace(hour=12, minute=0)
    dice = random.Random(f"{opens:%F} {clinician['ClinicID']} {clinician['ID']}")
    quarters = int((closes - opens) / STEP)
    starts = [opens + STEP * dice.randrange(quarters) for _ in range(7)]
    return [(noon, noon + timedelta(hours=1)), *((s, s + STEP * dice.choice((2, 3, 4))) for s in starts)]


# --- Strictness ------------------------------------------------------------------------------------------------------


def _list(rows: list[Row]) -> Reply:
    return Reply(200, rows) if rows else Reply(404)


def _bad_request(message: str) -> Refusal:
    return Refusal(400, {"Message": message})


def _broken(rule: str) -> Refusal:
    """Refuses what breaks the contract, and has it written down."""
    return Refusal(400, {"Message": f"Bad request: {rule}"}, breach=rule)


def _object(value: object, what: str) -> Row:
    if not isinstance(value, dict):
        raise _broken(f"{what} is no object")
    return value


def _fields(value: object, required: Mapping[str, type], what: str, optional: Mapping[str, type] | None = None) -> Row:
    """The value as an object that has exactly these fields, of exactly these types."""
    row, optional = _object(value, what), optional or {}
    if set(required) - set(row) or set(row) - {*required, *optional}:
        raise _broken(f"{what} has the fields {sorted(row)}")
    for name, item in row.items():
        if type(item) is not {**required, **optional}[name]:
            raise _broken(f"{name} is a {type(item).__name__}")
    return row


def _read_time(time: Row) -> Row:
    _fields(time, TIME_SLOT, "TimeSlot")
    for end in ("Start", "End"):
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", time[end]):
            raise _broken(f"{end} is not a local time")
    return time


def _is_valid(number: Row) -> bool:
    """A date of the calendar (60 may be added to the day; in Norway 40) and, in Sweden, the right control digit."""
    swedish = len(number["ExtraDigits"]) == 4
    raised = 60 if swedish else 40
    day = number["Day"] - raised if number["Day"] > raised else number["Day"]
    try:
        date(number["Year"], number["Month"], day)
    except ValueError:
        return False
    digits = f"{number['Year'] % 100:02}{number['Month']:02}{number['Day']:02}{number['ExtraDigits']}"
    weighed = [int(digit) * (2 - place % 2) for place, digit in enumerate(digits)]
    return not swedish or sum(n - 9 if n > 9 else n for n in weighed) % 10 == 0
