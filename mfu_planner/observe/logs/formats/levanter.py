"""Levanter's console: ``Progress on:train 12.3kit/100kit rate:1.2it/s remaining:… elapsed:1:02:03``."""

from __future__ import annotations

import re

from mfu_planner.observe.logs import clock
from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.record import Record
from mfu_planner.observe.logs.text import PREFIX, resolution

_DECIMAL = r"\d{1,15}(?:\.\d{1,15})?"
_LINE = re.compile(
    rf"Progress on:train\s{{1,8}}(?P<n>{_DECIMAL})(?P<p>[kMG]?)it/(?P<total>{_DECIMAL})(?P<q>[kMG]?)it\s{{1,8}}"
    rf"rate:(?P<rate>{_DECIMAL}) ?(?P<unit>s/it|it/s)(?:[^\n]{{0,60}}elapsed:(?P<elapsed>[\d:]{{1,20}}))?"
)


@register
class Levanter(Format):
    """The bar's rate is smoothed; counts above a thousand are printed with a prefix."""

    name = "levanter"
    weight = 0.9
    hints = ("Progress on:train",)
    mark = _LINE
    running = frozenset({"step_time_s"})

    def record(self, line: str) -> Record | None:
        """The record of a line, or ``None`` where it states no speed."""
        found = _LINE.search(line)
        if found is None or not float(found["rate"]):
            return None
        rate = float(found["rate"])
        self.log.see({"step_time_s": resolution(found["rate"])})
        self.log.total_steps = float(found["total"]) * PREFIX.get(found["q"].upper(), 1.0)
        return Record(
            step=float(found["n"]) * PREFIX.get(found["p"].upper(), 1.0),
            step_time_s=rate if found["unit"] == "s/it" else 1 / rate,
            elapsed_s=clock.duration(found["elapsed"]) if found["elapsed"] else None,
        )
