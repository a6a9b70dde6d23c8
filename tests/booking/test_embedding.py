"""The lines for a clinic's website, which website may show the page, and where it was seen."""

from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from django.conf import settings

from booking import embedding
from booking.embedding import Mode
from booking.models import EmbedSighting, Practice
from booking.practices import origin_problem

QUOTED = '3" onload="x&<y>'


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_lines_are_a_link_and_a_script(practice: Practice) -> None:
    lines = embedding.snippet(practice, Mode.INLINE, "sv", "3")
    [(a, link), (script, said)] = Tags(lines).found
    assert len(lines.splitlines()) == 2
    assert (a, script) == ("a", "script")
    assert link == {"href": f"{settings.BASE_URL}/norr/sv/?service=3"}
    assert said == {
        "src": f"{settings.BASE_URL}/embed.js",
        "data-practice": "norr",
        "data-service": "3",
        "data-lang": "sv",
        "data-mode": "inline",
        "async": None,
    }
    assert ">Boka tid</a>" in lines


def test_what_is_left_open_is_not_in_the_lines(practice: Practice) -> None:
    [(_a, link), (_script, said)] = Tags(embedding.snippet(practice, Mode.POPUP, colour="#123456")).found
    assert link == {"href": f"{settings.BASE_URL}/norr/"}
    assert set(said) == {"src", "data-practice", "data-mode", "async"}


def test_only_a_button_has_a_colour(practice: Practice) -> None:
    assert 'data-colour="#123456"' in embedding.snippet(practice, Mode.BUTTON, colour="#123456")


@pytest.mark.parametrize("make", [embedding.snippet, embedding.element])
def test_an_id_cannot_break_out_of_its_attribute(practice: Practice, make: Callable[..., str]) -> None:
    tags = Tags(make(practice, Mode.INLINE, "en", QUOTED)).found
    assert [tag for tag, _attributes in tags] in (["a", "script"], ["anteroom-booking", "a"])
    assert all("onload" not in attributes for _tag, attributes in tags)
    assert any(QUOTED in attributes.values() for _tag, attributes in tags)


def test_a_picture_of_the_link_is_an_image_that_our_own_policy_allows(practice: Practice) -> None:
    assert embedding.qr_code(embedding.link(practice)).startswith("data:image/svg+xml")


# --- Which website ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("listed", "origin", "may"),
    [
        ("https://www.clinic.example", "https://www.clinic.example", True),
        ("https://www.clinic.example", "http://www.clinic.example", False),
        ("https://www.clinic.example", "https://clinic.example", False),
        ("https://www.clinic.example", "https://www.clinic.example:8443", False),
        ("https://www.clinic.example", "https://www.clinic.example.evil.example", False),
        ("https://*.clinic.example", "https://www.clinic.example", True),
        ("https://*.clinic.example", "https://a.b.clinic.example", True),
        ("https://*.clinic.example", "https://clinic.example", False),
        ("https://*.clinic.example", "https://.clinic.example", False),
        ("https://*.clinic.example", "https://evil-clinic.example", False),
        ("https://*.clinic.example", "http://www.clinic.example", False),
        ("https://*.clinic.example", "https://evil.example/.clinic.example", False),
        ("https://*.clinic.example", "https://evil.example?.clinic.example", False),
        ("https://*.clinic.example", "https://x@www.clinic.example", False),
        ("https://*.clinic.example", "https://a\0b.clinic.example", False),
        ("https://*.clinic.example", "https://a\nb.clinic.example", False),
        ("https://*.clinic.example", "https://[.clinic.example", False),
        ("https://*.clinic.example", "https://a..clinic.example", False),
        ("https://*.clinic.example", "https://a.clinic.example\n", False),
        ("https://*.clinic.example", "https://xn--tandlkare-w2a.clinic.example", True),
    ],
)
def test_the_list_names_a_website_itself_or_by_a_wildcard(
    make_practice: Callable[..., Practice], listed: str, origin: str, may: bool
) -> None:
    assert embedding.may_frame(make_practice(embed_origins=[listed]), origin) is may


def test_a_wildcard_does_not_fill_the_table(make_practice: Callable[..., Practice]) -> None:
    practice = make_practice(embed_origins=["https://*.clinic.example"])
    for number in range(embedding.SIGHTINGS + 5):
        embedding.seen(practice, f"https://host{number}.clinic.example")
    assert EmbedSighting.objects.count() == embedding.SIGHTINGS


@pytest.mark.parametrize("origin", ["http://localhost:0", "http://localhost:65536", "http://clinic.localhost:99999"])
def test_a_website_is_not_on_a_port_that_there_is_not(origin: str) -> None:
    assert "port" in origin_problem(origin)
    assert origin_problem("http://localhost:65535") == ""
