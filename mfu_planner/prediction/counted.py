"""FLOPs of a step: what the mathematics needs, and what the hardware executes."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from mfu_planner.counting.conventions import batch_flops, by_convention, convention, flops_per_unit, hardware_flops
from mfu_planner.operators import Workload

if TYPE_CHECKING:
    from mfu_planner.architectures import Architecture
    from mfu_planner.layout.request import Request
    from mfu_planner.prediction.result import Prediction

CONVENTION, ALLOWED = "full", "causal"
"""Conventions that a prediction counts by: attention over all pairs, and over those that the mask allows."""


@lru_cache(maxsize=512)
def flops_per_sequence(architecture: Architecture, seq_len: int, *, allowed: bool = False) -> float:
    """Model FLOPs of one training sequence, forward and backward [FLOP]."""
    counted = convention(ALLOWED if allowed else CONVENTION)
    return float(batch_flops(counted, architecture, Workload(1, seq_len, seq_len)))


@lru_cache(maxsize=512)
def hardware_flops_per_sequence(
    architecture: Architecture,
    seq_len: int,
    recompute: str,
    share: float | None,
    *,
    fused: bool,
    counted: str = CONVENTION,
) -> float:
    """FLOPs that the hardware executes for one training sequence, ``share`` of the layers recomputed in full [FLOP].

    Counted as ``mfu-planner mfu`` counts HFU, so that both agree on the same run.
    """
    work = Workload(1, seq_len, seq_len)

    def executed(again: str) -> float:
        return float(hardware_flops(architecture, work, recompute=again, fused_attention=fused, convention=counted))

    if share is None or share == 1.0:
        return executed(recompute)
    return (1.0 - share) * executed("none") + share * executed(recompute)


def recounted(found: Prediction, request: Request, name: str) -> Prediction:
    """The same prediction with MFU and HFU as another convention counts them; ``all`` keeps full beside every other.

    Raises
    ------
    InputError
        An unknown convention, or one that says nothing about this model.
    """
    architecture, length, echo = request.model.architecture, request.seq_len, request.echo
    assert architecture is not None
    work = Workload(1, length, length)
    full = float(flops_per_unit(architecture, work, CONVENTION))
    if name == "all":
        every = by_convention(architecture, work)
        shown = {n: None if v is None else found.mfu * float(v) / full for n, v in every.items()}
        return found.model_copy(update={"by_convention": shown})
    chosen = convention(name)
    mfu = found.mfu * float(flops_per_unit(architecture, work, chosen)) / full
    fused, again, share = bool(request.stack.fused_attention), echo["recompute"], echo["recompute_share"]
    executed = hardware_flops_per_sequence(architecture, length, again, share, fused=fused, counted=chosen.name)
    before = hardware_flops_per_sequence(architecture, length, again, share, fused=fused)
    return found.model_copy(
        update={
            "convention": chosen.name,
            "mfu": mfu,
            "hfu": found.hfu * executed / before,
            "by_convention": {**found.by_convention, chosen.name: mfu},
        }
    )
