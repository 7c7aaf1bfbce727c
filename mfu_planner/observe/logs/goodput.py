"""Where the wall clock of a time-stamped log went: training, and what was not; the parts add up to it."""

from __future__ import annotations

import itertools

from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.record import Record
from mfu_planner.units import DAY

TRAINING, START, RESTART, REPEATED, OTHER = "training", "start-up", "restart", "repeated steps", "other waits"
#: A step longer than the steady one by less than this share is jitter of training.
_JITTER = 0.25
#: Fewer records, or less time than this many ticks of the clock, tell nothing.
_FEWEST, _TICKS = 4, 20


def goodput(log: Reading, step_time_s: float | None) -> dict[str, float]:
    """Cause → seconds from the first to the last time stamp; empty where the log has too few of them."""
    if log.goodput:
        return dict(log.goodput)
    records = [r for block in log.store.blocks for r in block
               if r.time is not None and r.step is not None and not r.evaluation]  # fmt: skip
    if not step_time_s or len(records) < _FEWEST:
        return {}
    out = dict.fromkeys((TRAINING, START, "checkpoint", "evaluation", RESTART, REPEATED, OTHER), 0.0)
    interval = (records[1].step or 0.0) - (records[0].step or 0.0)
    _before_the_first(log, records[0], step_time_s * max(1.0, min(interval, records[0].step or 1.0)), out)
    seen = records[0].step or 0.0
    for before, after in itertools.pairwise(records):
        wall = (after.time or 0.0) - (before.time or 0.0)
        if wall < 0:
            wall = wall + DAY if wall > -DAY else 0.0  # a clock without a date passed midnight
        _share(before, after, wall, step_time_s, seen, out)
        seen = max(seen, after.step or 0.0)
    if sum(out.values()) < _TICKS * log.clock_tick_s:
        return {}
    return {cause: seconds for cause, seconds in out.items() if seconds > 0}


def _before_the_first(log: Reading, first: Record, useful: float, out: dict[str, float]) -> None:
    """From the first stamp of the text to the first record: start-up, but for the steps that the record counts."""
    if log.first_stamp is None or first.time is None or first.time < log.first_stamp:
        return
    wall = first.time - log.first_stamp
    if wall > 30 * DAY:
        return
    out[TRAINING] += min(wall, useful)
    out[START] += max(0.0, wall - useful)


def _share(before: Record, after: Record, wall: float, each: float, seen: float, out: dict[str, float]) -> None:
    steps = (after.step or 0.0) - (before.step or 0.0)
    if steps <= 0 or after.segment != before.segment:
        out[RESTART] += wall
        return
    useful = min(wall, steps * each)
    rest = wall - useful
    if rest <= _JITTER * useful:
        useful, rest = wall, 0.0
    out[REPEATED if (after.step or 0.0) <= seen else TRAINING] += useful
    if rest:
        cause = after.after if after.after in out else OTHER
        out[cause] += rest
