"""Pure: what the patient chose and what is offered, to the first step still open."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from vendors.base import Offer, Provider, ProviderChoice, ScreeningQuestion, Service

ANY = "any"
KEPT = ("service", "clinic", "provider", "screened", "after", "before")


class Step(StrEnum):
    SERVICE = "service"
    CLINIC = "clinic"
    SCREENING = "screening"
    PROVIDER = "provider"
    TIMES = "times"


@dataclass(frozen=True, slots=True)
class Choice:
    """What an address says was chosen. Empty: not yet. `ANY`: the patient leaves it open."""

    service: str = ""
    clinic: str = ""
    provider: str = ""
    screened: str = ""
    """A signed statement that the screening questions were answered rightly."""
    day: date | None = None
    """The first day to show."""
    held: str = ""
    """The token of the hold that the patient already has."""
    days: tuple[int, ...] = ()
    """Wished days of the week, 1 (Monday) to 7, in order. None: all of them."""
    after: str = ""
    """`HH:MM`: no earlier start is wished."""
    before: str = ""
    """`HH:MM`: the start is wished earlier than this."""

    @classmethod
    def kept(cls, values: Mapping[str, Any], **more: Any) -> "Choice":
        """As `to_keep` gave it, with what has changed since."""
        return cls(**{**values, "days": tuple(values.get("days", ())), **more})

    def to_keep(self) -> dict[str, Any]:
        """All that leads back to the same times, as JSON; neither the day nor the token."""
        return {name: getattr(self, name) for name in KEPT} | {"days": list(self.days)}

    @property
    def wishes(self) -> bool:
        return bool(self.days or self.after or self.before)

    def wished(self, start: datetime) -> bool:
        """Whether a time that begins then, by the clinic's clock, is as wished."""
        clock = f"{start:%H:%M}"
        return (
            (not self.days or start.isoweekday() in self.days)
            and clock >= self.after
            and (not self.before or clock < self.before)
        )


@dataclass(frozen=True, slots=True)
class Position:
    """Where the patient stands: the step that is open, and everything settled so far filled in."""

    step: Step
    choice: Choice
    services: Sequence[Service]
    service: Service | None = None
    offers: Sequence[Offer] = ()
    """Where the chosen service is offered."""
    offer: Offer | None = None
    """The chosen clinic's, or None for any clinic."""
    provider: Provider | None = None
    gone: str = ""
    """The step whose id in the address is unknown, if one is."""
    as_of: datetime | None = None
    """Since when what is offered could not be read anew, where that is so."""
    read_at: tuple[datetime, ...] = ()
    """When the lists that all this was found in were read: while these are the same, so is what is offered."""

    @property
    def here(self) -> Sequence[Offer]:
        """The offers that the choice of clinic leaves."""
        return [self.offer] if self.offer else self.offers

    @property
    def with_provider(self) -> Sequence[Offer]:
        """The offers with somebody of the chosen provider's id, which at some vendors names another at each clinic."""
        return [offer for offer in self.offers if any(p.id == self.choice.provider for p in offer.providers)]

    @property
    def any_clinic(self) -> bool:
        """Whether "any clinic" may be chosen: there are several, and all ask the same before a time is held."""
        return len(self.offers) > 1 and len({offer.screening for offer in self.offers}) == 1

    @property
    def any_provider(self) -> bool:
        """Whether "any provider" may be chosen: there are several, and nowhere must one be named."""
        several = sum(len(offer.providers) for offer in self.here) > 1
        return several and all(offer.provider_choice is not ProviderChoice.REQUIRED for offer in self.here)

    @property
    def screening(self) -> tuple[ScreeningQuestion, ...]:
        return self.here[0].screening if self.here else ()

    def skipped(self, step: Step) -> bool:
        """Whether there was nothing to choose at this step."""
        if step is Step.SERVICE:
            return len(self.services) == 1
        if step is Step.CLINIC:
            return len(self.offers) == 1
        return sum(len(offer.providers) for offer in self.here) <= 1


def position(
    choice: Choice,
    services: Sequence[Service],
    offers_of: Callable[[Service], Sequence[Offer]],
    screened: Callable[[Choice, tuple[ScreeningQuestion, ...]], bool],
) -> Position:
    """The first step still open.

    `screened` tells whether the choice's signed statement is that these questions were answered at the choice's clinic.
    """
    here = Position(Step.SERVICE, choice, services)
    service = _chosen(choice.service, services)
    if service is None:
        if choice.service:
            return replace(here, choice=replace(choice, service="", clinic="", provider=""), gone=Step.SERVICE)
        return here  # a clinic or provider may be chosen already, for whatever service it will be
    offers = list(offers_of(service))
    choice = replace(choice, service=service.id)
    if not offers:
        return replace(here, choice=replace(choice, service="", clinic="", provider=""), gone=Step.SERVICE)

    here = Position(Step.CLINIC, choice, services, service, offers)
    offer = _offer(choice.clinic, offers)
    if offer is None and choice.clinic not in ("", ANY):
        return replace(here, choice=replace(choice, clinic="", provider=""), gone=Step.CLINIC)
    if offer is None and len(here.with_provider) == 1:  # whoever is at one clinic only leads there
        offer = here.with_provider[0]
    if offer is None and (here.with_provider or not (choice.clinic == ANY and here.any_clinic)):
        return replace(here, choice=replace(choice, clinic=""))  # the provider waits for the clinic
    choice = replace(choice, clinic=offer.clinic.id if offer else ANY)

    here = Position(Step.SCREENING, choice, services, service, offers, offer)
    clinics = [choice.clinic, ANY] if here.any_clinic else [choice.clinic]  # all asked the same: so did this one
    if here.screening and not any(screened(replace(choice, clinic=c), here.screening) for c in clinics):
        return replace(here, choice=replace(choice, screened=""))

    here = replace(here, step=Step.PROVIDER)
    providers = [p for o in here.here for p in o.providers]
    if not providers:
        return replace(here, step=Step.TIMES, choice=replace(choice, provider=ANY))
    if choice.provider == ANY and here.any_provider:
        return replace(here, step=Step.TIMES)
    if len(providers) == 1 and choice.provider in ("", ANY, providers[0].id):
        provider: Provider | None = providers[0]
    else:
        provider = next((p for p in providers if p.id == choice.provider), None)
    if provider is None:
        gone = Step.PROVIDER if choice.provider not in ("", ANY) else ""
        return replace(here, choice=replace(choice, provider=""), gone=gone)
    if offer is None:
        offer = next(o for o in offers if provider in o.providers)
        choice = replace(choice, clinic=offer.clinic.id)
    return replace(here, step=Step.TIMES, choice=replace(choice, provider=provider.id), offer=offer, provider=provider)


def _chosen(service_id: str, services: Sequence[Service]) -> Service | None:
    if not service_id and len(services) == 1:
        return services[0]
    return next((service for service in services if service.id == service_id), None)


def _offer(clinic_id: str, offers: Sequence[Offer]) -> Offer | None:
    if len(offers) == 1 and clinic_id in ("", ANY):
        return offers[0]
    return next((offer for offer in offers if offer.clinic.id == clinic_id), None)
