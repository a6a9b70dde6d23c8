"""Patients who all take a time at once, in a process of their own: `python -m tests.races.patients`.

Reads one task a line as JSON, and answers each with a line. First a task's patients line up, and it says "ready"; a
line "go" lets them run; then it says how each ended.
"""

import collections
import contextlib
import json
import logging
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import django

django.setup()
logging.disable(logging.INFO)

from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from booking import catalogue, connections, holds  # noqa: E402
from booking.circuits import DatabaseBreaker  # noqa: E402
from booking.models import Practice  # noqa: E402
from booking.steps import Choice  # noqa: E402
from vendors.base import SlotTaken  # noqa: E402


def main() -> None:
    for line in sys.stdin:
        task = json.loads(line)
        answer(TASKS[task["do"]](task))


def answer(value: Any) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def times(task: dict[str, Any]) -> list[dict[str, Any]]:
    """What is free, as the patients see it."""
    practice = Practice.objects.get(slug=task["practice"])
    where = catalogue.position(practice, "en", Choice(**task["choice"]))
    week = catalogue.week(practice, "en", where)
    soon = timezone.now() + timedelta(minutes=10)  # what begins sooner may have begun when it is raced for
    slots = [time.slot for day in week.days for time in day.times if time.start > soon]
    return [{"id": s.id, "start": s.start.isoformat(), "end": s.end.isoformat(), "places": s.places} for s in slots]


def race(task: dict[str, Any]) -> dict[str, Any]:
    """How the patients ended.

    `slots`: the times that they take, in turn. `guarded`: whether the check and the insert are kept together.
    `together`: so many of them stand in the transaction, before the check, when the first may go on.
    """
    practice = Practice.objects.get(slug=task["practice"])
    where = catalogue.position(practice, "en", Choice(**task["choice"]))
    start = threading.Event()
    together = threading.Barrier(task["together"]) if task["together"] else None
    ends: collections.Counter[str] = collections.Counter()

    def locked(practice: Practice) -> None:
        if together and not together.broken:
            with contextlib.suppress(threading.BrokenBarrierError):  # those who are left are too few
                together.wait(timeout=2)
        if task["guarded"]:
            holds.lock(practice)

    def patient(slot: str) -> None:
        start.wait()
        try:
            holds.take(practice, "en", where, slot, locked=locked)
        except SlotTaken:
            ends["taken"] += 1
        except Exception as error:
            ends[f"{type(error).__name__}: {error}"] += 1
        else:
            ends["held"] += 1
        finally:
            connection.close()  # as at the end of a request

    slots = task["slots"]
    threads = [threading.Thread(target=patient, args=[slots[n % len(slots)]]) for n in range(task["patients"])]
    for thread in threads:
        thread.start()
    answer("ready")
    sys.stdin.readline()
    start.set()
    for thread in threads:
        thread.join()
    return dict(ends)


def read_lists(task: dict[str, Any]) -> dict[str, int]:
    """How many of the patients could read what a service offers, each with a connection to the database in hand."""
    return at_once(task["patients"], lambda: offers_of(Practice.objects.get(slug=task["practice"])))


def offers_of(practice: Practice) -> None:
    connections.vendor_for(practice).offers("1", "en")


def see_failures(task: dict[str, Any]) -> dict[str, int]:
    """How many threads could write down that the vendor does not answer, and end; and then still ask for a practice."""
    breaker = DatabaseBreaker(Practice.objects.get(slug=task["practice"]))
    connection.close()

    def one() -> None:
        thread = threading.Thread(target=lambda: (breaker.admits("vendor.example"), breaker.failed("vendor.example")))
        thread.start()
        thread.join()
        Practice.objects.get(slug=task["practice"])

    return at_once(task["patients"], one)


def at_once(patients: int, do: Callable[[], object]) -> dict[str, int]:
    ends: collections.Counter[str] = collections.Counter()

    def patient() -> None:
        try:
            do()
        except Exception as error:
            ends[f"{type(error).__name__}: {error}"] += 1
        else:
            ends["done"] += 1
        finally:
            connection.close()  # as at the end of a request

    threads = [threading.Thread(target=patient) for _ in range(patients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return dict(ends)


TASKS: dict[str, Callable[[dict[str, Any]], object]] = {
    "times": times,
    "race": race,
    "read_lists": read_lists,
    "see_failures": see_failures,
}

if __name__ == "__main__":
    main()
