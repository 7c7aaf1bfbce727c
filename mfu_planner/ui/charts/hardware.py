"""Pictures of accelerators: compute beside memory, and the roofline that they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mfu_planner.answers.sweep import roofline
from mfu_planner.ui.charts import base
from mfu_planner.ui.numbers import show
from mfu_planner.ui.text import _

Records = Sequence[Mapping[str, Any]]


def bars(records: Records, key: str, dimension: str, title: str) -> None:
    """One fact of every device as bars with their values written on them."""
    rows = [
        {"device": r["id"], "value": r[key] or 0.0, "said": show(r[key], dimension), "name": r["name"]} for r in records
    ]
    y = {"field": "device", "type": "nominal", "sort": None, "title": None, "axis": base.names()}
    top = max((r["value"] for r in rows), default=1.0)
    x = {
        "field": "value",
        "type": "quantitative",
        "title": None,
        "axis": None,
        "scale": {"domain": [0, top * 1.35 or 1.0]},
    }
    colour = {"field": "device", "type": "nominal", "sort": None, "legend": None}
    layers = [
        {
            "mark": {"type": "bar", "height": {"band": 0.65}},
            "encoding": {
                "y": y,
                "x": x,
                "color": colour,
                "tooltip": [base.tip("name", _("accelerator"), None), base.tip("said", title, None)],
            },
        },
        {
            "mark": {"type": "text", "align": "left", "dx": 5, "color": base.MUTED},
            "encoding": {"y": y, "x": x, "text": {"field": "said", "type": "nominal"}},
        },
    ]
    alt = f"{title}: " + "; ".join(f"{r['device']} {r['said']}" for r in rows)
    base.draw({"title": title, "data": {"values": rows}, "layer": layers}, alt, height=30 * len(rows) + 40)


def rooflines(records: Records) -> None:
    """Attainable rate over FLOP per byte: memory-bound on the slope, compute-bound on the flat."""
    known = [r for r in records if r["peak_flops_per_s"] and r["memory_bandwidth_bytes_per_s"]]
    rows = [
        {"device": r["id"], "intensity": p.flop_per_byte, "rate": p.flops_per_s / 1e12}
        for r in known
        for p in roofline(r["peak_flops_per_s"], r["memory_bandwidth_bytes_per_s"])
    ]
    x = base.axis("intensity", _("arithmetic intensity (FLOP per byte of memory traffic)"), log=True)
    y = base.axis("rate", _("attainable TFLOP/s"), log=True)
    layers = [
        {
            "mark": {"type": "line", "strokeWidth": 2.5},
            "encoding": {
                "x": x,
                "y": y,
                "color": {"field": "device", "type": "nominal", "sort": None, "title": None},
                "strokeDash": {"field": "device", "type": "nominal", "sort": None, "title": None},
                "tooltip": [
                    base.tip("device", _("accelerator"), None),
                    base.tip("intensity", _("FLOP per byte")),
                    base.tip("rate", _("attainable TFLOP/s")),
                ],
            },
        }
    ]
    ridges = "; ".join(f"{r['id']} {r['flop_per_byte']:.0f}" for r in known)
    alt = _("Roofline; the FLOP per byte from which a device is limited by compute: {ridges}.").format(ridges=ridges)
    base.draw({"data": {"values": rows}, "layer": layers}, alt, height=320)
