"""LitGPT: ``Epoch 1 | iter 2 step 1 | … | iter time: 548.72 ms (step)``; one line is one micro-batch."""

from __future__ import annotations

import re

from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.record import Record
from mfu_planner.observe.logs.text import resolution

_LINE = re.compile(
    r"\biter(?:ation)? {1,6}(\d{1,15}):? (?:\| )?(?i:step):? {0,6}(\d{1,15})\b[^\n]{0,200}?"
    r"iter time: {0,6}(\d{1,15}(?:\.\d{1,15})?) ?(ms|s)\b( \(step\)| \(opt(?:imizer)?\.step\))?"
)


@register
class LitGPT(Format):
    """The micro-batches between two optimizer steps are summed; where only some are logged, one is multiplied."""

    name = "litgpt"
    hints = ("iter time:",)
    mark = _LINE
    warmup = 2

    def __init__(self, log: Reading) -> None:
        super().__init__(log)
        self.begin()

    def begin(self, *, new_file: bool = False) -> None:
        """Forget what was half read."""
        del new_file
        self._sum = 0.0
        self._iterations = 0
        self._last: tuple[int, int] | None = None
        self._per_step = 0.0

    def line(self, line: str) -> None:
        """Take a line that holds a hint."""
        found = _LINE.search(line)
        if found is None:
            return
        iteration, step = int(found[1]), int(found[2])
        seconds = float(found[3]) * (1e-3 if found[4] == "ms" else 1.0)
        self.log.see({"step_time_s": resolution(found[3])})
        ends = found[5] is not None
        if self._last is not None and iteration > self._last[0] + 1:  # micro-batches in between are not logged
            steps = step - self._last[1]
            if steps > 0:
                self._per_step = (iteration - self._last[0]) / steps
            self._sum, self._iterations = 0.0, 0
            if ends and self._per_step:
                self.keep(Record(step=step, step_time_s=seconds * self._per_step), line)
                self.log.note(
                    "log/micro-batches-multiplied", "warning",
                    f"only some micro-batches are logged: the step time is one logged micro-batch times the "
                    f"{self._per_step:g} of a step",
                    micro_batches_per_step=self._per_step,
                )  # fmt: skip
        else:
            self._sum += seconds
            self._iterations += 1
            if ends:
                if self._last is not None or iteration == self._iterations:
                    self.keep(Record(step=step, step_time_s=self._sum), line)
                self._sum, self._iterations = 0.0, 0
        self._last = iteration, step
