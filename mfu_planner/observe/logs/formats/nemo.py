"""NeMo 1 (progress bar), NeMo 2 (``… | train_step_timing in s: 7.549 | …``) and the DLLogger JSON of both."""

from __future__ import annotations

import re

from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.keys import Keys
from mfu_planner.observe.logs.record import Record

_JSON_STAMP = re.compile(r'"timestamp": ?"?(\d{9,11}\.\d+)')
_TOTAL = re.compile(r"\biteration {1,4}\d+/(\d{1,15})|max_steps[=:] ?(\d{1,15})")


@register
class NeMo(Format):
    """Seconds of a global step; DLLogger's first values are means that hold the first step."""

    name = "nemo"
    weight = 0.95
    hints = ("train_step_timing",)
    mark = re.compile(r"train_step_timing(?: in s)?['\"]?[=:] ?[\d.]+")
    keys = Keys({
        "global_step": ("step", ""),
        "train_step_timing in s": ("step_time_s", "s"),
        "train_step_timing": ("step_time_s", "s"),
        "consumed_samples": ("samples_total", ""),
        "global_batch_size": ("global_batch", ""),
        "TFLOPS_per_GPU": ("flops_per_s_per_device", "TFLOP/s"),
        "tflops_per_sec_per_gpu": ("flops_per_s_per_device", "TFLOP/s"),
        "tokens_per_sec_per_gpu": ("tokens_per_s_per_device", ""),
        "MFU": ("mfu", "%"),
    })  # fmt: skip
    warmup = 1

    def record(self, line: str) -> Record | None:
        """The record of a line, or ``None`` where it states no speed."""
        record = super().record(line)
        if record is None or record.step_time_s is None:
            return None
        if found := _JSON_STAMP.search(line):
            record.time = float(found[1])
            self.log.clock_tick_s = 1e-3
        return record
