"""Idle time that the driver's utilisation shows: how much is known otherwise, and to whom evidence gives the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mfu_planner.diagnosis.gap import Gap
    from mfu_planner.diagnosis.loading import Loader
    from mfu_planner.diagnosis.observing import Observed
    from mfu_planner.diagnosis.signs import Sign

_HOST = ("launch", "step_fixed", "launch_gap", "host", "synchronisation")
_WAITING = ("input", "bubble", "stage_imbalance", "copies")
SMALL = 0.01
"""Idle shares below this are not told from rounding."""


def explain_idle(gap: Gap, seen: Observed, signs: Sequence[Sign], loader: Loader) -> None:
    """Enter the idle time that neither a measurement nor the prediction explains."""
    used = seen.answers.gpu_utilisation
    if used is None or seen.measured.products is not None:
        return
    cause, why = _reason(gap, signs, loader)
    known = sum(gap.shares.get(p, 0.0) for p in _WAITING)
    if cause != "data-loading":  # the host's predicted time is a fitted remainder: an empty loader explains it as well
        known += sum(gap.shares.get(p, 0.0) for p in _HOST)
    excess = 1 - used - known
    if excess <= SMALL:
        return
    seen_idle = f"the device is idle {1 - used:.0%} of the time by its utilisation"
    text = f"{seen_idle}, {known:.1%} of it explained otherwise; {why}"
    room = sum(v for p, v in gap.shares.items() if gap.basis[p] == "predicted" and v > 0) + gap.unexplained
    taken = min(excess, room)
    spare = min(taken, gap.unexplained)
    if spare:
        gap.move("device_idle", spare, "unexplained", "implied", text, cause)
    if taken > spare:
        _squeeze(gap, taken - spare, text, cause)


def _reason(gap: Gap, signs: Sequence[Sign], loader: Loader) -> tuple[str, str]:
    """(cause, why) of idle time that nobody measured further."""
    if loader.suspect:
        return "data-loading", loader.said
    loop = next((s for s in signs if s.part == "expert_loop"), None)
    if loop is not None:
        return "kernel-launch", loop.evidence
    launching = sum(gap.shares.get(p, 0.0) for p in ("launch", "launch_gap"))
    predicted = sum(v for p, v in gap.shares.items() if gap.basis[p] == "predicted" and v > 0)
    if launching > 0.3 * predicted > 0:
        return "kernel-launch", "the prediction is bound by launches already"
    if loader.ruled_out:
        return "cpu", "the loader has next to nothing to do: the host is left"
    return "unexplained", "the loader and the host leave a device idle alike"


def _squeeze(gap: Gap, share: float, text: str, cause: str) -> None:
    """An idle time that the prediction left no room for: predicted parts give way in proportion."""
    parts = [p for p, v in gap.shares.items() if gap.basis[p] == "predicted" and v > 0]
    factor = 1 - share / sum(gap.shares[p] for p in parts)
    for part in parts:
        gap.shares[part] *= factor
        gap.scales[part] = gap.scales.get(part, 0.0) * factor
    gap.put("device_idle", gap.shares.get("device_idle", 0.0) + share, "implied", text, cause)
