"""Pipeline parallelism: what waiting costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mfu_planner.numeric import Number


def pipeline_bubble(stages: Number, micro_batches: Number, virtual: Number = 1) -> Number:
    """Idle share of a step under interleaved 1F1B, relative to the busy time.

    Valid for equal stages and micro-batches a multiple of the stages.

    .. math:: bubble = (p - 1)/(v*m)

    References
    ----------
    .. [1] Narayanan et al. 2021, arXiv:2104.04473, section 2.2.
    """
    return (stages - 1) / (virtual * micro_batches)


def pipeline_time(slowest: Number, total: Number, micro_batches: Number, fill: Number) -> Number:
    """Seconds of all micro-batches through unequal stages.

    Parameters
    ----------
    slowest, total : float or array
        Time of one micro-batch, forward and backward, on the slowest stage and summed over the stages [s].
    fill : float or array
        What the schedule makes of filling and draining (:func:`mfu_planner.step.schedules.fill_share`).

    Notes
    -----
    .. math:: T = m*s_max + phi*(s_sum - s_max)
    """
    return micro_batches * slowest + fill * (total - slowest)
