"""Blank cells of a published run's layout: degrees and batches by the stated rules."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mfu_planner.backtesting.runs import Unusable
from mfu_planner.machine.calibrated import calibration

if TYPE_CHECKING:
    from mfu_planner.backtesting.runs import RunRow

ROUNDED = 0.02
"""A batch that a rate implies may miss a whole number of micro-batches by this much."""


def left_over(row: RunRow, devices: float, tp: float, pp: float, cp: float) -> tuple[float, float]:
    """(tp, pp), where blank, so that tp·pp·cp·dp = devices with the stated dp; the rest of what is blank is 1."""
    dp = row.number("dp")
    if dp is None or devices % (tp * pp * cp * dp):
        return tp, pp
    tensor = float(calibration()["rules"]["usual_layout"]["tensor"])
    rest = devices / (tp * pp * cp * dp)
    if not row.text("pp") and row.text("tp"):
        return tp, rest * pp
    if not row.text("tp") and (row.text("pp") or rest <= tensor):
        return rest * tp, pp
    if not row.text("tp") and rest % tensor == 0:
        return tensor, rest / tensor
    return tp, pp


def usual_layout(params: float, devices: float, memory_bytes: float, per_parameter: float) -> tuple[float, float]:
    """(tp, pp) of a usual Megatron layout: the least TP whose states fit, else TP of a node and the fewest stages.

    ``per_parameter``: bytes of weights, gradients and optimizer states that a device holds per parameter.
    """
    usual = calibration()["rules"]["usual_layout"]
    tensor, room = float(usual["tensor"]), usual["share_of_memory"] * memory_bytes
    held, tp = per_parameter * params, 1.0
    while tp < tensor and held / tp >= room:
        tp *= 2.0
    if devices < tensor:
        return 1.0, 1.0
    if held / tp < room and devices % tp == 0:
        return tp, 1.0
    pp = 1.0
    while held / (tensor * pp) > room and devices % (2.0 * tensor * pp) == 0:
        pp *= 2.0
    return (tensor, pp) if devices % (tensor * pp) == 0 else (1.0, 1.0)


def batches(
    row: RunRow, seq_len: float, devices: float, dp: float, pp: float, whole: bool, fill: float = 0.0
) -> tuple[float, float, float]:
    """(micro-batch, global batch, micro-batches per pipeline) in sequences; ``fill``: tokens that fill a device."""
    batch = row.number("global_batch_seqs")
    tokens = row.number("global_batch_tokens")
    if batch is None and tokens is not None:
        batch = tokens / seq_len
    accumulated, micro = row.number("grad_accum"), row.number("micro_batch")
    seconds, rate = row.number("step_time_s"), row.number("tokens_per_s_per_device")
    if batch is None and seconds and rate:
        batch = float(max(1, round(seconds * rate * (row.number("num_devices") or devices) / seq_len)))
    if batch is None and accumulated is None and (pp > 1 or micro is None):
        raise Unusable("the batch is not stated, and nothing in the row implies it")
    if batch is None:
        batch = (micro or 1.0) * dp * (accumulated or 1.0)
    per_pipeline = batch / dp
    stated = micro is not None and micro <= per_pipeline
    if micro is None:
        one = per_pipeline if whole else 2.0 ** math.floor(math.log2(max(1.0, fill / seq_len)))
        micro = per_pipeline / accumulated if accumulated else min(one, per_pipeline)
    if not stated and micro >= per_pipeline and pp > 1:
        micro = 1.0 if per_pipeline >= 1 else per_pipeline
    micro = min(micro, per_pipeline)
    return micro, batch, max(1.0, math.ceil(per_pipeline / micro - ROUNDED))
