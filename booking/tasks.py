"""Work for later: tasks in the database, enqueued with the change that asks for them, and what is due by the clock.

A task may run twice (a worker that died in it is followed by another), so each looks first whether it is still to be
done.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.tasks import TaskResultStatus, task
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from booking import audit, emails, sql
from booking.models import Booking, Letter, Report

log = logging.getLogger(__name__)

ABANDONED_AFTER = timedelta(minutes=2)
"""A task that runs for longer belonged to a worker that died: no task of ours takes half a minute."""
AGAIN_AFTER = [timedelta(seconds=seconds) for seconds in (20, 60, 300, 900, 3600, 3600, 6 * 3600)]
KEPT = timedelta(days=7)


def post(booking: Booking, kind: str, about: str = "") -> None:
    """Have this letter sent once the transaction is committed. A second one of its kind about the same is not made."""
    if not booking.details.get("email"):
        return
    new = sql.rows(
        "INSERT INTO booking_letter (booking_id, kind, about) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING RETURNING id",
        *(booking.pk, kind, about),
    )
    for (letter,) in new:
        send_letter.enqueue(letter, 0)


class NotSent(Exception):
    """A mail could not be sent. Says the type of the error and no more: texts of mail servers name the addressee."""


@task()
def send_letter(letter_id: int, tried: int) -> None:
    letter = (
        Letter.objects.select_related("booking__practice")
        .defer("booking__practice__logo")
        .filter(pk=letter_id, sent_at=None)
        .first()
    )
    if letter is None or not letter.booking.details.get("email") or not emails.is_true(letter):
        return  # sent already, or the patient is forgotten, or it stands otherwise by now
    booking = letter.booking
    failed = _send(lambda: emails.LETTERS[letter.kind](booking))
    if failed is None:
        Letter.objects.filter(pk=letter_id).update(sent_at=timezone.now())
    elif failed.passes and tried < len(AGAIN_AFTER):
        log.warning("%s: letter %s not sent (%s), tried again later", booking, letter.kind, failed.kind)
        send_letter.using(run_after=timezone.now() + AGAIN_AFTER[tried]).enqueue(letter_id, tried + 1)
    else:
        outcome = f"{letter.kind}: {failed.kind}"
        practice = booking.practice.slug
        audit.write(audit.WORKER, "letter not sent", practice=practice, reference=booking.reference, outcome=outcome)
        raise NotSent(failed.kind)


@task()
def send_report(report_id: int, tried: int) -> None:
    report = (
        Report.objects.select_related("practice").defer("practice__logo").filter(pk=report_id, sent_at=None).first()
    )
    if report is None or not report.practice.email:
        return
    failed = _send(lambda: emails.report(report))
    if failed is None:
        Report.objects.filter(pk=report_id).update(sent_at=timezone.now())
    elif failed.passes and tried < len(AGAIN_AFTER):
        log.warning("%s: report not sent (%s), tried again later", report, failed.kind)
        send_report.using(run_after=timezone.now() + AGAIN_AFTER[tried]).enqueue(report_id, tried + 1)
    else:
        audit.write(audit.WORKER, "report not sent", practice=report.practice.slug, outcome=failed.kind)
        raise NotSent(failed.kind)


@dataclass(frozen=True, slots=True)
class _Failed:
    kind: str
    passes: bool
    """It may go another time."""


def _send(mail: Callable[[], EmailMultiAlternatives]) -> _Failed | None:
    """None: it was sent. The error itself ends here, for its text and its traceback's may hold an address."""
    try:
        mail().send()
    except Exception as error:
        return _Failed(type(error).__name__, passes=isinstance(error, OSError))  # smtplib's are such
    return None


def take_up_abandoned() -> None:
    """Tasks whose worker died are given to another; old ones are forgotten."""
    now = timezone.now()
    with transaction.atomic():
        abandoned = DBTaskResult.objects.running().filter(started_at__lt=now - ABANDONED_AFTER)
        abandoned.update(status=TaskResultStatus.READY, started_at=None)
        DBTaskResult.objects.finished().filter(finished_at__lt=now - KEPT).delete()
