"""Rows of named values, whatever holds them: by their framework's meaning, by the user's, or by the names' own."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from mfu_planner.observe.logs.dialects import Dialect, dialect_of
from mfu_planner.observe.logs.metric_names import field_of, has_unit, row_record
from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.record import SPEEDS, Record

_FIELDS = tuple(f.name for f in dataclasses.fields(Record) if f.name not in ("phases", "evaluation", "tag"))
#: A step longer than this, in a column of no known framework and without a unit, is doubted.
_LONG_S = 100.0
_TELLING = (*SPEEDS, "elapsed_s", "time", "mfu", "tokens_total", "tokens_per_step")


class RowReader:
    """Takes rows into a Reading; remembers whose they are."""

    def __init__(self, log: Reading, columns: Mapping[str, str] | None = None, dialect: Dialect | None = None) -> None:
        self.log, self.columns = log, columns
        self.dialect: Dialect | None = None
        if dialect is not None:
            self._speak(dialect)

    def record(self, row: Mapping[str, Any]) -> Record:
        """What a row says, unkept."""
        if self.columns is None:
            found = dialect_of(frozenset(k for k in row if isinstance(k, str)))
            if found is not None and found is not self.dialect:
                self._speak(found)
            if self.dialect is not None:
                return self.dialect.record(row)
        record, means = row_record(row, self.columns)
        self.log.running |= means
        if self.columns is None and (record.step_time_s or 0.0) > _LONG_S:
            self._unit_unclear(row, record.step_time_s or 0.0)
        return record

    def _unit_unclear(self, row: Mapping[str, Any], seconds: float) -> None:
        """A long step under a name without a unit may be one in milliseconds."""
        names = [n for n in row if isinstance(n, str) and (field_of(n) or ("",))[0] == "step_time_s"]
        if names and not has_unit(names[0]):
            self.log.note(
                "log/unit-unclear", "warning",
                f"{names[0]} names no unit: {seconds:.4g} is taken for seconds; if it is milliseconds, give --column "
                f"time_ms={names[0]}", step_time_s_if_milliseconds=seconds / 1e3,
            )  # fmt: skip

    def take(self, row: Mapping[str, Any], **more: Any) -> bool:
        """Keep a row that says something of speed; rows of one step are one record."""
        record = self.record(row)
        for name, value in more.items():
            if getattr(record, name) is None:
                setattr(record, name, value)
        if record.phases is None and all(getattr(record, f) is None for f in _TELLING):
            return False
        last = self.log.store.last
        if self.dialect is not None and last is not None and record.step is not None and last.step == record.step:
            return not merge(last, record)
        return self.log.add(record)

    def _speak(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.log.running |= dialect.running
        self.log.uneven = self.log.uneven or dialect.uneven
        self.log.phase_mfu = self.log.phase_mfu or dialect.phase_mfu
        self.log.apart = self.log.apart or dialect.apart


def merge(into: Record, more: Record) -> bool:
    """Fill what a record does not say yet from another of the same step; whether anything was filled."""
    filled = False
    for name in _FIELDS:
        if getattr(into, name) is None and getattr(more, name) is not None:
            setattr(into, name, getattr(more, name))
            filled = True
    if more.phases:
        new = {k: v for k, v in more.phases.items() if k not in (into.phases or {})}
        into.phases = (into.phases or {}) | new
        filled = filled or bool(new)
    return filled
