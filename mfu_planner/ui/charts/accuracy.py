"""The back-test as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mfu_planner.ui.charts import base
from mfu_planner.ui.text import _


def predicted_over_published(rows: Sequence[Mapping[str, Any]], unit: str, *, log: bool) -> None:
    """Every row as a point; the line is a perfect prediction."""
    points = [
        {"published": r["published"], "predicted": r["predicted"], "id": r["id"], "error": 100 * r["error"]}
        for r in rows
        if r["error"] is not None
    ]
    if not points:
        return
    ends = [min(p["published"] for p in points), max(p["published"] for p in points)]
    x = base.axis("published", _("published ({unit})").format(unit=unit), log=log)
    y = base.axis("predicted", _("predicted ({unit})").format(unit=unit), log=log)
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "point", "size": 28, "opacity": 0.65},
            "encoding": {
                "x": x,
                "y": y,
                "tooltip": [
                    base.tip("id", _("run"), None),
                    base.tip("published", _("published")),
                    base.tip("predicted", _("predicted")),
                    base.tip("error", _("error (%)"), "+.1f"),
                ],
            },
        },
        {
            "data": {"values": [{"published": v, "predicted": v} for v in ends]},
            "mark": {"type": "line", "color": base.MUTED, "strokeDash": [5, 4]},
            "encoding": {"x": x, "y": y},
        },
    ]
    alt = _("{n} published runs: predicted against published; on the dashed line both are equal.").format(n=len(points))
    base.draw({"data": {"values": points}, "layer": layers}, alt, height=430)
