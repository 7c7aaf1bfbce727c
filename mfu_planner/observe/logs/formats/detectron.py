"""Detectron2 and FAIR's vision code: ``iter: 1259 … time: 0.33  data_time: …`` and DETR's ``[ 30/100]  eta: …``."""

from __future__ import annotations

import re

from mfu_planner.observe.logs import clock
from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.record import Record
from mfu_planner.observe.logs.text import NUMBER, number

_D2 = re.compile(
    rf"\beta: [^\n]{{3,40}}? {{1,3}}iter: ?(\d{{1,12}})\b(?:[^\n]{{0,2000}}?\b(?:last_)?time: ?({NUMBER}))?"
)
_SPEED = re.compile(r"Overall training speed: (\d{1,12}) iterations in ([\w ,:.]{3,40}) \(")
_DATA = re.compile(rf"\bdata(?:_time)?: ?({NUMBER})")


@register
class Detectron2(Format):
    """``time`` is the median of the last twenty iterations; without it, the clock between two lines tells."""

    name = "detectron2"
    weight = 0.95
    hints = ("iter: ", "Overall training speed")
    mark = re.compile(r"\beta: [^\n]{3,40}? {1,3}iter: ?\d{1,12}\b {1,3}\w")
    warmup = 2

    def record(self, line: str) -> Record | None:
        """The record of a line, or ``None`` where it states no speed."""
        if whole := _SPEED.search(line):
            self.log.job |= {"steps": float(whole[1]), "runtime_s": clock.duration(whole[2]) or 0.0}
        found = _D2.search(line)
        if found is None:
            return None
        data = _DATA.search(line)
        seconds = number(found[2]) if found[2] else None
        return Record(step=float(found[1]), step_time_s=seconds, data_s=number(data[1]) if data else None)


_METRIC = re.compile(
    rf"\[ {{0,8}}(\d{{1,12}})/(\d{{1,12}})\] {{1,4}}eta: [^\n]{{3,40}}? {{1,3}}[^\n]{{0,2000}}?"
    rf"\btime: ({NUMBER})(?: \(({NUMBER})\))?"
)
_EPOCH = re.compile(r"Epoch: \[(\d{1,8})\]")


@register
class MetricLogger(Format):
    """torchvision's and DETR's logger: ``time`` is the mean of a sliding window, in brackets that of the epoch."""

    name = "metric-logger"
    weight = 0.93
    hints = ("eta: ",)
    mark = _METRIC

    def record(self, line: str) -> Record | None:
        """The record of a line, or ``None`` where it states no speed."""
        found = _METRIC.search(line)
        if found is None or line.lstrip().lower().startswith(("test", "eval", "val")):
            return None
        epoch, data = _EPOCH.search(line), _DATA.search(line)
        each = float(found[2])
        step = float(found[1]) + (float(epoch[1]) * each if epoch else 0.0)
        return Record(step=step, step_time_s=number(found[3]), data_s=number(data[1]) if data else None)
