"""What every operator answers: parameters, FLOPs forward and backward, and who it is.

One multiply-add is 2 FLOP.  Matrix products, attention products and convolutions count; element-wise work and
look-ups count 0.  The backward pass of a product is its input gradient plus its weight gradient, each as large as the
forward product; a gradient that nobody needs is not counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mfu_planner.numeric import Number
from mfu_planner.operators.workload import TOKENS, Rows, Workload


class Split(StrEnum):
    """How tensor (or expert) parallelism divides an operator."""

    COLUMN = "column"
    """The outputs are divided; the input is whole on every device."""
    ROW = "row"
    """The inputs are divided; the partial outputs are summed over devices."""
    HEADS = "heads"
    """Attention heads (or state-space heads) are divided."""
    EXPERT = "expert"
    """Whole experts are divided over the expert-parallel group."""
    SEQUENCE = "sequence"
    """Rows are divided where sequence parallelism is on; otherwise repeated."""
    REPLICATED = "replicated"
    """Every device of the group does the same work."""


class Role(StrEnum):
    """What an operator is for: conventions include or leave out operators by role."""

    EMBEDDING = "embedding"
    POSITION = "position"
    ATTENTION = "attention"
    MLP = "mlp"
    ROUTER = "router"
    EXPERT = "expert"
    SHARED_EXPERT = "shared expert"
    NORM = "norm"
    SCAN = "scan"
    CONVOLUTION = "convolution"
    HEAD = "head"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """The common part of every operator; it is parameter-free and does no counted work."""

    name: str
    role: Role = Role.OTHER
    rows: Rows = TOKENS
    split: Split = Split.SEQUENCE
    reads: str = ""
    """Name of the input tensor, where several operators of a block read the same one (q, k, v)."""
    input_grad: bool = True
    """Whether the gradient of the input is needed (pixels and token ids need none)."""
    trainable: bool = True
    """Whether the weights are trained (frozen weights need no weight gradient)."""
    shared_with: str = ""
    """The operator whose parameters these are (a tied head); they are counted there."""

    @property
    def params(self) -> int:
        """Parameters that this operator owns."""
        return 0

    @property
    def active_params(self) -> int:
        """Parameters that one token uses (the chosen experts only)."""
        return self.params

    def forward_flops(self, work: Workload) -> Number:
        """FLOP of one forward pass over the batch."""
        del work
        return 0

    def backward_flops(self, work: Workload) -> Number:
        """FLOP of one backward pass: input gradient plus weight gradient, where needed."""
        return (int(self.input_grad) + int(self.trainable)) * self.forward_flops(work)
