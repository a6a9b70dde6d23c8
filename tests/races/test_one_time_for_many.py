"""Fifty patients after one time: one gets it. With the guard taken out several do, so these races are races."""

import itertools
from datetime import datetime
from functools import partial

import pytest

from tests.browser.product import Product
from tests.browser.visitor import Patient
from tests.races.crowd import Client, Crowd, Row, at_once
from vendors.sandbox import opus, qmatic

ANNA = {"service": "1", "clinic": opus.CITY, "provider": "1"}
ANYBODY = {"service": "1", "clinic": "any", "provider": "any"}
DR_OKAFOR = {
    "service": qmatic.guid("GP appointment"),
    "clinic": qmatic.BANKSIDE["id"],
    "provider": qmatic.guid("Dr Amara Okafor"),
}
on_postgres_only = pytest.mark.parametrize("product", ["on_postgres"], indirect=True)
SO_MANY_MEET = 8
"""In each process: fewer than its connections to the database, or they would wait for one another."""


# --- In the domain ---------------------------------------------------------------------------------------------------


def test_of_fifty_patients_one_holds_the_time(product: Product, crowd: Crowd) -> None:
    slot = free(crowd)[0]["id"]
    assert crowd.race("norrmalm", ANNA, [slot]) == {"held": 1, "taken": 49}


@pytest.mark.slow
@on_postgres_only
def test_of_those_who_meet_at_the_check_one_holds_the_time(product: Product, crowd: Crowd) -> None:
    for slot in every_other(free(crowd), 3):
        ends = crowd.race("norrmalm", ANNA, [slot["id"]], together=SO_MANY_MEET)
        assert ends == {"held": 1, "taken": 49}


@on_postgres_only
def test_without_the_lock_several_hold_it(product: Product, crowd: Crowd) -> None:
    """The control: were this to fail, the tests above would prove nothing."""
    for slot in every_other(free(crowd), 10):
        ends = crowd.race("norrmalm", ANNA, [slot["id"]], guarded=False, together=SO_MANY_MEET)
        if ends["held"] > 1:
            return
    raise AssertionError("nobody met anybody in ten races")


def test_of_those_who_want_overlapping_times_of_one_provider_one_gets_theirs(product: Product, crowd: Crowd) -> None:
    one, other = overlapping(free(crowd))
    ends = crowd.race("norrmalm", ANNA, [one["id"], other["id"]])
    assert ends == {"held": 1, "taken": 49}


@on_postgres_only
def test_without_the_lock_overlapping_times_are_both_held(product: Product, crowd: Crowd) -> None:
    times = free(crowd)
    for _ in range(10):
        one, other = overlapping(times)
        times = times[times.index(other) + 1 :]
        ends = crowd.race("norrmalm", ANNA, [one["id"], other["id"]], guarded=False, together=SO_MANY_MEET)
        if ends["held"] > 1:
            return
    raise AssertionError("nobody met anybody in ten races")


def test_the_same_hour_at_two_providers_is_two_times(product: Product, crowd: Crowd) -> None:
    times = free(crowd, ANYBODY)
    at_once = next(group for group in by_start(times) if len(group) > 1)
    slots = [time["id"] for time in at_once]
    ends = crowd.race("norrmalm", ANYBODY, slots)
    assert ends == {"held": len(slots), "taken": 50 - len(slots)}


def free(crowd: Crowd, choice: Row = ANNA) -> list[Row]:
    return crowd.times("norrmalm", choice)


def every_other(times: list[Row], at_most: int) -> list[Row]:
    """Times that do not overlap."""
    found: list[Row] = []
    for time in times:
        if len(found) < at_most and (not found or at(found[-1]["end"]) <= at(time["start"])):
            found.append(time)
    return found


def overlapping(times: list[Row]) -> tuple[Row, Row]:
    """Two times of which neither begins when the other does, and the later begins before the earlier ends."""
    return next((a, b) for a, b in itertools.pairwise(times) if at(a["start"]) < at(b["start"]) < at(a["end"]))


def by_start(times: list[Row]) -> list[list[Row]]:
    ordered = sorted(times, key=lambda time: at(time["start"]))
    return [list(group) for _, group in itertools.groupby(ordered, key=lambda time: at(time["start"]))]


def at(moment: str) -> datetime:
    return datetime.fromisoformat(moment)


# --- Through the running product -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("vendor", "choice"), [("opus", ANNA), ("qmatic", DR_OKAFOR)], ids=["opus", "qmatic"])
def test_fifty_browsers_after_one_time_then_ten_clicks_to_book_it(product: Product, vendor: str, choice: Row) -> None:
    clients = [Client(product) for _ in range(50)]
    slot = clients[0].times(vendor, choice)[0]
    answers = at_once([partial(client.hold, vendor, choice, slot) for client in clients])
    assert sorted(answer.status_code for answer in answers) == [200] * 49 + [303]
    assert all('name="slot"' in answer.text for answer in answers if answer.status_code == 200)  # others are offered

    [held] = [answer for answer in answers if answer.status_code == 303]
    patient, me = Patient(), clients[0]
    typed = me.post(held.headers["Location"], **patient.details(vendor))
    assert typed.status_code == 303, typed.text
    review = typed.headers["Location"]
    assert review.endswith("/confirm/")
    clicks = at_once([partial(client.post, review) for client in clients[:10]])
    assert {click.status_code for click in clicks} == {303}
    assert {click.headers["Location"] for click in clicks} == {review.removesuffix("confirm/")}
    assert 'data-state="confirmed"' in me.get(clicks[0].headers["Location"]).text
    assert len(product.ledger(vendor, patient.family_name)) == 1
