"""Charts of a measurement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mfu_planner.ui.charts import base
from mfu_planner.ui.text import _

_LARGE = 30e9
"""Parameters from which a label goes to the left of its point."""

if TYPE_CHECKING:
    from mfu_planner.answers.suggest import PublishedRun


def conventions(by_convention: Mapping[str, float | None], chosen: str) -> None:
    """The same run's MFU under each convention, as bars."""
    rows = [{"convention": n, "mfu": 100 * v, "chosen": n == chosen} for n, v in by_convention.items() if v is not None]
    order: list[Any] = [r["convention"] for r in rows]
    y = {"field": "convention", "type": "nominal", "sort": order, "title": None, "axis": base.names()}
    x = base.axis("mfu", _("MFU (%)"), scale={"zero": True})
    fill = {"condition": {"test": "datum.chosen", "value": base.HERE}, "value": base.MUTED}
    layers = [
        {
            "mark": {"type": "bar", "height": {"band": 0.7}},
            "encoding": {
                "y": y,
                "x": x,
                "color": fill,
                "tooltip": [base.tip("convention", _("convention"), None), base.tip("mfu", _("MFU (%)"))],
            },
        },
        {
            "mark": {"type": "text", "align": "left", "dx": 4, "color": base.MUTED},
            "encoding": {"y": y, "x": x, "text": {"field": "mfu", "type": "quantitative", "format": ".1f"}},
        },
    ]
    alt = _("MFU by convention: ") + "; ".join(f"{r['convention']} {r['mfu']:.1f}%" for r in rows)
    base.draw({"data": {"values": rows}, "layer": layers}, alt, height=24 * len(rows) + 30)


def around(runs: Sequence[PublishedRun], params: int, mfu: float, hardware: str) -> None:
    """Published runs over model size, those on the same hardware in colour: you are here."""
    rows: list[dict[str, Any]] = [
        {
            "params": r.params,
            "mfu": 100 * r.mfu,
            "hardware": r.hardware,
            "devices": r.devices or 0,
            "on": hardware if r.same_hardware else _("other hardware"),
            "url": r.url,
        }
        for r in runs
    ]
    rows.sort(key=lambda r: r["on"] == hardware)
    x = base.axis("params", _("active parameters"), log=True, axis={"labelExpr": base.BILLIONS})
    y = base.axis("mfu", _("MFU (%)"), scale={"zero": True})
    tooltip = [
        base.tip("hardware", _("hardware"), None),
        base.tip("params", _("active parameters"), ".3~s"),
        base.tip("devices", _("devices"), ",.0f"),
        base.tip("mfu", _("MFU (%)"), ".1f"),
        base.tip("url", _("source"), None),
    ]
    names = [hardware, _("other hardware")]
    colour = {"field": "on", "type": "nominal", "title": None, "scale": {"domain": names}, "legend": {"orient": "top"}}
    shape = {"field": "on", "type": "nominal", "title": None, "scale": {"domain": names, "range": ["circle", "cross"]}}
    faint = {"condition": {"test": f"datum.on == '{hardware}'", "value": 0.9}, "value": 0.3}
    point = {"params": params, "mfu": 100 * mfu}
    layers = [
        {
            "mark": {"type": "point", "filled": True, "size": 55},
            "encoding": {
                "x": x,
                "y": y,
                "color": colour,
                "shape": shape,
                "opacity": faint,
                "tooltip": tooltip,
                "href": {"field": "url", "type": "nominal"},
            },
        },
        base.here(point, x, y, [base.tip("params", _("active parameters"), ".3~s"), base.tip("mfu", _("MFU (%)"))]),
        base.said(point, x, y, _("you are here"), left=params > _LARGE),
    ]
    same = [100 * r.mfu for r in runs if r.same_hardware]
    alt = _("{n} published runs on {hardware}, {low:.0f} to {high:.0f}% MFU; this run at {mfu:.1f}%.").format(
        n=len(same), hardware=hardware, low=min(same, default=0), high=max(same, default=0), mfu=100 * mfu
    )
    base.draw({"data": {"values": rows}, "layer": layers}, alt, height=360)
