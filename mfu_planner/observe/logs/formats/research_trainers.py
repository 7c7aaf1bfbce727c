"""Trainers of research fields with lines of their own: LeRobot, PyTracking and its kin, EasyDeL."""

from __future__ import annotations

import re

from mfu_planner.observe.logs.dialects import pretraining
from mfu_planner.observe.logs.formats.base import Format, OfSeveralLines, register
from mfu_planner.observe.logs.formats.dictionaries import pairs
from mfu_planner.observe.logs.keys import Keys
from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.record import Record
from mfu_planner.observe.logs.text import NUMBER, number


@register
class LeRobot(Format):
    """``step:200 smpl:2K ep:3 … updt_s:1.278 data_s:0.010``: seconds of the update and of waiting for its batch, one
    after the other."""

    name = "lerobot"
    weight = 0.97
    hints = ("updt_s:",)
    mark = re.compile(r"\bstep:\d[\d.]{0,12}[KMB]? [^\n]{0,200}?\bupdt_s:[\d.]+ data_s:[\d.]")
    keys = Keys({
        "step": ("step", ""),
        "smpl": ("samples_total", ""),
        "updt_s": ("step_time_s", "s"),
        "data_s": ("data_s", "s"),
    })  # fmt: skip
    warmup = 2

    def record(self, line: str) -> Record | None:
        """The record of a line: a step is the update and the wait before it."""
        record = self.keys.record(line)
        if record.step_time_s is None:
            return None
        record.samples_total = None  # printed with a digit or two
        record.step_time_s += record.data_s or 0.0
        return record


_TRACKED = re.compile(
    rf"\[train\w{{0,30}}: {{0,3}}(?P<epoch>\d{{1,6}}), {{1,3}}(?P<at>\d{{1,9}}) ?/ ?(?P<of>\d{{1,9}})\] {{0,3}}"
    rf"FPS: (?P<mean>{NUMBER}) \((?P<now>{NUMBER})\)"
)
_TOTAL_TIME = re.compile(rf"\bTotalTime: ({NUMBER})")
_DATA_TIME = re.compile(rf"\bDataTime: ({NUMBER})")


@register
class PyTracking(Format):
    """``[train: 3, 100 / 234] FPS: 16.3 (58.5), DataTime: …, TotalTime: 3.926``: means of the epoch so far and, in
    brackets, the last batch, of one process."""

    name = "pytracking"
    weight = 0.97
    hints = ("FPS: ",)
    mark = _TRACKED
    running = frozenset({"step_time_s", "samples_per_s_per_device", "data_s"})
    warmup = 1

    def record(self, line: str) -> Record | None:
        """The record of a line, or ``None`` where it is of no training."""
        found = _TRACKED.search(line)
        if found is None:
            return None
        time, wait = _TOTAL_TIME.search(line), _DATA_TIME.search(line)
        return Record(
            step=(float(found["epoch"]) - 1) * float(found["of"]) + float(found["at"]),
            samples_per_s_per_device=number(found["mean"]),
            step_time_s=number(time[1]) if time else None,
            data_s=number(wait[1]) if wait else None,
        )


@register
class EasyDeL(OfSeveralLines):
    """``'mlperf/step_time': 0.777`` in a dictionary of many lines: seconds of a step, its optimizer and loader in."""

    name = "easydel"
    weight = 0.95
    hints = ("mlperf/",)
    mark = re.compile(r"['\"]mlperf/(?:step_time|execution_time)['\"]: ")
    warmup = 2

    def __init__(self, log: Reading) -> None:
        super().__init__(log)
        self._steps = 0

    def line(self, line: str) -> None:
        """Take a line of a dictionary; a new one begins with the first of its keys."""
        row = pairs(line)
        if "mlperf/execution_time" in row:
            self.close()
        record = pretraining.EASYDEL.record(row)
        if record.step_time_s is not None:
            self._steps += 1
            self.opened().step = float(self._steps)
            self.opened().step_time_s = record.step_time_s
