"""Charts of a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mfu_planner.answers.sweep import OnHardware, around, evenly, sweep
from mfu_planner.report.human import percent
from mfu_planner.ui.charts import base
from mfu_planner.ui.numbers import show
from mfu_planner.ui.text import _
from mfu_planner.units import DAY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mfu_planner.answers.planned import Plan

_POINTS = 48
_FACTOR = 16
_LEAST, _MOST = 0.05, 0.75


def over_devices(plan: Plan) -> None:
    """Training time over devices at this MFU, with the band that similar published runs span."""
    values = around(plan.devices, _FACTOR, _POINTS, whole=True)
    own = sweep(plan, "devices", values)
    rows = [{"devices": d, "days": t / DAY} for d, t in zip(own["devices"], own["training_time_s"], strict=True)]
    if plan.range is not None:
        fast = sweep(plan, "devices", values, mfu=plan.range.mfu_high)["training_time_s"]
        slow = sweep(plan, "devices", values, mfu=plan.range.mfu_low)["training_time_s"]
        rows = [r | {"fast": f / DAY, "slow": s / DAY} for r, f, s in zip(rows, fast, slow, strict=True)]
    x = base.axis("devices", _("devices"), log=True, number=base.WHOLE)
    y = base.axis("days", _("training time (days)"), log=True)
    tooltip = [base.tip("devices", _("devices"), ",.0f"), base.tip("days", _("days"))]
    layers: list[dict[str, Any]] = []
    if plan.range is not None:
        tooltip += [base.tip("fast", _("at their best")), base.tip("slow", _("at their worst"))]
        band = {"x": x, "y": y | {"field": "fast"}, "y2": {"field": "slow"}}
        layers.append({"mark": {"type": "area", "opacity": 0.22}, "encoding": band})
    layers.append({"mark": {"type": "line", "strokeWidth": 2.5}, "encoding": {"x": x, "y": y, "tooltip": tooltip}})
    point = {"devices": plan.devices, "days": plan.training_time_s / DAY}
    layers += [base.here(point, x, y, tooltip[:2]), base.said(point, x, y, _("this plan"))]
    alt = _("Training time falls in proportion to the devices: {time} on {n:,}.")
    title = _("Time over devices") if plan.range is None else _("Time over devices (band: similar runs)")
    spec = {"title": title, "data": {"values": rows}, "layer": layers}
    base.draw(spec, alt.format(time=show(plan.training_time_s, "time", 3), n=plan.devices))


def over_mfu(plan: Plan, quantity: str) -> None:
    """Time or cost over MFU, with the span of similar published runs behind it."""
    values = evenly(_LEAST, _MOST, _POINTS)
    found = sweep(plan, "mfu", values)
    money = quantity == "cost" and plan.cost_usd is not None
    key, unit, title = ("cost_usd", 1e6, _("cost ($M)")) if money else ("training_time_s", DAY, _("time (days)"))
    rows = [{"mfu": 100 * m, "y": v / unit} for m, v in zip(found["mfu"], found[key], strict=True)]
    x = base.axis("mfu", _("MFU (%)"), scale={"domain": [0, 100 * _MOST]})
    y = base.axis("y", title, scale={"zero": True})
    tooltip = [base.tip("mfu", _("MFU (%)")), base.tip("y", title)]
    layers: list[dict[str, Any]] = []
    if plan.range is not None:
        r = plan.range
        span = [{"mfu": 100 * r.mfu_low, "end": 100 * r.mfu_high}]
        layers.append(
            {
                "data": {"values": span},
                "mark": {"type": "rect", "opacity": 0.2, "color": base.MUTED},
                "encoding": {"x": x, "x2": {"field": "end"}},
            }
        )
    layers.append({"mark": {"type": "line", "strokeWidth": 2.5}, "encoding": {"x": x, "y": y, "tooltip": tooltip}})
    now = plan.cost_usd if money else plan.training_time_s
    point = {"mfu": 100 * plan.mfu_used, "y": (now or 0) / unit}
    layers += [base.here(point, x, y, tooltip), base.said(point, x, y, _("this plan"))]
    alt = _("{what} falls as MFU rises: {value} at {mfu}.").format(
        what=title, value=show(now, "usd" if money else "time", 3), mfu=percent(plan.mfu_used)
    )
    head = _("Cost over MFU") if money else _("Time over MFU")
    head += "" if plan.range is None else " " + _("(grey: similar runs)")
    base.draw({"title": head, "data": {"values": rows}, "layer": layers}, alt)


def over_hardware(rows: Sequence[OnHardware], chosen: str | None) -> None:
    """Cost against time: the same run on every accelerator that has a price."""
    points = [
        {
            "id": r.id,
            "name": r.name,
            "vendor": r.vendor,
            "days": r.training_time_s / DAY,
            "cost": r.cost_usd / 1e6,
            "price": r.price_usd_per_device_hour,
        }
        for r in rows
    ]
    x = base.axis("days", _("training time (days)"), log=True)
    y = base.axis("cost", _("cost ($M)"), log=True)
    tooltip = [
        base.tip("name", _("accelerator"), None),
        base.tip("days", _("days")),
        base.tip("cost", _("cost ($M)")),
        base.tip("price", _("$ per device-hour")),
    ]
    best = [p for p, r in zip(points, rows, strict=True) if r.best and r.id != chosen]
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "point", "filled": True, "size": 70, "opacity": 0.85},
            "encoding": {
                "x": x,
                "y": y,
                "color": {"field": "vendor", "type": "nominal", "title": _("vendor")},
                "shape": {"field": "vendor", "type": "nominal", "title": _("vendor")},
                "tooltip": tooltip,
            },
        },
        {
            "data": {"values": best},
            "mark": {"type": "text", "align": "left", "dx": 7, "dy": 8, "color": base.MUTED, "fontSize": 11},
            "encoding": {"x": x, "y": y, "text": {"field": "id", "type": "nominal"}},
        },
    ]
    layers += [
        layer
        for p in points
        if p["id"] == chosen
        for layer in (base.here(p, x, y, tooltip), base.said(p, x, y, str(p["id"])))
    ]
    named = ", ".join(r.name for r in rows if r.best)
    alt = _("Cost against time on {n} accelerators; none is both faster and cheaper than: {best}.")
    base.draw({"data": {"values": points}, "layer": layers}, alt.format(n=len(rows), best=named), height=380)
