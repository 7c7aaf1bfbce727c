"""Which layers stand on which pipeline stage."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

from mfu_planner.numeric import Number, each

if TYPE_CHECKING:
    from mfu_planner.step.division import Division


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


def stage_plan(division: Division, stages: Number, balanced: float) -> tuple[Number, Number, Number]:
    """(most layers on a stage without the head, layers on the first stage, layers beside the head) for each layout."""

    def plan(stages: float) -> tuple[float, float, float]:
        if balanced and stages > 1:
            return balanced_stages(division.layers, int(stages), division.head_layers)
        return uniform_stages(division.layers, int(stages))

    found: tuple[Number, Number, Number] = each(plan, stages)
    return found
