"""Pipeline parallelism: which layers stand on which stage, and what waiting costs."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mfu_planner.prediction.arrays import Numbers


def pipeline_bubble(stages: Numbers, micro_batches: Numbers, virtual: Numbers = 1) -> Numbers:
    """Idle share of a step under interleaved 1F1B, relative to the busy time.

    Valid for equal stages and micro-batches a multiple of the stages.

    .. math:: (p - 1) / (v m)

    References
    ----------
    .. [1] Narayanan et al. 2021, arXiv:2104.04473, section 2.2.
    """
    return (stages - 1) / (virtual * micro_batches)


def pipeline_time(slowest: Numbers, total: Numbers, micro_batches: Numbers, fill: Numbers) -> Numbers:
    """Seconds of all micro-batches through unequal stages.

    Parameters
    ----------
    slowest, total : float or array
        Time of one micro-batch, forward and backward, on the slowest stage and summed over the stages [s].
    fill : float or array
        What the schedule makes of filling and draining (:func:`mfu_planner.prediction.schedules.fill_share`).

    Notes
    -----
    .. math:: T = m\\, s_{max} + \\phi \\left(\\sum_i s_i - s_{max}\\right)
    """
    return micro_batches * slowest + fill * (total - slowest)


@lru_cache(maxsize=4096)
def uniform_stages(layers: int, stages: int) -> tuple[float, float, float]:
    """(most layers on a middle stage, layers on the first, layers on the last): equal shares, the rest spread."""
    most = math.ceil(layers / stages)
    return float(most), float(most), float(layers / stages if layers % stages else most)


@lru_cache(maxsize=4096)
def balanced_stages(layers: int, stages: int, head_layers: float) -> tuple[float, float, float]:
    """Stages filled until their share of the cost is passed, the head counting as ``head_layers`` layers.

    Walks layers, then the head; a stage closes once the cumulative cost *exceeds* its share.  Returns the most
    layers of a
    stage without the head, the layers of the first stage, and the layers that stand beside the head.

    References
    ----------
    .. [1] huggingface/nanotron, ``models/base.py``: thresholds over cumulative block costs.
    """
    share = (layers + head_layers) / stages
    counts = [0] * stages
    rank = 0
    for layer in range(1, layers + 1):
        counts[rank] += 1
        if layer > share * (rank + 1) and rank < stages - 1:
            rank += 1
    beside = counts[rank]
    others = [c for i, c in enumerate(counts) if i != rank]
    return float(max(others, default=beside)), float(counts[0]), float(beside)
