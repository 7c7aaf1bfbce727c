"""What every format has: a mark to be known by, and a way from text to records."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import ClassVar, TypeVar

from mfu_planner.observe.logs import clock
from mfu_planner.observe.logs.keys import Keys
from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.record import SPEEDS, Record
from mfu_planner.observe.logs.source import LONGEST_LINE
from mfu_planner.observe.logs.text import tag

REGISTRY: list[type[Format]] = []
#: What a run does between its steps, as its text tells it.
_EVENT = re.compile(
    r"(?i:(?P<checkpoint>\bsav(?:ing|ed)\b[^\n]{0,60}(?:checkpoint|ckpt|state|model)|\bcheckpoint[^\n]{0,40}\bsav(?:ed|ing)\b)"
    r"|(?P<evaluation>\bevaluat(?:ing|ion)\b|\bvalidat(?:ing|ion)\b|\bvalid(?:ation)?[ _]loss|\beval[_ /]\w))"
)
_MOST_HITS = 12
_MOST_JOINED = 6
_SEEN_FOR_RESOLUTION = 64


class Format:
    """A line format.  Subclasses state ``name``, ``hints``, ``mark`` and ``keys``, and override what differs."""

    name: str
    #: How surely a mark means this format, 0–1.
    weight: ClassVar[float] = 0.9
    #: A line without any of these strings is no record.
    hints: ClassVar[tuple[str, ...]] = ()
    #: What a record of this format looks like; searched in whole stretches.
    mark: ClassVar[re.Pattern[str]]
    keys: ClassVar[Keys]
    #: How a record begins, for formats whose long lines terminals wrap.
    opening: ClassVar[re.Pattern[str] | None] = None
    #: Fields that this framework prints as running means or smoothed.
    running: ClassVar[frozenset[str]] = frozenset()
    #: Steps with a number below this are start-up by the framework's nature.
    warmup: int = 0
    #: Whether ranks and launchers prefix the lines.
    tagged: ClassVar[bool] = True

    def __init__(self, log: Reading) -> None:
        self.log = log
        self._seen = 0
        self._pending: str | None = None
        self._joined = 0
        self._stamped = False  # without a stamp in the first records, none is looked for
        log.running |= self.running

    @classmethod
    def score(cls, text: str) -> float:
        """How well a stretch of text fits, 0–1."""
        if not any(h in text for h in cls.hints):
            return 0.0
        hits = sum(1 for _ in itertools.islice(cls.marks(text), _MOST_HITS))
        return cls.weight * (1 - 0.25 * 0.5**hits) if hits else 0.0

    @classmethod
    def marks(cls, text: str) -> Iterator[int]:
        """Where a record of this format begins."""
        return (found.start() for found in cls.mark.finditer(text))

    def begin(self, *, new_file: bool = False) -> None:
        """What comes does not follow what came (a skipped stretch, a new file): forget half-read records."""

    def read(self, text: str) -> None:
        """Take a stretch of whole lines."""
        hints = self.hints
        for line in text.split("\n"):
            if self._pending is not None and self._continues(line):
                continue
            kept = self.log.store.counted
            for hint in hints:
                if hint in line:
                    self.line(line[:LONGEST_LINE])
                    break
            if kept == self.log.store.counted and ("sav" in line or "Sav" in line or "val" in line or "Val" in line):
                event = _EVENT.search(line[:400])
                self.log.event = self.log.event if event is None else event.lastgroup or ""

    def _continues(self, line: str) -> bool:
        """Whether a line is the rest of one that a terminal wrapped; then it has been taken."""
        assert self._pending is not None
        if self.opening is None or self.opening.search(line) or self._joined >= _MOST_JOINED or not line.strip():
            self._pending = None
            return False
        start = self.opening.search(self._pending)
        prefix = self._pending[: start.start()] if start else ""
        whole = f"{self._pending} {line.removeprefix(prefix).strip()}"
        self._pending = None
        joined, self._joined = self._joined, 0
        self.line(whole[:LONGEST_LINE])
        self._joined = joined + 1 if self._pending is not None else 0
        return True

    def count(self, text: str) -> int:
        """How many records a stretch holds that is only counted."""
        hint = self.hints[0]
        return sum(hint in line for line in text.split("\n"))

    def line(self, line: str) -> None:
        """Take a line that holds a hint."""
        record = self.record(line)
        if record is not None:
            self.keep(record, line)
        elif self.opening is not None and self.opening.search(line):
            self._pending = line  # perhaps wrapped: the rest may follow

    def record(self, line: str) -> Record | None:
        """The record of a line, or ``None``."""
        record = self.keys.record(line)
        return record if record.step is not None else None

    def keep(self, record: Record, line: str) -> bool:
        """Add a record with the line's clock and rank; note how finely the first ones are printed."""
        if record.time is None and (self._stamped or self._seen < _SEEN_FOR_RESOLUTION):
            record.time = clock.stamp(line)
            self._stamped = self._stamped or record.time is not None
        if self.tagged:
            record.tag = tag(line)
        if self._seen < _SEEN_FOR_RESOLUTION:
            self._seen += 1
            self.resolutions(line)
            if record.time is not None:
                self.log.clock_tick_s = min(self.log.clock_tick_s, clock.stamp_resolution(line))
        return self.log.add(record)

    def resolutions(self, line: str) -> None:
        """Remember how finely a line prints its numbers."""
        if hasattr(self, "keys"):
            self.log.see(self.keys.resolutions(line))

    def end(self) -> None:
        """All text has been read."""


class OfSeveralLines(Format):
    """A format whose record takes several lines: what each says is put into the one that is open."""

    def __init__(self, log: Reading) -> None:
        super().__init__(log)
        self.begin()

    def begin(self, *, new_file: bool = False) -> None:
        """Forget what was half read."""
        del new_file
        self.open: Record | None = None

    def opened(self) -> Record:
        """The record that is open; a new one where none is."""
        self.open = self.open or Record()
        return self.open

    def close(self, following: Record | None = None) -> None:
        """Add the open record, where it says how fast the run is; another one is open then, or none."""
        record, self.open = self.open, following
        if record is not None and self.says_speed(record):
            self.log.add(record)

    def says_speed(self, record: Record) -> bool:
        """Whether a record says something of speed."""
        return any(getattr(record, field) is not None for field in SPEEDS)

    def end(self) -> None:
        """All text has been read."""
        self.close()


AnyFormat = TypeVar("AnyFormat", bound=type[Format])


def register(kind: AnyFormat) -> AnyFormat:
    """Make a format known (a class decorator)."""
    REGISTRY.append(kind)
    return kind
