"""What a page does to people who see, hear or move differently, as far as a program can tell: axe-core.

`axe.min.js` is axe-core 4.14.1 as npm has it, under the MPL 2.0 (`axe.LICENSE.txt`); it is for these tests alone.
"""

import pathlib
from functools import cache
from typing import Any

from playwright.sync_api import Frame, Page

RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "EN-301-549", "best-practice"],
    "resultTypes": ["violations"],
}

FIND = """async rules => {
  const found = await axe.run(document, rules);
  return found.violations.flatMap(({id, nodes}) => nodes.map(
    node => `${id}: ${node.html.slice(0, 160)} ${(node.any[0] || node.all[0] || node.none[0] || {}).message || ""}`));
}"""

OVERFLOW = """() => {
  const shown = e => e.checkVisibility({visibilityProperty: true}) && !e.closest(".hidden, .skip")
    && e.getBoundingClientRect().width > 1;
  const clipped = e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())
    && e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 1
    && ["hidden", "clip"].includes(getComputedStyle(e).overflowX);
  const all = [...document.querySelectorAll("body *")].filter(shown);
  const outside = e => {
    const range = document.createRange();
    range.selectNodeContents(e);
    return [...range.getClientRects()].some(box => box.width > 1 && (box.right > innerWidth + 1 || box.left < -1));
  };
  const sideways = document.documentElement.scrollWidth > innerWidth;
  const found = [...sideways ? all.filter(outside).slice(-5) : [], ...all.filter(clipped)];
  return found.map(e => e.outerHTML.slice(0, 160));
}"""


def barriers(view: Page | Frame) -> list[str]:
    """What axe finds wrong with a page, once it has come whole."""
    view.wait_for_load_state()
    if not view.evaluate("'axe' in window"):
        view.evaluate(_axe())
    found: list[str] = view.evaluate(FIND, RULES)
    return found


def sticks_out(view: Page | Frame) -> list[str]:
    """The elements of a page come whole that reach beyond it, so that it scrolls sideways, or whose text is cut off."""
    view.wait_for_load_state()
    found: list[Any] = view.evaluate(OVERFLOW)
    return [str(element) for element in found]


@cache
def _axe() -> str:
    return (pathlib.Path(__file__).parent / "axe.min.js").read_text(encoding="utf-8")
