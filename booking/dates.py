"""Dates and times as a language writes them in a country: "Friday, March 5" at "2:05 PM", "fredag 5 mars" at "14:05".

By CLDR, which Babel holds; Django's own formats know no weekday, and no English but the American.
"""

import re
from datetime import date, datetime, time
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time

from booking.connections import country_of
from booking.models import Practice
from booking.practices import page_language

YEAR = re.compile(r"(,| 'de')? ?y+(\s*'[^']*')?$")
WEEKDAY = re.compile(r"^EEEE,? ")


def locale_of(practice: Practice, language: str) -> str:
    """Of our own words in this language at this practice: `en_GB` in London, `en_US` in Chicago."""
    return _locale(page_language(language), country_of(practice))


@lru_cache(maxsize=1000)
def _locale(language: str, country: str) -> str:
    for name in (f"{language}_{country}", "en_GB" if language == "en" else language):
        try:
            return str(Locale.parse(name.replace("-", "_")))
        except (UnknownLocaleError, ValueError):
            continue
    return "en_GB"


@lru_cache(maxsize=5000)
def day(value: date, locale: str) -> str:
    """The weekday, the day and the month."""
    return _written(value, YEAR.sub("", _pattern("full", locale)), locale)


@lru_cache(maxsize=5000)
def day_of_year(value: date, locale: str) -> str:
    """The weekday, the day, the month and the year."""
    return _written(value, _pattern("full", locale), locale)


@lru_cache(maxsize=5000)
def short(value: date, locale: str) -> str:
    """The day and the month."""
    return _written(value, WEEKDAY.sub("", YEAR.sub("", _pattern("full", locale))), locale)


@lru_cache(maxsize=5000)
def short_of_year(value: date, locale: str) -> str:
    """The day, the month and the year."""
    return _written(value, _pattern("long", locale), locale)


@lru_cache(maxsize=5000)
def in_brief(value: date, locale: str) -> str:
    """The weekday, shortened, and the day: "Mon 23", where the month is told beside it."""
    return format_skeleton("Ed", value, locale=locale)


@lru_cache(maxsize=500)
def weekday(value: date, locale: str) -> str:
    return format_date(value, "cccc", locale)


@lru_cache(maxsize=5000)
def clock(value: time, locale: str) -> str:
    """The time of day, to the minute."""
    return format_time(value, "short", locale=locale)


def plain(value: date | datetime) -> date:
    """The day of it, by the zone it has."""
    return value.date() if isinstance(value, datetime) else value


def _written(value: date, pattern: str, locale: str) -> str:
    if locale.startswith("fr") and value.day == 1:  # CLDR has no pattern for "1er"
        pattern = re.sub(r"\bd\b", "d'er'", pattern)
    return format_date(value, pattern, locale)


def _pattern(length: str, locale: str) -> str:
    return str(Locale.parse(locale).date_formats[length].pattern)
