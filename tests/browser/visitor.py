"""A patient in front of the booking pages: finds things by what they are for, not by their words."""

import itertools
import string
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self
from urllib.parse import parse_qs, urlencode, urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Frame, Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.browser.product import Product
from vendors.sandbox import qmatic

SERVICES = {"opus": "1", "qmatic": qmatic.guid("GP appointment")}
"""The id of a service at each vendor with several clinics and providers."""
PHONES = {"opus": "070-123 45 67", "qmatic": "07400 123456"}

TIME = "button[name=slot]"
ON = (
    '#main form[method="post"]:not([action*="/release/"], [action*="/extend/"]) button[type="submit"]:not([formaction])'
)
"""The button that goes on, on the pages for details and for booking."""
CHOICES = ("service", "clinic", "provider")
SOON = timedelta(minutes=10)
"""No test takes longer than this from a page of times to the press on one of them."""

_numbers = itertools.count()


@dataclass(frozen=True)
class Patient:
    """Nobody else in this run has the same name or personal number."""

    number: int = field(default_factory=lambda: next(_numbers))

    @property
    def family_name(self) -> str:
        letters = string.ascii_lowercase
        return f"Berg{letters[self.number // 26 % 26]}{letters[self.number % 26]}man"

    @property
    def email(self) -> str:
        return f"{self.family_name.lower()}@mail.example"

    @property
    def personal_number(self) -> str:
        """Swedish: a date and four digits, of which the last fits."""
        digits = f"80{self.number // 28 % 12 + 1:02}{self.number % 28 + 1:02}987"
        doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(digits)]
        last = -sum(n - 9 if n > 9 else n for n in doubled) % 10
        return f"19{digits[:6]}-{digits[6:]}{last}"

    def details(self, vendor: str) -> dict[str, str]:
        return {
            "first_name": "Åsa",
            "last_name": self.family_name,
            "email": self.email,
            "phone": PHONES.get(vendor, "+46 70 123 45 67"),
            "birth_date": "1980-05-31",
            "personal_number": self.personal_number,
            "postal_code": "111 22",
            "note": "I am a little nervous.",
        }


class Visitor:
    """One window (or a frame in one) at one practice. Keeps what the console says."""

    def __init__(self, product: Product, page: Page, vendor: str, patient: Patient | None = None) -> None:
        self.product = product
        self.page = page
        self.view: Page | Frame = page
        """Where the booking pages are: the page, unless they stand in a frame."""
        self.vendor = vendor
        self.patient = patient or Patient()
        self.complaints: list[str] = []
        """Errors in the console, and uncaught ones."""
        self.refusals_expected = False
        """Whether pages with an error status are part of the test; the console names those too."""
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            if self.refusals_expected and message.text.startswith("Failed to load resource"):
                return
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")

    @property
    def context(self) -> BrowserContext:
        return self.page.context

    # --- Where am I ------------------------------------------------------------------------------------------------

    @property
    def step(self) -> str:
        """The page's name: `service`, `times`, `details`, `booking`, …; `taken` for the page after a lost race."""
        return "taken" if self.view.locator(".nearest").count() else step_of(self.view.url)

    def expect_step(self, *steps: str) -> str:
        """Waits until the page is one of these steps and has come whole, and says which."""
        expect_url(self.view, lambda url: step_of(url) in steps)
        self._whole_page()
        return step_of(self.view.url)

    def heading(self) -> str:
        return self.view.locator("#main h1").inner_text()

    def see(self, selector: str) -> Locator:
        """What the selector finds, once it is there."""
        found = self.view.locator(selector).first
        expect(found).to_be_visible()
        return found

    def expect_state(self, state: str, *, seconds: float = 10) -> str:
        """Waits for how the booking stands, and answers its reference."""
        shown = self.view.locator(f'[data-state="{state}"]')
        expect(shown).to_be_visible(timeout=seconds * 1000)
        return shown.get_attribute("data-reference") or ""

    def back(self) -> None:
        self._travel(self.page.go_back)

    def forward(self) -> None:
        self._travel(self.page.go_forward)

    def _travel(self, go: Callable[..., object]) -> None:
        self.view.wait_for_timeout(100)  # nobody presses Back before the page is there
        go(wait_until="commit")  # a page that the browser kept as it was left does not load again
        self.view.wait_for_timeout(100)

    # --- On the way ------------------------------------------------------------------------------------------------

    def open(self, path: str = "", language: str = "en", **query: str) -> None:
        address = self.product.address(self.vendor, path, language)
        self.page.goto(f"{address}?{urlencode(query)}" if query else address)

    def choose(self, what: str, which: str = "") -> str:
        """Follows one of this page's choices: without an id, the first that is not "any". Answers its id."""
        named = f'a[data-{what}="{which}"]' if which else f'a[data-{what}]:not([data-{what}="any"])'
        choice = self.view.locator(named).first
        chosen = choice.get_attribute(f"data-{what}") or ""
        choice.click()
        return chosen

    def go_to_times(self, look_at_each: Callable[[Self], object] = lambda _: None, **wanted: str) -> None:
        """From any page of choices, through those that are open, to the times. `wanted`: ids by kind of choice."""
        wanted = {"service": SERVICES.get(self.vendor, ""), **wanted}
        for _ in range(6):
            open_choice = self.view.locator(", ".join([TIME, *(f"a[data-{what}]" for what in CHOICES)]))
            expect(open_choice.first).to_be_visible()
            self._whole_page()
            what = next((what for what in CHOICES if self.view.locator(f"a[data-{what}]").count()), None)
            look_at_each(self)
            if what is None:
                return
            before = self.view.url
            self.choose(what, wanted.get(what, ""))
            expect_url(self.view, lambda url, before=before: url != before)
        raise AssertionError("the times were not reached")

    def times(self) -> list[str]:
        """The ids of the times on this page, less those that may have begun when they are pressed."""
        self._whole_page()
        expect(self.view.locator(TIME).first).to_be_visible()
        shown: list[list[str]] = self.view.locator(TIME).evaluate_all(
            "times => times.map(time => [time.value, time.querySelector('time').dateTime])"
        )
        soon = datetime.now(UTC) + SOON
        return [slot for slot, start in shown if datetime.fromisoformat(start) > soon]

    def time(self, slot: str) -> Locator:
        return self.view.locator(f'{TIME}[value="{slot}"]').first

    def hold(self, slot: str = "") -> str:
        """Picks that time, or the first, and waits for the form. Answers the time's id."""
        slot = slot or self.times()[0]
        self.time(slot).click()
        self.expect_step("details")
        return slot

    def fill(self, **instead: str) -> None:
        """Types into every field that there is."""
        typed = {**self.patient.details(self.vendor), **instead}
        for name in self.fields():
            box = self.field(name)
            if box.get_attribute("type") == "checkbox":
                box.check()
            else:
                box.fill(typed.get(name, "Spain"))

    def fields(self) -> list[str]:
        self._whole_page()
        form = self.view.locator('#main form[method="post"]:not([action*="/release/"], [action*="/extend/"])')
        shown = form.locator("input:not([type=hidden]), textarea").all()
        return [box.get_attribute("name") or "" for box in shown]

    def _whole_page(self) -> None:
        """The last element of the page is there, and so is what comes before it."""
        self.view.locator("body > #said").wait_for(state="attached")

    def field(self, name: str) -> Locator:
        return self.view.locator(f'#main [name="{name}"]')

    def go_on(self) -> None:
        self.view.locator(ON).click()

    def fill_and_go_on(self, **instead: str) -> None:
        self.fill(**instead)
        self.go_on()
        self.expect_step("confirm")

    def book(self) -> str:
        """Confirms, and waits until it is said to be booked. Answers the reference."""
        self.go_on()
        self.expect_step("booking")
        return self.expect_state("confirmed")

    def book_all_the_way(self, **wanted: str) -> str:
        self.go_to_times(**wanted)
        self.hold()
        self.fill_and_go_on()
        return self.book()

    def booked(self) -> int:
        """How many entries this patient has in the vendor's diary."""
        return len(self.product.ledger(self.vendor, self.patient.family_name))

    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.view.url).query).items()}

    def focused(self, selector: str) -> bool:
        return bool(self.view.evaluate("selector => !!document.activeElement?.matches(selector)", selector))

    def gets_focus(self, selector: str) -> bool:
        """Whether the focus comes there: a page's script runs a moment after the page is there."""
        try:
            self.view.wait_for_function(
                "selector => !!document.activeElement?.matches(selector)", arg=selector, timeout=5000
            )
        except PlaywrightTimeout:
            return False
        return True

    def tab_to(self, selector: str, at_most: int = 80) -> None:
        """Presses Tab until the focus is there."""
        for _ in range(at_most):
            self.page.keyboard.press("Tab")
            if self.focused(selector):
                return
        raise AssertionError(f"the keyboard does not reach {selector}")


def step_of(address: str) -> str:
    parts = urlsplit(address).path.strip("/").split("/")[2:]
    return "service" if not parts else "booking" if parts[-2:-1] == ["booking"] else parts[-1]


def expect_url(view: Page | Frame, wanted: Callable[[str], object], seconds: float = 10) -> None:
    """Waits for an address, in a frame and on a page that comes out of the browser's memory too."""
    ends = time.monotonic() + seconds
    while not wanted(view.url):
        if time.monotonic() > ends:
            raise AssertionError(f"still at {view.url}")
        view.wait_for_timeout(20)
