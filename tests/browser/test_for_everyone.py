"""Small screens, the keyboard, mistakes in the form: no one is kept from booking."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NARROW, Visit
from tests.browser.product import UNREACHABLE
from tests.browser.visitor import ON, SERVICES, TIME, Visitor, expect_url
from vendors.sandbox import opus, qmatic

BOTH_WAYS = pytest.mark.parametrize("javascript", [True, False], ids=["js", "no-js"])


def assert_fits(patient: Visitor) -> None:
    """Nothing sticks out to the side, and so the page does not scroll there."""
    patient.see("#main h1, body > h1")
    wide = patient.view.evaluate(
        """() => document.documentElement.scrollWidth > innerWidth
            ? [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth)
                .map(e => e.outerHTML.slice(0, 120)) : []"""
    )
    assert wide == [], patient.view.url


@pytest.mark.parametrize(("vendor", "language"), [("opus", "sv"), ("qmatic", "en"), ("open_dental", "en")])
def test_no_page_on_the_way_scrolls_sideways(visit: Visit, vendor: str, language: str) -> None:
    patient = visit(vendor, width=NARROW)
    patient.open(language=language)
    patient.go_to_times(look_at_each=assert_fits)
    patient.hold()
    assert_fits(patient)
    patient.go_on()
    patient.see(".errors")
    assert_fits(patient)
    patient.fill_and_go_on()
    assert_fits(patient)
    patient.see('.summary a[href*="/times/"]').click()
    patient.expect_step("times")
    assert_fits(patient)  # with the own time on it
    patient.see('#main a.button[href*="/details/"]').click()
    patient.go_on()
    patient.expect_step("confirm")
    patient.book()
    assert_fits(patient)


def test_no_page_beside_the_way_scrolls_sideways(visit: Visit) -> None:
    patient, faster = visit("opus", width=NARROW), visit("opus")
    patient.refusals_expected = True
    for path in ("booking/" + "x" * 43 + "/", "nothing/"):
        patient.open(path)
        assert_fits(patient)
    for link in ({"service": "999"}, {"service": "1", "clinic": "gone"}):
        patient.open("times/", **link)
        assert_fits(patient)
    patient.page.goto(f"{patient.product.url}/{UNREACHABLE}/en/")
    patient.see('#main a[href^="tel:"]')
    assert_fits(patient)
    here = {"service": "1", "clinic": "any", "provider": "any"}
    patient.open("times/", **here)
    faster.open("times/", **here)
    assert_fits(patient)
    slot = faster.hold()
    patient.time(slot).click()
    patient.see(".nearest")
    assert_fits(patient)
    patient.hold()
    first_address = patient.view.url
    patient.fill_and_go_on(first_name="Wolfeschlegelsteinhausenbergerdorffson" * 2)
    assert_fits(patient)
    patient.page.goto(first_address.replace("details/", ""))
    assert_fits(patient)
    patient.back()
    patient.expect_step("confirm")
    patient.product.sandboxes["opus"].lose_answer_after("book")
    patient.go_on()
    patient.expect_state("checking")
    assert_fits(patient)
    patient.open(service=qmatic.guid("none"))
    assert_fits(patient)


@pytest.mark.parametrize("refused", [True, False])
def test_the_screening_page_does_not_scroll_sideways(visit: Visit, refused: bool) -> None:
    patient = visit("qmatic", width=NARROW)
    patient.open(service=qmatic.guid("Flu vaccination"), clinic=qmatic.BANKSIDE["id"])
    assert_fits(patient)
    patient.view.locator('[name="screening_0"][value="no"]').check()
    if refused:
        patient.view.locator('[name="screening_1"][value="no"]').check()
    patient.go_on()
    patient.see(".notice" if refused else ".errors")
    assert_fits(patient)


@BOTH_WAYS
def test_on_a_phone_a_day_far_down_the_list_is_one_touch_away(visit: Visit, javascript: bool) -> None:
    patient = visit("qmatic", javascript=javascript, touch=True)
    patient.open("times/", service=SERVICES["qmatic"], clinic="any", provider="any")
    patient.times()
    link = patient.view.locator(".days a").last
    heading = patient.view.locator(link.get_attribute("href") or "")
    expect(heading).not_to_be_in_viewport()
    link.tap()
    expect(heading).to_be_in_viewport()
    if javascript:
        expect(heading).to_be_focused()
        assert "#" not in patient.view.url  # Back leads to the step before, and not up the list
    patient.view.locator(".day").last.locator(TIME).first.tap()
    patient.expect_step("details")


@BOTH_WAYS
def test_an_empty_form_comes_back_with_what_is_missing(visit: Visit, javascript: bool) -> None:
    patient = visit("opus", javascript=javascript)
    patient.open("times/", service="1", clinic=opus.CITY, provider="1")
    patient.hold()
    patient.go_on()
    summary = patient.see(".errors[role=alert]")
    patient.page.wait_for_load_state()
    if javascript:
        assert patient.gets_focus(".errors")
    wrong = patient.view.locator("[aria-invalid=true]").all()
    assert len(wrong) == summary.locator("a").count() >= 4
    for box in wrong:
        described = (box.get_attribute("aria-describedby") or "").split()
        texts = [patient.view.locator(f'[id="{name}"]').inner_text() for name in described]
        assert any(texts)
    first = wrong[0].get_attribute("id")
    summary.locator("a").first.click()
    expect_url(patient.view, lambda url: url.endswith(f"#{first}"))
    patient.fill_and_go_on()
    assert patient.book()
    assert patient.booked() == 1


def test_one_mistake_keeps_all_the_rest(visit: Visit) -> None:
    patient = visit("opus", javascript=False)
    patient.open("times/", service="1", clinic=opus.CITY, provider="1")
    patient.hold()
    patient.fill(email="nobody at mail")
    patient.go_on()
    patient.see(".errors")
    patient.page.wait_for_load_state()
    [wrong] = patient.view.locator("[aria-invalid=true]").all()
    assert wrong.get_attribute("name") == "email"
    assert wrong.input_value() == "nobody at mail"
    assert patient.field("last_name").input_value() == patient.patient.family_name
    patient.fill_and_go_on()
    assert patient.book()
    assert patient.booked() == 1


def test_every_field_has_a_label_of_its_own(visit: Visit) -> None:
    patient = visit("opus")
    patient.open("times/", service="1", clinic=opus.CITY, provider="1")
    patient.hold()
    for name in patient.fields():
        labels = patient.field(name).evaluate("box => [...box.labels].map(label => label.innerText.trim())")
        assert len(labels) == 1
        assert labels[0]


def test_a_patient_books_with_the_keyboard_alone(visit: Visit) -> None:
    patient = visit("opus")
    keyboard = patient.page.keyboard
    patient.open()
    keyboard.press("Tab")
    assert patient.gets_focus("a[href='#main']")
    keyboard.press("Enter")
    for what in ("service", "clinic", "provider"):
        patient.tab_to(f'a[data-{what}]:not([data-{what}="any"])')
        assert patient.gets_focus(":focus-visible")
        keyboard.press("Enter")
        expect(patient.view.locator(f"a[data-{what}]")).to_have_count(0)
        expect(patient.see("#main h1")).to_be_focused()
    patient.tab_to(f'{TIME}[value="{patient.times()[0]}"]', at_most=60)
    keyboard.press("Enter")
    patient.expect_step("details")
    expect(patient.see("#main h1")).to_be_focused()
    details = patient.patient.details("opus")
    for name in patient.fields():
        patient.tab_to(f'[name="{name}"]', at_most=20)
        keyboard.type(details[name])
    patient.tab_to(ON)
    keyboard.press("Enter")
    patient.expect_step("confirm")
    expect(patient.see("#main h1")).to_be_focused()
    patient.tab_to(ON)
    keyboard.press("Enter")
    patient.expect_state("confirmed")
    assert patient.booked() == 1


def test_the_error_summary_leads_the_keyboard_to_the_field(visit: Visit) -> None:
    patient = visit("opus")
    patient.open("times/", service="1", clinic=opus.CITY, provider="1")
    patient.hold()
    patient.fill(phone="12")
    patient.field("phone").press("Enter")
    patient.see(".errors")
    assert patient.gets_focus(".errors")
    patient.page.keyboard.press("Tab")
    patient.page.keyboard.press("Enter")
    expect(patient.field("phone")).to_be_focused()
