"""The table: what was measured, beside its target."""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

WIDTHS = (62, 16, 16, 17)


@dataclass(frozen=True, slots=True)
class Target:
    """`most` or `least`; `otherwise` is a second limit, which will do."""

    most: float | None = None
    least: float | None = None
    unit: str = ""
    otherwise: float | None = None

    def __str__(self) -> str:
        limit = f"≤ {number(self.most)}" if self.most is not None else f"≥ {number(self.least or 0)}"
        also = f" ({number(self.otherwise)})" if self.otherwise is not None else ""
        return f"{limit}{also} {self.unit}".rstrip()

    def verdict(self, value: float) -> str:
        met = value <= self.most if self.most is not None else value >= (self.least or 0)
        if met:
            return "met"
        return "met (2nd)" if self.otherwise is not None and value <= self.otherwise else "missed"


class Table:
    """Written line by line, as it is measured."""

    def __init__(self) -> None:
        self.missed: list[str] = []
        self.met = 0

    def part(self, title: str, *notes: str) -> None:
        say("", f"== {title} " + "=" * max(0, 116 - len(title)))
        say(*(f"   {note}" for note in notes))
        self._line("", "measured", "target", "ratio", "")

    def row(self, what: str, value: float | str, unit: str = "", target: Target | None = None, ratio: str = "") -> None:
        shown = value if isinstance(value, str) else f"{number(value)} {unit}".rstrip()
        verdict = target.verdict(value) if target and not isinstance(value, str) else ""
        self.met += verdict.startswith("met")
        if verdict == "missed":
            self.missed.append(f"{what}: {shown}, target {target}")
        self._line(what, shown, str(target or ""), ratio, verdict)

    def note(self, *lines: str) -> None:
        say(*(f"     {line}" for line in lines))

    def end(self) -> None:
        say("", f"{self.met} targets met, {len(self.missed)} missed.", *(f"   missed: {line}" for line in self.missed))

    @staticmethod
    def _line(*cells: str) -> None:
        padded = [f"{cell:<{width}}" for cell, width in zip(cells, WIDTHS, strict=False)]
        say(("  " + " ".join([*padded, cells[-1]])).rstrip())


def say(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(line + "\n")
    sys.stdout.flush()


def number(value: float) -> str:
    if math.isnan(value):
        return "–"
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 1 else f"{value:.3g}"


def percentile(values: Sequence[float], share: float) -> float:
    """NaN of nothing."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1 if share < 1 else len(ordered) - 1)]


def median(values: Sequence[float]) -> float:
    return percentile(values, 0.5)


def p95(values: Sequence[float]) -> float:
    return percentile(values, 0.95)


def spread(values: Sequence[float], scale: float = 1000, unit: str = "ms") -> str:
    """The median, and behind it p95."""
    return f"{number(median(values) * scale)} / {number(p95(values) * scale)} {unit}"
