"""Personal numbers as patients write them, to the form that vendors take: `YYYYMMDD` and the control digits.

Sweden: four digits more, and coordination numbers, whose day is raised by 60, are as good as any (python-stdnum refuses
them). Norway: five digits more, D-numbers among them.
"""

import re
import unicodedata
from datetime import date

from stdnum import luhn
from stdnum.exceptions import ValidationError
from stdnum.no import fodselsnummer


class NotAPersonalNumber(ValueError):
    """`args[0]`: "form", "date" or "control digit"."""


def read(text: str, country: str, today: date) -> str:
    """The number in the form that vendors take. Raises `NotAPersonalNumber`."""
    text = "".join(str(unicodedata.decimal(c, c)) for c in text)  # some keyboards have digits of their own
    text = re.sub(r"[\u2010-\u2015\u2212]", "-", text)
    return _norwegian(text, today) if country == "NO" else _swedish(text, today)


def _swedish(text: str, today: date) -> str:
    match = re.fullmatch(r"(\d{2})?(\d{2})(\d{2})(\d{2})([-+]?)(\d{4})", re.sub(r"[\s.]", "", text))
    if not match:
        raise NotAPersonalNumber("form")
    century, year, month, day, sign, last = match.groups()
    if century is None:  # with a plus sign, a hundred years or more
        latest = today.year - (100 if sign == "+" else 0)
        century = str(latest // 100 if int(year) <= latest % 100 else latest // 100 - 1)
    try:
        born = date(int(century + year), int(month), int(day) - 60 if int(day) > 60 else int(day))
    except ValueError as error:
        raise NotAPersonalNumber("date") from error
    if born > today or born.year < 1880:
        raise NotAPersonalNumber("date")
    if not luhn.is_valid(year + month + day + last):
        raise NotAPersonalNumber("control digit")
    return century + year + month + day + last


def _norwegian(text: str, today: date) -> str:
    digits = re.sub(r"[\s.-]", "", text)
    if not re.fullmatch(r"\d{11}", digits):
        raise NotAPersonalNumber("form")
    try:
        born = fodselsnummer.get_birth_date(digits)
    except ValidationError as error:
        raise NotAPersonalNumber("date") from error
    if born > today:
        raise NotAPersonalNumber("date")
    if not fodselsnummer.is_valid(digits):
        raise NotAPersonalNumber("control digit")
    return f"{born.year}{digits[2:4]}{digits[:2]}{digits[6:]}"


def written(number: str, country: str) -> str:
    """A number in the vendors' form, as a patient would write it."""
    if country == "NO":
        return f"{number[6:8]}{number[4:6]}{number[2:4]} {number[8:]}"
    return f"{number[:8]}-{number[8:]}"
