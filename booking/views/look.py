"""What makes the pages look like the practice's own: its colour as a stylesheet, and its logo."""

from django.http import Http404, HttpResponse
from django.views.decorators.http import require_safe

from booking import look
from booking.models import Practice
from booking.rendering import PatientRequest

FOR_EVER = "public, max-age=31536000, immutable"
A_WHILE = "public, max-age=300"


@require_safe
def stylesheet(request: PatientRequest, practice: Practice) -> HttpResponse:
    if not practice.colour:
        raise Http404("this practice has no colour of its own")
    return _kept(request, look.stylesheet(practice.colour).encode(), "text/css; charset=utf-8")


@require_safe
def logo(request: PatientRequest, practice: Practice) -> HttpResponse:
    content = bytes(practice.logo)
    picture = look.picture(content)
    if picture is None:
        raise Http404("this practice has no logo")
    return _kept(request, content, picture.type)


def _kept(request: PatientRequest, content: bytes, kind: str) -> HttpResponse:
    """Under an address that names this version, it never changes."""
    response = HttpResponse(content, content_type=kind)
    response["Cache-Control"] = FOR_EVER if request.GET.get("v") == look.version(content) else A_WHILE
    response["X-Content-Type-Options"] = "nosniff"
    return response
