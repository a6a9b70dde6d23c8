"""Secrets and patients' fields as they lie in the database: encrypted with the newest of `FIELD_KEYS`."""

import json
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models


@lru_cache(maxsize=4)
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError as error:
        raise ImproperlyConfigured("FIELD_KEYS: each key must be 32 bytes in URL-safe base64") from error


def encrypt(text: str) -> str:
    return _cipher(tuple(settings.FIELD_KEYS)).encrypt(text.encode()).decode()


def decrypt(text: str) -> str:
    """Raises `ImproperlyConfigured` where none of the keys fits."""
    try:
        return _cipher(tuple(settings.FIELD_KEYS)).decrypt(text.encode()).decode()
    except InvalidToken as error:
        raise ImproperlyConfigured(
            "FIELD_KEYS: none of the keys opens what is stored. Add the key that wrote it"
        ) from error


class EncryptedJSONField(models.TextField):  # type: ignore[type-arg]
    """A JSON value that only this application can read; it cannot be searched. Empty values are stored as no text."""

    def get_prep_value(self, value: Any) -> str:
        return encrypt(json.dumps(value)) if value else ""

    def from_db_value(self, value: str | None, expression: object, connection: object) -> Any:
        return json.loads(decrypt(value)) if value else {}

    def value_to_string(self, obj: models.Model) -> str:
        """For exports: never the value."""
        return ""
