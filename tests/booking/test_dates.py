"""Dates and times in the language's own form."""

from datetime import date, time

import pytest

from booking import dates
from booking.models import Practice

FRIDAY = date(2027, 3, 5)


@pytest.mark.parametrize(
    ("locale", "day", "day_of_year", "short", "short_of_year", "clock"),
    [
        ("en_US", "Friday, March 5", "Friday, March 5, 2027", "March 5", "March 5, 2027", "2:05\u202fPM"),
        ("en_GB", "Friday, 5 March", "Friday, 5 March 2027", "5 March", "5 March 2027", "14:05"),
        ("sv_SE", "fredag 5 mars", "fredag 5 mars 2027", "5 mars", "5 mars 2027", "14:05"),
        ("nb_NO", "fredag 5. mars", "fredag 5. mars 2027", "5. mars", "5. mars 2027", "14:05"),
        ("nl_NL", "vrijdag 5 maart", "vrijdag 5 maart 2027", "5 maart", "5 maart 2027", "14:05"),
        ("de_DE", "Freitag, 5. März", "Freitag, 5. März 2027", "5. März", "5. März 2027", "14:05"),
        ("fr_FR", "vendredi 5 mars", "vendredi 5 mars 2027", "5 mars", "5 mars 2027", "14:05"),
        ("it_IT", "venerdì 5 marzo", "venerdì 5 marzo 2027", "5 marzo", "5 marzo 2027", "14:05"),
        ("es_ES", "viernes, 5 de marzo", "viernes, 5 de marzo de 2027", "5 de marzo", "5 de marzo de 2027", "14:05"),
        ("sk_SK", "piatok 5. marca", "piatok 5. marca 2027", "5. marca", "5. marca 2027", "14:05"),
    ],
)
def test_a_day_and_a_time_in_each_language(
    locale: str, day: str, day_of_year: str, short: str, short_of_year: str, clock: str
) -> None:
    assert dates.day(FRIDAY, locale) == day
    assert dates.day_of_year(FRIDAY, locale) == day_of_year
    assert dates.short(FRIDAY, locale) == short
    assert dates.short_of_year(FRIDAY, locale) == short_of_year
    assert dates.clock(time(14, 5), locale) == clock


@pytest.mark.parametrize(
    ("phone", "language", "locale"),
    [
        ("+1 312 555 0142", "en", "en_US"),
        ("+44 20 7946 0123", "en", "en_GB"),
        ("+46 8 123 45 67", "en", "en_SE"),
        ("+46 8 123 45 67", "sv", "sv_SE"),
        ("+421 2 5555 01 23", "en", "en_SK"),
        ("+421 2 5555 01 23", "sk", "sk_SK"),
        ("+46 8 123 45 67", "fi", "en_SE"),
        ("+81 3 1234 5678", "sv", "sv"),
        ("+81 3 1234 5678", "en", "en_GB"),
    ],
)
def test_the_country_is_the_practices_and_the_language_the_pages(phone: str, language: str, locale: str) -> None:
    assert dates.locale_of(Practice(phone=phone, timezone="Europe/Stockholm"), language) == locale


def test_the_first_of_a_month_is_the_first_in_french() -> None:
    assert dates.day(date(2027, 8, 1), "fr_FR") == "dimanche 1er août"
    assert dates.short_of_year(date(2027, 8, 11), "fr_FR") == "11 août 2027"
