"""The steady window of a run: which records are typical, which are not and why."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.record import SPEEDS, Record
from mfu_planner.observe.logs.typical import one_batch, started, typical, without_pauses

#: Differences of a coarse clock are taken over at least this many of its ticks.
TICKS = 50
#: Of fewer differences of a clock the start-up in the first one is not evened out.
ENOUGH_TICKED = 3
#: Token counts that differ by less are equal for the choice of typical steps.
EVEN = 0.02


@dataclass
class Window:
    """Kept records, the seconds per step that chose them (by position), and where those seconds came from."""

    kept: list[Record]
    seconds: list[float]
    basis: str | None
    #: Seconds per step by the log's own clock over the window, and its relative uncertainty.
    clock_s: float | None = None
    clock_uncertainty: float = 1.0
    #: Seconds that the dropped slow records took beyond a typical step, as a share of all logged time.
    lost_share: float | None = None


def choose(log: Reading, warmup: int) -> Window:
    """Pick the steady window and note what is dropped."""
    log.store.one_rank()
    blocks = [[r for r in block if not r.evaluation] for block in log.store.blocks]
    for block in log.store.blocks:
        for record in block:
            if record.evaluation:
                log.store.drop("evaluation", record)
    _per_step_counts(blocks)
    if log.uneven:
        _own_times(blocks, log.running)
        log.uneven = _uneven(blocks)
    by_clock = _differences(blocks, "time", log.clock_tick_s)
    basis, pairs = _basis(log, blocks, by_clock)
    if basis is None:
        records = [r for block in blocks for r in block]
        return Window(records[-1:], [], None)
    pairs = without_pauses(log, pairs)
    pairs = one_batch(log, pairs)
    pairs = started(log, pairs, warmup)
    kept = typical(log, pairs)
    window = Window([r for r, _ in kept], [s for _, s in kept], basis)
    window.clock_s, window.clock_uncertainty = _clock(by_clock, kept, log.clock_tick_s, basis)
    window.lost_share = _lost(pairs, kept)
    return window


def usable(value: float | None) -> bool:
    """Whether a value says anything: neither unknown nor a sentinel."""
    return value is not None and value > 0


def _per_step_counts(blocks: Iterable[list[Record]]) -> None:
    """Tokens and samples of a step from their running totals."""
    for block in blocks:
        for before, after in itertools.pairwise(block):
            if after.step is None or before.step is None or after.step <= before.step:
                continue
            for total, each in (("tokens_total", "tokens_per_step"), ("samples_total", "global_batch")):
                a, b = getattr(before, total), getattr(after, total)
                if a is not None and b is not None and b > a and getattr(after, each) is None:
                    setattr(after, each, (b - a) / (after.step - before.step))


def _uneven(blocks: Iterable[list[Record]]) -> bool:
    """Whether the tokens of a step differ by more than jitter; unknown tokens may."""
    tokens = [r.tokens_per_step for r in itertools.chain.from_iterable(blocks) if usable(r.tokens_per_step)]
    each = [t for t in tokens if t is not None]
    return len(each) < 3 or statistics.pstdev(each) > EVEN * statistics.fmean(each)


def _own_times(blocks: Iterable[list[Record]], running: set[str]) -> None:
    """Seconds of a step from its tokens and its rate, where both are its own."""
    if "tokens_per_s" in running:
        return
    for record in itertools.chain.from_iterable(blocks):
        rate, tokens = record.tokens_per_s or 0.0, record.tokens_per_step or 0.0
        if record.step_time_s is None and rate > 0 and tokens > 0:
            record.step_time_s = tokens / rate


def _differences(blocks: Iterable[list[Record]], attribute: str, tick: float) -> list[tuple[Record, float]]:
    """Seconds per step between records that are at least ``TICKS`` ticks apart."""
    out: list[tuple[Record, float]] = []
    for block in blocks:
        anchor: Record | None = None
        last: tuple[Record, float] | None = None
        found = 0
        for record in block:
            value = getattr(record, attribute)
            if value is None or record.step is None:
                continue
            start = None if anchor is None else getattr(anchor, attribute)
            if anchor is None or anchor.step is None or start is None or record.step <= anchor.step or value < start:
                anchor, last = record, None
                continue
            last = record, (value - start) / (record.step - anchor.step)
            if value - start >= TICKS * tick:
                out.append(last)
                anchor, last, found = record, None, found + 1
        if not found and last is not None and last[1] > 0:
            out.append(last)
    return out


def _basis(
    log: Reading, blocks: list[list[Record]], by_clock: list[tuple[Record, float]]
) -> tuple[str | None, list[tuple[Record, float]]]:
    """The series that chooses the window: a stated step time, elapsed time, a rate, the clock, a running mean."""
    records = [r for block in blocks for r in block]
    enough = max(1, sum(r.step is not None for r in records) // 2)
    elapsed = _differences(blocks, "elapsed_s", log.elapsed_tick_s)
    for allow_running in (False, True):
        for name in SPEEDS:
            if allow_running or name not in log.running:
                pairs = _series(records, name)
                if len(pairs) >= enough or (pairs and allow_running):
                    return name, pairs
            if name == "step_time_s" and elapsed:
                return "elapsed_s", elapsed
        if (
            by_clock
            and allow_running is False
            and not any(_series(records, n) for n in SPEEDS if n not in ("steps_per_s",))
        ):
            return "time", by_clock
    mfu = [(r, 1.0) for r in records if usable(r.mfu)]
    if mfu:
        return "mfu", mfu
    return ("time", by_clock) if by_clock else (None, [])


def _series(records: list[Record], name: str) -> list[tuple[Record, float]]:
    values = ((r, getattr(r, name)) for r in records)
    if name == "step_time_s":
        return [(r, v) for r, v in values if v is not None and v > 0]
    return [(r, 1 / v) for r, v in values if v is not None and v > 0]


def _clock(
    by_clock: list[tuple[Record, float]], kept: list[tuple[Record, float]], tick: float, basis: str
) -> tuple[float | None, float]:
    """Median seconds per step by the log's time stamps inside the window, and how far a tick moves it."""
    inside = {id(r) for r, _ in kept}
    chosen = [(r, s) for r, s in by_clock if id(r) in inside]
    if len(chosen) < ENOUGH_TICKED:  # few and coarse: the first of them begins before the window does
        chosen = _differences([[r for r, _ in kept]], "time", tick) or chosen or by_clock
    if not chosen:
        return None, 1.0
    seconds = statistics.median(s for _, s in chosen)
    first, last = chosen[0][0], chosen[-1][0]
    span = (last.time or 0.0) - (first.time or 0.0) + seconds
    return (seconds if seconds > 0 and basis != "time" else None), min(1.0, 2 * tick / span) if span > 0 else 1.0


def _lost(pairs: list[tuple[Record, float]], kept: list[tuple[Record, float]]) -> float | None:
    """Time beyond the typical step in records that were dropped as slow, as a share of all time."""
    if len(kept) < 20 or not kept:
        return None
    typical = statistics.fmean(s for _, s in kept)
    total = sum(s for _, s in pairs)
    inside = {id(r) for r, _ in kept}
    excess = sum(s - typical for r, s in pairs if id(r) not in inside and s > typical)
    return excess / total if total > 0 else None
