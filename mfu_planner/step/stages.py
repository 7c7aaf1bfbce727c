"""Which layers stand on which pipeline stage."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from mfu_planner.numeric import Number, ceil, each, where
from mfu_planner.numeric.letters import plain

if TYPE_CHECKING:
    from mfu_planner.step.division import Division


def uniform_stages(layers: Number, stages: Number) -> tuple[Number, Number, Number]:
    """(most layers on a middle stage, layers on the first, layers on the last): equal shares, the rest spread."""
    most = ceil(layers / stages)
    return most, most, where(layers % stages == 0, most, layers / stages)


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

    if not balanced:
        return uniform_stages(division.layers, stages)

    def plan(stages: float) -> tuple[float, float, float]:
        count = int(stages)
        if count == 1:
            return (float(plain(division.layers)),) * 3
        return balanced_stages(plain(division.layers), count, plain(division.head_layers))

    found: tuple[Number, Number, Number] = each(plan, stages)
    return found
