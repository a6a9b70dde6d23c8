"""What can be booked: the vendor's services, clinics, providers and times, read and kept for a while.

What is kept lies in the database, so that all processes share it. A time is only ever promised after it was read live.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from cattrs.preconf.json import make_converter
from django.core import signing
from django.db import IntegrityError, transaction
from django.utils import timezone

from booking import audit, collisions, connections, practices, steps
from booking.models import Booking, Practice, Snapshot
from booking.steps import ANY, Choice, Position
from vendors.base import Offer, ScreeningQuestion, Search, Service, Slot, UnexpectedResponse, VendorUnavailable

FRESH_LISTS = timedelta(minutes=5)
STALE_LISTS = timedelta(minutes=30)
"""Services and clinics may be this old while the vendor is in trouble."""
FRESH_TIMES = timedelta(minutes=1)
HORIZON = timedelta(days=90)
"""How far ahead patients may book, and so how far a search for the first free time goes."""
WEEK = timedelta(days=7)
WARM_SECONDS = 60.0
SCREENED_FOR = 24 * 3600
"""Seconds that a right answer to the screening questions counts."""

_converter = make_converter()


@dataclass(frozen=True, slots=True)
class Time:
    """A free slot with the names that go with it."""

    slot: Slot
    clinic_name: str
    provider_name: str

    @property
    def start(self) -> datetime:
        return self.slot.start

    @property
    def morning(self) -> bool:
        return self.slot.start.hour < 12


@dataclass(frozen=True, slots=True)
class Day:
    date: date
    times: list[Time]


@dataclass(frozen=True, slots=True)
class Week:
    """The free times from `first` to `last`, and where else there are some. Days without a free time are left out."""

    first: date
    last: date
    days: list[Day]
    earlier: date | None
    later: date | None
    next_free: date | None
    """Where nothing is free in these days: the next day that has something, within the horizon."""
    horizon: date
    """The last day that can be booked."""


# --- Lists -----------------------------------------------------------------------------------------------------------


def position(practice: Practice, language: str, choice: Choice) -> Position:
    """Where a patient with this choice stands. Raises what the vendor raises."""
    return steps.position(
        choice,
        services(practice, language),
        lambda service: offers(practice, language, service),
        lambda chosen, questions: is_screened(practice, chosen, questions),
    )


def services(practice: Practice, language: str) -> list[Service]:
    """The services on offer, under the practice's own names where it gave some."""
    read = _kept(
        practice,
        f"services {language}",
        FRESH_LISTS,
        STALE_LISTS,
        list[Service],
        lambda: connections.vendor_for(practice).services(language),
    )
    own = practices.services_of(practice)
    shown = []
    for service in read:
        said = own.get(service.id)
        if said is None:
            shown.append(service)
        elif not said.hidden:
            name = said.name.get(language) or service.name
            description = said.description.get(language) or service.description
            shown.append(replace(service, name=name, description=description))
    return shown


def offers(practice: Practice, language: str, service: Service) -> list[Offer]:
    """Where and with whom a service is offered, less what the practice's own settings leave out."""
    found = service.offers
    if found is None:
        found = tuple(
            _kept(
                practice,
                f"offers {language} {service.id}",
                FRESH_LISTS,
                STALE_LISTS,
                list[Offer],
                lambda: connections.vendor_for(practice).offers(service.id, language),
            )
        )
    return left_by_practice(practice, service.id, found)


def left_by_practice(practice: Practice, service_id: str, found: Sequence[Offer]) -> list[Offer]:
    """What the practice's own settings leave of a service's offers."""
    said = practices.services_of(practice).get(service_id)
    if said and said.clinics is not None:
        found = [offer for offer in found if offer.clinic.id in (said.clinics or ())]
    if said and said.providers is not None:
        allowed = said.providers
        narrowed = [replace(o, providers=tuple(p for p in o.providers if p.id in allowed)) for o in found]
        found = [o for o, before in zip(narrowed, found, strict=True) if o.providers or not before.providers]
    return list(found)


def warm(practice: Practice) -> None:
    """Read the services in each of the practice's languages, and keep them, so that no patient waits for the first."""
    for language in practice.languages:
        read = connections.vendor_for(practice, budget=WARM_SECONDS).services(language)
        _keep(practice, f"services {language}", _converter.dumps(read, list[Service]), timezone.now())


# --- Screening -------------------------------------------------------------------------------------------------------


def screened(practice: Practice, choice: Choice, questions: tuple[ScreeningQuestion, ...]) -> str:
    """The signed statement that these questions were answered rightly. It holds no answer."""
    return signing.dumps(_screening(practice, choice, questions), salt="screened", compress=True)


def is_screened(practice: Practice, choice: Choice, questions: tuple[ScreeningQuestion, ...]) -> bool:
    try:
        said = signing.loads(choice.screened, salt="screened", max_age=SCREENED_FOR)
    except signing.BadSignature:
        return False
    return bool(said == _screening(practice, choice, questions))


def _screening(practice: Practice, choice: Choice, questions: tuple[ScreeningQuestion, ...]) -> list[str]:
    # Not the texts: those change with the page's language, and the patient may change it on the way.
    needed = "".join("y" if question.needs_yes else "n" for question in questions)
    return [practice.slug, choice.service, choice.clinic, needed]


# --- Times -----------------------------------------------------------------------------------------------------------


def week(practice: Practice, language: str, where: Position, own: Booking | None = None) -> Week:
    """A week of free times from the chosen day, or from the first free one where no day was chosen.

    Times that other patients hold are left out; the one that `own` holds is not.
    """
    today = timezone.now().astimezone(practice.zone).date()
    end = today + HORIZON
    asked = where.choice.day
    first = min(max(asked or today, today), end)
    free = _free(practice, language, where, first, min(first + WEEK - timedelta(days=1), end), own)
    next_free = None
    if not free:
        next_free = _first_free_day(practice, language, where, first + WEEK, end, own)
        if next_free and asked is None:
            first, next_free = next_free, None
            free = _free(practice, language, where, first, min(first + WEEK - timedelta(days=1), end), own)
    last = min(first + WEEK - timedelta(days=1), end)
    days: dict[date, list[Time]] = {}
    for time in named(where, free):
        days.setdefault(time.start.date(), []).append(time)
    return Week(
        first=first,
        last=last,
        days=[Day(day, times) for day, times in days.items()],
        earlier=max(today, first - WEEK) if first > today else None,
        later=first + WEEK if first + WEEK <= end else None,
        next_free=next_free,
        horizon=end,
    )


def nearest(
    practice: Practice,
    language: str,
    where: Position,
    start: datetime,
    provider_id: str | None,
    own: Booking | None = None,
) -> list[Time]:
    """Three times to offer instead of one that was just taken: the same day, the same provider, another provider."""
    day = start.astimezone(practice.zone).date()
    widest = replace(where, choice=replace(where.choice, provider=ANY), provider=None) if where.any_provider else where
    today = timezone.now().astimezone(practice.zone).date()
    free = _free(practice, language, widest, max(day - WEEK, today), min(day + WEEK, today + HORIZON), own)
    times = sorted(named(where, free), key=lambda time: abs(time.start - start))
    wishes: list[Callable[[Time], bool]] = [
        lambda time: time.start.date() == day and time.slot.provider_id == provider_id,
        lambda time: time.slot.provider_id == provider_id,
        lambda time: time.slot.provider_id != provider_id,
        lambda time: True,
        lambda time: True,
        lambda time: True,
    ]
    found: list[Time] = []
    for wish in wishes:
        match = next((time for time in times if time not in found and wish(time)), None)
        if match and len(found) < 3:
            found.append(match)
    return sorted(found, key=lambda time: time.start)


def named(where: Position, slots: list[Slot]) -> list[Time]:
    """The slots with the names of their clinics and providers, as far as those are known."""
    clinics = {offer.clinic.id: offer.clinic.name for offer in where.offers}
    people = {(offer.clinic.id, p.id): p.name for offer in where.offers for p in offer.providers}
    return [
        Time(slot, clinics.get(slot.clinic_id, ""), people.get((slot.clinic_id, slot.provider_id or ""), ""))
        for slot in slots
    ]


def read_live(practice: Practice, language: str, where: Position, slot_id: str) -> Slot | None:
    """This slot as the vendor offers it at this moment, or None. What was kept of the service's times is forgotten.

    Where the vendor reserves, its reservation is the live reading, so a slot seen lately will do.
    """
    vendor = connections.vendor_for(practice)
    known = seen(practice, where, slot_id)
    if vendor.capabilities.reserve and known:
        return known
    if known:
        day = known.start.astimezone(practice.zone).date()
        search = _search(where, language, day, day)
        search = replace(search, clinic_id=known.clinic_id, provider_id=known.provider_id)
        found = _live(practice, search)
    else:  # from a page that is older than what we keep
        today = timezone.now().astimezone(practice.zone).date()
        found = []
        day = today
        while day <= today + HORIZON and not any(slot.id == slot_id for slot in found):
            first, last = vendor.window(day)
            found = _live(practice, _search(where, language, max(first, today), min(last, today + HORIZON)))
            day = last + timedelta(days=1)
    slot = next((slot for slot in found if slot.id == slot_id), None)
    if slot is None:
        forget_times(practice, where.choice.service)
    return slot


def still_offered(booking: Booking) -> bool:
    """Whether the vendor offers a held slot at this moment."""
    day = booking.local_start.date()
    search = Search(
        service_id=booking.service_id,
        first=day,
        last=day,
        clinic_id=booking.clinic_id,
        provider_id=booking.provider_id or None,
        language=booking.language,
    )
    return any(slot.id == booking.slot_id for slot in _live(booking.practice, search))


def _live(practice: Practice, search: Search) -> list[Slot]:
    """As the vendor offers it now. Patients who ask the same at the same moment share one reading."""
    return _once_for_all((practice.pk, f"live {search}"), lambda: connections.vendor_for(practice).slots(search))


def forget_times(practice: Practice, service_id: str) -> None:
    """A time of this service was taken or given: what was kept of its times is no longer true."""
    Snapshot.objects.filter(practice=practice, name__startswith=f"times {service_id} ").update(
        read_at=timezone.now() - FRESH_TIMES  # read anew for the next page; an older page's times are still known
    )


def _free(
    practice: Practice, language: str, where: Position, first: date, last: date, own: Booking | None
) -> list[Slot]:
    now = timezone.now()
    slots = _slots(practice, language, where, first, last)
    bookable = [slot for slot in slots if slot.start > now and first <= slot.start.date() <= last]
    allowed = {(offer.clinic.id, p.id) for offer in where.here for p in offer.providers}
    clinics = {offer.clinic.id for offer in where.here}
    bookable = [
        slot
        for slot in bookable
        if slot.clinic_id in clinics and (slot.provider_id is None or (slot.clinic_id, slot.provider_id) in allowed)
    ]
    return collisions.without_held(practice, bookable, own)


def _first_free_day(
    practice: Practice, language: str, where: Position, first: date, end: date, own: Booking | None
) -> date | None:
    vendor = connections.vendor_for(practice)
    day = first
    while day <= end:
        last = min(max(vendor.window(day)[1], day), end)
        free = _free(practice, language, where, day, last, own)
        if free:
            return free[0].start.date()
        day = last + timedelta(days=1)
    return None


def _slots(practice: Practice, language: str, where: Position, first: date, last: date) -> list[Slot]:
    """All slots of these days as last read, at most `FRESH_TIMES` old; read in the vendor's own windows."""
    vendor = connections.vendor_for(practice)
    today = timezone.now().astimezone(practice.zone).date()
    slots: list[Slot] = []
    day = first
    while day <= last:
        start, end = vendor.window(day)
        search = _search(where, language, max(start, today), min(end, today + HORIZON))
        slots += _kept(
            practice,
            _times_name(where, start),
            FRESH_TIMES,
            FRESH_TIMES,
            list[Slot],
            lambda search=search: vendor.slots(search),  # type: ignore[misc]
        )
        day = max(end, day) + timedelta(days=1)
    return [_in_zone(slot, practice) for slot in slots]


def _search(where: Position, language: str, first: date, last: date) -> Search:
    choice = where.choice
    return Search(
        service_id=choice.service,
        first=first,
        last=last,
        clinic_id=None if choice.clinic == ANY else choice.clinic,
        provider_id=None if choice.provider == ANY else choice.provider,
        language=language,
    )


def _times_name(where: Position, first: date) -> str:
    choice = where.choice
    return f"times {choice.service} {choice.clinic} {choice.provider} {first}"


def seen(practice: Practice, where: Position, slot_id: str) -> Slot | None:
    """This slot as it was last read, by any process, while that is kept."""
    for snapshot in Snapshot.objects.filter(practice=practice, name__startswith=f"times {where.choice.service} "):
        for slot in _converter.loads(snapshot.value, list[Slot]):
            if slot.id == slot_id:
                return _in_zone(slot, practice)
    return None


def _in_zone(slot: Slot, practice: Practice) -> Slot:
    """A slot that was kept has an offset but lost its zone."""
    return replace(slot, start=slot.start.astimezone(practice.zone), end=slot.end.astimezone(practice.zone))


# --- What is kept ----------------------------------------------------------------------------------------------------


def _kept[T](
    practice: Practice, name: str, fresh: timedelta, stale: timedelta, form: type[T], read: Callable[[], T]
) -> T:
    """What was read under this name while it is fresh, else read anew; a stale one where the vendor is in trouble."""
    now = timezone.now()
    kept = Snapshot.objects.filter(practice=practice, name=name, read_at__gt=now - stale).first()
    if kept and kept.read_at > now - fresh:
        return _converter.loads(kept.value, form)

    def read_and_keep() -> T:
        value = read()
        _keep(practice, name, _converter.dumps(value, form), now)
        return value

    try:
        return _once_for_all((practice.pk, name), read_and_keep)
    except (VendorUnavailable, UnexpectedResponse) as error:
        if not kept:
            raise
        audit.trouble(practice.slug, error)
        return _converter.loads(kept.value, form)


@dataclass(frozen=True, slots=True)
class _Flight:
    """A reading under way."""

    thread: int
    landed: Future[Any]


_flights: dict[tuple[int, str], _Flight] = {}
_flights_lock = threading.Lock()


def _once_for_all[T](key: tuple[int, str], read: Callable[[], T]) -> T:
    """Whoever of this process comes first reads; those who come meanwhile wait, and get what that one got.

    A hundred patients who look at once would otherwise be a hundred calls, and most of them refused at the bulkhead.
    """
    own = _Flight(threading.get_ident(), Future())
    with _flights_lock:
        flight = _flights.setdefault(key, own)
    if flight.thread == own.thread and flight is not own:
        return read()  # nobody waits for themselves
    if flight is not own:
        connections.release_connection()
        try:
            landed: T = flight.landed.result(timeout=max(connections.page_seconds_left(), 0))
        except TimeoutError as error:
            raise VendorUnavailable("another reading of the same took too long") from error
        return landed
    try:
        value = read()
    except BaseException as error:
        own.landed.set_exception(error)
        raise
    else:
        own.landed.set_result(value)
        return value
    finally:
        with _flights_lock:
            del _flights[key]


def _keep(practice: Practice, name: str, value: str, read_at: datetime) -> None:
    try:
        with transaction.atomic():
            Snapshot.objects.update_or_create(
                practice=practice, name=name, defaults={"value": value, "read_at": read_at}
            )
    except IntegrityError:  # another process kept the same reading first
        pass
