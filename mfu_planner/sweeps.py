"""The closed form of a plan over many values of one quantity at once: what charts are drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mfu_planner.equations import closed_forms
from mfu_planner.planning import Plan

_GIVEN = ("flops_per_token", "tokens", "devices", "peak_flops_per_s", "mfu", "goodput")


def sweep(plan: Plan, over: str, values: Sequence[float]) -> dict[str, list[float]]:
    """Training time and cost of a plan while one of its quantities takes many values and the others stay.

    Parameters
    ----------
    plan : the plan to vary.
    over : devices, mfu, tokens or goodput.
    values : in SI units.

    Returns
    -------
    dict
        ``over``, ``training_time_s``, ``device_hours`` and, where a price is known, ``cost_usd``; each as long as
        ``values``.
    """
    import numpy as np

    known: dict[str, Any] = {name: float(getattr(plan, name)) for name in _GIVEN}
    known[over] = np.asarray(values, dtype=np.float64)
    forms = closed_forms(frozenset(known)).solved
    time = forms["training_time_s"](known)
    hours = np.broadcast_to(forms["device_time_s"](known) / 3600, time.shape)
    result = {over: known[over], "training_time_s": time, "device_hours": hours}
    if plan.price_usd_per_device_hour is not None:
        result["cost_usd"] = hours * plan.price_usd_per_device_hour
    return {name: [float(v) for v in array] for name, array in result.items()}
