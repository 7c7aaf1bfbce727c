"""What all charts share: axes that a person can read, the mark for "you are here", alternative text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

HERE = "#D1495B"
"""The one colour that always means "this run"; legible on light and dark."""
MUTED = "#8A9A92"
NAMES = {"labelLimit": {"expr": "min(330, containerSize()[0] * 0.42)"}}
"""An axis of names: at most two fifths of the width, however narrow the screen."""
NUMBER = ",.3~r"
EXACT = ",.5~r"
WHOLE = "~s"
BILLIONS = "replace(format(datum.value, '~s'), 'G', 'B')"
"""Labels of a count: 70B, not 70G."""

Rows = Sequence[dict[str, Any]]


def draw(spec: dict[str, Any], alt: str, *, height: int = 280) -> None:
    """Show a chart; ``alt`` is read to those who do not see it. The toolbar offers its data and a PNG."""
    st.vega_lite_chart({"height": height, **spec}, width="stretch", alt=alt)


def axis(name: str, title: str, *, log: bool = False, number: str = NUMBER, **more: Any) -> dict[str, Any]:
    """A quantitative position channel."""
    scale: dict[str, Any] = {"type": "log", "nice": False} if log else {"zero": False}
    ticks = {"format": number, "labelOverlap": True, "tickCount": 5}
    channel = {"field": name, "type": "quantitative", "title": title}
    return channel | {"scale": scale | more.pop("scale", {}), "axis": ticks | more.pop("axis", {}), **more}


def tip(name: str, title: str, number: str | None = EXACT) -> dict[str, Any]:
    """One line of a tooltip."""
    if number is None:
        return {"field": name, "type": "nominal", "title": title}
    return {"field": name, "type": "quantitative", "title": title, "format": number}


def here(row: dict[str, Any], x: dict[str, Any], y: dict[str, Any], tooltip: list[dict[str, Any]]) -> dict[str, Any]:
    """A layer that marks this run."""
    return {
        "data": {"values": [row]},
        "mark": {"type": "point", "shape": "diamond", "size": 170, "filled": True, "color": HERE, "opacity": 1},
        "encoding": {"x": x, "y": y, "tooltip": tooltip},
    }


def said(row: dict[str, Any], x: dict[str, Any], y: dict[str, Any], text: str, *, left: bool = False) -> dict[str, Any]:
    """A layer that writes beside this run's mark (on its left, near the right edge)."""
    side = {"align": "right", "dx": -10} if left else {"align": "left", "dx": 10}
    return {
        "data": {"values": [row]},
        "mark": {"type": "text", **side, "dy": -10, "color": HERE, "fontWeight": 600, "text": text},
        "encoding": {"x": x, "y": y},
    }
