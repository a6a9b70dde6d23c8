"""Statements that nearly every page makes, written out: composing them took the ORM longer than they take to run."""

from datetime import UTC, datetime
from typing import Any

from django.db import connection


def rows(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """What the statement answers, as the database's driver gives it: on SQLite, times come as text."""
    with connection.cursor() as cursor:
        cursor.execute(statement, [_given(value) for value in values])
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def moment(value: Any) -> datetime:
    """A time as `rows` gives it, with its zone."""
    found = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def run(statement: str, *values: Any) -> int:
    """How many rows it changed."""
    with connection.cursor() as cursor:
        cursor.execute(statement, [_given(value) for value in values])
        changed: int = cursor.rowcount
        return changed


def _given(value: Any) -> Any:
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value
