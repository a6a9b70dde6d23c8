"""The same in Firefox: a patient books in a clinic's website, and the website is told as much."""

import json
import pathlib

import pytest

from tests.browser.embedder import Embedder
from tests.browser.product import Product
from tests.browser.visitor import Patient
from tests.embed import firefox
from tests.embed.firefox import Firefox
from tests.embed.website import LISTEN, lines, strictest

pytestmark = pytest.mark.skipif(not firefox.path(), reason="no Firefox: apt-get install firefox-esr")
FILL = """const typed = %s;
for (const box of document.querySelectorAll('#main form[method="post"] input:not([type=hidden]), #main textarea')) {
  if (box.type === "checkbox") box.checked = true; else if (typed[box.name]) box.value = typed[box.name];
}
document.querySelector('#main form[method="post"]:not([action*="/release/"]) button[type="submit"]').click();"""


@pytest.mark.parametrize("cookies", [firefox.PARTITIONED, firefox.ALL_BLOCKED], ids=["as-usual", "all-blocked"])
def test_a_patient_books_in_firefox(product: Product, clinic: Embedder, tmp_path: pathlib.Path, cookies: int) -> None:
    patient = Patient()
    address = clinic.write("/firefox", f"<h1>Our clinic</h1>{lines(product)}", strictest(product))
    with firefox.started(tmp_path, cookies) as browser:
        listen = f"() => {{ {LISTEN} }}"
        browser.command("script.addPreloadScript", functionDeclaration=listen)
        browser.open(address)
        frame = browser.until(lambda: [c for c, url in browser.frames() if url.startswith(product.url)])[0]
        click(browser, frame, 'a[data-service="1"]')
        click(browser, frame, 'a[data-clinic]:not([data-clinic="any"])')
        click(browser, frame, 'a[data-provider]:not([data-provider="any"])')
        click(browser, frame, ".day:last-of-type button[name=slot]")
        browser.until(lambda: there(browser, frame, "[name=last_name]") and there(browser, frame, "#said"))
        browser.run(frame, FILL % json.dumps(patient.details("opus")))
        click(browser, frame, "form.book button")
        browser.until(lambda: there(browser, frame, '[data-state="confirmed"]'))
        told = browser.until(lambda: "confirmed" in str(here := browser.run(browser.page, "return told")) and here)
        high = browser.run(browser.page, "return document.querySelector('iframe').getBoundingClientRect().height")
        fits = browser.until(
            lambda: browser.run(frame, "const r = document.documentElement; return r.scrollHeight <= r.clientHeight")
        )
    assert [said["name"] for said in told if said["type"] == "step"][-1] == "booking"
    [confirmed] = [said for said in told if said["type"] == "confirmed"]
    assert confirmed["service"] == "1"
    assert high != 640
    assert fits
    assert len(product.ledger("opus", patient.family_name)) == 1


def test_another_website_shows_a_link_in_firefox(product: Product, tmp_path: pathlib.Path) -> None:
    with Embedder("evil.localhost").serve() as evil, firefox.started(tmp_path, firefox.PARTITIONED) as browser:
        browser.open(evil.write("/website", lines(product)))
        hidden = "const frame = document.querySelector('iframe'); return !!frame && frame.style.display === 'none'"
        browser.until(lambda: browser.run(browser.page, hidden))
        assert there(browser, browser.page, f'a[href^="{product.url}"]')


def there(browser: Firefox, context: str, selector: str) -> bool:
    return bool(browser.run(context, f"return !!document.querySelector({json.dumps(selector)})"))


def click(browser: Firefox, frame: str, selector: str) -> None:
    """Clicks it once it is there, and waits for the next page."""
    browser.until(lambda: there(browser, frame, selector))
    before = browser.run(frame, "return location.href")
    browser.run(frame, f"document.querySelector({json.dumps(selector)}).click()")
    browser.until(lambda: browser.run(frame, "return location.href") != before)
