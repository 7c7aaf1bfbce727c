"""MFU of a traced step, and the measured waterfall from the ideal time to the whole step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from mfu_planner.errors import NoAnswer

from .report import Waterfall

if TYPE_CHECKING:
    from mfu_planner.answers.results import Finding


class Efficiency(NamedTuple):
    """MFU and what it rests on."""

    mfu: float
    peak_flops_per_s: float
    flops_per_token: float | None
    convention: str
    tokens_per_s_per_device: float | None
    warnings: tuple[str, ...]
    findings: tuple[Finding, ...]
    """Doubts about the number."""


def efficiency(
    step_time_s: float | None, device: str | None, world_size: int | None, flags: Mapping[str, Any]
) -> tuple[Efficiency, list[str]]:
    """MFU of the mean step, and warnings about what was taken from the trace.

    Parameters
    ----------
    step_time_s
        Measured in the trace; ``step_time`` among the flags wins.
    device, world_size
        What the trace states, used where the flags do not say.
    flags
        Those of ``mfu-planner mfu``: ``model`` or ``config``, ``global_batch``, ``hardware``, ``devices``, …

    Raises
    ------
    NoAnswer
        The trace shows no steps, or not its device, and the flags do not help.
    InputError
        From :func:`mfu_planner.measure`.
    """
    from mfu_planner.answers.measure import measure

    given, notes = dict(flags), []
    if "step_time" not in given:
        if step_time_s is None:
            raise NoAnswer("the trace shows no steps to time: call profiler.step() in the loop, or give --step-time")
        given["step_time"] = f"{step_time_s!r} s"
    if "hardware" not in given and "peak" not in given:
        if device is None:
            raise NoAnswer("the trace does not name its device: give --hardware or --peak")
        given["hardware"] = device
    if "devices" not in given:
        given["devices"] = str(world_size or 1)
        notes.append(
            f"{world_size} devices taken from the trace's world size"
            if world_size
            else "one device: the trace states no world size"
        )
    measured = measure(**given)
    result = Efficiency(
        measured.mfu,
        measured.peak_flops_per_s,
        measured.flops_per_token,
        measured.convention,
        measured.tokens_per_s_per_device,
        measured.warnings,
        measured.findings,
    )
    return result, notes


def waterfall(
    step_time_s: float, mfu: float, breakdown: Mapping[str, float], idle: Mapping[str, float], window_s: float
) -> list[Waterfall]:
    """A step from its ideal time upwards; the seconds add up to the step.

    The window's shares are applied to the mean step.  ``matrix and attention, above ideal`` is what the products took
    beyond the model's FLOPs at peak rate; it is negative when the FLOPs claimed cannot have run in the time measured.
    """
    scale = step_time_s / window_s
    ideal = mfu * step_time_s
    products = (breakdown["matrix"] + breakdown["attention"]) * scale
    parts = [("ideal", ideal, False), ("matrix and attention, above ideal", products - ideal, True)]
    parts += [(k, breakdown[k] * scale, True) for k in ("optimizer", "normalization", "elementwise", "other")]
    parts += [("exposed communication", breakdown["communication"] * scale, True)]
    parts += [("copies", (breakdown["memcpy"] + breakdown["memset"]) * scale, True)]
    parts += [(f"idle: {cause.replace('_', ' ')}", seconds * scale, True) for cause, seconds in idle.items()]
    return [Waterfall(name=n, seconds=s, share=s / step_time_s, measured=m) for n, s, m in parts]
