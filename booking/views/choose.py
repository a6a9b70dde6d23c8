"""From the practice's address to a time: service, clinic, screening, provider, times. The address holds all state."""

import re
from dataclasses import replace
from datetime import date, time, timedelta
from typing import Any

from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import get_supported_language_variant
from django.utils.translation.trans_real import parse_accept_lang_header
from django.views.decorators.http import require_http_methods, require_safe

from booking import catalogue, holds, steps, tokens
from booking.dates import locale_of
from booking.forms import ScreeningForm
from booking.middleware import patient_form
from booking.models import Booking, Practice, State
from booking.practices import page_language
from booking.rendering import WEEKDAYS, PatientRequest, address, days_of_times, render_page, wishes
from booking.steps import Choice, Position, Step

ORDER = list(Step)
NO_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters, and halves of characters."""


@require_safe
def start(request: PatientRequest, practice: Practice) -> HttpResponse:
    """To the practice's page in the visitor's language, as far as the practice has it."""
    language = practice.languages[0]
    for wanted, _quality in parse_accept_lang_header(request.headers.get("Accept-Language", "")):
        match = next((code for code in practice.languages if _same(code, wanted)), None)
        if match:
            language = match
            break
    query = request.META["QUERY_STRING"]
    response = redirect(f"/{practice.slug}/{language}/" + (f"?{query}" if query else ""))
    response["Vary"] = "Accept-Language"
    return response


def _same(code: str, wanted: str) -> bool:
    if code.lower() == wanted:
        return True
    try:
        return get_supported_language_variant(wanted) == code
    except LookupError:
        return code.partition("-")[0] == wanted.partition("-")[0]


@require_safe
def service(request: PatientRequest, practice: Practice) -> HttpResponse:
    where = _position(request, practice)
    if where.step is not Step.SERVICE and not _stay(request):
        return go(request, practice, where)
    return _render_step(request, "service", practice, where)


@require_safe
def clinic(request: PatientRequest, practice: Practice) -> HttpResponse:
    return _choose(request, practice, Step.CLINIC)


@require_safe
def provider(request: PatientRequest, practice: Practice) -> HttpResponse:
    return _choose(request, practice, Step.PROVIDER)


def _choose(request: PatientRequest, practice: Practice, step: Step) -> HttpResponse:
    """The page of one choice, unless an earlier one is open, or there is only one thing to choose."""
    where = _position(request, practice, upto=step)
    open_before = ORDER.index(where.step) < ORDER.index(step)
    nothing_to_choose = step is Step.PROVIDER and not any(offer.providers for offer in where.here)
    if open_before or nothing_to_choose or (where.step is not step and not _stay(request)):
        return go(request, practice, where)
    return _render_step(request, step.value, practice, where)


@patient_form
@require_http_methods(["GET", "HEAD", "POST"])
def screening(request: PatientRequest, practice: Practice) -> HttpResponse:
    where = _position(request, practice)
    if ORDER.index(where.step) < ORDER.index(Step.SCREENING) or not where.screening:
        return go(request, practice, where)
    form = ScreeningForm(where.screening, request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        refusal = form.refusal()
        if refusal:
            return render_page(request, "screening", {**around(practice, request, where), "refusal": refusal})
        statement = catalogue.screened(practice, where.choice, where.screening)
        onward = _position(request, practice, screened=statement)
        return see_other(address(practice, language_of(request), onward.step, onward.choice))
    context = {**around(practice, request, where), "form": form, "step": Step.SCREENING}
    return render_page(request, "screening", context)


@require_safe
def times(request: PatientRequest, practice: Practice) -> HttpResponse:
    where = _position(request, practice)
    if where.step is not Step.TIMES:
        return go(request, practice, where)
    own = own_hold(practice, where.choice)
    week = catalogue.week(practice, language_of(request), where, own)
    context = {
        **around(practice, request, where),
        **wishes_context(practice, language_of(request), where),
        "week": week,
        "days": days_of_times(
            week.days,
            own.slot_id if own else "",
            practice=practice.pk,
            language=page_language(language_of(request)),
            locale=locale_of(practice, language_of(request)),
            zone=practice.timezone,
            shows_end=week.lengths_differ or not (where.service and where.service.minutes),
            any_provider=where.choice.provider == steps.ANY,
            any_clinic=where.choice.clinic == steps.ANY,
        ),
        "instead": _instead(practice, language_of(request), where) if not week.days and not week.next_free else [],
        "look_on": _times(request, practice, where, week.looked_to),
        "as_of": week.as_of if week.is_old else where.as_of,
        "own": own,
        "given_back": None if own else _given_back(practice, where.choice),
        "held": where.choice.held or tokens.new(),
        "earlier": _times(request, practice, where, week.earlier),
        "later": _times(request, practice, where, week.later),
        "next_free": _times(request, practice, where, week.next_free),
    }
    return render_page(request, "times", context, part="_week")


# --- The pieces ------------------------------------------------------------------------------------------------------


def choice_of(values: QueryDict) -> Choice:
    """What an address or a form says was chosen. A day that is none is left out."""
    try:
        day = date.fromisoformat(values.get("from", ""))
    except ValueError:
        day = None
    texts = {name: text_of(values, name)[:300] for name in ("service", "clinic", "provider", "screened", "held")}
    named = {name for text in values.getlist("day") for name in text.split(",")}
    days = tuple(number for number, name in enumerate(WEEKDAYS, 1) if name in named)
    clock = {name: _clock(values.get(name, "")) for name in ("after", "before")}
    return Choice(**texts, **clock, day=day, days=days if len(days) < len(WEEKDAYS) else ())


def text_of(values: QueryDict, name: str) -> str:
    """What came under this name. What no text holds, and PostgreSQL refuses, makes of an id one that is not known."""
    return NO_TEXT.sub("\N{REPLACEMENT CHARACTER}", values.get(name, ""))


def _clock(text: str) -> str:
    """`HH:MM`, or nothing where it is none: a wish that cannot be read is none."""
    try:
        return f"{time.fromisoformat(text):%H:%M}"
    except ValueError:
        return ""


def wishes_context(practice: Practice, language: str, where: Position) -> dict[str, Any]:
    """What the forms for wishes and for another day need."""
    choice = where.choice
    fixed = {name: getattr(choice, name) for name in ("service", "clinic", "provider", "screened", "held")}
    monday = date(2024, 1, 1)
    return {
        "fixed": {name: value for name, value in fixed.items() if value},
        "wished": {name: value for name, value in wishes(choice).items() if name != "day"},
        "wished_days": wishes(choice).get("day", []),
        "weekdays": [
            (name, monday + timedelta(days=number), number + 1 in choice.days) for number, name in enumerate(WEEKDAYS)
        ],
        "today": timezone.now().astimezone(practice.zone).date(),
        "clock": [f"{hour:02}:00" for hour in range(7, 20)],
        "without_wishes": address(practice, language, Step.TIMES, replace(choice, days=(), after="", before="")),
    }


def _instead(practice: Practice, language: str, where: Position) -> list[dict[str, Any]]:
    """Where nothing is free: what else could be tried, each one step away."""
    choice = where.choice
    found: list[dict[str, Any]] = []

    def offer(kind: str, name: str, **changes: Any) -> None:
        there = replace(choice, day=None, **changes)
        found.append({"kind": kind, "name": name, "address": address(practice, language, Step.TIMES, there)})

    if choice.wishes:
        offer("wishes", "", days=(), after="", before="")
    if where.provider and where.any_provider:
        offer("anyone", "", provider=steps.ANY)
    elif where.provider:
        for other in (p for here in where.here for p in here.providers if p.id != where.provider.id):
            offer("provider", other.name, provider=other.id)
    for elsewhere in where.offers:
        if where.offer and elsewhere.clinic.id != where.offer.clinic.id:
            screened = choice.screened if elsewhere.screening == where.screening else ""
            offer("clinic", elsewhere.clinic.name, clinic=elsewhere.clinic.id, provider="", screened=screened)
    return found


def own_hold(practice: Practice, choice: Choice) -> Booking | None:
    """The time that this patient holds already, while it is held."""
    row = tokens.find(practice, choice.held)
    if row is None or row.booking.state != State.HELD or row.booking.held_until <= timezone.now():
        return None
    return row.booking


def _given_back(practice: Practice, choice: Choice) -> Booking | None:
    """The time that this patient gave back, and may take up again, although the vendor does not list it."""
    row = tokens.find(practice, choice.held)
    return holds.kept_after_release(row.booking, choice.service) if row else None


def summary(practice: Practice, language: str, where: Position) -> list[dict[str, Any]]:
    """What is chosen so far, each with the way to change it; also what there was only one of."""
    rows: list[dict[str, Any]] = []
    choice = where.choice
    if where.service and choice.service:
        change = address(practice, language, Step.SERVICE, choice, change="1")
        rows.append({"step": Step.SERVICE, "value": where.service.name, "change": change})
    if choice.clinic:
        change = address(practice, language, Step.CLINIC, choice, change="1")
        clinic = where.offer.clinic if where.offer else None
        rows.append({"step": Step.CLINIC, "value": clinic.name if clinic else "", "clinic": clinic, "change": change})
    if choice.provider and any(offer.providers for offer in where.here):
        change = address(practice, language, Step.PROVIDER, choice, change="1")
        rows.append({"step": Step.PROVIDER, "value": where.provider.name if where.provider else "", "change": change})
    return rows


def _position(request: PatientRequest, practice: Practice, *, upto: Step | None = None, screened: str = "") -> Position:
    choice = choice_of(request.GET)
    if upto is not None and ORDER.index(upto) <= ORDER.index(Step.CLINIC):
        choice = replace(choice, clinic="")
    if upto is Step.PROVIDER or (upto is not None and _stay(request)):
        choice = replace(choice, provider="")
    if screened:
        choice = replace(choice, screened=screened)
    return catalogue.position(practice, language_of(request), choice)


def language_of(request: PatientRequest) -> str:
    return request.language


def _stay(request: PatientRequest) -> bool:
    """Whether the choice is shown although there is only one: to change it, or in place of one that is gone."""
    return "change" in request.GET or "gone" in request.GET


def see_other(where: str) -> HttpResponse:
    """What a POST answers when it is done: go there with a GET."""
    return HttpResponse(status=303, headers={"Location": where})


def go(request: PatientRequest, practice: Practice, where: Position, **more: str) -> HttpResponse:
    """To the step that is open, with a sentence where an id led there that is not known any more."""
    gone = where.gone if where.gone == where.step else ""
    waiting = {Step.SERVICE: ("clinic", "provider"), Step.CLINIC: ("provider",)}.get(where.step, ())
    more |= {name: getattr(where.choice, name) for name in waiting}
    there = address(practice, language_of(request), where.step, where.choice, gone=gone, **more)
    return see_other(there) if request.method == "POST" else redirect(there)


def _times(request: PatientRequest, practice: Practice, where: Position, day: date | None) -> str:
    if day is None:
        return ""
    return address(practice, language_of(request), Step.TIMES, replace(where.choice, day=day))


def around(practice: Practice, request: PatientRequest, where: Position) -> dict[str, Any]:
    return {
        "where": where,
        "choice": where.choice,
        "step": where.step,
        "gone": where.gone or request.GET.get("gone", ""),
        "summary": summary(practice, language_of(request), where),
    }


def _render_step(request: PatientRequest, folder: str, practice: Practice, where: Position) -> HttpResponse:
    step = Step(folder)
    context = {**around(practice, request, where), "step": step, "as_of": where.as_of}
    language = language_of(request)
    if step is Step.SERVICE:
        context["summary"] = []
        context["groups"] = _groups(practice, language, where)
        first = (where.choice.clinic, where.choice.provider) == (steps.ANY, steps.ANY)
        other = "" if first else steps.ANY
        context["first_available"] = first
        context["first_available_address"] = address(
            practice, language, Step.SERVICE, replace(where.choice, service=""), clinic=other, provider=other
        )
    elif step is Step.CLINIC:
        context["summary"] = context["summary"][:1]
        context["clinics"] = [
            (offer.clinic, _onward(practice, language, where, clinic=offer.clinic.id))
            for offer in where.with_provider or where.offers
        ]
        any_clinic = where.any_clinic and not where.with_provider
        context["any_address"] = _onward(practice, language, where, clinic="any") if any_clinic else ""
    else:
        context["summary"] = [row for row in context["summary"] if row["step"] != Step.PROVIDER]
        context["providers"] = [
            (offer.clinic, p, _onward(practice, language, where, clinic=offer.clinic.id, provider=p.id))
            for offer in where.here
            for p in offer.providers
        ]
        context["any_address"] = _onward(practice, language, where, provider="any") if where.any_provider else ""
        context["several_clinics"] = len(where.here) > 1
    return render_page(request, folder, context, same_while=(where.read_at, where.as_of))


def _groups(practice: Practice, language: str, where: Position) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = []
    for service in where.services:
        if not groups or groups[-1]["name"] != service.group:
            groups.append({"name": service.group, "services": []})
        groups[-1]["services"].append((service, _onward(practice, language, where, service=service.id)))
    return groups


def _onward(practice: Practice, language: str, where: Position, **chosen: Any) -> str:
    """The address of the step after this choice. It may lead further on, where there is nothing to choose there."""
    choice = where.choice
    if "service" in chosen:
        preset = {name: getattr(choice, name) for name in ("clinic", "provider") if getattr(choice, name)}
        onward = replace(choice, clinic="", provider="", screened="")
        if preset and not choice.service:  # the address that goes on to the first step still open
            return address(practice, language, Step.SERVICE, onward, **chosen, **preset)
        return address(practice, language, Step.CLINIC, replace(onward, service=chosen["service"]))
    choice = replace(choice, **chosen)
    return address(practice, language, Step.TIMES if choice.provider else Step.PROVIDER, choice)
