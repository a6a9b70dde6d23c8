"""What patients may want to know about the pages themselves."""

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from booking.models import Practice
from booking.rendering import PatientRequest, render_page


@require_safe
def accessibility(request: PatientRequest, practice: Practice) -> HttpResponse:
    """The accessibility statement."""
    return render_page(request, "accessibility", {})
