"""The waterfall of an observed run, before and after some changes."""

from __future__ import annotations

from typing import Any

from mfu_planner.diagnosis.result import Combined
from mfu_planner.report.human import percent
from mfu_planner.ui.charts import base
from mfu_planner.ui.text import _, said

_GOOD = "#2F9E77"


def waterfall(found: Combined, *, changed: bool) -> None:
    """From the peak down: what each part takes of the observed time, and what would be left of it."""
    rows: list[dict[str, Any]] = [_row(_("model FLOPs at the peak rate"), 0.0, found.ideal, found.ideal, "ideal")]
    at = found.ideal
    for part in found.parts:
        rows.append(_row(said(part.name), at, at + part.before, part.after, part.cause))
        at += part.before
    order = [r["short"] for r in rows]
    y = {"field": "short", "type": "nominal", "sort": order, "title": None, "axis": base.names()}
    x = base.axis("from", _("share of the time (%)"), scale={"domain": [0, 112]})
    tooltip = [
        base.tip("part", _("part"), None),
        base.tip("cause", _("cause"), None),
        base.tip("before", _("now (%)"), ".2f"),
        base.tip("after", _("after the changes (%)"), ".2f"),
    ]
    fill = {"condition": {"test": "datum.cause == 'ideal'", "value": _GOOD}, "value": base.HERE}
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "bar", "height": {"band": 0.7}, "opacity": 0.28 if changed else 1},
            "encoding": {"y": y, "x": x, "x2": {"field": "to"}, "color": fill, "tooltip": tooltip},
        }
    ]
    if changed:
        layers.append(
            {
                "mark": {"type": "bar", "height": {"band": 0.7}},
                "encoding": {"y": y, "x": x, "x2": {"field": "left"}, "color": fill, "tooltip": tooltip},
            }
        )
    layers += base.written(y, 100)
    alt = _("Where the observed time goes: ") + "; ".join(f"{r['part']} {r['said']}" for r in rows)
    base.draw({"data": {"values": rows}, "layer": layers}, alt, height=base.tall(order, 26, 50))


def _row(name: str, start: float, end: float, after: float, cause: str) -> dict[str, Any]:
    before = end - start
    said = percent(before) if abs(after - before) < 5e-4 else f"{percent(before)} → {percent(after)}"
    return {
        "part": name,
        "short": base.short(name),
        "from": 100 * start,
        "to": 100 * end,
        "left": 100 * (start + after),
        "before": 100 * before,
        "after": 100 * after,
        "cause": cause,
        "said": said,
    }
