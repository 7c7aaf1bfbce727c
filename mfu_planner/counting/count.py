"""A model's work on one batch: FLOP forward and backward, in all and by operator."""

from __future__ import annotations

from dataclasses import dataclass

from mfu_planner.architectures.model import Architecture
from mfu_planner.numeric import Number
from mfu_planner.operators import Workload


@dataclass(frozen=True, slots=True)
class OperatorWork:
    """One operator, summed over its instances."""

    name: str
    count: int
    params: int
    forward_flops: Number
    backward_flops: Number


@dataclass(frozen=True, slots=True)
class ModelWork:
    """FLOP of one batch; the operators add up to the totals."""

    forward: Number
    backward: Number
    operators: tuple[OperatorWork, ...]

    @property
    def total(self) -> Number:
        """Forward plus backward."""
        return self.forward + self.backward


def model_work(architecture: Architecture, work: Workload) -> ModelWork:
    """Count every operator of a model on one batch (ints in, exact ints out)."""
    by_name: dict[str, OperatorWork] = {}
    for block, op in architecture.each():
        found = by_name.get(op.name, OperatorWork(op.name, 0, 0, 0, 0))
        by_name[op.name] = OperatorWork(
            op.name,
            found.count + block.count,
            found.params + block.parameter_sets * op.params,
            found.forward_flops + block.count * op.forward_flops(work),
            found.backward_flops + block.count * op.backward_flops(work),
        )
    operators = tuple(by_name.values())
    return ModelWork(sum(o.forward_flops for o in operators), sum(o.backward_flops for o in operators), operators)
