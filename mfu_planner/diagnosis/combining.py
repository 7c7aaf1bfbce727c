"""Several changes together: one prediction of the changed run, scaled to the observation as each alone is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfu_planner.diagnosis.causes import MEANINGS, ORDER, PART_CAUSES
from mfu_planner.diagnosis.effects import at_most, on_own_peak, savings
from mfu_planner.diagnosis.gap import REPLACED
from mfu_planner.diagnosis.result import Combined, Excluded, PartAfter
from mfu_planner.errors import PlannerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mfu_planner.diagnosis.bench import Bench
    from mfu_planner.diagnosis.effects import Effect
    from mfu_planner.diagnosis.gap import Gap
    from mfu_planner.diagnosis.result import Diagnosis
    from mfu_planner.step.case import Change

DOES_NOT_FIT = "does not fit the device's memory"
MEASURES = "a measurement changes nothing"
_MEASURED = {part: measured for measured, parts in REPLACED.items() for part in parts}
"""Predicted part → the measured one that stands for it where there is one."""


def compatible(bench: Bench | None, effects: Iterable[Effect]) -> tuple[list[Effect], list[Excluded]]:
    """(those that can be done together, the first of several that exclude each other; the rest, with the reason)."""
    picked: list[Effect] = []
    left: list[Excluded] = []
    for effect in effects:
        rival = next((e for e in picked if e.change.knob == effect.change.knob), None)
        because = DOES_NOT_FIT if effect.fits is False else MEASURES if effect.kind == "measure" else ""
        if rival is not None:
            because = f"changes the same as: {rival.change.text}"
        elif not because and bench is not None and effect.basis == "predicted":
            try:
                bench.point(*_predicted([*picked, effect]))
            except PlannerError as error:
                because = str(error)
        if because:
            left.append(Excluded(change=effect.change.text, because=because))
        else:
            picked.append(effect)
    return picked, left


def unchanged(diagnosis: Diagnosis) -> Combined:
    """No change at all: the waterfall as it is."""
    parts = tuple(
        PartAfter(part=p.part, cause=p.cause, name=p.name, before=p.share, after=p.share) for p in diagnosis.waterfall
    )
    return Combined(
        changes=(),
        excluded=(),
        fits=None,
        predicted_mfu=diagnosis.mfu,
        predicted_mfu_own_peak=None,
        low=diagnosis.mfu,
        high=diagnosis.mfu,
        gain=0.0,
        speedup=1.0,
        time=1.0,
        ideal=1.0 - sum(p.before for p in parts),
        parts=parts,
    )


def _predicted(effects: Iterable[Effect]) -> list[Change]:
    return [effect.change for effect in effects if effect.basis == "predicted"]


def combined(bench: Bench | None, gap: Gap, chosen: Sequence[Effect], mfu: float | None) -> Combined:
    """What a set of changes leads to: those that exclude each other, or do not fit, are left out and said."""
    picked, left = compatible(bench, chosen)
    predicted = _predicted(picked)
    point = bench.point(*predicted) if bench is not None and predicted else None
    parts = dict(gap.shares)
    ratio = 1.0
    useful = gap.useful
    if bench is not None and point is not None:
        ratio = point.peak_flops_per_s / bench.base.peak_flops_per_s
        useful -= _spend(parts, savings(bench, gap, point))
    for effect in picked:
        if effect.basis != "predicted":
            own = [p for p in parts if gap.causes.get(p) == effect.cause]
            _take(parts, own, effect.saves)
    saved = gap.useful + sum(gap.shares.values()) - useful - sum(parts.values())
    time = 1.0 - at_most(saved, gap, ratio)
    speedup = 1.0 / time
    after = None if mfu is None else mfu * speedup
    fits = None if bench is None or point is None or bench.base.fits is False else point.fits
    low, high = range_of(bench, picked, mfu, after, ratio)
    return Combined(
        changes=tuple(e.change.text for e in picked),
        excluded=tuple(left),
        fits=fits,
        predicted_mfu=after,
        predicted_mfu_own_peak=on_own_peak(after, gap, ratio),
        low=low,
        high=high,
        gain=speedup - 1,
        speedup=speedup,
        time=time,
        ideal=useful,
        parts=tuple(_part(p, gap, parts) for p in ORDER if gap.shares.get(p) or parts.get(p)),
    )


def _spend(parts: dict[str, float], saved: dict[str, float]) -> float:
    """Take what is saved from the observed parts; returns what the model FLOPs themselves save."""
    ideal = saved.pop("ideal", 0.0)
    for part, share in saved.items():
        held = part if part in parts else _MEASURED.get(part, part)
        held = held if held in parts or share < 0 else "unexplained"
        parts[held] = parts.get(held, 0.0) - share
    return ideal


def _take(parts: dict[str, float], pool: Sequence[str], wanted: float) -> None:
    """Take up to ``wanted`` from the parts of a pool, in proportion."""
    there = sum(max(parts[name], 0.0) for name in pool)
    taken = min(max(wanted, 0.0), there)
    if taken:
        for name in pool:
            parts[name] -= taken * max(parts[name], 0.0) / there


def _part(name: str, gap: Gap, parts: dict[str, float]) -> PartAfter:
    before = gap.shares.get(name, 0.0)
    cause = gap.causes.get(name) or PART_CAUSES[name]
    after = parts.get(name, 0.0)
    return PartAfter(part=name, cause=cause, name=MEANINGS[name], before=before, after=max(after, min(before, 0.0)))


def range_of(
    bench: Bench | None, effects: Sequence[Effect], mfu: float | None, after: float | None, ratio: float
) -> tuple[float | None, float | None]:
    """The model's own range around the changed run, never worse than now nor beyond the peak of its format.

    What is implied or unexplained may bring nothing at all.
    """
    if mfu is None or after is None:
        return after, after
    if any(e.basis in ("implied", "unexplained") for e in effects):
        return mfu, after
    if bench is None or not _predicted(effects):
        return after, after
    base = bench.base
    low, high = min(mfu, after), max(1.0, ratio)
    return max(low, after / base.high), max(after, min(high, after / base.low))
