"""Lighthouse, in the browser of the tests, on each page of a journey. It comes from npm, and the product needs none."""

import json
import os
import pathlib
import shutil
import subprocess
from typing import Any

from tests.bench.common import Options, next_month
from tests.bench.report import Table, Target
from tests.bench.system import System
from tests.browser.product import ROOT

VERSION = "12.8.2"
PAGES = ("service", "times", "details", "confirm", "booking")
TARGETS = {"performance": 99, "accessibility": 100, "best-practices": 100, "seo": 100}
NOT_TO_BE_INDEXED = ("details", "confirm", "booking")
"""Their addresses carry a token: that search engines are kept away is meant, and not held against them."""
LONGEST = 180


def measure(system: System, table: Table, options: Options, folder: pathlib.Path) -> None:
    table.part("lighthouse", f"Lighthouse {VERSION}, as a phone on a slow network; the start is the page of services")
    try:
        program = _program(pathlib.Path(options.lighthouse) if options.lighthouse else folder)
        browser = _browser()
    except (OSError, subprocess.SubprocessError) as error:
        table.note(f"not measured: {error}")
        return
    (slug,) = system.add("opus", "lighthouse", 1)
    path = system.patients.ask("path_to", origin=system.origin, slug=slug, service="1", day=next_month())
    for page in PAGES:
        try:
            said = _audit(program, browser, system.url + path[page], page)
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            table.row(page, "not measured")
            table.note(str(error)[:200])
            continue
        for category, least in TARGETS.items():
            table.row(f"{page}: {category}", said["categories"][category]["score"] * 100, "", Target(least=least))
        audits = said["audits"]
        shift = audits["cumulative-layout-shift"]["numericValue"]
        table.row(f"{page}: layout shift", shift, "", Target(most=0.01))
        table.note(
            f"first paint {audits['first-contentful-paint']['displayValue']}, "
            f"largest {audits['largest-contentful-paint']['displayValue']}, "
            f"blocked {audits['total-blocking-time']['displayValue']}; {_traffic(audits)}",
            *_faults(said),
        )


def _program(folder: pathlib.Path) -> pathlib.Path:
    """Its command line, fetched into this folder if it is not there."""
    program = (folder / "node_modules" / ".bin" / "lighthouse").absolute()
    if not program.exists():
        npm = shutil.which("npm")
        if npm is None:
            raise OSError("npm is missing. Install it: apt-get install npm, or brew install node")
        folder.mkdir(parents=True, exist_ok=True)
        command = [npm, "install", "--no-audit", "--no-fund", "--prefix", folder, f"lighthouse@{VERSION}"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
        if done.returncode:
            raise OSError(f"npm could not fetch Lighthouse: {done.stderr.strip().splitlines()[-1:]}")
    return program


def _browser() -> str:
    found = subprocess.run([ROOT / ".ci" / "browser", "--only-look"], capture_output=True, text=True)
    if found.returncode:
        raise OSError(found.stderr.strip())
    return found.stdout.strip()


def _audit(program: pathlib.Path, browser: str, address: str, page: str) -> dict[str, Any]:
    flags = "--headless=new" + (" --no-sandbox" if os.geteuid() == 0 else "")
    command = [program, address, "--output=json", "--quiet", f"--chrome-flags={flags}"]
    command += [f"--only-categories={','.join(TARGETS)}"]
    if page in NOT_TO_BE_INDEXED:
        command.append("--skip-audits=is-crawlable")
    surroundings = {**os.environ, "CHROME_PATH": browser}
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, timeout=LONGEST)
    if done.returncode:
        raise ValueError(done.stderr.strip() or "Lighthouse failed")
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def _traffic(audits: dict[str, Any]) -> str:
    requests = audits["network-requests"]["details"]["items"] if "network-requests" in audits else []
    seen = [item for item in requests if item["url"].startswith("http")]
    return f"{len(seen)} requests, {sum(item['transferSize'] for item in seen) / 1024:.1f} KB" if seen else ""


def _faults(said: dict[str, Any]) -> list[str]:
    """What cost points, outside of the speed."""
    found = []
    for category in TARGETS:
        if category == "performance":
            continue
        for reference in said["categories"][category]["auditRefs"]:
            audit = said["audits"][reference["id"]]
            if reference["weight"] and audit["score"] is not None and audit["score"] < 1:
                found.append(f"{category}: {audit['title']} ({reference['id']})")
    return found
