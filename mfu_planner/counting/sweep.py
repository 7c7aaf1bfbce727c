"""One architecture at a million points: its work as a short expression in batch and sequence length.

The operators are read once.  Products along the tokens become one coefficient, attention one coefficient for each kind
of mask; what remains (scans, convolutions, other streams) is kept as it is.  The expression is then evaluated on
float64 arrays (or on ints, exactly).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from mfu_planner.architectures.model import Architecture
from mfu_planner.numeric import Number
from mfu_planner.operators import TOKENS, Attention, MatMul, Operator, Workload


@dataclass(frozen=True, slots=True)
class Expression:
    """Training (or forward) FLOP of a batch, as a function of its size."""

    per_token: int
    """FLOP of all products along the tokens, for each token."""
    per_pair: tuple[tuple[int, Attention], ...]
    """(FLOP per (query, key) pair, attention whose mask gives the pairs)."""
    rest: tuple[tuple[int, Operator], ...]
    """(how often, operator) for everything else."""
    forward_only: bool = False

    def __call__(self, work: Workload) -> Number:
        """FLOP of a batch: exact for ints, float64 for arrays."""
        total = self.per_token * work.tokens
        for coefficient, attention in self.per_pair:
            total = total + coefficient * attention.pairs(work)
        for count, op in self.rest:
            total = total + count * _flops(op, forward_only=self.forward_only)(work)
        return total


def compile_flops(architecture: Architecture, *, forward_only: bool = False) -> Expression:
    """The work of an architecture as one expression, for sweeps over batch and sequence length.

    Evaluated on a workload it equals ``model_work(architecture, work).total`` (``.forward`` for ``forward_only``).
    """
    one = Workload(1, 1)
    per_token = 0
    per_pair: dict[Any, tuple[int, Attention]] = {}
    rest: dict[Operator, int] = {}
    for block, op in architecture.each():
        flops = _flops(op, forward_only=forward_only)
        if isinstance(op, MatMul) and op.rows == TOKENS:
            per_token += block.count * int(flops(one))
        elif isinstance(op, Attention):
            key = (op.mask, op.rows, op.keys, op.unit_pairs)
            single = replace(op, unit_pairs=0, rows=TOKENS, keys=TOKENS)
            coefficient, _ = per_pair.get(key, (0, op))
            per_pair[key] = (coefficient + block.count * int(_flops(single, forward_only=forward_only)(one)), op)
        else:
            named = replace(op, name="")
            rest[named] = rest.get(named, 0) + block.count
    kept = tuple((count, op) for op, count in rest.items() if type(op).forward_flops is not Operator.forward_flops)
    return Expression(per_token, tuple(per_pair.values()), kept, forward_only)


def _flops(op: Operator, *, forward_only: bool) -> Callable[[Workload], Number]:
    """The work of one operator, forward alone or with the backward pass."""
    if forward_only:
        return op.forward_flops
    return lambda work: op.forward_flops(work) + op.backward_flops(work)
