"""One look at a running job: where it stands, how fast it is now, and what is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mfu_planner.errors import NoAnswer

if TYPE_CHECKING:
    from mfu_planner.observe.logs.report import LogReport
    from mfu_planner.observe.watch.tail import Kept

SLOWER = 0.15
"""A step that takes this much longer than before, or than predicted, is worth an alarm."""
STALLED_STEPS = 10.0
"""Step times without a new line after which a job counts as stalled."""
STALLED_LEAST_S = 60.0
"""It does not count as stalled before this."""


@dataclass(frozen=True)
class Look:
    """What a job's log says at one moment; None where it does not say."""

    step: float | None = None
    tokens: float | None = None
    step_time_s: float | None = None
    """Steady, over the whole log."""
    recent_step_time_s: float | None = None
    """Over its newest part."""
    tokens_per_s: float | None = None
    tokens_per_s_per_device: float | None = None
    mfu: float | None = None
    predicted_mfu: float | None = None
    peak_flops_per_s: float | None = None
    model_flops: float | None = None
    """Put into the model so far [FLOP]."""
    remaining_s: float | None = None
    remaining_cost_usd: float | None = None
    alarms: tuple[str, ...] = field(default=())
    """One line each."""


def look(kept: Kept, flags: dict[str, Any], predicted_mfu: float | None, silent_s: float) -> Look:
    """Read a job's log as ``mfu-planner log`` does, and its newest part beside it.

    Parameters
    ----------
    flags
        Those of :func:`mfu_planner.read_log`.
    predicted_mfu
        What the layout should reach, to compare with; None for no comparison.
    silent_s
        Seconds since the log last grew.
    """
    from mfu_planner.observe.logs import read_log

    try:
        found = read_log(kept.text() or "\n", **flags)
    except NoAnswer as outcome:
        return Look(
            predicted_mfu=predicted_mfu, alarms=tuple(_stalled(None, silent_s)) or (f"no figures yet: {outcome}",)
        )
    recent = _recent(kept, flags) if kept.size else None
    done = found.tokens_done
    known = done is not None and found.flops_per_token is not None
    return Look(
        step=found.last_step,
        tokens=done,
        step_time_s=found.step_time_s,
        recent_step_time_s=recent,
        tokens_per_s=found.tokens_per_s,
        tokens_per_s_per_device=found.tokens_per_s_per_device,
        mfu=found.mfu,
        predicted_mfu=predicted_mfu,
        peak_flops_per_s=found.peak_flops_per_s and found.peak_flops_per_s * (found.devices or 1),
        model_flops=done * found.flops_per_token if known else None,  # type: ignore[operator]
        remaining_s=found.remaining_s,
        remaining_cost_usd=found.remaining_cost_usd,
        alarms=(
            *_stalled(found.step_time_s, silent_s),
            *_impossible(found),
            *_slower(found.step_time_s, recent),
            *_below(found.mfu, predicted_mfu),
        ),
    )


def _recent(kept: Kept, flags: dict[str, Any]) -> float | None:
    from mfu_planner.observe.logs import read_log

    try:
        return read_log(kept.newest(), **flags).step_time_s
    except NoAnswer:
        return None


def _stalled(step_time_s: float | None, silent_s: float) -> list[str]:
    limit = max(STALLED_LEAST_S, STALLED_STEPS * (step_time_s or 0.0))
    return [f"stalled: nothing written for {silent_s:,.0f} s"] if silent_s > limit else []


def _impossible(found: LogReport) -> list[str]:
    wrong = [f.message for f in found.findings if f.severity == "error"]
    return [f"impossible: {text}" for text in wrong[:1]]


def _slower(before_s: float | None, now_s: float | None) -> list[str]:
    if not before_s or not now_s or now_s <= (1 + SLOWER) * before_s:
        return []
    return [f"slower than before: {now_s:.3g} s a step, {now_s / before_s - 1:+.0%}"]


def _below(mfu: float | None, predicted: float | None) -> list[str]:
    if mfu is None or predicted is None or mfu * (1 + SLOWER) >= predicted:
        return []
    return [f"slower than predicted: MFU {mfu:.1%}, predicted {predicted:.1%}"]
