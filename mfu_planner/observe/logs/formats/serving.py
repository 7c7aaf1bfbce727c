"""Inference servers: vLLM's and SGLang's throughput lines, vLLM's ``MFU: … TF/s/GPU``, and their ``/metrics``."""

from __future__ import annotations

import re

from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.keys import Keys
from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.record import Record
from mfu_planner.observe.logs.text import NUMBER, UNITS, number


class _Server(Format):
    """Lines without a step; the work is a forward pass."""

    keys = Keys({})

    def __init__(self, log: Reading) -> None:
        super().__init__(log)
        self._lines = 0
        log.forward_only = log.uneven = True
        log.note(
            "log/forward-only", "note",
            "a server's work is forward passes: its FLOP/s and MFU are not those of a training step",
        )  # fmt: skip


_PROMPT = re.compile(rf"Avg prompt throughput: ({NUMBER}) tokens/s, Avg generation throughput: ({NUMBER}) tokens/s")
_FLOPS = re.compile(rf"\bMFU: ({NUMBER}) TF/s/GPU ({NUMBER}) GB/s/GPU")


@register
class VLLM(_Server):
    """Prompt and generated tokens per second of an engine; with its MFU metrics on, estimated TFLOP/s per GPU."""

    name = "vllm"
    weight = 0.95
    hints = ("throughput:", "TF/s/GPU")
    mark = re.compile(r"Avg prompt throughput: [\d.]+ tokens/s|\bMFU: [\d.]+ TF/s/GPU")

    def record(self, line: str) -> Record | None:
        """The record of a line that does any work, or ``None``."""
        rate, flops = _PROMPT.search(line), _FLOPS.search(line)
        record = Record()
        if rate:
            record.tokens_per_s = (number(rate[1]) or 0.0) + (number(rate[2]) or 0.0)
        if flops:
            record.flops_per_s_per_device = (number(flops[1]) or 0.0) * UNITS["TFLOP/s"]
        last = self.log.store.last
        if not rate and last is not None and last.flops_per_s_per_device is None:
            last.flops_per_s_per_device = record.flops_per_s_per_device  # the line behind its throughput
            return None
        if not record.tokens_per_s and not record.flops_per_s_per_device:
            return None  # idle
        self._lines += 1
        record.step = float(self._lines)
        return record


_BATCH = re.compile(
    rf"(?P<kind>Prefill|Decode) batch[^\n]{{0,400}}?(?:input|gen) throughput \(token/s\): (?P<rate>{NUMBER})"
)


@register
class SGLang(_Server):
    """``Decode batch … gen throughput (token/s): …`` of an engine; prefill lines have the input's."""

    name = "sglang"
    weight = 0.95
    hints = ("throughput (token/s)",)
    mark = re.compile(r"(?:Prefill|Decode) batch[^\n]{0,400}?throughput \(token/s\): [\d.]+")

    def record(self, line: str) -> Record | None:
        """The record of a line that does any work, or ``None``."""
        found = _BATCH.search(line)
        if found is None or found["kind"] == "Prefill" or not number(found["rate"]):
            return None
        self._lines += 1
        return Record(step=float(self._lines), tokens_per_s=number(found["rate"]))


_SERIES = re.compile(
    rf"^(?P<server>vllm|sglang):(?P<name>estimated_flops_per_gpu_total|forward_execution_seconds_total"
    rf"|prompt_tokens_total|generation_tokens_total)(?:\{{[^}}\n]{{0,400}}\}})? (?P<value>{NUMBER})"
    r"(?: (?P<ms>\d{10,16}))?",
    re.M,
)
_FLOPS_TOTAL, _BUSY = "estimated_flops_per_gpu_total", "forward_execution_seconds_total"


@register
class ServerMetrics(_Server):
    """Counters of ``/metrics``: FLOPs per GPU between two scrapes with time stamps, or by the busy seconds."""

    name = "server-metrics"
    weight = 0.99
    hints = ("vllm:", "sglang:")
    mark = re.compile(r"^(?:vllm|sglang):\w+_total(?:\{[^}\n]{0,400}\})? [\d.]", re.M)
    tagged = False

    def __init__(self, log: Reading) -> None:
        super().__init__(log)
        self._scrapes: list[dict[str, float]] = []

    def line(self, line: str) -> None:
        """Take a line that holds a hint: a counter; one that is named again begins another scrape."""
        found = _SERIES.match(line)
        value = None if found is None else number(found["value"])
        if found is None or value is None:
            return
        name, at = found["name"], float(found["ms"]) / 1e3 if found["ms"] else None
        if not self._scrapes or (at is not None and self._scrapes[-1].get("time", at) != at):
            self._scrapes.append({})
        now = self._scrapes[-1]
        now[name] = now.get(name, 0.0) + value if name == _BUSY else value
        if at is not None:
            now["time"] = at

    def end(self) -> None:
        """A rate from two scrapes, or FLOPs ÷ busy seconds of one."""
        first, last = (self._scrapes[0], self._scrapes[-1]) if self._scrapes else ({}, {})
        seconds = last.get("time", 0.0) - first.get("time", 0.0)
        flops = last.get(_FLOPS_TOTAL, 0.0) - (first.get(_FLOPS_TOTAL, 0.0) if seconds > 0 else 0.0)
        if seconds <= 0:
            seconds = last.get(_BUSY, 0.0)
            if seconds and flops:
                self.log.note(
                    "log/while-busy", "note", "the rate is of the seconds in which the device ran forward passes"
                )
        if seconds <= 0:
            return
        tokens = sum(last.get(n, 0.0) - (first.get(n, 0.0) if last is not first else 0.0)
                     for n in ("prompt_tokens_total", "generation_tokens_total"))  # fmt: skip
        record = Record(step=1.0, flops_per_s_per_device=flops / seconds or None, tokens_per_s=tokens / seconds or None)
        if record.flops_per_s_per_device or record.tokens_per_s:
            self.log.add(record)
