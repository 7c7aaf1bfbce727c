"""NeMo Automodel's console: ``step 9 | … | tps 11278.56(1409.82/gpu) | num_label_tokens 21541``."""

from __future__ import annotations

import re

from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.keys import Keys
from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.record import Record
from mfu_planner.observe.logs.text import NUMBER, number

_RATE = re.compile(rf"\btps[ :=]{{1,3}}({NUMBER}) ?\(({NUMBER}) ?/ ?gpu\)")


@register
class Automodel(Format):
    """``tps`` is of the whole job, the figure in brackets per GPU; batches differ in their tokens."""

    name = "nemo-automodel"
    weight = 0.97
    hints = ("tps ", "tps:")
    mark = re.compile(r"\bstep {1,4}\d+ \|[^\n]{0,300}?\btps[ :=]{1,3}[\d.,]+ ?\([\d.,]+ ?/ ?gpu\)")
    keys = Keys({
        "step": ("step", ""),
        "num_tokens_per_step": ("tokens_per_step", ""),
        "mfu": ("mfu", "%"),
    })  # fmt: skip
    warmup = 2

    def __init__(self, log: Reading) -> None:
        super().__init__(log)
        log.uneven = True

    def record(self, line: str) -> Record | None:
        """The record of a line, or ``None`` where it states no speed."""
        record, found = super().record(line), _RATE.search(line)
        if record is None or found is None:
            return None
        record.tokens_per_s, record.tokens_per_s_per_device = number(found[1]), number(found[2])
        return record
