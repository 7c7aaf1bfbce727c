"""The best matrix-product rate ever measured on a device: calibrations, kept apart from the facts."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from mfu_planner.facts import shipped_json
from mfu_planner.hardware._accelerator import dtype_key


@dataclass(frozen=True, slots=True)
class AchievableRate:
    """A measured top rate of one device."""

    accelerator_id: str
    dtype: str
    flops_per_s: float
    """FLOP/s of one device."""
    shape: str
    """m x n x k of the product that reached it."""
    software: str
    date: str
    note: str | None
    source: dict[str, Any]


@functools.cache
def _rows() -> dict[tuple[str, str], AchievableRate]:
    best: dict[tuple[str, str], AchievableRate] = {}
    for row in shipped_json("hardware_specs", "achievable.json"):
        rate = AchievableRate(accelerator_id=row.pop("accelerator"), **row)
        key = (rate.accelerator_id, rate.dtype)
        if key not in best or rate.flops_per_s > best[key].flops_per_s:
            best[key] = rate
    return best


def achievable(accelerator_id: str, dtype: str) -> AchievableRate | None:
    """The best measured rate of a catalogue id in a number format; None where nobody's measurement is on file."""
    return _rows().get((accelerator_id, dtype_key(dtype)))
