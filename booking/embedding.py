"""A practice's page in the clinic's own website: the script, the lines to paste, and where it was really seen."""

import base64
import gzip
import hashlib
import json
import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache
from urllib.parse import urlencode

import segno
from django.conf import settings
from django.utils import timezone, translation
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from booking.models import EmbedSighting, Practice
from booking.practices import page_language

SEEN_AGAIN = timedelta(days=1)
SIGHTINGS = 50
"""At most so many a practice, for a wildcard stands for any number of sites."""
NAMES = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
"""What a wildcard may stand for in a host, as browsers write it."""
COLOUR = "#0d5f58"
"""Of the button, where nobody chose one; `embed.js` has it too."""


class Mode(StrEnum):
    """How the page stands in a website."""

    INLINE = "inline"
    POPUP = "popup"
    BUTTON = "button"


# --- The script ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Script:
    text: bytes
    gzipped: bytes
    version: str
    integrity: str
    """For the attribute of that name; it belongs to this version alone."""


@lru_cache(maxsize=1)
def script() -> Script:
    """`static/embed.js` as websites load it: without its comments, its words from our translations."""
    source = (settings.BASE_DIR / "static" / "embed.js").read_text(encoding="utf-8")
    lines = [line.strip() for line in source.splitlines()]
    lines = [_words() if line.startswith("const WORDS") else line for line in lines]
    text = "\n".join(line for line in lines if line and not line.startswith("//")).encode()
    digest = hashlib.sha384(text).digest()
    return Script(
        text=text,
        gzipped=gzip.compress(text, 9, mtime=0),
        version=digest.hex()[:12],
        integrity=f"sha384-{base64.b64encode(digest).decode()}",
    )


def _words() -> str:
    words = {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            words[language] = [
                gettext("Book an appointment"),
                gettext("Open in a new tab"),
                gettext("Close"),
            ]
    return f"const WORDS = {json.dumps(words, ensure_ascii=False, separators=(',', ':'))};"


# --- What a clinic pastes --------------------------------------------------------------------------------------------


def link(practice: Practice, language: str = "", service: str = "") -> str:
    """The plain address, which works everywhere."""
    path = "/".join(filter(None, [practice.slug, language]))
    return f"{settings.BASE_URL}/{path}/" + (f"?{urlencode({'service': service})}" if service else "")


def script_address(version: str = "") -> str:
    return f"{settings.BASE_URL}/embed.js" + (f"?v={version}" if version else "")


def snippet(practice: Practice, mode: Mode, language: str = "", service: str = "", colour: str = "") -> SafeString:
    """Two lines: a link, which is all that visitors without scripts need, and the script that takes it over."""
    said = _said(practice, mode, language, service, colour)
    attributes = SafeString(" ").join(format_html('data-{}="{}"', name, value) for name, value in said.items())
    plain = _plain_link(practice, language, service)
    return format_html('{}\n<script src="{}" {} async></script>', plain, script_address(), SafeString(attributes))


def element(practice: Practice, mode: Mode, language: str = "", service: str = "", colour: str = "") -> SafeString:
    """The same for sites that are built with components, and load the script once."""
    said = _said(practice, mode, language, service, colour)
    attributes = SafeString(" ").join(format_html('{}="{}"', name, value) for name, value in said.items())
    plain = _plain_link(practice, language, service)
    return format_html("<anteroom-booking {}>{}</anteroom-booking>", SafeString(attributes), plain)


def _said(practice: Practice, mode: Mode, language: str, service: str, colour: str) -> dict[str, str]:
    said = {"practice": practice.slug, "service": service, "lang": language, "mode": mode.value}
    said["colour"] = colour if mode is Mode.BUTTON else ""
    return {name: value for name, value in said.items() if value}


def _plain_link(practice: Practice, language: str, service: str) -> SafeString:
    with translation.override(page_language(language or practice.languages[0])):
        return format_html('<a href="{}">{}</a>', link(practice, language, service), gettext("Book an appointment"))


def qr_code(address: str) -> str:
    """As the address of an image."""
    return segno.make(address, error="m").svg_data_uri(scale=6, border=3)


# --- Where it was seen -----------------------------------------------------------------------------------------------


def may_frame(practice: Practice, origin: str) -> bool:
    """Whether the practice's list names this site, itself or by a wildcard."""
    return any(_stands_for(listed, origin) for listed in practice.embed_origins)


def _stands_for(listed: str, origin: str) -> bool:
    scheme, wildcard, below = listed.partition("*")
    if not wildcard:
        return listed == origin
    middle = origin.removeprefix(scheme).removesuffix(below)
    return origin == f"{scheme}{middle}{below}" and bool(NAMES.fullmatch(middle))


def seen(practice: Practice, origin: str) -> None:
    """A page of that site showed ours in a frame."""
    if len(origin) > 300 or not may_frame(practice, origin):
        return
    now = timezone.now()
    known = practice.sightings.filter(origin=origin)
    if known.exists():
        known.filter(last_seen_at__lt=now - SEEN_AGAIN).update(last_seen_at=now)
    elif practice.sightings.count() < SIGHTINGS:
        times = {"first_seen_at": now, "last_seen_at": now}
        EmbedSighting.objects.get_or_create(practice=practice, origin=origin, defaults=times)
