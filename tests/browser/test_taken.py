"""Two patients after one time: one gets it, the other reads so and books another, with what was typed kept."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.visitor import TIME
from vendors.sandbox import opus, qmatic

DOCTORS = {
    "opus": {"service": "1", "clinic": opus.CITY, "provider": "1"},
    "qmatic": {
        "service": qmatic.guid("GP appointment"),
        "clinic": qmatic.BANKSIDE["id"],
        "provider": qmatic.guid("Dr Amara Okafor"),
    },
}


@pytest.mark.parametrize(("vendor", "javascript"), [("opus", False), ("qmatic", True)], ids=["no-js", "js"])
def test_the_slower_of_two_patients_books_another_time(visit: Visit, vendor: str, javascript: bool) -> None:
    faster, slower = visit(vendor), visit(vendor, javascript=javascript)
    for patient in (faster, slower):
        patient.open("times/", **DOCTORS[vendor])
    slot = faster.times()[0]
    assert slower.times()[0] == slot
    faster.hold(slot)
    slower.time(slot).click()
    offered = slower.see(".nearest")
    assert slower.page.title()
    assert 1 <= offered.locator(TIME).count() <= 3
    assert slot not in slower.times()
    another = slower.hold()
    for patient in (faster, slower):
        patient.fill_and_go_on()
        assert patient.book()
        assert patient.booked() == 1
    assert another != slot


def test_of_two_who_click_at_once_exactly_one_gets_it(visit: Visit) -> None:
    patients = [visit("opus"), visit("opus")]
    for patient in patients:
        patient.open("times/", **DOCTORS["opus"])
    slot = patients[0].times()[1]
    for patient in patients:  # without waiting for what it leads to
        patient.time(slot).evaluate("button => setTimeout(() => button.click(), 50)")
    for patient in patients:
        expect(patient.view.locator(".nearest, [name=last_name]").first).to_be_visible()
    assert sorted(patient.step for patient in patients) == ["details", "taken"]


@pytest.mark.parametrize("javascript", [True, False], ids=["js", "no-js"])
def test_who_has_typed_already_need_not_type_again(visit: Visit, javascript: bool) -> None:
    faster, slower = visit("opus"), visit("opus", javascript=javascript)
    slower.open("times/", **DOCTORS["opus"])
    slower.hold(slower.times()[-1])
    slower.fill_and_go_on()
    slower.see('.summary a[href*="/times/"]').click()  # a change of mind
    slower.expect_step("times")
    slot = slower.times()[0]
    faster.page.goto(slower.view.url.partition("&held")[0])
    faster.hold(slot)
    slower.time(slot).click()
    slower.see(".nearest")
    assert slower.patient.family_name in slower.view.locator("#main").inner_text()
    slower.hold()
    assert slower.field("last_name").input_value() == slower.patient.family_name
    assert slower.field("email").input_value() == slower.patient.email
    slower.go_on()
    slower.expect_step("confirm")
    assert slower.book()
    assert slower.booked() == 1


def test_a_time_given_away_at_the_desk_meanwhile_is_not_booked(visit: Visit) -> None:
    patient = visit("opus")
    patient.open("times/", **DOCTORS["opus"])
    slot = patient.hold()
    patient.fill_and_go_on()
    patient.product.sandboxes["opus"].take_at_desk(slot)
    patient.go_on()
    patient.see(".nearest")
    assert patient.booked() == 0
    assert slot not in patient.times()
    patient.hold()
    assert patient.field("last_name").input_value() == patient.patient.family_name
    patient.go_on()
    patient.expect_step("confirm")
    assert patient.book()
    assert patient.booked() == 1


def test_the_page_after_a_lost_race_can_be_reloaded_left_and_opened_anew(visit: Visit) -> None:
    faster, slower = visit("opus"), visit("opus")
    for patient in (faster, slower):
        patient.open("times/", **DOCTORS["opus"])
    slot = faster.times()[0]
    faster.hold(slot)
    slower.time(slot).click()
    slower.see(".nearest")
    slower.page.reload()
    slower.see(".nearest")
    slower.back()
    slower.see(TIME)
    slower.time(slot).click()
    slower.see(".nearest")
    slower.refusals_expected = True
    slower.page.goto(slower.view.url)
    slower.see("#main a.button").click()
    slower.see("a[data-service]")
