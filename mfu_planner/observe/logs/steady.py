"""The steady window of a run: which records are typical, which are not and why."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.record import AVERAGED, LAST, SPEEDS, Record

#: A record is an outlier beyond this many robust standard deviations (1.4826 MAD) …
OUTLIER_DEVIATIONS = 5.0
#: … and beyond this share of the median, so that a very regular log keeps its everyday jitter.
OUTLIER_SHARE = 0.03
#: The leading records need less to count as warm-up.
LEADING_DEVIATIONS, LEADING_SHARE, LEADING_AT_MOST = 3.0, 0.02, 3
#: Phases of a step that are none of training.
PAUSES = ("evaluation", "checkpoint")
#: Differences of a coarse clock are taken over at least this many of its ticks.
TICKS = 50
#: In a log of at least so many records whose later half is faster by this share, that half sets what is typical.
SHORT_LOG, DECAY = 6, 0.1
#: Token counts that differ by less are equal for the choice of typical steps.
EVEN = 0.02
#: Where steps differ by nature, one is left out beyond this many medians.
STALL = 2.5
_MAD_TO_SIGMA = 1.4826
RULE = (
    "start-up steps, evaluation and other batch sizes are left out, then records further from the median than "
    "5 × 1.4826 MAD (and 3%), then leading records slower than 3 × 1.4826 MAD (and 2%); the rest is averaged"
)


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
    pairs = _without_pauses(log, pairs)
    pairs = _one_batch(log, pairs)
    pairs = _started(log, pairs, warmup)
    kept = _typical(log, pairs)
    window = Window([r for r, _ in kept], [s for _, s in kept], basis)
    window.clock_s, window.clock_uncertainty = _clock(by_clock, kept, log.clock_tick_s, basis)
    window.lost_share = _lost(pairs, kept)
    return window


def averages(log: Reading, window: Window) -> dict[str, float]:
    """Field → value over the window: mean times, harmonic mean rates, the last value of a running mean."""
    out: dict[str, float] = {}
    for name in AVERAGED:
        values = [v for r in window.kept if _usable(v := getattr(r, name))]
        if name in log.running and not values:
            values = [v for r in log.store.records()[-64:] if _usable(v := getattr(r, name))]
        if not values:
            continue
        if name in log.running:
            out[name] = values[-1]
        elif log.uneven and name != "step_time_s":
            out[name] = _by_time(window.kept, name)
        elif name in SPEEDS and name != "step_time_s":
            out[name] = len(values) / sum(1 / v for v in values)
        else:
            out[name] = statistics.fmean(values)
    if window.basis in ("elapsed_s", "time"):
        out["step_time_s"] = statistics.fmean(window.seconds)
        if window.basis == "elapsed_s":
            out["step_time_s"] = _weighted(window, out["step_time_s"])
    for name in LAST:
        values = [v for r in window.kept if (v := getattr(r, name)) is not None and v > 0]
        if values and name == "tokens_per_step":
            out[name] = statistics.fmean(values) if log.uneven else statistics.median(values)
        elif values:
            out[name] = values[-1]
    return out


def phase_means(window: Window) -> dict[str, float]:
    """Phase → mean seconds a step over the window, in the order in which the log names them."""
    out: dict[str, list[float]] = {}
    for record in window.kept:
        for name, seconds in (record.phases or {}).items():
            out.setdefault(name, []).append(seconds)
    return {name: sum(values) / max(1, len(window.kept)) for name, values in out.items()}


def _by_time(kept: list[Record], name: str) -> float:
    """The mean of a rate over the time of the steps, which differ; over the steps where no time is known."""
    pairs: list[tuple[float, float | None]] = [
        (v, r.step_time_s) for r in kept if (v := getattr(r, name)) is not None and v > 0
    ]
    timed = [(v, s) for v, s in pairs if s is not None and s > 0]
    if timed:
        return sum(v * s for v, s in timed) / sum(s for _, s in timed)
    return statistics.fmean(v for v, _ in pairs)


def _usable(value: float | None) -> bool:
    return value is not None and value > 0


def _weighted(window: Window, plain: float) -> float:
    """Mean over steps rather than over differences, where the differences span unequal numbers of steps."""
    first, last = window.kept[0], window.kept[-1]
    spans = [r.step - p.step for p, r in itertools.pairwise(window.kept) if r.step and p.step is not None]
    if not spans or min(spans) == max(spans) or first.step is None or last.step is None or min(spans) <= 0:
        return plain
    return sum(s * w for s, w in zip(window.seconds[1:], spans, strict=True)) / sum(spans)


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
    tokens = [r.tokens_per_step for r in itertools.chain.from_iterable(blocks) if _usable(r.tokens_per_step)]
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
    mfu = [(r, 1.0) for r in records if _usable(r.mfu)]
    if mfu:
        return "mfu", mfu
    return ("time", by_clock) if by_clock else (None, [])


def _series(records: list[Record], name: str) -> list[tuple[Record, float]]:
    values = ((r, getattr(r, name)) for r in records)
    if name == "step_time_s":
        return [(r, v) for r, v in values if v is not None and v > 0]
    return [(r, 1 / v) for r, v in values if v is not None and v > 0]


def _without_pauses(log: Reading, pairs: list[tuple[Record, float]]) -> list[tuple[Record, float]]:
    """Without the steps that hold an evaluation or a checkpoint, where most do not."""
    free = [(r, s) for r, s in pairs if not any((r.phases or {}).get(name) for name in PAUSES)]
    if len(free) < len(pairs) / 2 or len(free) == len(pairs):
        return pairs
    kept = {id(r) for r, _ in free}
    for record, seconds in pairs:
        if id(record) not in kept:
            log.store.drop("evaluation or checkpoint in the step", record, seconds)
    return free


def _one_batch(log: Reading, pairs: list[tuple[Record, float]]) -> list[tuple[Record, float]]:
    """Only the batch size of the end: a ramp-up has other step times."""
    batches = [r.global_batch for r, _ in pairs if r.global_batch]
    if not batches or batches[0] == batches[-1]:
        return pairs
    last = batches[-1]
    kept = []
    for record, seconds in pairs:
        if record.global_batch is not None and abs(record.global_batch / last - 1) > 0.01:
            log.store.drop("other batch size", record, seconds)
        else:
            kept.append((record, seconds))
    log.note(
        "log/batch-ramp", "note", f"the global batch changes during the log: only steps with its last value, "
                                  f"{last:g}, are used",
        global_batch=last,
    )  # fmt: skip
    return kept


def _started(log: Reading, pairs: list[tuple[Record, float]], warmup: int) -> list[tuple[Record, float]]:
    """Without the steps that are start-up by their number, unless nothing else is there."""
    later = [(r, s) for r, s in pairs if r.step is None or r.step >= warmup]
    if len(later) == len(pairs):
        return pairs
    if not later:
        log.note(
            "log/only-warm-up", "warning",
            "the log holds only the first step, which includes start-up (compilation, caches): the steady state is "
            "faster",
        )  # fmt: skip
        return pairs[-1:]
    for record, seconds in pairs:
        if record.step is not None and record.step < warmup:
            log.store.drop("warm-up", record, seconds)
    return later


def _typical(log: Reading, pairs: list[tuple[Record, float]]) -> list[tuple[Record, float]]:
    """Without outliers (evaluation, checkpoints, hiccups, asynchronous dispatch) and slow leading records."""
    if len(pairs) < 3:
        return pairs
    median = statistics.median(s for _, s in pairs)
    if log.uneven:
        return _but_stalls(log, pairs, median)
    judged = pairs[len(pairs) // 2 :]  # a start-up that takes as long as what follows does not set what is typical
    if len(pairs) < SHORT_LOG or median < (1 + DECAY) * statistics.median(s for _, s in judged):
        judged = pairs
    median = statistics.median(s for _, s in judged)
    sigma = _MAD_TO_SIGMA * statistics.median(abs(s - median) for _, s in judged)
    limit = max(OUTLIER_DEVIATIONS * sigma, OUTLIER_SHARE * median)
    kept = []
    for record, seconds in pairs:
        if seconds > median + limit:
            log.store.drop("outlier: slower than typical (evaluation, checkpoint, hiccup)", record, seconds)
        elif seconds < median - limit:
            log.store.drop("outlier: faster than typical (asynchronous dispatch, partial step)", record, seconds)
        else:
            kept.append((record, seconds))
    leading = max(LEADING_DEVIATIONS * sigma, LEADING_SHARE * median)
    dropped = 0
    while len(kept) > 3 and dropped < LEADING_AT_MOST and kept[0][1] > median + leading:
        log.store.drop("warm-up", *kept.pop(0))
        dropped += 1
    return kept


def _but_stalls(log: Reading, pairs: list[tuple[Record, float]], median: float) -> list[tuple[Record, float]]:
    """Steps of uneven lengths without gross stalls, and without a first one that is the slowest of all."""
    kept = []
    for i, (record, seconds) in enumerate(pairs):
        starts = i == 0 and len(pairs) > 3 and (record.step is None or record.step <= 1)
        if starts and seconds >= max(s for _, s in pairs):
            log.store.drop("warm-up", record, seconds)
        elif seconds > STALL * median:
            log.store.drop("outlier: slower than typical (evaluation, checkpoint, hiccup)", record, seconds)
        else:
            kept.append((record, seconds))
    return kept


def _clock(
    by_clock: list[tuple[Record, float]], kept: list[tuple[Record, float]], tick: float, basis: str
) -> tuple[float | None, float]:
    """Median seconds per step by the log's time stamps inside the window, and how far a tick moves it."""
    inside = {id(r) for r, _ in kept}
    chosen = [(r, s) for r, s in by_clock if id(r) in inside] or by_clock
    if basis == "time" or not chosen:
        return None, 1.0
    seconds = statistics.median(s for _, s in chosen)
    first, last = chosen[0][0], chosen[-1][0]
    span = (last.time or 0.0) - (first.time or 0.0) + seconds
    return (seconds if seconds > 0 else None), min(1.0, 2 * tick / span) if span > 0 else 1.0


def _lost(pairs: list[tuple[Record, float]], kept: list[tuple[Record, float]]) -> float | None:
    """Time beyond the typical step in records that were dropped as slow, as a share of all time."""
    if len(kept) < 20 or not kept:
        return None
    typical = statistics.fmean(s for _, s in kept)
    total = sum(s for _, s in pairs)
    inside = {id(r) for r, _ in kept}
    excess = sum(s - typical for r, s in pairs if id(r) not in inside and s > typical)
    return excess / total if total > 0 else None
