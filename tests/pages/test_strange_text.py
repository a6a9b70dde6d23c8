"""Text that no browser of a patient sends by itself. Whoever sends it is answered like everybody else."""

import pytest

from tests.pages.conftest import Place
from vendors.sandbox.opus import CITY


@pytest.mark.parametrize("strange", ["\0", "\n", "\x1b[2J", "\x7f", "\x85", "1\0", "\0" * 5000])
@pytest.mark.parametrize(
    ("query", "path", "words", "what"),
    [
        ({"service": ""}, "", "not offered here any more", "service"),
        ({"service": "1", "clinic": ""}, "clinic/", "That clinic does not offer this", "clinic"),
        ({"service": "1", "clinic": CITY, "provider": ""}, "provider/", "not available for this", "provider"),
    ],
)
def test_an_id_with_control_characters_is_one_that_is_not_known(
    opus: Place, query: dict[str, str], path: str, words: str, what: str, strange: str
) -> None:
    patient = opus.patient()
    page = patient.open(patient.at("", **{**query, what: strange}))
    assert (page.status, page.path) == (200, f"/norrmalm/en/{path}")
    assert words in page.notice
    assert page.choices(what)
    assert strange not in page.text


@pytest.mark.parametrize("name", ["held", "screened", "from", "day", "after", "before"])
def test_control_characters_elsewhere_in_an_address_change_nothing(opus: Place, name: str) -> None:
    patient = opus.patient()
    page = patient.open(patient.at("times/", **opus.choice, **{"day" if name == "from" else name: "\0"}))
    assert (page.status, page.path) == (200, "/norrmalm/en/times/")
    assert page.slots
    assert "\0" not in page.html


def test_no_half_of_a_character_reaches_the_database(opus: Place) -> None:
    """Where the sender names a charset in which it can be written."""
    half = {"Content-Type": "text/plain; charset=utf-7"}
    page = opus.patient().open("/norrmalm/en/?service=%2B2AA-", **half)
    assert (page.status, page.path) == (200, "/norrmalm/en/")
    assert "not offered here any more" in page.notice


@pytest.mark.parametrize(
    "path", ["/norrmalm%00/en/", "/norrmalm/e%00/", "/norrmalm/en/booking/%00/", "/%00/", "/%0a/x"]
)
def test_an_address_with_control_characters_leads_nowhere(opus: Place, path: str) -> None:
    assert opus.patient().open(path).status == 404


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "http://]testserver", "//[x]", "http://testserver:port"])
@pytest.mark.parametrize("site", [{}, {"Sec-Fetch-Site": "same-origin"}])
def test_an_origin_that_is_no_address_is_a_foreign_one(opus: Place, origin: str, site: dict[str, str]) -> None:
    patient = opus.patient()
    page = patient.post(patient.at("hold/"), opus.choice, headers={"Origin": origin, **site})
    assert page.status == 403
