"""torchtitan and what is built on it: ``step: 20  loss: …  tps: 7,663  tflops: 443.78  mfu: 44.87%``."""

from __future__ import annotations

import re

from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.keys import Keys
from mfu_planner.observe.logs.record import Record


@register
class TorchTitan(Format):
    """``tps`` (``wps`` in old releases) is per device; the model-parallel devices are already divided out."""

    name = "torchtitan"
    hints = ("tps:", "wps:", "tps=")
    mark = re.compile(r"\bstep[:=] {0,8}\d+[^\n]{0,200}?\b[tw]ps[:=] {0,8}[\d,]+")
    keys = Keys({
        "step": ("step", ""),
        "tps": ("tokens_per_s_per_device", ""),
        "wps": ("tokens_per_s_per_device", ""),
        "tflops": ("flops_per_s_per_device", "TFLOP/s"),
        "mfu": ("mfu", "%"),
        "time/iter": ("step_time_s", "?"),
        "end_to_end(s)": ("step_time_s", "s"),
        "time_metrics/end_to_end(s)": ("step_time_s", "s"),
    })  # fmt: skip
    warmup = 2

    def record(self, line: str) -> Record | None:
        """The record of a line, or ``None`` where it states no speed."""
        record = super().record(line)
        if record is None or record.tokens_per_s_per_device is None:
            return None
        record.evaluation = "validate" in line[:200]
        return record
