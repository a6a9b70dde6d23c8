"""Reload, double clicks and links into the middle: nothing is lost, and nothing is booked twice."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.visitor import ON
from vendors.sandbox import opus, qmatic

BOTH_WAYS = pytest.mark.parametrize("javascript", [True, False], ids=["js", "no-js"])


@pytest.mark.parametrize(("vendor", "javascript"), [("opus", True), ("qmatic", False)], ids=["js", "no-js"])
def test_every_step_can_be_reloaded(visit: Visit, vendor: str, javascript: bool) -> None:
    patient = visit(vendor, javascript=javascript)
    patient.open()

    def reload() -> None:
        step, address, heading = patient.step, patient.view.url, patient.heading()
        patient.page.reload()
        assert (patient.step, patient.view.url, patient.heading()) == (step, address, heading)

    for what in ("service", "clinic", "provider"):
        reload()
        patient.choose(
            what, {"opus": "1", "qmatic": qmatic.guid("GP appointment")}[vendor] if what == "service" else ""
        )
        patient.see("#main h1")
    patient.times()
    reload()
    patient.hold()
    reload()
    patient.fill_and_go_on()
    reload()
    patient.book()
    reload()
    assert patient.booked() == 1


@BOTH_WAYS
def test_a_double_click_books_once(visit: Visit, javascript: bool) -> None:
    patient = visit("opus", javascript=javascript)
    patient.open()
    patient.go_to_times()
    patient.hold()
    patient.fill_and_go_on()
    calls = patient.product.sandboxes["opus"].count("book")
    patient.view.locator(ON).dblclick()
    patient.expect_step("booking")
    # The second click's answer may come while the first is under way: then the page says so, and comes again by itself.
    patient.expect_state("confirmed", seconds=20)
    assert patient.booked() == 1
    assert patient.product.sandboxes["opus"].count("book") == calls + 1


@BOTH_WAYS
def test_a_double_click_on_a_time_holds_it_once(visit: Visit, javascript: bool) -> None:
    patient = visit("opus", javascript=javascript)
    patient.open()
    patient.go_to_times()
    slot = patient.times()[0]
    patient.time(slot).dblclick()
    patient.expect_step("details")
    patient.fill_and_go_on()
    assert patient.book()
    assert patient.booked() == 1


@pytest.mark.parametrize(
    ("path", "query", "step"),
    [
        ("", {}, "service"),
        ("", {"service": "1"}, "clinic"),
        ("", {"service": "1", "clinic": opus.CITY}, "provider"),
        ("", {"service": "1", "clinic": opus.CITY, "provider": "1"}, "times"),
        ("", {"clinic": opus.CITY}, "service"),
        ("clinic/", {"service": "1"}, "clinic"),
        ("clinic/", {}, "service"),
        ("provider/", {"service": "1", "clinic": opus.CITY}, "provider"),
        ("provider/", {"service": "1"}, "clinic"),
        ("times/", {"service": "1", "clinic": opus.CITY, "provider": "any"}, "times"),
        ("times/", {"service": "1", "clinic": "any", "provider": "any"}, "times"),
        ("times/", {"service": "1", "clinic": opus.CITY}, "provider"),
        ("times/", {"service": "1"}, "clinic"),
        ("times/", {}, "service"),
        ("screening/", {"service": "1", "clinic": opus.CITY}, "provider"),
        ("times/", {"service": "1", "clinic": opus.CITY, "provider": "1", "from": "no day"}, "times"),
        ("times/", {"service": "1", "clinic": opus.CITY, "provider": "1", "from": "1999-01-01"}, "times"),
    ],
)
def test_a_link_leads_to_the_first_step_that_is_open(visit: Visit, path: str, query: dict[str, str], step: str) -> None:
    patient = visit("opus", javascript=False)
    patient.open(path, **query)
    # What days are shown, and not a time: the other tests' bookings may have filled the week.
    expect(patient.view.locator("h2.range" if step == "times" else f"a[data-{step}]").first).to_be_visible()
    assert patient.view.locator("#main h1").count() == 1


def test_a_link_with_a_service_leads_to_a_booking(visit: Visit) -> None:
    patient = visit("opus")
    patient.open(service="2", clinic=opus.SOLNA)
    assert patient.book_all_the_way()
    assert patient.booked() == 1


@pytest.mark.parametrize(
    ("query", "step"),
    [
        ({"service": "999"}, "service"),
        ({"service": "1", "clinic": "gone"}, "clinic"),
        ({"service": "1", "clinic": opus.CITY, "provider": "999"}, "provider"),
    ],
)
def test_a_link_to_what_is_gone_leads_to_that_choice_with_a_sentence(
    visit: Visit, query: dict[str, str], step: str
) -> None:
    patient = visit("opus", javascript=False)
    patient.open("times/", **query)
    assert patient.see(".notice[role=status]").inner_text()
    expect(patient.view.locator(f"a[data-{step}]").first).to_be_visible()


def test_a_link_to_somebodys_first_address_shows_nothing_of_theirs(visit: Visit) -> None:
    patient, other = visit("opus"), visit("opus")
    patient.open()
    patient.go_to_times()
    patient.hold()
    first_address = patient.view.url
    patient.fill_and_go_on()
    other.page.goto(first_address)
    assert patient.patient.family_name not in other.page.content()
    patient.book()
    other.page.goto(first_address)
    assert patient.patient.family_name not in other.page.content()
    assert other.view.locator("[data-state]").count() == 0


def test_the_own_address_of_a_step_can_be_opened_again_elsewhere(visit: Visit) -> None:
    patient, elsewhere = visit("opus"), visit("opus", javascript=False)
    patient.open()
    patient.go_to_times()
    patient.hold()
    patient.fill_and_go_on()
    elsewhere.page.goto(patient.view.url)
    elsewhere.patient = patient.patient
    assert elsewhere.book()
    assert patient.booked() == 1
    patient.go_on()  # the first window does not know yet
    patient.expect_step("booking")
    patient.expect_state("confirmed")
    assert patient.booked() == 1


@pytest.mark.parametrize("path", ["booking/{}/", "booking/{}/details/", "booking/{}/confirm/", "nothing/", "hold/"])
def test_an_address_that_leads_nowhere_says_so_and_leads_on(visit: Visit, path: str) -> None:
    patient = visit("opus")
    patient.refusals_expected = True
    patient.open(path.format("x" * 43))
    assert patient.heading()
    patient.see("#main a.button").click()
    patient.see("a[data-service]")
