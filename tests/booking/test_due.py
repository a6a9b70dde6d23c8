"""booking/due.py: what the worker does by the clock."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.core import mail
from django.core.management import call_command
from django.utils import timezone

from booking import confirmation, due
from booking.models import AuditEntry, Letter, Practice, Snapshot
from tests.booking.journey import ago, change, free, hold, ready, states, unknown
from tests.fake_vendor import Diary
from vendors.base import AuthenticationFailed


def test_a_new_practice_is_read_before_its_first_patient_comes(practice: Practice, diary: Diary) -> None:
    call_command("worker", "--once")
    assert {snapshot.name for snapshot in Snapshot.objects.all()} == {f"services {code}" for code in practice.languages}
    calls = diary.count("services")
    call_command("worker", "--once")
    assert diary.count("services") == calls


def test_a_practice_that_nobody_visits_and_nobody_changed_costs_nothing(practice: Practice, diary: Diary) -> None:
    Practice.objects.update(changed_at=timezone.now() - timedelta(days=2))
    call_command("worker", "--once")
    assert diary.count("services") == 0


def test_a_new_practice_whose_vendor_is_down_is_tried_again_later_and_staff_are_told(
    practice: Practice, diary: Diary
) -> None:
    diary.answer("services", 500, times=9)
    call_command("worker", "--once")
    call_command("worker", "--once")
    assert diary.count("services") <= 2
    assert AuditEntry.objects.filter(action="vendor trouble", practice=practice.slug).count() == 1


def test_a_new_practice_whose_key_is_refused_is_not_warmed_again_and_again(practice: Practice, diary: Diary) -> None:
    diary.fail("services", AuthenticationFailed("status 401", status=401), times=9)
    for _process in range(3):  # each with a clock of its own: as if a minute had passed
        due.do_all()
    assert diary.count("services") == 1


# --- Mails -----------------------------------------------------------------------------------------------------------


@contextmanager
def hanging_mail_server() -> Iterator[tuple[int, threading.Event]]:
    """It takes every connection and says nothing. Answers its port, and what is set when somebody comes."""
    came = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take() -> None:
            taken = []
            while True:
                try:
                    taken.append(server.accept()[0])
                except OSError:
                    return
                came.set()

        thread = threading.Thread(target=take)
        thread.start()
        yield server.getsockname()[1], came
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_a_mail_server_that_hangs_keeps_only_the_mails_waiting(practice: Practice, diary: Diary, settings) -> None:
    confirmation.confirm(ready(practice, diary))
    found = change(unknown(practice, diary, booked=True), look_at=ago(seconds=1))
    change(hold(practice, free(diary, "bo")[0]).booking, held_until=ago(seconds=1))
    with hanging_mail_server() as (port, came):
        options = {"host": "127.0.0.1", "port": port, "timeout": 3}
        smtp = {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}
        settings.MAILERS = {"default": smtp}
        work = due.Work()
        began = time.monotonic()
        work.do(to_the_end=False)
        assert came.wait(2)
        work.do(to_the_end=False)
        while time.monotonic() < began + 2.5 and states() != ["confirmed", "confirmed", "expired"]:
            time.sleep(0.05)
        assert states() == ["confirmed", "confirmed", "expired"]
        assert time.monotonic() < began + 2.5  # before the first mail was given up
        work.stop()
        assert time.monotonic() > began + 2.5  # which it was let
    found.refresh_from_db()
    assert Letter.objects.filter(sent_at=None).count() == 2


def test_once_sends_also_the_letters_of_what_it_settles(practice: Practice, diary: Diary) -> None:
    change(unknown(practice, diary, booked=True), look_at=ago(seconds=1))
    call_command("worker", "--once")
    assert [message.subject.split()[0] for message in mail.outbox] == ["Booked:"]
