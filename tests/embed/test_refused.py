"""Websites that are not on the practice's list, and those that let the page do too little."""

from html import escape

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.embedder import Embedder
from tests.embed.website import booking_frames, expect_heard, expect_that, go_in, inside, lines, told

SECURE = "https://www.clinic.example/"
"""On the list too; the same over http is not. The tests answer for both, in the browser."""


def shows_the_page(page: Page) -> bool:
    return any(frame.locator("a[data-service]").count() for frame in page.frames)


def answer_for(page: Page, address: str, body: str) -> str:
    """The browser gets this page under that address."""
    page.route(address, lambda route: route.fulfill(body=f"<!doctype html>{body}", content_type="text/html"))
    return address


@pytest.mark.parametrize("hostile", ["other domain", "sub-domain", "http", "other port", "nested", "data:"])
def test_another_website_cannot_show_the_page(visit: Visit, clinic: Embedder, hostile: str) -> None:
    patient = visit("opus")
    page, frame = patient.page, f'<iframe src="{patient.product.address("opus")}"></iframe>'
    port = clinic.origin.rpartition(":")[2]
    with Embedder("clinic.localhost").serve() as second, Embedder("evil.localhost").serve() as evil:
        clinic.write("/framing", frame)
        addresses = {
            "other domain": evil.write("/framing", frame),
            "sub-domain": f"http://sub.clinic.localhost:{port}/framing",
            "http": answer_for(page, SECURE.replace("https", "http"), frame),
            "other port": second.write("/framing", frame),
            "nested": evil.write("/nested", f'<iframe src="{clinic.origin}/framing"></iframe>'),
            "data:": f"data:text/html,{frame}",
        }
        page.goto(addresses[hostile])
        page.wait_for_load_state()
        expect_that(page, lambda: patient.complaints)
    assert not shows_the_page(page)
    assert any("frame-ancestors" in complaint for complaint in patient.complaints), patient.complaints
    patient.complaints.clear()


def test_the_websites_on_the_list_can(visit: Visit, clinic: Embedder) -> None:
    patient = visit("opus")
    frame = f'<iframe src="{patient.product.address("opus")}"></iframe>'
    for address in (clinic.write("/framing", frame), answer_for(patient.page, SECURE, frame)):
        patient.page.goto(address)
        inside(patient)
        assert shows_the_page(patient.page)


def test_a_website_that_is_not_listed_shows_a_link_instead_of_an_error(visit: Visit, clinic: Embedder) -> None:
    patient = visit("opus")
    with Embedder("evil.localhost").serve() as evil:
        go_in(patient, evil, lines(patient.product))
        expect(patient.page.locator("iframe")).to_be_hidden()
        link = patient.page.locator("a", has_text="Book here")
        expect(link).to_have_css("display", "block")
        with patient.context.expect_page() as opened:
            link.click()
        expect(opened.value.locator("a[data-service]").first).to_be_visible()
    assert all("frame-ancestors" in complaint for complaint in patient.complaints)
    patient.complaints.clear()


def test_what_other_windows_say_is_not_believed(visit: Visit, clinic: Embedder) -> None:
    """From the page itself; from our origin, but another window; from the frame, but of no known shape."""
    patient = visit("opus")
    product = patient.product
    go_in(patient, clinic, f'{lines(product)}<iframe src="{product.address("opus")}" id="other"></iframe>', policy="")
    inside(patient, 1)
    page = patient.page
    [other] = [f for f in booking_frames(patient) if f.frame_element().get_attribute("id") == "other"]
    [frame] = [f for f in booking_frames(patient) if f is not other]
    expect_that(page, lambda: len(told(page, "ready")) == 2 and told(page, "height"))
    expect_that(page, lambda: page.evaluate("noticed.length === 1"))
    embedded = page.locator("anteroom-booking iframe")
    before = embedded.bounding_box()
    false = "{ v: 1, type: 'height', height: 5000 }"
    confirmed = "{ v: 1, type: 'confirmed', service: '1', clinic: '1', provider: '1' }"
    page.evaluate(f"postMessage({false}, '*'); postMessage({confirmed}, '*')")
    other.evaluate(f"parent.postMessage({false}, '*'); parent.postMessage({confirmed}, '*')")
    for wrong in (
        "null",
        "'height'",
        "{ v: 2, type: 'height', height: 5000 }",
        "{ v: 1, type: 'height', height: '5000px' }",
        "{ v: 1, type: 'height', height: -1 }",
        "{ v: 1, type: 'height', height: Infinity }",
        "{ v: 1, type: 'confirmed', service: 1 }",
        "{ v: 1, type: 'toString' }",
        "{ v: 1, type: '__proto__' }",
    ):
        frame.evaluate(f"parent.postMessage({wrong}, '*')")
    frame.evaluate("parent.postMessage({ v: 1, type: 'step', name: 'last' }, '*')")
    expect_that(page, lambda: page.evaluate("noticed.some((event) => event.step && event.step.name === 'last')"))
    assert embedded.bounding_box() == before
    elsewhere = clinic.write(
        "/false", f"<script>parent.postMessage({false}, '*');parent.postMessage({confirmed}, '*')</script>"
    )
    frame.evaluate(f"location.href = '{elsewhere}'")
    expect_that(page, lambda: len(told(page, "confirmed")) == 4)
    assert embedded.bounding_box() == before
    assert [next(iter(event)) for event in page.evaluate("noticed")] == ["step", "step"]


def test_the_page_takes_nothing_from_the_website(visit: Visit, clinic: Embedder) -> None:
    patient = visit("opus")
    go_in(patient, clinic, lines(patient.product))
    frame = inside(patient)
    frame.wait_for_load_state()
    expect_heard(patient)
    before = frame.content()
    patient.page.evaluate("""() => { for (const type of ["height", "step", "confirmed", "close", "ready"]) {
        frames[0].postMessage({ v: 1, type, name: "x", href: "javascript:alert(1)" }, "*"); } }""")
    patient.page.evaluate("new Promise((done) => setTimeout(done, 200))")
    assert frame.content() == before


@pytest.mark.parametrize("allowed", ["allow-scripts allow-popups", "allow-scripts allow-same-origin allow-popups"])
def test_where_the_frame_is_allowed_too_little_a_new_tab_is_offered(
    visit: Visit, clinic: Embedder, allowed: str
) -> None:
    """Without an origin of its own every form is refused; without forms none is sent."""
    patient = visit("opus")
    address = f"{patient.product.address('opus')}?service=1&clinic=any&provider=any"
    body = f'<iframe sandbox="{allowed}" src="{escape(address)}" width="390" height="800"></iframe>'
    patient.page.goto(clinic.write("/sandboxed", body))
    frame = inside(patient)
    if "same-origin" in allowed:
        patient.time(patient.times()[0]).click()
    link = frame.locator("main > .notice a")
    expect(link).to_be_visible()
    assert "/times/?service=1" in (link.get_attribute("href") or "")
    patient.complaints.clear()
