"""Smaller trainers with their own lines: picotron, mlx-lm, ColossalAI's benchmarks, PaddleNLP, MindFormers."""

from __future__ import annotations

import re

from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.keys import Keys
from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.record import Record
from mfu_planner.observe.logs.text import NUMBER, UNITS, number


@register
class Picotron(Format):
    """``Step: 3 | … | Global batch size: 2.05K | Tokens/s: 10.61K | Tokens/s/GPU: 1.33K``: the batch is in tokens."""

    name = "picotron"
    weight = 0.97
    hints = ("Tokens/s/GPU",)
    mark = re.compile(r"Step: {0,4}\d+ {1,8}\|[^\n]{0,200}?Tokens/s: {1,6}[\d.]+[KMB]? \| Tokens/s/GPU:")
    keys = Keys({
        "Step": ("step", ""),
        "Global batch size": ("tokens_per_step", ""),
        "Tokens/s/GPU": ("tokens_per_s_per_device", ""),
        "Tokens/s": ("tokens_per_s", ""),
        "Tokens": ("tokens_total", ""),
        "MFU": ("mfu", "%"),
    })  # fmt: skip
    warmup = 3


@register
class MlxLm(Format):
    """``Iter 60: Train loss 2.9, … It/sec 17.1, Tokens/sec 1700.1, Trained Tokens 5539``: means of an interval."""

    name = "mlx-lm"
    weight = 0.97
    hints = ("It/sec",)
    mark = re.compile(r"\bIter \d+: Train loss [^\n]{1,100}?It/sec [\d.]+")
    keys = Keys({
        "Iter": ("step", ""),
        "It/sec": ("steps_per_s", ""),
        "Tokens/sec": ("tokens_per_s", ""),
        "Trained Tokens": ("tokens_total", ""),
    })  # fmt: skip
    warmup = 2


_STEP_TIME = re.compile(rf"\bStep time: ({NUMBER})")
_THROUGHPUT = re.compile(
    rf"[Tt]hroughput: {{1,3}}({NUMBER}) samples?/s(?:ec)?(?:, TFLOPS per GPU by Megatron: ({NUMBER}))?"
    rf"(?:, {{1,3}}TFLOPS(?:/| per )GPU: {{1,3}}({NUMBER}))?"
)


@register
class ColossalAI(Format):
    """``Step time: 19.714`` of each step; at the end the mean ``Throughput`` of the whole job and TFLOPS per GPU."""

    name = "colossalai"
    weight = 0.93
    hints = ("Step time:", "hroughput:")
    mark = re.compile(
        r"olossalai[^\n]{0,80}INFO: {0,4}Step time: [\d.]+"
        r"|[Tt]hroughput: {1,3}[\d.]+ samples?/s(?:ec)?, {1,3}TFLOPS(?:/| per )GPU"
    )
    warmup = 1
    tagged = False

    def __init__(self, log: Reading) -> None:
        super().__init__(log)
        self._steps = 0

    def record(self, line: str) -> Record | None:
        """The record of a line, or ``None`` where it states no speed."""
        if found := _STEP_TIME.search(line):
            self._steps += 1
            return Record(step=float(self._steps - 1), step_time_s=number(found[1]))
        if found := _THROUGHPUT.search(line):
            summary = self.log.summary
            summary["samples_per_s"] = number(found[1]) or 0.0
            by_layers, by_megatron = (number(g) if g else None for g in (found[3], found[2]))
            if rate := by_layers or by_megatron:
                summary["flops_per_s_per_device"] = rate * UNITS["TFLOP/s"]
        return None


_PADDLE = re.compile(
    rf"\bglobal_step: (\d{{1,12}})[^\n]{{0,400}}?interval_runtime: ({NUMBER}), "
    rf"interval_samples_per_second: ({NUMBER}), "
    rf"[^\n]{{0,200}}?interval_steps_per_second: ({NUMBER})"
)
#: Quotients this near to a whole number are one.
_NEAR = 0.01
_PADDLE_TOKENS = re.compile(rf"interval_tokens_per_second_per_device: ({NUMBER})")
_PADDLE_FLOPS = re.compile(rf"interval_hardware_tflops_per_device: ({NUMBER})")


@register
class PaddleNLP(Format):
    """``global_step: 40, interval_runtime: 18.8, …``: the time is of all steps of an interval, rates of the job."""

    name = "paddlenlp"
    weight = 0.97
    hints = ("interval_runtime",)
    mark = _PADDLE
    warmup = 2

    def record(self, line: str) -> Record | None:
        """The record of a line, or ``None`` where it states no speed."""
        found = _PADDLE.search(line)
        if found is None:
            return None
        record = Record(step=float(found[1]), samples_per_s=number(found[3]), steps_per_s=number(found[4]))
        if rate := number(found[4]):
            record.step_time_s = 1 / rate
            record.samples_per_s = self._samples(number(found[2]) or 0.0, number(found[3]) or 0.0, rate)
        if tokens := _PADDLE_TOKENS.search(line):
            record.tokens_per_s_per_device = number(tokens[1])
        if flops := _PADDLE_FLOPS.search(line):
            rate = number(flops[1])
            record.hardware_flops_per_s_per_device = rate * UNITS["TFLOP/s"] if rate else None
        return record

    def _samples(self, seconds: float, samples_per_s: float, steps_per_s: float) -> float:
        """Samples per second; old releases divide one step's samples by the time of the whole interval."""
        counted, steps = samples_per_s * seconds, seconds * steps_per_s
        each = counted / steps if steps else 0.0
        if counted < 1 or abs(each / max(1, round(each)) - 1) < _NEAR or abs(counted / round(counted) - 1) > _NEAR:
            return samples_per_s
        self.log.note(
            "log/samples-of-one-step", "warning",
            f"{samples_per_s:.4g} samples/s × {seconds:.4g} s is {counted:.0f}: one step's batch, not the interval's "
            f"{steps:.0f} steps'", samples_per_s=samples_per_s, batch=counted,
        )  # fmt: skip
        return counted * steps_per_s


_MIND = re.compile(
    rf"Epoch: ?\[ {{0,8}}(?P<e>\d{{1,8}})/ {{0,8}}\d{{1,8}}\], {{0,3}}step: ?\[ {{0,8}}(?P<s>\d{{1,12}})/ {{0,8}}"
    rf"(?P<per>\d{{1,12}})\][^\n]{{0,300}}?per_step_time: ?(?P<t>{NUMBER}) ?ms"
)
_MIND_FLOPS = re.compile(rf"train_throughput_per_npu: ?({NUMBER})T")


@register
class MindFormers(Format):
    """``{ Epoch:[1/1], step:[10/900], …, per_step_time: 5234ms, … train_throughput_per_npu: 123.4T }``: TFLOP/s."""

    name = "mindformers"
    weight = 0.97
    hints = ("per_step_time",)
    mark = _MIND
    warmup = 2

    def record(self, line: str) -> Record | None:
        """The record of a line, or ``None`` where it states no speed."""
        found, flops = _MIND.search(line), _MIND_FLOPS.search(line)
        milliseconds = number(found["t"]) if found else None
        if found is None or not milliseconds:
            return None
        record = Record(step=(float(found["e"]) - 1) * float(found["per"]) + float(found["s"]))
        record.step_time_s = milliseconds / 1e3
        if flops and (rate := number(flops[1])):
            record.flops_per_s_per_device = rate * UNITS["TFLOP/s"]
        return record
