"""The practice's address, and addresses that lead nowhere."""

import pytest

from tests.pages.conftest import Place
from tests.pages.patient import Patient
from vendors.sandbox.opus import CITY


@pytest.mark.parametrize(
    ("wanted", "language"),
    [
        ("", "sv"),
        ("en", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("sv-SE,sv;q=0.8,en;q=0.5", "sv"),
        ("en;q=0.5,sv;q=0.9", "sv"),
        ("de-DE,de;q=0.9,en;q=0.3", "en"),
        ("de,fr", "sv"),
        ("*", "sv"),
        ("nonsense;;q=x", "sv"),
    ],
)
def test_a_visitor_is_led_to_the_best_language_for_them(opus: Place, wanted: str, language: str) -> None:
    headers = {"Accept-Language": wanted} if wanted else {}
    page = opus.patient().open("/norrmalm/", follow=False, **headers)
    assert (page.status, page["Location"]) == (302, f"/norrmalm/{language}/")
    assert "Accept-Language" in page["Vary"]


def test_the_first_address_keeps_its_query(opus: Place) -> None:
    page = opus.patient().open(f"/norrmalm/?service=1&clinic={CITY}&note=a%26b", follow=False)
    assert page["Location"] == f"/norrmalm/sv/?service=1&clinic={CITY}&note=a%26b"


def test_a_link_on_a_clinics_website_without_a_language_goes_on_to_the_open_step(opus: Place) -> None:
    page = opus.patient().open(f"/norrmalm/?service=1&clinic={CITY}", **{"Accept-Language": "en"})
    assert page.path == "/norrmalm/en/provider/"
    assert page.choices("provider")


@pytest.mark.parametrize(
    "address",
    [
        "/norrmalm/de/",
        "/norrmalm/de/times/?service=1",
        "/norrmalm/en/nonsense/",
        "/norrmalm/nonsense/",
        "/norrmalm/en/booking/short/",
        f"/norrmalm/en/booking/{'x' * 43}/",
        f"/norrmalm/en/booking/{'x' * 43}/details/",
        f"/norrmalm/en/booking/{'x' * 43}/confirm/",
        f"/norrmalm/en/booking/{'x' * 43}/calendar.ics",
        f"/norrmalm/en/booking/{'x' * 40}/",
    ],
)
def test_an_address_that_leads_nowhere_is_answered_in_the_practices_look(opus: Place, address: str) -> None:
    page = opus.patient().open(address)
    assert page.status == 404
    assert "Norrmalms Tandvård" in page.one("header").text
    assert "+46 8 123 45 67" in page.one("footer").text
    assert page.one("a", class_="button")["href"].startswith("/norrmalm/")


def test_an_address_that_leads_nowhere_speaks_the_language_in_it(opus: Place) -> None:
    assert opus.patient().open("/norrmalm/en/nonsense/").one("html")["lang"] == "en"
    assert opus.patient().open("/norrmalm/sv/nonsense/").one("html")["lang"] == "sv"


@pytest.mark.parametrize("address", ["/nobody/", "/nobody/en/", "/nobody/en/times/?service=1", "/Norrmalm/", "/"])
def test_an_unknown_practice_is_not_found(opus: Place, address: str) -> None:
    page = opus.patient().open(address)
    assert page.status == 404
    assert "Norrmalms" not in page.html
    assert not page.has("header")


def test_a_booking_is_not_found_at_another_practice(opus: Place, qmatic: Place) -> None:
    held = opus.hold(opus.patient())
    for page in ("", "details/", "confirm/"):
        assert qmatic.patient().open(f"/riverside/en/booking/{held.token}/{page}").status == 404


def test_a_language_is_changed_on_the_page_where_one_is(opus: Place) -> None:
    patient = opus.patient()
    page = opus.times(patient)
    other = page.one("a", hreflang="sv")
    assert (other["lang"], other.text) == ("sv", "Svenska")
    there = patient.open(other["href"])
    assert there.path == "/norrmalm/sv/times/"
    assert there.query == page.query
    assert there.one("html")["lang"] == "sv"
    assert [slot["value"] for slot in there.slots] == [slot["value"] for slot in page.slots]


def test_a_language_is_changed_in_the_middle_of_the_details(opus: Place) -> None:
    patient = opus.patient()
    page = opus.hold(patient)
    there = patient.open(page.one("a", hreflang="sv")["href"])
    assert (there.status, there.path) == (200, page.path.replace("/en/", "/sv/"))


def test_pages_in_one_language_offer_no_other(opus: Place) -> None:
    opus.set(languages=["en"])
    assert not opus.patient().open("/norrmalm/en/").has("a", hreflang=True)


def test_a_language_without_a_translation_of_ours_still_works(opus: Place) -> None:
    opus.set(languages=["fi", "en"])
    page = Patient("norrmalm", "fi").open("/norrmalm/fi/")
    assert page.status == 200
    assert page.choices("service")
