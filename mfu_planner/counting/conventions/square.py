"""Sources that take the head size from the hidden size, whatever a config says."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from mfu_planner.architectures.model import Block
from mfu_planner.operators import Attention, MatMul, Operator


def squared(block: Block, op: Operator, hidden: int) -> Operator:
    """An operator of grouped-query attention with heads of hidden ÷ heads; others as they are.

    The quotient need not be whole: the sources divide as floats do.
    """
    attention = next((o for o in block.operators if isinstance(o, Attention)), None)
    if attention is None or attention.qk_dim != attention.v_dim:
        return op
    exact = type(hidden) is int and type(attention.heads) is int
    head: Any = Fraction(hidden, attention.heads) if exact else hidden / attention.heads
    queries, keys = hidden, attention.kv_heads * head
    if isinstance(op, Attention):
        return replace(op, qk_dim=head, v_dim=head)
    if not isinstance(op, MatMul):
        return op
    outputs = {"q_proj": queries, "k_proj": keys, "v_proj": keys, "qkv_proj": queries + 2 * keys}
    if op.name in outputs:
        return replace(op, outputs=outputs[op.name])
    return replace(op, inputs=queries) if op.name == "o_proj" else op
