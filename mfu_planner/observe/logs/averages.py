"""Means over the steady window: times, rates, phases."""

from __future__ import annotations

import itertools
import statistics

from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.record import AVERAGED, LAST, SPEEDS, Record
from mfu_planner.observe.logs.steady import Window, usable


def averages(log: Reading, window: Window) -> dict[str, float]:
    """Field → value over the window: mean times, harmonic mean rates, the last value of a running mean."""
    out: dict[str, float] = {}
    for name in AVERAGED:
        values = [v for r in window.kept if usable(v := getattr(r, name))]
        if name in log.running and not values:
            values = [v for r in log.store.records()[-64:] if usable(v := getattr(r, name))]
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


def _weighted(window: Window, plain: float) -> float:
    """Mean over steps rather than over differences, where the differences span unequal numbers of steps."""
    first, last = window.kept[0], window.kept[-1]
    spans = [r.step - p.step for p, r in itertools.pairwise(window.kept) if r.step and p.step is not None]
    if not spans or min(spans) == max(spans) or first.step is None or last.step is None or min(spans) <= 0:
        return plain
    return sum(s * w for s, w in zip(window.seconds[1:], spans, strict=True)) / sum(spans)
