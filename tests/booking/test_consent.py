"""booking/consent.py and the admin's page for it: a practice's owner connects it at the vendor's own page."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from django.test import Client

from booking import connections, practices
from booking.models import AuditEntry, Practice
from vendors.base import AuthenticationFailed
from vendors.sandbox.alfadocs import CLIENT_ID, CLIENT_SECRET, AlfaDocsSandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sandbox() -> AlfaDocsSandbox:
    return AlfaDocsSandbox()


@pytest.fixture
def practice(sandbox: AlfaDocsSandbox) -> Iterator[Practice]:
    """With a client of ours, and nobody's consent yet."""
    with sandbox.serve() as address:
        table = sandbox.practice(address)
        table["connection"] = {
            "base_url": f"{address}/api/v1",
            "token_url": f"{address}/oauth2/token",
            "authorize_url": f"{address}/oauth2/authorize",
            "color_id": table["connection"]["color_id"],
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        }
        practices.load_tables([table], actor="command")
        yield Practice.objects.get()


def page(practice: Practice) -> str:
    return f"/admin/booking/practice/{practice.pk}/change/"


def consent(admin: Client, practice: Practice) -> str:
    """Presses "Connect", says yes at the vendor, and answers the address that leads back."""
    there = admin.get(f"/admin/booking/practice/{practice.pk}/connect/")["Location"]
    back = httpx.get(there).headers["Location"]
    return "/" + back.split("/", 3)[3]


def messages(admin: Client, practice: Practice) -> str:
    return admin.get(page(practice)).content.decode()


def test_before_the_owner_consented_nothing_can_be_booked_and_staff_are_told_to_connect(
    admin_client: Client, practice: Practice
) -> None:
    with pytest.raises(AuthenticationFailed):
        connections.vendor_for(practice).services("it")
    assert f"/admin/booking/practice/{practice.pk}/connect/" in messages(admin_client, practice)


def test_after_the_owner_consented_the_practice_is_connected(
    admin_client: Client, practice: Practice, sandbox: AlfaDocsSandbox
) -> None:
    admin_client.get(consent(admin_client, practice))
    practice.refresh_from_db()
    assert connections.vendor_for(practice).services("it")
    assert sandbox.breaches == []


def test_the_ids_of_the_practice_come_from_the_vendor(admin_client: Client, practice: Practice) -> None:
    admin_client.get(consent(admin_client, practice))
    practice.refresh_from_db()
    assert practice.connection["practice_id"] == "4120"
    assert practice.connection["archive_id"] == "8871"


def test_who_connected_it_is_written_down_without_the_tokens(admin_client: Client, practice: Practice) -> None:
    admin_client.get(consent(admin_client, practice))
    practice.refresh_from_db()
    entry = AuditEntry.objects.filter(action="practice changed").latest("id")
    assert entry.actor == "staff:admin"
    assert "connection.refresh_token" in entry.outcome
    assert practice.connection["refresh_token"] not in entry.outcome
    assert practice.connection["refresh_token"] not in messages(admin_client, practice)


def test_an_answer_to_another_question_connects_nothing(admin_client: Client, practice: Practice) -> None:
    back = consent(admin_client, practice)
    state = parse_qs(urlsplit(back).query)["state"][0]
    admin_client.get(back.replace(state, "planted-by-somebody-else"))
    practice.refresh_from_db()
    assert "refresh_token" not in practice.connection


def test_an_answer_counts_once(admin_client: Client, practice: Practice, sandbox: AlfaDocsSandbox) -> None:
    back = consent(admin_client, practice)
    admin_client.get(back)
    calls = sandbox.count("token")
    admin_client.get(back)
    assert sandbox.count("token") == calls


def test_an_owner_who_says_no_leaves_the_connection_as_it_was(admin_client: Client, practice: Practice) -> None:
    back = consent(admin_client, practice)
    state = parse_qs(urlsplit(back).query)["state"][0]
    answer = admin_client.get(f"{back.partition('?')[0]}?error=access_denied&state={state}", follow=True)
    assert answer.redirect_chain[-1][0] == page(practice)
    practice.refresh_from_db()
    assert "refresh_token" not in practice.connection


def test_a_vendor_that_is_down_is_said_to_be_so(
    admin_client: Client, practice: Practice, sandbox: AlfaDocsSandbox
) -> None:
    back = consent(admin_client, practice)
    sandbox.answer("token", 503, times=5)
    answer = admin_client.get(back, follow=True)
    assert "cannot be reached" in answer.content.decode()


def test_a_visitor_who_is_not_staff_connects_nothing(client: Client, practice: Practice) -> None:
    answer = client.get(f"/admin/booking/practice/{practice.pk}/connect/")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/")


def test_a_practice_with_a_key_has_nothing_to_connect(
    admin_client: Client, practice: Practice, sandbox: AlfaDocsSandbox
) -> None:
    practices.load_tables([sandbox.practice("http://127.0.0.1:9")], actor="command")
    assert "/connect/" not in messages(admin_client, practice)
    assert admin_client.get(f"/admin/booking/practice/{practice.pk}/connect/").status_code == 403
