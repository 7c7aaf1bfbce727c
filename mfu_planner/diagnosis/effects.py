"""What each change would save of the observed time, and of which cause."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mfu_planner.diagnosis.bench import NOTHING, Tuning
from mfu_planner.diagnosis.causes import PART_CAUSES
from mfu_planner.diagnosis.changes import Change, changes
from mfu_planner.diagnosis.knowledge import knowledge
from mfu_planner.errors import PlannerError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mfu_planner.diagnosis.bench import Bench, Point
    from mfu_planner.diagnosis.gap import Gap

WORTH = 0.005
"""Share of the time that a change must save to be shown."""
MOST = 0.97
"""A change never saves more than this share."""


@dataclass(frozen=True)
class Effect:
    """A change and what it saves."""

    change: Change
    saves: float
    """Share of the step."""
    by_cause: Mapping[str, float] = field(default_factory=dict)
    fits: bool | None = None
    peak_ratio: float = 1.0
    """Peak of the new number format over the old one's, where the MFU is to be divided by the new."""
    basis: str = "predicted"

    @property
    def cause(self) -> str:
        """The cause that it saves most of."""
        if self.change.cause:
            return self.change.cause
        return max(self.by_cause, key=lambda c: self.by_cause[c]) if self.by_cause else "unexplained"

    @property
    def speedup(self) -> float:
        """Throughput after over before."""
        return 1.0 / (1.0 - min(self.saves, MOST))


def what_ifs(bench: Bench, gap: Gap, facts: Mapping[str, Any]) -> list[Effect]:
    """Every change that saves something, most first."""
    found = []
    assumed = set(facts.get("assumed", ()))
    for change in changes(bench, facts):
        touched = set(change.flags) - ({"global_batch"} if "micro_batch" in change.flags else set())
        if assumed & touched:
            change = replace(change, names_cause=False)
        try:
            point = bench.point(change.flags, change.tuning, alone=change.alone)
        except PlannerError:
            continue
        effect = effect_of(bench, gap, change, point)
        if effect.saves > WORTH:
            found.append(effect)
    return sorted(found, key=lambda e: -e.saves)


def effect_of(bench: Bench, gap: Gap, change: Change, point: Point) -> Effect:
    """Shares saved, by cause: predicted seconds saved, scaled to the observation."""
    before, after = bench.base.parts, point.parts
    by_cause: dict[str, float] = {}
    total = 0.0
    for part in {**before, **after}:
        saved = scale_of(gap, part) * (before.get(part, 0.0) - after.get(part, 0.0))
        total += saved
        cause = change.causes.get(part) or gap.causes.get(part) or PART_CAUSES.get(part, "unexplained")
        by_cause[cause] = by_cause.get(cause, 0.0) + saved
    if "dtype" not in change.flags:  # the model FLOPs themselves take their time
        total = min(total, MOST * (1.0 - gap.useful))
    if change.cause:
        by_cause = {change.cause: total}
    ratio = 1.0 if change.flags.get("dtype") == "fp8" else point.peak_flops_per_s / bench.base.peak_flops_per_s
    fits = None if point.fits is None or bench.base.fits is False else point.fits
    return Effect(change, total, by_cause, fits, ratio)


def scale_of(gap: Gap, part: str) -> float:
    """Observed share per predicted device-second: parts that the run does not have yet count as the ideal does."""
    found = gap.scales.get(part)
    return gap.scales.get("ideal", 0.0) if found is None else found


FIXES = {
    "data-loading": (
        "more loader workers with prefetch and pinned memory; data tokenised beforehand and memory-mapped",
        "low",
        "host memory and cores",
    ),
    "cpu": (
        "take host work out of the step: no .item() or printing of tensors, logging every 50 steps, manual garbage "
        "collection, pinned processes",
        "low",
        "none known",
    ),
    "kernel-launch": ("torch.compile or CUDA graphs; a larger micro-batch", "medium", "static shapes"),
    "communication": ("overlap communication with computation; check every link (nccl-tests)", "medium", "none known"),
    "kernels": (
        "fuse element-wise work (torch.compile), fused attention and optimizer",
        "low",
        "numerics to be compared",
    ),
    "memory-bound": ("fuse element-wise work; a fused cross-entropy", "medium", "numerics to be compared"),
    "stragglers": (
        "find and replace the slow host or device (clocks, temperature, ECC, a busy CPU)",
        "low",
        "none known",
    ),
    "goodput": ("asynchronous checkpoints, fewer evaluations, faster restarts", "medium", "longer recovery if rarer"),
}
"""Cause → (what to do, effort, risk) where the loss itself was measured."""


def fixes(losses: Mapping[str, float], basis: str, useful: float) -> list[Effect]:
    """Effects of the usual fix of each measured (or suspected) loss; the useful share stays."""
    removed = knowledge()["removed"]
    room = MOST * (1.0 - useful)
    out = []
    for cause, share in losses.items():
        if cause in FIXES and share > 0:
            text, effort, risk = FIXES[cause]
            saves = min(float(removed.get(cause, 0.5)) * share, room)
            change = Change(text, f"fix-{cause}", effort=effort, risk=risk)
            out.append(Effect(change, saves, {cause: saves}, None, 1.0, basis))
    return out


def stack_up(bench: Bench | None, gap: Gap, chosen: Sequence[Effect]) -> Effect | None:
    """Several changes together; none where they exclude each other."""
    fixed = sum(e.saves for e in chosen if e.basis != "predicted")
    flags: dict[str, Any] = {}
    tuning: Tuning = NOTHING
    alone = False
    predicted = [e for e in chosen if e.basis == "predicted"]
    for effect in predicted:
        flags |= effect.change.flags
        tuning = tuning.joined(effect.change.tuning)
        alone = alone or effect.change.alone
    if bench is None or not predicted:
        return Effect(Change("", "all"), fixed, {}, None, 1.0, "measured")
    try:
        point = bench.point(flags, tuning, alone=alone)
    except PlannerError:
        return None
    together = effect_of(bench, gap, Change("", "all", flags, tuning), point)
    room = MOST if "dtype" in flags else MOST * (1.0 - gap.useful)
    ratio = 1.0
    for effect in predicted:
        ratio *= effect.peak_ratio
    return Effect(together.change, min(together.saves + fixed, room), {}, together.fits, ratio)
