"""What all charts share: axes that a person can read, the mark for "you are here", alternative text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import streamlit as st

from mfu_planner.ui.text import language, plain

HERE = "#D1495B"
"""The one colour that always means "this run"; legible on light and dark."""
MUTED = "#8A9A92"
_NARROW = 520
"""Pixels of a chart below which names are wrapped early."""
_WRAPPED = {"en": (23, "( +|$)"), "zh": (11, "")}
"""Language → (characters of a line on a narrow screen, half of those on a wide one; what a line ends with)."""
_MOST_LINES = 5
_LINE = 14
"""Pixels of a line of a wrapped name."""
NUMBER = ",.3~r"
EXACT = ",.5~r"
WHOLE = "~s"
BILLIONS = "replace(format(datum.value, '~s'), 'G', 'B')"
"""Labels of a count: 70B, not 70G."""

Rows = Sequence[dict[str, Any]]


def draw(spec: dict[str, Any], alt: str, *, height: int = 280) -> None:
    """Show a chart, its title above it, where it wraps; ``alt`` is read to those who do not see it."""
    title = spec.pop("title", None)
    if title:
        st.markdown(f"**{plain(title)}**")
    if "data" in spec:
        spec = {**spec, "data": _table(spec["data"]["values"])}
    st.vega_lite_chart({"height": height, **spec}, width="stretch", alt=alt)


def _table(rows: Rows) -> Any:
    """Rows as the browser takes them, without the way through a data frame."""
    import pyarrow as pa

    columns = dict.fromkeys(name for row in rows for name in row)
    return pa.table({name: [row.get(name) for row in rows] for name in columns})


def names() -> dict[str, Any]:
    """An axis of names: at most two fifths of the width, a long one over several lines."""
    over = [f"split(trim(replace(datum.value, /{_pattern(n)}/g, '$1\\n')), '\\n')" for n in (1, 2)]
    wrapped = f"(containerSize()[0] < {_NARROW} ? {over[0]} : {over[1]})"
    raised = [
        {"test": f"length({wrapped}) == {lines}", "value": -(lines - 1) * _LINE / 2}
        for lines in range(2, _MOST_LINES + 1)
    ]
    return {
        "labelLimit": {"expr": "min(330, containerSize()[0] * 0.42)"},
        "labelLineHeight": _LINE - 2,
        "labelOverlap": False,
        "labelOffset": {"condition": raised, "value": 0},
        "labelExpr": wrapped,
    }


def short(name: str) -> str:
    """A name up to where it begins to explain itself; a tooltip and the alternative text have it whole."""
    return re.split("[:：(（]", name, maxsplit=1)[0].strip()


def _pattern(times: int = 1) -> str:
    length, end = _WRAPPED[language()]
    return f"(.{{1,{times * length}}}){end}"


def tall(shown: Iterable[str], each: int, rest: int) -> int:
    """Pixels of a chart with a row of ``each`` for every name, higher where a wrapped name needs it."""
    lines = [len(re.findall(_pattern(), name)) for name in shown]
    return len(lines) * max([each, *(_LINE * n for n in lines)]) + rest


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


def written(y: dict[str, Any], end: float) -> list[dict[str, Any]]:
    """Layers that write ``said`` beside bars from ``from`` to ``to``: behind the bar, or before one that ends late."""
    late = f"datum.from > {0.5 * end}"
    sides = ((f"!({late})", "to", "left", 5), (late, "from", "right", -5))
    return [
        {
            "transform": [{"filter": test}],
            "mark": {"type": "text", "align": align, "dx": dx, "color": MUTED},
            "encoding": {"y": y, "x": {"field": at, "type": "quantitative"}, "text": {"field": "said"}},
        }
        for test, at, align, dx in sides
    ]


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
