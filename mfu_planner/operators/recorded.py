"""A product that was seen in a model's own code, known by its FLOP at any length."""

from __future__ import annotations

from dataclasses import dataclass

from mfu_planner.numeric import Number
from mfu_planner.operators.base import Operator
from mfu_planner.operators.workload import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedProduct(Operator):
    """FLOP of one sequence as a polynomial in its length, forward and backward.

    Notes
    -----
    constant + linear · s + square · s².  Fitted at three lengths and checked at others.
    """

    constant: int
    linear: int
    square: int
    back_constant: int = 0
    back_linear: int = 0
    back_square: int = 0
    weights: int = 0
    """Parameters of its own."""

    @property
    def params(self) -> int:
        """Parameters of its own."""
        return 0 if self.shared_with else self.weights

    def forward_flops(self, work: Workload) -> Number:
        """The polynomial, for every sequence of the batch."""
        length = work.length(self.rows.stream)
        return work.batch * (self.constant + self.linear * length + self.square * length * length)

    def backward_flops(self, work: Workload) -> Number:
        """That of the gradients, where they are needed."""
        if not (self.input_grad or self.trainable):
            return 0
        length = work.length(self.rows.stream)
        return work.batch * (self.back_constant + self.back_linear * length + self.back_square * length * length)
