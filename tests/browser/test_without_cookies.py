"""In a clinic's website on another site, and in browsers that let no cookie through."""

import pytest
from playwright.sync_api import Frame, Page

from tests.browser.conftest import Profile, Visit
from tests.browser.embedder import Embedder

ALL_BLOCKED = {"profile": {"default_content_setting_values": {"cookies": 2}}}
OTHER_SITES_BLOCKED = {"profile": {"cookie_controls_mode": 1, "block_third_party_cookies": True}}


def test_a_patient_who_blocks_all_cookies_books(visit: Visit, profile: Profile, embedder: Embedder) -> None:
    page = profile(ALL_BLOCKED).new_page()
    page.goto(embedder.cookies)
    assert page.title() == "cookies:"  # this browser does block them
    patient = visit("opus", page=page)
    patient.open()
    assert patient.book_all_the_way()
    assert patient.booked() == 1


@pytest.mark.parametrize("vendor", ["opus", "qmatic"])
def test_in_a_clinics_website_with_cookies_of_other_sites_blocked_a_patient_books(
    visit: Visit, profile: Profile, embedder: Embedder, vendor: str
) -> None:
    page = profile(OTHER_SITES_BLOCKED).new_page()
    page.goto(embedder.page(embedder.cookies.replace("localhost", "127.0.0.1")))
    assert frame_of(page).title() == "cookies:"  # this browser does block them
    page.goto(embedder.cookies)
    assert "plain=1" in page.title()  # and only those
    page.context.clear_cookies()

    patient = visit(vendor, page=page)
    page.goto(embedder.page(patient.product.address(vendor)))
    patient.view = frame_of(page)
    patient.go_to_times()
    patient.hold()
    patient.go_on()  # nothing typed yet: the form comes again
    patient.see("[aria-invalid=true]")
    patient.fill_and_go_on()
    assert patient.book()
    assert patient.booked() == 1


def test_in_a_clinics_website_without_javascript_a_patient_books(visit: Visit, embedder: Embedder) -> None:
    patient = visit("opus", javascript=False)
    patient.page.goto(embedder.page(patient.product.address("opus")))
    patient.view = frame_of(patient.page)
    assert patient.book_all_the_way()
    assert patient.booked() == 1


def test_a_website_that_is_not_listed_may_not_show_the_pages(visit: Visit, stranger: Embedder) -> None:
    patient = visit("opus")
    patient.page.goto(stranger.page(patient.product.address("opus")))
    frame = frame_of(patient.page)
    frame.wait_for_load_state()
    assert frame.locator("a[data-service]").count() == 0
    assert patient.complaints
    assert all("frame-ancestors" in complaint for complaint in patient.complaints)
    patient.complaints.clear()


def test_the_pages_for_staff_may_be_shown_nowhere(visit: Visit, embedder: Embedder) -> None:
    patient = visit("opus")
    patient.page.goto(embedder.page(f"{patient.product.url}/admin/login/"))
    frame = frame_of(patient.page)
    frame.wait_for_load_state()
    assert frame.locator("form").count() == 0
    assert all("frame-ancestors" in complaint for complaint in patient.complaints)
    patient.complaints.clear()
    patient.context.clear_cookies()  # staff do have them


def test_another_websites_form_holds_nothing(visit: Visit, embedder: Embedder) -> None:
    patient = visit("opus")
    patient.refusals_expected = True
    patient.open()
    patient.go_to_times()
    slot, address = patient.times()[0], patient.product.address("opus", "hold/")
    patient.page.goto(embedder.page("about:blank"))
    patient.page.evaluate(
        """([address, slot]) => {
            const form = document.createElement("form");
            form.method = "post"; form.action = address;
            for (const [name, value] of Object.entries({service: "1", clinic: "any", provider: "any", slot})) {
                const input = document.createElement("input");
                input.name = name; input.value = value; form.append(input);
            }
            document.body.append(form); form.submit();
        }""",
        [address, slot],
    )
    patient.page.wait_for_url(address)
    assert patient.view.locator("[name=last_name]").count() == 0
    patient.see("#main a.button").click()
    patient.see("a[data-service]")


def frame_of(page: Page) -> Frame:
    [_page, frame] = page.frames
    return frame
