"""From a chosen time to a booking: hold, details, confirm, release, how it stands, the calendar file."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from booking import audit, catalogue, confirmation, holds, ical, reconciliation, rules, steps, tokens
from booking.forms import DetailsForm, initial, likely_typo
from booking.middleware import patient_form
from booking.models import Booking, BookingToken, Practice, State
from booking.rendering import PatientRequest, address, render_page
from booking.steps import Choice, Position, Step
from booking.views.choose import around, choice_of, go, language_of, see_other, text_of, wishes_context
from vendors.base import InvalidPatient, OutcomeUnknown, Slot, SlotTaken, VendorError

UNSENT = (State.HELD, State.EXPIRED, State.RELEASED)
"""What is typed for these is kept, be it for another time: a page that was left open knows of no newer choice."""


@patient_form
@require_POST
def hold(request: PatientRequest, practice: Practice) -> HttpResponse:
    language = language_of(request)
    where = catalogue.position(practice, language, choice_of(request.POST))
    if where.step is not Step.TIMES:
        return go(request, practice, where, missing="" if where.gone else where.step.value)
    slot_id = text_of(request.POST, "slot")
    if not slot_id:
        return go(request, practice, where, missing="slot")
    try:
        held = holds.take(practice, language, where, slot_id, where.choice.held)
    except SlotTaken as taken:
        wanted = catalogue.told_by(practice, slot_id)
        return _other_times(request, practice, where, taken, where.choice.held, wanted)
    return see_other(_at("details", practice, language, held.token))


@patient_form
@require_http_methods(["GET", "HEAD", "POST"])
def details(request: PatientRequest, practice: Practice, token: str) -> HttpResponse:
    row, booking = _booking(practice, token)
    language = language_of(request)
    if request.method == "POST":
        form = DetailsForm(practice, booking.questions, request.POST)
        if form.is_valid() and booking.state in UNSENT:
            remembered = _remember(booking, form.details())
            if not remembered:
                return see_other(_at("booking", practice, language, token))
            token = remembered
            if _has_ended(booking) or booking.state == State.RELEASED:
                return see_other(_back_to_times(practice, language, booking, token, ended="1"))
            return see_other(_at("confirm", practice, language, token))
    if booking.state not in (UNSENT if request.method == "POST" else (State.HELD, State.EXPIRED)):
        return see_other(_at("booking", practice, language, token))
    if request.method != "POST":
        if _has_ended(booking):
            return see_other(_back_to_times(practice, language, booking, token, ended="1"))
        known = initial(practice, booking.details) if row.personal else {}
        refused = booking.refused_fields if row.personal else []
        form = DetailsForm(practice, booking.questions, initial=known, refused=refused)
    return _render_details(request, practice, row, form)


@patient_form
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: PatientRequest, practice: Practice, token: str) -> HttpResponse:
    row, booking = _booking(practice, token)
    language = language_of(request)
    if booking.state in (State.HELD, State.EXPIRED) and not (row.personal and booking.details):
        return see_other(_at("details", practice, language, token))
    if _has_ended(booking):
        return see_other(_back_to_times(practice, language, booking, token, ended="1"))
    if request.method == "POST" and row.personal:
        try:
            confirmation.confirm(booking)
        except confirmation.HoldEnded:
            return see_other(_back_to_times(practice, language, booking, token, ended="1"))
        except SlotTaken as taken:
            where = catalogue.position(practice, language, Choice.kept(booking.choice))
            return _other_times(request, practice, where, taken, token, booking.slot())
        except InvalidPatient:
            return see_other(_at("details", practice, language, token))
        except OutcomeUnknown:
            pass  # the booking's page says that it is being checked
        return see_other(_at("booking", practice, language, token))
    if booking.state != State.HELD:
        return see_other(_at("booking", practice, language, token))
    form = DetailsForm(practice, booking.questions, initial=initial(practice, booking.details))
    context = {
        **_around_booking(request, practice, booking, token),
        "typed": _typed(form),
        "likely_email": likely_typo(booking.details.get("email", "")),
        "step": "confirm",
    }
    return render_page(request, "confirm", context)


@patient_form
@require_POST
def release(request: PatientRequest, practice: Practice, token: str) -> HttpResponse:
    _row, booking = _booking(practice, token)
    holds.release(booking)
    if booking.state in (State.CHECKING, State.CONFIRMED):
        return see_other(_at("booking", practice, language_of(request), token))
    return see_other(_back_to_times(practice, language_of(request), booking, token))


@patient_form
@require_POST
def extend(request: PatientRequest, practice: Practice, token: str) -> HttpResponse:
    """Keep a held time longer. From the details page the form comes along with what is typed so far, and stays.

    That page sends its own form here (`formaction`, with `back=details`), so that nothing typed is lost without a
    script; with one, only the line that says until when is asked for and replaced (`hx-post`).
    """
    row, booking = _booking(practice, token)
    language = language_of(request)
    holds.extend(booking)
    if _has_ended(booking):
        return see_other(_back_to_times(practice, language, booking, token, ended="1"))
    if booking.state != State.HELD:
        return see_other(_at("booking", practice, language, token))
    if request.htmx:
        return render_page(request, "details", _around_booking(request, practice, booking, token), part="_until")
    if request.POST.get("back") == "details":
        return _render_details(request, practice, row, DetailsForm(practice, booking.questions, initial=request.POST))
    return see_other(_at("confirm", practice, language, token))


@require_safe
def status(request: PatientRequest, practice: Practice, token: str) -> HttpResponse:
    row, booking = _booking(practice, token)
    language = language_of(request)
    ended = _has_ended(booking)
    context = {
        **_around_booking(request, practice, booking, token),
        "shown": booking if row.personal else None,
        "state": State.EXPIRED if ended else booking.state,
        "needs_staff": reconciliation.needs_staff(booking),
        "onward": _at("confirm" if row.personal else "details", practice, language, token),
        "times": _back_to_times(practice, language, booking, token),
        "step": "booking",
    }
    return render_page(request, "status", context, part="_state")


@require_safe
def calendar(request: PatientRequest, practice: Practice, token: str) -> HttpResponse:
    row, booking = _booking(practice, token)
    if not row.personal or booking.state != State.CONFIRMED:
        raise Http404("no confirmed booking under this address")
    response = HttpResponse(ical.calendar(booking), content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{booking.reference}.ics"'
    return response


# --- The pieces ------------------------------------------------------------------------------------------------------


def _render_details(request: PatientRequest, practice: Practice, row: BookingToken, form: DetailsForm) -> HttpResponse:
    token = request.resolver_match.kwargs["token"] if request.resolver_match else ""
    context = {
        **_around_booking(request, practice, row.booking, token),
        "form": form,
        "wrong": form.wrong(),
        "typed_before": bool(row.booking.details) and not row.personal,
        "step": "details",
    }
    return render_page(request, "details", context)


def _booking(practice: Practice, token: str) -> tuple[BookingToken, Booking]:
    row = tokens.find(practice, token)
    if row is None:
        raise Http404("no booking under this address")
    return row, row.booking


def _at(name: str, practice: Practice, language: str, token: str) -> str:
    return reverse(name, args=[practice.slug, language, token])


def _has_ended(booking: Booking) -> bool:
    held_no_more = booking.state == State.HELD and booking.held_until <= timezone.now()
    return held_no_more or booking.state == State.EXPIRED


def _back_to_times(practice: Practice, language: str, booking: Booking, token: str, **more: str) -> str:
    """The times page that the booking came from, at its day; the token lets the patient's own hold be known again."""
    choice = Choice.kept(booking.choice, day=booking.local_start.date(), held=token)
    return address(practice, language, Step.TIMES, choice, **more)


def _remember(booking: Booking, given: dict[str, Any]) -> str:
    """Keeps what was typed, and answers the token that only this answer's redirect carries.

    Empty: it was sent to the vendor meanwhile, and what it was sent with must stay.
    """
    booking.details, booking.refused_fields = given, []
    kept = Booking.objects.filter(pk=booking.pk, state__in=UNSENT).update(
        details=given, refused_fields=[], changed_at=timezone.now()
    )
    return tokens.issue(booking, personal=True) if kept else ""


def _around_booking(request: PatientRequest, practice: Practice, booking: Booking, token: str) -> dict[str, Any]:
    language = language_of(request)
    choice = Choice.kept(booking.choice, day=booking.local_start.date(), held=token)
    change: Callable[[Step], str] = lambda step: address(practice, language, step, choice, change="1")  # noqa: E731
    rows: list[dict[str, Any]] = [
        {"step": Step.SERVICE, "value": booking.service_name, "change": change(Step.SERVICE)},
        {
            "step": Step.CLINIC,
            "value": booking.clinic_name,
            "note": booking.clinic_address,
            "change": change(Step.CLINIC),
        },
    ]
    if booking.provider_name:
        rows.append({"step": Step.PROVIDER, "value": booking.provider_name, "change": change(Step.PROVIDER)})
    rows.append({"step": Step.TIMES, "booking": booking, "change": change(Step.TIMES)})
    at = {
        name: _at(name, practice, language, token)
        for name in ("details", "confirm", "release", "extend", "booking", "calendar")
    }
    return {"booking": booking, "summary": rows, "at": at, "extendable": holds.can_be_extended(booking)}


def _typed(form: DetailsForm) -> list[tuple[str, str]]:
    """(label, text) of what was typed, as the review shows it."""
    rows = [
        (str(field.label), form.initial.get(name) or "") for name, field in form.fields.items() if name != "consent"
    ]
    return [(label, text) for label, text in rows if text]


def _other_times(
    request: PatientRequest,
    practice: Practice,
    where: Position,
    taken: SlotTaken,
    held: str,
    wanted: Slot | None,
) -> HttpResponse:
    """The time is gone: a normal page that keeps what was typed, and offers others at one click."""
    language = language_of(request)
    row = tokens.find(practice, held)
    personal = row.booking.details if row and row.personal else {}
    offered: list[catalogue.Time] = []
    unread = False
    if where.step is Step.TIMES:
        start = wanted.start if wanted else timezone.now()
        with_whom = wanted.provider_id if wanted else None
        try:
            offered = catalogue.nearest(practice, language, where, start, with_whom, row.booking if row else None)
        except VendorError as error:
            audit.trouble(practice.slug, error)
            unread = True
    context = {
        **around(practice, request, where),
        **wishes_context(practice, language, where),
        "offered": offered,
        "unread": unread,
        "shows_end": not (where.service and where.service.minutes),
        "may_return": taken.may_return,
        "not_bookable": isinstance(taken, rules.NotBookable),
        "held": held if tokens.FORM.fullmatch(held) else tokens.new(),
        "name": " ".join(filter(None, [personal.get("first_name"), personal.get("last_name")])),
        "all_times": address(practice, language, where.step, replace(where.choice, held=held, day=None)),
        "step": Step.TIMES,
        "offered_provider": steps.ANY if where.any_provider else where.choice.provider,
    }
    return render_page(request, "taken", context)
