"""FLOPs of a step: what the mathematics needs, and what the hardware executes."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from mfu_planner.counting.conventions import batch_flops, convention, hardware_flops
from mfu_planner.operators import Workload

if TYPE_CHECKING:
    from mfu_planner.architectures import Architecture

CONVENTION, ALLOWED = "full", "causal"
"""Conventions that a prediction counts by: attention over all pairs, and over those that the mask allows."""


@lru_cache(maxsize=512)
def flops_per_sequence(architecture: Architecture, seq_len: int, *, allowed: bool = False) -> float:
    """Model FLOPs of one training sequence, forward and backward [FLOP]."""
    counted = convention(ALLOWED if allowed else CONVENTION)
    return float(batch_flops(counted, architecture, Workload(1, seq_len, seq_len)))


@lru_cache(maxsize=512)
def hardware_flops_per_sequence(
    architecture: Architecture, seq_len: int, recompute: str, share: float | None, *, fused: bool
) -> float:
    """FLOPs that the hardware executes for one training sequence, ``share`` of the layers recomputed in full [FLOP].

    Counted as ``mfu-planner mfu`` counts HFU, so that both agree on the same run.
    """
    work = Workload(1, seq_len, seq_len)

    def executed(again: str) -> float:
        return float(hardware_flops(architecture, work, recompute=again, fused_attention=fused, convention=CONVENTION))

    if share is None or share == 1.0:
        return executed(recompute)
    return (1.0 - share) * executed("none") + share * executed(recompute)
