"""TensorFlow: Model Garden's ``TimeHistory``, Estimator's ``global_step/sec``, tf_cnn_benchmarks, ``Step Time:``."""

from __future__ import annotations

import re

from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.record import Record
from mfu_planner.observe.logs.text import NUMBER, number

_HISTORY = re.compile(
    rf"TimeHistory: ({NUMBER}) seconds, ({NUMBER}) examples/second between steps (\d{{1,12}}) and (\d{{1,12}})"
)
_ESTIMATOR = re.compile(rf"global_step/sec: ({NUMBER})")
_EXAMPLES = re.compile(rf"examples/sec(?:ond)?: ({NUMBER})")
_CNN = re.compile(rf"^\s{{0,4}}(\d{{1,12}})\s{{1,8}}images/sec: ({NUMBER}) \+/- ", re.M)
_STEP_TIME = re.compile(
    rf"\b[Gg]lobal [Ss]tep:? {{0,3}}(\d{{1,12}}),[^\n]{{0,60}}?Step Time: ({NUMBER})(?![\d.]| ?m?s)"
)
#: tf.contrib and the Object Detection API: ``global step 7: loss = 2.3 (0.512 sec/step)``, ``Step 100 per-step time``.
_PER_STEP = re.compile(
    rf"global step (?P<a>\d{{1,12}}): loss = \S{{1,20}} \((?P<s>{NUMBER}) sec/step\)"
    rf"|\bStep (?P<b>\d{{1,12}}) per-step time (?P<t>{NUMBER})s"
    rf"|\bstep (?P<c>\d{{1,12}}), loss = \S{{1,20}} \((?P<r>{NUMBER}) examples/sec; (?P<u>{NUMBER}) sec/batch\)"
)
#: Lingvo: means since the start, of the whole job.
_LINGVO = re.compile(rf"\bSteps/second: ({NUMBER}), Examples/second: ({NUMBER})")
_LOSS_STEP = re.compile(r"\bstep = (\d{1,12})")


@register
class TensorFlow(Format):
    """Rates are of the whole job; ``Step Time`` is in seconds."""

    name = "tensorflow"
    weight = 0.9
    hints = (
        "sec/step",
        "per-step time",
        "sec/batch",
        "TimeHistory",
        "global_step/sec",
        "images/sec",
        "Step Time",
        "examples/sec",
        "step = ",
        "Steps/second",
    )
    mark = re.compile(
        r"TimeHistory: [\d.]+ seconds, |global_step/sec: [\d.]+|^\s{0,4}\d+\s{1,8}images/sec: [\d.]+ \+/- "
        r"|\b[Gg]lobal [Ss]tep:? {0,3}\d+,[^\n]{0,60}?Step Time: [\d.]+|(?<![\d.])[\d.]{1,20} sec/(?:step|batch)\)"
        r"|\bStep \d+ per-step time [\d.]+s|\bSteps/second: [\d.]+, Examples/second: [\d.]", re.M
    )  # fmt: skip
    warmup = 1

    def record(self, line: str) -> Record | None:
        """The record of a line, or ``None`` where it states no speed."""
        if found := _HISTORY.search(line):
            steps = float(found[4]) - float(found[3])
            seconds = number(found[1])
            each = seconds / steps if seconds and steps > 0 else None
            return Record(step=float(found[4]), step_time_s=each, samples_per_s=number(found[2]))
        if found := _PER_STEP.search(line):
            step, time = found["a"] or found["b"] or found["c"], found["s"] or found["t"] or found["u"]
            return Record(
                step=float(step), step_time_s=number(time), samples_per_s=number(found["r"]) if found["r"] else None
            )  # fmt: skip
        if found := _STEP_TIME.search(line):
            return Record(step=float(found[1]), step_time_s=number(found[2]))
        if found := _CNN.search(line):
            return Record(step=float(found[1]), samples_per_s=number(found[2]))
        if found := _ESTIMATOR.search(line):
            return Record(steps_per_s=number(found[1]))
        if found := _LINGVO.search(line):
            self.log.running |= {"steps_per_s", "samples_per_s"}
            return Record(steps_per_s=number(found[1]), samples_per_s=number(found[2]))
        if found := _EXAMPLES.search(line):
            last = self.log.store.last
            if last is not None and last.samples_per_s is None:
                last.samples_per_s = number(found[1])
        elif (found := _LOSS_STEP.search(line)) and (last := self.log.store.last) is not None and last.step is None:
            last.step = float(found[1])
        return None
