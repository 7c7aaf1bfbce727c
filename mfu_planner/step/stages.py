"""Which layers stand on which pipeline stage."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from mfu_planner.numeric import Number, anywhere, ceil, each, maximum, where
from mfu_planner.numeric.letters import plain

if TYPE_CHECKING:
    from mfu_planner.operators import Layout
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


def stated_stages(layers: Number, layout: Layout) -> tuple[Number, Number, Number]:
    """As a run states them: the ends' own numbers and equal middle stages, or embedding and loss among the layers.

    References
    ----------
    .. [1] NVIDIA/Megatron-LM, ``megatron/core/transformer/transformer_block.py``, ``get_num_layers_to_build``.
    """
    stages, start, end = layout.pp, layout.layers_first, layout.layers_last
    others = stages - where(start > 0, 1.0, 0.0) - where(end > 0, 1.0, 0.0)
    middle = (layers - start - end) / maximum(others, 1.0)
    even = (layers + layout.embedding_layers + layout.loss_layers) / stages
    uneven = start + end > 0
    most = where(uneven, middle, even)
    first = where(uneven, where(start > 0, start, middle), even - layout.embedding_layers)
    last = where(uneven, where(end > 0, end, middle), even - layout.loss_layers)
    return where(stages > 2, most, first), first, last


def stage_plan(division: Division, layout: Layout, balanced: float) -> tuple[Number, Number, Number]:
    """(most layers on a stage without the head, layers on the first stage, layers beside the head) for each layout."""
    usual = _usual_plan(division, layout.pp, balanced)
    stated = layout.embedding_layers + layout.loss_layers + layout.layers_first + layout.layers_last > 0
    if not anywhere(stated):
        return usual
    said = stated & (layout.pp > 1)
    most, first, last = (where(said, a, b) for a, b in zip(stated_stages(division.layers, layout), usual, strict=True))
    return most, first, last


def _usual_plan(division: Division, stages: Number, balanced: float) -> tuple[Number, Number, Number]:
    """The plan where nothing is said of it: equal shares, or by cost."""
    if not balanced:
        return uniform_stages(division.layers, stages)

    def plan(stages: float) -> tuple[float, float, float]:
        count = int(stages)
        if count == 1:
            return (float(plain(division.layers)),) * 3
        return balanced_stages(plain(division.layers), count, plain(division.head_layers))

    found: tuple[Number, Number, Number] = each(plan, stages)
    return found
