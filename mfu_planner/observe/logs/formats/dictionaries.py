"""Consoles that print dictionaries or tables of metrics: the base of formats whose keys are a dialect."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from mfu_planner.observe.logs.dialects import Dialect
from mfu_planner.observe.logs.formats.base import Format
from mfu_planner.observe.logs.keys import Keys
from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.record import Record
from mfu_planner.observe.logs.rows import RowReader, merge
from mfu_planner.observe.logs.text import NUMBER

#: ``'key': 1.5``, ``"key": "1.5"``, ``'key': np.float64(1.5)``.
_PAIR = re.compile(rf"['\"]([^'\"\n]{{1,80}})['\"]: ?(?:np\.\w{{3,12}}\()?['\"]?({NUMBER})(?=['\"),}}\s]|$)")


def pairs(line: str) -> dict[str, Any]:
    """Keys and numbers of the dictionaries in a line; the first mention of a key wins.

    >>> pairs("step 3: {'a/b': 1.5, 'c': '2e3'}")
    {'a/b': '1.5', 'c': '2e3'}
    """
    out: dict[str, Any] = {}
    for key, value in _PAIR.findall(line):
        out.setdefault(key, value)
    return out


class DictLines(Format):
    """Lines with a dictionary in one dialect; ``at`` finds the step outside of it."""

    dialect: ClassVar[Dialect]
    at: ClassVar[re.Pattern[str] | None] = None
    keys = Keys({})

    def __init__(self, log: Reading) -> None:
        super().__init__(log)
        self._rows = RowReader(log, dialect=self.dialect)
        self.warmup = self.dialect.warmup

    def line(self, line: str) -> None:
        """Take a line that holds a hint."""
        row = pairs(line)
        found = self.at.search(line) if self.at else None
        if row:
            self.take(row, float(found[1]) if found else None, line)

    def take(self, row: dict[str, Any], step: float | None, line: str) -> None:
        """Keep a row; rows of one step are one record."""
        record = self._rows.record(row)
        record.step = record.step if step is None else step
        last = self.log.store.last
        if last is not None and record.step is not None and last.step == record.step and merge(last, record):
            return
        if telling(record):
            self.keep(record, line)


def telling(record: Record) -> bool:
    """Whether a record says anything of time, rate, tokens or phases."""
    spoken = (record.step_time_s, record.tokens_per_s, record.tokens_per_s_per_device, record.steps_per_s, record.mfu,
              record.samples_per_s, record.flops_per_s_per_device, record.tokens_total, record.phases,
              record.elapsed_s)  # fmt: skip
    return any(spoken)
