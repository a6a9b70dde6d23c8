"""What is written down for ever: who did what, when, how it ended; and nothing that a patient typed."""

import contextlib
from typing import Any

import pytest
from django.db import DatabaseError, connection

from booking import audit, catalogue, confirmation, holds, reconciliation, retention, tokens
from booking.models import AuditEntry, Practice
from tests.booking.journey import DETAILS, ago, change, entries, free, hold, ready, stand, typed, unknown
from tests.fake_vendor import TOKEN, Diary
from vendors.base import AuthenticationFailed, InvalidPatient, SlotTaken, VendorError, VendorUnavailable


@pytest.mark.django_db
def test_an_entry_says_who_what_where_and_how_it_ended() -> None:
    audit.write("patient", "booking held", practice="norr", reference="ABC-2345", outcome="fine")
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.outcome) == ("patient", "booking held", "fine")
    assert (entry.practice, entry.reference) == ("norr", "ABC-2345")
    assert entry.at > ago(minutes=1)


@pytest.mark.django_db
def test_long_words_are_cut_and_never_refused() -> None:
    audit.write(audit.staff("n" * 300), "practice changed", outcome="o" * 300)
    entry = AuditEntry.objects.get()
    assert (len(entry.actor), len(entry.outcome)) == (150, 200)


def test_an_entry_cannot_be_changed_by_us(transactional_db: None) -> None:
    audit.write("patient", "booking held")
    entry = AuditEntry.objects.get()
    entry.actor = "nobody"
    with pytest.raises(DatabaseError, match="append-only"):
        entry.save()
    with pytest.raises(DatabaseError, match="append-only"):
        AuditEntry.objects.update(outcome="better")
    assert AuditEntry.objects.get().actor == "patient"


def test_an_entry_cannot_be_changed_at_the_databases_prompt(transactional_db: None) -> None:
    audit.write("patient", "booking held")
    with connection.cursor() as cursor, pytest.raises(DatabaseError, match="append-only"):
        cursor.execute("UPDATE booking_auditentry SET actor = 'nobody'")
    assert AuditEntry.objects.get().actor == "patient"


# --- A vendor in trouble ---------------------------------------------------------------------------------------------

DOWN = VendorUnavailable("status 503")


@pytest.mark.django_db
def test_the_same_trouble_is_written_once_in_a_while() -> None:
    for _call in range(50):
        audit.trouble("norr", DOWN)
    assert entries() == [("system", "vendor trouble", "VendorUnavailable: status 503")]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("practice", "error"),
    [("other", DOWN), ("norr", VendorUnavailable("deadline")), ("norr", AuthenticationFailed("x"))],
)
def test_another_practices_trouble_and_another_kind_are_written_too(practice: str, error: VendorError) -> None:
    audit.trouble("norr", DOWN)
    audit.trouble(practice, error)
    assert AuditEntry.objects.count() == 2


def test_trouble_that_goes_on_is_written_again(transactional_db: None) -> None:
    AuditEntry.objects.bulk_create(
        [AuditEntry(actor="system", action="vendor trouble", practice="norr", outcome="VendorUnavailable: status 503")]
    )
    _set_back(minutes=6)
    audit.trouble("norr", DOWN)
    assert AuditEntry.objects.count() == 2


def _set_back(**length: float) -> None:
    """Entries cannot be changed, so the ones there are go and come again with another date."""
    entry = AuditEntry.objects.get()
    entry.delete()
    table, columns = "booking_auditentry", "actor, action, outcome, practice, reference, at"
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({columns}) VALUES (%s, %s, %s, %s, %s, %s)",
            [entry.actor, entry.action, entry.outcome, entry.practice, "", _text(ago(**length))],
        )


def _text(moment: Any) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")


# --- Nothing that a patient typed ------------------------------------------------------------------------------------

SECRETS = {"personal_number": "198112289874", "note": "my secret fear", "answers": {"q1": "behind the wisdom tooth"}}


@pytest.mark.parametrize("vendor", ["fake", "fake_reserving"])
def test_after_whole_journeys_no_entry_holds_anything_typed_or_any_token(
    practice: Practice, diary: Diary, vendor: str
) -> None:
    practice.vendor = vendor
    practice.save()
    times = free(diary)
    one = hold(practice, times[0], tokens.new())
    personal = typed(one, **SECRETS)
    two = hold(practice, times[1], personal)
    diary.refused_fields = ("phone",)
    with pytest.raises(InvalidPatient):
        confirmation.confirm(two.booking)
    diary.refused_fields = ()
    confirmation.confirm(two.booking)
    lost = unknown(practice, diary, booked=False)
    diary.fail("find", VendorUnavailable("down"))
    for seconds in (5, 20, 71, 72):
        reconciliation.settle(change(lost, checking_since=ago(seconds=seconds), look_at=ago(seconds=1)))
    taken = ready(practice, diary, free(diary, "bo")[0], **SECRETS)
    diary.fail("book", SlotTaken())
    with pytest.raises(SlotTaken):
        confirmation.confirm(taken)
    holds.release(ready(practice, diary, free(diary, "bo")[1], **SECRETS))
    change(ready(practice, diary, free(diary, "bo")[2], **SECRETS), held_until=ago(seconds=1))
    holds.expire_due()
    diary.fail("services", VendorUnavailable("down"))
    practice.snapshots.all().delete()
    with contextlib.suppress(VendorError):
        catalogue.services(practice, "en")
    retention.forget_due()

    written = str(list(AuditEntry.objects.values_list()))
    for action in ("held", "released", "checking", "confirmed", "failed", "expired"):
        assert f"booking {action}" in written
    typed_texts = [*DETAILS.values(), "198112289874", "8112289874", "my secret fear", "wisdom tooth", "701234567"]
    for text in [*typed_texts, one.token, personal, two.token, TOKEN, two.booking.key, one.booking.visit]:
        assert text.lower() not in written.lower()
    assert stand(practice).choice.service == "checkup"
