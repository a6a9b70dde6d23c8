"""What the worker reads ahead, so that pages need not wait: for practices that have visitors, and for no others.

What pages asked for lately is read again before it is too old to be shown; what they will ask for next is read once:
the first free times of each service. Patients' own calls come first (`connections.DatabaseTurns`).
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from time import monotonic

from django.db.models import Q, QuerySet
from django.utils import timezone

from booking import audit, catalogue, connections, kept
from booking.models import Online, Practice, Snapshot
from booking.steps import ANY, Choice, Position, Step
from vendors.base import AuthenticationFailed, Offer, ProviderChoice, Service, Vendor, VendorError

VISITED_WITHIN = timedelta(minutes=3)
ASKED_WITHIN = timedelta(seconds=90)
"""Times that one visitor looked at once are read again twice, and then no more: most look on elsewhere."""
TIMES_AGAIN_AFTER = timedelta(seconds=35)
"""Well before `catalogue.TIMES.fresh`, so that a page finds them fresh."""
LISTS_AGAIN_AFTER = timedelta(minutes=4)
WHOLE_AFTER = timedelta(minutes=5)
"""So long "nothing changed" is believed of the diary: it says nothing of opening hours."""
READ_SECONDS = 30.0
ROUND_SECONDS = 45.0
REST_SECONDS = 300.0
"""So long nothing is read ahead at a vendor that refuses our credentials, or until the practice is changed."""
EXPECTED = 12
"""So many searches are expected of the patients of one practice."""

_resting: dict[int, tuple[datetime, float]] = {}
"""By practice: how old it was when its vendor refused us, and the end of the rest on this process's clock."""


def practices() -> QuerySet[Practice]:
    """Those that have visitors, or had a few minutes ago."""
    return Practice.objects.defer("logo").filter(visited_at__gt=timezone.now() - VISITED_WITHIN, online=Online.OPEN)


def again(practice: Practice) -> None:
    """Reads what pages asked for lately, before it gets old. A vendor that does not answer ends the round."""
    unless_refused(practice, lambda: _again(practice, monotonic() + ROUND_SECONDS))


def expect(practice: Practice) -> None:
    """Reads what a visitor looks at next. A vendor that does not answer ends the round."""
    unless_refused(practice, lambda: _expect(practice, monotonic() + ROUND_SECONDS))


def unless_refused(practice: Practice, read: Callable[[], object]) -> None:
    """Work that nobody waits for: not done while the practice rests. What it raises of the vendor's is written down."""
    refused, rests_until = _resting.get(practice.pk, (None, 0.0))
    if refused == practice.changed_at and monotonic() < rests_until:
        return
    try:
        read()
    except VendorError as error:
        audit.trouble(practice.slug, error)
        if isinstance(error, AuthenticationFailed):
            _resting[practice.pk] = (practice.changed_at, monotonic() + REST_SECONDS)


def _again(practice: Practice, ends: float) -> None:
    now = timezone.now()
    asked = Snapshot.objects.filter(practice=practice, asked_at__gt=now - VISITED_WITHIN)
    old_times = Q(name__startswith="times ", read_at__lt=now - TIMES_AGAIN_AFTER, asked_at__gt=now - ASKED_WITHIN)
    old_lists = ~Q(name__startswith="times ") & Q(read_at__lt=now - LISTS_AGAIN_AFTER)
    due = list(asked.filter(old_times | old_lists).exclude(about={}).defer("value").order_by("read_at"))
    vendor = connections.vendor_for(practice, budget=READ_SECONDS)
    unchanged = _unchanged(vendor, due)
    for row in due:
        if monotonic() >= ends:
            return
        if row.pk in unchanged:
            # As of when it was asked; somebody may have read it, or taken a time out of it, meanwhile.
            Snapshot.objects.filter(pk=row.pk, read_at=row.read_at).update(read_at=now)
        else:
            _read_row(practice, row)


def _unchanged(vendor: Vendor, due: list[Snapshot]) -> set[int]:
    """The readings of times that the vendor says are still true, asked with one call for all."""
    since = timezone.now() - WHOLE_AFTER
    times = [row for row in due if row.about["kind"] == "times" and row.whole_read_at and row.whole_read_at > since]
    if not times or not vendor.capabilities.changed:
        return set()
    return set() if vendor.changed(min(row.read_at for row in times)) else {row.pk for row in times}


def _read_row(practice: Practice, row: Snapshot) -> None:
    asked_at = timezone.now()
    about = row.about
    vendor = connections.vendor_for(practice, budget=READ_SECONDS)
    if about["kind"] == "services":
        services = catalogue.read_services(practice, about["language"], READ_SECONDS)
        kept.keep(practice, catalogue.SERVICES, row.name, about, services, asked_at)
    elif about["kind"] == "offers":
        offers = vendor.offers(about["service"], about["language"])
        kept.keep(practice, catalogue.OFFERS, row.name, about, offers, asked_at)
    else:
        search = catalogue.search_of(about)
        today = asked_at.astimezone(practice.zone).date()
        if search.last < today:
            return
        search = replace(search, first=max(search.first, today))
        kept.keep(practice, catalogue.TIMES, row.name, catalogue.times_about(search), vendor.slots(search), asked_at)


def _expect(practice: Practice, ends: float) -> None:
    """The first free times of each service, where they are not kept at all: what a visitor looks at next."""
    language = practice.languages[0]
    searches = itertools.chain.from_iterable(
        _positions(service, catalogue.offers(practice, language, service))
        for service in catalogue.services(practice, language)
    )
    for where in itertools.islice(searches, EXPECTED):
        if monotonic() >= ends:
            return
        choice = where.choice
        name = f"times {choice.service} {choice.clinic} {choice.provider} "
        there = Snapshot.objects.filter(practice=practice, name__startswith=name)
        if not there.exists():
            with connections.page():
                catalogue.week(practice, language, where)
        else:  # it stays fresh as long as the practice has visitors
            now = timezone.now()
            there.filter(asked_at__lt=now - ASKED_WITHIN / 2).update(asked_at=now)


def _positions(service: Service, offers: list[Offer]) -> Iterator[Position]:
    """Where a patient who leaves as much open as can be left stands before the times of this service."""
    everywhere = Position(Step.TIMES, Choice(service.id, ANY, ANY), [service], service, offers)
    if everywhere.any_clinic and everywhere.any_provider:
        yield everywhere
        return
    for offer in offers:
        here = replace(everywhere, choice=Choice(service.id, offer.clinic.id, ANY), offer=offer)
        if offer.provider_choice is not ProviderChoice.REQUIRED and len(offer.providers) != 1:
            yield here
        else:
            for provider in offer.providers:
                choice = Choice(service.id, offer.clinic.id, provider.id)
                yield replace(here, choice=choice, provider=provider)
