"""What can be booked: the vendor's services, clinics, providers and times, less what the practice rules out.

How it is kept is `kept.py`'s business. A time is only ever promised after it was read live.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from django.core import signing
from django.db.models import Q
from django.utils import timezone

from booking import audit, collisions, connections, kept, practices, rules, steps
from booking.models import Booking, Practice, Snapshot
from booking.steps import ANY, Choice, Position
from vendors.base import Offer, ScreeningQuestion, Search, Service, Slot, VendorUnavailable

SERVICES = kept.Kind(list[Service], fresh=timedelta(minutes=5), stale=timedelta(hours=24))
OFFERS = kept.Kind(list[Offer], fresh=timedelta(minutes=5), stale=timedelta(hours=24))


def _in_zone(practice: Practice, slots: list[Slot]) -> list[Slot]:
    """JSON keeps the offset of a time, and loses its zone."""
    zone = practice.zone
    for slot in slots:  # they were made a moment ago, and nobody has them yet
        object.__setattr__(slot, "start", slot.start.astimezone(zone))
        object.__setattr__(slot, "end", slot.end.astimezone(zone))
    return slots


TIMES = kept.Kind(list[Slot], fresh=timedelta(minutes=1), stale=timedelta(minutes=5), completed=_in_zone)
WEEK = timedelta(days=7)
WARM_SECONDS = 60.0
VISIT_EVERY = timedelta(minutes=1)
SCREENED_FOR = 24 * 3600
"""Seconds that a right answer to the screening questions counts."""


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

    @property
    def iso(self) -> str:
        return self.slot.start.isoformat()


@dataclass(frozen=True, slots=True)
class Day:
    date: date
    times: tuple[Time, ...]

    @property
    def parts(self) -> list[tuple[str, list[Time]]]:
        """The morning's times and the afternoon's, as far as there are some."""
        parts = {"morning": [t for t in self.times if t.morning], "afternoon": [t for t in self.times if not t.morning]}
        return [(name, times) for name, times in parts.items() if times]


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
    looked_to: date | None
    """Where no free day was found in the time that a page has: from there on nothing is known yet."""
    horizon: date
    """The last day that can be booked."""
    as_of: datetime
    """When the oldest of what is shown was read."""

    @property
    def is_old(self) -> bool:
        """Whether the times are older than they are while the vendor is well, so that patients should know."""
        return self.as_of < timezone.now() - TIMES.fresh

    @property
    def lengths_differ(self) -> bool:
        """Whether one of the times takes longer than another, so that each has to say when it ends."""
        return len({time.slot.end - time.slot.start for day in self.days for time in day.times}) > 1


# --- Lists -----------------------------------------------------------------------------------------------------------


def position(practice: Practice, language: str, choice: Choice) -> Position:
    """Where a patient with this choice stands. Raises what the vendor raises."""
    visited(practice)
    ages: list[datetime] = []
    names: dict[str, kept.Kind[Any]] = {_services_name(language): SERVICES}
    if choice.service:
        names[_offers_name(language, choice.service)] = OFFERS
    found = kept.find(practice, names)

    def offers_of(service: Service) -> list[Offer]:
        return _offers(practice, language, service, ages, found if service.id == choice.service else None)

    where = steps.position(
        choice,
        _services(practice, language, ages, found),
        offers_of,
        lambda chosen, questions: is_screened(practice, chosen, questions),
    )
    as_of = min(ages)
    return replace(where, read_at=tuple(ages), as_of=as_of if as_of <= timezone.now() - SERVICES.fresh else None)


def visited(practice: Practice) -> None:
    """Somebody looks at this practice's pages: what is asked for there is worth reading ahead for a while."""
    now = timezone.now()
    if practice.visited_at is None or practice.visited_at < now - VISIT_EVERY:
        long_ago = Q(visited_at=None) | Q(visited_at__lt=now - VISIT_EVERY)
        Practice.objects.filter(long_ago, pk=practice.pk).update(visited_at=now)
        practice.visited_at = now


def services(practice: Practice, language: str) -> list[Service]:
    """The services on offer, under the practice's own names where it gave some."""
    return _services(practice, language, [])


def offers(practice: Practice, language: str, service: Service) -> list[Offer]:
    """Where and with whom a service is offered, less what the practice's own settings leave out."""
    return _offers(practice, language, service, [])


type Found = dict[str, kept.Reading[Any]]


def _services(practice: Practice, language: str, ages: list[datetime], found: Found | None = None) -> list[Service]:
    reading = kept.get(
        practice,
        SERVICES,
        _services_name(language),
        {"kind": "services", "language": language},
        lambda: read_services(practice, language),
        found=found,
    )
    ages.append(reading.read_at)
    own = practices.services_of(practice)
    shown = []
    for service in reading.value:
        said = own.get(service.id)
        if said is None:
            shown.append(service)
        elif not said.hidden:
            name = said.name.get(language) or service.name
            description = said.description.get(language) or service.description
            shown.append(replace(service, name=name, description=description))
    return shown


def _services_name(language: str) -> str:
    return f"services {language}"


def _offers_name(language: str, service_id: str) -> str:
    return f"offers {language} {service_id}"


def _offers(
    practice: Practice, language: str, service: Service, ages: list[datetime], found: Found | None = None
) -> list[Offer]:
    offered: Sequence[Offer] | None = service.offers
    if offered is None:
        reading = kept.get(
            practice,
            OFFERS,
            _offers_name(language, service.id),
            {"kind": "offers", "language": language, "service": service.id},
            lambda: connections.vendor_for(practice).offers(service.id, language),
            found=found,
        )
        ages.append(reading.read_at)
        offered = reading.value
    return left_by_practice(practice, service.id, offered)


def read_services(practice: Practice, language: str, budget: float | None = None) -> list[Service]:
    """The services as the vendor has them now. Staff can read in the audit trail what became different there."""
    read = connections.vendor_for(practice, budget=budget).services(language)
    if language == practice.languages[0]:
        before = kept.last(practice, SERVICES, _services_name(language))
        if before is not None and (different := _differences(before, read)):
            audit.write(audit.SYSTEM, "services changed at the vendor", practice=practice.slug, outcome=different)
    return read


def _differences(before: list[Service], now: list[Service]) -> str:
    """In words of ours: which services, clinics and providers came, went, or have another name."""

    def names(services: list[Service]) -> dict[tuple[str, ...], str]:
        found: dict[tuple[str, ...], str] = {("service", service.id): service.name for service in services}
        for service in services:
            for offer in service.offers or ():
                found["clinic", offer.clinic.id] = offer.clinic.name
                for provider in offer.providers:
                    found["provider", offer.clinic.id, provider.id] = provider.name
        return found

    old, new = names(before), names(now)
    lines = [f"new {key[0]}: {name}" for key, name in new.items() if key not in old]
    lines += [f"{key[0]} gone: {name}" for key, name in old.items() if key not in new]
    lines += [f"{key[0]} {old[key]} is now {name}" for key, name in new.items() if old.get(key, name) != name]
    return "; ".join(lines)


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
        asked_at = timezone.now()
        read = read_services(practice, language, WARM_SECONDS)
        about = {"kind": "services", "language": language}
        kept.keep(practice, SERVICES, _services_name(language), about, read, asked_at)


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

    Times that other patients hold are left out; the one that `own` holds is not. Raises what the vendor raises.
    """
    now = timezone.now().astimezone(practice.zone)
    today, end = now.date(), max(rules.of(practice, where.choice.service).last_day(now), now.date())
    ages: list[datetime] = []
    asked = where.choice.day
    first = min(max(asked or today, today), end)

    def free_from(day: date) -> list[Slot]:
        return _free(practice, language, where, day, min(day + WEEK - timedelta(days=1), end), own, ages)

    free = free_from(first)
    next_free = looked_to = None
    if not free:
        next_free, looked_to = _first_free_day(practice, language, where, first + WEEK, end, own, ages)
        if next_free and asked is None:
            first, next_free = next_free, None
            free = free_from(first)
    days: dict[date, list[Time]] = {}
    for time in named(where, free):
        days.setdefault(time.start.date(), []).append(time)
    return Week(
        first=first,
        last=min(first + WEEK - timedelta(days=1), end),
        days=[Day(day, tuple(times)) for day, times in days.items()],
        earlier=max(today, first - WEEK) if first > today else None,
        later=first + WEEK if first + WEEK <= end else None,
        next_free=next_free,
        looked_to=looked_to,
        horizon=end,
        as_of=min(ages, default=timezone.now()),
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
    now = timezone.now().astimezone(practice.zone)
    last = rules.of(practice, where.choice.service).last_day(now)
    if not now.date() <= start.astimezone(practice.zone).date() <= last:
        start = now  # nobody offered that, so any time is as good as another
    day = start.astimezone(practice.zone).date()
    widest = replace(where, choice=replace(where.choice, provider=ANY), provider=None) if where.any_provider else where
    free = _free(practice, language, widest, max(day - WEEK, now.date()), min(day + WEEK, last), own, [])
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


def read_live(practice: Practice, language: str, where: Position, slot_id: str) -> tuple[Slot | None, datetime]:
    """This slot as the vendor offers it at this moment, or None; then it is no longer among what is kept.

    With it, when this reading began. Where the vendor reserves, its reservation is the live reading, so a slot seen
    lately will do.
    """
    vendor = connections.vendor_for(practice)
    if vendor.capabilities.reserve and (known := seen(practice, where, slot_id)):
        return known, timezone.now()
    told = vendor.slot_of(slot_id)
    if told is None or not is_here(where, told):
        return None, timezone.now()
    read_at, found = _live(practice, _search_of(told, where.choice.service, language))
    slot = next((slot for slot in found if slot.id == slot_id), None)
    if slot is None:
        taken(practice, where.choice.service, slot_id)
    return slot, read_at


def told_by(practice: Practice, slot_id: str) -> Slot | None:
    """What the id of a time says of it, also when it is long gone. None where it is none of this vendor's."""
    return connections.vendor_for(practice).slot_of(slot_id)


def still_offered(booking: Booking) -> bool:
    """Whether the vendor offers a held slot at this moment."""
    told = told_by(booking.practice, booking.slot_id)
    if told is None:
        return False
    _read_at, found = _live(booking.practice, _search_of(told, booking.service_id, booking.language))
    return any(slot.id == booking.slot_id for slot in found)


def _search_of(slot: Slot, service_id: str, language: str) -> Search:
    """For this very slot, on its day at its clinic."""
    day = slot.start.date()
    return Search(service_id, day, day, slot.clinic_id, slot.provider_id, language, every_chair=True)


def _live(practice: Practice, search: Search) -> tuple[datetime, list[Slot]]:
    """As the vendor offers it now, and since when. Patients who ask the same at the same moment share one reading."""

    def read() -> tuple[datetime, list[Slot]]:
        return timezone.now(), connections.vendor_for(practice).slots(search)

    return kept.in_one_flight((practice.pk, f"live {search}"), read)


def forget_times(practice: Practice, service_id: str) -> None:
    """A time of this service was taken or given: what was kept of its times is read anew for the next page."""
    Snapshot.objects.filter(
        practice=practice, name__startswith=f"times {service_id} ", read_at__gt=timezone.now() - TIMES.fresh
    ).update(read_at=timezone.now() - TIMES.fresh)


def taken(practice: Practice, service_id: str, slot_id: str) -> None:
    """This time was refused: it is shown to nobody any more, also while nothing can be read anew."""
    _take_out(practice, service_id, lambda slot: slot.id == slot_id)
    forget_times(practice, service_id)


def held(booking: Booking) -> None:
    """The vendor keeps this time for one patient: no other sees it.

    What it occupies is for `collisions` to leave out. Times that do not say what they occupy ("any provider") may have
    been free because of just this one, so they are out until the next reading.
    """

    def gone(slot: Slot) -> bool:
        if slot.id == booking.slot_id:
            return not booking.occupies
        overlap = slot.start < booking.end and booking.start < slot.end
        return overlap and not slot.occupies and slot.clinic_id == booking.clinic_id

    _take_out(booking.practice, booking.service_id, gone)


def booked(booking: Booking) -> None:
    """This booking's time is gone, and with it what else it occupies.

    `collisions` leaves both out of what was read before. Where the slot says nothing of what it occupies, only the
    vendor knows which other times went with it.
    """
    if not booking.occupies:
        taken(booking.practice, booking.service_id, booking.slot_id)


def _take_out(practice: Practice, service_id: str, gone: Callable[[Slot], bool]) -> None:
    for row, slots in kept.rows(practice, TIMES, f"times {service_id} "):
        left = [slot for slot in slots if slot.places > 1 or not gone(slot)]
        if len(left) < len(slots):
            kept.replace(row, TIMES, left, row.read_at)


def _free(
    practice: Practice,
    language: str,
    where: Position,
    first: date,
    last: date,
    own: Booking | None,
    ages: list[datetime],
) -> list[Slot]:
    """The times from `first` to `last` that this patient may book now. `ages` is told when they were read."""
    now = timezone.now().astimezone(practice.zone)
    own_rules = rules.of(practice, where.choice.service)
    clinics, allowed = _allowed(where)
    begin, end = (
        datetime(day.year, day.month, day.day, tzinfo=practice.zone) for day in (first, last + timedelta(days=1))
    )
    bookable = []
    for reading in _readings(practice, language, where, first, last):
        ages.append(reading.read_at)
        slots = [
            slot
            for slot in reading.value
            if begin <= slot.start < end
            and own_rules.allow(slot.start, now)
            and where.choice.wished(slot.start)
            and slot.clinic_id in clinics
            and (slot.provider_id is None or (slot.clinic_id, slot.provider_id) in allowed)
        ]
        bookable += collisions.without_held(practice, slots, own, reading.read_at)
    return bookable


def _allowed(where: Position) -> tuple[set[str], set[tuple[str, str]]]:
    """The clinics of this choice, and (clinic, provider) as the practice lets patients book them."""
    allowed = {(offer.clinic.id, p.id) for offer in where.here for p in offer.providers}
    if where.provider:
        allowed = {(clinic, provider) for clinic, provider in allowed if provider == where.provider.id}
    return {offer.clinic.id for offer in where.here}, allowed


def is_here(where: Position, slot: Slot) -> bool:
    """Whether this time is one of the position's: at a clinic and with a provider that it offers."""
    clinics, allowed = _allowed(where)
    return slot.clinic_id in clinics and (slot.provider_id is None or (slot.clinic_id, slot.provider_id) in allowed)


def _first_free_day(
    practice: Practice,
    language: str,
    where: Position,
    first: date,
    end: date,
    own: Booking | None,
    ages: list[datetime],
) -> tuple[date | None, date | None]:
    """The first day that has a free time; or how far we got, where the vendor was too slow for more in one page."""
    vendor = connections.vendor_for(practice)
    day = first
    while day <= end:
        last = min(max(vendor.window(day)[1], day), end)
        try:
            free = _free(practice, language, where, day, last, own, ages)
        except VendorUnavailable:
            return None, day
        if free:
            return free[0].start.date(), None
        day = last + timedelta(days=1)
    return None, None


def _readings(
    practice: Practice, language: str, where: Position, first: date, last: date
) -> list[kept.Reading[list[Slot]]]:
    """All slots of these days as last read, in the vendor's own windows."""
    vendor = connections.vendor_for(practice)
    now = timezone.now().astimezone(practice.zone)
    today, horizon = now.date(), rules.of(practice, where.choice.service).last_day(now)
    found = []
    day = first
    while day <= last:
        start, end = vendor.window(day)
        search = _search(where, language, max(start, today), max(min(end, horizon), today))
        name = _times_name(where.choice.service, where.choice.clinic, where.choice.provider, start)
        get = partial(kept.get, practice, TIMES, name, times_about(search), partial(vendor.slots, search))
        reading = get(also=_wider(where, start))
        if where.provider and any(slot.provider_id is None for slot in reading.value):
            reading = get()  # times that do not say with whom they are cannot be told apart: ask for this provider's
        found.append(reading)
        day = max(end, day) + timedelta(days=1)
    return found


def _wider(where: Position, start: date) -> tuple[str, ...]:
    """The names of readings that hold these times among others."""
    service, clinic, provider = where.choice.service, where.choice.clinic, where.choice.provider
    names = [
        _times_name(service, c, p, start) for c in dict.fromkeys((clinic, ANY)) for p in dict.fromkeys((provider, ANY))
    ]
    return tuple(names[1:])


def times_about(search: Search) -> dict[str, str]:
    """A search for times as `Snapshot.about` holds it; `search_of` reads it back."""
    return {
        "kind": "times",
        "service": search.service_id,
        "clinic": search.clinic_id or "",
        "provider": search.provider_id or "",
        "first": search.first.isoformat(),
        "last": search.last.isoformat(),
        "language": search.language,
    }


def search_of(about: dict[str, str]) -> Search:
    return Search(
        service_id=about["service"],
        first=date.fromisoformat(about["first"]),
        last=date.fromisoformat(about["last"]),
        clinic_id=about["clinic"] or None,
        provider_id=about["provider"] or None,
        language=about["language"],
    )


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


def _times_name(service: str, clinic: str, provider: str, first: date) -> str:
    return f"times {service} {clinic} {provider} {first}"


def seen(practice: Practice, where: Position, slot_id: str) -> Slot | None:
    """This slot as it was last read, by any process, while that is kept."""
    for _row, slots in kept.rows(practice, TIMES, f"times {where.choice.service} "):
        for slot in slots:
            if slot.id == slot_id:
                found: Slot = slot
                return found
    return None
