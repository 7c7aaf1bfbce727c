"""OLMo and OLMo-core: a record is a line with the step and one indented line per metric."""

from __future__ import annotations

import re

from mfu_planner.observe.logs import clock
from mfu_planner.observe.logs.formats.base import OfSeveralLines, register
from mfu_planner.observe.logs.keys import convert
from mfu_planner.observe.logs.record import Record
from mfu_planner.observe.logs.text import NUMBER, SUFFIX, resolution, tag

_STEP = re.compile(r"\[step=(\d{1,15})/(\d{1,15})")
_METRIC = re.compile(rf"(?:^|\s)((?:throughput|System|optim|train|gpu_memory)/[^=\n]{{1,80}})=({NUMBER}){SUFFIX}")

_FIELDS = {
    "throughput/device/tokens_per_second": ("tokens_per_s_per_device", ""),
    "throughput/device/batches_per_second": ("steps_per_s", ""),
    "throughput/total_tokens": ("tokens_total", ""),
    "throughput/device/TPS": ("tokens_per_s_per_device", ""),
    "throughput/device/BPS": ("steps_per_s", ""),
    "throughput/device/MFU": ("mfu", "%"),
    "throughput/device/flopsPS": ("flops_per_s_per_device", ""),
    "throughput/total tokens": ("tokens_total", ""),
    "throughput/device/data loading (s)": ("data_s", "s"),
}
_ACTUAL = {"throughput/device/TPS (actual avg)": "tokens_per_s_per_device", "throughput/device/MFU (actual avg)": "mfu"}


class _Metrics(OfSeveralLines):
    hints = ("throughput/", "[step=")

    def count(self, text: str) -> int:
        return text.count("[step=")

    def line(self, line: str) -> None:
        if found := _STEP.search(line):
            record = Record(step=float(found[1]), time=clock.stamp(line), tag=tag(line))
            self.close(record)
            self.log.total_steps = float(found[2])
            if "." in line[:24] and record.time is not None:
                self.log.clock_tick_s = min(self.log.clock_tick_s, clock.stamp_resolution(line))
        for name, text, unit in _METRIC.findall(line):
            self._take(self.opened(), name, text, unit)

    def _take(self, record: Record, name: str, text: str, unit: str) -> None:
        if name in _ACTUAL:
            value = convert(text, unit, "%" if "MFU" in name else "")
            if value is not None:
                self.log.summary["actual_" + _ACTUAL[name]] = value
        elif name in _FIELDS:
            field, stated = _FIELDS[name]
            if getattr(record, field) is None:
                setattr(record, field, convert(text, unit, stated))
                self.log.see({field: resolution(text)})

    def says_speed(self, record: Record) -> bool:
        return record.step is not None or record.tokens_per_s_per_device is not None


@register
class OLMo(_Metrics):
    """The first trainer: rates are means over the last steps (the first has none)."""

    name = "olmo"
    mark = re.compile(r"throughput/device/(?:tokens|batches)_per_second=")
    running = frozenset({"tokens_per_s_per_device", "steps_per_s"})
    warmup = 2


@register
class OLMoCore(_Metrics):
    """``throughput/device/TPS`` of the step beside ``… (actual avg)`` of the whole run."""

    name = "olmo-core"
    mark = re.compile(r"throughput/device/(?:TPS|BPS)(?: \(actual avg\))?=")
    warmup = 2
