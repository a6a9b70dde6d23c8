"""Every page and every state, on small screens and wide ones, light and dark: no barrier, nothing that sticks out."""

from collections.abc import Iterator

import pytest
from django.conf import settings

from tests.browser import axe
from tests.browser.conftest import DESKTOP, NARROW, Visit
from tests.browser.product import Product, started
from tests.browser.visitor import Visitor
from tests.gallery.states import PRACTICES, WAYS, Look, logo

LANGUAGES = [code for code, _name in settings.LANGUAGES]
LARGE_TEXT = "document.documentElement.style.fontSize = '200%'"
NORMAL_TEXT = "document.documentElement.style.fontSize = ''"


@pytest.fixture(scope="module")
def whole_product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """One with the practices that have a look of their own, are paused, or not open yet."""
    folder = tmp_path_factory.mktemp("every-page")
    (folder / "logo.png").write_bytes(logo())
    with started(folder, more=PRACTICES, languages=LANGUAGES) as product:
        yield product


def looker(patient: Visitor, problems: list[str], *, thorough: bool) -> Look:
    """At each state: small and light, wide and dark; and small with text of twice the size."""
    views = [(width, scheme) for width in (NARROW, DESKTOP) for scheme in ("light", "dark")]
    views = views if thorough else [views[0], views[3]]

    def look(state: str) -> None:
        page = patient.page
        for width, scheme in views:
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
            problems.extend(f"{state}, {width}: sticks out: {what}" for what in axe.sticks_out(page))
            problems.extend(f"{state}, {width}, {scheme}: {what}" for what in axe.barriers(page))
        page.set_viewport_size({"width": NARROW, "height": 900})
        page.evaluate(LARGE_TEXT)
        problems.extend(f"{state}, large text: sticks out: {what}" for what in axe.sticks_out(page))
        page.evaluate(NORMAL_TEXT)
        page.emulate_media(color_scheme="light")

    return look


EVERYWHERE = [
    *((name, "en") for name in WAYS),
    *(
        pytest.param(name, language, marks=pytest.mark.slow)
        for language in LANGUAGES
        for name in WAYS
        if language != "en"
    ),
]


@pytest.mark.parametrize(("name", "language"), EVERYWHERE)
def test_no_page_on_this_way_has_a_barrier(visit: Visit, name: str, language: str) -> None:
    way, vendor = WAYS[name]
    patient = visit(vendor)
    patient.refusals_expected = name == "trouble"
    problems: list[str] = []
    way(patient, language, looker(patient, problems, thorough=language != "en"))
    assert problems == [], "\n".join(problems)


@pytest.mark.parametrize("missing", ["label", "contrast", "language"])
def test_a_barrier_would_be_found(visit: Visit, missing: str) -> None:
    patient = visit("opus")
    patient.open()
    patient.see("a[data-service]")
    breaking = {
        "label": "document.querySelector('#main').insertAdjacentHTML('beforeend', '<input>')",
        "contrast": "document.querySelector('h1').style.color = '#bbbbbb'",
        "language": "document.documentElement.lang = ''",
    }
    assert axe.barriers(patient.page) == []
    patient.page.evaluate(breaking[missing])
    assert axe.barriers(patient.page)


def test_what_sticks_out_would_be_found(visit: Visit) -> None:
    patient = visit("opus", width=NARROW)
    patient.open()
    patient.see("a[data-service]")
    assert axe.sticks_out(patient.page) == []
    patient.page.evaluate("document.querySelector('h1').style.whiteSpace = 'nowrap'")
    patient.page.evaluate("document.querySelector('h1').textContent += ' and more'.repeat(9)")
    assert axe.sticks_out(patient.page)
