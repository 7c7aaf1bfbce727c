"""The records of one log, in bounded memory."""

from __future__ import annotations

import math
from collections import Counter, deque

from mfu_planner.observe.logs.record import Record

#: Beyond this many records every second block is let go, and later every second block is only counted.
CAPACITY = 30_000
#: A step counts as another rank's copy while it is one of this many distinct steps seen last.
RECENT = 3
_DROPS_LISTED = 50


class Store:
    """Records in blocks; a block is what one stretch of the file gave, so that neighbours in it are neighbours there.

    Copies of a step that several ranks print collapse to the first.  When more than ``CAPACITY`` records are held,
    every second block is dropped and only every ``stride``-th stretch is read from then on: the rest is counted.
    """

    def __init__(self) -> None:
        self.blocks: list[list[Record]] = [[]]
        self.stride = 1
        self.held = 0
        self.counted = 0
        self.copies = 0
        self.dropped: list[tuple[float | None, str, float | None]] = []
        self.drop_counts: Counter[str] = Counter()
        self._recent: dict[str, deque[float | None]] = {}
        self.last: Record | None = None

    def add(self, record: Record) -> bool:
        """Keep a record unless it is a copy of a step already held."""
        recent = self._recent.get(record.tag)
        if recent is None:
            if len(self._recent) > 4096:
                self._recent.clear()
            recent = self._recent[record.tag] = deque(maxlen=RECENT)
        if record.step is not None and not record.evaluation:
            if record.step in recent:
                self.copies += 1
                return False
            recent.append(record.step)
        self.blocks[-1].append(record)
        self.held += 1
        self.counted += 1
        self.last = record
        return True

    def clear(self) -> None:
        """Let all records go: a better source of the same steps was found."""
        self.blocks, self.held, self.counted, self.last = [[]], 0, 0, None
        self._recent.clear()

    def new_block(self) -> None:
        """The next records do not follow the last ones: a new file, or a skipped stretch."""
        if self.blocks[-1]:
            self.blocks.append([])

    def skips(self, stretch: int) -> bool:
        """Whether the stretch with this number is only counted."""
        return stretch % self.stride != 0

    def thin(self) -> None:
        """Let every second block go while too many records are held."""
        while self.held > CAPACITY and len(self.blocks) > 3:
            self.blocks = self.blocks[::2]
            self.stride *= 2
            self.held = sum(map(len, self.blocks))

    def drop(self, reason: str, record: Record, seconds: float | None = None) -> None:
        """Note a record that is not part of the steady state, and why."""
        self.drop_counts[reason] += 1
        if len(self.dropped) < _DROPS_LISTED:
            finite = seconds if seconds is not None and math.isfinite(seconds) else None
            self.dropped.append((record.step, reason, finite))

    def one_rank(self) -> None:
        """Keep the rank that printed most; of the others, only steps outside its range (a restart elsewhere)."""
        tags = Counter(r.tag for block in self.blocks for r in block if not r.evaluation)
        if len(tags) < 2:
            return
        first = tags.most_common(1)[0][0]
        steps = [r.step for block in self.blocks for r in block if r.tag == first and r.step is not None]
        low, high = (min(steps), max(steps)) if steps else (0.0, 0.0)
        for i, block in enumerate(self.blocks):
            self.blocks[i] = [r for r in block if r.tag == first or r.step is None or not low <= r.step <= high]
            self.copies += len(block) - len(self.blocks[i])
            self.counted -= len(block) - len(self.blocks[i])
        self.held = sum(map(len, self.blocks))

    def records(self) -> list[Record]:
        """All held records in order."""
        return [r for block in self.blocks for r in block]
