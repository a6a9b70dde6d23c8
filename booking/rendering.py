"""Whole page or htmx part; the addresses of the wizard; the pages for when something is wrong."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core.cache import caches
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import get_template, render_to_string
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language_info, override
from django_htmx.middleware import HtmxDetails

from booking import dates, look
from booking.catalogue import Day
from booking.models import Practice
from booking.practices import page_language
from booking.steps import Choice, Step


class PatientRequest(HttpRequest):
    """A request after `PracticeMiddleware` and django-htmx's."""

    practice: Practice | None
    """None, or something falsy that stands for it, on pages that belong to no practice."""
    language: str
    """The practice's language in the address; that of our own words may differ (`page_language`)."""
    htmx: HtmxDetails


STEP_VIEWS = {step: step.value for step in Step}
STAGES: dict[str, int] = {
    Step.SERVICE: 1,
    Step.CLINIC: 2,
    Step.SCREENING: 2,
    Step.PROVIDER: 2,
    Step.TIMES: 3,
    "details": 4,
    "confirm": 5,
}
"""Where on the progress line a page stands."""
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""As addresses name them."""


def address(practice: Practice, language: str, step: Step, choice: Choice, **more: str) -> str:
    """Where a step of the wizard stands, with as much of the choice as belongs in front of it."""
    known = {
        Step.SERVICE: (),
        Step.CLINIC: ("service", "screened"),
        Step.SCREENING: ("service", "clinic"),
        Step.PROVIDER: ("service", "clinic", "screened"),
        Step.TIMES: ("service", "clinic", "provider", "screened"),
    }[step]
    query: dict[str, Any] = {name: getattr(choice, name) for name in known if getattr(choice, name)}
    if choice.day and step in (Step.TIMES, Step.SCREENING, Step.PROVIDER, Step.CLINIC):
        query["from"] = choice.day.isoformat()
    if step is Step.SCREENING and choice.provider:
        query["provider"] = choice.provider
    if choice.held:
        query["held"] = choice.held
    query |= wishes(choice)
    query |= {name: value for name, value in more.items() if value}
    path = reverse(STEP_VIEWS[step], args=[practice.slug, language])
    return f"{path}?{urlencode(query, doseq=True)}" if query else path


def wishes(choice: Choice) -> dict[str, Any]:
    """The patient's wishes as they stand in every address of the wizard."""
    found = {"day": [WEEKDAYS[day - 1] for day in choice.days], "after": choice.after, "before": choice.before}
    return {name: value for name, value in found.items() if value}


def render_page(
    request: PatientRequest,
    folder: str,
    context: Mapping[str, Any],
    *,
    part: str = "",
    status: int = 200,
    same_while: tuple[object, ...] = (),
) -> HttpResponse:
    """The page of that folder, or only its part where htmx asks for that. A history restore gets the whole page.

    `same_while`: the page is the same for all who open this address while this is equal, and is rendered once for them.
    """
    htmx = request.htmx
    only_part = bool(part) and bool(htmx) and not htmx.history_restore_request and not htmx.boosted
    template = f"{folder}/{part if only_part else 'page'}.html"
    stage = STAGES.get(context.get("step", ""))
    shown = {**common(request), "stage": stage, **context}
    if same_while:
        html = _once(request, same_while, lambda: render_to_string(template, shown, request))
        response = HttpResponse(html, status=status)
    else:
        response = render(request, template, shown, status=status)
    patch_vary_headers(response, ["HX-Request"])
    response.headers.setdefault("Cache-Control", "private, no-cache")
    return response


LONGEST_KEPT = 400
"""Characters of an address. Ours are shorter, and whoever makes up long ones shall not fill the memory with pages."""


def _once(request: PatientRequest, same_while: tuple[object, ...], rendered: Callable[[], str]) -> str:
    """What is the same for all who open this address while this is equal. Nothing that holds a token is kept."""
    practice, address = request.practice or None, request.get_full_path()
    tells_who = "/booking/" in address or "held=" in address
    if practice is None or request.method != "GET" or tells_who or len(address) > LONGEST_KEPT:
        return rendered()
    asked = (address, request.language, in_a_frame(request), "Sec-Fetch-Dest" in request.headers)
    key = sha256(repr((practice.pk, practice.changed_at, asked, same_while)).encode()).hexdigest()
    return str(caches["template_fragments"].get_or_set(key, rendered, 3600))


def days_of_times(days: Iterable[Day], own_slot_id: str, **shown: Any) -> SafeString:
    """The days with their times, as HTML. `shown`: as `day_of_times` says. `own_slot_id`: what the patient holds."""
    own = {own_slot_id}
    return mark_safe(  # noqa: S308  a template wrote it
        "".join(
            day_of_times(day=day, own_slot_id=own_slot_id if own & {t.slot.id for t in day.times} else "", **shown)
            for day in days
        )
    )


@lru_cache(maxsize=1000)
def day_of_times(**shown: Any) -> str:
    """A day with its times: most of a times page's work, and the same for everybody who looks.

    `shown`: `practice` (its key), `language`, `locale`, the `day`, the clinic's `zone` (equal moments look different
    in others), `shows_end`, `any_provider`, `any_clinic`, and `own_slot_id` for a patient who holds one of them.
    """
    return get_template("times/_day.html").render(shown)


def common(request: PatientRequest) -> dict[str, Any]:
    """What every page of a practice needs."""
    practice = request.practice or None
    language = request.language
    return {
        "practice": practice,
        "language": language,
        "page_language": page_language(language),
        "locale": dates.locale_of(practice, language) if practice else "",
        "bidi": get_language_info(page_language(language))["bidi"],
        "other_languages": _other_languages(request, practice, language) if practice else [],
        "own_language": _name_of(language),
        "framed": in_a_frame(request),
        "perhaps_framed": "Sec-Fetch-Dest" not in request.headers,
        "new_tab": _in_a_new_tab(request, practice, language) if practice else "",
        "own_look": _own_look(practice.pk, practice.changed_at) if practice else None,
    }


@lru_cache(maxsize=256)
def _own_look(practice_id: int, changed_at: datetime) -> dict[str, Any]:
    """The addresses of the practice's colour and logo, each with its version, and the logo's size.

    Kept until the practice's settings change: a page does not read the logo.
    """
    practice = Practice.objects.get(pk=practice_id)
    logo = bytes(practice.logo)
    sheet = look.stylesheet(practice.colour).encode() if practice.colour else b""
    return {
        "stylesheet": f"{reverse('look', args=[practice.slug])}?v={look.version(sheet)}" if sheet else "",
        "logo": f"{reverse('logo', args=[practice.slug])}?v={look.version(logo)}" if logo else "",
        "picture": look.picture(logo),
    }


def in_a_frame(request: HttpRequest) -> bool:
    """Whether the browser says that this page will stand in a frame. Older ones say nothing; `framed.js` knows then."""
    return request.headers.get("Sec-Fetch-Dest") in ("iframe", "frame")


def _in_a_new_tab(request: PatientRequest, practice: Practice, language: str) -> str:
    """Where a new tab goes on from this page: what is chosen so far comes along."""
    if not (request.method == "POST" and request.path_info.endswith("/hold/")):
        return request.get_full_path()
    chosen = {name: request.POST.get(name, "") for name in ("service", "clinic", "provider", "screened", "held")}
    query = urlencode({name: value for name, value in chosen.items() if value})
    return f"{reverse('times', args=[practice.slug, language])}?{query}"


def _other_languages(request: PatientRequest, practice: Practice, language: str) -> list[dict[str, str]]:
    """The same page in the practice's other languages, each under its own name."""
    before, after = f"/{practice.slug}/{language}/", request.get_full_path()
    if not after.startswith(before) or (request.method == "POST" and after.endswith("/hold/")):
        return []  # there is no page to go to
    return [
        {
            "code": code,
            "name": _name_of(code),
            "address": f"/{practice.slug}/{code}/{after[len(before) :]}",
        }
        for code in practice.languages
        if code != language
    ]


def _name_of(language: str) -> str:
    return str(get_language_info(language)["name_local"]).capitalize()


def render_problem(request: PatientRequest, kind: str, *, status: int) -> HttpResponse:
    """A page that says what is wrong and what to do, in the practice's look where the practice is known."""
    returnable = request.method == "GET" or "/booking/" in request.path_info
    context = {"kind": kind, "again": request.get_full_path() if returnable else ""}
    shown = {**common(request), **context}
    html = _once(request, ("problem", *context.values()), lambda: render_to_string("trouble/page.html", shown, request))
    return HttpResponse(html, status=status)


def not_found(request: PatientRequest, exception: Exception) -> HttpResponse:
    _speak(request)
    with override(page_language(request.language)):
        return render_problem(request, "not_found", status=404)


def server_error(request: PatientRequest) -> HttpResponse:
    """Needs nothing: no database, no practice, no translation."""
    asked = "".join(request.path_info.split("/")[2:3])
    language = asked if asked in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
    return HttpResponse(get_template("trouble/server_error.html").render({"language": language}), status=500)


def _speak(request: PatientRequest) -> None:
    """For an address that leads nowhere: the language of its practice, as far as it can be told."""
    if not hasattr(request, "practice"):
        request.practice = None
        request.language = settings.LANGUAGE_CODE
    practice = request.practice or None
    if practice:
        asked = request.path_info.lstrip("/").split("/")[1:2]
        request.language = asked[0] if asked and asked[0] in practice.languages else practice.languages[0]
