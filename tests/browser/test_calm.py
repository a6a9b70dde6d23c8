"""Quick and calm for everybody: few keys, the reader in the right place, slow and broken networks, time to spare."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser import axe
from tests.browser.conftest import NARROW, PHONE, Visit
from tests.browser.product import ROOT
from tests.browser.visitor import ON, TIME, Visitor
from vendors.sandbox import opus

BOTH_WAYS = pytest.mark.parametrize("javascript", [True, False], ids=["js", "no-js"])
DOCTOR = {"service": "1", "clinic": opus.CITY, "provider": "1"}
MOST_PRESSES = 25
KEEP = "button.keep"


class Keyboard:
    """Counts what is pressed. What is typed into a field is not counted: nobody can book without saying who comes."""

    def __init__(self, patient: Visitor) -> None:
        self.patient = patient
        self.presses = 0

    def press(self, key: str) -> None:
        self.patient.page.keyboard.press(key)
        self.presses += 1

    def tab_to(self, selector: str) -> None:
        for _ in range(MOST_PRESSES):
            if self.patient.focused(selector):
                return
            self.press("Tab")
        raise AssertionError(f"the keyboard does not reach {selector}")


def test_a_patient_books_with_few_presses_of_the_keyboard(visit: Visit) -> None:
    patient = visit("opus")
    keyboard = Keyboard(patient)
    patient.open()
    patient.see("a[data-service]")
    keyboard.press("Tab")
    keyboard.press("Enter")  # past what stands above
    for what in ("service", "clinic", "provider"):
        keyboard.tab_to(f"a[data-{what}]")
        keyboard.press("Enter")
        expect(patient.view.locator(f"a[data-{what}]")).to_have_count(0)
        expect(patient.see("#main h1")).to_be_focused()
    slot = patient.times()[0]
    shown = patient.view.locator(TIME).evaluate_all("times => times.map(time => time.value)")
    keyboard.tab_to(f'{TIME}[value="{slot}"]')
    keyboard.presses -= shown.index(slot)  # past those that begin too soon for this test
    keyboard.press("Enter")
    patient.expect_step("details")
    expect(patient.see("#main h1")).to_be_focused()
    typed = patient.patient.details("opus")
    for name in patient.fields():
        keyboard.tab_to(f'[name="{name}"]')
        patient.page.keyboard.type(typed[name])
    keyboard.press("Enter")
    patient.expect_step("confirm")
    expect(patient.see("#main h1")).to_be_focused()
    keyboard.tab_to(ON)
    assert patient.gets_focus(":focus-visible")
    keyboard.press("Enter")
    patient.expect_state("confirmed")
    assert patient.booked() == 1
    assert keyboard.presses <= MOST_PRESSES, keyboard.presses


def test_on_every_new_page_the_reader_is_at_its_heading(visit: Visit) -> None:
    patient = visit("opus")
    patient.open()
    patient.see("a[data-service]")
    assert patient.gets_focus("body"), "whoever just came is where their browser puts them"
    for what in ("service", "clinic", "provider"):
        patient.choose(what, "1" if what == "service" else "")
        expect(patient.view.locator(f"a[data-{what}]")).to_have_count(0)
        expect(patient.see("#main h1")).to_be_focused()
    patient.hold()
    expect(patient.see("#main h1")).to_be_focused()
    patient.fill_and_go_on()
    expect(patient.see("#main h1")).to_be_focused()
    patient.book()
    expect(patient.see("#main h1")).to_be_focused()


def test_the_progress_line_says_where_one_is(visit: Visit) -> None:
    patient = visit("opus", javascript=False)
    patient.open()
    seen: list[str] = []
    patient.go_to_times(look_at_each=lambda visitor: seen.append(step_shown(visitor)))
    patient.hold()
    seen.append(step_shown(patient))
    patient.fill_and_go_on()
    seen.append(step_shown(patient))
    assert [re.findall(r"\d", text)[0] for text in seen] == ["1", "2", "2", "3", "4", "5"]
    patient.book()
    assert patient.view.locator(".progress").count() == 0


def step_shown(patient: Visitor) -> str:
    [here] = patient.view.locator('.progress [aria-current="step"]').all()
    return here.inner_text()


def test_the_phone_number_stands_in_the_same_place_on_every_page(visit: Visit) -> None:
    patient = visit("opus", javascript=False)
    patient.open()
    places: set[str] = set()

    def look() -> None:
        help_ = patient.view.locator("body > footer a:visible").all()
        places.add(" ".join(link.get_attribute("href") or "" for link in help_))

    patient.go_to_times(look_at_each=lambda _: look())
    patient.hold()
    look()
    patient.fill_and_go_on()
    look()
    patient.book()
    look()
    assert len(places) == 1
    assert places.pop().startswith("tel:")


def test_every_target_on_the_way_is_large_enough_for_a_thumb(visit: Visit) -> None:
    patient = visit("opus", width=PHONE)
    small: list[str] = []

    def look(_: object = None) -> None:
        small.extend(
            patient.view.evaluate(
                """() => [...document.querySelectorAll("#main :is(button, a.button, a.choice, input, summary)")]
                .filter(e => e.checkVisibility() && e.type !== "hidden" && !e.matches("[type=checkbox], [type=radio]"))
                .filter(e => e.getBoundingClientRect().height < 44).map(e => e.outerHTML.slice(0, 120))"""
            )
        )

    patient.open()
    patient.go_to_times(look_at_each=look)
    patient.hold()
    look()
    patient.fill_and_go_on()
    look()
    patient.book()
    look()
    assert small == []


# --- The time that is kept -------------------------------------------------------------------------------------------


def test_the_minutes_left_are_shown_and_said_once_before_the_end(visit: Visit) -> None:
    patient = visit("opus")
    patient.page.clock.install()
    patient.open("times/", **DOCTOR)
    patient.hold()
    left, said = patient.see(".left"), patient.view.locator("#said")
    expect(left).to_contain_text("15 minutes")
    expect(patient.view.locator(KEEP)).to_be_hidden()
    patient.page.clock.run_for(11 * 60_000)
    expect(left).to_contain_text("4 minutes")
    expect(patient.view.locator(KEEP)).to_be_visible()
    assert said.inner_text() == "", "nobody is hurried while there is time"
    patient.page.clock.run_for(2.5 * 60_000)
    expect(said).to_contain_text("2 minutes")
    before = said.inner_text()
    patient.page.clock.run_for(30_000)
    assert said.inner_text() == before, "once is enough"
    patient.fill(first_name="Eva")
    patient.page.clock.run_for(90_000)
    expect(patient.see(".until")).to_contain_text("What you typed is kept")
    assert patient.field("first_name").input_value() == "Eva"


def test_a_time_is_kept_longer_with_one_key_and_nothing_typed_is_lost(visit: Visit) -> None:
    patient = visit("opus")
    patient.open("times/", **DOCTOR)
    patient.hold()
    age(patient, minutes=11)
    patient.page.reload()
    patient.fill()
    expect(patient.see(".left")).to_contain_text("4 minutes")
    patient.see(KEEP).focus()
    patient.page.keyboard.press("Enter")
    expect(patient.see(".left")).to_contain_text("15 minutes")
    expect(patient.view.locator("#said")).to_contain_text("Kept for you until")
    assert not patient.focused("body"), "the reader is still there"
    assert patient.field("last_name").input_value() == patient.patient.family_name
    patient.go_on()
    patient.expect_step("confirm")
    assert patient.book()


@pytest.mark.parametrize("page", ["details", "confirm"])
def test_a_time_is_kept_longer_without_a_script(visit: Visit, page: str) -> None:
    patient = visit("opus", javascript=False)
    patient.open("times/", **DOCTOR)
    patient.hold()
    age(patient, minutes=10)
    if page == "confirm":
        patient.fill_and_go_on()
    else:
        patient.page.reload()
        patient.fill()
    ends = int(patient.see(".until").get_attribute("data-until") or 0)
    patient.see(KEEP).click()
    expect(patient.view.locator(f'.until[data-until="{ends}"]')).to_have_count(0)
    assert int(patient.see(".until").get_attribute("data-until") or 0) > ends + 300
    if page == "details":
        assert patient.field("last_name").input_value() == patient.patient.family_name
        patient.go_on()
        patient.expect_step("confirm")
    assert patient.book()


def test_to_keep_a_time_that_has_ended_loses_nothing_that_was_typed(visit: Visit) -> None:
    patient = visit("opus")
    patient.page.clock.install()
    patient.open("times/", **DOCTOR)
    patient.hold()
    patient.fill(first_name="Eva")
    patient.page.clock.run_for(12 * 60_000)
    age(patient, minutes=20)
    patient.see(KEEP).click()
    expect(patient.see(".until")).to_contain_text("What you typed is kept")
    assert patient.field("first_name").input_value() == "Eva"
    patient.go_on()
    patient.expect_step("times")
    patient.hold()
    assert patient.field("first_name").input_value() == "Eva"


def test_enter_in_a_field_goes_on_and_does_not_ask_for_more_time(visit: Visit) -> None:
    patient = visit("opus", javascript=False)
    patient.open("times/", **DOCTOR)
    patient.hold()
    patient.fill()
    patient.field("first_name").press("Enter")
    patient.expect_step("confirm")


def age(patient: Visitor, *, minutes: int) -> None:
    """The patient's hold is older than it was."""
    code = (
        "from datetime import timedelta\nfrom booking.models import Booking\nfrom booking import tokens\n"
        "from booking.models import Practice\n"
        f"row = tokens.find(Practice.objects.get(slug={patient.product.slug(patient.vendor)!r}), "
        f"{patient.view.url.split('/')[-3]!r}).booking\n"
        f"Booking.objects.filter(pk=row.pk).update(held_until=row.held_until - timedelta(minutes={minutes}))"
    )
    patient.product.manage("shell", "-v", "0", "-c", code)


# --- Networks --------------------------------------------------------------------------------------------------------


def test_on_a_slow_network_a_patient_books(visit: Visit) -> None:
    patient = visit("opus")
    network = patient.context.new_cdp_session(patient.page)
    network.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 20_000},
    )
    patient.open()
    assert patient.book_all_the_way()
    assert patient.booked() == 1


@pytest.mark.parametrize("trouble", ["offline", "503"])
def test_other_days_that_cannot_be_fetched_are_said_in_place_and_can_be_tried_again(visit: Visit, trouble: str) -> None:
    patient = visit("opus")
    patient.refusals_expected = True
    patient.open("times/", **DOCTOR)
    first, address = patient.times(), patient.view.url

    def fail(route: Route) -> None:
        if trouble == "offline":
            route.abort("internetdisconnected")
        else:
            route.fulfill(status=503, body="")

    patient.page.route("**/times/?*from=*", fail)
    patient.see('a[rel="next"]').click()
    notice = patient.see("#week .notice[role=alert]")
    expect(notice).to_be_focused()
    assert patient.times() == first, "what was there stays"
    assert patient.view.url == address
    patient.page.unroute("**/times/?*from=*")
    notice.locator("a").click()
    expect(patient.time(first[0])).to_have_count(0)
    assert "from" in patient.query()
    patient.complaints[:] = [c for c in patient.complaints if "htmx:" not in c and "times/" not in c]


def test_while_other_days_are_fetched_the_list_is_marked_as_busy(visit: Visit) -> None:
    patient = visit("opus")
    patient.open("times/", **DOCTOR)
    patient.times()
    week = patient.view.locator("#week")
    said: list[str | None] = []

    def while_waiting(route: Route) -> None:
        said.append(week.get_attribute("aria-busy"))
        route.continue_()

    patient.page.route("**/times/?*from=*", while_waiting)
    patient.see('a[rel="next"]').click()
    expect(patient.see("#week .range")).to_be_focused()
    expect(week).not_to_have_attribute("aria-busy", "true")
    assert said == ["true"]


# --- Ways to look at it ----------------------------------------------------------------------------------------------


@BOTH_WAYS
def test_on_a_phone_with_touch_a_patient_books(visit: Visit, javascript: bool) -> None:
    patient = visit("opus", javascript=javascript, touch=True)
    patient.open()
    for what in ("service", "clinic", "provider"):
        patient.view.locator(f'a[data-{what}]:not([data-{what}="any"])').first.tap()
        expect(patient.view.locator(f"a[data-{what}]")).to_have_count(0)
    patient.time(patient.times()[0]).tap()
    patient.expect_step("details")
    patient.fill()
    in_sight(patient.page, ON)
    patient.view.locator(ON).tap()
    patient.expect_step("confirm")
    in_sight(patient.page, ON)
    patient.view.locator(ON).tap()
    patient.expect_step("booking")
    assert patient.expect_state("confirmed")
    assert patient.booked() == 1


def in_sight(page: Page, selector: str) -> None:
    """Without scrolling: the main action is under the thumb, and covers no field that has the focus."""
    expect(page.locator(selector)).to_be_in_viewport()


def test_a_field_with_the_focus_is_not_covered(visit: Visit) -> None:
    patient = visit("opus", width=PHONE)
    patient.page.set_viewport_size({"width": PHONE, "height": 600})
    patient.open("times/", **DOCTOR)
    patient.hold()
    for name in patient.fields():
        patient.tab_to(f'[name="{name}"]')
        covered = patient.view.evaluate(
            """() => { const box = document.activeElement.getBoundingClientRect();
              const found = document.elementFromPoint(box.left + 9, box.bottom - 4);
              return found !== document.activeElement && found?.outerHTML.slice(0, 120); }"""
        )
        assert not covered, name


def test_with_forced_colours_times_and_buttons_keep_their_edges(visit: Visit) -> None:
    patient = visit("opus", width=PHONE)
    patient.page.emulate_media(forced_colors="active")
    patient.open("times/", **DOCTOR)
    slot = patient.times()[0]
    assert edge(patient, f'{TIME}[value="{slot}"]') > 0
    patient.hold(slot)
    assert edge(patient, ON) > 0
    assert axe.barriers(patient.page) == []


def edge(patient: Visitor, selector: str) -> float:
    width = patient.view.locator(selector).evaluate("e => parseFloat(getComputedStyle(e).borderTopWidth)")
    return float(width)


def test_whoever_wants_less_motion_gets_none(visit: Visit) -> None:
    patient = visit("opus")
    patient.page.emulate_media(reduced_motion="reduce")
    patient.open()
    patient.see("a[data-service]")
    moving = patient.view.evaluate(
        "() => [...document.querySelectorAll('body *')]"
        ".filter(e => parseFloat(getComputedStyle(e).transitionDuration) > 0)"
        ".map(e => e.outerHTML.slice(0, 90))"
    )
    assert moving == []


def test_from_right_to_left_nothing_sticks_out_and_the_arrows_turn(visit: Visit) -> None:
    patient = visit("opus", width=NARROW)
    patient.open()

    def turn(_: object = None) -> None:
        patient.view.evaluate("document.documentElement.dir = 'rtl'")
        assert axe.sticks_out(patient.page) == []

    patient.go_to_times(look_at_each=turn)
    patient.hold()
    turn()
    patient.fill_and_go_on()
    turn()
    patient.book()
    turn()


def test_text_that_is_longer_by_two_fifths_fits(visit: Visit) -> None:
    patient = visit("opus", width=NARROW)
    patient.open()

    def stretch(_: object = None) -> None:
        patient.view.evaluate(
            """() => { const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
              while (walk.nextNode()) { const text = walk.currentNode.data.trim();
                if (text) walk.currentNode.data = text.replace(/[aeiouyåäö]/g, "$&$&"); } }"""
        )
        assert axe.sticks_out(patient.page) == []

    patient.go_to_times(look_at_each=stretch)
    patient.hold()
    stretch()
    patient.fill_and_go_on()
    stretch()
    patient.book()
    stretch()


def test_nothing_moves_while_a_page_comes(visit: Visit) -> None:
    patient = visit("opus", width=PHONE)
    patient.page.add_init_script(
        "window.moved = 0; new PerformanceObserver(list => { for (const shift of list.getEntries())"
        " if (!shift.hadRecentInput) window.moved += shift.value; }).observe({type: 'layout-shift', buffered: true});"
    )
    moved: list[float] = []

    def look(_: object = None) -> None:
        patient.view.wait_for_function("document.readyState === 'complete'")
        moved.append(patient.view.evaluate("window.moved"))

    patient.open()
    patient.go_to_times(look_at_each=look)
    patient.hold()
    look()
    patient.fill_and_go_on()
    look()
    patient.book()
    look()
    assert max(moved) < 0.01, moved


def test_a_server_error_has_our_look_and_needs_nothing_that_could_be_missing() -> None:
    page = (ROOT / "templates/trouble/server_error.html").read_text(encoding="utf-8")
    assert set(re.findall(r"{%-? *(\w+)", page)) <= {"comment", "endcomment", "if", "elif", "endif"}
    assert set(re.findall(r"{{(.*?)}}", page)) <= {" language "}
    [sheet] = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page)
    assert (ROOT / sheet.lstrip("/")).exists()
