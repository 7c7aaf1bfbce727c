"""Composer and LLM Foundry: ``[batch=4/5]:`` and one indented ``Train name: value`` line per metric."""

from __future__ import annotations

import re

from mfu_planner.observe.logs import clock
from mfu_planner.observe.logs.formats.base import OfSeveralLines, register
from mfu_planner.observe.logs.keys import Keys
from mfu_planner.observe.logs.record import Record

_BATCH = re.compile(r"\[(?:epoch=\d+(?:/\d+)?\]?\[?)?batch=(\d{1,15})(?:/(\d{1,15}))?\]:")


@register
class Composer(OfSeveralLines):
    """Global and per-device rates; ``batches_per_sec`` is rounded to four decimals and may have two digits."""

    name = "composer"
    hints = ("throughput/", "batch=", "time/")
    mark = re.compile(r"\bthroughput/(?:device/)?(?:tokens|samples|batches)_per_sec: ")
    keys = Keys({
        "throughput/batches_per_sec": ("steps_per_s", ""),
        "throughput/samples_per_sec": ("samples_per_s", ""),
        "throughput/device/samples_per_sec": ("samples_per_s_per_device", ""),
        "throughput/tokens_per_sec": ("tokens_per_s", ""),
        "throughput/device/tokens_per_sec": ("tokens_per_s_per_device", ""),
        "throughput/device/flops_per_sec": ("flops_per_s_per_device", ""),
        "throughput/device/mfu": ("mfu", ""),
        "time/batch": ("step", ""),
        "time/sample": ("samples_total", ""),
        "time/token": ("tokens_total", ""),
    })  # fmt: skip
    running = frozenset({"steps_per_s", "samples_per_s", "tokens_per_s", "tokens_per_s_per_device",
                         "samples_per_s_per_device", "flops_per_s_per_device", "mfu"})  # fmt: skip
    warmup = 2

    def count(self, text: str) -> int:
        """How many records a stretch holds that is only counted."""
        return text.count("batch=")

    def line(self, line: str) -> None:
        """Take a line that holds a hint."""
        if found := _BATCH.search(line):
            self.close(Record(step=float(found[1]), time=clock.stamp(line)))
        pairs = self.keys.pairs(line)
        if pairs:
            self.log.see(self.keys.resolutions(line))
            record = self.opened()
            for field, value in pairs.items():
                if getattr(record, field) is None:
                    setattr(record, field, value)
