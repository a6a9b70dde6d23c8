"""Secrets and patients' fields as they lie in the database."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.core.serializers import serialize
from django.db import connection

from booking import checks, encryption
from booking.models import Booking, Practice
from tests.booking.journey import DETAILS, ready
from tests.fake_vendor import TOKEN, Diary

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def column(table: str, name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {name} FROM {table}")
        return str(cursor.fetchone()[0])


def test_what_is_encrypted_can_be_read_again() -> None:
    text = "Åsa 李 😀 \n" * 50
    assert encryption.decrypt(encryption.encrypt(text)) == text


def test_the_same_text_never_looks_the_same() -> None:
    assert encryption.encrypt("x") != encryption.encrypt("x")


def test_the_columns_hold_no_plain_text(practice: Practice, diary: Diary) -> None:
    ready(practice, diary, note="afraid")
    stored = column("booking_booking", "details") + column("booking_practice", "connection")
    for text in [*DETAILS.values(), "afraid", "first_name", TOKEN, "token", diary.address]:
        assert text not in stored
    assert len(stored) > 200


def test_no_column_of_a_booking_but_one_knows_the_patient(practice: Practice, diary: Diary) -> None:
    ready(practice, diary, note="afraid")
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM booking_booking")
        row = str(cursor.fetchone())
    for text in [*DETAILS.values(), "afraid"]:
        assert text not in row


def test_after_a_new_key_the_old_rows_are_still_read(make_practice: Callable[..., Practice], settings: Any) -> None:
    settings.FIELD_KEYS = [OLD]
    make_practice(connection={"token": "t"})
    settings.FIELD_KEYS = [NEW, OLD]
    practice = Practice.objects.get()
    assert practice.connection == {"token": "t"}
    practice.save()  # now under the new key
    settings.FIELD_KEYS = [NEW]
    assert Practice.objects.get().connection == {"token": "t"}


def test_new_rows_are_written_with_the_newest_key(settings: Any) -> None:
    settings.FIELD_KEYS = [NEW, OLD]
    text = encryption.encrypt("x")
    settings.FIELD_KEYS = [OLD]
    with pytest.raises(ImproperlyConfigured, match="none of the keys"):
        encryption.decrypt(text)


def test_a_wrong_key_opens_nothing(make_practice: Callable[..., Practice], settings: Any) -> None:
    settings.FIELD_KEYS = [OLD]
    make_practice(connection={"token": "t"})
    settings.FIELD_KEYS = [NEW]
    with pytest.raises(ImproperlyConfigured, match="none of the keys"):
        Practice.objects.get()


def test_what_was_changed_at_the_databases_prompt_is_noticed(practice: Practice) -> None:
    stored = column("booking_practice", "connection")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE booking_practice SET connection = %s", [stored[:-6] + "AAAAA="])
    with pytest.raises(ImproperlyConfigured, match="none of the keys"):
        Practice.objects.get()


def test_nothing_is_stored_as_no_text(practice: Practice, diary: Diary) -> None:
    booking = ready(practice, diary)
    booking.details = {}
    booking.save()
    assert column("booking_booking", "details") == ""
    assert Booking.objects.get().details == {}


def test_an_export_holds_no_secret(practice: Practice, diary: Diary) -> None:
    ready(practice, diary)
    exported = serialize("json", [*Practice.objects.all(), *Booking.objects.all()])
    assert "Norrmalms" in exported
    for text in (TOKEN, *DETAILS.values()):
        assert text not in exported


@pytest.mark.parametrize("keys", [["too short"], [OLD, "x"], [""], [OLD[:-2]]])
def test_a_key_that_is_none_is_found_by_check(keys: list[str], settings: Any) -> None:
    settings.FIELD_KEYS = keys
    with pytest.raises(ImproperlyConfigured, match="FIELD_KEYS"):
        encryption.encrypt("x")
    (found,) = checks.keys_encrypt(None)
    assert found.id == "booking.E001"


def test_good_keys_pass_the_check(settings: Any) -> None:
    settings.FIELD_KEYS = [NEW, OLD]
    assert checks.keys_encrypt(None) == []
