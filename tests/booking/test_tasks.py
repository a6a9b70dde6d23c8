"""booking/tasks.py, due.py and emails.py: each letter goes out once, with the change that causes it or not at all."""

import logging
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.message import Message

import pytest
from django.core import mail
from django.core.management import call_command
from django.db import transaction
from django.tasks import TaskResultStatus
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from booking import confirmation, due, emails, lifecycle, practices, tasks
from booking.models import AuditEntry, Booking, Letter, Practice, State
from vendors.sandbox.opus import OpusSandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def booking():
    practices.load_tables([OpusSandbox().practice("http://127.0.0.1:9")], actor="command")
    start = timezone.now().replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=3)
    return Booking.objects.create(
        practice=Practice.objects.get(),
        state=State.CHECKING,
        checking_since=timezone.now(),
        reference="ABC-2345",
        key="k" * 32,
        language="sv",
        service_id="1",
        service_name="Undersökning",
        clinic_id="1",
        clinic_name="City & Co",
        slot_id="x",
        start=start,
        end=start + timedelta(minutes=30),
        timezone="Europe/Stockholm",
        visit="v",
        held_until=timezone.now(),
        details={"first_name": "Åsa", "email": "asa@example.com", "personal_number": "198112189876"},
    )


def letter() -> Message:
    assert len(mail.outbox) == 1
    return mail.outbox[0].message()


def part(message: Message, kind: str) -> str:
    found = next(p for p in message.walk() if p.get_content_type() == kind)
    return found.get_payload(decode=True).decode()


def test_a_confirmed_booking_sends_one_letter_however_often_the_worker_runs(booking):
    confirmation.settled(booking, "17", actor="worker")
    for _ in range(3):
        call_command("worker", "--once")
    assert letter()["To"] == "asa@example.com"


def test_the_letter_has_text_html_and_a_calendar_part_in_the_clinics_time(booking):
    confirmation.settled(booking, "17", actor="worker")
    due.do_all()
    local = booking.local_start.strftime("%H:%M")
    assert local in part(letter(), "text/plain")
    assert "City & Co" in part(letter(), "text/plain")
    assert "City &amp; Co" in part(letter(), "text/html")
    assert booking.local_start.strftime("TZID=Europe/Stockholm:%Y%m%dT%H%M%S") in part(letter(), "text/calendar")
    for kind in ("text/plain", "text/html"):
        assert "ABC-2345" in part(letter(), kind)


def test_the_letter_speaks_the_patients_language_and_answers_go_to_the_practice(booking):
    confirmation.settled(booking, "17", actor="worker")
    due.do_all()
    assert "Din tid är bokad" in part(letter(), "text/plain")
    assert letter()["Reply-To"] == "info@norrmalm.example"


def test_the_letter_holds_no_personal_number(booking):
    confirmation.settled(booking, "17", actor="worker")
    due.do_all()
    assert "9876" not in "".join(part(letter(), kind) for kind in ("text/plain", "text/html", "text/calendar"))


def test_a_change_that_is_rolled_back_sends_nothing(booking):
    with pytest.raises(RuntimeError), transaction.atomic():  # noqa: PT012
        lifecycle.move(booking, State.CHECKING, State.CONFIRMED, actor="worker", letter="confirmed", appointment_id="1")
        raise RuntimeError
    due.do_all()
    assert mail.outbox == []
    assert Letter.objects.count() == 0


def test_a_change_that_somebody_else_made_first_sends_nothing_twice(booking):
    same = Booking.objects.get(pk=booking.pk)
    assert confirmation.settled(booking, "17", actor="patient")
    assert not confirmation.settled(same, "17", actor="worker")
    due.do_all()
    assert letter()


def test_a_patient_who_gave_no_address_gets_no_letter(booking):
    Booking.objects.filter(pk=booking.pk).update(details={"first_name": "Åsa"})
    booking.refresh_from_db()
    confirmation.settled(booking, "17", actor="worker")
    due.do_all()
    assert mail.outbox == []


def test_a_letter_that_cannot_be_sent_is_tried_again_later(booking, settings, tmp_path):
    settings.MAILERS = {
        "default": {
            "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "OPTIONS": {"host": "127.0.0.1", "port": 9, "timeout": 1},
        }
    }
    confirmation.settled(booking, "17", actor="worker")
    due.do_all()
    again = DBTaskResult.objects.get(status=TaskResultStatus.READY)
    assert again.run_after > timezone.now()
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
    DBTaskResult.objects.filter(pk=again.pk).update(run_after=timezone.now())
    due.do_all()
    assert letter()


def test_a_task_whose_worker_died_is_taken_up_by_another(booking):
    confirmation.settled(booking, "17", actor="worker")
    DBTaskResult.objects.update(status=TaskResultStatus.RUNNING, started_at=timezone.now())
    due.do_all()
    assert mail.outbox == []  # it may still be running
    DBTaskResult.objects.update(started_at=timezone.now() - tasks.ABANDONED_AFTER)
    due.do_all()
    assert letter()


def test_a_patient_who_was_told_of_a_check_is_told_that_it_failed(booking):
    lifecycle.move(booking, State.CHECKING, State.FAILED, actor="worker", letter="not_booked")
    due.do_all()
    assert "ABC-2345" in part(letter(), "text/plain")


# --- Booked, and then not --------------------------------------------------------------------------------------------


def test_a_letter_that_comes_late_does_not_say_booked_of_what_was_cancelled_meanwhile(booking):
    confirmation.settled(booking, "17", actor="worker")
    lifecycle.move(booking, State.CONFIRMED, State.CANCELLED, actor="worker", letter="cancelled")
    due.do_all()
    assert letter()["Subject"].startswith("Avbokad")


def test_every_letter_is_true_of_one_state():
    assert emails.TRUE_WHILE.keys() == emails.LETTERS.keys()


# --- A refused address -----------------------------------------------------------------------------------------------


class RefusingServer(socketserver.StreamRequestHandler):
    """Speaks SMTP, and knows none of the addressees."""

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        for line in self.rfile:
            command = line[:4].upper()
            if command == b"RCPT":
                self.wfile.write(b"550 no such mailbox: " + line[8:].strip() + b"\r\n")
            elif command == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"250 well\r\n")


@contextmanager
def refusing(settings) -> Iterator[None]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), RefusingServer) as server:
        threading.Thread(target=server.serve_forever, args=[0.01]).start()
        options = {"host": "127.0.0.1", "port": server.server_address[1], "timeout": 5}
        smtp = {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}
        settings.MAILERS = {"default": smtp}
        yield
        server.shutdown()


def try_until_given_up() -> None:
    for _try in range(len(tasks.AGAIN_AFTER) + 1):
        DBTaskResult.objects.filter(status=TaskResultStatus.READY).update(run_after=timezone.now())
        due.do_all()
    assert not DBTaskResult.objects.filter(status=TaskResultStatus.READY).exists()


def test_an_address_that_is_refused_stands_in_no_table_and_in_no_log_line(booking, settings, caplog):
    caplog.set_level(logging.DEBUG)
    confirmation.settled(booking, "17", actor="worker")
    with refusing(settings):
        try_until_given_up()
    failed = DBTaskResult.objects.get(status=TaskResultStatus.FAILED)
    assert failed.exception_class_path == "booking.tasks.NotSent"
    assert "SMTPRecipientsRefused" in failed.traceback
    written = [*map(str, DBTaskResult.objects.values_list()), *map(str, AuditEntry.objects.values_list())]
    logged = [logging.Formatter().format(record) for record in caplog.records]
    assert len(logged) > len(tasks.AGAIN_AFTER)
    assert not [text for text in (*written, *logged) if "asa@example.com" in text]
    entry = AuditEntry.objects.get(action="letter not sent")
    assert (entry.reference, entry.outcome) == ("ABC-2345", "confirmed: SMTPRecipientsRefused")


def test_an_address_that_cannot_even_be_written_into_a_letter_stands_nowhere_either(booking, caplog):
    Booking.objects.filter(pk=booking.pk).update(details={"email": "asa@example.com\nBcc: other@example.com"})
    booking.refresh_from_db()
    confirmation.settled(booking, "17", actor="worker")
    due.do_all()
    failed = DBTaskResult.objects.get()  # at once: it will not be better later
    assert failed.status == TaskResultStatus.FAILED
    assert "asa@example.com" not in failed.traceback + caplog.text
    assert mail.outbox == []
    assert AuditEntry.objects.filter(action="letter not sent").count() == 1
