"""What each change would save of the observed time, and of which cause."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mfu_planner.diagnosis.causes import PART_CAUSES
from mfu_planner.diagnosis.changes import changes
from mfu_planner.errors import PlannerError
from mfu_planner.step.case import Change

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mfu_planner.diagnosis.bench import Bench, Point
    from mfu_planner.diagnosis.gap import Gap

WORTH = 0.005
"""Share of the time that a change must save to be shown."""
MOST = 0.97
"""A change never saves more than this share."""
ALL = 0.999
"""What a measurement may find at most."""


@dataclass(frozen=True)
class Effect:
    """A change and what it saves."""

    change: Change
    saves: float
    """Share of the step."""
    by_cause: Mapping[str, float] = field(default_factory=dict)
    fits: bool | None = None
    peak_ratio: float = 1.0
    """Peak of the new number format over the old one's."""
    basis: str = "predicted"
    tells: tuple[str, ...] = ()
    """Causes that a measurement tells apart."""

    @property
    def kind(self) -> str:
        """fix, measure, other-hardware or changes-the-experiment."""
        return self.change.kind

    leads: str = ""
    """The first cause of the diagnosis, where this saves a good part of it."""

    @property
    def cause(self) -> str:
        """The first cause where it saves a good part of that, else the one that it saves most of."""
        if self.leads:
            return self.leads
        if self.change.cause:
            return self.change.cause
        return max(self.by_cause, key=lambda c: self.by_cause[c]) if self.by_cause else "unexplained"

    @property
    def speedup(self) -> float:
        """Throughput after over before."""
        return 1.0 / (1.0 - min(self.saves, ALL if self.kind == "measure" else MOST))


LED = 0.3
"""Share of its saving from which a change that helps several causes is called a cure of the first one."""


def led_by(effect: Effect, first: str) -> Effect:
    """The effect, as a cure of the first cause where that is a good part of what it saves."""
    part = effect.by_cause.get(first, 0.0)
    return replace(effect, leads=first) if effect.saves > 0 and part >= LED * effect.saves else effect


CHOSEN = {"recompute", "attention_kernel"}
"""Settings that are no advice to change where they were assumed: nobody said that the run has them."""


def what_ifs(bench: Bench, gap: Gap, facts: Mapping[str, Any]) -> list[Effect]:
    """Every change that saves something, most first."""
    found = []
    assumed = set(facts.get("assumed", ()))
    for change in changes(bench, facts):
        touched = set(change.question) - ({"global_batch"} if "micro_batch" in change.question else set())
        if touched & assumed & CHOSEN:
            continue
        if assumed & touched:
            change = replace(change, names_cause=False)
        try:
            point = bench.point(change)
        except PlannerError:
            continue
        effect = effect_of(bench, gap, change, point)
        if effect.saves > WORTH:
            found.append(effect)
    return sorted(found, key=lambda e: -e.saves)


def effect_of(bench: Bench, gap: Gap, change: Change, point: Point) -> Effect:
    """Shares saved, by cause: the predicted change of each part, scaled to the observation."""
    by_cause: dict[str, float] = {}
    for part, saved in savings(bench, gap, point).items():
        cause = change.causes.get(part) or gap.causes.get(part) or PART_CAUSES.get(part, "unexplained")
        by_cause[cause] = by_cause.get(cause, 0.0) + saved
    ratio = point.peak_flops_per_s / bench.base.peak_flops_per_s
    total = at_most(sum(by_cause.values()), gap, ratio)
    if change.cause:
        by_cause = {change.cause: total}
    fits = None if point.fits is None or bench.base.fits is False else point.fits
    return Effect(change, total, by_cause, fits, ratio)


def savings(bench: Bench, gap: Gap, point: Point) -> dict[str, float]:
    """Predicted part → share of the observed time that it would take less (negative: more)."""
    before, after = bench.base.parts, point.parts
    return {part: scale_of(gap, part) * (before.get(part, 0.0) - after.get(part, 0.0)) for part in {**before, **after}}


def at_most(saved: float, gap: Gap, ratio: float) -> float:
    """A saving that leaves the model FLOPs their time at the peak of the format (``ratio`` times the run's own)."""
    least = gap.useful * gap.stated_peak / ratio
    return min(saved, MOST * max(1.0 - least, 0.0))


def on_own_peak(mfu: float | None, gap: Gap, ratio: float) -> float | None:
    """An MFU on the peak of a change's number format; none where the change keeps the format, or the peak is its."""
    own = 1.0 if mfu is None else gap.stated_peak / ratio
    return None if mfu is None or ratio == 1.0 or own == 1.0 else mfu * own


def scale_of(gap: Gap, part: str) -> float:
    """Observed share per predicted device-second: parts that the run does not have yet count as the ideal does."""
    found = gap.scales.get(part)
    return gap.scales.get("ideal", 0.0) if found is None else found


FIXES = {
    "cpu": (
        "take host work out of the step: no .item() or printing of tensors, logging every 50 steps, manual garbage "
        "collection, pinned processes; nothing compiled anew in each step (TORCH_LOGS=recompiles, a kernel's own "
        "cache)",
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
    "padding": (
        "pack sequences (or batches of like lengths) in place of padding",
        "low",
        "attention must not cross documents (variable-length kernels)",
    ),
    "goodput": ("asynchronous checkpoints, fewer evaluations, faster restarts", "medium", "longer recovery if rarer"),
}
"""Cause → (what to do, effort, risk) where the loss itself is known; a loader's is in :mod:`.loading`."""


def fixes(losses: Mapping[str, float], basis: str, useful: float, cures: Mapping[str, Change]) -> list[Effect]:
    """Effects of the usual fix of what each measured loss gives back, or of the cure of an implied one.

    Parameters
    ----------
    cures
        Cause → a more concrete cure than the usual one.
    """
    room = MOST * (1.0 - useful)
    out = []
    for cause, share in losses.items():
        if share <= 0 or (cause not in FIXES and cause not in cures):
            continue
        if cause in cures:
            change = cures[cause]
        else:
            text, effort, risk = FIXES[cause]
            change = Change(text, f"fix-{cause}", effort=effort, risk=risk)
        saves = min(share, room)
        if saves < WORTH:
            continue
        out.append(Effect(change, saves, {cause: saves}, None, 1.0, basis))
    return out
