"""Back and forward, in browsers that show a page as it was left and in those that ask for it again."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit

KEEPS_PAGES = {"remembers": True}
ASKS_AGAIN = {"remembers": False}
WITHOUT_JAVASCRIPT = {"javascript": False}


@pytest.mark.parametrize(
    ("vendor", "browser_is"),
    [("opus", KEEPS_PAGES), ("opus", ASKS_AGAIN), ("qmatic", WITHOUT_JAVASCRIPT)],
    ids=["opus-keeps-pages", "opus-asks-again", "qmatic-no-js"],
)
def test_after_back_the_same_time_is_still_the_patients_own(
    visit: Visit, vendor: str, browser_is: dict[str, bool]
) -> None:
    patient = visit(vendor, **browser_is)
    patient.open()
    patient.go_to_times()
    slot = patient.hold()
    held = patient.view.url
    patient.back()
    patient.expect_step("times")
    patient.hold(slot)
    assert patient.view.url == held
    patient.fill_and_go_on()
    assert patient.book()
    assert patient.booked() == 1


def test_after_back_another_time_can_be_chosen_and_the_first_is_free_for_others(visit: Visit) -> None:
    patient, other = visit("opus"), visit("opus")
    patient.open()
    patient.go_to_times()
    first, second = patient.times()[0], patient.times()[-1]
    patient.hold(first)
    patient.back()
    patient.hold(second)
    other.open()
    other.go_to_times()
    assert first in other.times()
    assert second not in other.times()
    other.hold(first)


@pytest.mark.parametrize(
    "browser_is", [KEEPS_PAGES, ASKS_AGAIN, WITHOUT_JAVASCRIPT], ids=["keeps-pages", "asks-again", "no-js"]
)
def test_after_back_from_the_review_one_can_go_forward_again_and_book(
    visit: Visit, browser_is: dict[str, bool]
) -> None:
    patient = visit("opus", **browser_is)
    patient.open()
    patient.go_to_times()
    patient.hold()
    patient.fill_and_go_on()
    patient.back()
    patient.expect_step("details")
    typed = patient.field("last_name").input_value()  # as the browser kept it, never from us
    assert typed == patient.patient.family_name or patient.see(".notice").inner_text()
    patient.forward()
    patient.expect_step("confirm")
    assert patient.book()
    assert patient.booked() == 1


@pytest.mark.parametrize("browser_is", [KEEPS_PAGES, WITHOUT_JAVASCRIPT], ids=["keeps-pages", "no-js"])
def test_after_back_from_the_review_the_details_can_be_sent_again(visit: Visit, browser_is: dict[str, bool]) -> None:
    patient = visit("opus", **browser_is)
    patient.open()
    patient.go_to_times()
    patient.hold()
    patient.fill_and_go_on()
    patient.back()
    patient.fill_and_go_on(first_name="Eva")
    expect(patient.view.locator(".summary").last).to_contain_text("Eva")
    assert patient.book()
    assert patient.booked() == 1


@pytest.mark.parametrize("browser_is", [KEEPS_PAGES, WITHOUT_JAVASCRIPT], ids=["keeps-pages", "no-js"])
def test_after_back_twice_the_hold_is_known_again(visit: Visit, browser_is: dict[str, bool]) -> None:
    patient = visit("opus", **browser_is)
    patient.open()
    patient.go_to_times()
    slot = patient.hold()
    patient.fill_and_go_on()
    patient.back()
    patient.expect_step("details")
    patient.back()
    patient.expect_step("times")
    patient.hold(slot)
    patient.fill_and_go_on()
    assert patient.book()
    assert patient.booked() == 1


def test_to_change_the_details_shows_what_was_typed(visit: Visit) -> None:
    patient = visit("opus")
    patient.open()
    patient.go_to_times()
    patient.hold()
    patient.fill_and_go_on()
    patient.see('#main a[href*="/details/"]').click()
    patient.expect_step("details")
    assert patient.field("last_name").input_value() == patient.patient.family_name
    assert patient.field("email").input_value() == patient.patient.email
    assert patient.field("personal_number").input_value()
    patient.go_on()
    patient.expect_step("confirm")
    assert patient.book()


def test_to_change_the_time_keeps_what_was_typed(visit: Visit) -> None:
    patient = visit("opus")
    patient.open()
    patient.go_to_times()
    patient.hold()
    patient.fill_and_go_on()
    patient.see('.summary a[href*="/times/"]').click()
    patient.expect_step("times")
    patient.hold(patient.times()[-1])
    assert patient.field("last_name").input_value() == patient.patient.family_name
    patient.go_on()
    patient.expect_step("confirm")
    assert patient.book()
    assert patient.booked() == 1


def test_a_time_given_back_is_free_again(visit: Visit) -> None:
    patient, other = visit("opus", javascript=False), visit("opus")
    patient.open()
    patient.go_to_times()
    slot = patient.hold()
    other.open()
    other.go_to_times()
    assert slot not in other.times()
    patient.view.locator('form[action*="/release/"] button').click()
    patient.expect_step("times")
    other.page.reload()
    assert slot in other.times()


def test_a_time_given_back_can_be_taken_again_where_the_vendor_keeps_it_a_while(visit: Visit) -> None:
    patient = visit("qmatic")
    patient.open()
    patient.go_to_times()
    slot = patient.hold()
    patient.fill_and_go_on()
    patient.view.locator('form[action*="/release/"] button').click()
    patient.expect_step("times")
    patient.hold(slot)
    patient.expect_step("details", "confirm")
    patient.fill_and_go_on()
    assert patient.book()
    assert patient.booked() == 1


@pytest.mark.parametrize("browser_is", [KEEPS_PAGES, WITHOUT_JAVASCRIPT], ids=["keeps-pages", "no-js"])
def test_after_the_booking_back_leads_to_it_and_books_nothing(visit: Visit, browser_is: dict[str, bool]) -> None:
    patient = visit("opus", **browser_is)
    patient.open()
    reference = patient.book_all_the_way()
    patient.back()
    if patient.step == "confirm":  # the review, as the browser remembers it
        patient.go_on()
    patient.expect_step("booking")
    assert patient.expect_state("confirmed") == reference
    assert patient.booked() == 1
