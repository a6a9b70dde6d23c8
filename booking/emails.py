"""One function per letter, in the patient's language and the clinic's time. What it says is in `templates/emails/`."""

from collections.abc import Callable
from email.message import MIMEPart
from email.utils import formataddr
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import timezone, translation

from booking import dates, ical
from booking.models import Booking, Letter, Report, State
from booking.practices import page_language


def confirmed(booking: Booking) -> EmailMultiAlternatives:
    """The appointment stands in the clinic's diary."""
    return _with_calendar(_letter(booking, "confirmed"), booking)


def not_booked(booking: Booking) -> EmailMultiAlternatives:
    """The patient was told that it is being checked; the clinic does not have it."""
    return _letter(booking, "not_booked")


def moved(booking: Booking) -> EmailMultiAlternatives:
    """The clinic moved the appointment to another time."""
    return _with_calendar(_letter(booking, "moved", str(booking.sequence)), booking)


def cancelled(booking: Booking) -> EmailMultiAlternatives:
    """The appointment is not in the clinic's diary any more."""
    return _with_calendar(_letter(booking, "cancelled"), booking)


LETTERS: dict[str, Callable[[Booking], EmailMultiAlternatives]] = {
    "confirmed": confirmed,
    "not_booked": not_booked,
    "moved": moved,
    "cancelled": cancelled,
}
"""By the kind that is stored. Each goes out once for a booking, `moved` once for each move."""
TRUE_WHILE = {
    "confirmed": State.CONFIRMED,
    "not_booked": State.FAILED,
    "moved": State.CONFIRMED,
    "cancelled": State.CANCELLED,
}


def is_true(letter: Letter) -> bool:
    """Whether what it says still holds. A letter says how the booking stands when it is sent, which may be late."""
    later = Letter.objects.filter(booking=letter.booking, kind=letter.kind, pk__gt=letter.pk)
    return letter.booking.state == TRUE_WHILE[letter.kind] and not later.exists()


def report(report: Report) -> EmailMultiAlternatives:
    """What the night found, for the practice's staff, in the practice's first language."""
    practice = report.practice
    language = page_language(practice.languages[0])
    admin = f"{settings.BASE_URL}/admin/booking/report/{report.pk}/change/"
    locale = dates.locale_of(practice, language)
    context = {"report": report, "practice": practice, "page_language": language, "locale": locale, "address": admin}
    with translation.override(language), timezone.override(practice.zone):
        subject = render_to_string("emails/report.subject.txt", context)
        text = render_to_string("emails/report.txt", context)
        page = render_to_string("emails/report.html", context)
    mail = EmailMultiAlternatives(
        subject=" ".join(subject.split()),
        body=text,
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[practice.email],
        headers={
            "Message-ID": f"<report.{practice.pk}.{report.day}@{urlsplit(settings.BASE_URL).hostname}>",
            "Auto-Submitted": "auto-generated",
        },
    )
    mail.attach_alternative(page, "text/html")
    return mail


def _with_calendar(letter: EmailMultiAlternatives, booking: Booking) -> EmailMultiAlternatives:
    part = MIMEPart()
    params = {"method": ical.method(booking)}
    part.set_content(ical.calendar(booking).decode(), subtype="calendar", params=params)
    part.add_header("Content-Disposition", "attachment", filename=f"{booking.reference}.ics")
    letter.attach(part)
    return letter


def _letter(booking: Booking, kind: str, number: str = "") -> EmailMultiAlternatives:
    practice = booking.practice
    host = urlsplit(settings.BASE_URL).hostname
    language = page_language(booking.language)
    locale = dates.locale_of(practice, booking.language)
    context = {"booking": booking, "practice": practice, "page_language": language, "locale": locale}
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
        headers={"Message-ID": f"<{booking.key}.{kind}{number}@{host}>", "Auto-Submitted": "auto-generated"},
    )
    letter.attach_alternative(page, "text/html")
    return letter
