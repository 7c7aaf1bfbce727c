"""Operators that move bytes and count no FLOP: look-ups, norms, element-wise work."""

from __future__ import annotations

from dataclasses import dataclass

from mfu_planner.operators.base import Operator, Role


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
        return 0 if self.shared_with else self.copies * self.width * (int(self.weight) + int(self.bias))


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
