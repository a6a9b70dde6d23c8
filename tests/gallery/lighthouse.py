"""What Lighthouse says of the pages on the way to a booking: `.venv/bin/python -m tests.gallery.lighthouse`.

Needs npm, and fetches Lighthouse with it. Prints a table; ends with 1 where a page falls below what we promise.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
from typing import Any

from playwright.sync_api import sync_playwright

from tests.browser.product import ROOT, started
from tests.browser.visitor import Visitor

LIGHTHOUSE = "lighthouse@13"
LEAST = {"performance": 99, "accessibility": 100, "best-practices": 100, "seo": 100}
MOST_SHIFT = 0.01
TRIES = 3
"""A busy machine makes a page look slower than it is: the best of so many counts."""
PRIVATE = ("details", "confirm", "booking")
"""Pages that no search engine may list: that they cannot be crawled is no fault."""


def main() -> int:
    chromium = subprocess.run([ROOT / ".ci" / "browser"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    failed = False
    print(f"{'page':<10}" + "".join(f"{name:>16}" for name in (*LEAST, "layout shift", "largest paint")))  # noqa: T201
    with (
        tempfile.TemporaryDirectory() as place,
        sync_playwright() as playwright,
        started(pathlib.Path(place)) as product,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=as_root)
        patient = Visitor(product, browser.new_page(locale="en-GB"), "opus")

        def measure(name: str) -> bool:
            return any(is_good(name, patient.view.url, chromium) for _ in range(TRIES))

        patient.open()
        failed |= not measure("start")
        patient.go_to_times()
        failed |= not measure("times")
        patient.hold()
        failed |= not measure("details")
        patient.fill_and_go_on()
        failed |= not measure("confirm")
        patient.book()
        failed |= not measure("booking")
        browser.close()
    return int(failed)


def is_good(name: str, address: str, chromium: str) -> bool:
    """Prints a line of the table, and answers whether it is what we promise."""
    said = lighthouse(address, chromium, private=name in PRIVATE)
    scores = {key: round(100 * said["categories"][key]["score"]) for key in LEAST}
    shift = said["audits"]["cumulative-layout-shift"]["numericValue"]
    paint = said["audits"]["largest-contentful-paint"]["numericValue"]
    row = "".join(f"{score:>16}" for score in scores.values())
    print(f"{name:<10}{row}{shift:>16.3f}{paint:>13.0f} ms", flush=True)  # noqa: T201
    return shift < MOST_SHIFT and all(scores[key] >= least for key, least in LEAST.items())


def lighthouse(address: str, chromium: str, *, private: bool) -> dict[str, Any]:
    """What it says of a phone's page on a slow network, which is what it measures by itself."""
    command = [
        *("npx", "--yes", LIGHTHOUSE, address, "--quiet", "--output=json"),
        f"--chrome-flags=--headless=new{' --no-sandbox' if os.geteuid() == 0 else ''}",
        f"--only-categories={','.join(LEAST)}",
        *(["--skip-audits=is-crawlable"] if private else []),
    ]
    environment = {**os.environ, "CHROME_PATH": chromium}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180)
    if done.returncode:
        raise SystemExit(f"lighthouse: {done.stderr[-2000:]}")
    said: dict[str, Any] = json.loads(done.stdout)
    return said


if __name__ == "__main__":
    sys.exit(main())
