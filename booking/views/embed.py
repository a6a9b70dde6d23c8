"""For clinics' own websites: the script that they include, and the word that a page of theirs shows ours."""

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags
from django.views.decorators.http import require_POST, require_safe

from booking import embedding
from booking.middleware import patient_form
from booking.models import Practice
from booking.rendering import PatientRequest


@require_safe
def script(request: HttpRequest) -> HttpResponse:
    """The same for every practice. Its address may carry `?v=`, with the version that a hash is of."""
    made = embedding.script()
    etag = f'"{made.version}"'
    if {etag, "*"} & set(parse_etags(request.headers.get("If-None-Match", ""))):
        response = HttpResponse(status=304)
    elif "gzip" in request.headers.get("Accept-Encoding", ""):
        response = HttpResponse(made.gzipped, headers={"Content-Encoding": "gzip"})
    else:
        response = HttpResponse(made.text)
    response["Content-Type"] = "text/javascript; charset=utf-8"
    response["Cache-Control"] = "public, max-age=3600"
    response["ETag"] = etag
    response["Access-Control-Allow-Origin"] = "*"  # a browser compares the hash only of what it may read
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    patch_vary_headers(response, ["Accept-Encoding"])
    return response


@patient_form
@require_POST
def embedded(request: PatientRequest, practice: Practice) -> HttpResponse:
    """The framed page says where it stands. What is not on the practice's list is not written down."""
    embedding.seen(practice, request.POST.get("origin", ""))
    return HttpResponse(status=204)
