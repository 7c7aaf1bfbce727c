"""Pipeline schedules: how long the stages wait, and how many micro-batches a device holds.

A schedule is a code in :class:`~mfu_planner.operators.layout.Layout`, so that arrays of layouts may mix them.
"""

from __future__ import annotations

from mfu_planner.errors import InputError, nearest
from mfu_planner.numeric import Number, anywhere, maximum, minimum, where

ONE_FORWARD_ONE_BACKWARD, GPIPE, ZERO_BUBBLE, DUALPIPE = map(float, range(4))
"""Codes; 0 is interleaved wherever a stage holds more than one chunk."""

SCHEDULES = {
    "gpipe": GPIPE,
    "1f1b": ONE_FORWARD_ONE_BACKWARD,
    "interleaved": ONE_FORWARD_ONE_BACKWARD,
    "zero-bubble": ZERO_BUBBLE,
    "dualpipe": DUALPIPE,
}
"""Schedule → its code."""


def schedule_name(virtual: float, code: float = ONE_FORWARD_ONE_BACKWARD) -> str:
    """The name of a code, given how many chunks a stage holds."""
    if code == ONE_FORWARD_ONE_BACKWARD:
        return "interleaved" if virtual > 1 else "1f1b"
    return next(name for name, known in SCHEDULES.items() if known == code)


def read_schedule(value: str | None, stages: int, virtual: int, micro_batches: int) -> str:
    """The schedule's name, checked against the layout; interleaved where a stage holds several chunks, else 1F1B.

    Raises
    ------
    InputError
        An unknown schedule; chunks that do not belong to it; DualPipe with odd stages or micro-batches.
    """
    if value is None:
        return schedule_name(virtual)
    if value not in SCHEDULES:
        raise InputError("schedule", value, ", ".join(SCHEDULES), nearest(str(value), SCHEDULES))
    if stages > 1 and (value == "interleaved") != (virtual > 1):
        wanted = "--vpp of 2 or more" if value == "interleaved" else "--vpp 1: only interleaved has several chunks"
        raise InputError("schedule", value, wanted)
    if value == "dualpipe" and stages > 1 and (stages % 2 or micro_batches % 2):
        given = f"dualpipe with {stages} stages and {micro_batches} micro-batches"
        raise InputError("schedule", given, "an even number of both")
    return str(value)


def fill_share(schedule: Number, stages: Number, virtual: Number, backward: Number, weight_gradient: Number) -> Number:
    """Time that filling and draining costs, relative to one micro-batch passing the other stages one by one.

    Parameters
    ----------
    schedule : float or array
        Code of the schedule.
    stages, virtual : float or array
        Pipeline stages p and chunks per stage v.
    backward, weight_gradient : float or array
        Shares of a micro-batch's time B (the whole backward pass) and W (the weight gradients in it).

    Notes
    -----
    GPipe and 1F1B wait (p − 1)(F + B) with equal stages; the others this share of it, in units where F + B = 1.

    .. math::
        interleaved = v**(-1);
        zero_bubble = Max(1 - 2*W, 0);
        dualpipe = Max(p/2 - 1, 0)/Max(p - 1, 1)*Max(1 + B - 3*W, 0)

    Zero bubble is ZB-H1, which holds no more activations than 1F1B. DualPipe's overlapped forward and backward is taken
    to last as long as both, but for the dispatch and combine that they hide.

    References
    ----------
    .. [1] Huang et al. 2019, *GPipe*, arXiv:1811.06965, section 2.3.
    .. [2] Narayanan et al. 2021, arXiv:2104.04473, section 2.2 (1F1B, interleaved).
    .. [3] Qi et al. 2023, *Zero Bubble Pipeline Parallelism*, arXiv:2401.10241, section 2.3 (ZB-H1).
    .. [4] DeepSeek-AI 2024, *DeepSeek-V3*, arXiv:2412.19437, table 2 (DualPipe).
    """
    code = schedule
    if not anywhere(code):
        return 1.0 / virtual
    none_left = maximum(1.0 - 2.0 * weight_gradient, 0.0)
    halves = maximum(stages / 2.0 - 1.0, 0.0) / maximum(stages - 1.0, 1.0)
    dual = halves * maximum(1.0 + backward - 3.0 * weight_gradient, 0.0)
    later = where(code == ZERO_BUBBLE, none_left, dual)
    return where(code == ONE_FORWARD_ONE_BACKWARD, 1.0 / virtual, where(code == GPIPE, 1.0, later))


def in_flight(
    stages: Number, micro_batches: Number, virtual: Number, schedule: Number = ONE_FORWARD_ONE_BACKWARD
) -> Number:
    """Micro-batches whose activations the fullest stage holds at once, in units of a whole stage.

    GPipe: all m of them. 1F1B and zero bubble (ZB-H1): as many as there are stages, p. Interleaved:
    p + (p − 1)/v. DualPipe: p + 1. Never more than m.

    References
    ----------
    .. [1] Huang et al. 2019, arXiv:1811.06965, section 2.3 (GPipe).
    .. [2] Narayanan et al. 2021, arXiv:2104.04473, section 2.2; Korthikanti et al. 2022, arXiv:2205.05198,
       section 4.2.3 (interleaved).
    .. [3] Qi et al. 2023, arXiv:2401.10241, section 2.3 (ZB-H1).
    .. [4] DeepSeek-AI 2024, arXiv:2412.19437, table 2 (DualPipe).
    """
    most = maximum(micro_batches, 1.0)
    held = where(virtual > 1, stages + (stages - 1.0) / virtual, stages)
    code = schedule
    if anywhere(code):
        held = where(code == GPIPE, most, where(code == DUALPIPE, stages + 1.0, held))
    return minimum(held, most)


def in_flight_later(flying: Number, schedule: Number) -> tuple[Number, Number]:
    """(micro-batches held by the second stage, by the last), out of what the first holds.

    Under 1F1B every stage holds one less than the stage before it and the last holds one; GPipe, zero bubble
    (weight gradients are late) and DualPipe hold the same everywhere.
    """
    falling = schedule == ONE_FORWARD_ONE_BACKWARD
    return where(falling, maximum(flying - 1.0, 1.0), flying), where(falling, 1.0, flying)
