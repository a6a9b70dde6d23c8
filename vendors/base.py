"""The contract between Anteroom and the booking systems: values, capabilities, the vendor, the errors.

`booking/` speaks only in the words of this module; what a vendor calls things stays inside that vendor's module.
Times are aware datetimes in the clinic's own zone, lengths are minutes, days are the clinic's days, money is absent.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, ClassVar, Protocol
from zoneinfo import ZoneInfo

# --- What an admin fills in ------------------------------------------------------------------------------------------


class Url(str):
    """A field of a `Connection` that holds an address."""


class Secret(str):
    """A field of a `Connection` that nobody may read back: hidden in forms, exports and tracebacks."""

    def __repr__(self) -> str:
        return "Secret('…')"


# --- What a vendor is told -------------------------------------------------------------------------------------------


class Store(Protocol):
    """What a vendor remembers from one request to the next (a token), shared by all processes of one practice."""

    def get(self, key: str) -> str | None:
        """What was put, or None when there is nothing or its time is over."""

    def put(self, key: str, value: str, seconds: float) -> None: ...

    def forget(self, key: str) -> None: ...

    def lease(self, key: str, seconds: float) -> bool:
        """True for the one caller, of all processes, that may now do what `key` names; `forget` ends it early.

        It ends by itself after `seconds`, so that a process that died in between keeps nobody waiting for ever.
        """


class Turns(Protocol):
    """The queue of one practice's calls where the vendor allows only so many a second, shared by all processes."""

    def wait(self, seconds: float, deadline: float) -> bool:
        """Wait for the next turn, which is at least `seconds` after the last one's. False: not before the deadline.

        Calls for patients come first: a background call waits until none of them does. `deadline` is in the time of
        `time.monotonic`.
        """

    def pause(self, seconds: float) -> None:
        """Nobody gets a turn for so long: the vendor said so."""


class Breaker(Protocol):
    """Whether a vendor's host may be called at all, as all processes have found it lately."""

    def admits(self, host: str) -> bool:
        """False: it is in trouble, and this call must not be sent."""

    def failed(self, host: str) -> None:
        """A call got no answer, or one that says the vendor is in trouble."""

    def answered(self, host: str) -> None:
        """A call got an answer; a refusal is one."""


@dataclass(frozen=True, slots=True)
class Context:
    """The practice that a vendor is built for, as far as a vendor must know it."""

    practice: str
    """Names the practice in log lines, and its pool of connections."""
    timezone: ZoneInfo
    """The zone of the practice's clinics, attached to times that arrive without one."""
    country: str
    """ISO 3166-1 alpha-2."""
    store: Store
    allow_private_hosts: bool = False
    """Whether the vendor's address may be loopback or private. Only for sandboxes and tests."""
    budget: float = 9.0
    """Seconds for all calls of this vendor object together, from the moment it is built."""
    before_call: Callable[[], None] = lambda: None
    """Called before each call goes out, in its thread: the caller lets go of what must not be held meanwhile."""
    turns: Turns | None = None
    """None: this process is alone, and vendors with a limit keep to it by themselves."""
    breaker: Breaker | None = None
    clinic_name: str = ""
    clinic_address: str = ""
    """Of the practice's one clinic, for a vendor that does not know them (`Vendor.needs_clinic`); else its own name."""


# --- What can be booked ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Clinic:
    """A place where patients are treated. `address` is one printable line, or empty."""

    id: str
    name: str
    address: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Provider:
    """A person who treats (with some vendors: a room or a machine, so `title` says what is known)."""

    id: str
    name: str
    title: str = ""


class ProviderChoice(StrEnum):
    """Whether the patient may, must or cannot say with whom."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class Question:
    """One of the vendor's own questions, answered in free text among the patient's details."""

    id: str
    """Stable for one text; letters, digits and hyphens only."""
    text: str
    help: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True)
class ScreeningQuestion:
    """Asked before anything is held. The wrong answer ends the booking with `refusal`, the vendor's own text."""

    text: str
    help: str = ""
    needs_yes: bool = True
    """True: only "yes" goes on. False: only "no" does."""
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """A service at one clinic: with whom, and what is asked for it there."""

    clinic: Clinic
    providers: tuple[Provider, ...] = ()
    provider_choice: ProviderChoice = ProviderChoice.NONE
    screening: tuple[ScreeningQuestion, ...] = ()
    questions: tuple[Question, ...] = ()
    referral_letter: bool = False
    """The patient must bring one, and is told so before confirming."""


@dataclass(frozen=True, slots=True)
class Service:
    """What a patient books. Services come in the order in which they are to be shown."""

    id: str
    name: str
    description: str = ""
    group: str = ""
    minutes: int | None = None
    """Its length where that is the same everywhere, else None."""
    offers: tuple[Offer, ...] | None = None
    """Where and with whom. None: this vendor tells it per service only, so ask `Vendor.offers`."""


# --- When ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Search:
    """The free times of a service on the days from `first` to `last`, both included. None means "any"."""

    service_id: str
    first: date
    last: date
    clinic_id: str | None = None
    provider_id: str | None = None
    language: str = "en"
    every_chair: bool = False
    """Also the times that differ from another one only in what patients never see (a chair): whoever has chosen one of
    them earlier wants to know whether it is still free. Otherwise a start is listed once per clinic and provider."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A time the vendor offers now. It names its clinic and provider also when the patient said "any"."""

    id: str
    """Says all that this vendor needs to book it again, in the vendor's own strings; unique within a service."""
    start: datetime  # aware, always: a vendor's local time gets its zone attached, never converted
    end: datetime
    clinic_id: str
    provider_id: str | None  # None where the vendor has no providers, or does not say which
    occupies: tuple[str, ...] = ()
    """What it takes up, as names that two overlapping slots share when they exclude each other (a provider of a
    clinic, a chair). Empty where only the vendor can know: then the vendor's reservation decides."""
    places: int = 1
    """How many bookings of ours may run at the same instant on what it occupies, beside those the diary has already."""


# --- Who, and the booking --------------------------------------------------------------------------------------------


class Field(StrEnum):
    """What a patient may be asked. The names are those of the form's fields."""

    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    EMAIL = "email"
    PHONE = "phone"
    BIRTH_DATE = "birth_date"
    PERSONAL_NUMBER = "personal_number"
    POSTAL_CODE = "postal_code"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Asked:
    """One detail this vendor wants of a patient."""

    field: Field
    required: bool = True
    max_length: int = 100


@dataclass(frozen=True, slots=True)
class Patient:
    """As typed and checked by our form; empty where not asked. Never written to a log."""

    first_name: str = ""
    last_name: str = ""
    email: str = ""
    phone: str = ""
    """E.164: a plus sign and digits."""
    birth_date: date | None = None
    personal_number: str = ""
    """`YYYYMMDD` and four control digits (Norway: five). Coordination numbers keep their raised day."""
    postal_code: str = ""
    """Digits and letters without blanks."""

    def __repr__(self) -> str:
        return "Patient(…)"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the patient answered to one `Question`, whose text is repeated as it was shown."""

    question: str
    text: str

    def __repr__(self) -> str:
        return "Answer(…)"


@dataclass(frozen=True, slots=True)
class Reservation:
    """The vendor's own claim on a slot for us."""

    id: str
    expires_at: datetime
    """When we stop relying on it: counted from when it was asked for, and a little early."""


@dataclass(frozen=True, slots=True)
class BookingRequest:
    """Everything a vendor needs to book, and to recognise afterwards what it booked."""

    key: str
    """32 random characters of a-z and 0-9, one per booking, stored before the first call about it."""
    reference: str
    """What the patient can quote on the phone."""
    service_id: str
    service_name: str
    slot: Slot
    patient: Patient
    language: str = "en"
    answers: tuple[Answer, ...] = ()
    note: str = ""
    reservation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Appointment:
    """An entry in the vendor's diary."""

    id: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a vendor can do. Pages ask it before they offer anything, and the contract test checks its truth."""

    reserve: bool = False
    """Holds a slot at the vendor while the patient types."""
    release: bool = False
    """Gives such a reservation back before its time."""
    refuses_taken: bool = False
    """Refuses a taken time itself, and says clearly that this is why: it need not be read again before booking."""
    cancel: bool = False
    move: bool = False
    carries_reference: bool = False
    """The vendor's entry carries something of ours by which exactly this booking is found again."""
    note: bool = False
    """Takes a free text from the patient."""
    questions: bool = False
    screening: bool = False
    groups: bool = False
    """Sorts its services under headings."""
    clinics: bool = True
    """Knows several clinics in one practice."""
    provider: bool = True
    """The patient may say with whom."""
    capacity: bool = False
    """Several patients may come at one time."""
    list_by_patient: bool = False
    """Tells what else a patient has booked."""
    charts: bool = False
    """Has patient records: `book` finds or creates one."""
    notifies: bool = False
    """Sends the patient mails or messages of its own."""
    standing: bool = False
    """Tells how an entry in its diary stands now, long after it was booked."""
    changed: bool = False
    """Tells with one call whether its diary changed since a moment."""
    consent: bool = False
    """The practice's owner can connect it in the browser, at the vendor's own page (OAuth2)."""


class Vendor(ABC):
    """One practice's booking system. Built for a request, safe to throw away.

    Every method may raise `VendorUnavailable`, `AuthenticationFailed` or `UnexpectedResponse`. An empty list means
    "none"; what could not be found out is an exception.
    """

    name: ClassVar[str]
    """As patients' clinics know it."""
    Connection: ClassVar[type]
    """A frozen dataclass whose fields are `Url`, `Secret`, `str`, `int` or `bool`: what an admin fills in."""
    capabilities: Capabilities = Capabilities()
    """Of this kind of system. For one practice it may be less: then the object's own attribute says so."""
    whose: ClassVar[tuple[str, ...]] = ("base_url",)
    """The fields of `Connection` that say whose diary it is, as far as they are no keys: text, all of them."""
    granted: ClassVar[tuple[str, ...]] = ()
    """The fields of `Connection` that the owner's consent fills in."""
    lasting: ClassVar[tuple[str, ...]] = ()
    """How the names of those memories begin that stay when the connection is changed: they say themselves to which
    credentials they belong, or hold something that can be had only once."""
    needs_clinic: ClassVar[bool] = False
    """Does not know its clinic's name and address: the practice fills them in."""

    @abstractmethod
    def __init__(self, connection: Any, context: Context) -> None:
        """`connection` is an instance of this class's `Connection`. No call is made."""

    @abstractmethod
    def asks(self) -> tuple[Asked, ...]:
        """The details of a patient that a booking here needs or takes, in the order to ask them. No call is made."""

    @abstractmethod
    def services(self, language: str) -> list[Service]:
        """What patients may book online, in the language of that code where the vendor can."""

    def offers(self, service_id: str, language: str) -> list[Offer]:
        """Where and with whom a service is offered, for vendors whose `Service.offers` is None. Unknown id: none."""
        raise Unsupported("offers")

    def window(self, day: date) -> tuple[date, date]:
        """The first and last day that one reading of `slots` around this day costs no more than the day itself."""
        return day, day + timedelta(days=13)

    @abstractmethod
    def slots(self, search: Search) -> list[Slot]:
        """The free times, by start. Past ones may be among them."""

    @abstractmethod
    def slot_of(self, slot_id: str) -> Slot | None:
        """What a slot's id says by itself: when, where and with whom, whether it is free or not. No call is made.

        None: it is no id of this vendor's.
        """

    def reserve(self, request: BookingRequest) -> Reservation:
        """Take the slot at the vendor. Raises `SlotTaken`. The request's patient is still empty."""
        raise Unsupported("reserve")

    def release(self, reservation_id: str) -> None:
        raise Unsupported("release")

    @abstractmethod
    def book(self, request: BookingRequest) -> Appointment:
        """Put it in the vendor's diary. Called once per request; `find` settles an `OutcomeUnknown`.

        Raises `SlotTaken` and `InvalidPatient` when nothing was booked, `OutcomeUnknown` when it may have been.
        """

    @abstractmethod
    def find(self, request: BookingRequest) -> list[Appointment]:
        """The entries in the vendor's diary that are this very booking. None: it is not there now."""

    def standing(self, appointment_id: str, request: BookingRequest) -> Appointment | None:
        """How the entry stands in the diary now, wherever it was moved to. None: cancelled, or not there any more.

        The request is the one it was booked by, as far as it is still kept: no personal number.
        """
        raise Unsupported("standing")

    def changed(self, since: datetime) -> bool:
        """Whether an entry of the diary came or changed since then. A hint: deleted entries and opening hours may
        be missed, so what hangs on it is read as a whole now and then.
        """
        raise Unsupported("changed")

    def consent_address(self, redirect_uri: str, state: str, challenge: str) -> str:
        """Where the practice's owner says yes. `challenge`: PKCE, S256, of a verifier that `connected` is given."""
        raise Unsupported("consent_address")

    def connected(self, code: str, verifier: str, redirect_uri: str) -> Any:
        """The `Connection`, with what the vendor granted after the owner said yes. What came before is void."""
        raise Unsupported("connected")

    def cancel(self, appointment_id: str, request: BookingRequest) -> None:
        """Take it out of the diary. One that is gone already is no error. May raise `OutcomeUnknown`."""
        raise Unsupported("cancel")

    def move(self, appointment_id: str, request: BookingRequest) -> Appointment:
        """Move it to the request's slot. Raises `SlotTaken`, and then the old time stands; or `OutcomeUnknown`."""
        raise Unsupported("move")


# --- Errors: each says what the caller may do next -------------------------------------------------------------------


class VendorError(Exception):
    """Carries facts, never words for patients and never a patient's data."""


class SlotTaken(VendorError):
    """Refused: the time is gone. Nothing was booked."""

    def __init__(self, fact: str = "taken", *, may_return: bool = False) -> None:
        super().__init__(fact)
        self.may_return = may_return
        """An unreachable hold of our own may be what took it, and lapses within a quarter of an hour."""


class InvalidPatient(VendorError):
    """Refused for the patient's details. Nothing was booked. `fields` are the ones to look at again."""

    def __init__(self, *fields: str) -> None:
        super().__init__(", ".join(fields))
        self.fields = fields


class VendorUnavailable(VendorError):
    """Nothing happened, and the same call may work later. `retry_after` is in seconds, where the vendor said so."""

    def __init__(self, fact: str, *, retry_after: float | None = None, status: int | None = None) -> None:
        super().__init__(fact)
        self.retry_after = retry_after
        self.status = status
        """429 where the vendor answered with it."""


class AuthenticationFailed(VendorError):
    """Nothing happened, and nothing will before the practice's connection is put right."""

    def __init__(self, fact: str, *, status: int | None = None) -> None:
        super().__init__(fact)
        self.status = status
        """401 or 403 where the vendor answered with it: a token that ran out is a 401."""


class UnexpectedResponse(VendorError):
    """Nothing happened, and the vendor speaks otherwise than its contract says: we must act."""


class OutcomeUnknown(VendorError):
    """It may have happened. Ask with `find`; never send it again blind."""


class Unsupported(Exception):
    """Something was asked of a vendor that its capabilities deny: our bug."""


# --- Small helpers that every vendor needs ---------------------------------------------------------------------------


@lru_cache(maxsize=20_000)
def local(naive: datetime, zone: ZoneInfo) -> datetime | None:
    """A vendor's wall-clock time with its zone attached, or None for an hour that the clocks skip.

    An hour that exists twice is taken as its first occurrence.
    """
    aware = naive.replace(tzinfo=zone)
    there_and_back = aware.astimezone(UTC).astimezone(zone).replace(tzinfo=None)
    return aware if there_and_back == naive else None


@dataclass(slots=True)
class MemoryStore:
    """A `Store` for one process: tests and the command line."""

    values: dict[str, str] = field(default_factory=dict)

    def get(self, key: str) -> str | None:
        return self.values.get(key)

    def put(self, key: str, value: str, seconds: float) -> None:
        self.values[key] = value

    def forget(self, key: str) -> None:
        self.values.pop(key, None)

    def lease(self, key: str, seconds: float) -> bool:
        now = time.monotonic()
        if float(self.values.get(key, 0)) > now:
            return False
        self.values[key] = str(now + seconds)
        return True
