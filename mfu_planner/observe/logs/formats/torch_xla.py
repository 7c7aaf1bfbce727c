"""torch-xla's examples: ``| Training Device=xla:0/3 Epoch=1 Step=280 Loss=… Rate=1760.91 GlobalRate=257.10 Time=…``."""

from __future__ import annotations

import re

from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.record import Record
from mfu_planner.observe.logs.text import NUMBER, number
from mfu_planner.units import HOUR, MINUTE

_LINE = re.compile(
    rf"(?:Device=(?:xla|TPU|CUDA|GPU):(?P<a>[\d/]{{1,12}})[^\n]{{0,60}}?Step=(?P<s>\d{{1,12}})"
    rf"|\[xla:(?P<b>\d{{1,6}})\]\((?P<t>\d{{1,12}})\))[^\n]{{0,80}}?\bRate=(?P<rate>{NUMBER})"
)
_CLOCK = re.compile(r"\bTime=(\d\d):(\d\d):(\d\d)")


@register
class TorchXla(Format):
    """``Rate`` is samples per second of one device, ``GlobalRate`` its mean since the start, compilation included."""

    name = "torch-xla"
    weight = 0.95
    hints = ("Rate=",)
    mark = _LINE
    warmup = 1

    def __init__(self, log: Reading) -> None:
        super().__init__(log)
        self._devices: set[int] = set()

    def record(self, line: str) -> Record | None:
        """The record of a line, or ``None`` where it states no speed."""
        found = _LINE.search(line)
        if found is None:
            return None
        self._devices.add(int((found["a"] or found["b"]).rpartition("/")[2] or 0))
        record = Record(step=float(found["s"] or found["t"]), samples_per_s_per_device=number(found["rate"]))
        if time := _CLOCK.search(line):
            hours, minutes, seconds = (int(g) for g in time.groups())
            record.time = hours * HOUR + minutes * MINUTE + seconds
        return record

    def end(self) -> None:
        """As many devices as have printed, or as the highest of them says."""
        if len(self._devices) > 1:
            self.log.header.values.setdefault("devices", float(max(self._devices) + 1))
