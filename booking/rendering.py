"""Whole page or htmx part; the addresses of the wizard; the pages for when something is wrong."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import get_template
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import get_language_info, override
from django_htmx.middleware import HtmxDetails

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


def address(practice: Practice, language: str, step: Step, choice: Choice, **more: str) -> str:
    """Where a step of the wizard stands, with as much of the choice as belongs in front of it."""
    known = {
        Step.SERVICE: (),
        Step.CLINIC: ("service",),
        Step.SCREENING: ("service", "clinic"),
        Step.PROVIDER: ("service", "clinic", "screened"),
        Step.TIMES: ("service", "clinic", "provider", "screened"),
    }[step]
    query = {name: getattr(choice, name) for name in known if getattr(choice, name)}
    if choice.day and step in (Step.TIMES, Step.SCREENING, Step.PROVIDER, Step.CLINIC):
        query["from"] = choice.day.isoformat()
    if step is Step.SCREENING and choice.provider:
        query["provider"] = choice.provider
    if choice.held:
        query["held"] = choice.held
    query |= {name: value for name, value in more.items() if value}
    path = reverse(STEP_VIEWS[step], args=[practice.slug, language])
    return f"{path}?{urlencode(query)}" if query else path


def render_page(
    request: PatientRequest, folder: str, context: Mapping[str, Any], *, part: str = "", status: int = 200
) -> HttpResponse:
    """The page of that folder, or only its part where htmx asks for that. A history restore gets the whole page."""
    htmx = request.htmx
    only_part = bool(part) and bool(htmx) and not htmx.history_restore_request and not htmx.boosted
    template = f"{folder}/{part if only_part else 'page'}.html"
    response = render(request, template, {**common(request), **context}, status=status)
    patch_vary_headers(response, ["HX-Request"])
    response.headers.setdefault("Cache-Control", "private, no-cache")
    return response


def common(request: PatientRequest) -> dict[str, Any]:
    """What every page of a practice needs."""
    practice = request.practice or None
    language = request.language
    return {
        "practice": practice,
        "language": language,
        "page_language": page_language(language),
        "bidi": get_language_info(page_language(language))["bidi"],
        "other_languages": _other_languages(request, practice, language) if practice else [],
    }


def _other_languages(request: PatientRequest, practice: Practice, language: str) -> list[dict[str, str]]:
    """The same page in the practice's other languages, each under its own name."""
    before, after = f"/{practice.slug}/{language}/", request.get_full_path()
    if not after.startswith(before) or (request.method == "POST" and after.endswith("/hold/")):
        return []  # there is no page to go to
    return [
        {
            "code": code,
            "name": get_language_info(code)["name_local"].capitalize(),
            "address": f"/{practice.slug}/{code}/{after[len(before) :]}",
        }
        for code in practice.languages
        if code != language
    ]


def render_problem(request: PatientRequest, kind: str, *, status: int) -> HttpResponse:
    """A page that says what is wrong and what to do, in the practice's look where the practice is known."""
    returnable = request.method == "GET" or "/booking/" in request.path_info
    context = {"kind": kind, "again": request.get_full_path() if returnable else ""}
    return render(request, "trouble/page.html", {**common(request), **context}, status=status)


def not_found(request: PatientRequest, exception: Exception) -> HttpResponse:
    _speak(request)
    with override(page_language(request.language)):
        return render_problem(request, "not_found", status=404)


def server_error(request: PatientRequest) -> HttpResponse:
    """Needs nothing: no database, no practice, no translation."""
    return HttpResponse(get_template("trouble/server_error.html").render(), status=500)


def _speak(request: PatientRequest) -> None:
    """For an address that leads nowhere: the language of its practice, as far as it can be told."""
    if not hasattr(request, "practice"):
        request.practice = None
        request.language = settings.LANGUAGE_CODE
    practice = request.practice or None
    if practice:
        asked = request.path_info.lstrip("/").split("/")[1:2]
        request.language = asked[0] if asked and asked[0] in practice.languages else practice.languages[0]
