"""Which records are typical of a run, which are not and why."""

from __future__ import annotations

import statistics

from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.record import Record

#: A record is an outlier beyond this many robust standard deviations (1.4826 MAD) …
OUTLIER_DEVIATIONS = 5.0
#: … and beyond this share of the median, so that a very regular log keeps its everyday jitter.
OUTLIER_SHARE = 0.03
#: The leading records need less to count as warm-up.
LEADING_DEVIATIONS, LEADING_SHARE, LEADING_AT_MOST = 3.0, 0.02, 3
#: Phases of a step that are none of training.
PAUSES = ("evaluation", "checkpoint")
#: In a log of at least so many records whose later half is faster by this share, that half sets what is typical.
SHORT_LOG, DECAY = 6, 0.1
#: Where steps differ by nature, one is left out beyond this many medians.
STALL = 2.5
_MAD_TO_SIGMA = 1.4826
RULE = (
    "start-up steps, evaluation and other batch sizes are left out, then records further from the median than "
    "5 × 1.4826 MAD (and 3%), then leading records slower than 3 × 1.4826 MAD (and 2%); the rest is averaged"
)


def without_pauses(log: Reading, pairs: list[tuple[Record, float]]) -> list[tuple[Record, float]]:
    """Without the steps that hold an evaluation or a checkpoint, where most do not."""
    free = [(r, s) for r, s in pairs if not any((r.phases or {}).get(name) for name in PAUSES)]
    if len(free) < len(pairs) / 2 or len(free) == len(pairs):
        return pairs
    kept = {id(r) for r, _ in free}
    for record, seconds in pairs:
        if id(record) not in kept:
            log.store.drop("evaluation or checkpoint in the step", record, seconds)
    return free


def one_batch(log: Reading, pairs: list[tuple[Record, float]]) -> list[tuple[Record, float]]:
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


def started(log: Reading, pairs: list[tuple[Record, float]], warmup: int) -> list[tuple[Record, float]]:
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


def typical(log: Reading, pairs: list[tuple[Record, float]]) -> list[tuple[Record, float]]:
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
