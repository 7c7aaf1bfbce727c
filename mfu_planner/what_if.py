"""What if a few of a diagnosis's actions were taken: the waterfall after them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from mfu_planner.diagnosis.result import Action, Diagnosis


class PartAfter(BaseModel):
    """One part of the observed time, before and after."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    part: str
    cause: str
    name: str
    before: float
    """Share of the observed time."""
    after: float
    """Of the same observed time: after ≤ before."""


class WhatIf(BaseModel):
    """The run after some actions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parts: tuple[PartAfter, ...]
    ideal: float
    """Share of the observed time that the model FLOPs at the peak rate take."""
    time: float
    """Time after ÷ time before."""
    mfu: float | None
    effective_mfu: float | None


def what_if(diagnosis: Diagnosis, chosen: Sequence[Action] = ()) -> WhatIf:
    """Take actions and shrink the parts that they act on.

    Each action saves its share of the time that the actions before it left; the saving is taken from the parts of its
    cause in proportion, then from what nothing explains, then from all others.  A single action's time is exactly the
    diagnosis's own figure; several are treated as independent of each other.
    """
    parts = {p.part: max(p.share, 0.0) for p in diagnosis.waterfall}
    ideal = 1.0 - sum(p.share for p in diagnosis.waterfall)
    time = 1.0
    for action in chosen:
        saved = time * action.saves_share
        time -= saved
        own = [p.part for p in diagnosis.waterfall if p.cause == action.cause]
        rest = [p.part for p in diagnosis.waterfall if p.part == "unexplained"]
        for pool in (own, rest, list(parts)):
            saved -= _take(parts, pool, saved)
    shown = tuple(
        PartAfter(
            part=p.part, cause=p.cause, name=p.name, before=p.share, after=parts[p.part] if p.share > 0 else p.share
        )
        for p in diagnosis.waterfall
    )
    return WhatIf(
        parts=shown,
        ideal=ideal,
        time=time,
        mfu=None if diagnosis.mfu is None else diagnosis.mfu / time,
        effective_mfu=None if diagnosis.effective_mfu is None else diagnosis.effective_mfu / time,
    )


def _take(parts: dict[str, float], pool: Sequence[str], wanted: float) -> float:
    """Take up to ``wanted`` from the parts of a pool, in proportion; returns what was taken."""
    there = sum(parts[name] for name in pool)
    taken = min(max(wanted, 0.0), there)
    if taken:
        for name in pool:
            parts[name] -= taken * parts[name] / there
    return taken
