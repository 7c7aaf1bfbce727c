"""A small picture of a cause: the learner's step, and the same step made slow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mfu_planner.ui.charts import base
from mfu_planner.ui.charts.layout import PARTS
from mfu_planner.ui.numbers import show
from mfu_planner.ui.text import _

_SEEN = 0.04
"""A part below this share of the longer step is drawn among the others."""
_BARS, _LINE = 200, 20
"""Pixels of the bars with their axis, and of one line of the legend, which stands within the height."""


def beside(steps: Sequence[tuple[str, Sequence[tuple[str, float]], float]]) -> None:
    """Steps as (name, (part, seconds), length [s]), one bar under the other, each part in its colour."""
    longest = max(length for _name, _parts, length in steps)
    rows: list[dict[str, Any]] = []
    for name, parts, length in steps:
        seen = [(part, s) for part, s in parts if s >= _SEEN * longest]
        rest = length - sum(s for _part, s in seen)
        rows += [_row(name, _(PARTS.get(part, part)), s, i) for i, (part, s) in enumerate(seen)]
        rows += [_row(name, _("the rest"), rest, len(seen))] if rest > 0 else []
    order = list(dict.fromkeys(r["part"] for r in rows))
    spec = {
        "data": {"values": rows},
        "mark": {"type": "bar", "height": {"band": 0.7}},
        "encoding": {
            "y": {
                "field": "row",
                "type": "nominal",
                "sort": [s[0] for s in steps],
                "title": None,
                "axis": base.names(),
            },
            "x": {**base.axis("s", _("seconds")), "stack": "zero"},
            "color": {
                "field": "part",
                "type": "nominal",
                "sort": order,
                "title": None,
                "legend": {"orient": "bottom", "columns": 1, "labelLimit": 240},
            },
            "order": {"field": "order"},
            "tooltip": [base.tip("part", _("part"), None), base.tip("said", _("time and share"), None)],
        },
    }
    alt = "; ".join(f"{name} {show(length, 'time', 3)}" for name, _parts, length in steps)
    base.draw(spec, alt, height=_BARS + _LINE * len(order))


def _row(name: str, part: str, seconds: float, order: int) -> dict[str, Any]:
    return {"row": name, "part": part, "s": seconds, "order": order, "said": show(seconds, "time", 3)}
