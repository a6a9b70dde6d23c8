"""Personal numbers as patients write them."""

from datetime import date

import pytest

from booking.personal_numbers import NotAPersonalNumber, read, written

TODAY = date(2026, 6, 15)


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("19811228-9874", "198112289874"),
        ("198112289874", "198112289874"),
        ("811228-9874", "198112289874"),
        ("8112289874", "198112289874"),
        ("811228 9874", "198112289874"),
        (" 1981 12 28 98 74 ", "198112289874"),
        ("1981.12.28-9874", "198112289874"),
        ("811228\u00a09874", "198112289874"),
        ("811228\u20139874", "198112289874"),
        ("٨١١٢٢٨-٩٨٧٤", "198112289874"),
        ("121212-1212", "201212121212"),
        ("121212+1212", "191212121212"),
        ("19121212+1212", "191212121212"),
        ("811228+9874", "188112289874"),
    ],
)
def test_a_swedish_number_is_understood_however_it_is_written(typed: str, number: str) -> None:
    assert read(typed, "SE", TODAY) == number


@pytest.mark.parametrize(
    ("typed", "number"),
    [("701063-2391", "197010632391"), ("19701063-2391", "197010632391"), ("640883-3231", "196408833231")],
)
def test_a_coordination_number_keeps_its_raised_day(typed: str, number: str) -> None:
    assert read(typed, "SE", TODAY) == number


@pytest.mark.parametrize(
    ("typed", "fault"),
    [
        ("", "form"),
        ("Anna", "form"),
        ("811228", "form"),
        ("811228-987", "form"),
        ("811228-98744", "form"),
        ("811228--9874", "form"),
        ("81-12289874", "form"),
        ("811328-9874", "date"),
        ("811232-9874", "date"),
        ("810229-9872", "date"),
        ("811200-9874", "date"),
        ("811260-9874", "date"),
        ("811292-9874", "date"),
        ("20271228-9874", "date"),
        ("18791228-9874", "date"),
        ("811228-9875", "control digit"),
        ("811228-8974", "control digit"),
        ("701063-2392", "control digit"),
    ],
)
def test_a_mistake_in_a_swedish_number_is_named(typed: str, fault: str) -> None:
    with pytest.raises(NotAPersonalNumber) as raised:
        read(typed, "SE", TODAY)
    assert raised.value.args == (fault,)


def test_every_wrong_control_digit_is_found() -> None:
    refused = 0
    for digit in "0123456789":
        try:
            read("811228-987" + digit, "SE", TODAY)
        except NotAPersonalNumber:
            refused += 1
    assert refused == 9


def test_a_child_born_today_has_a_number_and_one_born_tomorrow_has_none() -> None:
    assert read("260615-1237", "SE", TODAY) == "202606151237"
    with pytest.raises(NotAPersonalNumber, match="date"):
        read("20260616-1236", "SE", TODAY)


def test_without_a_century_it_is_the_last_hundred_years_by_the_day_it_is_read() -> None:
    assert read("121212-1212", "SE", date(2012, 12, 31)) == "201212121212"
    assert read("121212-1212", "SE", date(2011, 12, 31)) == "191212121212"


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("151086 95088", "1986101595088"),
        ("15108695088", "1986101595088"),
        ("15.10.86-95088", "1986101595088"),
        ("55108695071", "1986105595071"),
    ],
)
def test_a_norwegian_number_or_d_number_is_understood(typed: str, number: str) -> None:
    assert read(typed, "NO", TODAY) == number


@pytest.mark.parametrize(
    ("typed", "fault"),
    [
        ("1510869508", "form"),
        ("151086950888", "form"),
        ("15108695O88", "form"),
        ("15138695088", "date"),
        ("32108695088", "date"),
        ("16072690072", "date"),
        ("15108695089", "control digit"),
        ("15108695098", "control digit"),
    ],
)
def test_a_mistake_in_a_norwegian_number_is_named(typed: str, fault: str) -> None:
    with pytest.raises(NotAPersonalNumber) as raised:
        read(typed, "NO", TODAY)
    assert raised.value.args == (fault,)


@pytest.mark.parametrize(
    ("typed", "country"),
    [("811228-9874", "SE"), ("121212+1212", "SE"), ("701063-2391", "SE"), ("15108695088", "NO"), ("55108695071", "NO")],
)
def test_a_number_shown_again_is_read_as_the_same(typed: str, country: str) -> None:
    number = read(typed, country, TODAY)
    assert read(written(number, country), country, TODAY) == number
