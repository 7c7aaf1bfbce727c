"""What is gathered while one log is read."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from mfu_planner.observe.logs.header import Header
from mfu_planner.observe.logs.record import Record
from mfu_planner.observe.logs.store import Store

Severity = Literal["note", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth saying about a log: a code, how bad, one sentence, and the numbers behind it."""

    code: str
    severity: Severity
    message: str
    evidence: dict[str, float | str | None] = field(default_factory=dict)


@dataclass
class Reading:
    """Records, header facts, whole-run statements and notes of one log."""

    store: Store = field(default_factory=Store)
    header: Header = field(default_factory=Header)
    #: Statements about the whole run: ``runtime_s``, ``steps`` and fields of Record.
    summary: dict[str, float] = field(default_factory=dict)
    #: What the file says of the whole run, start-up, evaluation and checkpoints included.
    job: dict[str, float] = field(default_factory=dict)
    #: Field → relative half-width with which the log prints it.
    resolution: dict[str, float] = field(default_factory=dict)
    #: Seconds between ticks of the log's wall clock and of its elapsed time.
    clock_tick_s: float = 1.0
    elapsed_tick_s: float = 1.0
    #: Fields that are running means or smoothed: their last value counts.
    running: set[str] = field(default_factory=set)
    notes: list[Note] = field(default_factory=list)
    #: Sums of named parts of a step (forward, backward, all-reduce …), with their count.
    parts: dict[str, tuple[float, int]] = field(default_factory=dict)
    _warm: set[str] = field(default_factory=set)
    total_steps: float | None = None
    #: Whether the work is forward passes alone (a server).
    forward_only: bool = False
    #: Number of the run within the text, and devices of each where the text says them.
    segment: int = 0
    devices_of: dict[int, float] = field(default_factory=dict)
    #: What the text spoke of since the last record.
    event: str = ""
    first_stamp: float | None = None
    #: Cause → seconds, where a format itself times them.
    goodput: dict[str, float] = field(default_factory=dict)
    #: Whether steps differ much by nature (variable lengths, generation): then only gross outliers are left out.
    uneven: bool = False
    #: Group of devices (training, generation) → how many, where each has its own.
    groups: dict[str, float] = field(default_factory=dict)
    #: Whether the stated utilisation and FLOP/s are of one phase of the step.
    phase_mfu: bool = False
    #: Whether trainers and generators are devices of their own, whose numbers nothing says.
    apart: bool = False

    def add(self, record: Record) -> bool:
        """Keep a record (copies of other ranks are not kept)."""
        record.segment, record.after = self.segment, self.event
        kept = self.store.add(record)
        if kept:
            self.event = ""
        return kept

    def note(self, code: str, severity: Severity, message: str, **evidence: float | str | None) -> None:
        """Say something once."""
        if all(n.code != code for n in self.notes):
            finite = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in evidence.items()}
            self.notes.append(Note(code, severity, message, finite))

    def part(self, name: str, seconds: float) -> None:
        """Add one measured part of a step; the first gives way to the second, for it holds start-up."""
        total, count = self.parts.get(name, (0.0, 0))
        if name in self.parts and name not in self._warm:
            self._warm.add(name)
            total, count = 0.0, 0
        self.parts[name] = (total + seconds, count + 1)

    def see(self, resolutions: dict[str, float]) -> None:
        """Remember the coarsest resolution of each field."""
        for name, value in resolutions.items():
            self.resolution[name] = max(value, self.resolution.get(name, 0.0))
