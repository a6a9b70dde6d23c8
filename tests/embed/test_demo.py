"""The clinic's website of `make demo`: three modes on one page, on another origin, under the strictest policy."""

import os
import pathlib
import re
import subprocess
import sys
import time

from playwright.sync_api import Browser, expect

from tests.browser.product import ROOT, end, environment, free_port


def test_the_demo_shows_the_three_modes_on_another_origin(browser: Browser, tmp_path: pathlib.Path) -> None:
    port = free_port()
    settings = environment(tmp_path, f"http://127.0.0.1:{port}")
    log = tmp_path / "log.txt"
    command = [sys.executable, "manage.py", "demo", str(tmp_path), "--port", str(port)]
    with log.open("wb") as said:
        demo = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **settings}, stdout=said, stderr=said)
    try:
        website = address_in(log)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        for _ in range(100):  # the web server starts beside it
            complaints.clear()  # what was said of an earlier try
            page.goto(website)
            if page.locator("anteroom-booking").count() == 3:
                break
            page.wait_for_timeout(200)
        expect(page.locator("anteroom-booking")).to_have_count(3)
        expect(page.frame_locator("iframe").first.locator("a[data-service]").first).to_be_visible()
        page.locator("section", has_text="A button").locator("a").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_have_count(1)
        expect(dialog.locator("iframe").content_frame.locator("a[data-service]").first).to_be_visible()
        assert complaints == []
        page.context.close()
    finally:
        end(demo)


def address_in(log: pathlib.Path) -> str:
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        found = re.search(r"http://clinic\.localhost:\d+/", log.read_text())
        if found:
            return found[0]
        time.sleep(0.1)
    raise AssertionError(log.read_text())
