"""The vendor took the booking and its answer was lost: the page says so, and by itself how it ended."""

import pytest

from tests.browser.conftest import Visit

BOOKS = {"opus": "book", "qmatic": "confirm"}


@pytest.mark.slow
@pytest.mark.parametrize(("vendor", "javascript"), [("opus", True), ("qmatic", False)], ids=["js", "no-js"])
def test_the_page_shows_by_itself_that_the_booking_arrived(visit: Visit, vendor: str, javascript: bool) -> None:
    patient = visit(vendor, javascript=javascript)
    sandbox = patient.product.sandboxes[vendor]
    patient.open()
    patient.go_to_times()
    patient.hold()
    patient.fill_and_go_on()
    review = patient.view.url
    calls = sandbox.count(BOOKS[vendor])
    sandbox.lose_answer_after(BOOKS[vendor])
    patient.go_on()
    patient.expect_step("booking")
    reference = patient.expect_state("checking")
    title = patient.page.title()
    patient.page.goto(review)  # to book again
    patient.expect_step("booking")
    assert patient.expect_state("confirmed", seconds=30) == reference  # by itself
    assert patient.page.title() != title
    assert patient.booked() == 1
    assert sandbox.count(BOOKS[vendor]) == calls + 1


def test_a_vendor_that_cannot_be_reached_is_said_and_booking_can_be_tried_again(visit: Visit) -> None:
    patient = visit("opus")
    patient.refusals_expected = True
    sandbox = patient.product.sandboxes["opus"]
    patient.open()
    patient.go_to_times()
    patient.hold()
    patient.fill_and_go_on()
    sandbox.lose_answer_before("timeslots", times=4)  # the look right before the booking: nothing has happened yet
    patient.go_on()
    patient.see('#main a[href^="tel:"]')
    assert patient.booked() == 0
    sandbox.well_again()
    patient.see("#main a.button").click()
    patient.expect_step("confirm")
    assert patient.book()
    assert patient.booked() == 1
