"""Which way the arrows point (style.md), read from the imports of every module."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

SHARED_BY_VENDORS = {"vendors.base", "vendors.http"}
WEB_SIDE = {"forms", "rendering", "middleware", "admin", "urls", "wsgi", "settings", "apps", "checks"}
"""Modules of `booking/` that may know requests, forms and templates; all others are domain modules."""
WEB = (
    "django.http",
    "django.forms",
    "django.shortcuts",
    "django.template",
    "django.urls",
    "django.views",
    "django.middleware",
    "django.contrib.admin",
    *(f"booking.{name}" for name in ("views", "forms", "rendering", "middleware", "admin", "urls")),
)


def imports(source: str, module: str) -> Iterator[str]:
    """Every module that this source imports, wherever in the text; `from a import b` is both `a` and `a.b`."""
    package = module.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*above, *([node.module] if node.module else [])])
            yield name
            yield from (f"{name}.{alias.name}" for alias in node.names)


def within(name: str, *modules: str) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def violations(source: str, module: str, vendors: set[str]) -> list[str]:
    """What this module imports and must not. `vendors`: the modules of single vendors."""
    found = set(imports(source, module))
    if module.startswith("vendors"):
        return sorted(_of_vendors(found, module, vendors))
    return sorted(_of_booking(found, module))


def _of_vendors(found: set[str], module: str, vendors: set[str]) -> Iterator[str]:
    for name in found:
        if within(name, "booking", "django"):
            yield f"{module} imports {name}: vendors know nothing of the web application"
        if module in vendors and within(name, *(vendors - {module})):
            yield f"{module} imports {name}: no vendor imports another"
        if module in {"vendors.base", "vendors.http"} and within(name, *vendors):
            yield f"{module} imports {name}: what all share knows none of them"
        if not within(module, "vendors.sandbox") and within(name, "vendors.sandbox"):
            yield f"{module} imports {name}: a vendor does not know its sandbox"


def _of_booking(found: set[str], module: str) -> Iterator[str]:
    demo = module == "booking.management.commands.demo"
    view = within(module, "booking.views")
    web = view or module.removeprefix("booking.") in WEB_SIDE
    web = web or within(module, "booking.management", "booking.templatetags")
    for name in found:
        if within(name, "httpx", "httpcore", "requests", "urllib.request", "http.client"):
            yield f"{module} imports {name}: only vendors.http opens a connection"
        if within(name, "tests"):
            yield f"{module} imports {name}: the product does not know its tests"
        allowed = ("vendors.base", "vendors.sandbox") if demo else ("vendors.base",)
        whole = name == "vendors" or name in {"vendors.VENDORS", "vendors.connect"}
        if within(name, "vendors") and not within(name, *allowed) and (view or not whole):
            yield f"{module} imports {name}: booking knows the contract, no vendor"
        letters = module == "booking.emails" and within(name, "django.template")
        if not web and not letters and within(name, *WEB):
            yield f"{module} imports {name}: domain modules know no request, form or template"
        if within(name, "booking.views") and module != "booking.urls" and not view:
            yield f"{module} imports {name}: nothing depends on views"


def modules(package: str) -> dict[str, str]:
    """The source of each module by its dotted name; migrations are left out."""
    files = [file for file in (ROOT / package).rglob("*.py") if "migrations" not in file.parts]
    return {
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file.read_text()
        for file in files
    }


def single_vendors() -> set[str]:
    return {
        f"vendors.{file.stem}"
        for file in (ROOT / "vendors").glob("*.py")
        if file.stem != "__init__" and f"vendors.{file.stem}" not in SHARED_BY_VENDORS
    }


ALL = {**modules("vendors"), **modules("booking")}


@pytest.mark.parametrize("module", sorted(ALL))
def test_a_module_imports_only_along_the_arrows(module: str) -> None:
    assert violations(ALL[module], module, single_vendors()) == []


def test_all_modules_were_looked_at() -> None:
    assert {"vendors", "vendors.base", "vendors.opus", "vendors.qmatic", "vendors.sandbox.base"} <= ALL.keys()
    assert {"booking.holds", "booking.views.book", "booking.management.commands.demo"} <= ALL.keys()
    assert {"vendors.opus", "vendors.qmatic"} <= single_vendors()


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("vendors.base", "from django.db import models"),
        ("vendors.opus", "from booking.models import Booking"),
        ("vendors.opus", "import vendors.qmatic"),
        ("vendors.opus", "from vendors import qmatic"),
        ("vendors.opus", "from .qmatic import Qmatic"),
        ("vendors.opus", "from . import qmatic"),
        ("vendors.opus", "from vendors.sandbox.opus import OpusSandbox"),
        ("vendors.http", "from vendors.opus import Opus"),
        ("vendors.sandbox.opus", "import django"),
        ("booking.holds", "from vendors.opus import Opus"),
        ("booking.holds", "from vendors import opus"),
        ("booking.holds", "from vendors.http import Http"),
        ("booking.holds", "import httpx"),
        ("booking.holds", "def late():\n    import httpx"),
        ("booking.holds", "from django.http import HttpRequest"),
        ("booking.holds", "from django import forms"),
        ("booking.holds", "from django.template.loader import get_template"),
        ("booking.holds", "from django.shortcuts import render"),
        ("booking.holds", "from booking.views import book"),
        ("booking.holds", "from booking import rendering"),
        ("booking.holds", "from .forms import DetailsForm"),
        ("booking.holds", "from tests.fake_vendor import FakeVendor"),
        ("booking.holds", "from vendors.sandbox import SANDBOXES"),
        ("booking.views.book", "import httpx"),
        ("booking.views.book", "from vendors import connect"),
        ("booking.views.book", "from vendors.http import Http"),
        ("booking.admin", "from vendors.opus import Opus"),
        ("booking.admin", "from booking.views import book"),
        ("booking.management.commands.demo", "from vendors.opus import Opus"),
    ],
)
def test_an_arrow_that_points_the_wrong_way_is_found(module: str, line: str) -> None:
    assert violations(line, module, {"vendors.opus", "vendors.qmatic"})


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("vendors.opus", "from vendors.base import Vendor\nfrom vendors.http import Http\nimport httpx"),
        ("vendors", "from vendors.opus import Opus\nfrom vendors.base import Vendor"),
        ("booking.practices", "from vendors import VENDORS, connect\nfrom vendors.base import Vendor"),
        ("booking.views.book", "from django.http import HttpRequest\nfrom vendors.base import SlotTaken"),
        ("booking.management.commands.demo", "from vendors.sandbox import SANDBOXES"),
        ("booking.forms", "from django import forms"),
    ],
)
def test_an_arrow_that_points_the_right_way_is_let_through(module: str, line: str) -> None:
    assert violations(line, module, {"vendors.opus", "vendors.qmatic"}) == []
