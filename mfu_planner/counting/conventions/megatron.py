"""Megatron-LM's own way with state-space and delta-rule layers, which differs from their operators.

References
----------
.. [1] NVIDIA/Megatron-LM, num_floating_point_operations, hybrid branch (commit d98e8a64ddf3); Megatron-Bridge,
   flop_utils.py (commit 067f987df03b).
"""

from __future__ import annotations

from dataclasses import replace

from mfu_planner.architectures.model import Block
from mfu_planner.operators import GatedDeltaRule, MatMul, Operator, SelectiveScan, StateSpaceDual


def as_megatron_counts(block: Block, op: Operator, hidden: int) -> Operator:
    """An operator of a Mamba-2 layer with the inner width that Megatron-LM assumes: twice the hidden size [1]_."""
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


def scan_as_megatron_counts(scan: Operator) -> int:
    """Forward FLOP per position: 7 · inner width · state of a scan, 8 · heads · value size² of a delta rule [1]_."""
    if isinstance(scan, GatedDeltaRule):
        return 8 * scan.value_heads * scan.value_dim**2
    if isinstance(scan, StateSpaceDual):
        return 7 * scan.heads * scan.head_dim * scan.state
    if isinstance(scan, SelectiveScan):
        return 7 * scan.channels * scan.state
    return 0
