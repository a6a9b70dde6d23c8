"""What must not stand in a log line."""

import io
import logging
from collections.abc import Iterator

import pytest
from django.conf import settings

from booking import tokens
from booking.logs import WithoutTokens

TOKEN = "Zk3qtY80g4gE4TdeSY6NhVCa2Nw9v8O3rKOwZ6DK-_A"


@pytest.fixture
def written() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    """A logger that writes as the settings say, into a text."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.addFilter(WithoutTokens())
    line = settings.LOGGING["formatters"]["line"]
    handler.setFormatter(logging.Formatter(line["format"], style=line["style"]))
    log = logging.getLogger("tests.logs")
    log.propagate = False
    log.addHandler(handler)
    log.setLevel("DEBUG")
    yield log, text
    log.removeHandler(handler)


ADDRESSES = [
    f"/norr/en/booking/{TOKEN}/",
    f"/norr/en/booking/{TOKEN}/confirm/",
    f"/norr/en/manage/{TOKEN}/cancel/",
    f"/norr/en/times/?service=1&held={TOKEN}",
    f"/norr/en/times/?held={TOKEN}&service=1",
    f"/norr/en/times/?screened=eJyLVi:1tXyZ:{TOKEN}",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_token_in_an_address_is_taken_out(address: str, written: tuple[logging.Logger, io.StringIO]) -> None:
    log, text = written
    log.info("GET %s answered", address)
    log.warning(f"Not Found: {address}")
    assert TOKEN not in text.getvalue()
    assert "GET /norr/en/" in text.getvalue()
    assert text.getvalue().count("…") == 2


def test_what_is_no_token_stays(written: tuple[logging.Logger, io.StringIO]) -> None:
    log, text = written
    log.info("GET %s %d", "/norr/en/times/?service=checkup&clinic=north", 200)
    assert "GET /norr/en/times/?service=checkup&clinic=north 200" in text.getvalue()


def test_two_tokens_in_one_line_are_both_taken_out(written: tuple[logging.Logger, io.StringIO]) -> None:
    log, text = written
    log.info("from /a/en/booking/%s/ to /a/en/booking/%s/", TOKEN, TOKEN[::-1])
    assert TOKEN not in text.getvalue()
    assert TOKEN[::-1] not in text.getvalue()


def boom() -> None:
    raise ValueError(f"nothing at /norr/en/booking/{TOKEN}/")


def test_a_token_in_a_traceback_is_taken_out(written: tuple[logging.Logger, io.StringIO]) -> None:
    log, text = written
    try:
        boom()
    except ValueError:
        log.exception("it failed")
    assert "ValueError: nothing at /norr/en/booking/…" in text.getvalue()
    assert TOKEN not in text.getvalue()


def test_a_token_in_a_traceback_is_taken_out_also_where_another_handler_wrote_it_first(
    written: tuple[logging.Logger, io.StringIO],
) -> None:
    log, text = written
    careless = logging.StreamHandler(io.StringIO())
    log.handlers.insert(0, careless)
    try:
        boom()
    except ValueError:
        log.exception("it failed")
    finally:
        log.removeHandler(careless)
    assert "ValueError" in text.getvalue()
    assert TOKEN not in text.getvalue()


def test_the_token_here_is_like_those_of_patients() -> None:
    assert tokens.FORM.fullmatch(TOKEN)


def test_all_lines_pass_the_filter() -> None:
    assert settings.LOGGING["root"]["handlers"] == ["console"]
    assert settings.LOGGING["handlers"]["console"]["filters"] == ["tokens"]
    assert all(not logger.get("handlers") for logger in settings.LOGGING["loggers"].values())
