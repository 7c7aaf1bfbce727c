"""Pictures of a model: where its parameters and its FLOPs are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mfu_planner.ui.charts import base
from mfu_planner.ui.text import _


def where(operators: Sequence[Mapping[str, Any]]) -> None:
    """Each operator's share of the parameters and of the forward FLOPs, side by side."""
    totals = {
        "params": sum(int(o["params"]) for o in operators) or 1,
        "forward_flops": sum(int(o["forward_flops"]) for o in operators) or 1,
    }
    names = {"params": _("parameters"), "forward_flops": _("forward FLOPs")}
    rows = [
        {
            "operator": o["name"],
            "of": names[key],
            "share": 100 * int(o[key]) / totals[key],
            "count": o["count"],
            "value": float(o[key]),
        }
        for o in operators
        for key in ("params", "forward_flops")
        if o["params"] or o["forward_flops"]
    ]
    order = [o["name"] for o in sorted(operators, key=lambda o: -int(o["forward_flops"]))]
    spec = {
        "data": {"values": rows},
        "mark": {"type": "bar"},
        "encoding": {
            "y": {"field": "operator", "type": "nominal", "sort": order, "title": None, "axis": base.names()},
            "yOffset": {"field": "of", "type": "nominal", "sort": list(names.values())},
            "x": base.axis("share", _("share (%)"), scale={"zero": True}),
            "color": {
                "field": "of",
                "type": "nominal",
                "sort": list(names.values()),
                "title": None,
                "legend": {"orient": "top"},
            },
            "tooltip": [
                base.tip("operator", _("operator"), None),
                base.tip("of", _("share of"), None),
                base.tip("share", _("share (%)")),
                base.tip("value", _("amount"), ".4~s"),
                base.tip("count", _("instances"), ",.0f"),
            ],
        },
    }
    shown = len({r["operator"] for r in rows})
    top = ", ".join(str(name) for name in order[:3])
    alt = _("Where the parameters and the FLOPs are; most FLOPs: {top}.").format(top=top)
    base.draw(spec, alt, height=34 * shown + 60)


def over_length(rows: Sequence[Mapping[str, float]], seq_len: int | None) -> None:
    """Training FLOP per token over sequence length, attention over all pairs or those that the mask allows."""
    points = [
        {"seq_len": r["seq_len"], "of": name, "flops": r[key] / 1e9}
        for r in rows
        for key, name in (("full", _("attention over all pairs")), ("causal", _("pairs that the mask allows")))
    ]
    x = base.axis("seq_len", _("sequence length (tokens)"), log=True, number=base.WHOLE)
    y = base.axis("flops", _("training GFLOP per token"), scale={"zero": True})
    style = {
        "field": "of",
        "type": "nominal",
        "title": None,
        "legend": {"orient": "top", "labelLimit": 300, "columns": 1},
    }
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "line", "strokeWidth": 2.5},
            "encoding": {
                "x": x,
                "y": y,
                "color": style,
                "strokeDash": style,
                "tooltip": [
                    base.tip("seq_len", _("tokens"), ",.0f"),
                    base.tip("flops", _("GFLOP per token")),
                    base.tip("of", _("counted"), None),
                ],
            },
        }
    ]
    here = [r for r in rows if r["seq_len"] == seq_len]
    if here:
        point = {"seq_len": seq_len, "flops": here[0]["full"] / 1e9}
        layers.append(base.here(point, x, y, [base.tip("seq_len", _("tokens"), ",.0f")]))
    alt = _("Training FLOP per token grow with the sequence length, from {a:.4g} to {b:.4g} GFLOP.").format(
        a=rows[0]["full"] / 1e9, b=rows[-1]["full"] / 1e9
    )
    base.draw({"data": {"values": points}, "layer": layers}, alt, height=280)
