"""What a clinic's website loads from us, and what a page of ours says and offers inside of one."""

import base64
import gzip
import hashlib
import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from booking import embedding
from booking.models import EmbedSighting
from tests.pages.conftest import Place
from tests.pages.patient import framers_of

IN_A_FRAME = {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "cross-site"}
WEBSITE = "http://localhost:8080"
"""The first on the list of the practice in the tests."""


# --- The script ------------------------------------------------------------------------------------------------------


def test_the_script_has_at_most_three_kilobytes_on_the_way(client: Client) -> None:
    answer = client.get("/embed.js", headers={"Accept-Encoding": "gzip, deflate, br"})
    assert answer["Content-Encoding"] == "gzip"
    assert len(answer.content) <= 3 * 1024
    assert gzip.decompress(answer.content) == client.get("/embed.js").content


def test_browsers_may_keep_the_script_and_check_its_hash(client: Client) -> None:
    answer = client.get("/embed.js")
    assert answer["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer["Cache-Control"] == "public, max-age=3600"
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "Accept-Encoding" in answer["Vary"]
    assert not answer.cookies
    again = client.get(f"/embed.js?v={embedding.script().version}", headers={"If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = client.get("/embed.js", headers={"If-None-Match": '"another"'})
    assert other.status_code == 200


def test_the_hash_is_that_of_the_script_as_it_is_sent(client: Client) -> None:
    digest = hashlib.sha384(client.get("/embed.js").content).digest()
    assert embedding.script().integrity == f"sha384-{base64.b64encode(digest).decode()}"


def test_the_script_speaks_all_our_languages(client: Client) -> None:
    text = client.get("/embed.js").content.decode()
    [words] = re.findall(r"^const WORDS = (\{.*\});$", text, re.MULTILINE)
    assert set(re.findall(r'"([a-z]{2,3}(?:-[a-z]+)?)":\[', words)) == {code for code, _name in settings.LANGUAGES}
    assert "Boka tid" in words


# --- Inside of a website ---------------------------------------------------------------------------------------------


def test_in_a_frame_a_new_tab_is_offered_that_carries_the_choices_over(opus: Place) -> None:
    page = opus.times(opus.patient(**IN_A_FRAME))
    link = page.one("p", class_="new-tab").one("a")
    assert "hidden" not in page.one("p", class_="new-tab")
    assert link["target"] == "_blank"
    assert link["href"] == page.address
    assert "service=1" in link["href"]
    assert opus.times(opus.patient()).has("p", class_="new-tab", hidden=True)


def test_where_the_time_was_just_taken_the_new_tab_shows_the_times(opus: Place) -> None:
    first, second = opus.patient(), opus.patient()
    page = opus.times(second)
    opus.hold(first)
    taken = second.press(page, page.slots[0])
    assert taken.status == 200
    link = taken.one("p", class_="new-tab").one("a")["href"]
    assert link.startswith("/norrmalm/en/times/?service=1&")
    assert second.open(link).status == 200


def test_a_practice_without_websites_has_nothing_of_it_in_its_pages(opus: Place) -> None:
    opus.set(embed_origins=[])
    page = opus.patient().open("/norrmalm/en/")
    assert not page.has("p", class_="new-tab")
    assert "framed" not in page.html


def test_the_ids_that_a_website_is_told_are_those_of_the_booking(opus: Place) -> None:
    page = opus.book(opus.patient())
    said = page.one("script", data_origins=True)
    booking = opus.booking
    chosen = (booking.service_id, booking.clinic_id, booking.provider_id)
    assert (said["data-service"], said["data-clinic"], said["data-provider"]) == chosen
    assert "data-until" not in said
    assert said["data-step"] == "booking"


def test_a_page_in_trouble_names_its_trouble(opus: Place) -> None:
    page = opus.patient().open("/norrmalm/en/nonsense/")
    assert page.one("script", data_origins=True)["data-error"] == "not_found"


# --- Where it was seen -----------------------------------------------------------------------------------------------


def report(client: Client, origin: str, **headers: str) -> int:
    headers = {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin", **headers}
    return client.post("/norrmalm/embedded/", {"origin": origin}, headers=headers).status_code


def test_a_website_on_the_list_is_written_down_once_a_day(opus: Place, client: Client) -> None:
    assert report(client, WEBSITE) == 204
    assert report(client, WEBSITE) == 204
    first = EmbedSighting.objects.get()
    assert (first.practice.slug, first.origin, first.last_seen_at) == ("norrmalm", WEBSITE, first.first_seen_at)
    a_while_ago = timezone.now() - timedelta(days=3)
    EmbedSighting.objects.update(first_seen_at=a_while_ago, last_seen_at=a_while_ago)
    report(client, WEBSITE)
    later = EmbedSighting.objects.get()
    assert later.first_seen_at == a_while_ago
    assert later.last_seen_at > first.last_seen_at


@pytest.mark.parametrize("origin", ["https://www.elsewhere.example", "http://localhost:8081", "", "null", "x" * 400])
def test_another_website_is_not_written_down(opus: Place, client: Client, origin: str) -> None:
    assert report(client, origin) == 204
    assert not EmbedSighting.objects.exists()


def test_only_our_own_page_may_say_so(opus: Place, client: Client) -> None:
    assert report(client, WEBSITE, **{"Origin": WEBSITE, "Sec-Fetch-Site": "cross-site"}) == 403
    assert client.post("/norrmalm/embedded/", {"origin": WEBSITE}).status_code == 403
    assert client.get("/norrmalm/embedded/").status_code == 405
    assert not EmbedSighting.objects.exists()


# --- The preview -----------------------------------------------------------------------------------------------------


def test_only_a_page_of_ours_may_frame_besides_the_list(opus: Place) -> None:
    inside = {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": "same-origin"}
    listed = opus.row.embed_origins
    client = Client()
    assert framers_of(client.get("/norrmalm/en/", headers=inside)) == [*listed, "'self'"]
    assert framers_of(client.get("/norrmalm/en/", headers=IN_A_FRAME)) == listed
    for other in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Dest": "document"}):
        assert framers_of(client.get("/norrmalm/en/", headers={**inside, **other})) == listed
    assert framers_of(client.get("/admin/login/", headers=inside)) == ["'none'"]
