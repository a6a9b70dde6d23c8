"""A confirmed booking as a calendar file: the clinic's zone written out, and a UID that stays."""

from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.conf import settings
from icalendar import Calendar, Event

from booking.models import Booking, State


def method(booking: Booking) -> str:
    """What a calendar program is to do with the file: show the appointment, or take it out."""
    return "CANCEL" if booking.state == State.CANCELLED else "PUBLISH"


def calendar(booking: Booking) -> bytes:
    """RFC 5545, with a VTIMEZONE for the clinic's zone. A cancelled appointment's file takes it out again."""
    zone = ZoneInfo(booking.timezone)
    event = Event()
    event.add("uid", f"{booking.key}@{urlsplit(settings.BASE_URL).hostname}")
    event.add("dtstamp", booking.changed_at)
    event.add("dtstart", booking.start.astimezone(zone))
    event.add("dtend", booking.end.astimezone(zone))
    event.add("summary", f"{booking.service_name}, {booking.practice.name}")
    event.add("location", ", ".join(filter(None, [booking.clinic_name, booking.clinic_address])))
    event.add(
        "description", "\n".join(filter(None, [booking.reference, booking.provider_name, booking.practice.phone]))
    )
    event.add("status", "CANCELLED" if booking.state == State.CANCELLED else "CONFIRMED")
    event.add("sequence", booking.sequence)
    whole = Calendar()
    whole.add("prodid", "-//Anteroom//Booking//EN")
    whole.add("version", "2.0")
    whole.add("method", method(booking))
    whole.add_component(event)
    whole.add_missing_timezones()
    content: bytes = whole.to_ical()
    return content
