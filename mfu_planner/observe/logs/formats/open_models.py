"""Trainers of open models: OpenCLIP, XTuner, fms-fsdp."""

from __future__ import annotations

import re

from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.keys import Keys
from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.record import Record
from mfu_planner.observe.logs.text import NUMBER, number, tag

_CLIP = re.compile(
    rf"Train Epoch: {{0,3}}\d{{1,6}} \[ {{0,12}}\d{{1,15}}/\d{{1,15}} [^\n]{{0,200}}?"
    rf"Data \(t\): (?P<wait>{NUMBER}) Batch \(t\): (?P<time>{NUMBER})s?"
    rf"(?:, (?P<job>{NUMBER})/s(?:, (?P<each>{NUMBER})/s/gpu)?)?"
)


@register
class OpenClip(Format):
    """``Train Epoch: 0 [4096/… (0%)] Data (t): 0.1 Batch (t): 0.5, 8000/s, 1000/s/gpu``: seconds are means of an
    interval, rates of its last batch; how many batches lie between two lines is not said.
    """

    name = "open-clip"
    weight = 0.97
    hints = ("Batch (t):",)
    mark = _CLIP
    warmup = 1

    def record(self, line: str) -> Record | None:
        """The record of a line; lines are counted, for it names samples of an epoch and no step."""
        found = _CLIP.search(line)
        if found is None:
            return None
        self._lines = getattr(self, "_lines", -1) + 1
        job, each = number(found["job"] or ""), number(found["each"] or "")
        if job and each:
            self.log.header.values.setdefault("devices", float(round(job / each)))
        return Record(
            step=float(self._lines), step_time_s=number(found["time"]), data_s=number(found["wait"]), samples_per_s=job
        )

    def keep(self, record: Record, line: str) -> bool:
        """Add a record without a clock: its step is no number of batches."""
        record.tag = tag(line)
        return self.log.add(record)


@register
class XTuner(Format):
    """``Step 3/100 data_time: 0.06 lr: … time: 4.9 text_tokens: 4008.0 … tgs: 805.3``: of one rank; ``tgs`` per device,
    ``e2e_tgs`` since the start."""

    name = "xtuner"
    weight = 0.97
    hints = ("text_tokens:",)
    mark = re.compile(r"\bStep \d+/\d+ data_time: [\d.]+ [^\n]{0,60}?\btime: [\d.]+ text_tokens: [^\n]{0,400}?\btgs: ")
    keys = Keys({
        "Step": ("step", ""),
        "data_time": ("data_s", "s"),
        "time": ("step_time_s", "s"),
        "tgs": ("tokens_per_s_per_device", ""),
    })  # fmt: skip
    warmup = 2


_FMS_STEP = re.compile(r"^\s{0,4}step: (\d{1,12})\s{0,4}$")
_FMS = re.compile(
    rf"^\s{{0,4}}(?:(?P<time>current step time)|(?P<rate>current token per gpu per sec)|(?P<seen>tokens seen)): "
    rf"(?P<value>{NUMBER})\s{{0,4}}$"
)


@register
class FmsFsdp(Format):
    """fms-fsdp prints a value a line: ``step: 100``, ``current step time: 8.0``, ``current token per gpu per sec: …``;
    its ``overall`` values are means since the start."""

    name = "fms-fsdp"
    weight = 0.97
    hints = ("step: ", "current ", "tokens seen: ")
    mark = re.compile(r"(?m)^\s{0,4}current token per gpu per sec: [\d.]+")

    def __init__(self, log: Reading) -> None:
        super().__init__(log)
        self.begin()

    def begin(self, *, new_file: bool = False) -> None:
        """Forget what was half read."""
        del new_file
        self._record, self._first = Record(), ""

    def line(self, line: str) -> None:
        """Take a line that holds a hint."""
        if found := _FMS_STEP.search(line):
            self.end()
            self._record, self._first = Record(step=float(found[1])), line
        elif found := _FMS.search(line):
            value, record = number(found["value"]), self._record
            if found["time"]:
                record.step_time_s = value
            elif found["rate"]:
                record.tokens_per_s_per_device = value
            else:
                record.tokens_total = value

    def end(self) -> None:
        """Keep what was collected."""
        record, first = self._record, self._first
        self.begin()
        if record.step is not None and (record.step_time_s or record.tokens_per_s_per_device):
            self.keep(record, first)
