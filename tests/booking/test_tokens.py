"""The tokens that name a booking in its addresses."""

from collections.abc import Callable

import pytest
from django.db import connection

from booking import tokens
from booking.models import Booking, BookingToken, Practice
from tests.booking.journey import free, hold
from tests.fake_vendor import Diary


@pytest.fixture
def booking(practice: Practice, diary: Diary) -> Booking:
    return hold(practice, free(diary)[0]).booking


def is_personal(practice: Practice, token: str) -> bool:
    row = tokens.find(practice, token)
    assert row is not None
    return row.personal


def test_tokens_are_long_and_never_the_same() -> None:
    made = {tokens.new() for _token in range(100)}
    assert len(made) == 100
    assert all(tokens.FORM.fullmatch(token) for token in made)


def test_a_token_finds_its_booking(practice: Practice, booking: Booking) -> None:
    row = tokens.find(practice, tokens.issue(booking, personal=False))
    assert row is not None
    assert row.booking == booking


def test_the_booking_that_it_finds_is_whole_and_knows_its_practice(practice: Practice, booking: Booking) -> None:
    row = tokens.find(practice, tokens.issue(booking, personal=True))
    assert row is not None
    stored = Booking.objects.get(pk=booking.pk)
    for field in Booking._meta.concrete_fields:
        assert getattr(row.booking, field.attname) == getattr(stored, field.attname), field.attname
    assert row.booking.practice is practice
    assert row == BookingToken.objects.get(booking=booking, personal=True)


def test_the_token_itself_is_not_stored(booking: Booking) -> None:
    token = tokens.issue(booking, personal=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM booking_bookingtoken")
        assert token not in str(cursor.fetchall())


@pytest.mark.parametrize("text", ["", "x", "x" * 43, "x" * 44, "å" * 43, "a" * 42 + "/"])
def test_what_is_no_token_of_ours_finds_nothing(practice: Practice, booking: Booking, text: str) -> None:
    assert tokens.find(practice, text) is None


def test_a_token_opens_nothing_at_another_practice(booking: Booking, make_practice: Callable[..., Practice]) -> None:
    token = tokens.issue(booking, personal=True)
    assert tokens.find(make_practice(slug="other"), token) is None


def test_the_newest_personal_token_takes_that_from_the_older(practice: Practice, booking: Booking) -> None:
    """So one who knew the older address sees no details that were typed after that."""
    first = tokens.issue(booking, personal=False)
    older = tokens.issue(booking, personal=True)
    newer = tokens.issue(booking, personal=True)
    assert [is_personal(practice, token) for token in (first, older, newer)] == [False, False, True]
