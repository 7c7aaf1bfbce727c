"""FLOPs of a step: what the mathematics needs, and what the hardware executes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfu_planner.counting.conventions import batch_flops, convention, hardware_flops
from mfu_planner.counting.remembered import remembered
from mfu_planner.numeric import Number
from mfu_planner.operators import Attention, Workload

if TYPE_CHECKING:
    from mfu_planner.architectures import Architecture

ALLOWED = "causal"
"""Convention of the ideal time: attention over the pairs that the mask allows."""


@remembered
def training_flops(architecture: Architecture, work: Workload, name: str) -> Number:
    """Model FLOPs of a batch, forward and backward, under a convention [FLOP]."""
    return batch_flops(convention(name), architecture, work)


def flops_per_sequence(architecture: Architecture, seq_len: int, name: str = "full") -> float:
    """Model FLOPs of one training sequence (as long for the decoder of an encoder–decoder) [FLOP]."""
    return float(training_flops(architecture, Workload(1, seq_len, seq_len), name))


def model_flops(architecture: Architecture, work: Workload) -> Number:
    """Model FLOPs of a batch over the pairs that the mask allows [FLOP]."""
    return training_flops(architecture, work, ALLOWED)


@remembered
def attention_flops(architecture: Architecture, work: Workload) -> Number:
    """Model FLOPs of attention alone, over the pairs that the mask allows [FLOP]."""
    inside = work.allowed()
    return sum(
        block.count * (op.forward_flops(inside) + op.backward_flops(inside))
        for block, op in architecture.each()
        if isinstance(op, Attention)
    )


@remembered
def executed_flops(
    architecture: Architecture,
    work: Workload,
    name: str,
    recompute: str,
    share: float | None,
    fused: bool,
    selected: float,
) -> Number:
    """FLOPs that the hardware executes for a batch, ``share`` of the layers recomputed in full [FLOP].

    Counted as ``mfu-planner mfu`` counts HFU, so that both agree on the same run; beyond it, a stack whose selective
    recomputation repeats a share of the products (``selected``) executes them.
    """

    def executed(again: str) -> Number:
        return hardware_flops(
            architecture, work, recompute=again, fused_attention=fused, selected=selected, convention=name
        )

    if share is None or share == 1.0:
        return executed(recompute)
    return (1.0 - share) * executed("none") + share * executed(recompute)
