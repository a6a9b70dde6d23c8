"""One running product, and clinics' websites on other sites that include its script."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.conftest import SWITCHES, browser, chromium, playwright, product, profile, visit  # noqa: F401
from tests.browser.embedder import Embedder
from tests.browser.product import Product, started


@pytest.fixture(scope="package")
def clinic() -> Iterator[Embedder]:
    """A clinic's website, which its practice has listed."""
    with Embedder("clinic.localhost").serve() as clinic:
        yield clinic


@pytest.fixture(scope="package")
def launch(chromium: str) -> dict[str, Any]:  # noqa: F811
    """As everywhere. But what a test answers under an outside name counts as the internet, from which Chromium lets
    nobody frame this machine.
    """
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    switches = [*SWITCHES, *as_root, "--disable-features=LocalNetworkAccessChecks"]
    return {"executable_path": chromium, "args": switches, "headless": True}


@pytest.fixture(scope="package")
def whole_product(tmp_path_factory: pytest.TempPathFactory, clinic: Embedder) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("product")
    with started(folder, embed_origins=(clinic.origin, "https://www.clinic.example")) as running:
        yield running
