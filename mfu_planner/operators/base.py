"""What every operator answers: parameters, FLOPs forward and backward, what it asks of a device, and its share of one.

One multiply-add is 2 FLOP.  Matrix products, attention products and convolutions count; element-wise work and
look-ups count 0.  The backward pass of a product is its input gradient plus its weight gradient, each as large as the
forward product; a gradient that nobody needs is not counted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from mfu_planner.numeric import Number
from mfu_planner.operators.contract import Exchange, KeptTensor, KernelKind, Launch, Region
from mfu_planner.operators.layout import Layout
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


INSIDE = (Split.COLUMN, Split.ROW, Split.HEADS, Split.EXPERT)
"""Splits that divide an operator by its width: what stands inside the tensor-parallel region."""


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
    def held(self) -> int:
        """Parameters that it works with, owned or shared."""
        return replace(self, shared_with="").params if self.shared_with else self.params

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
        return (self.input_grad + self.trainable) * self.forward_flops(work)

    @property
    def region(self) -> Region:
        """How tensor parallelism divides what it passes over."""
        return Region.SPLIT if self.split in INSIDE else Region.WHOLE

    def moved(self, work: Workload) -> Number:
        """Elements that one memory-bound forward pass reads and writes."""
        del work
        return 0

    def keeps(self) -> tuple[KeptTensor, ...]:
        """Tensors that the backward pass needs."""
        return ()

    def kernels(self, work: Workload) -> tuple[Launch, ...]:
        """Launches of one forward pass that are no memory-bound pass: all counted work, unless a kind says more."""
        flops = self.forward_flops(work)
        return () if isinstance(flops, int) and not flops else (Launch(KernelKind.SCAN, flops=flops),)

    def exchanges(self) -> tuple[Exchange, ...]:
        """What one device sends in one forward pass."""
        return ()

    def piece(self, layout: Layout) -> Self:
        """The share of one device under a layout: the same kind of operator, of smaller sizes.

        Context parallelism divides the rows of the whole batch and is no matter of the operator: a device's
        workload has 1/CP of the micro-batch.
        """
        if self.split is Split.SEQUENCE:
            return replace(self, rows=self.rows.divided(layout.spread))
        return self
