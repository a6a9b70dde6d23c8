"""Pictures of every page and state, side by side: `.venv/bin/python -m tests.gallery`.

One sheet per way, width and scheme, into `.gallery/`. `--languages sv,en`, `--widths 320,1280`, `--schemes light`,
`--ways booking,trouble` choose among them.
"""

import argparse
import base64
import os
import pathlib
import shutil
import subprocess
import tempfile
from html import escape

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.product import ROOT, started
from tests.browser.visitor import Visitor
from tests.gallery.states import PRACTICES, WAYS, logo

TALLEST = 1900
"""Points of a page that a sheet shows at most."""

SHEET = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; padding: 24px; display: inline-flex; flex-wrap: wrap; gap: 24px; align-items: flex-start;
  max-width: {width}px; background: #8f9693; font: 14px sans-serif; }}
figure {{ margin: 0; }} figcaption {{ color: #fff; padding-bottom: 6px; }} img {{ display: block; }}
</style>{figures}"""


def main() -> None:
    asked = arguments()
    folder: pathlib.Path = asked.folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    chromium = subprocess.run([ROOT / ".ci" / "browser"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        (pathlib.Path(place) / "logo.png").write_bytes(logo())
        with started(pathlib.Path(place), more=PRACTICES, languages=asked.languages.split(",")) as product:
            browser = playwright.chromium.launch(executable_path=chromium, args=as_root)
            for language in asked.languages.split(","):
                for name in asked.ways.split(","):
                    way, vendor = WAYS[name]
                    context = browser.new_context(locale="en-GB")
                    visitor = Visitor(product, context.new_page(), vendor)
                    album = Album(visitor.page, asked.widths.split(","), asked.schemes.split(","))
                    way(visitor, language, album.look)
                    context.close()
                    for (width, scheme), figures in album.pictures.items():
                        save(browser, folder / f"{name}-{language}-{width}-{scheme}.png", width, figures)
            browser.close()


class Album:
    """The pictures of one way, by width and scheme."""

    def __init__(self, page: Page, widths: list[str], schemes: list[str]) -> None:
        self.page = page
        self.pictures: dict[tuple[int, str], list[tuple[str, bytes]]] = {
            (int(width), scheme): [] for width in widths for scheme in schemes
        }

    def look(self, state: str) -> None:
        for (width, scheme), figures in self.pictures.items():
            self.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            self.page.set_viewport_size({"width": width, "height": 844 if width < 800 else 900})
            height = min(TALLEST, int(self.page.evaluate("document.documentElement.scrollHeight")))
            self.page.set_viewport_size({"width": width, "height": max(height, 600)})
            figures.append((state, self.page.screenshot(animations="disabled")))
        self.page.emulate_media(color_scheme="light")


def save(browser: Browser, file: pathlib.Path, width: int, figures: list[tuple[str, bytes]]) -> None:
    across = 5 if width < 800 else 3
    page = browser.new_page(viewport={"width": across * (width + 24) + 48, "height": 900})
    shown = "".join(
        f'<figure><figcaption>{escape(state)}</figcaption><img alt="" src="data:image/png;base64,'
        f'{base64.b64encode(picture).decode()}"></figure>'
        for state, picture in figures
    )
    page.set_content(SHEET.format(width=across * (width + 24) + 48, figures=shown))
    page.locator("body").screenshot(path=file)
    page.close()
    print(file)  # noqa: T201


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.gallery", description=__doc__)
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / ".gallery")
    parser.add_argument("--languages", default="en")
    parser.add_argument("--widths", default="320,390,1280")
    parser.add_argument("--schemes", default="light,dark")
    parser.add_argument("--ways", default=",".join(WAYS))
    return parser.parse_args()


if __name__ == "__main__":
    main()
