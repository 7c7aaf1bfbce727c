"""OpenMMLab: MMEngine's ``Iter(train) [10/20] … time: 2.9  data_time: 0.02`` and MMCV's ``Epoch [1][50/7517] …``."""

from __future__ import annotations

import re

from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.record import Record
from mfu_planner.observe.logs.text import NUMBER, number

_AT = re.compile(
    r"Iter\(train\) \[ {0,8}(?P<i>\d{1,12})/ ?(?P<total>\d{1,12})\]"
    r"|Epoch(?:\(train\))? {1,6}\[ ?(?P<epoch>\d{1,8})\]\[ {0,8}(?P<j>\d{1,12})/ ?(?P<per>\d{1,12})\]"
    r"|\bIter \[ {0,8}(?P<k>\d{1,12})/ ?(?P<all>\d{1,12})\]"
)
_TIME = re.compile(rf"(?<![\w_])(time|data_time): {{1,4}}({NUMBER})")


@register
class OpenMMLab(Format):
    """``time`` is seconds of an iteration, the mean of the logging interval; ``data_time`` the part of the loader."""

    name = "mmengine"
    weight = 0.95
    hints = (" time: ", "\ttime: ")
    mark = re.compile(
        r"(?:Iter\(train\) \[ {0,8}\d+/|Epoch(?:\(train\))? {1,6}\[ ?\d+\]\[ {0,8}\d+/|\bIter \[ {0,8}\d+/)"
        r"[^\n]{0,200}?\btime: {1,4}[\d.]+"
    )

    def record(self, line: str) -> Record | None:
        """The record of a line, or ``None`` where it states no speed."""
        at = _AT.search(line)
        if at is None or "(val)" in line or "(test)" in line:
            return None
        times = {name: number(value) for name, value in _TIME.findall(line)}
        if at["epoch"]:
            step = (float(at["epoch"]) - 1) * float(at["per"]) + float(at["j"])
        else:
            step = float(at["i"] or at["k"])
            self.log.total_steps = float(at["total"] or at["all"])
        return None if not times.get("time") else Record(
            step=step, step_time_s=times["time"], data_s=times.get("data_time"))  # fmt: skip
