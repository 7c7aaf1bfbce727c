"""NeMo 1 (progress bar), NeMo 2 (``… | train_step_timing in s: 7.549 | …``) and the DLLogger JSON of both."""

from __future__ import annotations

import re

from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.keys import Keys
from mfu_planner.observe.logs.record import Record
from mfu_planner.observe.logs.text import number

_JSON_STAMP = re.compile(r'"timestamp": ?"?(\d{9,11}\.\d+)')
_ITERATION = re.compile(r"\biteration {1,4}(\d{1,15})/")
_LIST = re.compile(r"train_step_timing in s: \[([\d., ]{1,100000})\]")


@register
class NeMo(Format):
    """Seconds of a global step; DLLogger's first values are means that hold the first step."""

    name = "nemo"
    weight = 0.95
    hints = ("train_step_timing", "Training epoch")
    opening = re.compile(r"Training epoch \d+, iteration \d+/")
    mark = re.compile(
        r"train_step_timing(?:\s{1,3}in s)?['\"]?[=:] ?\[?[\d.]+|Training epoch \d+, iteration \d+/\d+ \| lr:"
    )
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

    def line(self, line: str) -> None:
        """Take a line: a step, or the list of all step times that a run ends with."""
        found = _LIST.search(line)
        if found is None:
            super().line(line)
        elif not self.log.store.held:
            for step, text in enumerate(found[1].split(",")):
                if (seconds := number(text)) is not None:
                    self.log.add(Record(step=float(step), step_time_s=seconds))

    def record(self, line: str) -> Record | None:
        """The record of a line, or ``None`` where it states no speed."""
        record = self.keys.record(line)
        if record.step_time_s is None:
            return None
        if record.step is None:
            found = _ITERATION.search(line)
            record.step = float(found[1]) if found else None
        if found := _JSON_STAMP.search(line):
            record.time = float(found[1])
            self.log.clock_tick_s = 1e-3
        return record
