"""Charts of a plan and a measurement, each with alternative text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from mfu_planner.sweeps import sweep
from mfu_planner.ui.text import _

if TYPE_CHECKING:
    from mfu_planner.planning import Plan

_DAY = 86400
_POINTS = 60


def time_and_cost(plan: Plan) -> None:
    """Training time over devices and over MFU, and the cost over MFU; this plan marked on each."""
    import numpy as np

    devices = np.unique(np.round(np.geomspace(max(1, plan.devices / 16), plan.devices * 16, _POINTS)))
    mfu = np.linspace(0.05, 0.75, _POINTS)
    over_devices, over_mfu = sweep(plan, "devices", list(devices)), sweep(plan, "mfu", list(mfu))
    days = [t / _DAY for t in over_devices["training_time_s"]]
    here = plan.training_time_s / _DAY
    left, right = st.columns(2)
    with left:
        _line(over_devices["devices"], days, (plan.devices, here), _("devices"), _("training time (days)"), log=True)
    with right:
        if "cost_usd" in over_mfu and plan.cost_usd is not None:
            cost = [c / 1e6 for c in over_mfu["cost_usd"]]
            _line(
                [100 * m for m in over_mfu["mfu"]],
                cost,
                (100 * plan.mfu, plan.cost_usd / 1e6),
                _("MFU (%)"),
                _("cost ($M)"),
            )
        else:
            days = [t / _DAY for t in over_mfu["training_time_s"]]
            _line(
                [100 * m for m in over_mfu["mfu"]],
                days,
                (100 * plan.mfu, here),
                _("MFU (%)"),
                _("training time (days)"),
            )


def _line(
    x: list[float], y: list[float], here: tuple[float, float], x_title: str, y_title: str, *, log: bool = False
) -> None:
    import altair as alt
    import pandas as pd

    scale: Any = alt.Scale(type="log") if log else alt.Scale(zero=False)
    frame = pd.DataFrame({"x": x, "y": y})
    tooltip = [alt.Tooltip("x:Q", title=x_title, format=",.4~g"), alt.Tooltip("y:Q", title=y_title, format=",.4~g")]
    line = (
        alt.Chart(frame)
        .mark_line(strokeWidth=2.5)
        .encode(
            x=alt.X("x:Q", title=x_title, scale=scale, axis=alt.Axis(format="~s" if log else "~g")),
            y=alt.Y("y:Q", title=y_title, scale=scale, axis=alt.Axis(format=",~g")),
            tooltip=tooltip,
        )
    )
    point = (
        alt.Chart(pd.DataFrame({"x": [here[0]], "y": [here[1]]}))
        .mark_point(size=140, filled=True, color="#D1495B")
        .encode(x="x:Q", y="y:Q", tooltip=tooltip)
    )
    said = _("{y} against {x}; this plan at {a:.4g}, {b:.4g}").format(x=x_title, y=y_title, a=here[0], b=here[1])
    st.altair_chart((line + point).properties(height=280), width="stretch", alt=said)


def conventions(by_convention: dict[str, float | None], chosen: str) -> None:
    """The same run's MFU under each convention, as bars."""
    import altair as alt
    import pandas as pd

    rows = [(n, 100 * v) for n, v in by_convention.items() if v is not None]
    frame = pd.DataFrame(rows, columns=["convention", "mfu"])
    bars = (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            y=alt.Y("convention:N", sort=None, title=None),
            x=alt.X("mfu:Q", title=_("MFU (%)")),
            color=alt.condition(alt.datum.convention == chosen, alt.value("#0B6E4F"), alt.value("#9DB4AB")),
            tooltip=["convention", alt.Tooltip("mfu:Q", format=".2f", title=_("MFU (%)"))],
        )
    )
    said = "; ".join(f"{n} {v:.1f}%" for n, v in rows)
    st.altair_chart(bars.properties(height=22 * len(rows) + 40), width="stretch", alt=said)
