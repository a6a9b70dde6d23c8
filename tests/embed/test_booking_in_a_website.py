"""Patients book in a clinic's website: in the page, in a pop-up, by a plain link, whatever their browser refuses."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Profile, Visit
from tests.browser.embedder import Embedder
from tests.browser.test_without_cookies import ALL_BLOCKED, OTHER_SITES_BLOCKED
from tests.browser.visitor import Visitor
from tests.embed.website import (
    expect_heard,
    expect_that,
    go_in,
    has_no_inner_scrollbar,
    inside,
    lines,
    noticed,
    told,
)

WITHOUT_STORAGE = """for (const name of ["sessionStorage", "localStorage"]) {
  Object.defineProperty(window, name, { get() { throw new DOMException("refused", "SecurityError"); } });
}"""
ALLOWED = {"profile": {"cookie_controls_mode": 0, "block_third_party_cookies": False}}
"""Otherwise a window of Playwright's is a private one, which keeps nothing for other sites' frames."""
BROWSERS: dict[str, dict[str, Any] | None] = {
    "cookies-allowed": ALLOWED,
    "third-party-blocked": OTHER_SITES_BLOCKED,
    "all-blocked": ALL_BLOCKED,
    "storage-blocked": None,
}


def page_of(browser_is: str, profile: Profile) -> Page | None:
    preferences = BROWSERS[browser_is]
    return profile(preferences).new_page() if preferences else None


def start(patient: Visitor, clinic: Embedder, mode: str) -> None:
    """To the booking page, as the website offers it in this mode."""
    link = f'<a href="{patient.product.address(patient.vendor)}">Book here</a>'
    go_in(patient, clinic, link if mode == "link" else lines(patient.product, patient.vendor, mode=mode))
    if mode != "inline":
        patient.page.locator("a", has_text="Book here").click()
    if mode == "link":
        patient.expect_step("service")
    else:
        inside(patient)


@pytest.mark.parametrize("mode", ["inline", "popup", "link"])
@pytest.mark.parametrize("browser_is", list(BROWSERS))
@pytest.mark.slow
def test_a_patient_books(visit: Visit, profile: Profile, clinic: Embedder, browser_is: str, mode: str) -> None:
    patient = visit("opus", page=page_of(browser_is, profile))
    if browser_is == "storage-blocked":
        patient.page.add_init_script(WITHOUT_STORAGE)
    start(patient, clinic, mode)
    patient.go_to_times()
    patient.hold()
    patient.fill_and_go_on()
    assert patient.book()
    assert patient.booked() == 1
    if mode != "link":
        expect_that(patient.page, lambda: noticed(patient.page, "confirmed"))
        [said] = noticed(patient.page, "confirmed")
        assert said["service"] == "1"


def test_a_patient_goes_back_changes_releases_and_books(visit: Visit, clinic: Embedder) -> None:
    patient = visit("opus")
    start(patient, clinic, "inline")
    patient.go_to_times()
    first, second = patient.times()[:2]
    patient.hold(first)
    patient.page.evaluate("history.back()")
    patient.expect_step("times")
    patient.hold(second)
    patient.view.locator('form[action*="/release/"] button').first.click()
    patient.expect_step("times")
    patient.view.locator(".summary a").first.click()
    patient.expect_step("service")
    patient.go_to_times()
    patient.hold(first)
    patient.fill_and_go_on()
    assert patient.book()
    assert patient.booked() == 1


def test_without_scripts_the_link_is_there_and_leads_to_a_booking(visit: Visit, clinic: Embedder) -> None:
    patient = visit("opus", javascript=False)
    patient.page.goto(clinic.write("/website", lines(patient.product, mode="inline")))
    assert len(patient.page.frames) == 1
    patient.page.locator("a", has_text="Book here").click()
    assert patient.book_all_the_way()
    assert patient.booked() == 1


def test_without_scripts_a_plain_frame_offers_a_new_tab(visit: Visit, clinic: Embedder) -> None:
    patient = visit("opus", javascript=False)
    patient.page.goto(clinic.page(patient.product.address("opus")))
    frame = inside(patient)
    patient.go_to_times()
    link = frame.locator(".new-tab a")
    expect(link).to_be_visible()
    with patient.context.expect_page() as opened:
        link.click()
    opened.value.wait_for_url(frame.url)
    assert "service=1" in opened.value.url


def test_by_itself_the_page_offers_no_new_tab(visit: Visit) -> None:
    patient = visit("opus")
    patient.open()
    expect(patient.view.locator(".new-tab")).to_be_hidden()


def test_what_the_website_wishes_is_chosen_already(visit: Visit, clinic: Embedder) -> None:
    patient = visit("opus")
    go_in(patient, clinic, lines(patient.product, service="1", clinic="any", provider="any", lang="sv"))
    frame = inside(patient)
    patient.expect_step("times")
    assert frame.evaluate("document.documentElement.lang") == "sv"
    assert patient.page.locator("iframe").get_attribute("lang") == "sv"
    assert patient.page.locator("iframe").get_attribute("title") == "Boka tid"


def test_an_element_does_the_same_as_the_script(visit: Visit, clinic: Embedder) -> None:
    patient = visit("opus")
    slug = patient.product.slug("opus")
    body = f"""<script src="{patient.product.url}/embed.js" async></script>
        <anteroom-booking practice="{slug}" lang="en" service="1"><a href="{patient.product.url}/{slug}/">Book here</a>
        </anteroom-booking>"""
    go_in(patient, clinic, body)
    inside(patient)
    patient.expect_step("clinic")
    assert patient.page.locator("a").count() == 1
    assert patient.page.locator("a").get_attribute("target") == "_blank"


def test_the_script_leaves_no_name_behind(visit: Visit, clinic: Embedder) -> None:
    patient = visit("opus")
    go_in(patient, clinic, "<p>nothing yet</p>")
    before = patient.page.evaluate("Object.getOwnPropertyNames(window)")
    go_in(patient, clinic, lines(patient.product, mode="button"), path="/with")
    expect_that(patient.page, lambda: patient.page.evaluate("!!customElements.get('anteroom-booking')"))
    assert patient.page.evaluate("Object.getOwnPropertyNames(window)") == before
    assert patient.page.locator("style").count() == 0


def test_two_practices_on_one_page_do_not_mix(visit: Visit, clinic: Embedder) -> None:
    patient = visit("opus")
    go_in(patient, clinic, lines(patient.product) + "<hr>" + lines(patient.product, "qmatic"))
    inside(patient, 1)
    one, other = sorted(patient.page.frames[1:], key=lambda frame: "norrmalm" not in frame.url)
    tall = patient.page.locator("iframe").nth(1)
    expect_that(patient.page, lambda: (tall.bounding_box() or {}).get("height") not in (None, 640))
    expect_that(patient.page, lambda: has_no_inner_scrollbar(other))
    before = tall.bounding_box()
    patient.view = one
    patient.go_to_times()
    patient.hold()
    after = tall.bounding_box()
    assert before
    assert after
    assert before["height"] == after["height"]
    assert ["/details/" in frame.url for frame in (one, other)] == [True, False]
    patient.fill_and_go_on()
    assert patient.book()
    steps = patient.page.evaluate(
        "[...document.querySelectorAll('iframe')].map(frame => frame.parentElement.dataset.practice)"
    )
    assert len(set(steps)) == 2
    expect_that(patient.page, lambda: noticed(patient.page, "confirmed"))
    assert len(noticed(patient.page, "confirmed")) == 1


def test_what_the_website_is_told_names_no_person_and_no_time(visit: Visit, clinic: Embedder) -> None:
    patient = visit("opus")
    start(patient, clinic, "inline")
    patient.go_to_times(look_at_each=expect_heard)
    patient.hold()
    expect_heard(patient)
    patient.fill_and_go_on()
    expect_heard(patient)
    assert patient.book()
    expect_that(patient.page, lambda: noticed(patient.page, "confirmed"))
    messages = told(patient.page)
    shapes = {"ready": set(), "height": {"height"}, "step": {"name"}, "confirmed": {"service", "clinic", "provider"}}
    assert {message["type"] for message in messages} == set(shapes)
    for message in messages:
        assert set(message) - {"v", "type"} == shapes[message["type"]]
        assert message["v"] == 1
    steps = [message["name"] for message in told(patient.page, "step")]
    assert steps == ["service", "clinic", "provider", "times", "details", "confirm", "booking"]
    assert [detail["name"] for detail in noticed(patient.page, "step")] == steps


def test_a_booking_is_told_once_also_if_its_page_is_loaded_again(visit: Visit, clinic: Embedder) -> None:
    patient = visit("opus")
    start(patient, clinic, "inline")
    assert patient.book_all_the_way()
    expect_that(patient.page, lambda: told(patient.page, "confirmed"))
    inside(patient).evaluate("location.reload()")
    expect_that(
        patient.page,
        lambda: patient.page.evaluate("told.filter((m) => m.type === 'step' && m.name === 'booking').length === 2"),
    )
    assert len(told(patient.page, "confirmed")) == 1


def test_after_the_website_is_loaded_again_the_time_that_is_still_kept_is_offered(
    visit: Visit, profile: Profile, clinic: Embedder
) -> None:
    patient = visit("opus", page=profile(ALLOWED).new_page())
    start(patient, clinic, "inline")
    patient.go_to_times()
    patient.hold()
    held = inside(patient).url
    kept = "Object.keys(sessionStorage).some((key) => key.startsWith('held '))"
    expect_that(patient.page, lambda: inside(patient).evaluate(kept))
    patient.page.reload()
    inside(patient)
    patient.see("main > .notice a").click()
    patient.expect_step("details")
    assert patient.view.url == held
    patient.fill_and_go_on()
    assert patient.book()
    expect_that(patient.page, lambda: not inside(patient).evaluate(kept))
    patient.page.reload()
    inside(patient)
    expect(patient.view.locator("main > .notice")).to_have_count(0)


def test_where_it_really_stood_is_written_down_once(visit: Visit, clinic: Embedder) -> None:
    patient = visit("bookio")
    for _ in range(2):
        with patient.page.expect_response("**/embedded/") as answer:
            go_in(patient, clinic, lines(patient.product, "bookio"))
        assert answer.value.status == 204
    counted = patient.product.manage(
        "shell",
        "--no-imports",
        "-c",
        "from booking.models import *; print(list(EmbedSighting.objects.filter("
        f"practice__slug='{patient.product.slug('bookio')}').values_list('origin')))",
    )
    assert counted.strip() == str([(clinic.origin,)])
