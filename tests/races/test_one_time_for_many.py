"""Fifty and two hundred patients after one time: as many get it as it has places, and that is mostly one.

With the guard taken out more of them do, so these races are races.
"""

import contextlib
import itertools
from collections import Counter
from datetime import datetime
from functools import partial

import pytest

from tests.browser.product import Product
from tests.browser.visitor import Patient
from tests.races.crowd import Choice, Client, Crowd, Row, at_once
from vendors.sandbox import bookio, opus, qmatic

ANNA = {"service": "1", "clinic": opus.CITY, "provider": "1"}
ANYBODY = {"service": "1", "clinic": "any", "provider": "any"}
DR_OKAFOR = {
    "service": qmatic.guid("GP appointment"),
    "clinic": qmatic.BANKSIDE["id"],
    "provider": qmatic.guid("Dr Amara Okafor"),
}
FLU_SHOT = {"service": "9032", "clinic": str(bookio.BRATISLAVA), "provider": "any"}
"""Two are given at a time."""
NORRMALM, LIPAMI = "norrmalm", "poliklinika-pod-lipami"
few_and_many = pytest.mark.parametrize("patients", [50, pytest.param(200, marks=pytest.mark.slow)])
on_postgres_only = pytest.mark.parametrize("product", ["on_postgres"], indirect=True)
RACES = 10
"""At most so many until some patients of a control met."""
SO_MANY_MEET = 8
"""In each process: fewer than its connections to the database, or they would wait for one another."""


# --- In the domain ---------------------------------------------------------------------------------------------------


@few_and_many
def test_of_all_patients_one_holds_the_time(product: Product, crowd: Crowd, patients: int) -> None:
    slot = free(crowd)[0]["id"]
    assert crowd.race(NORRMALM, ANNA, [slot], patients=patients) == {"held": 1, "taken": patients - 1}


@pytest.mark.slow
@few_and_many
@on_postgres_only
def test_of_those_who_meet_at_the_check_one_holds_the_time(product: Product, crowd: Crowd, patients: int) -> None:
    for slot in every_other(free(crowd), 3):
        ends = crowd.race(NORRMALM, ANNA, [slot["id"]], patients=patients, together=SO_MANY_MEET)
        assert ends == {"held": 1, "taken": patients - 1}


@few_and_many
@on_postgres_only
def test_without_the_lock_several_hold_it(product: Product, crowd: Crowd, patients: int) -> None:
    """The control: were this to fail, the tests above would prove nothing."""
    slots = [[slot["id"]] for slot in every_other(free(crowd), RACES)]
    assert more_than(1, crowd, NORRMALM, ANNA, slots, patients)


@few_and_many
def test_of_those_who_want_overlapping_times_of_one_provider_one_gets_theirs(
    product: Product, crowd: Crowd, patients: int
) -> None:
    one, other = overlapping(free(crowd))
    ends = crowd.race(NORRMALM, ANNA, [one["id"], other["id"]], patients=patients)
    assert ends == {"held": 1, "taken": patients - 1}


@few_and_many
@on_postgres_only
def test_without_the_lock_overlapping_times_are_both_held(product: Product, crowd: Crowd, patients: int) -> None:
    times, pairs = free(crowd), []
    with contextlib.suppress(StopIteration):  # what is left of a week may have fewer
        for _ in range(RACES):
            one, other = overlapping(times)
            times = times[times.index(other) + 1 :]
            pairs.append([one["id"], other["id"]])
    assert pairs
    assert more_than(1, crowd, NORRMALM, ANNA, pairs, patients)


@few_and_many
def test_as_many_hold_a_time_as_it_has_places(product: Product, crowd: Crowd, patients: int) -> None:
    slot = with_two_places(crowd)[0]["id"]
    assert crowd.race(LIPAMI, FLU_SHOT, [slot], patients=patients) == {"held": 2, "taken": patients - 2}


@few_and_many
@on_postgres_only
def test_without_the_lock_more_hold_a_time_than_it_has_places(product: Product, crowd: Crowd, patients: int) -> None:
    slots = [[slot["id"]] for slot in every_other(with_two_places(crowd), RACES)]
    assert more_than(2, crowd, LIPAMI, FLU_SHOT, slots, patients)


def test_the_same_hour_at_two_providers_is_two_times(product: Product, crowd: Crowd) -> None:
    times = free(crowd, ANYBODY)
    at_once = next(group for group in by_start(times) if len(group) > 1)
    slots = [time["id"] for time in at_once]
    ends = crowd.race(NORRMALM, ANYBODY, slots)
    assert ends == {"held": len(slots), "taken": 50 - len(slots)}


def more_than(places: int, crowd: Crowd, practice: str, choice: Choice, races: list[list[str]], patients: int) -> bool:
    """Whether in one of these races more held a time, with no lock around the check and the insert."""
    for slots in races:
        ends = crowd.race(practice, choice, slots, patients=patients, guarded=False, together=SO_MANY_MEET)
        if ends["held"] > places:
            return True
    return False


def free(crowd: Crowd, choice: Choice = ANNA) -> list[Row]:
    return crowd.times(NORRMALM, choice)


def with_two_places(crowd: Crowd) -> list[Row]:
    """Times of which nobody has a place yet, as far as the diary's other services and patients tell."""
    return [time for time in crowd.times(LIPAMI, FLU_SHOT) if time["places"] == 2]


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
@pytest.mark.parametrize("patients", [50, 200])
@pytest.mark.parametrize(("vendor", "choice"), [("opus", ANNA), ("qmatic", DR_OKAFOR)], ids=["opus", "qmatic"])
def test_all_browsers_after_one_time_then_ten_clicks_to_book_it(
    product: Product, vendor: str, choice: Choice, patients: int
) -> None:
    clients = [Client(product) for _ in range(patients)]
    slot = clients[0].times(vendor, choice)[-1]
    answers = at_once([partial(client.hold, vendor, choice, slot) for client in clients])
    ends = Counter(answer.status_code for answer in answers)
    assert ends[303] == 1
    if patients == 50:
        assert ends[200] == 49
    else:  # who would wait longer than a page may, for the machine is busy, is told to try again
        assert ends[200] + ends[503] == patients - 1
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
