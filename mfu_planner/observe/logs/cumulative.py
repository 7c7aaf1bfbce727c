"""Times that count from the start of an epoch or a run and not of a step: told by their growing in equal parts."""

from __future__ import annotations

import itertools
import statistics

from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.record import Record

#: Fewer times than this tell nothing.
_ENOUGH = 3
#: Differences that spread by more are no steps of one length; times that grow by less may drift.
_SPREAD, _GROWN = 0.3, 1.5
#: What a clock says at its first record is of the steps before it, and of start-up.
_START_UP = 1.25


def since_the_start(log: Reading) -> None:
    """Make stated times of a step that are running totals what they are: elapsed seconds."""
    timed = [r for r in log.store.records() if r.step is not None and r.step_time_s is not None]
    if len(timed) < _ENOUGH or not _grows(timed):
        return
    for record in timed:
        record.elapsed_s, record.step_time_s = record.step_time_s, None
    log.note(
        "log/cumulative-time", "warning",
        "the stated time grows from line to line by the same amount: it counts from a start, and a step is what it "
        "grows by",
    )  # fmt: skip


def _grows(timed: list[Record]) -> bool:
    """Whether times grow with their steps from about nothing, in equal parts."""
    each: list[float] = []
    for before, after in itertools.pairwise(timed):
        a, b, steps = before.step_time_s or 0.0, after.step_time_s or 0.0, (after.step or 0.0) - (before.step or 0.0)
        if b > a and steps > 0:
            each.append((b - a) / steps)
    if len(each) < max(_ENOUGH - 1, 0.9 * (len(timed) - 1)):
        return False
    step, first, last = statistics.median(each), timed[0], timed[-1]
    even = statistics.pstdev(each) <= _SPREAD * step
    begun = (first.step_time_s or 0.0) / step <= _START_UP * (first.step or 0.0) + 1
    return even and begun and (last.step_time_s or 0.0) > _GROWN * (first.step_time_s or 0.0)
