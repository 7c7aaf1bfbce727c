"""tinygrad's examples: ``    4 4.32 s run, 11.8750 loss, …, 401488.40 GFLOPS``."""

from __future__ import annotations

import re

from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.record import Record
from mfu_planner.observe.logs.text import NUMBER, resolution

_LINE = re.compile(rf"^\s{{0,8}}(\d{{1,15}})[: ] {{0,8}}({NUMBER}) (ms|s) run,[^\n]{{0,300}}?({NUMBER}) GFLOPS", re.M)


@register
class TinyGrad(Format):
    """GFLOPS counts the kernels' operations (recomputation and optimizer too) of all devices together."""

    name = "tinygrad"
    hints = ("GFLOPS",)
    mark = _LINE
    warmup = 3  # the first steps capture the graph
    tagged = False

    def record(self, line: str) -> Record | None:
        """The record of a line, or ``None`` where it states no speed."""
        found = _LINE.search(line)
        if found is None:
            return None
        self.log.see({"step_time_s": resolution(found[2])})
        self.log.note(
            "log/kernel-operations", "warning",
            "GFLOPS sums the operations of all devices' kernels, recomputation and optimizer included: hardware "
            "FLOP/s, not model FLOP/s",
        )  # fmt: skip
        return Record(
            step=float(found[1]),
            step_time_s=float(found[2].replace(",", "")) * (1e-3 if found[3] == "ms" else 1.0),
            flops_per_s=float(found[4].replace(",", "")) * 1e9,
        )
