"""Megatron-LM's own way with state-space and delta-rule layers, which differs from their operators; MaxText's too.

References
----------
.. [1] NVIDIA/Megatron-LM, num_floating_point_operations, hybrid branch (commit d98e8a64ddf3); Megatron-Bridge,
   flop_utils.py (commit 067f987df03b).
.. [2] AI-Hypercomputer/maxtext, calculate_gated_delta_net_flops_per_device (commit e591f30cbbf2).
"""

from __future__ import annotations

from dataclasses import replace

from mfu_planner.architectures.model import Block
from mfu_planner.operators import Attention, GatedDeltaRule, MatMul, Operator, SelectiveScan, StateSpaceDual


def as_megatron_counts(block: Block, op: Operator, hidden: int, *, maxtext: bool = False) -> Operator:
    """An operator of a Mamba-2 layer with the inner width that Megatron-LM assumes: twice the hidden size [1]_.

    ``maxtext``: queries without the gate that the same product makes [2]_.
    """
    if maxtext:
        return _without_gate(block, op)
    scan = next((o for o in block.operators if isinstance(o, StateSpaceDual)), None)
    if scan is None:
        return op
    inner, assumed = scan.heads * scan.head_dim, 2 * hidden
    if isinstance(op, MatMul) and op.name == "in_proj":
        return replace(op, outputs=op.outputs + 2 * (assumed - inner))
    if isinstance(op, MatMul) and op.name == "out_proj":
        return replace(op, inputs=assumed)
    if op is scan:
        return replace(scan, heads=1, head_dim=assumed)
    return op


def _without_gate(block: Block, op: Operator) -> Operator:
    attention = next((o for o in block.operators if isinstance(o, Attention)), None)
    if attention is None or not isinstance(op, MatMul) or op.name != "q_proj":
        return op
    return replace(op, outputs=attention.heads * attention.qk_dim)


def scan_as_megatron_counts(scan: Operator, *, maxtext: bool = False) -> int:
    """Forward FLOP per position: 7 · inner width · state of a scan, 8 · heads · value size² of a delta rule [1]_.

    ``maxtext``: key size · value size in place of the square, and no other scan [2]_.
    """
    if isinstance(scan, GatedDeltaRule):
        return 8 * scan.value_heads * scan.value_dim * (scan.key_dim if maxtext else scan.value_dim)
    if maxtext:
        return 0
    if isinstance(scan, StateSpaceDual):
        return 7 * scan.heads * scan.head_dim * scan.state
    if isinstance(scan, SelectiveScan):
        return 7 * scan.channels * scan.state
    return 0
