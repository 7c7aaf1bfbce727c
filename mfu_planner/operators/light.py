"""Operators that move bytes and count no FLOP: look-ups, norms, element-wise work."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from mfu_planner.numeric import Number
from mfu_planner.operators.base import INSIDE, Operator, Role
from mfu_planner.operators.contract import KeptTensor
from mfu_planner.operators.layout import Layout
from mfu_planner.operators.workload import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup(Operator):
    """A table of ``entries`` vectors of ``width`` features, read by index (embeddings) or added whole (positions)."""

    entries: int
    width: int
    role: Role = Role.EMBEDDING

    @property
    def params(self) -> int:
        """Elements of the table."""
        return 0 if self.shared_with else self.entries * self.width

    def moved(self, work: Workload) -> Number:
        """The rows that are looked up, read and written."""
        return 2 * self.width * self.rows.count(work)

    def piece(self, layout: Layout) -> Self:
        """Entries ÷ TP."""
        return replace(self, entries=self.entries / layout.tp) if self.split in INSIDE else self


@dataclass(frozen=True, slots=True, kw_only=True)
class Norm(Operator):
    """Layer norm or RMS norm over ``width`` features, ``copies`` times (per head, say)."""

    width: int
    bias: bool = False
    weight: bool = True
    copies: int = 1
    """Separate weight vectors (a norm with weights of its own for each head)."""
    vectors: int = 1
    """Vectors of ``width`` that are normalised in each row (heads that share one weight vector)."""
    role: Role = Role.NORM

    @property
    def params(self) -> int:
        """Weights and biases."""
        return 0 if self.shared_with else self.copies * self.width * (self.weight + self.bias)

    def moved(self, work: Workload) -> Number:
        """Every vector, read and written."""
        return 2 * self.width * self.vectors * self.rows.count(work)

    def keeps(self) -> tuple[KeptTensor, ...]:
        """Its input."""
        return (KeptTensor(self.name, self.rows, self.width * self.vectors, self.region),)

    def piece(self, layout: Layout) -> Self:
        """Inside the tensor-parallel region vectors (heads) ÷ TP, or the width where it is one vector."""
        if self.split not in INSIDE:
            return Operator.piece(self, layout)
        if self.vectors == 1:
            return replace(self, width=self.width / layout.tp)
        copies = self.copies / layout.tp if self.copies > 1 else 1
        return replace(self, vectors=self.vectors / layout.tp, copies=copies)


@dataclass(frozen=True, slots=True, kw_only=True)
class Elementwise(Operator):
    """Work on every element: activations, rotary positions, residual sums, softmax over the vocabulary."""

    width: int
    """Features per row."""
    read: int = 1
    """Tensors of ``width`` that are read."""
    written: int = 1
    """Tensors of ``width`` that are written."""
    kept: int = 0
    """Tensors of ``width`` that the backward pass needs."""
    weights: int = 0
    """Parameters of its own (a learned scale, a state-space decay)."""

    @property
    def params(self) -> int:
        """Parameters of its own."""
        return 0 if self.shared_with else self.weights

    @property
    def loss(self) -> bool:
        """Whether it is the loss over the vocabulary, whose bytes are a software stack's own."""
        return self.role is Role.HEAD

    def moved(self, work: Workload) -> Number:
        """Every tensor that is read or written."""
        return (self.read + self.written) * self.width * self.rows.count(work)

    def keeps(self) -> tuple[KeptTensor, ...]:
        """What the backward pass needs, the loss left out."""
        if self.loss:
            return ()
        return (KeptTensor(self.name, self.rows, self.width * self.kept, self.region),)

    def piece(self, layout: Layout) -> Self:
        """Width ÷ TP inside the tensor-parallel region, rows under sequence parallelism outside it."""
        if self.split not in INSIDE:
            return Operator.piece(self, layout)
        return replace(self, width=self.width / layout.tp, weights=self.weights / layout.tp)
