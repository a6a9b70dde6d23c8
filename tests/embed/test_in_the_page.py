"""How the frame behaves in the website: its height, its place, the focus, the pop-up."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.embedder import Embedder
from tests.browser.visitor import Visitor
from tests.embed.website import expect_heard, expect_that, go_in, has_no_inner_scrollbar, inside, lines, told


def expect_it_fits(patient: Visitor, before: list[int]) -> None:
    """The frame is as high as its content, after at most three messages about that."""
    frame = inside(patient)
    frame.wait_for_load_state()  # its scripts have run

    def fits() -> bool:
        box = patient.page.locator("iframe").bounding_box()
        width, high = frame.evaluate("[innerWidth, document.documentElement.getBoundingClientRect().height]")
        as_wide = box is not None and round(box["width"]) == width  # else it has not heard of the new width yet
        return box is not None and as_wide and 0 <= box["height"] - high < 2 and has_no_inner_scrollbar(frame)

    expect_that(patient.page, lambda: told(patient.page, "height") and fits())
    patient.page.wait_for_timeout(200)  # whatever else would still be said
    assert fits()
    said = len(told(patient.page, "height"))
    assert said - before[0] <= 3
    before[0] = said


@pytest.mark.parametrize("width", [320, 390, 768, 1024, pytest.param(1280, marks=pytest.mark.slow)])
def test_the_frame_is_as_high_as_each_step(visit: Visit, clinic: Embedder, width: int) -> None:
    patient = visit("opus", width=width)
    go_in(patient, clinic, f'<meta name="viewport" content="width=device-width">{lines(patient.product)}')
    inside(patient)
    said = [0]
    patient.go_to_times(look_at_each=lambda patient: expect_it_fits(patient, said))
    patient.hold()
    expect_it_fits(patient, said)
    patient.go_on()  # the form comes again, longer by what is wrong
    patient.see("[aria-invalid=true]")
    expect_it_fits(patient, said)
    patient.fill_and_go_on()
    expect_it_fits(patient, said)
    assert patient.book()
    expect_it_fits(patient, said)


def test_the_frame_grows_with_what_is_folded_out_and_shrinks_again(visit: Visit, clinic: Embedder) -> None:
    patient = visit("opus", width=1280)
    go_in(patient, clinic, lines(patient.product))
    inside(patient)
    expect_it_fits(patient, [0])
    for width in (320, 1280):
        patient.page.set_viewport_size({"width": width, "height": 844})
        expect_it_fits(patient, [len(told(patient.page, "height"))])


def test_a_new_step_is_brought_into_view_only_if_its_top_is_out_of_view(visit: Visit, clinic: Embedder) -> None:
    patient = visit("opus", width=1280)
    around = "<p>About our clinic</p>"
    body = f"{around * 6}{lines(patient.product)}{around * 60}"
    go_in(patient, clinic, body)
    inside(patient)
    expect_it_fits(patient, [0])
    top = "document.querySelector('iframe').getBoundingClientRect().top"
    at_first = patient.page.evaluate(top)
    assert at_first > 0
    patient.choose("service", "1")
    patient.expect_step("clinic")
    expect_that(patient.page, lambda: patient.page.evaluate("told.filter((m) => m.type === 'step').length === 2"))
    assert patient.page.evaluate(top) == at_first
    patient.page.evaluate("scrollTo(0, 500)")
    assert patient.page.evaluate(top) < 0
    patient.view.locator("a[data-clinic]").last.click()
    expect_that(patient.page, lambda: patient.page.evaluate("told.filter((m) => m.type === 'step').length === 3"))
    expect_that(patient.page, lambda: abs(patient.page.evaluate(top)) < 2)


def test_the_link_to_a_day_moves_the_website_to_it(visit: Visit, clinic: Embedder) -> None:
    patient = visit("opus", touch=True)
    go_in(patient, clinic, f'<meta name="viewport" content="width=device-width">{lines(patient.product)}')
    inside(patient)
    patient.go_to_times()
    patient.times()
    expect_heard(patient)
    expect_that(patient.page, lambda: has_no_inner_scrollbar(inside(patient)))
    before = patient.page.evaluate("scrollY")
    link = patient.view.locator(".days a").last
    heading = patient.view.locator(link.get_attribute("href") or "")
    link.tap()
    expect(heading).to_be_focused()
    expect_that(patient.page, lambda: patient.page.evaluate("scrollY") > before)
    box = heading.bounding_box()
    assert box
    assert 0 <= box["y"] < 844


def test_the_first_step_moves_neither_the_page_nor_the_focus(visit: Visit, clinic: Embedder) -> None:
    patient = visit("opus")
    body = f'<input id="search" autofocus>{"<p>About our clinic</p>" * 60}{lines(patient.product)}'
    go_in(patient, clinic, body)
    inside(patient)
    expect_that(patient.page, lambda: patient.page.evaluate("told.some((message) => message.type === 'step')"))
    assert patient.page.evaluate("scrollY") == 0
    assert patient.page.evaluate("document.activeElement.id") == "search"


def test_after_a_step_the_focus_is_at_its_heading(visit: Visit, clinic: Embedder) -> None:
    patient = visit("opus")
    go_in(patient, clinic, lines(patient.product))
    inside(patient).locator("a[data-service]").first.focus()
    patient.page.keyboard.press("Enter")
    patient.expect_step("clinic", "provider", "times")
    expect(inside(patient).locator("main h1")).to_be_focused()


# --- The pop-up ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["popup", "button"])
def test_the_pop_up_is_opened_and_closed_with_the_keyboard(visit: Visit, clinic: Embedder, mode: str) -> None:
    patient = visit("opus", width=1280)
    go_in(patient, clinic, f'<button id="menu">Menu</button>{lines(patient.product, mode=mode)}<button>Last</button>')
    opener = patient.page.locator("anteroom-booking a")
    expect(opener).to_have_attribute("aria-haspopup", "dialog")
    opener.focus()
    patient.page.keyboard.press("Enter")
    dialog = patient.page.get_by_role("dialog", name="Book an appointment")
    expect(dialog).to_be_visible()
    inside(patient)
    assert patient.page.evaluate("document.querySelector('dialog').matches(':modal')")  # the page behind is inert
    with_focus = set()
    for _ in range(40):
        patient.page.keyboard.press("Tab")
        with_focus.add(
            patient.page.evaluate("document.activeElement.closest('dialog') ? 'in' : document.activeElement.tagName")
        )
    assert with_focus <= {"in", "BODY"}  # the body: the browser's own bar
    assert "in" in with_focus
    patient.page.keyboard.press("Escape")
    if dialog.is_visible():  # the focus was in the frame, which tells the page
        patient.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


def test_escape_in_the_frame_closes_the_pop_up_and_what_was_chosen_stays(visit: Visit, clinic: Embedder) -> None:
    patient = visit("opus", width=1280)
    go_in(patient, clinic, lines(patient.product, mode="button"))
    opener = patient.page.locator("anteroom-booking a")
    opener.click()
    patient.view = inside(patient)
    patient.go_to_times()
    expect_heard(patient)
    patient.view.locator("main h1").click()
    patient.page.keyboard.press("Escape")
    dialog = patient.page.locator("dialog")
    expect(dialog).to_be_hidden()
    opener.click()
    expect(dialog).to_be_visible()
    assert patient.step == "times"
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    expect_that(patient.page, lambda: patient.page.evaluate("document.documentElement.style.overflow") == "")


@pytest.mark.parametrize(("width", "whole"), [(390, True), (1280, False)])
def test_the_pop_up_fills_the_screen_of_a_phone_and_only_that(
    visit: Visit, clinic: Embedder, width: int, whole: bool
) -> None:
    patient = visit("opus", width=width)
    go_in(
        patient, clinic, f'<meta name="viewport" content="width=device-width">{lines(patient.product, mode="button")}'
    )
    patient.page.locator("anteroom-booking a").click()
    box = patient.page.locator("dialog").bounding_box()
    screen = {"x": 0, "y": 0, "width": width, "height": 844}
    assert box
    assert (box == screen) is whole
    assert box["width"] <= 768
    frame = patient.page.locator("dialog iframe").bounding_box()
    assert frame
    assert frame["y"] + frame["height"] <= box["y"] + box["height"]
    inside(patient)
    assert patient.view.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_the_websites_own_links_open_the_pop_up_where_they_lead(visit: Visit, clinic: Embedder) -> None:
    patient = visit("opus", width=1280)
    product = patient.product
    deep = f'<a href="{product.address("opus")}?service=1&clinic=any&provider=any" id="deep">Check-up</a>'
    manage = f'<a href="{product.address("opus", "manage/key/")}" id="manage">Change your booking</a>'
    go_in(patient, clinic, f"{deep}{manage}{lines(product, mode='popup')}")
    expect(patient.page.locator("anteroom-booking a")).to_be_visible()
    patient.page.locator("#deep").click()
    inside(patient)
    patient.expect_step("times")
    patient.page.keyboard.press("Escape")
    patient.refusals_expected = True
    patient.page.locator("#manage").click()
    patient.page.wait_for_url("**/manage/key/")


def test_the_button_can_be_read_on_its_colour(visit: Visit, clinic: Embedder) -> None:
    patient = visit("opus")
    for colour, text in (("#ffee00", "rgb(0, 0, 0)"), ("#102040", "rgb(255, 255, 255)")):
        go_in(patient, clinic, lines(patient.product, mode="button", colour=colour))
        expect(patient.page.locator("anteroom-booking a")).to_have_css("color", text)
