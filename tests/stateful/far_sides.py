"""The five far sides as the judge needs them: whose an entry of the diary is, and what staff do there by hand."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from booking.models import Booking
from vendors.sandbox import (
    AlfaDocsSandbox,
    BookioSandbox,
    OpenDentalSandbox,
    OpusSandbox,
    QmaticSandbox,
    Sandbox,
    alfadocs,
    bookio,
    open_dental,
    opus,
)
from vendors.sandbox.qmatic import CANALSIDE, guid

type Entry = dict[str, Any]

PERSONAL_NUMBERS = ("19811218-9876", "19121212-1212", "19850709-9805")
PEOPLE = len(PERSONAL_NUMBERS)
NAMES = (("Nora", "Lind"), ("Otto", "Berg"), ("Pia", "Dahl"))


@dataclass(frozen=True)
class FarSide:
    """One vendor. An entry is its appointment, in its own words; `whose` is the number of the person who booked."""

    name: str
    Sandbox: type[Sandbox]
    choices: tuple[dict[str, str], ...]
    """What patients look for. Where the vendor says what a time takes up, these compete for the same."""
    calls: dict[str, str]
    """Its operations, by what we want of it."""
    id: Callable[[Entry], str]
    is_ours: Callable[[Entry], bool]
    """Whether it was made by us, and not at the desk."""
    is_of: Callable[[Entry, Booking, int], bool]
    """Whether it says of itself that it is this booking."""
    cancel: Callable[[Sandbox, Entry], None]
    close: Callable[[Sandbox, str], None]
    """Nothing can be booked any more around this slot."""
    phone: str
    paced: bool = False
    """A page of its times takes several calls, each of which waits for its turn."""
    places: Callable[[Sandbox, Booking], int] = lambda sandbox, booking: booking.places
    """How many may run beside one another where this booking is."""

    def details(self, who: int) -> dict[str, str]:
        """What this person types."""
        first, last = NAMES[who]
        return {
            "first_name": first,
            "last_name": last,
            "email": f"{first}.{last}@patient.example".lower(),
            "phone": self.phone,
            "birth_date": f"198{who}-05-31",
            "personal_number": PERSONAL_NUMBERS[who],
            "postal_code": "111 22",
        }


# --- Whose it is ------------------------------------------------------------------------------------------------------


def _is_of_at_opus(entry: Entry, booking: Booking, whose: int) -> bool:
    """Nothing of ours stands there but the patient and the time."""
    number, time = entry["Patient"]["PersonalNumber"], entry["TimeSlot"]
    born = f"{number['Year']}{number['Month']:02}{number['Day']:02}-{number['ExtraDigits']}"
    start, _end, clinician, treatment, _clinic = booking.slot_id.split(",")
    there = (time["Start"], str(time["ClinicianID"]), str(time["TreatmentID"]))
    return born == PERSONAL_NUMBERS[whose] and there == (start, clinician, treatment)


def _is_of_at_bookio(entry: Entry, booking: Booking, whose: int) -> bool:
    return bool(entry["externalId"] == int.from_bytes(hashlib.sha256(booking.key.encode()).digest()[:8]) >> 11)


def _places_at_bookio(sandbox: Sandbox, booking: Booking) -> int:
    number = int(booking.slot_id.split("~")[1])
    return next(s["capacity"] for row in sandbox.diary["calendars"] for s in row["services"] if s["id"] == number)


# --- What staff do ----------------------------------------------------------------------------------------------------


def _strike_at_opus(sandbox: Sandbox, entry: Entry) -> None:
    sandbox.diary["bookings"].remove(entry)


def _row(table: str, key: str, **changes: str) -> Callable[[Sandbox, Entry], None]:
    def change(sandbox: Sandbox, entry: Entry) -> None:
        next(row for row in sandbox.diary[table] if row[key] == entry[key]).update(changes)

    return change


def _cancel_at_qmatic(sandbox: Sandbox, entry: Entry) -> None:
    sandbox.diary["appointments"][entry["appointmentId"]]["cancelled"] = True


def _close_at_opus(sandbox: Sandbox, slot_id: str) -> None:
    """The clinician is away on this day of the week."""
    start, _end, clinician, *_rest = slot_id.split(",")
    for row in sandbox.diary["clinicians"]:
        if str(row["ID"]) == clinician:
            row["Hours"].pop(str(datetime.fromisoformat(start).weekday()), None)


def _close_at_open_dental(sandbox: Sandbox, slot_id: str) -> None:
    start, _provider, chair, *_rest = slot_id.split(",")
    opens = datetime.fromisoformat(start)
    closes = opens + timedelta(hours=1)
    sandbox.diary["blockouts"].append(
        [f"{opens:%F}", f"{opens:%H:%M}", f"{closes:%H:%M}", open_dental.STAFF_MEETING, chair]
    )


def _close_at_bookio(sandbox: Sandbox, slot_id: str) -> None:
    assert isinstance(sandbox, BookioSandbox)
    start = datetime.fromisoformat(slot_id.split("~")[3])
    sandbox.block(bookio.BRATISLAVA, f"{start:{bookio.FORMAT}}", f"{start + timedelta(hours=1):{bookio.FORMAT}}")


def _close_at_alfadocs(sandbox: Sandbox, slot_id: str) -> None:
    day, time, _minutes, operator, chair = slot_id.split(",")
    sandbox.take_at_desk(f"{day},{time},60,{operator},{chair}")


def _close_at_qmatic(sandbox: Sandbox, slot_id: str) -> None:
    """Whoever is still free then has something else to do."""
    sandbox.take_at_desk(slot_id)


FAR_SIDES = {
    side.name: side
    for side in (
        FarSide(
            name="opus",
            Sandbox=OpusSandbox,
            choices=(
                {"service": "1", "clinic": opus.CITY, "provider": "1"},
                {"service": "4", "clinic": opus.CITY, "provider": "any"},
            ),
            calls={"book": "book", "times": "timeslots", "find": "bookings"},
            id=lambda entry: str(entry["ID"]),
            is_ours=lambda entry: entry["Patient"] is not None,
            is_of=_is_of_at_opus,
            cancel=_strike_at_opus,
            close=_close_at_opus,
            phone="070-550 62 28",
        ),
        FarSide(
            name="open_dental",
            Sandbox=OpenDentalSandbox,
            choices=(
                {"service": "1", "clinic": "1", "provider": "1"},
                {"service": "4", "clinic": "1", "provider": "any"},
            ),
            calls={
                "book": "create_appointment",
                "chart": "create_patient",
                "times": "list_appointments",
                "find": "list_appointments",
            },
            id=lambda entry: str(entry["AptNum"]),
            is_ours=lambda entry: "reference" in entry["Note"],
            is_of=lambda entry, booking, whose: booking.reference in entry["Note"],
            cancel=_row("appointments", "AptNum", AptStatus="Broken"),
            close=_close_at_open_dental,
            phone="(312) 555-0187",
        ),
        FarSide(
            name="qmatic",
            Sandbox=QmaticSandbox,
            choices=(
                {"service": guid("GP appointment"), "clinic": CANALSIDE["id"], "provider": "any"},
                {"service": guid("GP appointment"), "clinic": CANALSIDE["id"], "provider": guid("Dr Priya Shah")},
            ),
            calls={"book": "confirm", "reserve": "reserve", "times": "timeslots", "find": "search"},
            id=lambda entry: str(entry["appointmentId"]),
            is_ours=lambda entry: bool(entry["personalIdentifier"]),
            is_of=lambda entry, booking, whose: booking.key == entry["personalIdentifier"],
            cancel=_cancel_at_qmatic,
            close=_close_at_qmatic,
            phone="020 7946 0958",
        ),
        FarSide(
            name="bookio",
            Sandbox=BookioSandbox,
            choices=(
                {"service": "9031", "clinic": "101", "provider": "any"},  # two places
                {"service": "9033", "clinic": "101", "provider": "any"},  # one, at the same calendar
            ),
            calls={"book": "create_reservation", "times": "reservations", "find": "reservations"},
            id=lambda entry: str(entry["id"]),
            is_ours=lambda entry: entry["email"].endswith("@patient.example"),
            is_of=_is_of_at_bookio,
            places=_places_at_bookio,
            cancel=_row("reservations", "id", status="CANCELLED"),
            close=_close_at_bookio,
            phone="+421 948 762 315",
            paced=True,
        ),
        FarSide(
            name="alfadocs",
            Sandbox=AlfaDocsSandbox,
            choices=(
                {"service": str(alfadocs.CHECK_UP), "clinic": "4120", "provider": str(alfadocs.RINALDI)},
                {"service": str(alfadocs.FILLING), "clinic": "4120", "provider": "any"},
            ),
            calls={
                "book": "create_appointment",
                "chart": "create_patient",
                "times": "free_slots",
                "find": "list_appointments",
            },
            id=lambda entry: str(entry["id"]),
            is_ours=lambda entry: entry["createdThroughApi"],
            is_of=lambda entry, booking, whose: booking.reference in entry["description"],
            cancel=_row("appointments", "id", state="cancelled"),
            close=_close_at_alfadocs,
            phone="+39 347 123 4567",
            paced=True,
        ),
    )
}
