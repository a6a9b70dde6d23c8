"""One browser and one running product for all journeys; a fresh window, without history, for each patient."""

import json
import os
import pathlib
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, ViewportSize, expect, sync_playwright

from tests.browser.embedder import Embedder
from tests.browser.product import ROOT, Product, started
from tests.browser.visitor import Patient, Visitor

PHONE, DESKTOP, NARROW = 390, 1280, 320
expect.set_options(timeout=10_000)  # a busy machine is no failure
SWITCHES = [
    *("--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--no-first-run", "--no-default-browser-check", "--disable-dev-shm-usage"),
]

# The scope is this package, not the session: while Playwright runs, Django takes every later test for an async one.


@pytest.fixture(scope="package")
def chromium() -> str:
    """The path of a Chromium. `.ci/test` gets one where there is none; without it, CI fails and others are told."""
    found = subprocess.run([ROOT / ".ci" / "browser", "--only-look"], capture_output=True, text=True)
    if found.returncode:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(found.stderr.strip())
    return found.stdout.strip()


@pytest.fixture(scope="package")
def launch(chromium: str) -> dict[str, Any]:
    """How a browser is started here."""
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    return {"executable_path": chromium, "args": [*SWITCHES, *as_root], "headless": True}


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="package")
def browser(playwright: Playwright, launch: dict[str, Any]) -> Iterator[Browser]:
    """One that asks for a page again on Back."""
    browser = playwright.chromium.launch(**launch)
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def remembering_browser(playwright: Playwright, launch: dict[str, Any]) -> Iterator[Browser]:
    """One that shows a page as it was left on Back, as many people's do."""
    browser = playwright.chromium.launch(**launch, ignore_default_args=["--disable-back-forward-cache"])
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def embedder() -> Iterator[Embedder]:
    """A clinic's website, on another site than the booking pages."""
    with Embedder().serve() as embedder:
        yield embedder


@pytest.fixture(scope="package")
def stranger() -> Iterator[Embedder]:
    """A website that no practice has listed."""
    with Embedder().serve() as embedder:
        yield embedder


@pytest.fixture(scope="package")
def whole_product(tmp_path_factory: pytest.TempPathFactory, embedder: Embedder) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("product")
    with started(folder, embed_origins=(embedder.origin,)) as product:
        yield product


@pytest.fixture
def product(whole_product: Product) -> Iterator[Product]:
    """The running product. Afterwards: no vendor's contract was broken, and nothing failed without being noticed."""
    said_before = whole_product.log.stat().st_size
    yield whole_product
    for sandbox in whole_product.sandboxes.values():
        sandbox.well_again()
    said = whole_product.log.read_bytes()[said_before:].decode()
    breaches = {vendor: sandbox.breaches[:] for vendor, sandbox in whole_product.sandboxes.items() if sandbox.breaches}
    for sandbox in whole_product.sandboxes.values():
        sandbox.breaches.clear()
    assert not breaches
    assert "Traceback" not in said, said[-6000:]
    assert "@mail.example" not in said


type Visit = Callable[..., Visitor]
type Profile = Callable[[dict[str, Any]], BrowserContext]


@pytest.fixture
def profile(playwright: Playwright, launch: dict[str, Any], tmp_path: pathlib.Path) -> Iterator[Profile]:
    """Starts a browser with these settings in its profile, as a person would have made them."""
    contexts = []

    def start(preferences: dict[str, Any]) -> BrowserContext:
        settings = tmp_path / "profile" / "Default" / "Preferences"
        settings.parent.mkdir(parents=True)
        settings.write_text(json.dumps(preferences))
        size = ViewportSize(width=PHONE, height=844)
        context = playwright.chromium.launch_persistent_context(tmp_path / "profile", **launch, viewport=size)
        contexts.append(context)
        return context

    yield start
    for context in contexts:
        context.close()


@pytest.fixture
def visit(browser: Browser, product: Product, profile: Profile, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """Opens a window for a patient: `visit("opus", javascript=False, width=PHONE)`.

    `remembers`: whether the browser shows a page as it was left when the patient comes back to it.

    Afterwards: no window's console held an error, and none has a cookie.
    """
    opened: list[Visitor] = []
    contexts: list[BrowserContext] = []

    def visit(
        vendor: str = "opus",
        *,
        javascript: bool = True,
        width: int = PHONE,
        remembers: bool = False,
        touch: bool = False,
        patient: Patient | None = None,
        page: Page | None = None,
    ) -> Visitor:
        if page is None:
            size = ViewportSize(width=width, height=844)
            which = request.getfixturevalue("remembering_browser") if remembers else browser
            context = which.new_context(
                java_script_enabled=javascript, viewport=size, locale="en-GB", has_touch=touch, is_mobile=touch
            )
            contexts.append(context)
            page = context.new_page()
        visitor = Visitor(product, page, vendor, patient)
        opened.append(visitor)
        return visitor

    yield visit
    cookies = [cookie for visitor in opened for cookie in visitor.context.cookies()]
    complaints = [complaint for visitor in opened for complaint in visitor.complaints]
    for context in contexts:
        context.close()
    assert cookies == []
    assert complaints == []
