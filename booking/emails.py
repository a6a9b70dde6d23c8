"""One function per letter, in the patient's language and the clinic's time. What it says is in `templates/emails/`."""

from collections.abc import Callable
from email.message import MIMEPart
from email.utils import formataddr
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import timezone, translation

from booking import ical
from booking.models import Booking
from booking.practices import page_language


def confirmed(booking: Booking) -> EmailMultiAlternatives:
    """The appointment stands in the clinic's diary."""
    letter = _letter(booking, "confirmed")
    part = MIMEPart()
    part.set_content(ical.calendar(booking).decode(), subtype="calendar", params={"method": "PUBLISH"})
    part.add_header("Content-Disposition", "attachment", filename=f"{booking.reference}.ics")
    letter.attach(part)
    return letter


def not_booked(booking: Booking) -> EmailMultiAlternatives:
    """The patient was told that it is being checked; the clinic does not have it."""
    return _letter(booking, "not_booked")


LETTERS: dict[str, Callable[[Booking], EmailMultiAlternatives]] = {"confirmed": confirmed, "not_booked": not_booked}
"""By the kind that is stored. Each goes out once for a booking."""


def _letter(booking: Booking, kind: str) -> EmailMultiAlternatives:
    practice = booking.practice
    host = urlsplit(settings.BASE_URL).hostname
    language = page_language(booking.language)
    context = {"booking": booking, "practice": practice, "page_language": language}
    with translation.override(language), timezone.override(booking.timezone):
        subject = render_to_string(f"emails/{kind}.subject.txt", context)
        text = render_to_string(f"emails/{kind}.txt", context)
        page = render_to_string(f"emails/{kind}.html", context)
    letter = EmailMultiAlternatives(
        subject=" ".join(subject.split()),
        body=text,
        from_email=formataddr((practice.name, settings.DEFAULT_FROM_EMAIL)),
        to=[booking.details["email"]],
        reply_to=[practice.email] if practice.email else [],
        # The same if it has to be sent again: mail programs then show it once.
        headers={"Message-ID": f"<{booking.key}.{kind}@{host}>", "Auto-Submitted": "auto-generated"},
    )
    letter.attach_alternative(page, "text/html")
    return letter
