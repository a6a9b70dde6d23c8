"""`booking/dates.py` for templates: `{{ booking.start|day:locale }}`. Moments are in the template's current zone."""

from collections.abc import Callable
from datetime import date, datetime, time

from django import template
from django.utils.translation import get_language, to_locale

from booking import dates

register = template.Library()


def _filter(name: str, written: Callable[[date, str], str]) -> None:
    def in_words(value: date | datetime | None, locale: str = "") -> str:
        return written(dates.plain(value), locale or _here()) if value else ""

    register.filter(name, in_words, expects_localtime=True)


for name in ("day", "day_of_year", "short", "short_of_year", "in_brief", "weekday"):
    _filter(name, getattr(dates, name))


@register.filter(expects_localtime=True)
def clock(value: datetime | time | None, locale: str = "") -> str:
    if value is None:
        return ""
    return dates.clock(value.time() if isinstance(value, datetime) else value, locale or _here())


def _here() -> str:
    return to_locale(get_language() or "en")
