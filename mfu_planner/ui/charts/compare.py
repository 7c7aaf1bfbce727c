"""Kept scenarios as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from mfu_planner.ui.charts import base
from mfu_planner.ui.text import _
from mfu_planner.units import DAY


def time_and_cost(rows: Sequence[tuple[str, float, float | None]]) -> None:
    """Days and cost of each scenario, as bars side by side."""
    for_days = [{"name": n, "value": t / DAY} for n, t, _c in rows]
    for_cost = [{"name": n, "value": c / 1e6} for n, _t, c in rows if c is not None]
    for column, of, values in zip(st.columns(2), (_("days"), _("cost ($M)")), (for_days, for_cost), strict=True):
        layer: dict[str, Any] = {
            "mark": {"type": "bar", "height": {"band": 0.65}},
            "encoding": {
                "y": {"field": "name", "type": "nominal", "sort": None, "title": None, "axis": base.names()},
                "x": base.axis("value", of, scale={"zero": True}),
                "color": {"field": "name", "type": "nominal", "sort": None, "legend": None},
                "tooltip": [base.tip("name", _("scenario"), None), base.tip("value", of)],
            },
        }
        alt = "; ".join(f"{v['name']}: {v['value']:.4g} {of}" for v in values)
        with column:
            base.draw({"data": {"values": values}, **layer}, alt, height=32 * len(rows) + 90)
