"""Texts of a practices file that no database keeps, or no mail can bear: told before anything is changed."""

from typing import Any

import pytest

from booking import practices
from booking.models import AuditEntry, Booking, Practice
from booking.practices import BadPractices

SITE = "https://www.clinic.example/"


def table(**changes: Any) -> dict[str, Any]:
    return {
        "slug": "norrmalm",
        "name": "Norrmalms Tandvård",
        "vendor": "alfadocs",
        "timezone": "Europe/Stockholm",
        "languages": ["sv", "en"],
        "phone": "+46 8 123 45 67",
        "connection": {"practice_id": "1", "archive_id": "2", "color_id": "3", "api_key": "a very secret key"},
        "clinic": {"name": "City", "address": "Drottninggatan 71"},
        **changes,
    }


def faults(**changes: Any) -> list[str]:
    with pytest.raises(BadPractices) as raised:
        practices.load_tables([table(), table(slug="soder", **changes)], actor="command")
    assert not Practice.objects.exists()
    assert not AuditEntry.objects.exists()
    return [line.removeprefix("practice 2 (soder): ") for line in raised.value.lines]


def most(name: str, model: Any = Practice) -> int:
    return int(model._meta.get_field(name).max_length)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("name", "x", ""),
        ("phone", "1", ""),
        ("email", "x", "@clinic.example"),
        ("privacy_url", SITE, ""),
        ("hours_url", SITE, ""),
        ("directions_url", SITE, ""),
    ],
)
def test_a_text_has_at_most_as_many_characters_as_there_is_room_for(name: str, before: str, after: str) -> None:
    room = most(name)
    longest = before + "1" * (room - len(before + after)) + after
    assert faults(**{name: f"{before}1{longest.removeprefix(before)}"}) == [f"{name}: is longer than {room} characters"]
    assert practices.load_tables([table(**{name: longest})], actor="command") == [("norrmalm", "created")]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "key", "longest"),
    [
        ({"clinic": {"name": "x" * 501, "address": "A"}}, "clinic.name", most("clinic_name", Booking)),
        ({"clinic": {"name": "A", "address": "x" * 501}}, "clinic.address", most("clinic_address", Booking)),
        ({"service": [{"id": "1", "name": {"sv": "x" * 501}}]}, "service 1, name.sv", most("service_name", Booking)),
    ],
)
def test_what_a_booking_keeps_of_the_file_has_room_there(changes: dict[str, Any], key: str, longest: int) -> None:
    assert faults(**changes) == [f"{key}: is longer than {longest} characters"]


@pytest.mark.django_db
@pytest.mark.parametrize("row", [{"id": "x" * 201}, {"id": "1\0"}, {"id": True}, {"id": " "}])
def test_an_id_of_a_service_is_one_that_a_booking_can_keep(row: dict[str, Any]) -> None:
    assert faults(service=[row]) == ["service 1, id: must be the vendor's id"]


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["clinics", "providers"])
@pytest.mark.parametrize("wrong", ["1\0", "1\n", "x" * 201, True, ""])
def test_the_ids_of_a_services_clinics_and_providers_are_such_too(key: str, wrong: Any) -> None:
    assert faults(service=[{"id": "1", key: ["2", wrong]}]) == [f"service 1, {key}: must be a list of the vendor's ids"]


ODD = ["\0", "\n", "\r", "\t", "\x1b", "\x85", "\u2028"]
NONE_OF_IT = "must hold no line breaks or other control characters"


@pytest.mark.django_db
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", ["name", "phone"])
def test_a_text_that_goes_into_letters_stands_on_one_line(name: str, odd: str) -> None:
    assert faults(**{name: f"Tand{odd}vård"}) == [f"{name}: {NONE_OF_IT}"]


@pytest.mark.django_db
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", ["email", "privacy_url", "hours_url", "directions_url"])
def test_an_address_holds_no_control_characters(name: str, odd: str) -> None:
    address = f"info{odd}@clinic.example" if name == "email" else f"{SITE}a{odd}b"
    (line,) = faults(**{name: address})
    assert line.startswith(f"{name}: ")


@pytest.mark.django_db
@pytest.mark.parametrize("odd", ODD)
def test_nor_do_the_texts_of_a_clinic_and_a_service(odd: str) -> None:
    assert faults(clinic={"name": f"Ci{odd}ty", "address": f"Drottning{odd}gatan"}) == [
        f"clinic.name: {NONE_OF_IT}",
        f"clinic.address: {NONE_OF_IT}",
    ]
    assert faults(service=[{"id": "1", "name": {"sv": f"Under{odd}sökning"}}]) == [f"service 1, name.sv: {NONE_OF_IT}"]


@pytest.mark.django_db
def test_a_description_may_have_several_lines() -> None:
    several = {"id": "1", "description": {"sv": "Kontroll\r\n\toch rengöring\n"}}
    assert practices.load_tables([table(service=[several])], actor="command") == [("norrmalm", "created")]


@pytest.mark.django_db
def test_a_description_holds_no_other_control_characters() -> None:
    (line,) = faults(service=[{"id": "1", "description": {"en": "Check\0up"}}])
    assert line == "service 1, description.en: must hold no control characters"


@pytest.mark.django_db
@pytest.mark.parametrize("odd", ODD)
def test_a_key_with_a_line_break_is_told_and_not_shown(odd: str) -> None:
    connection = {**table()["connection"], "api_key": f"a very secret key{odd}"}
    assert faults(connection=connection) == [f"connection.api_key: {NONE_OF_IT}"]


@pytest.mark.django_db
def test_what_may_be_left_empty_may_be_empty() -> None:
    words = {"id": "1", "name": {"sv": ""}, "description": {"sv": ""}}
    connection = {**table()["connection"], "client_id": ""}
    assert practices.load_tables([table(service=[words], connection=connection)], actor="command")
