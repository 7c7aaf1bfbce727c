"""Scatter plots as small SVG files, drawn without a plotting library."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT, MARGIN = 640, 420, 56
COLOURS = ("#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#76b7b2", "#b07aa1", "#9c755f", "#edc948", "#ff9da7", "#7f7f7f")


@dataclass(frozen=True)
class Series:
    """Points of one colour with the name that the legend shows."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Scale:
    """Logarithmic (or linear) mapping of a range onto pixels."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = True

    def place(self, value: float) -> float:
        """Pixels of a value."""
        if self.logarithmic:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Powers of ten, or five even steps."""
        if not self.logarithmic:
            return [self.low + n * (self.high - self.low) / 5 for n in range(6)]
        first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
        return [10.0**n for n in range(first, last + 1)]


def scatter(
    title: str,
    across: str,
    up: str,
    series: Sequence[Series],
    *,
    diagonal: bool = False,
    linear_up: bool = False,
    up_range: tuple[float, float] | None = None,
) -> str:
    """An SVG scatter plot, logarithmic across; ``diagonal`` draws y = x and the ±10% band beside it."""
    every = [p for s in series for p in s.points]
    xs, ys = [p[0] for p in every], [p[1] for p in every]
    low, high = min(xs) / 1.3, max(xs) * 1.3
    bottom, top = up_range or (min(ys) / 1.3, max(ys) * 1.3)
    x = Scale(low, high, MARGIN, WIDTH - 150)
    y = Scale(bottom, top, HEIGHT - MARGIN, 34, not linear_up)
    body = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{MARGIN}" y="20" font-size="14">{escape(title)}</text>',
        *_axes(x, y, across, up),
    ]
    if diagonal:
        first, last = max(low, bottom), min(high, top)
        for factor, dash in ((1.0, ""), (1.1, ' stroke-dasharray="4"'), (1 / 1.1, ' stroke-dasharray="4"')):
            body.append(
                f'<line x1="{x.place(first):.1f}" y1="{y.place(first * factor):.1f}" x2="{x.place(last):.1f}" '
                f'y2="{y.place(last * factor):.1f}" stroke="#999"{dash}/>'
            )
    for index, one in enumerate(series):
        colour = COLOURS[index % len(COLOURS)]
        body.append(f'<g fill="{colour}" fill-opacity="0.55">')
        for px, py in one.points:
            held = min(max(py, bottom), top)
            body.append(f'<circle cx="{x.place(px):.1f}" cy="{y.place(held):.1f}" r="2.4"/>')
        body.append("</g>")
        height = 40 + 16 * index
        body.append(f'<circle cx="{WIDTH - 138}" cy="{height - 4}" r="4" fill="{colour}"/>')
        body.append(f'<text x="{WIDTH - 128}" y="{height}">{escape(one.name)}</text>')
    return "\n".join([*body, "</svg>"]) + "\n"


def _axes(x: Scale, y: Scale, across: str, up: str) -> list[str]:
    lines = [
        f'<line x1="{x.start}" y1="{y.start}" x2="{x.end}" y2="{y.start}" stroke="black"/>',
        f'<line x1="{x.start}" y1="{y.start}" x2="{x.start}" y2="{y.end}" stroke="black"/>',
        f'<text x="{(x.start + x.end) / 2}" y="{HEIGHT - 12}" text-anchor="middle">{escape(across)}</text>',
        f'<text x="14" y="{(y.start + y.end) / 2}" text-anchor="middle" '
        f'transform="rotate(-90 14 {(y.start + y.end) / 2})">{escape(up)}</text>',
    ]
    for tick in x.ticks():
        at = x.place(tick)
        lines.append(f'<line x1="{at:.1f}" y1="{y.start}" x2="{at:.1f}" y2="{y.start + 4}" stroke="black"/>')
        lines.append(f'<text x="{at:.1f}" y="{y.start + 16}" text-anchor="middle">{tick:g}</text>')
    for tick in y.ticks():
        at = y.place(tick)
        lines.append(f'<line x1="{x.start - 4}" y1="{at:.1f}" x2="{x.start}" y2="{at:.1f}" stroke="black"/>')
        lines.append(f'<text x="{x.start - 6}" y="{at + 4:.1f}" text-anchor="end">{tick:g}</text>')
    return lines
