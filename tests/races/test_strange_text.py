"""Text from outside that PostgreSQL takes nowhere, where SQLite takes it everywhere. `product` looks for tracebacks."""

from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.browser.product import Product
from tests.races.crowd import Client
from vendors.sandbox.opus import CITY

pytestmark = pytest.mark.parametrize("product", ["on_postgres"], indirect=True)
CONNECTION = ('base_url = "https://opus.example"', 'api_key = "k"')
CHOICE = {"service": "1", "clinic": CITY, "provider": "1"}


@pytest.mark.parametrize("step", ["", "clinic/", "provider/", "times/", "screening/"])
@pytest.mark.parametrize("name", ["service", "clinic", "provider", "screened", "held", "from", "day", "after", "gone"])
def test_control_characters_in_an_address_are_no_trouble(product: Product, step: str, name: str) -> None:
    client = Client(product)
    answer = client.get(product.address("opus", f"{step}?{urlencode({**CHOICE, name: chr(0)})}"))
    while answer.status_code == 302:
        answer = client.get(answer.headers["Location"])
    assert answer.status_code == 200


@pytest.mark.parametrize("name", ["service", "clinic", "provider", "screened", "held"])
def test_control_characters_in_what_is_to_be_held_are_no_trouble(product: Product, name: str) -> None:
    client = Client(product)
    slot = client.times("opus", CHOICE)[0]
    answer = client.hold("opus", {**CHOICE, name: f"{CHOICE.get(name, '')}\0"}, slot)
    assert answer.status_code == 303
    location = answer.headers["Location"]
    assert client.get(location).status_code == 200
    if "/details/" in location:
        client.post(location.replace("/details/", "/release/"))


def test_control_characters_in_the_slot_of_a_second_time_are_no_trouble(product: Product) -> None:
    client = Client(product)
    slots = client.times("opus", CHOICE)
    details = client.hold("opus", CHOICE, slots[-1]).headers["Location"]
    held = details.split("/booking/")[1].split("/")[0]
    assert client.hold("opus", {**CHOICE, "held": held}, f"{slots[-2]}\0").status_code == 200
    client.post(details.replace("/details/", "/release/"))


@pytest.mark.parametrize(
    "name", ["first_name", "last_name", "personal_number", "email", "phone", "postal_code", "more"]
)
def test_control_characters_in_details_are_no_trouble(product: Product, name: str) -> None:
    client = Client(product)
    held = client.hold("opus", CHOICE, client.times("opus", CHOICE)[-1]).headers["Location"]
    details = {
        "first_name": "Åsa",
        "last_name": "Nässlind-Öberg",
        "personal_number": "19811218-9876",
        "email": "asa@patient.example",
        "phone": "070-550 62 28",
        "postal_code": "111 22",
    }
    answer = client.post(held, **{**details, name: f"{details.get(name, '')}\0"})
    assert answer.status_code in (200, 303)
    client.post(held.replace("/details/", "/release/"))


@pytest.mark.parametrize("path", ["/%00/", "/norrmalm%00/sv/", "/norrmalm/s%00v/", "/norrmalm/sv/booking/%00/details/"])
def test_control_characters_in_a_path_lead_nowhere(product: Product, path: str) -> None:
    assert Client(product).get(path).status_code == 404


def test_a_practices_file_with_the_longest_texts_that_are_let_through_is_kept(product: Product, tmp_path: Path) -> None:
    site = "https://www.clinic.example/"
    longest = {
        "name": "ä" * 200,
        "phone": "1" * 50,
        "email": f"{'x' * 239}@clinic.example",
        **dict.fromkeys(("privacy_url", "hours_url", "directions_url"), f"{site:x<200}"),
    }
    lines = [f'{name} = "{text}"' for name, text in longest.items()]
    lines += ['slug = "longest"', 'vendor = "opus"', 'timezone = "Europe/Stockholm"', 'languages = ["sv"]']
    file = tmp_path / "practices.toml"
    file.write_text("\n".join(["[[practice]]", *lines, "[practice.connection]", *CONNECTION]), encoding="utf-8")
    assert "longest: created" in product.manage("load_practices", str(file))
