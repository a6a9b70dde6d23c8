"""Pages of a clinic's website that include the script, and how a patient gets on in them."""

import json
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Frame, Page

from tests.browser.embedder import Embedder
from tests.browser.product import Product
from tests.browser.visitor import Visitor

LISTEN = """
window.told = [];
addEventListener("message", (event) => told.push(event.data));
window.noticed = [];
for (const name of ["step", "confirmed", "error"]) {
  addEventListener(`booking:${name}`, (event) => noticed.push({ [name]: event.detail }));
}
"""
"""What a website would hear. It is put there from outside, so that the page's policy can be the strictest."""


def strictest(product: Product) -> str:
    """The policy that the README names."""
    return f"default-src 'none'; script-src {product.url}; frame-src {product.url}; img-src data:"


def lines(product: Product, vendor: str = "opus", **said: str) -> str:
    """The two lines for a website. `said`: the attributes, `mode` and `service` for instance."""
    slug = product.slug(vendor)
    said = {"practice": slug, "lang": "en", **said}
    attributes = " ".join(f'data-{name}="{value}"' for name, value in said.items())
    return (
        f'<a href="{product.url}/{slug}/en/">Book here</a>\n'
        f'<script src="{product.url}/embed.js" {attributes} async></script>'
    )


def go_in(patient: Visitor, clinic: Embedder, body: str, *, policy: str | None = None, path: str = "/website") -> None:
    """Opens a page of the website with this body."""
    patient.page.add_init_script(LISTEN)
    policy = strictest(patient.product) if policy is None else policy
    patient.page.goto(clinic.write(path, f"<h1>Our clinic</h1>{body}", policy))


def inside(patient: Visitor, number: int = 0) -> Frame:
    """The booking page in the website, once it is there. The patient goes on in it."""
    expect_that(patient.page, lambda: len(booking_frames(patient)) > number)
    frame = booking_frames(patient)[number]
    frame.locator("body > #said").wait_for(state="attached")  # the last element of every page
    patient.view = frame
    return frame


def booking_frames(patient: Visitor) -> list[Frame]:
    return [frame for frame in patient.page.frames[1:] if frame.url.startswith(patient.product.url)]


def told(page: Page, kind: str = "") -> list[dict[str, Any]]:
    """The messages that the website received."""
    messages = json.loads(page.evaluate("JSON.stringify(window.told)"))
    return [said for said in messages if isinstance(said, dict) and kind in ("", said["type"])]


def noticed(page: Page, kind: str) -> list[dict[str, str]]:
    """The details of the DOM events of that kind."""
    events = json.loads(page.evaluate("JSON.stringify(window.noticed)"))
    return [event[kind] for event in events if kind in event]


def expect_heard(patient: Visitor) -> None:
    """Waits until the website was told of the page that stands in it: its script has run."""
    expect_that(patient.page, lambda: [said["name"] for said in told(patient.page, "step")][-1:] == [patient.step])


def expect_that(page: Page, holds: Callable[[], object], seconds: float = 10) -> None:
    """Waits until it holds."""
    for _ in range(int(seconds * 40)):
        if holds():
            return
        page.wait_for_timeout(25)
    assert holds()


def has_no_inner_scrollbar(frame: Frame) -> bool:
    down = frame.evaluate("document.documentElement.scrollHeight - document.documentElement.clientHeight")
    across = frame.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return bool(down <= 0 and across <= 0)
