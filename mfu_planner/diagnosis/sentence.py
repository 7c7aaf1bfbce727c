"""The diagnosis in one sentence: headline and confidence agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfu_planner.diagnosis import ranking
from mfu_planner.diagnosis.causes import CAUSES, MEANINGS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mfu_planner.diagnosis.describe import Described
    from mfu_planner.diagnosis.gap import Gap
    from mfu_planner.diagnosis.observing import Observed
    from mfu_planner.diagnosis.ranking import Ranked
    from mfu_planner.diagnosis.result import Action

_HEDGES = {"high": "It is", "medium": "It is probably", "low": "It may be"}
FAULT = 0.1
"""Share of the time from which a predicted cause is a fault, in a run that does as well as others."""
FEW = 0.01
"""An MFU below this is said as a speed: its percents round away."""
LARGEST = 0.5
"""A part that holds this much of its cause names it."""


def is_healthy(seen: Observed, run: Described, gap: Gap, causes: Sequence[Ranked]) -> bool:
    """Whether a run is as fast as expected and as similar ones, and nothing measured or predicted is a fault."""
    verdict = seen.measurement.verdict if seen.measurement else None
    if gap.ratio is None or gap.beyond or seen.mfu is None or run.impossible or run.reading:
        return False
    if verdict is None or verdict.similar_typical is None or seen.mfu < verdict.similar_typical:
        return False
    worst = max((r.share for r in causes if r.basis == "predicted"), default=0.0)
    return worst < FAULT and all(r.basis == "predicted" for r in causes)


def sentence(
    seen: Observed, run: Described, gap: Gap, causes: Sequence[Ranked], actions: Sequence[Action], *, healthy: bool
) -> str:
    """What it is, or that nothing known explains it and what to measure, or that nothing is wrong."""
    near = f", {gap.ratio:.2f} times the predicted step time" if gap.ratio else ""
    if healthy:
        verdict = seen.measurement.verdict if seen.measurement else None
        like = f"; similar runs reach {verdict.similar_typical:.0%}" if verdict and verdict.similar_typical else ""
        return f"Nothing stands out: the run is as fast as expected{near}{like}."
    if not causes or causes[0].share < ranking.NOTABLE:
        if run.bench is None and not seen.measured.parts:
            return f"Not enough is known to name a cause: {run.reason or 'nothing was measured'}."
        return f"Nothing stands out{near}: no single fix gives back more than {ranking.NOTABLE:.0%} of the time."
    first = causes[0]
    do = next((a.change for a in actions if a.kind == "measure"), "")
    if run.impossible:
        return f"As described the run cannot be: {run.impossible}. First {do}."
    if first.cause == "unexplained":
        return f"Nothing known explains {first.share:.0%} of the time{near}. First {do}."
    named = _named(first, gap)
    if run.reading is not None and first.cause == run.reading.cause:
        asked = f"{run.reading.words} would explain it, but was not said. First {do}"
        return f"It may be {named}: {asked}{_after(seen.mfu, first, actions)}."
    hedge = _HEDGES[ranking.confidence(causes, gap)]
    return f"{hedge} {named}{_after(seen.mfu, first, actions)}."


def _named(first: Ranked, gap: Gap) -> str:
    """The cause, and the part that makes up most of it."""
    parts = {p: s for p, s in gap.shares.items() if gap.causes.get(p) == first.cause and s > 0}
    said = CAUSES[first.cause].said
    if not parts:
        return said
    largest = max(parts, key=lambda p: parts[p])
    if largest == "pointwise" and first.cause == "kernels":
        return "the implementation: element-wise work that nothing fuses"
    if parts[largest] < LARGEST * sum(parts.values()) or largest in _PLAIN:
        return said
    return f"{said} ({MEANINGS[largest]})"


_PLAIN = ("input", "recompute", "bubble", "stragglers", "device_idle", "launch", "padding", "offloaded")
"""Parts whose words say no more than their cause's."""


def _after(mfu: float | None, first: Ranked, actions: Sequence[Action]) -> str:
    """What the best fix of the first cause leads to."""
    fixes = (a for a in actions if a.cause == first.cause and a.fits is not False and a.kind != "measure")
    action = next(fixes, None)
    if action is None:
        return ""
    up_to = "up to " if action.basis == "implied" else ""
    if action.predicted_mfu is None or mfu is None or mfu < FEW or action.predicted_mfu > 1:
        return f"; expect {up_to}{action.speedup:.2f} times the speed after the fix"
    own = action.predicted_mfu_own_peak
    said = "" if own is None else f", which is {own:.0%} of the new format's own peak"
    return f"; expect {up_to}{action.predicted_mfu:.0%} after the fix (now {mfu:.0%}){said}"
