"""Whether a practice's patients could book: its vendor asked, reading only, one finding after the other."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from booking import catalogue, collisions, connections, practices, rules
from booking.models import Online, Practice
from vendors.base import (
    AuthenticationFailed,
    Offer,
    ProviderChoice,
    Search,
    Service,
    Slot,
    UnexpectedResponse,
    Vendor,
    VendorError,
    VendorUnavailable,
)

SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Finding:
    what: str
    fine: bool
    text: str


def check(practice: Practice) -> Iterator[Finding]:
    """Findings about credentials, services, clinics, providers, times, and whether booking is open.

    Ends at the first that stops the rest.
    """
    try:
        vendor = connections.vendor_for(practice, budget=SECONDS)
        services = vendor.services(practice.languages[0])
    except VendorError as error:
        yield Finding("credentials", False, cure(error))
        return
    yield Finding("credentials", True, f"{vendor.name} answers")

    own = practices.services_of(practice)
    shown = [service for service in services if not (service.id in own and own[service.id].hidden)]
    for service_id in own.keys() - {service.id for service in services}:
        yield Finding("services", True, f'the practice names service "{service_id}", which the vendor does not have')
    if not shown:
        yield Finding("services", False, "none can be booked online. Open at least one in the practice system")
        return
    yield Finding("services", True, f"{len(shown)}: {_names([service.name for service in shown])}")

    offers: list[tuple[Service, Offer]] = []
    try:
        for service in shown:
            found = vendor.offers(service.id, practice.languages[0]) if service.offers is None else service.offers
            offers += [(service, offer) for offer in catalogue.left_by_practice(practice, service.id, found)]
    except VendorError as error:
        yield Finding("clinics", False, cure(error))
        return
    clinics = {offer.clinic.id: offer.clinic.name for _service, offer in offers}
    if not clinics:
        yield Finding("clinics", False, "no clinic offers any of the services")
        return
    yield Finding("clinics", True, f"{len(clinics)}: {_names(list(clinics.values()))}")
    people = {(offer.clinic.id, p.id): p.name for _service, offer in offers for p in offer.providers}
    yield Finding(
        "providers", True, f"{len(people)}: {_names(list(people.values()))}" if people else "patients choose none"
    )
    yield from _times(vendor, practice, offers)
    yield _online(practice)


def _times(vendor: Vendor, practice: Practice, offers: list[tuple[Service, Offer]]) -> Iterator[Finding]:
    now = timezone.now().astimezone(practice.zone)
    first, end = now.date(), max(rules.of(practice, service.id).last_day(now) for service, _offer in offers)
    try:
        while first <= end:
            last = min(max(vendor.window(first)[1], first), end)
            for service, offer in offers:
                must_choose = offer.provider_choice is ProviderChoice.REQUIRED
                for provider in [p.id for p in offer.providers] if must_choose else [None]:
                    search = Search(service.id, first, last, offer.clinic.id, provider, practice.languages[0])
                    if free := _free(practice, offer, search, vendor.slots(search)):
                        when = f"{free[0].start:%Y-%m-%d %H:%M}"
                        yield Finding("times", True, f"the first for {service.name} at {offer.clinic.name}: {when}")
                        return
            first = last + timedelta(days=1)
    except VendorError as error:
        yield Finding("times", False, cure(error))
        return
    advice = "Publish times in the practice system, or change the practice's rules of lead time, cut-off and horizon"
    yield Finding("times", False, f"none can be booked until {end}. {advice}")


def _free(practice: Practice, offer: Offer, search: Search, slots: list[Slot]) -> list[Slot]:
    """Those that a patient could book now, by the same tests as on the page of times."""
    now = timezone.now().astimezone(practice.zone)
    allowed = rules.of(practice, search.service_id)
    people = {None, *(p.id for p in offer.providers)}
    free = [
        slot
        for slot in slots
        if slot.provider_id in people and allowed.allow(slot.start.astimezone(practice.zone), now)
    ]
    return collisions.without_held(practice, free)


def _online(practice: Practice) -> Finding:
    if practice.online == Online.OPEN:
        return Finding("online", True, "patients can book")
    how = "is paused" if practice.online == Online.PAUSED else "is not open yet"
    return Finding("online", False, f"online booking {how}. Open it on the practice's page in the admin")


def cure(error: VendorError) -> str:
    """What is wrong, for the people who run a practice, and what to do about it."""
    if isinstance(error, connections.NotConnected):
        return f"the connection is not filled in: {error}"
    if isinstance(error, AuthenticationFailed) and error.status == 403:
        return (
            f"the vendor knows our key, and it may not do this ({error}). Check that it has every right (scope) for "
            "booking, and that the tenant, practice or archive number is this practice's own"
        )
    if isinstance(error, AuthenticationFailed):
        return (
            f"the vendor refuses our credentials ({error}). Check each key of the connection for a missing character, "
            "and at the vendor that it was not revoked; where the practice connects by consent, connect it again"
        )
    if isinstance(error, UnexpectedResponse):
        return f"the vendor answers otherwise than agreed ({error}). Check base_url"
    if isinstance(error, VendorUnavailable):
        return f"the vendor cannot be reached ({error}). Check base_url, or try again later"
    return f"{type(error).__name__}: {error}"


def _names(names: list[str]) -> str:
    return ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
