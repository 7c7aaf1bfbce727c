"""Which rows a fit may see: selections by source and model size, never at random (``calibration/fits.yaml``)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mfu_planner.backtesting.runs import RunRow

STALL_SECONDS = 0.5
"""What a tick takes beyond the model's own time, at least, where the cluster stalls and not the model."""
SLOW_MFU = 0.2
"""A model that computes at this share of the peak is slow, not stalled."""


def selects(chosen: Mapping[str, Any], row: RunRow) -> bool:
    """Whether a selection contains a row.

    Keys: ``ids`` (prefixes), ``models``, ``release`` (patterns in the
    model's name and the source's locator), ``hidden``, ``layers`` (values), ``max_devices``, ``without`` (ids
    left out, each for a reason
    given beside it), ``no_stalls``.
    """
    if not row.id.startswith(tuple(chosen["ids"])) or row.id.startswith(tuple(chosen.get("without", ())) or ("\0",)):
        return False
    for key, column in (("models", "model"), ("release", "source_locator")):
        if key in chosen and not re.search(chosen[key], row.text(column), re.IGNORECASE):
            return False
    for name in ("hidden", "layers", "seq_len"):
        if name in chosen and row.number(name) not in chosen[name]:
            return False
    if (row.number("num_devices") or 0) > chosen.get("max_devices", float("inf")):
        return False
    return not (chosen.get("no_stalls") and stalled(row))


def pipeline_tick(row: RunRow) -> float | None:
    """Seconds per micro-batch and pipeline slot of a row with pipeline stages, None without."""
    stages, count, seconds = row.number("pp"), row.number("grad_accum"), row.step_time_s
    if not stages or stages <= 1 or not count or not seconds:
        return None
    return seconds / (count + stages - 1)


def stalled(row: RunRow) -> bool:
    """Whether the row's pipeline ticks like the stalls described in the accuracy report: half a second longer than the
    model itself takes at a poor share of the peak."""
    tick, peak = pipeline_tick(row), _peak(row.text("hw_key"))
    work = [row.number(name) for name in ("params", "micro_batch", "seq_len", "pp")]
    if tick is None or peak is None or None in work:
        return False
    params, micro, seq_len, stages = (float(n or 0.0) for n in work)
    shared = stages * (row.number("tp") or 1.0) * (row.number("cp") or 1.0)
    return tick - 6.0 * params * micro * seq_len / (shared * SLOW_MFU * peak) > STALL_SECONDS


@lru_cache(maxsize=64)
def _peak(device: str) -> float | None:
    from mfu_planner.errors import InputError
    from mfu_planner.hardware import resolve

    try:
        return float(resolve(device).peak_flops_per_s("bf16"))
    except InputError:
        return None


def used_for_calibration(row: RunRow) -> bool:
    """Whether any fit saw the row."""
    from mfu_planner.machine.calibrated import calibration

    return any(selects(chosen, row) for fit in calibration()["fits"] for chosen in fit["rows"])
