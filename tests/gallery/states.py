"""Every page and every state that a patient can meet, reached as a patient reaches it.

Each way leads a visitor through some of them and calls `look(name)` at each. The gallery takes pictures there, and
`tests/browser/test_every_page.py` looks for barriers.
"""

import re
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from playwright.sync_api import expect

from tests.browser.product import UNREACHABLE, Product
from tests.browser.visitor import Visitor
from vendors.sandbox import opus, qmatic

type Look = Callable[[str], None]
type Way = Callable[[Visitor, str, Look], None]
"""Called with the visitor, the language, and what to do at each state."""

OWN_LOOK = {
    "slug": "own-look",
    "name": "Tandläkarna vid Sveavägen och Odenplan",
    "colour": "#ffd400",
    "logo": "logo.png",
    "privacy_url": "https://clinic.example/privacy",
    "hours_url": "https://clinic.example/hours",
    "directions_url": "https://clinic.example/directions",
    "online": "open",
}
PRACTICES: tuple[Mapping[str, Any], ...] = (
    OWN_LOOK,
    {"slug": "paused", "online": "paused"},
    {"slug": "not-yet", "online": "not_yet"},
)
"""What is to be seen besides one practice per vendor; for `started(more=…)`."""


def logo(width: int = 240, height: int = 80) -> bytes:
    """A PNG: two plain fields of colour."""
    row = b"\0" + b"\x0b\x5d\x57" * (width // 3) + b"\xff\xd4\x00" * (width - width // 3)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(row * height)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )


def booking(patient: Visitor, language: str, look: Look) -> None:
    """From the services to the booked time, with a mistake on the way."""
    patient.open(language=language)
    patient.see("a[data-service]")
    look("service")
    patient.choose("service", "1")
    patient.see("a[data-clinic]")
    look("clinic")
    patient.choose("clinic")
    patient.see("a[data-provider]")
    look("provider")
    patient.choose("provider")
    patient.times()
    look("times")
    patient.see("details.wishes summary").click()
    look("times with wishes open")
    patient.time(patient.times()[0]).click()
    if patient.expect_step("details", "hold") == "hold":  # somebody was quicker
        patient.hold()
    look("details")
    patient.go_on()
    patient.see(".errors")
    look("details with mistakes")
    patient.fill_and_go_on(email=patient.patient.email.replace("mail.example", "gmial.com"))
    look("confirm")
    patient.see('.summary a[href*="/times/"]').click()
    patient.times()
    look("times with the own time")
    patient.see('#main a.button[href*="/details/"]').click()
    patient.expect_step("details")
    held = patient.view.url.replace("details/", "")
    patient.page.goto(held)
    patient.see("[data-state=held]")
    look("held")
    patient.page.goto(f"{held}confirm/")
    patient.expect_step("confirm")
    patient.book()
    look("confirmed")
    patient.page.goto(held)
    set_state(patient.product, patient.patient.email.partition("@")[0], "cancelled")
    patient.page.reload()
    patient.see("[data-state=cancelled]")
    look("cancelled")


def anyone_anywhere(patient: Visitor, language: str, look: Look) -> None:
    """The longest buttons there are, and the page after a lost race."""
    here = {"service": "1", "clinic": "any", "provider": "any"}
    patient.open("times/", language, **here)
    slot = patient.times()[0]
    look("times anywhere with anyone")
    patient.product.sandboxes["opus"].take_at_desk(slot)
    patient.time(slot).click()
    patient.see(".nearest")
    look("just taken")
    patient.open("times/", language, **here, ended="1")
    patient.see(".notice[role=status]")
    look("hold ended")
    patient.open("times/", language, service="999")
    patient.see(".notice[role=status]")
    look("service is gone")
    patient.open("times/", language, **here, **{"from": "2999-01-01"})
    patient.see("#main h1")
    look("times at the end")


def nothing_free(patient: Visitor, language: str, look: Look) -> None:
    patient.open("times/", language, service="1", clinic=opus.CITY, provider="3", day="sun")
    patient.see("#main h1")
    look("nothing free")


def outcomes(patient: Visitor, language: str, look: Look) -> None:
    """Being checked, then failed."""
    patient.open("times/", language, service="1", clinic=opus.SOLNA, provider="3")
    patient.hold(patient.times()[-1])
    first = patient.view.url.replace("details/", "")
    patient.fill_and_go_on()
    patient.page.goto(first)
    patient.see("#main h1")
    look("status under the first address")
    patient.back()
    patient.expect_step("confirm")
    patient.product.sandboxes["opus"].lose_answer_after("book")
    patient.go_on()
    patient.expect_state("checking")
    look("being checked")
    name = patient.patient.email.partition("@")[0]
    for state in ("failed", "expired"):
        set_state(patient.product, name, state)
        patient.page.reload()
        patient.see(f"[data-state={'ended' if state == 'expired' else state}]")
        look(f"booking {state}")


def screening(patient: Visitor, language: str, look: Look) -> None:
    patient.open("clinic/", language, service=qmatic.guid("Flu vaccination"))
    patient.choose("clinic", qmatic.BANKSIDE["id"])
    patient.see('input[name="screening_0"]')
    look("screening")
    patient.go_on()
    patient.see(".errors")
    look("screening with mistakes")
    for number in (0, 1):
        patient.view.locator(f'input[name="screening_{number}"][value="yes"]').check()
    patient.go_on()
    patient.see('#main a[href^="tel:"]')
    look("screening refused")


def questions(patient: Visitor, language: str, look: Look) -> None:
    patient.open(language=language)
    patient.see("a[data-service]")
    look("services in groups")
    patient.open("", language, service=qmatic.guid("Travel advice"))
    patient.go_to_times()
    patient.hold()
    look("details with questions")


def trouble(patient: Visitor, language: str, look: Look) -> None:
    patient.refusals_expected = True
    here = patient.product.url
    for name, slug in {"unreachable": UNREACHABLE, "paused": "paused", "not open yet": "not-yet"}.items():
        patient.page.goto(f"{here}/{slug}/{language}/")
        patient.see('#main a[href^="tel:"]')
        look(name)
    patient.open("nothing/", language)
    patient.see("#main h1")
    look("unknown address")
    patient.open("accessibility/", language)
    patient.see("#main h1")
    look("accessibility")
    patient.page.goto(f"{here}/nobody/{language}/")
    expect(patient.view.locator("#main h1")).to_be_visible()
    look("unknown practice")
    patient.page.set_content(server_error(patient.product, language))
    patient.page.wait_for_function("document.styleSheets.length > 0")
    look("server error")


def own_look(patient: Visitor, language: str, look: Look) -> None:
    """A practice's logo, its links, and a colour that cannot be read as it is."""
    patient.page.goto(f"{patient.product.url}/{OWN_LOOK['slug']}/{language}/")
    patient.see("a[data-service]")
    look("own look, service")
    patient.choose("service", "1")
    patient.choose("clinic")
    patient.choose("provider")
    patient.times()
    look("own look, times")


WAYS: dict[str, tuple[Way, str]] = {
    "booking": (booking, "opus"),
    "anyone": (anyone_anywhere, "opus"),
    "nothing": (nothing_free, "opus"),
    "outcomes": (outcomes, "opus"),
    "screening": (screening, "qmatic"),
    "questions": (questions, "qmatic"),
    "trouble": (trouble, "opus"),
    "own-look": (own_look, "opus"),
}
"""Each with the vendor of the practice that it leads through."""


def server_error(product: Product, language: str) -> str:
    """The page for when something went wrong on our side, which nothing should ever show."""
    code = (
        "from django.template.loader import get_template\n"
        f"print(get_template('trouble/server_error.html').render({{'language': {language!r}}}))"
    )
    return product.manage("shell", "-v", "0", "-c", code)


def set_state(product: Product, name: str, state: str) -> None:
    """As the worker or staff would, of the booking for which this e-mail's name was typed."""
    assert re.fullmatch(r"\w+", name)
    code = (
        "from booking.models import Booking\n"
        "rows = Booking.objects.exclude(details={})\n"
        f"[row] = [row for row in rows if row.details.get('email', '').startswith({name!r})]\n"
        f"Booking.objects.filter(pk=row.pk).update(state={state!r})"
    )
    product.manage("shell", "-v", "0", "-c", code)
