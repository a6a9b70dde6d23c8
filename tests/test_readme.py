"""The README is true where a test can tell: vendors, keys, settings, commands, files."""

import re
import tomllib
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import get_commands

from booking import practices, rules
from booking.retention import ROWS_WITHOUT_DETAILS_FOR, UNFINISHED_FOR
from vendors import VENDORS
from vendors.base import Capabilities
from vendors.sandbox import SANDBOXES

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
SETTINGS = (ROOT / "booking" / "settings.py").read_text(encoding="utf-8")
COMPOSE = (ROOT / "compose.yaml").read_text(encoding="utf-8")


def section(heading: str) -> str:
    """What stands under a heading, up to the next one of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", README, re.MULTILINE | re.DOTALL)
    assert found, f"the README has no heading {heading!r}"
    return found[1]


def table(heading: str) -> list[list[str]]:
    """The rows of the table under a heading, its head first."""
    rows = [line.strip("|").split("|") for line in section(heading).splitlines() if line.startswith("|")]
    assert rows, f"no table under {heading!r}"
    return [[cell.strip() for cell in row] for row in rows if set("".join(row)) - set("- ")]


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", text)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


# --- Vendors ---------------------------------------------------------------------------------------------------------


def test_the_vendor_table_has_every_vendor_and_no_other() -> None:
    assert table("Vendors")[0][2:] == [vendor.name for vendor in VENDORS.values()]


def test_the_vendor_table_has_every_capability() -> None:
    assert [quoted(row[1])[0] for row in table("Vendors")[1:]] == [field.name for field in fields(Capabilities)]


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_vendor_table_says_what_the_code_can_do(vendor: str) -> None:
    head, *rows = table("Vendors")
    column = head.index(VENDORS[vendor].name)
    said = {quoted(row[1])[0]: row[column] for row in rows}
    capable = VENDORS[vendor].capabilities
    assert said == {field.name: "yes" if getattr(capable, field.name) else "no" for field in fields(Capabilities)}


def test_the_table_of_connections_has_the_keys_of_every_vendor() -> None:
    said = {
        quoted(vendor)[0]: (set(quoted(needed)), set(quoted(optional)))
        for vendor, needed, optional in table("The keys of a connection")[1:]
    }
    assert said == {
        name: (
            {field.name for field in fields(vendor.Connection) if field.default is MISSING},
            {field.name for field in fields(vendor.Connection) if field.default is not MISSING},
        )
        for name, vendor in VENDORS.items()
    }


def test_every_vendor_has_an_example_that_can_be_loaded(settings: Any) -> None:
    settings.ALLOW_PRIVATE_VENDOR_HOSTS = False
    examples = [row for block in blocks("toml") if "[[practice]]" in block for row in tomllib.loads(block)["practice"]]
    assert [str(fault) for example in examples for fault in practices.faults_in(example)] == []
    assert {example["vendor"] for example in examples} == set(VENDORS)


def test_every_key_of_a_practice_is_explained() -> None:
    rows = table("The keys of a practice")[1:]
    needed = {quoted(key)[0]: needed == "yes" for key, needed, _meaning in rows}
    assert needed == {key: key in practices.REQUIRED for key in [*practices.CHECKS, "rules"]}
    vendors = next(meaning for key, _needed, meaning in rows if key == "`vendor`")
    assert quoted(vendors) == list(VENDORS)


def test_every_key_of_a_service_is_explained() -> None:
    explained = {key for row in table("Services")[1:] for key in quoted(row[0])}
    assert explained == {field.name for field in fields(practices.ServiceSettings)}


def test_every_rule_is_explained_and_has_its_default() -> None:
    (block,) = [block for block in blocks("toml") if "[practice.rules]" in block]
    assert rules.read(tomllib.loads(block)["practice"]["rules"]) == []
    assert set(tomllib.loads(block)["practice"]["rules"]) == {field.name for field in fields(rules.Rules)}
    assert f"without it {rules.Rules().horizon_days}" in block


def test_the_demo_s_practices_are_those_that_it_starts() -> None:
    said = {
        (vendor, address.strip("<>").split("/")[-2]) for _name, vendor, address in table("What `make demo` shows")[1:]
    }
    assert said == {
        (VENDORS[vendor].name, sandbox().practice("http://127.0.0.1")["slug"]) for vendor, sandbox in SANDBOXES.items()
    }


# --- Settings and commands -------------------------------------------------------------------------------------------


def read_by_settings() -> set[str]:
    return set(re.findall(r'\benv\.\w+\(\s*"([A-Z_]+)"', SETTINGS))


def test_the_table_of_settings_has_every_variable_that_is_read() -> None:
    explained = [quoted(row[0])[0] for row in table("Settings")[1:]]
    assert len(explained) == len(set(explained))
    assert set(explained) == read_by_settings()


def test_every_variable_in_the_readme_is_read_somewhere() -> None:
    by_make = set(re.findall(r"^([A-Z_]+) \?=", MAKEFILE, re.MULTILINE))
    by_compose = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE))
    named = {name for name in quoted(README) if re.fullmatch(r"[A-Z]+(_[A-Z]+)*", name)}
    named |= set(re.findall(r"(?:^|[\s`])([A-Z]+(?:_[A-Z]+)*)=", README, re.MULTILINE))
    in_code = {"VENDORS", "SANDBOXES"}  # names of Python's, in "Adding a vendor"
    assert named - in_code - read_by_settings() - by_make - by_compose == set()


def test_the_default_of_a_hold_is_the_one_in_the_code() -> None:
    default = next(row[1] for row in table("Settings") if row[0] == "`HOLD_SECONDS`")
    assert quoted(default) == [str(django_settings.HOLD_SECONDS)]


def test_every_make_target_exists_and_is_named() -> None:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    commands = [*blocks("sh"), *quoted(README)]
    named = {target for text in commands for target in re.findall(r"\bmake ([a-z][a-z-]*)", text)}
    assert named == targets


def test_every_management_command_exists() -> None:
    named = set(re.findall(r"manage\.py (\w+)", README))
    assert named <= set(get_commands())
    assert {name for name, app in get_commands().items() if app == "booking"} - {"demo"} <= named


def test_every_file_named_exists() -> None:
    links = set(re.findall(r"\]\((?!#|https?:)([^)]+)\)", README))
    code = {name for name in quoted(README) if re.fullmatch(r"(booking|vendors|tests|\.ci)/[\w./-]*", name)}
    assert [name for name in sorted(links | code) if "acme" not in name and not (ROOT / name).exists()] == []


def test_every_heading_that_is_linked_to_exists() -> None:
    headings = {
        re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.+)", README, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", README)) <= headings


def test_the_pictures_are_small() -> None:
    pictures = list((ROOT / ".ci" / "pictures").iterdir())
    assert 1 <= len(pictures) <= 4
    assert [picture.name for picture in pictures if picture.stat().st_size > 60 * 1024] == []


# --- Production ------------------------------------------------------------------------------------------------------


def test_a_patient_s_details_are_kept_as_long_as_it_says() -> None:
    kept = section("What is kept about a patient")
    assert "one hour" in kept
    assert UNFINISHED_FOR.total_seconds() == 3600
    assert f"{ROWS_WITHOUT_DETAILS_FOR.days} days" in kept


def test_the_image_serves_as_make_serve_does() -> None:
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    options = set(re.findall(r"--(?!bind)[a-z-]+ \w+", MAKEFILE.split("gunicorn", 1)[1].split("booking.wsgi")[0]))
    assert len(options) > 3
    assert [option for option in sorted(options) if option not in image] == []


def test_the_image_has_all_of_the_code() -> None:
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = {name for line in re.findall(r"^COPY (.+) \S+$", image, re.MULTILINE) for name in line.split()}
    assert {"manage.py", "requirements.txt", ".ci/build", "booking", "static", "templates", "vendors"} <= copied
    assert copied == {line[1:] for line in ignored if line.startswith("!")}
