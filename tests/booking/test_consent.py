"""booking/consent.py and the admin's page for it: a practice's owner connects it at the vendor's own page."""

from collections.abc import Iterator
from typing import Any
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


def table_of(practice: Practice) -> dict[str, Any]:
    """The practice as a file has it."""
    names = ("slug", "name", "vendor", "timezone", "languages", "phone", "email", "clinic", "embed_origins")
    return {name: getattr(practice, name) for name in names} | {
        "connection": dict(practice.connection),
        "service": practice.services,
    }


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


# --- What comes after consent ----------------------------------------------------------------------------------------


def renewed(sandbox: AlfaDocsSandbox, practice: Practice) -> Practice:
    """The practice after its access token ran out once, so that the stored refresh token is used up."""
    sandbox.diary["tokens"]["access"].clear()
    connections.vendor_for(practice).services("it")
    return Practice.objects.get()


def test_a_practice_whose_colour_is_changed_stays_connected(
    admin_client: Client, practice: Practice, sandbox: AlfaDocsSandbox
) -> None:
    admin_client.get(consent(admin_client, practice))
    practice = renewed(sandbox, Practice.objects.get())
    connection = practice.connection | {"reminders": True}
    changed = practices.changes(practice, {"connection": connection})
    practice.connection = connection
    practices.save(practice, actor="staff:anna", changed=changed)
    assert renewed(sandbox, practice).connection == connection


def test_consent_is_used_as_it_was_given_and_not_renewed_at_once(
    admin_client: Client, practice: Practice, sandbox: AlfaDocsSandbox
) -> None:
    admin_client.get(consent(admin_client, practice))
    made = sandbox.diary["tokens"]["made"]
    connections.vendor_for(Practice.objects.get()).services("it")
    assert sandbox.diary["tokens"]["made"] == made


def test_a_file_that_is_loaded_again_leaves_the_consent_alone(
    admin_client: Client, practice: Practice, sandbox: AlfaDocsSandbox
) -> None:
    table = table_of(practice)
    admin_client.get(consent(admin_client, practice))
    connected = Practice.objects.get().connection
    assert practices.load_tables([table], actor="command") == [(practice.slug, "unchanged")]
    assert Practice.objects.get().connection == connected
    assert renewed(sandbox, Practice.objects.get()).connection == connected


def test_a_file_with_the_token_that_a_later_consent_replaced_does_not_bring_it_back(
    admin_client: Client, practice: Practice
) -> None:
    table = table_of(practice)
    admin_client.get(consent(admin_client, practice))
    first = Practice.objects.get().connection
    table["connection"] = dict(first)
    practices.load_tables([table], actor="command")
    admin_client.get(consent(admin_client, practice))
    second = Practice.objects.get().connection
    assert second["refresh_token"] != first["refresh_token"]
    assert practices.load_tables([table], actor="command") == [(practice.slug, "unchanged")]
    assert Practice.objects.get().connection == second


def test_a_file_with_a_new_token_or_a_new_client_counts_whole(admin_client: Client, practice: Practice) -> None:
    table = table_of(practice)
    admin_client.get(consent(admin_client, practice))
    for news in ({"refresh_token": "typed", "practice_id": "1", "archive_id": "2"}, {"client_secret": "another"}):
        table["connection"] = table_of(practice)["connection"] | news
        practices.load_tables([table], actor="command")
        assert Practice.objects.get().connection == table["connection"]


def test_a_mistake_in_the_form_of_a_connected_practice_is_shown_at_its_field(
    admin_client: Client, practice: Practice
) -> None:
    admin_client.get(consent(admin_client, practice))
    answer = admin_client.post(page(practice), {"slug": practice.slug, "name": ""})
    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode()


def test_an_answer_with_odd_characters_connects_nothing(admin_client: Client, practice: Practice) -> None:
    consent(admin_client, practice)
    answer = admin_client.get("/admin/booking/practice/connected/?code=1&state=\u00e9")
    assert answer.status_code == 302
    assert "refresh_token" not in Practice.objects.get().connection
