"""Kept scenarios as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mfu_planner.ui.charts import base
from mfu_planner.ui.text import _

_DAY = 86400


def time_and_cost(rows: Sequence[tuple[str, float, float | None]]) -> None:
    """Days and cost of each scenario, as bars side by side."""
    for_days = [{"name": n, "value": t / _DAY, "of": _("days")} for n, t, _c in rows]
    for_cost = [{"name": n, "value": c / 1e6, "of": _("cost ($M)")} for n, _t, c in rows if c is not None]
    values: list[dict[str, Any]] = [*for_days, *for_cost]
    panels: list[dict[str, Any]] = []
    for of in (_("days"), _("cost ($M)")):
        layer = {
            "mark": {"type": "bar", "height": {"band": 0.65}},
            "encoding": {
                "y": {"field": "name", "type": "nominal", "sort": None, "title": None, "axis": {"labelLimit": 260}},
                "x": base.axis("value", of, scale={"zero": True}),
                "color": {"field": "name", "type": "nominal", "sort": None, "legend": None},
                "tooltip": [base.tip("name", _("scenario"), None), base.tip("value", of)],
            },
        }
        panels.append({"transform": [{"filter": {"field": "of", "equal": of}}], "width": 420, **layer})
    alt = "; ".join(f"{v['name']}: {v['value']:.4g} {v['of']}" for v in values)
    base.draw({"data": {"values": values}, "hconcat": panels}, alt, height=30 * len(rows) + 40)
