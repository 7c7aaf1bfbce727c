"""Megatron-LM, Megatron Bridge, Megatron-DeepSpeed and their forks: ``iteration 2/ 1000 | … |`` lines."""

from __future__ import annotations

import re
from typing import ClassVar

from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.keys import Keys
from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.record import Record
from mfu_planner.observe.logs.text import UNITS

_PARTS = re.compile(
    r"\b(bwd_allreduce|bwd_inner|fwd|bwd|step|forward-backward|optimizer|batch-generator)(?:_microstep)?: "
    r"(\d{1,15}\.\d{1,15})"
)
_TOTAL = re.compile(r"iteration[ :=]{1,12}\d+ ?/ {0,12}(\d{1,15})")
_SKIPPED = re.compile(r"number[ _]of[ _]skipped[ _]iterations[:=] {0,6}(\d{1,15})")
_BRIDGE = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) ?MODEL_TFLOP/s/GPU")
#: A line without any of these says nothing of speed.
_SPEAKS = ("step_time_s", "tokens_per_s_per_device", "flops_per_s_per_device")
_CURRENT = re.compile(r"CurrSamplesPerSec=(\d{1,15}(?:\.\d{1,15})?)")


class _Megatron(Format):
    hints: ClassVar[tuple[str, ...]] = ("iteration", "MODEL_TFLOP/s/GPU")
    opening = re.compile(r"iteration[ :=]{1,12}\d{1,12} ?/ {0,12}\d{1,12} {0,2}\|")
    warmup = 2  # the first iteration builds kernels, graphs and communicators
    keys = Keys({
        "iteration": ("step", ""),
        "consumed samples": ("samples_total", ""),
        "consumed tokens": ("tokens_total", ""),
        "elapsed time per iteration (ms)": ("step_time_s", "ms"),
        "elapsed time per iteration (s)": ("step_time_s", "s"),
        "elapsed time per iteration ms": ("step_time_s", "ms"),
        "time per iteration (ms)": ("step_time_s", "ms"),
        "global batch size": ("global_batch", ""),
        "throughput per GPU (TFLOP/s/GPU)": ("flops_per_s_per_device", "TFLOP/s"),
        "compute per GPU (TFLOP/s/GPU)": ("flops_per_s_per_device", "TFLOP/s"),
        "throughput (TFLOP/s/GPU)": ("flops_per_s_per_device", "TFLOP/s"),
        "TFLOP/s/GPU": ("flops_per_s_per_device", "TFLOP/s"),
        "TFLOPs": ("flops_per_s_per_device", "TFLOP/s"),
        "approx flops per GPU": ("flops_per_s_per_device", "TFLOP/s"),
        "tokens per gpu per second (tgs)": ("tokens_per_s_per_device", ""),
        "tokens per gpu per second tgs": ("tokens_per_s_per_device", ""),
        "tokens per GPU (tokens/s/GPU)": ("tokens_per_s_per_device", ""),
        "tokens per second per GPU (Tok/s/GPU)": ("tokens_per_s_per_device", ""),
        "tokens/s/GPU": ("tokens_per_s_per_device", ""),
        "tokens/s/GPU inst/harmonic mean": ("tokens_per_s_per_device", ""),
        "tokens/sec/gpu": ("tokens_per_s_per_device", ""),
        "token/s/GPU": ("tokens_per_s_per_device", ""),
        "throughput (token/sec/GPU)": ("tokens_per_s_per_device", ""),
        "tokens/sec": ("tokens_per_s", ""),
        "tokens per second": ("tokens_per_s", ""),
        "tokens per second per device": ("tokens_per_s_per_device", ""),
        "tokens-per-second-per-gpu": ("tokens_per_s_per_device", ""),
        "tokens per second per GPU": ("tokens_per_s_per_device", ""),
        "samples per second": ("samples_per_s", ""),
        "samples/sec": ("samples_per_s", ""),
        "throughput(samples/s)": ("samples_per_s", ""),
        "actual seqlen": ("seq_len", ""),
        "MFU": ("mfu", "%"),
    })  # fmt: skip

    def __init__(self, log: Reading) -> None:
        super().__init__(log)
        self._whole = False
        self._claimed: float | None = None  # Megatron Bridge prints the rate on a line of its own, before the iteration

    def line(self, line: str) -> None:
        """Take an iteration line, or the rate that precedes one."""
        if found := _BRIDGE.search(line):
            self._claimed = float(found[1]) * UNITS["TFLOP/s"]
        else:
            super().line(line)

    def _is_cut(self, line: str) -> bool:
        """Whether a line stops before what every record has: a wrapped one, whose rest may follow."""
        ends = line.rstrip().endswith("|")
        return ends and not self._whole and not any(w in line for w in ("loss", "skipped", "TFLOP", "tokens/s", "tgs"))

    def _continues(self, line: str) -> bool:
        pending = self._pending
        taken = super()._continues(line)
        if not taken and pending is not None:
            self._keep_as_is(pending)
        return taken

    def _keep_as_is(self, line: str) -> None:
        self._whole, self._pending = True, None
        self.line(line)
        self._whole, self._pending = False, None

    def end(self) -> None:
        if self._pending is not None:
            self._keep_as_is(self._pending)

    def record(self, line: str) -> Record | None:
        record = None if self._is_cut(line) else super().record(line)
        if record is None or (not any(getattr(record, f) for f in _SPEAKS)):
            return None
        if record.seq_len is None and record.tokens_total and record.samples_total:
            length = record.tokens_total / record.samples_total
            record.seq_len = length if length == int(length) else None  # else it has changed on the way
        if record.flops_per_s_per_device is None:
            record.flops_per_s_per_device, self._claimed = self._claimed, None
        if self.log.total_steps is None and (total := _TOTAL.search(line)):
            self.log.total_steps = float(total[1])
        if (skipped := _SKIPPED.search(line)) and skipped[1] != "0":
            summary = self.log.summary
            summary["skipped_steps"] = summary.get("skipped_steps", 0.0) + float(skipped[1])
        return record


_STEP_TIME = re.compile(r"Step Time ?: {0,4}(\d{1,9}(?:\.\d{1,9})?) ?s\b")
_RATE = re.compile(r"GPU utilization: {0,4}(\d{1,9}(?:\.\d{1,9})?) ?(?:MODEL_)?TFLOP/s/GPU")


@register
class BridgeStepTime(Format):
    """Megatron Bridge's ``Step Time : 2.24s GPU utilization: 1165.6MODEL_TFLOP/s/GPU`` alone: TFLOP/s, not percent."""

    name = "megatron-bridge"
    weight = 0.85  # where iteration lines stand beside, they say more
    hints = ("Step Time",)
    mark = re.compile(r"Step Time ?: {0,4}[\d.]+ ?s\b[^\n]{0,40}?TFLOP/s/GPU")
    warmup = 2  # the first iteration builds kernels

    def __init__(self, log: Reading) -> None:
        super().__init__(log)
        self._lines = 0

    def record(self, line: str) -> Record | None:
        """The record of a line, or ``None`` where it states no speed."""
        time, rate = _STEP_TIME.search(line), _RATE.search(line)
        if time is None or rate is None:
            return None
        self._lines += 1
        return Record(
            step=float(self._lines), step_time_s=float(time[1]),
            flops_per_s_per_device=float(rate[1]) * UNITS["TFLOP/s"],
        )  # fmt: skip

    def end(self) -> None:
        """A single line may be the average that a recipe prints at its end."""
        if self._lines == 1:
            self.warmup = 0


@register
class MegatronLM(_Megatron):
    """Megatron-LM; old releases print no throughput, BLOOM's branch prints seconds."""

    name = "megatron-lm"
    mark = re.compile(
        r"iteration[ :=]{1,12}\d+ ?/ {0,12}\d+ ?\|[^{}]{0,400}?"
        r"(?:(?:elapsed )?time per iteration\s{1,3}\((?:ms|s)\)|throughput per GPU \(TFLOP/s/GPU\))"
    )


@register
class MegatronDeepSpeed(_Megatron):
    """Megatron-DeepSpeed: the same lines with samples per second and TFLOPs, in newer forks as ``key=value``."""

    name = "megatron-deepspeed"
    weight = 0.95
    hints = ("iteration", "time (ms)", "CurrSamplesPerSec")
    mark = re.compile(
        r"iteration[ :=]{1,12}\d+ ?/ {0,12}\d+ ?\|[^\n]{0,400}?elapsed[_ ]time[_ ]per[_ ]iteration"
        r"(?:[^\n]{0,600}(?:samples[_ ]per[_ ]second|TFLOPs|\(tgs\)|_tgs)|_ms=)"
    )

    def line(self, line: str) -> None:
        """Take a line that holds a hint."""
        if "CurrSamplesPerSec" in line:
            if found := _CURRENT.search(line):
                self.log.part("deepspeed_samples_per_s", float(found[1]))
        elif "time (ms)" in line and "iteration" not in line:
            for name, value in _PARTS.findall(line):
                self.log.part(name, float(value) / 1e3)
        else:
            super().line(line)

    def end(self) -> None:
        """Finish: all text has been read."""
        super().end()
        self.log.note(
            "log/recomputation-may-be-counted", "note",
            "this framework's TFLOPs counts the forward pass a second time where activations are checkpointed "
            "(factor 4 "
            "instead of 3): then it is hardware FLOP/s, and the MFU is about three quarters of what it gives",
        )  # fmt: skip


@register
class GptNeoX(_Megatron):
    """GPT-NeoX: ``samples/sec: … | iteration … | approx flops per GPU: …TFLOPS``."""

    name = "gpt-neox"
    weight = 0.96
    mark = re.compile(r"iteration[ :=]{1,12}\d+ ?/ {0,12}\d+ ?\|[^\n]{0,500}approx flops per GPU")
