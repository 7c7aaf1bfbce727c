"""One framework's metrics: which keys it is known by, what each means, and which are phases of a step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mfu_planner.observe.logs.keys import Spec, convert
from mfu_planner.observe.logs.metric_names import as_number
from mfu_planner.observe.logs.record import Record

#: Prefixes that trackers and launchers put before a framework's own keys.
_PREFIXES = ("train/", "training/", "Train/")


@dataclass(frozen=True, slots=True)
class Dialect:
    """Keys of one framework.

    ``keys`` maps a key to a field of :class:`Record` and the unit of a bare number; ``phases`` maps a key to the name
    of a part of the step (in seconds); what is in neither is not looked at.
    """

    name: str
    #: What its keys mean, in a sentence.
    about: str
    marks: tuple[tuple[str, ...], ...]
    keys: Mapping[str, Spec]
    phases: Mapping[str, str] = field(default_factory=dict)
    #: Field → two keys whose product it is.
    products: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    #: Field → two keys whose sum it is.
    totals: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    #: Whether the phases follow each other and make up the step.
    sums: bool = False
    #: Fields that are means since the start, or smoothed.
    running: frozenset[str] = frozenset()
    #: Steps with a number below this are start-up.
    warmup: int = 1
    #: Whether the tokens of a step differ much from step to step (variable lengths, generation).
    uneven: bool = False
    #: Whether ``mfu`` is of one phase of the step, not of the step.
    phase_mfu: bool = False
    #: Whether trainers and generators are devices of their own, whose numbers nothing says.
    apart: bool = False

    def fits(self, names: Iterable[str]) -> bool:
        """Whether these keys, with or without a tracker's prefix, hold all of one mark."""
        have = {bare(n) for n in names} | set(names)
        return any(all(k in have for k in mark) for mark in self.marks)

    def record(self, row: Mapping[str, Any]) -> Record:
        """A row of keys and values as a record; of two keys of one field the one listed first wins."""
        have = {bare(name): raw for name, raw in row.items()} | dict(row)
        record = Record(phases=self._phases(have) or None)
        for key, (field_, unit) in self.keys.items():
            if key in have and getattr(record, field_) is None:
                value = as_number(have[key], field_)
                if value is not None:
                    setattr(record, field_, value if unit == "" else convert(repr(value), "", unit))
        for field_, (one, other) in {**self.products, **self.totals}.items():
            a, b = as_number(have.get(one)), as_number(have.get(other))
            if a is not None and b is not None and getattr(record, field_) is None:
                setattr(record, field_, a * b if field_ in self.products else a + b)
        if self.sums and record.step_time_s is None and record.phases:
            record.step_time_s = sum(record.phases.values())
        return record

    def _phases(self, have: Mapping[str, Any]) -> dict[str, float]:
        out: dict[str, float] = {}
        for key, name in self.phases.items():
            seconds = as_number(have.get(key))
            if seconds is not None and seconds >= 0:
                out[name] = out.get(name, 0.0) + seconds
        return out


def bare(name: str) -> str:
    """A key without the prefix of a tracker."""
    return next((name.removeprefix(p) for p in _PREFIXES if name.startswith(p)), name)
