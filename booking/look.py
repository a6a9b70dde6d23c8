"""The practice's colour and logo, so that both can be read: contrast, what a colour becomes, what a picture is.

A practice gives one colour. Pages need four from it, in light and in dark: for links and buttons, for those under the
pointer, for words on a button, and a wash behind what stands out. Whatever was given, words stay readable.
"""

import hashlib
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from django.utils.translation import gettext as _

type Colour = tuple[float, float, float]
"""Red, green and blue, each from 0 to 1."""

READABLE = 4.5
"""The least contrast of words with what is behind them: WCAG 2.2, 1.4.3."""
STEPS = 100

COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
LARGEST_LOGO = 200 * 1024


@dataclass(frozen=True, slots=True)
class Ground:
    """What `booking.css` has behind words, and its inks."""

    backgrounds: tuple[str, ...]
    paper: str
    inks: tuple[str, ...]
    """Those that stand on a wash."""
    towards: str
    """Where a colour goes to be read on these backgrounds."""
    on: tuple[str, ...]
    """What words on a button may be, the first that can be read."""


LIGHT = Ground(("#ffffff", "#f6f5f1"), "#ffffff", ("#18211f", "#55605d"), "#000000", ("#ffffff",))
DARK = Ground(("#1a2220", "#111716"), "#1a2220", ("#edf1ef", "#a9b5b1"), "#ffffff", ("#08110f",))


@dataclass(frozen=True, slots=True)
class Shades:
    accent: str
    deep: str
    on_accent: str
    wash: str
    corrected: bool
    """Whether the colour as given could not be read."""


@dataclass(frozen=True, slots=True)
class Picture:
    type: str
    width: int
    height: int


# --- The colour ------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def shades(colour: str, ground: Ground) -> Shades:
    """What this colour becomes on these backgrounds."""
    given = _read(colour)
    accent = _moved(given, ground, lambda shade: _readable_everywhere(shade, ground))
    deep = _mix(accent, _read(ground.towards), 0.28)
    return Shades(_write(accent), _write(deep), ground.on[0], _write(_wash(accent, ground)), accent != given)


def stylesheet(colour: str) -> str:
    """The practice's shades, as the custom properties that `booking.css` uses."""
    light, dark = shades(colour, LIGHT), shades(colour, DARK)
    return f":root{{{_properties(light)}}}\n@media (prefers-color-scheme: dark){{:root{{{_properties(dark)}}}}}\n"


def note(colour: str) -> str:
    """What staff should know about the colour they gave; empty where it is shown as it is in light."""
    shown = shades(colour, LIGHT) if COLOUR.fullmatch(colour) else None
    if shown is None or not shown.corrected:
        return ""
    return _(
        "%(given)s is too pale to be read on white. Pages show %(shown)s instead, and in dark a lighter shade."
    ) % {
        "given": colour,
        "shown": shown.accent,
    }


def colour_problem(value: object) -> str:
    """Why this is no colour; empty where it is one."""
    if value == "" or (isinstance(value, str) and COLOUR.fullmatch(value)):
        return ""
    return f"{value!r} is not a colour like #0b5d57"


def version(content: bytes) -> str:
    """Changes when the content does: an address with it may be kept for ever."""
    return hashlib.sha256(content).hexdigest()[:12]


def contrast(one: str, other: str) -> float:
    """From 1 to 21, as WCAG counts it."""
    lighter, darker = sorted((_luminance(_read(one)), _luminance(_read(other))), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _properties(shade: Shades) -> str:
    values = {
        "accent": shade.accent,
        "accent-deep": shade.deep,
        "on-accent": shade.on_accent,
        "accent-wash": shade.wash,
    }
    return ";".join(f"--{name}:{value}" for name, value in values.items())


def _readable_everywhere(shade: Colour, ground: Ground) -> bool:
    behind = (*ground.backgrounds, *ground.on, _write(_wash(shade, ground)))
    return all(contrast(_write(shade), other) >= READABLE for other in behind)


def _wash(shade: Colour, ground: Ground) -> Colour:
    """As much of the colour behind words as leaves them readable."""
    paper = _read(ground.paper)
    for step in range(10, 0, -1):
        wash = _mix(paper, shade, step / 100)
        if all(contrast(ink, _write(wash)) >= READABLE for ink in ground.inks):
            return wash
    return paper


def _moved(colour: Colour, ground: Ground, good: Callable[[Colour], bool]) -> Colour:
    """The nearest shade on the way to black, or in dark to white, that is good."""
    end = _read(ground.towards)
    return next((shade for step in range(STEPS) if good(shade := _mix(colour, end, step / STEPS))), end)


def _mix(one: Colour, other: Colour, part: float) -> Colour:
    red, green, blue = (a + (b - a) * part for a, b in zip(one, other, strict=True))
    return red, green, blue


def _luminance(colour: Colour) -> float:
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _read(text: str) -> Colour:
    red, green, blue = (int(text[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def _write(colour: Colour) -> str:
    return "#" + "".join(f"{round(part * 255):02x}" for part in colour)


# --- The logo --------------------------------------------------------------------------------------------------------


def picture(content: bytes) -> Picture | None:
    """What kind of picture these bytes are, by themselves and not by a name; None where we show no such kind."""
    try:
        if content.startswith(b"\x89PNG\r\n\x1a\n") and content[12:16] == b"IHDR":
            return _sized("image/png", *struct.unpack(">II", content[16:24]))
        if content.startswith(b"\xff\xd8\xff"):
            return _jpeg(content)
        if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
            return _webp(content)
    except (struct.error, IndexError):
        pass
    return None


def logo_problem(content: bytes) -> str:
    """Why this cannot be the logo; empty where it can."""
    if len(content) > LARGEST_LOGO:
        return f"has {len(content) // 1024} KiB, and may have {LARGEST_LOGO // 1024}"
    return "" if picture(content) else "is not a PNG, JPEG or WebP picture"


def _sized(kind: str, width: int, height: int) -> Picture | None:
    return Picture(kind, width, height) if width and height else None


def _jpeg(content: bytes) -> Picture | None:
    """The frame header says the size; what stands before it is passed over."""
    at = 2
    while at < len(content):
        if content[at] != 0xFF:
            return None
        marker = content[at + 1]
        if marker == 0xFF or marker == 0x01 or 0xD0 <= marker <= 0xD7:  # filling, and markers without a length
            at += 1 if marker == 0xFF else 2
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return _sized("image/jpeg", width, height)
        at += 2 + int(struct.unpack(">H", content[at + 2 : at + 4])[0])
    return None


def _webp(content: bytes) -> Picture | None:
    kind = content[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(content[at : at + 3], "little") + 1 for at in (24, 27))
        return _sized("image/webp", width, height) if len(content) >= 30 else None
    if kind == b"VP8L" and content[20] == 0x2F:
        (bits,) = struct.unpack("<I", content[21:25])
        return _sized("image/webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8 " and content[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", content[26:30])
        return _sized("image/webp", width & 0x3FFF, height & 0x3FFF)
    return None
