"""prime, OpenDiLoCo and prime-rl."""

from __future__ import annotations

import re

from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.keys import Keys
from mfu_planner.observe.logs.record import Record


@register
class Prime(Format):
    """``step: 6, loss: …, tokens_per_second: 625519.12, mfu: 50.56``: the whole job's rate, percent without a sign."""

    name = "prime"
    hints = ("tokens_per_second: ", "tokens/s", "Throughput:")
    mark = re.compile(
        r"\bstep: {0,4}\d+,[^\n]{0,200}?tokens_per_second: [\d.]+"
        r"|\bStep {1,4}\d+ \|[^\n]{0,200}?Throughput: [\d.]+ tokens/s"
    )
    keys = Keys({
        "step": ("step", ""),
        "tokens_per_second": ("tokens_per_s", ""),
        "Throughput": ("tokens_per_s", ""),
        "Time": ("step_time_s", "?"),
        "mfu": ("mfu", "%"),
        "total_samples": ("samples_total", ""),
    })  # fmt: skip
    warmup = 2

    def record(self, line: str) -> Record | None:
        """The record of a line; prime-rl's ``Throughput`` is a mean over the last steps."""
        if "Throughput:" in line:
            self.log.running |= {"tokens_per_s", "mfu"}
        return super().record(line)
