"""LLaMA-Factory's ``trainer_log.jsonl``: ``{"current_steps": 5, …, "elapsed_time": "4 days, 7:19:52"}``."""

from __future__ import annotations

import re

from mfu_planner.observe.logs import clock
from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.keys import Keys
from mfu_planner.observe.logs.record import Record

_ELAPSED = re.compile(r'"elapsed_time": ?"([^"\n]{1,40})"')
_TOTAL = re.compile(r'"total_steps": ?(\d{1,15})')


@register
class LlamaFactory(Format):
    """Elapsed time in whole seconds; throughput and tokens are 0 when they were not counted."""

    name = "llama-factory"
    weight = 0.98
    hints = ('"current_steps"',)
    mark = re.compile(r'"current_steps": ?\d+')
    keys = Keys({
        "current_steps": ("step", ""),
        "throughput": ("tokens_per_s", ""),
        "total_tokens": ("tokens_total", ""),
    })  # fmt: skip
    running = frozenset({"tokens_per_s"})
    tagged = False

    def record(self, line: str) -> Record | None:
        """The record of a line, or ``None`` where it states no speed."""
        record, elapsed = super().record(line), _ELAPSED.search(line)
        if record is None or elapsed is None:
            return None
        record.elapsed_s = clock.duration(elapsed[1])
        record.tokens_per_s = record.tokens_per_s or None
        record.tokens_total = record.tokens_total or None
        if found := _TOTAL.search(line):
            self.log.total_steps = float(found[1])
        return record
