"""The practices file, what may be in it, and a practice's vendor."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from booking import connections, practices
from booking.connections import DatabaseStore, DatabaseTurns, NotConnected
from booking.models import AuditEntry, Practice, Snapshot, VendorMemory
from booking.practices import BadPractices, origin_problem
from tests.booking.journey import ago
from tests.fake_vendor import FakeVendor
from tests.gallery.states import logo
from vendors import VENDORS
from vendors.base import VendorUnavailable
from vendors.opus import Opus

GOOD = """
[[practice]]
slug = "norrmalm"
name = "Norrmalms Tandvård"
vendor = "opus"
timezone = "Europe/Stockholm"
languages = ["sv", "en"]
embed_origins = ["https://www.clinic.example"]
phone = "+46 8 123 45 67"
email = "info@clinic.example"
privacy_url = "https://www.clinic.example/privacy"
[practice.connection]
base_url = "https://opus.example"
api_key = "a very secret key"
[[practice.service]]
id = "3"
name = { sv = "Undersökning", en = "Check-up" }
description = { en = "For patients who have been here before." }
clinics = ["1"]
providers = ["2", 5]
hidden = false
"""


def load(text: str) -> list[tuple[str, str]]:
    return practices.load(text, actor="command")


def faults(text: str) -> list[str]:
    with pytest.raises(BadPractices) as raised:
        load(text)
    assert str(raised.value) == "\n".join(raised.value.lines)
    return raised.value.lines


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


# --- A good file -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_practice_is_made_of_its_table() -> None:
    assert load(GOOD) == [("norrmalm", "created")]
    practice = Practice.objects.get()
    assert (practice.name, practice.vendor) == ("Norrmalms Tandvård", "opus")
    assert practice.languages == ["sv", "en"]
    assert practice.embed_origins == ["https://www.clinic.example"]
    assert practice.connection == {"base_url": "https://opus.example", "api_key": "a very secret key"}
    assert isinstance(connections.vendor_for(practice), Opus)
    own = practices.services_of(practice)["3"]
    assert own.name == {"sv": "Undersökning", "en": "Check-up"}
    assert (own.clinics, own.providers, own.hidden) == (("1",), ("2", "5"), False)


@pytest.mark.django_db
def test_what_may_be_left_out() -> None:
    short = "\n".join(
        line
        for line in GOOD.partition("[[practice.service]]")[0].splitlines()
        if not line.startswith(("embed_origins", "email", "privacy_url"))
    )
    assert load(short) == [("norrmalm", "created")]


@pytest.mark.django_db
def test_loading_twice_changes_nothing() -> None:
    load(GOOD)
    before = (Practice.objects.values().get(), AuditEntry.objects.count())
    assert load(GOOD) == [("norrmalm", "unchanged")]
    assert (Practice.objects.values().get(), AuditEntry.objects.count()) == before


@pytest.mark.django_db
def test_a_page_reads_a_practice_in_whole_only_after_a_change(django_assert_num_queries: Any) -> None:
    load(GOOD)
    first = practices.by_slug("norrmalm")
    with django_assert_num_queries(1):
        assert practices.by_slug("norrmalm") is first
    load(changed("Norrmalms", "Vasastans"))
    again = practices.by_slug("norrmalm")
    assert first is not None
    assert again is not None
    assert (first.name, again.name) == ("Norrmalms Tandvård", "Vasastans Tandvård")
    Practice.objects.all().delete()
    assert practices.by_slug("norrmalm") is None


@pytest.mark.django_db
def test_a_change_is_made_and_written_down_by_the_names_of_what_changed() -> None:
    load(GOOD)
    other = changed('"+46 8 123 45 67"', '"+46 8 765 43 21"').replace("a very secret key", "another secret key")
    assert load(other) == [("norrmalm", "changed")]
    entry = AuditEntry.objects.filter(action="practice changed").get()
    assert (entry.actor, entry.practice) == ("command", "norrmalm")
    assert sorted(entry.outcome.split(", ")) == ["connection.api_key", "phone"]


@pytest.mark.django_db
def test_no_secret_and_no_value_is_ever_written_down() -> None:
    load(GOOD)
    load(changed("a very secret key", "another secret key").replace("Norrmalms", "Vasastans"))
    written = str(list(AuditEntry.objects.values_list()))
    assert "practice created" in written
    assert "secret" not in written
    assert "Vasastans" not in written


@pytest.mark.django_db
def test_several_practices_come_in_one_file() -> None:
    both = GOOD + GOOD.replace('"norrmalm"', '"soder"')
    assert load(both) == [("norrmalm", "created"), ("soder", "created")]


@pytest.mark.django_db
def test_a_practice_that_is_not_in_the_file_stays() -> None:
    load(GOOD)
    load(GOOD.replace('"norrmalm"', '"soder"'))
    assert Practice.objects.count() == 2


@pytest.mark.django_db
def test_ids_may_be_written_without_quotes() -> None:
    load(changed('id = "3"', "id = 3"))
    assert list(practices.services_of(Practice.objects.get())) == ["3"]


def test_after_a_change_what_was_read_before_is_read_anew(practice: Practice) -> None:
    Snapshot.objects.create(practice=practice, name="services en", value="[]", read_at=timezone.now())
    DatabaseStore(practice).put("token", "old", 60)
    practices.save(practice, actor="command", changed=["name"])
    assert not Snapshot.objects.exists()
    assert DatabaseStore(practice).get("token") == "old"
    practices.save(practice, actor="command", changed=["connection.token"])
    assert DatabaseStore(practice).get("token") is None


# --- A bad file ------------------------------------------------------------------------------------------------------

TABLE = "practice 1 (norrmalm): "


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ('name = "Norrmalms Tandvård"\n', "", "name: is missing"),
        ('vendor = "opus"\n', "", "vendor: is missing"),
        ('timezone = "Europe/Stockholm"\n', "", "timezone: is missing"),
        ('languages = ["sv", "en"]\n', "", "languages: is missing"),
        ('phone = "+46 8 123 45 67"\n', "", "phone: is missing"),
        ('api_key = "a very secret key"\n', "", "connection.api_key: is missing"),
        ('api_key = "a very secret key"', 'api_key = ""', "connection.api_key: is missing"),
        ("name =", "nmae =", "nmae: unknown key"),
        ('base_url = "https', 'url = "https', "connection.url: unknown key"),
        ('vendor = "opus"', 'vendor = "acme"', "vendor: unknown vendor 'acme' (known: "),
        ('"Europe/Stockholm"', '"Europe/Stokholm"', "timezone: 'Europe/Stokholm' is not a time zone"),
        ('"Europe/Stockholm"', '"CET+1"', "timezone: 'CET+1' is not a time zone"),
        ('["sv", "en"]', '["sv", "xx"]', "languages: unknown language 'xx'"),
        ('["sv", "en"]', '["sv", "sv"]', "languages: must be a list of different languages"),
        ('["sv", "en"]', "[]", "languages: must be a list of different languages"),
        ('["sv", "en"]', '"sv"', "languages: must be a list of different languages"),
        ('"info@clinic.example"', '"info"', "email: 'info' is not an e-mail address"),
        ('"https://www.clinic.example/privacy"', '"javascript:alert(1)"', "privacy_url: 'javascript:alert(1)' is not"),
        ('["https://www.clinic.example"]', '["http://www.clinic.example"]', "embed_origins: http://www.clinic.example"),
        ('["https://www.clinic.example"]', '"https://www.clinic.example"', "embed_origins: must be a list"),
        ('"https://opus.example"', '"opus.example"', 'connection.base_url: "opus.example" is not an address'),
        ('"https://opus.example"', '"ftp://opus.example"', 'connection.base_url: "ftp://opus.example" is not'),
        ('"https://opus.example"', '"https://a:b@opus.example"', "connection.base_url: must hold no user"),
        ('"https://opus.example"', '"https://opus.example?x=1"', "connection.base_url: must hold no user"),
        ('"https://opus.example"', '"https://[::1"', 'connection.base_url: "https://[::1" is not an address'),
        ('"https://opus.example"', '"https://opus.example:port"', "connection.base_url: "),
        ('"Norrmalms Tandvård"', '""', "name: must be text"),
        ('"Norrmalms Tandvård"', f'"{"x" * 201}"', "name: is longer than 200 characters"),
        ('id = "3"\n', "", "service 1, id: is missing"),
        ('clinics = ["1"]', 'clinics = "1"', "service 1, clinics: must be a list of the vendor's ids"),
        ("hidden = false", 'hidden = "no"', "service 1, hidden: must be true or false"),
        ("hidden = false", "hiden = false", "service 1, hiden: unknown key"),
        ('description = { en = "For', 'description = { xx = "For', "service 1, description: must be texts by language"),
        ("hidden = false", '[[practice.service]]\nid = 3', 'service 2, id: "3" stands twice'),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_practice_and_key(old: str, new: str, line: str) -> None:
    found = faults(changed(old, new))
    assert [fault for fault in found if fault.startswith(TABLE + line)], found
    assert not Practice.objects.exists()


WRONG_TYPES = ["5", "true", "1.5", "[]", "[[1]]", "{ a = 1 }", "2026-01-01", '["@"]']


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", WRONG_TYPES)
@pytest.mark.parametrize(
    "line",
    [
        'slug = "norrmalm"',
        'name = "Norrmalms Tandvård"',
        'vendor = "opus"',
        'timezone = "Europe/Stockholm"',
        'languages = ["sv", "en"]',
        'phone = "+46 8 123 45 67"',
        'email = "info@clinic.example"',
        'privacy_url = "https://www.clinic.example/privacy"',
        'base_url = "https://opus.example"',
    ],
)
def test_a_value_of_the_wrong_type_is_a_mistake_like_any_other(line: str, wrong: str) -> None:
    key = line.partition(" ")[0]
    found = faults(changed(line, f"{key} = {wrong}"))
    assert [fault for fault in found if f"{key}: " in fault], found


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", ["5", '"text"', "[1]", "[[1]]"])
def test_a_service_that_is_no_table_is_a_mistake(wrong: str) -> None:
    text = GOOD.partition("[practice.connection]")[0] + f'connection = {{ api_key = "k" }}\nservice = {wrong}\n'
    assert TABLE + "service: must be tables: [[practice.service]]" in faults(text)


@pytest.mark.django_db
@pytest.mark.parametrize("value", ["5", '"text"', "[]"])
def test_a_connection_that_is_no_table_is_a_mistake(value: str) -> None:
    text = GOOD.partition("[practice.connection]")[0] + f"connection = {value}\n"
    assert TABLE + "connection: must be a table" in faults(text)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("slug", "says"),
    [
        ("Norrmalm", "small letters"),
        ("norr malm", "small letters"),
        ("norr_malm", "small letters"),
        ("-norr", "small letters"),
        ("norr--malm", "small letters"),
        ("å", "small letters"),
        ("", "small letters"),
        ("x" * 51, "at most 50"),
        ("admin", "reserved"),
        ("static", "reserved"),
        ("healthz", "reserved"),
        ("readyz", "reserved"),
    ],
)
def test_a_slug_can_stand_in_an_address(slug: str, says: str) -> None:
    (line,) = faults(changed('"norrmalm"', f'"{slug}"'))
    assert "slug: " in line
    assert says in line


@pytest.mark.django_db
def test_one_slug_twice_is_a_mistake() -> None:
    assert faults(GOOD + GOOD) == ['practice 2 (norrmalm): slug: "norrmalm" stands twice']


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[practice]", "not a TOML file: "),
        ("slug = norrmalm", "not a TOML file: "),
        ("", "no [[practice]] in it"),
        ("# only a comment", "no [[practice]] in it"),
        ("[practice]\nslug = 'x'", '"practice": must be tables: [[practice]]'),
        ("practice = 5", '"practice": must be tables: [[practice]]'),
        ("[[practise]]\nslug = 'x'", '"practise": unknown key; practices are [[practice]] tables'),
    ],
)
def test_a_file_that_is_no_practices_file_is_told_so(text: str, says: str) -> None:
    (line,) = faults(text)
    assert line.startswith(says)


@pytest.mark.django_db
def test_every_mistake_of_the_file_is_told_at_once() -> None:
    bad = GOOD.replace('"norrmalm"', '"soder"').replace('"opus"', '"acme"').replace('"Europe/Stockholm"', '"Mars"')
    assert [line.partition(" (")[0] for line in faults(bad + bad.replace('"soder"', '"vasa"'))] == [
        *["practice 1"] * 2,
        *["practice 2"] * 2,
    ]


@pytest.mark.django_db
def test_one_bad_practice_keeps_the_good_ones_as_they_were() -> None:
    load(GOOD)
    before = (Practice.objects.values().get(), AuditEntry.objects.count())
    faults(changed("Norrmalms", "Vasastans") + GOOD.replace('"norrmalm"', '"Bad Slug"'))
    assert (Practice.objects.values().get(), AuditEntry.objects.count()) == before


@pytest.mark.django_db
def test_no_secret_stands_in_what_is_told() -> None:
    assert "a very secret key" not in str(faults(changed('vendor = "opus"', 'vendor = "acme"')))
    assert "a very secret key" not in str(faults(changed("api_key", "apikey")))


# --- Who may frame the page ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin",
    [
        "https://www.clinic.example",
        "https://clinic.example",
        "https://*.clinic.example",
        "https://xn--tandlkare-w2a.se",
        "https://a-b.c-d.example",
    ],
)
@pytest.mark.parametrize("private", [True, False])
def test_a_site_may_frame_the_page_under_its_own_https_address(origin: str, private: bool, settings: Any) -> None:
    settings.ALLOW_PRIVATE_VENDOR_HOSTS = private
    assert origin_problem(origin) == ""


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost",
        "http://localhost:8001",
        "https://localhost:8001",
        "http://clinic.localhost:3000",
        "http://a.b.localhost",
        "http://127.0.0.1:8000",
        "http://127.9.9.9",
        "http://[::1]:8000",
    ],
)
def test_this_machine_may_frame_the_page_only_where_private_hosts_are_allowed(origin: str, settings: Any) -> None:
    assert origin_problem(origin) == ""
    settings.ALLOW_PRIVATE_VENDOR_HOSTS = False
    assert "ALLOW_PRIVATE_VENDOR_HOSTS" in origin_problem(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "http://www.clinic.example",
        "https://www.clinic.example:8443",
        "https://www.clinic.example:443",
        "https://www.clinic.example/",
        "https://www.clinic.example/booking",
        "https://www.clinic.example?x",
        "https://www.clinic.example#x",
        "https://user@www.clinic.example",
        "www.clinic.example",
        "//www.clinic.example",
        "ftp://www.clinic.example",
        "https://",
        "https://*",
        "https://*.example",
        "https://www.*.example",
        "https://w*.clinic.example",
        "https://*.*.example",
        "https://Clinic.Example",
        "https://tandläkare.se",
        "https://clinic",
        "https://-clinic.example",
        "https://clinic..example",
        "https://clinic.example.",
        "https://clinic.example\n",
        " https://clinic.example",
        "https://clinic.example https://evil.example",
        "https://clinic.example;script-src",
        "https://10.0.0.5",
        "http://10.0.0.5:8000",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "https://[2001:db8::1]",
        "*",
        "null",
        "'self'",
        "data:",
        "",
        5,
        None,
        ["https://clinic.example"],
    ],
)
def test_what_is_not_the_origin_of_a_site_may_not_frame_the_page(origin: Any) -> None:
    assert origin_problem(origin) != ""


# --- A practice's vendor ---------------------------------------------------------------------------------------------


def test_the_vendor_is_built_for_its_practice(practice: Practice) -> None:
    vendor = connections.vendor_for(practice)
    assert isinstance(vendor, FakeVendor)
    assert [service.id for service in vendor.services("en")] == ["checkup", "filling"]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, "connection.base_url: is missing; connection.token: is missing"),
        ({"base_url": "http://127.0.0.1:1", "token": "t", "old": "x"}, "connection.old: unknown key"),
        (
            {"base_url": "http://127.0.0.1:1", "token": "t", "pause": "often"},
            "connection.pause: must be a whole number",
        ),
        ({"base_url": "http://127.0.0.1:1", "token": "t", "pause": True}, "connection.pause: must be a whole number"),
        ({"base_url": "http://127.0.0.1:1", "token": "t", "polite": "yes"}, "connection.polite: must be true or false"),
        ({"base_url": "http://127.0.0.1:1", "token": ["t"]}, "connection.token: must be text"),
    ],
)
def test_a_connection_that_does_not_fit_its_vendor_is_no_connection(
    practice: Practice, values: dict[str, Any], says: str
) -> None:
    practice.connection = values
    with pytest.raises(NotConnected) as raised:
        connections.vendor_for(practice)
    assert str(raised.value) == says


def test_a_practice_whose_vendor_is_gone_is_not_connected(practice: Practice) -> None:
    practice.vendor = "gone"
    with pytest.raises(NotConnected):
        connections.vendor_for(practice)


def test_numbers_may_be_written_for_ids() -> None:
    values, wrong = connections.read_connection("opus", {"base_url": "https://opus.example", "api_key": 5})
    assert (values.api_key, wrong) == ("5", [])


def test_plain_http_is_for_this_network_only(settings: Any) -> None:
    values = {"base_url": "http://opus.example", "api_key": "k"}
    assert connections.read_connection("opus", values)[1] == []
    settings.ALLOW_PRIVATE_VENDOR_HOSTS = False
    assert [str(fault) for fault in connections.read_connection("opus", values)[1]] == [
        "connection.base_url: must begin with https://"
    ]


def test_no_vendor_is_called_within_a_transaction(practice: Practice) -> None:
    vendor = connections.vendor_for(practice)
    with pytest.raises(RuntimeError, match="inside a transaction"), transaction.atomic():
        vendor.services("en")


def test_during_a_call_no_connection_to_the_database_is_open(practice: Practice, diary: Any) -> None:
    if connection.vendor == "sqlite" and connection.is_in_memory_db():
        pytest.skip("a database in memory is never let go of")
    open_then: list[Any] = []
    diary.meanwhile("services", lambda: open_then.append(connection.connection))
    connections.vendor_for(practice).services("en")
    assert open_then == [None]


@pytest.mark.parametrize(
    ("phone", "zone", "country"),
    [
        ("+46 8 123 45 67", "Europe/Oslo", "SE"),
        ("+47 22 12 34 56", "Europe/Stockholm", "NO"),
        ("08-123 45 67", "Europe/Stockholm", "SE"),
        ("22 12 34 56", "Europe/Oslo", "NO"),
        ("call us", "Europe/Rome", "IT"),
        ("+1 212 555 0100", "America/New_York", "US"),
        ("020 7946 0000", "Europe/London", "GB"),
        ("call us", "UTC", "SE"),
    ],
)
def test_a_practice_is_in_the_country_of_its_phone_or_else_its_zone(phone: str, zone: str, country: str) -> None:
    assert connections.country_of(Practice(phone=phone, timezone=zone)) == country


def test_the_calls_of_one_page_share_their_time(practice: Practice, diary: Any, settings: Any) -> None:
    settings.PAGE_SECONDS = 0.3
    diary.slow("services", 0.15)
    with connections.page():
        time.sleep(0.2)
        with pytest.raises(VendorUnavailable):
            connections.vendor_for(practice).services("en")


def test_a_page_that_used_up_its_time_leaves_the_next_one_its_own(practice: Practice, settings: Any) -> None:
    settings.PAGE_SECONDS = 0.1
    with connections.page():
        time.sleep(0.15)
    assert connections.vendor_for(practice).services("en")


# --- What a vendor remembers -----------------------------------------------------------------------------------------


def test_what_a_vendor_remembers_is_there_for_all_processes_and_encrypted(practice: Practice) -> None:
    DatabaseStore(practice).put("token", "the vendor's token", 60)
    assert DatabaseStore(Practice.objects.get()).get("token") == "the vendor's token"
    with connection.cursor() as cursor:
        cursor.execute("SELECT value FROM booking_vendormemory")
        assert "token" not in cursor.fetchone()[0]


def test_what_a_vendor_remembers_can_be_put_anew_and_forgotten(practice: Practice) -> None:
    store = DatabaseStore(practice)
    store.put("token", "one", 60)
    store.put("token", "two", 60)
    assert store.get("token") == "two"
    store.forget("token")
    assert store.get("token") is None


def test_what_a_vendor_remembers_ends_with_its_time(practice: Practice) -> None:
    store = DatabaseStore(practice)
    store.put("token", "one", 60)
    VendorMemory.objects.update(ends_at=ago(seconds=1))
    assert store.get("token") is None


def test_one_practice_does_not_remember_anothers(practice: Practice, make_practice: Callable[..., Practice]) -> None:
    DatabaseStore(practice).put("token", "one", 60)
    assert DatabaseStore(make_practice(slug="other")).get("token") is None


def test_one_of_two_gets_the_lease_until_it_is_given_back_or_over(practice: Practice) -> None:
    store = DatabaseStore(practice)
    assert store.lease("refreshing", 60)
    assert not store.lease("refreshing", 60)
    store.forget("refreshing")
    assert store.lease("refreshing", 60)
    VendorMemory.objects.update(ends_at=ago(seconds=1))
    assert store.lease("refreshing", 60)


def test_calls_of_a_practice_take_turns(practice: Practice) -> None:
    turns = DatabaseTurns(practice, background=False)
    began = time.monotonic()
    assert [turns.wait(0.05, began + 5) for _call in range(3)] == [True, True, True]
    assert time.monotonic() - began >= 0.1


def test_a_turn_that_comes_too_late_is_not_taken(practice: Practice) -> None:
    turns = DatabaseTurns(practice, background=False)
    assert turns.wait(60, time.monotonic() + 1)
    assert not turns.wait(60, time.monotonic() + 1)


def test_after_a_pause_nobody_has_a_turn(practice: Practice) -> None:
    turns = DatabaseTurns(practice, background=False)
    turns.pause(60)
    assert not turns.wait(0.01, time.monotonic() + 1)


def test_who_waits_already_when_a_pause_begins_waits_for_its_end(practice: Practice) -> None:
    turns = DatabaseTurns(practice, background=False)
    began = time.monotonic()
    assert turns.wait(1.0, began + 20)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(turns.wait, 1.0, began + 20)
        time.sleep(0.3)
        turns.pause(2.5)
        assert waiting.result()
    assert time.monotonic() - began >= 2.7


def test_the_vendors_in_memory_are_only_lent() -> None:
    assert set(VENDORS) & {"fake", "fake_reserving"} == set()


# --- The practice's look, and whether it books online ----------------------------------------------------------------

LOOK = """
hours_url = "https://www.clinic.example/hours"
directions_url = "https://www.clinic.example/directions"
colour = "#0b5d57"
logo = "logo.png"
online = "not_yet"
"""


def with_look(text: str = LOOK) -> str:
    return changed("[practice.connection]", text.strip() + "\n[practice.connection]")


@pytest.mark.django_db
def test_a_practice_has_the_look_that_its_file_gives(tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_bytes(logo())
    assert practices.load(with_look(), actor="command", folder=tmp_path) == [("norrmalm", "created")]
    practice = Practice.objects.get()
    assert (practice.colour, practice.online, bytes(practice.logo)) == ("#0b5d57", "not_yet", logo())
    assert practice.hours_url == "https://www.clinic.example/hours"
    assert practice.directions_url == "https://www.clinic.example/directions"
    assert practices.load(with_look(), actor="command", folder=tmp_path) == [("norrmalm", "unchanged")]


@pytest.mark.django_db
def test_another_logo_under_the_same_name_is_a_change(tmp_path: Path) -> None:
    for width in (90, 120):
        (tmp_path / "logo.png").write_bytes(logo(width))
        practices.load(with_look(), actor="command", folder=tmp_path)
    assert bytes(Practice.objects.get().logo) == logo(120)
    assert AuditEntry.objects.get(action="practice changed").outcome == "logo"


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["nothing.png", "../logo.png", "/etc/hostname", ".", "a\\u0000b"])
def test_a_logo_lies_beside_the_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "logo.png").write_bytes(logo())
    (tmp_path / "folder").mkdir()
    with pytest.raises(BadPractices) as raised:
        practices.load(with_look(f'logo = "{name}"'), actor="command", folder=tmp_path / "folder")
    assert "logo: " in raised.value.lines[0]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('colour = "green"', "colour: 'green' is not a colour like #0b5d57"),
        ('online = "sometimes"', "online: 'sometimes' must be one of: open, not_yet, paused"),
        ('hours_url = "soon"', "hours_url: 'soon' is not an address like https://…"),
        ('directions_url = "left"', "directions_url: 'left' is not an address like https://…"),
        ("logo = 7", "logo: 7 is not a file beside the practices file that can be read"),
    ],
)
def test_a_look_that_cannot_be_is_a_fault(line: str, problem: str) -> None:
    assert faults(with_look(line)) == [f"practice 1 (norrmalm): {problem}"]


def test_a_logo_that_is_no_picture_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_text("<svg/>")
    with pytest.raises(BadPractices, match="logo: is not a PNG, JPEG or WebP picture"):
        practices.load(with_look('logo = "logo.png"'), actor="command", folder=tmp_path)


@pytest.mark.django_db
def test_a_file_that_does_not_say_so_opens_no_practice_that_staff_paused() -> None:
    load(GOOD)
    Practice.objects.update(online="paused")
    load(changed("Norrmalms", "Vasastans"))
    assert Practice.objects.get().online == "paused"
    load(with_look('online = "open"'))
    assert Practice.objects.get().online == "open"
