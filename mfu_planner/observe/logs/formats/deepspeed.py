"""DeepSpeed's own timer lines and the table of its FLOPs profiler."""

from __future__ import annotations

import re

from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.keys import Keys
from mfu_planner.observe.logs.record import Record

_STEP = re.compile(r"global_step=(\d{1,15})|\] \d+/(\d{1,15}), |\bsteps?[:=] ?(\d{1,15})")
_PARTS = re.compile(r"\b(fwd|bwd|bwd_inner|bwd_allreduce|step)(?:_microstep)?: (\d{1,15}\.\d{1,15})")


@register
class DeepSpeed(Format):
    """``SamplesPerSec=`` and ``steps: 2 … iter time (s): … samples/sec: …``."""

    name = "deepspeed"
    weight = 0.7  # other frameworks print these lines between their own
    warmup = 2  # the first step builds buffers and kernels
    hints = ("SamplesPerSec=", "iter time (s):", "time (ms) |")
    mark = re.compile(r"(?:CurrSamplesPerSec|\bSamplesPerSec)=[\d.]|iter time \(s\): [\d.]+")
    keys = Keys({
        "CurrSamplesPerSec": ("samples_per_s", ""),
        "SamplesPerSec": ("samples_per_s", ""),
        "samples/sec": ("samples_per_s", ""),
        "iter time (s)": ("step_time_s", "s"),
    })  # fmt: skip

    def line(self, line: str) -> None:
        """Take a line that holds a hint."""
        if "time (ms) |" in line:
            for name, value in _PARTS.findall(line):
                self.log.part(name, float(value) / 1e3)
        else:
            super().line(line)

    def record(self, line: str) -> Record | None:
        """The record of a line, or ``None`` where it states no speed."""
        record = self.keys.record(line)
        if record.samples_per_s is None and record.step_time_s is None:
            return None
        step = _STEP.search(line)
        if step is not None:
            record.step = float(next(g for g in step.groups() if g))
        if "CurrSamplesPerSec" not in line and "iter time" not in line:
            self.log.running.add("samples_per_s")
            self.log.note(
                "log/micro-batch-rate", "note",
                "SamplesPerSec of DeepSpeed before 0.8 is a running mean that counts micro-batches when gradients are "
                "accumulated",
            )  # fmt: skip
        return record


_UNIT = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
_TIME = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
_ROW = re.compile(r"^(?P<key>[^:\n]{3,90}):[ \t]{1,60}(?P<value>\d{1,15}(?:\.\d{1,15})?) ?(?P<unit>[A-Za-z]*)", re.M)


@register
class FlopsProfiler(Format):
    """The profiler's table: FLOPs and latencies of one micro-batch on one device."""

    name = "deepspeed-flops-profiler"
    weight = 1.0
    hints = ("Flops Profiler",)
    mark = re.compile(r"DeepSpeed Flops Profiler(?! Enabled)")
    tagged = False

    def __init__(self, log: object) -> None:
        super().__init__(log)  # type: ignore[arg-type]
        self._text = ""

    def read(self, text: str) -> None:
        """Take a stretch of whole lines."""
        start = text.find("Flops Profiler") if not self._text else 0
        if start >= 0 and len(self._text) < 40_000:
            self._text += text[start : start + 40_000]

    def end(self) -> None:
        """Finish: all text has been read."""
        rows = {m["key"].strip().split(" = ")[0].lower(): (m["value"], m["unit"]) for m in _ROW.finditer(self._text)}
        seconds = {k: _seconds(*v) for k, v in rows.items() if k.endswith("latency")}
        iteration = seconds.get("iter latency") or sum(s for s in seconds.values() if s) or None
        record = Record(step=0, step_time_s=iteration)
        for key in ("fwd+bwd flops per gpu", "flops per gpu", "fwd flops per gpu"):
            value, unit = rows.get(key, ("", ""))
            if unit.upper().endswith("FLOPS"):
                record.flops_per_s_per_device = float(value) * _UNIT[unit[:-5].upper()]
                break
        for key, field in (("world size", "devices"), ("batch size per gpu", "micro_batch")):
            if key in rows:
                self.log.header.values.setdefault(field, float(rows[key][0]))
        if "samples/second" in rows:
            record.samples_per_s = float(rows["samples/second"][0])
        if iteration is not None:
            self.log.add(record)
        for name, key in (("fwd", "fwd latency"), ("bwd", "bwd latency"), ("step", "step latency")):
            if value_s := seconds.get(key):
                self.log.part(name, value_s)
        self.log.note(
            "log/one-micro-batch", "warning",
            "a profiler table describes one micro-batch on one device; its FLOPs are those of the modules it knows "
            "(multiply-accumulates × 2), and its forward + backward rate leaves the optimizer step out",
        )  # fmt: skip


def _seconds(value: str, unit: str) -> float | None:
    return float(value) * _TIME[unit] if unit in _TIME else None
