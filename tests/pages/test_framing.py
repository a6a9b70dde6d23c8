"""Who may show a page in a frame: the practice's own list on its pages, whatever is wrong there; nobody elsewhere."""

import pytest
from django.test import Client

from booking.models import Snapshot
from tests.pages.conftest import Place
from tests.pages.patient import Patient, framers_of

LISTED = ["http://localhost:8080", "http://127.0.0.1:8080"]


def test_every_page_of_a_journey_may_be_framed_by_the_practices_sites(opus: Place) -> None:
    patient = opus.patient()
    patient.open("/norrmalm/")
    patient.open(patient.at())
    patient.open(patient.at("clinic/", service="1"))
    patient.open(patient.at("provider/", service="1", clinic=opus.choice["clinic"]))
    opus.book(patient)
    assert len(patient.pages) > 8
    assert {tuple(page.framers) for page in patient.pages} == {tuple(LISTED)}


def test_a_page_that_is_not_found_may_be_framed(opus: Place) -> None:
    for address in ("/norrmalm/en/nonsense/", "/norrmalm/de/", "/norrmalm/nonsense/"):
        page = opus.patient().open(address)
        assert (page.status, page.framers) == (404, LISTED)


def test_a_refused_page_may_be_framed(opus: Place) -> None:
    page = opus.patient().post("/norrmalm/en/hold/", {}, headers={"Origin": "https://elsewhere.example"})
    assert (page.status, page.framers) == (403, LISTED)


def test_a_page_in_trouble_may_be_framed(opus: Place) -> None:
    opus.sandbox.answer("treatments", 503, times=9)
    page = opus.patient().open("/norrmalm/en/")
    assert (page.status, page.framers) == (503, LISTED)


def test_a_page_that_fails_on_our_side_may_be_framed_and_says_what_to_do(opus: Place) -> None:
    opus.patient().open("/norrmalm/en/")
    Snapshot.objects.update(value="damaged")
    page = opus.patient().open("/norrmalm/en/")
    assert (page.status, page.framers) == (500, LISTED)
    assert page.heading == "Something went wrong on our side"
    assert "damaged" not in page.html


def test_a_practice_without_sites_is_framed_by_nobody(opus: Place) -> None:
    opus.set(embed_origins=[])
    assert opus.patient().open("/norrmalm/en/").framers == ["'none'"]


def test_one_practices_sites_may_not_frame_another(opus: Place, qmatic: Place) -> None:
    assert qmatic.patient().open("/riverside/en/").framers == ["https://www.riverside.example"]
    assert opus.patient().open("/norrmalm/en/").framers == LISTED


@pytest.mark.parametrize("address", ["/admin/login/", "/healthz", "/readyz", "/nobody/en/", "/nobody/", "/"])
def test_what_is_no_practices_page_may_be_framed_by_nobody(opus: Place, address: str) -> None:
    assert framers_of(Client().get(address)) == ["'none'"]


def test_a_page_runs_only_what_comes_from_us(opus: Place) -> None:
    page = Patient("norrmalm").open("/norrmalm/en/")
    rules = dict(rule.split(maxsplit=1) for rule in page["Content-Security-Policy"].split("; ") if " " in rule)
    assert rules["default-src"] == rules["base-uri"] == "'none'"
    assert rules["form-action"] == "'self'"
    assert all("unsafe" not in rule and "*" not in rule for rule in rules.values())
    assert not [e for e in page.root.walk() if any(name.startswith("on") or name == "style" for name in e.attributes)]
