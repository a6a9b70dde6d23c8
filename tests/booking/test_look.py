"""The practice's colour and logo, its page about accessibility, and its pages while it does not book online."""

import re
import struct
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from booking import look
from booking.look import DARK, LIGHT, Ground, contrast, shades
from booking.models import Practice
from tests.fake_vendor import Diary
from tests.gallery.states import logo

COLOURS = ["#0b5d57", "#ffd400", "#ffffff", "#000000", "#ff0000", "#00ff00", "#0000ff", "#777777", "#fde2f3", "#101010"]
JPEG = (
    b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xc0\x00\x11\x08"
    + struct.pack(">HH", 80, 240)
    + b"\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01"
)
LOSSLESS = b"RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00\x2f" + struct.pack("<I", 239 | 79 << 14) + b"\x00\x00\x00\x00"
LOSSY = b"RIFF\x1a\x00\x00\x00WEBPVP8 \x0e\x00\x00\x00\x00\x00\x00\x9d\x01\x2a" + struct.pack("<HH", 240, 80)
EXTENDED = b"RIFF\x1a\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\xef\x00\x00\x4f\x00\x00"

type MakePractice = Callable[..., Practice]


# --- The colour ------------------------------------------------------------------------------------------------------


def test_contrast_is_counted_as_in_the_guidelines() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#ffffff", "#ffffff") == pytest.approx(1)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)
    assert contrast("#ff0000", "#ffffff") == pytest.approx(3.998, abs=0.001)


@pytest.mark.parametrize("ground", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("colour", COLOURS)
def test_whatever_colour_is_given_its_words_can_be_read(colour: str, ground: Ground) -> None:
    shade = shades(colour, ground)
    behind = (*ground.backgrounds, shade.wash)
    pairs = [(shade.accent, other) for other in behind] + [(shade.deep, other) for other in behind]
    pairs += [(shade.on_accent, shade.accent), (shade.on_accent, shade.deep)]
    pairs += [(ink, shade.wash) for ink in ground.inks]
    assert [(one, other) for one, other in pairs if contrast(one, other) < 4.5] == []


def test_a_colour_that_can_be_read_stays_as_it_is() -> None:
    assert shades("#0b5d57", LIGHT).accent == "#0b5d57"
    assert not shades("#0b5d57", LIGHT).corrected
    assert look.note("#0b5d57") == ""


def test_staff_are_told_of_a_colour_that_cannot_be_read() -> None:
    shown = shades("#ffd400", LIGHT)
    assert shown.corrected
    assert "#ffd400" in look.note("#ffd400")
    assert shown.accent in look.note("#ffd400")


def test_a_corrected_colour_is_still_the_same_hue() -> None:
    red, green, blue = (int(shades("#ffd400", LIGHT).accent[at : at + 2], 16) for at in (1, 3, 5))
    assert red > green > blue == 0


def test_the_style_sheet_has_the_grounds_and_inks_that_colours_are_measured_against() -> None:
    sheet = (settings.BASE_DIR / "static" / "booking.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", sheet, re.DOTALL)[:2]
    for ground, rules in ((LIGHT, light), (DARK, dark)):
        values = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", rules))
        assert ground.backgrounds == (values["paper"], values["ground"])
        assert ground.inks == (values["ink"], values["quiet"])
        assert values["on-accent"] in ground.on
        assert shades(values["accent"], ground).accent == values["accent"], "our own colour needs no correction"


@pytest.mark.parametrize("name", ["accent", "warn", "wrong", "good"])
def test_our_own_colours_can_be_read_on_their_grounds(name: str) -> None:
    sheet = (settings.BASE_DIR / "static" / "booking.css").read_text(encoding="utf-8")
    for rules in re.findall(r":root \{(.*?)\}", sheet, re.DOTALL)[:2]:
        values = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", rules))
        behind = [values["paper"], values["ground"], values.get(f"{name}-wash", values["paper"])]
        assert [other for other in behind if contrast(values[name], other) < 4.5] == []
        assert contrast(values["focus"], values["paper"]) >= 3
        assert contrast(values["edge"], values["paper"]) >= 3


@pytest.mark.parametrize("value", ["", "#0b5d57", "#ABCDEF"])
def test_a_colour_or_none_may_be_given(value: str) -> None:
    assert look.colour_problem(value) == ""


@pytest.mark.parametrize("value", ["0b5d57", "#fff", "red", "#0b5d57;}", "#0b5d57\n", None, 7])
def test_what_is_no_colour_may_not(value: object) -> None:
    assert look.colour_problem(value)


# --- The logo --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (logo(), "image/png"),
        (JPEG, "image/jpeg"),
        (LOSSLESS, "image/webp"),
        (LOSSY, "image/webp"),
        (EXTENDED, "image/webp"),
    ],
    ids=["png", "jpeg", "webp-lossless", "webp-lossy", "webp-extended"],
)
def test_a_picture_is_known_by_its_bytes(content: bytes, kind: str) -> None:
    assert look.picture(content) == look.Picture(kind, 240, 80)
    assert look.logo_problem(content) == ""


@pytest.mark.parametrize(
    "content",
    [b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF89a\x01\x00\x01\x00", b"<script>", logo()[:12], JPEG[:6], b""],
)
def test_anything_else_is_no_picture(content: bytes) -> None:
    assert look.picture(content) is None
    assert look.logo_problem(content)


@pytest.mark.parametrize("whole", [logo(), JPEG, LOSSLESS, LOSSY, EXTENDED])
def test_a_picture_that_is_cut_off_anywhere_breaks_nothing(whole: bytes) -> None:
    for length in range(len(whole)):
        look.picture(whole[:length])


def test_a_large_picture_is_not_taken() -> None:
    assert "KiB" in look.logo_problem(logo() + b"\0" * look.LARGEST_LOGO)


# --- What patients get -----------------------------------------------------------------------------------------------


@pytest.fixture
def own(make_practice: MakePractice) -> Practice:
    return make_practice(colour="#ffd400", logo=logo(), hours_url="https://clinic.example/hours")


def addresses(page: str) -> list[str]:
    return [
        value.replace("&amp;", "&") for value in re.findall(r'(?:href|src)="(/norr/(?:look\.css|logo)[^"]*)"', page)
    ]


def test_the_pages_have_the_practices_colour_and_logo(own: Practice) -> None:
    page = Client().get("/norr/en/")
    sheet, picture = addresses(page.text)
    assert 'width="240" height="80"' in page.text
    for address, kind in ((sheet, "text/css; charset=utf-8"), (picture, "image/png")):
        answer = Client().get(address)
        assert (answer.status_code, answer["Content-Type"]) == (200, kind)
        assert "immutable" in answer["Cache-Control"]
        assert answer["X-Content-Type-Options"] == "nosniff"
    assert Client().get(picture).content == logo()
    assert shades("#ffd400", LIGHT).accent in Client().get(sheet).text
    assert "https://clinic.example/hours" in page.text


def test_without_the_right_version_nothing_is_kept_for_ever(own: Practice) -> None:
    for address in ("/norr/look.css", "/norr/look.css?v=old", "/norr/logo"):
        assert "immutable" not in Client().get(address)["Cache-Control"]


def test_another_colour_has_another_address(own: Practice) -> None:
    before = addresses(Client().get("/norr/en/").text)
    own.colour = "#123456"
    own.save()
    after = addresses(Client().get("/norr/en/").text)
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_a_practice_without_a_look_of_its_own_has_ours(practice: Practice) -> None:
    assert addresses(Client().get("/norr/en/").text) == []
    assert Client().get("/norr/look.css").status_code == 404
    assert Client().get("/norr/logo").status_code == 404


def test_the_accessibility_statement_is_linked_from_every_page_and_says_whom_to_call(practice: Practice) -> None:
    for path in ("", "nothing/", "accessibility/"):
        assert 'href="/norr/en/accessibility/"' in Client().get(f"/norr/en/{path}").text
    answer = Client().get("/norr/en/accessibility/")
    assert answer.status_code == 200
    assert "tel:+4681234567" in answer.text.partition("<main")[2].partition("</main>")[0]


# --- While a practice does not book online ---------------------------------------------------------------------------


@pytest.mark.parametrize("online", ["not_yet", "paused"])
def test_a_closed_practice_says_so_and_whom_to_call(make_practice: MakePractice, diary: Diary, online: str) -> None:
    make_practice(online=online)
    for path in ("", "clinic/", "provider/", "times/", "screening/"):
        answer = Client().get(f"/norr/en/{path}", {"service": "checkup"})
        assert answer.status_code == 200
        assert 'href="tel:+4681234567"' in answer.text.partition("<main")[2].partition("</main>")[0]
        assert "data-service" not in answer.text
    assert diary.calls == []


def test_a_closed_practice_holds_no_time(make_practice: MakePractice, diary: Diary) -> None:
    practice = make_practice(online="paused")
    headers: dict[str, Any] = {"Origin": "http://testserver"}
    answer = Client().post("/norr/en/hold/", {"service": "checkup", "slot": "any"}, headers=headers)
    assert answer.status_code == 409
    assert "paused" in answer.text
    assert practice.bookings.count() == 0
    assert diary.calls == []


def test_a_closed_practices_bookings_keep_their_pages(make_practice: MakePractice) -> None:
    make_practice(online="paused")
    assert Client().get(f"/norr/en/booking/{'x' * 43}/").status_code == 404, "looked for, and not closed"
    assert Client().get("/norr/en/accessibility/").status_code == 200


def test_an_open_practice_is_open(practice: Practice) -> None:
    assert "data-service" in Client().get("/norr/en/").text
