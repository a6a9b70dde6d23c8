"""The right time: wishes in the address, another date, the first available, and where to look when nothing is free."""

from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

from django.utils import timezone

from booking.models import Booking, Practice, State
from tests.pages.conftest import Place
from tests.pages.patient import Page, Patient, start_of
from vendors.sandbox.opus import CITY


def times(place: Place, patient: Patient | None = None, **query: object) -> Page:
    patient = patient or place.patient()
    return patient.open(f"/{place.slug}/en/times/?{urlencode({**place.choice, **query}, doseq=True)}")


def query_of(address: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(address).query)


def test_only_times_as_wished_are_shown(opus: Place) -> None:
    page = times(opus, day=["mon", "wed"], after="10:00", before="14:00")
    starts = [start_of(button) for button in page.slots]
    assert starts
    assert {start.isoweekday() for start in starts} <= {1, 3}
    assert {start.hour for start in starts} <= {10, 11, 12, 13}


def test_wishes_stand_in_the_form_as_they_were_wished(opus: Place) -> None:
    page = times(opus, day="mon,wed", after="10:00")
    assert [box["value"] for box in page.all("input", type="checkbox", checked=True)] == ["mon", "wed"]
    assert page.one("select", name="after").one("option", selected=True).text == "10:00"


def test_wishes_go_along_to_later_days_to_another_language_and_back(opus: Place) -> None:
    page = times(opus, day=["mon", "wed"], after="10:00")
    links = [page.all("a", rel="next")[0], page.all("a", rel="alternate")[0]]
    links += [*page.one("section", class_="summary").all("a")]
    for link in links:
        query = query_of(link["href"])
        assert (query["day"], query["after"]) == (["mon", "wed"], ["10:00"]), link["href"]


def test_wishes_are_kept_through_a_hold_and_its_release(opus: Place) -> None:
    patient = opus.patient()
    page = times(opus, patient, day=["mon", "wed"], after="10:00")
    held = patient.press(page, page.slots[0])
    page = patient.release(held)
    assert page.query["after"] == "10:00"
    assert {start_of(button).isoweekday() for button in page.slots} <= {1, 3}


def test_wishes_that_make_no_sense_are_none(opus: Place) -> None:
    page = times(opus, day="someday", after="noon", before="99:99")
    assert [b["value"] for b in page.slots] == [b["value"] for b in times(opus).slots]


def test_wishes_that_nothing_fulfils_lead_to_a_page_that_offers_others(opus: Place) -> None:
    page = times(opus, after="23:00")
    assert page.slots == []
    links = [a["href"] for a in page.one("ul", class_="instead").all("a")]
    assert links
    assert "after" not in query_of(links[0])
    patient = opus.patient()
    assert patient.open(links[0]).slots
    assert page.one("div", class_="notice").has("a", href="tel:+4681234567")


def test_nothing_free_with_one_provider_offers_the_others_and_the_other_clinics(opus: Place) -> None:
    opus.sandbox.diary["clinicians"][0]["Hours"] = {}
    page = times(opus, provider="1")
    assert page.slots == []
    offered = [query_of(a["href"]) for a in page.one("ul", class_="instead").all("a")]
    assert any(q["provider"] == ["any"] and q["clinic"] == [CITY] for q in offered)


def test_a_date_can_be_jumped_to(opus: Place) -> None:
    page = times(opus)
    form = page.one("form", class_="jump")
    fields = {e["name"]: e.get("value") or "" for e in form.all("input")}
    assert fields["service"] == opus.choice["service"]
    day = form.one("input", type="date")
    assert day["min"] <= day["value"] <= day["max"]
    later = times(opus, **{"from": day["max"]})
    assert later.one("form", class_="jump").one("input", type="date")["value"] == day["max"]


def test_mornings_and_afternoons_stand_apart(opus: Place) -> None:
    page = times(opus)
    for part in page.all("div", class_="part"):
        hours = {start_of(button).hour for button in part.all("button")}
        assert max(hours) < 12 or min(hours) >= 12
        assert part.one("h4").text == ("Morning" if max(hours) < 12 else "Afternoon")


def test_one_choice_on_the_first_page_leads_to_the_first_time_wherever_it_is(opus: Place) -> None:
    patient = opus.patient()
    page = patient.open(patient.at(""))
    page = patient.open(page.one("p", class_="first-available").one("a")["href"])
    page = patient.open(page.all("a", data_service=True)[0]["href"])
    assert page.path == "/norrmalm/en/times/"
    assert (page.query["clinic"], page.query["provider"]) == ("any", "any")
    assert page.slots
    assert all(len(button.all("span", class_="quiet")) == 2 for button in page.slots)


def test_that_choice_can_be_taken_back(opus: Place) -> None:
    patient = opus.patient()
    page = patient.open(patient.at("", clinic="any", provider="any"))
    page = patient.open(page.one("p", class_="first-available").one("a")["href"])
    assert page.query == {}


def test_a_time_outside_of_the_practices_rules_cannot_be_held_and_the_page_says_why(opus: Place) -> None:
    patient = opus.patient()
    page = times(opus, patient)
    Practice.objects.update(rules={"lead_minutes": 60 * 24 * 60}, changed_at=timezone.now())
    page = patient.press(page, page.slots[0])
    assert "cannot be booked online" in page.one("h1").text
    assert not Booking.objects.filter(state=State.HELD).exists()


# --- Keeping a time longer --------------------------------------------------------------------------------------------


def nearly_over(opus: Place) -> Booking:
    Booking.objects.update(held_until=timezone.now() + timedelta(seconds=40))
    return Booking.objects.get()


def test_a_time_can_be_kept_longer_and_what_is_typed_so_far_stays(opus: Place) -> None:
    patient = opus.patient()
    page = opus.hold(patient)
    before = nearly_over(opus).held_until
    page = patient.post(f"{page.path.removesuffix('details/')}extend/", {"back": "details", "first_name": "Åsa"})
    assert page.status == 200
    assert page.one("input", name="first_name")["value"] == "Åsa"
    assert not page.has("input", aria_invalid="true")
    assert Booking.objects.get().held_until > before


def test_at_the_review_it_is_kept_longer_too(opus: Place) -> None:
    patient = opus.patient()
    page = opus.review(patient)
    before = nearly_over(opus).held_until
    page = patient.post(f"{page.path.removesuffix('confirm/')}extend/", {})
    assert page.path.endswith("/confirm/")
    assert Booking.objects.get().held_until > before


def test_a_hold_that_ended_leads_to_other_times(opus: Place) -> None:
    patient = opus.patient()
    page = opus.hold(patient)
    Booking.objects.update(held_until=timezone.now() - timedelta(seconds=1))
    page = patient.post(f"{page.path.removesuffix('details/')}extend/", {"back": "details"})
    assert page.path.endswith("/times/")
