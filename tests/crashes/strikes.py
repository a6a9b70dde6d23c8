"""Brings every case of a house to its point, kills, and starts anew. How it ends is for the tests to find out."""

import copy
import threading
import time
from contextlib import ExitStack

from tests.crashes import points
from tests.crashes.house import WEB, Case, House, until
from tests.crashes.points import Point
from tests.races.crowd import Client, at_once
from vendors.sandbox import QmaticSandbox

NAIVE = "tests.crashes.naive:application"
WEB_AND_WORKERS = {
    "hold-known": "opus",
    "hold-unanswered": "qmatic",
    "hold-pressed-again": "qmatic",
    "never-sent": "opus",
    "books-later": "opus",
    "chart-later": "open_dental",
    "answered": "bookio",
    "naive": "opus",
    "mail-not-begun": "opus",
    "mail-accepted": "opus",
    "look-up": "opus",
    "second-entry": "bookio",
}
DATABASE = {"vendor-works": "opus", "commit": "bookio", "hold": "opus"}


# --- The web server and the worker ------------------------------------------------------------------------------------


def kill_web_and_workers(house: House) -> None:
    """All of them at the same moment, each in the middle of several things."""
    workers = [house.start_worker() for _ in range(4)]  # as many as there are points at which one is held
    web, naive = house.start_web(), house.start_web(NAIVE)
    cases = house.cases

    at_workers = [
        *_hold_the_letters(house),
        _hold_the_look_up(house, cases["look-up"]),
        _hold_the_cancellation(house, cases["second-entry"]),
    ]
    with ExitStack() as stack:
        at_web = _hold_the_web(house, stack)
        house.kill(web, naive)
    for point in at_web:
        point.open()
    for point in at_workers:
        point.await_reached()
    house.kill(*workers)
    for point in at_workers:
        point.open()
    # What a worker that died had begun is taken up two minutes later: to the database they are over.
    house.change("UPDATE django_tasks_database_dbtaskresult SET started_at = started_at - interval '2 minutes'")

    house.start_worker()
    house.start_web()
    for case in cases.values():
        case.restarted_at = time.monotonic()
    _go_on(house)


def _hold_the_letters(house: House) -> list[Point]:
    before, after = house.cases["mail-not-begun"], house.cases["mail-accepted"]
    held = [house.mailboxes.before_the_mail(before.email), house.mailboxes.after_the_mail(after.email)]
    house.book(before)
    house.book(after)
    return held


def _hold_the_look_up(house: House, case: Case) -> Point:
    case.sandbox.lose_answer_after("book")
    held = points.before(case.sandbox, "bookings")
    house.book(case)
    return held


def _hold_the_cancellation(house: House, case: Case) -> Point:
    """The vendor has the booking twice, as if something on the way had sent it once more."""
    case.sandbox.lose_answer_after("create_reservation")
    held = points.instead_of(case.sandbox, "change_status")
    house.book(case)
    with case.sandbox.lock:
        rows = case.sandbox.diary["reservations"]
        rows.append(copy.deepcopy(rows[-1]) | {"id": rows[-1]["id"] + 1})
    assert len(case.entries) == 2
    return held


def _hold_the_web(house: House, stack: ExitStack) -> list[Point]:
    """Until the stack ends, the row of the answered booking is locked."""
    cases = house.cases
    cases["hold-known"].address = house.hold(cases["hold-known"])
    names = ("never-sent", "books-later", "chart-later", "answered", "naive")
    reviews = {name: house.review(cases[name]) for name in names}
    holds = {
        name: house.times(cases[name], Client(house.product)) for name in ("hold-unanswered", "hold-pressed-again")
    }
    at = {
        "hold-unanswered": points.before(cases["hold-unanswered"].sandbox, "reserve"),
        "hold-pressed-again": points.before(cases["hold-pressed-again"].sandbox, "reserve"),
        "never-sent": points.instead_of(cases["never-sent"].sandbox, "timeslots"),
        "books-later": points.before(cases["books-later"].sandbox, "book"),
        "chart-later": points.before(cases["chart-later"].sandbox, "create_patient"),
        "answered": points.after(cases["answered"].sandbox, "create_reservation"),
        "naive": points.before(cases["naive"].sandbox, "book"),
    }
    for name, (slots, sent) in holds.items():
        case = cases[name]
        case.address = house.product.address(name, f"booking/{sent['held']}/")
        assert isinstance(case.sandbox, QmaticSandbox)
        # The reservation that is lost keeps one resource: who presses again needs another.
        slot = next(slot for slot in slots if case.sandbox.resources_free_at(sent["service"], slot) > 1)
        case.pressed = sent | {"slot": slot}
        house.press(case, house.product.address(name, "hold/"), **case.pressed)
    for name, review in reviews.items():
        house.press(cases[name], review, application=NAIVE if name == "naive" else WEB)
    for point in at.values():
        point.await_reached()
    stack.enter_context(house.locked(*_row_of(cases["answered"])))
    at["answered"].open()
    house.await_waiting('UPDATE "booking_booking"%')
    assert not any(case.answers for case in cases.values()), "a patient was answered before the kill"
    return list(at.values())


def _go_on(house: House) -> None:
    """The patients who can go on do."""
    known, again = house.cases["hold-known"], house.cases["hold-pressed-again"]
    house.press(known, house.type_details(known, known.address)).join()
    answer = Client(house.product).post(house.product.address(again.slug, "hold/"), **again.pressed)
    assert answer.status_code == 303, answer.text
    house.press(again, house.type_details(again, answer.headers["Location"])).join()


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


def kill_the_database(house: House) -> None:
    """While a vendor works, while we write down what a vendor answered, and while a hold is taken."""
    house.start_web()
    house.start_worker()
    works, commit, hold = (house.cases[name] for name in DATABASE)
    at_vendor = points.before(works.sandbox, "book")
    answered = points.after(commit.sandbox, "create_reservation")
    slots, sent = house.times(hold, Client(house.product))
    at_once([lambda: house.times(hold, Client(house.product)) for _ in range(12)])  # so it has connections in store
    hold.pressed = sent | {"slot": slots[0]}
    reviews = {case: house.review(case) for case in (works, commit)}
    waiting: list[threading.Thread] = []
    with ExitStack() as stack:
        # Against the lock of a hold, and not against rows that name the practice.
        its_row = "SELECT 1 FROM booking_practice WHERE slug = %s FOR NO KEY UPDATE"
        stack.enter_context(house.locked(its_row, hold.slug))
        waiting += [house.press(case, review) for case, review in reviews.items()]
        waiting.append(house.press(hold, house.product.address(hold.slug, "hold/"), **hold.pressed))
        at_vendor.await_reached()
        answered.await_reached()
        stack.enter_context(house.locked(*_row_of(commit)))
        answered.open()
        house.await_waiting('UPDATE "booking_booking"%')
        house.await_waiting('%"booking_practice"%FOR UPDATE%')
        house.server.kill()
    at_vendor.open()
    until("the vendor has it", 10, lambda: works.entries)
    house.server.start()
    for case in house.cases.values():
        case.restarted_at = time.monotonic()
    for thread in waiting:
        thread.join()
    anybody = house.product.address(hold.slug)
    house.first_answers = [Client(house.product).get(anybody).status_code for _ in range(12)]
    house.await_ready()


def _row_of(case: Case) -> tuple[str, str]:
    """Its only booking."""
    of_practice = "(SELECT id FROM booking_practice WHERE slug = %s)"
    return f"SELECT 1 FROM booking_booking WHERE practice_id = {of_practice} FOR UPDATE", case.slug
