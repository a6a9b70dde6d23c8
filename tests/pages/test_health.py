"""What load balancers and monitors ask."""

import pytest
from django.db import connection
from django.test import Client


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/healthz", "/readyz"])
def test_the_process_lives_and_reaches_its_database(address: str) -> None:
    response = Client().get(address)
    assert (response.status_code, response.content, response["Content-Type"]) == (200, b"ok", "text/plain")
    assert Client().head(address).status_code == 200
    assert Client().post(address).status_code == 405


def test_a_process_without_its_tables_lives_but_is_not_ready(transactional_db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE booking_practice RENAME TO elsewhere")
    try:
        assert Client().get("/healthz").status_code == 200
        assert Client().get("/readyz").status_code == 503
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO booking_practice")
    assert Client().get("/readyz").status_code == 200
