"""The closed form of a plan over many values of one quantity at once: what charts are drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from mfu_planner.answers.planned import Plan
from mfu_planner.hardware._own import in_use
from mfu_planner.run import solve
from mfu_planner.run.frozen import Frozen
from mfu_planner.units import HOUR, KWH

_GIVEN = ("flops_per_token", "tokens", "devices", "peak_flops_per_s", "mfu", "goodput")


def sweep(plan: Plan, over: str, values: Sequence[float], **fixed: float) -> dict[str, list[float]]:
    """Training time and cost of a plan while one of its quantities takes many values and the others stay.

    Parameters
    ----------
    plan : the plan to vary.
    over : devices, mfu, tokens or goodput.
    values : in SI units.
    fixed : other quantities in place of the plan's own, such as ``mfu=0.3``.

    Returns
    -------
    dict
        ``over``, ``training_time_s``, ``device_hours`` and, where a price is known, ``cost_usd``; each as long as
        ``values``.
    """
    import numpy as np

    known: dict[str, Any] = _known(plan) | fixed
    known[over] = np.asarray(values, dtype=np.float64)
    if plan.price_usd_per_device_hour is not None:
        known["price_usd_per_device_s"] = plan.price_usd_per_device_hour / HOUR
    found = solve(known, ["training_time_s", "device_time_s", "cost_usd"])
    result = {over: known[over], "training_time_s": found["training_time_s"]}
    result["device_hours"] = found["device_time_s"] / HOUR
    if "cost_usd" in found:
        result["cost_usd"] = found["cost_usd"]
    return {name: np.broadcast_to(column, len(values)).tolist() for name, column in result.items()}


def _known(plan: Plan) -> dict[str, float]:
    """What a plan is solved from; its MFU is the one that its figures are at."""
    return {name: float(plan.mfu_used if name == "mfu" else getattr(plan, name)) for name in _GIVEN}


def around(centre: float, factor: float, points: int, *, whole: bool = False) -> list[float]:
    """Values from ``centre / factor`` to ``centre · factor``, even on a logarithmic axis, ``centre`` among them."""
    import numpy as np

    steps = np.geomspace(1 / factor, factor, points)
    values = sorted({*(centre * steps), centre})
    return sorted({float(max(1, round(v))) for v in values}) if whole else [float(v) for v in values]


def evenly(low: float, high: float, points: int) -> list[float]:
    """Values from ``low`` to ``high``."""
    import numpy as np

    return [float(v) for v in np.linspace(low, high, points)]


class OnHardware(Frozen):
    """The same run on another accelerator: same work, devices, MFU and goodput."""

    id: str
    name: str
    vendor: str
    training_time_s: float
    device_hours: float
    cost_usd: float
    price_usd_per_device_hour: float
    energy_kwh: float | None
    """The devices' own, at their rated power."""
    best: bool
    """No other is both faster and cheaper."""


def over_hardware(plan: Plan, dtype: str) -> tuple[OnHardware, ...]:
    """A plan on every accelerator with a dense peak in ``dtype`` and a price on file, the fastest first.

    The number of devices, the MFU and the goodput stay: what differs is the peak rate, the price and the power.
    """
    known = _known(plan)
    rows: list[dict[str, Any]] = []
    for identifier, name, vendor, peak, price, power in _priced(dtype, in_use()):
        rates = {"peak_flops_per_s": peak, "price_usd_per_device_s": price / HOUR, "power_w": power or 0.0}
        found = solve({**known, **rates})
        rows.append(
            {
                "id": identifier,
                "name": name,
                "vendor": vendor,
                "training_time_s": found["training_time_s"],
                "device_hours": found["device_time_s"] / HOUR,
                "cost_usd": found["cost_usd"],
                "price_usd_per_device_hour": price,
                "energy_kwh": None if power is None else found["energy_j"] / KWH,
            }
        )
    rows.sort(key=lambda r: (r["training_time_s"], r["cost_usd"]))
    cheapest = float("inf")
    for row in rows:
        row["best"] = row["cost_usd"] < cheapest
        cheapest = min(cheapest, row["cost_usd"])
    return tuple(OnHardware(**row) for row in rows)


@lru_cache(maxsize=16)
def _priced(dtype: str, own: Any) -> tuple[tuple[str, str, str, float, float, float | None], ...]:  # noqa: ARG001  the user's specs are a key
    from mfu_planner.hardware import dtype_key
    from mfu_planner.hardware._index import index
    from mfu_planner.hardware.prices import typical_price

    key, found = dtype_key(dtype), []
    for identifier, row in index()["accelerators"].items():
        peak = (row["peak"].get(key) or {}).get("dense")
        price = typical_price(identifier)
        if peak and price is not None:
            found.append((identifier, row["name"], row["vendor"], float(peak), price.usd_per_device_hour, row["tdp_w"]))
    return tuple(found)


class RooflinePoint(Frozen):
    """What a device can do at one arithmetic intensity."""

    flop_per_byte: float
    flops_per_s: float


def roofline(peak_flops_per_s: float, bytes_per_s: float, points: int = 40) -> tuple[RooflinePoint, ...]:
    """The attainable rate over arithmetic intensity: the smaller of the peak and intensity × memory bandwidth.

    Parameters
    ----------
    peak_flops_per_s, bytes_per_s : of one device.

    References
    ----------
    Williams, Waterman and Patterson 2009, "Roofline", doi:10.1145/1498765.1498785.
    """
    ridge = peak_flops_per_s / bytes_per_s
    return tuple(
        RooflinePoint(flop_per_byte=x, flops_per_s=min(peak_flops_per_s, x * bytes_per_s))
        for x in around(ridge, 1000.0, points)
    )
