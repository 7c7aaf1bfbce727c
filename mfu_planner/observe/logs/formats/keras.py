"""Keras' progress bar: ``625/625 [====] - 7s 12ms/step``, ``… ━━━━ 2s 1ms/step``, ``276/650 [==>..] - ETA: 19s``."""

from __future__ import annotations

import re

from mfu_planner.observe.logs import clock
from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.record import Record
from mfu_planner.observe.logs.text import NUMBER, UNITS, number, resolution

_BAR = re.compile(r"(?<![\d.])(?P<n>\d{1,12})/(?P<total>\d{1,12}) (?:\[[=>.]{5,60}\]|[━╸╺─ ]{5,60})")
_EACH = re.compile(rf"(?<![\d.,])({NUMBER}) ?(us|µs|ms|s)/(step|sample|epoch)")
_ETA = re.compile(r"ETA: (\d[\d:]{0,12})(s?)")
_EPOCH = re.compile(r"\bEpoch (\d{1,8})/(\d{1,8})")
#: No step of Keras is as short as this (the dispatch alone takes longer): what is shorter is of one sample.
SHORTEST_STEP_S = 5e-4


@register
class Keras(Format):
    """Old releases count samples and call the time of a sample a step; the time is the mean of the epoch so far."""

    name = "keras"
    weight = 0.9
    hints = ("/step", "/sample", "ETA:", "Epoch ", "samples")
    mark = re.compile(r"(?<!\d)\d{1,12}/\d{1,12} (?:\[[=>.]{5,60}\]|[━╸╺─ ]{5,60})[^\n]{0,40}?(?:/step|/sample|ETA: )")
    tagged = False

    def __init__(self, log: Reading) -> None:
        super().__init__(log)
        self._epoch = 0
        self._samples = False
        self._partial: list[tuple[Record, bool]] = []

    def line(self, line: str) -> None:
        """Take a line that holds a hint."""
        if found := _EPOCH.search(line):
            self._epoch = int(found[1]) - 1
        self._samples = self._samples or re.search(r"Train on \d+ samples", line) is not None
        bar = _BAR.search(line)
        if bar is None:
            return
        n, total = int(bar["n"]), int(bar["total"])
        step, rest = float(self._epoch * total + n), line[bar.end() :]
        each, eta = _EACH.search(rest), _ETA.search(rest)
        if each is not None and each[3] != "epoch":
            value = number(each[1])
            if not value:
                return
            seconds = value * UNITS[each[2]]
            self.log.see({"step_time_s": resolution(each[1])})
            if each[3] == "sample" or self._samples or seconds < SHORTEST_STEP_S:
                record = Record(step=step, samples_per_s=1 / seconds)
                self.log.note(
                    "log/time-of-a-sample", "warning",
                    "the bar counts samples and its time is of one sample: give --global-batch for the step time",
                )  # fmt: skip
            else:
                record = Record(step=step, step_time_s=seconds)
            self._partial.append((record, n == total))
        elif eta is not None and n < total:
            left = clock.duration(eta[1]) if ":" in eta[1] else number(eta[1])
            if left:
                self.log.see({"step_time_s": 0.5 / left})
                self._partial.append((Record(step=step, step_time_s=left / (total - n)), False))
                self.log.note(
                    "log/only-an-estimate", "warning",
                    "the log has only the bar's estimate of the time left, in whole seconds: the step time is "
                    f"known to ±{0.5 / left:.0%}", half_width=0.5 / left,
                )  # fmt: skip

    def end(self) -> None:
        """Finished epochs, where there are any; else the last value of the running one."""
        whole = [r for r, done in self._partial if done]
        if not whole:
            self.log.running |= {"step_time_s", "samples_per_s"}
        if len(whole) > 1:  # the first epoch builds the graph
            whole = whole[1:]
        for record in whole or [r for r, _ in self._partial[-1:]]:
            self.log.add(record)
