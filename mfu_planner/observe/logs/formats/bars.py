"""What progress bars say of the time of a step: their elapsed time, their rate, or both."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import NamedTuple

from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.record import Record
from mfu_planner.observe.logs.steady import TICKS

#: An elapsed time of this many printed seconds is finer than a smoothed rate.
_FINE_ELAPSED_S = 100.0
_HALF_A_TICK = 0.5


class Progressed(NamedTuple):
    """What a progress bar says: the step, and seconds since the bar began."""

    step: float
    elapsed_s: float


def decide(
    log: Reading, records: list[Record], resolution: float, offsets: Mapping[int, float], *, is_mean: bool
) -> None:
    """Let each record keep one of its bar's two times.

    A long bar's elapsed time is finer than its smoothed rate; a short one's rate is all there is, unless the rate is
    a mean since the start.  ``resolution`` is the relative half-width of the printed rates, ``offsets`` the seconds of
    the bars before a record's own (by its id): steps go on from one epoch's bar to the next, and so does their time.
    """
    log.elapsed_tick_s = 1.0
    log.see({"step_time_s": resolution})
    alone = not any(_went_on(a, b) for block in log.store.blocks for a, b in itertools.pairwise(block))
    if alone and all(_in_bar(r) == _total(r) or _elapsed(r) >= _FINE_ELAPSED_S for r in records):
        for r in records:  # nothing to take differences of: each says its mean
            if _elapsed(r) * resolution >= _HALF_A_TICK or not r.step_time_s:
                r.step_time_s = _elapsed(r) / _in_bar(r)
            r.elapsed_s = None
    elif _elapsed(records[-1]) - _elapsed(records[0]) >= _FINE_ELAPSED_S:
        for r in records:
            r.step_time_s = None
    elif is_mean:
        for r in records:
            if r.step_time_s is not None:
                r.elapsed_s = _in_bar(r) * r.step_time_s
            r.step_time_s = None
        log.elapsed_tick_s = 2 * resolution * _elapsed(records[-1]) / TICKS
    else:
        log.running.add("step_time_s")
        for r in records:
            r.elapsed_s = None
        log.note("log/smoothed-rate", "note", "the progress bar's rate is smoothed: its last value is used")
    for r in records:
        if r.elapsed_s is not None:
            r.elapsed_s += offsets.get(id(r), 0.0)


def _total(record: Record) -> float:
    total = record.tag.removeprefix("of ")
    return float(total) if total.isdigit() else 0.0


def _in_bar(record: Record) -> float:
    """The step within its bar: steps go on from one epoch's bar to the next one's."""
    return ((record.step or 1.0) - 1) % (_total(record) or 1.0) + 1


def _elapsed(record: Record) -> float:
    return record.elapsed_s or 0.0


def _went_on(before: Record, after: Record) -> bool:
    """Whether two records are of one bar that went on between them."""
    further = _in_bar(after) > _in_bar(before) and _elapsed(after) > _elapsed(before)
    return before.tag == after.tag and further
