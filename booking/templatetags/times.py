"""Free times as buttons. A page has hundreds of them, so they are written without the template's engine."""

from collections.abc import Iterable
from datetime import datetime
from html import escape

from django import template
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe

from booking import dates
from booking.catalogue import Time

register = template.Library()


@register.simple_tag
def buttons(
    times: Iterable[Time],
    locale: str,
    *,
    own_slot_id: str = "",
    with_day: bool = False,
    with_end: bool = False,
    with_provider: bool = False,
    with_clinic: bool = False,
) -> SafeString:
    """A list item for each time, by the template's current zone. `own_slot_id`: what this patient holds."""
    zone = timezone.get_current_timezone()

    def clock(moment: datetime) -> str:
        return escape(dates.clock(moment.astimezone(zone).time(), locale))

    def item(time: Time) -> str:
        mine = " mine" if time.slot.id == own_slot_id else ""
        day = escape(dates.day(time.start.astimezone(zone).date(), locale)) if with_day else ""
        return (
            f'<li><button class="time{mine}" name="slot" value="{escape(time.slot.id)}">'
            f'<time datetime="{time.iso}">'
            + (f'<span class="weekday">{day}</span> ' if day else "")
            + (f"{clock(time.start)}–{clock(time.slot.end)}" if with_end else clock(time.start))
            + "</time>"
            + (_quiet(time.provider_name) if with_provider and time.provider_name else "")
            + (_quiet(time.clinic_name) if with_clinic else "")
            + "</button></li>"
        )

    return mark_safe("".join(map(item, times)))  # noqa: S308  each text in it is escaped


def _quiet(text: str) -> str:
    return f'<span class="quiet">{escape(text)}</span>'
