"""MaxText: ``completed step: 9, seconds: 5.667, TFLOP/s/device: 134.924, Tokens/s/device: 8672.758``."""

from __future__ import annotations

import re

from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.keys import Keys


@register
class MaxText(Format):
    """Steps are dispatched asynchronously: the first two durations are not those of a step."""

    name = "maxtext"
    hints = ("completed step", "TFLOP/s/device")
    mark = re.compile(
        r"completed step[:=]? {0,4}\d+[^\n]{0,60}?seconds[:=] {0,4}[\d.]+|\bstep: \d+, seconds: [\d.]+, TFLOP/s/device:"
    )
    keys = Keys({
        "completed step": ("step", ""),
        "step": ("step", ""),
        "seconds": ("step_time_s", "s"),
        "TFLOP/s/device": ("flops_per_s_per_device", "TFLOP/s"),
        "TFLOP/s": ("flops_per_s_per_device", "TFLOP/s"),
        "Tokens/s/device": ("tokens_per_s_per_device", ""),
        "total_weights": ("tokens_per_step", ""),
        "MFU": ("mfu", "%"),
    })  # fmt: skip
    warmup = 2
