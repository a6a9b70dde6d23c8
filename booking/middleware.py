"""What every request passes: practice and language, who may frame the answer, the origin guard, the trouble page."""

import logging
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.middleware.csp import ContentSecurityPolicyMiddleware
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.utils.csp import CSP
from django.utils.functional import SimpleLazyObject
from django.views.decorators.csrf import csrf_exempt

from booking import audit, connections, practices, rendering
from booking.models import Online, Practice
from booking.rendering import PatientRequest, in_a_frame
from vendors.base import AuthenticationFailed, UnexpectedResponse, VendorError

log = logging.getLogger(__name__)

SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")
WAY_TO_A_TIME = {"service", "clinic", "screening", "provider", "times", "hold"}
"""The pages that are closed while a practice does not book online. What is booked already keeps its own."""


class FramingMiddleware(ContentSecurityPolicyMiddleware):
    """`frame-ancestors` is the practice's own list on its pages, error pages included, and nobody everywhere else.

    Django's `csp_override` is static, so it cannot say this.
    """

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        practice = getattr(request, "practice", None)
        origins = [*practice.embed_origins] if practice else []
        if practice and in_a_frame(request) and request.headers.get("Sec-Fetch-Site") == "same-origin":
            origins.append(CSP.SELF)  # the preview in the admin: no other page of ours holds a frame
        if practice and response.get("Content-Type", "").startswith("text/html"):
            patch_vary_headers(response, ["Sec-Fetch-Dest", "Sec-Fetch-Site"])
        policy = getattr(response, "_csp_config", settings.SECURE_CSP)
        config = {**policy, "frame-ancestors": origins or [CSP.NONE]}
        setattr(response, "_csp_config", config)  # noqa: B010  what Django's own decorator sets
        return super().process_response(request, response)


class PracticeMiddleware:
    """Turns the address's practice and language into `request.practice` and `request.language`, and speaks it."""

    def __init__(self, get_response: Callable[[PatientRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: PatientRequest) -> HttpResponse:
        request.practice = cast(Practice | None, SimpleLazyObject(lambda: practice_of(request.path_info)))
        request.language = translation.get_language_from_request(request)
        with connections.page(), translation.override(request.language):
            try:
                response = self.get_response(request)
                if isinstance(response, HttpResponseNotAllowed) and request.method == "GET" and request.practice:
                    # The address of an answer to a form, opened anew: a browser shows nothing for an empty answer.
                    page = rendering.render_problem(request, "not_found", status=405)
                    page["Allow"] = response["Allow"]
                    response = page
            finally:
                timezone.deactivate()
        if "/booking/" in request.path_info or "/hold/" in request.path_info or "held=" in request.META["QUERY_STRING"]:
            response["Cache-Control"] = "no-store"
        return response

    def process_view(
        self, request: PatientRequest, view: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        if "practice" in kwargs:
            kwargs["practice"] = practice = practice_of(request.path_info)
            if practice is None:
                raise Http404("unknown practice")
            request.practice = practice
            timezone.activate(practice.zone)
            language = kwargs.pop("lang", practice.languages[0])
            known = language in practice.languages
            request.language = language if known else practice.languages[0]
            translation.activate(practices.page_language(request.language))
            if not known:
                raise Http404("unknown language")
            name = request.resolver_match.url_name if request.resolver_match else None
            if practice.online != Online.OPEN and name in WAY_TO_A_TIME:
                return rendering.render_problem(request, practice.online, status=409 if name == "hold" else 200)
        if getattr(view, "origin_guarded", False) and request.method not in SAFE and not from_our_own_page(request):
            return rendering.render_problem(request, "refused", status=403)
        return None

    def process_exception(self, request: PatientRequest, error: Exception) -> HttpResponse | None:
        """What no view catches: the vendor is in trouble, and the patient is told so and whom to call."""
        if not isinstance(error, VendorError) or not request.practice:
            return None
        practice: Practice = request.practice
        if isinstance(error, AuthenticationFailed | UnexpectedResponse):
            log.error("%s: %s: %s", practice.slug, type(error).__name__, error)
            audit.trouble(practice.slug, error)
        else:
            log.warning("%s: %s: %s", practice.slug, type(error).__name__, error)
        response = rendering.render_problem(request, "trouble", status=503)
        response["Retry-After"] = "30"
        response["Cache-Control"] = "no-store"
        return response


def practice_of(path: str) -> Practice | None:
    """The practice that an address belongs to, also where the rest of it leads nowhere."""
    return practices.by_slug(path.lstrip("/").partition("/")[0])


def patient_form[View: Callable[..., HttpResponse]](view: View) -> View:
    """For views that patients post to. They have no cookies, so the origin guard replaces the CSRF token, only here."""
    setattr(view, "origin_guarded", True)  # noqa: B010
    return csrf_exempt(view)


def from_our_own_page(request: PatientRequest) -> bool:
    """Whether the browser says that one of our own pages sent this."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is None and origin is None:
        return False
    if site is not None and site != "same-origin":
        return False
    return origin is None or _origin(origin) in {(request.scheme, request.get_host()), _origin(settings.BASE_URL)}


def _origin(address: str) -> tuple[str, str] | None:
    """None: the address makes no sense."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return parts.scheme, parts.netloc
