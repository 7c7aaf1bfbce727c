"""Pictures of a layout: where the step goes, what memory holds, who waits for whom, which layouts are best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mfu_planner.report.human import percent
from mfu_planner.step.picture import Schedule
from mfu_planner.ui.charts import base
from mfu_planner.ui.numbers import show
from mfu_planner.ui.text import N_, _
from mfu_planner.units import DAY

PARTS = {
    "ideal": N_("model FLOPs at the peak rate"),
    "matmul_inefficiency": N_("matrix products below the peak"),
    "attention": N_("attention below the peak"),
    "pointwise": N_("norms, activations: memory-bound"),
    "casts": N_("casts to a narrow format"),
    "recompute": N_("recomputation"),
    "tensor_parallel": N_("exposed tensor-parallel communication"),
    "context_parallel": N_("exposed context-parallel communication"),
    "expert_parallel": N_("exposed expert dispatch"),
    "launch": N_("kernel launches, fixed cost"),
    "pipeline_latency": N_("sends between stages"),
    "stage_imbalance": N_("waiting for the slowest stage"),
    "bubble": N_("pipeline bubble"),
    "data_parallel": N_("exposed gradient exchange"),
    "optimizer": N_("optimizer, clipping"),
    "input_stall": N_("waiting for data"),
}
"""Parts of a step, in words."""
_GOOD = "#2F9E77"
_HELD = {
    "weights_bytes": N_("weights"),
    "gradients_bytes": N_("gradients"),
    "optimizer_bytes": N_("optimizer states"),
    "activations_bytes": N_("activations"),
    "logits_bytes": N_("logits"),
    "other_bytes": N_("other"),
}


def waterfall(parts: Sequence[Mapping[str, Any]], step_s: float) -> None:
    """From the ideal step to the real one, part by part."""
    rows, at = [], 0.0
    for part in parts:
        end = at + float(part["seconds"])
        name = _(PARTS.get(str(part["name"]), str(part["name"]).replace("_", " ")))
        said = f"{show(part['seconds'], 'time', 3)} · {percent(part['share'])}"
        rows.append({"part": name, "from": at, "to": end, "ideal": part["name"] == "ideal", "said": said})
        at = end
    total = {"part": _("the step"), "from": 0.0, "to": step_s, "ideal": False, "said": show(step_s, "time", 3)}
    order = [r["part"] for r in rows] + [total["part"]]
    y = {"field": "part", "type": "nominal", "sort": order, "title": None, "axis": base.names()}
    x = base.axis("from", _("seconds"), scale={"domain": [0, step_s * 1.16]})
    fill = {
        "condition": [
            {"test": "datum.ideal", "value": _GOOD},
            {"test": f"datum.part == '{total['part']}'", "value": base.MUTED},
        ],
        "value": base.HERE,
    }
    layers = [
        {
            "mark": {"type": "bar", "height": {"band": 0.68}},
            "encoding": {
                "y": y,
                "x": x,
                "x2": {"field": "to"},
                "color": fill,
                "tooltip": [base.tip("part", _("part"), None), base.tip("said", _("time and share"), None)],
            },
        },
        *base.written(y, step_s),
    ]
    alt = _("Where one step goes: ") + "; ".join(f"{r['part']} {r['said']}" for r in rows)
    base.draw({"data": {"values": [*rows, total]}, "layer": layers}, alt, height=base.tall(order, 25, 40))


def memory(held: Mapping[str, Any]) -> None:
    """Bytes of the fullest device against what is usable."""
    rows = [
        {"kind": _(label), "gb": held[key] / 1e9, "row": _("fullest device"), "order": i}
        for i, (key, label) in enumerate(_HELD.items())
        if held.get(key)
    ]
    most = max(held["total_bytes"], held["usable_bytes"] or 0.0) / 1e9
    x = {
        "field": "gb",
        "type": "quantitative",
        "title": _("memory (GB)"),
        "scale": {"domain": [0, most * 1.12], "nice": False},
        "stack": "zero",
    }
    kinds = [r["kind"] for r in rows]
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "bar", "height": 34},
            "encoding": {
                "y": {"field": "row", "type": "nominal", "title": None, "axis": None},
                "x": x,
                "color": {
                    "field": "kind",
                    "type": "nominal",
                    "sort": kinds,
                    "title": None,
                    "legend": {"orient": "top", "columns": {"expr": "containerSize()[0] < 520 ? 3 : 6"}},
                },
                "order": {"field": "order"},
                "tooltip": [base.tip("kind", _("kind"), None), base.tip("gb", "GB")],
            },
        }
    ]
    if held["usable_bytes"]:
        limit = {"gb": held["usable_bytes"] / 1e9, "said": _("capacity")}
        at = {"field": "gb", "type": "quantitative"}
        rule = {"type": "rule", "strokeWidth": 3, "color": base.HERE}
        written = {"type": "text", "align": "right", "dy": -26, "color": base.HERE, "fontWeight": 600}
        layers += [
            {"data": {"values": [limit]}, "mark": rule, "encoding": {"x": at, "tooltip": [base.tip("gb", "GB")]}},
            {"data": {"values": [limit]}, "mark": written, "encoding": {"x": at, "text": {"field": "said"}}},
        ]
    said = ", ".join(f"{r['kind']} {r['gb']:.1f} GB" for r in rows)
    room = "" if not held["usable_bytes"] else _(" of {n:.0f} GB").format(n=held["usable_bytes"] / 1e9)
    alt = _("Memory of the fullest device, {total:.1f} GB{room}: {said}.").format(
        total=held["total_bytes"] / 1e9, room=room, said=said
    )
    base.draw({"data": {"values": rows}, "layer": layers}, alt, height=190)


def pipeline(drawn: Schedule) -> None:
    """Stages over time: forward and backward passes, gaps are the bubble."""
    rows = [
        {
            "stage": s.stage + 1,
            "from": s.start,
            "to": s.end,
            "pass": _("forward") if s.forward else _("backward"),
            "batch": s.micro_batch + 1,
            "chunk": s.chunk + 1,
        }
        for s in drawn.slots
    ]
    y = {"field": "stage", "type": "ordinal", "title": _("stage")}
    x = base.axis("from", _("time (forward passes of a stage)"), scale={"zero": True})
    kinds = [_("forward"), _("backward")]
    colour = {
        "field": "pass",
        "type": "nominal",
        "title": None,
        "sort": kinds,
        "scale": {"domain": kinds, "range": ["#2F9E77", "#4C7EC9"]},
        "legend": {"orient": "top"},
    }
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "rect", "stroke": "#101614", "strokeWidth": 0.4},
            "encoding": {
                "y": y,
                "x": x,
                "x2": {"field": "to"},
                "color": colour,
                "opacity": {
                    "field": "chunk",
                    "type": "quantitative",
                    "scale": {"domain": [1, max(2, drawn.virtual)], "range": [1, 0.55]},
                    "legend": None,
                },
                "tooltip": [
                    base.tip("stage", _("stage"), ",.0f"),
                    base.tip("batch", _("micro-batch"), ",.0f"),
                    base.tip("chunk", _("chunk"), ",.0f"),
                    base.tip("pass", _("pass"), None),
                ],
            },
        }
    ]
    alt = _("Pipeline of {p} stages, {m} micro-batches, {v} chunks each: stages wait {bubble} of their busy time.")
    spec = {"data": {"values": rows}, "layer": layers}
    said = alt.format(p=drawn.stages, m=drawn.micro_batches, v=drawn.virtual, bubble=percent(drawn.bubble))
    base.draw(spec, said, height=26 * drawn.stages + 70)


def pareto(rows: Sequence[Mapping[str, Any]], front: Sequence[Mapping[str, Any]]) -> None:
    """Layouts over time and money; the line joins those that no other beats in both."""
    whole = all(r["training_time_s"] is not None and r["cost_usd"] is not None for r in rows)
    time_key, time_unit, time_title = (
        ("training_time_s", DAY, _("training time (days)")) if whole else ("step_time_s", 1, _("step time (s)"))
    )
    cost_unit, cost_title = (1e6, _("cost ($M)")) if whole else (1, _("cost of a step ($)"))
    best = {id(r) for r in front}

    def point(r: Mapping[str, Any]) -> dict[str, Any]:
        layout = " ".join(f"{k}{r[k]}" for k in ("tp", "pp", "vpp", "cp", "ep", "dp") if r[k] > 1)
        return {
            "t": r[time_key] / time_unit,
            "c": (r["cost_usd"] or 0.0) / cost_unit,
            "mfu": 100 * r["mfu"],
            "layout": layout or "dp1",
            "devices": str(r["devices"]),
            "front": id(r) in best,
        }

    points = [point(r) for r in rows]
    line = [point(r) for r in front]
    x, y = base.axis("t", time_title), base.axis("c", cost_title)
    tooltip = [
        base.tip("devices", _("devices"), None),
        base.tip("layout", _("layout"), None),
        base.tip("t", time_title),
        base.tip("c", cost_title),
        base.tip("mfu", _("MFU (%)"), ".1f"),
    ]
    layers = [
        {
            "data": {"values": line},
            "mark": {"type": "line", "strokeDash": [4, 3], "color": base.MUTED},
            "encoding": {"x": x, "y": y},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 70},
            "encoding": {
                "x": x,
                "y": y,
                "color": {"field": "devices", "type": "nominal", "title": _("devices")},
                "shape": {"field": "devices", "type": "nominal", "title": _("devices")},
                "tooltip": tooltip,
            },
        },
    ]
    alt = _("Time against cost of {n} layouts; {k} of them are beaten by no other in both.")
    base.draw({"data": {"values": points}, "layer": layers}, alt.format(n=len(rows), k=len(front)), height=320)
