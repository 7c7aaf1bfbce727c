"""Matrix products and convolutions: the operators that own most weights and FLOPs."""

from __future__ import annotations

from dataclasses import dataclass

from mfu_planner.numeric import Number
from mfu_planner.operators.base import Operator, Role, Split
from mfu_planner.operators.workload import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class MatMul(Operator):
    """A linear layer: each row of ``inputs`` features becomes a row of ``outputs`` features.

    ``copies`` weight matrices exist and each row goes through ``active`` of them (a mixture of experts); a plain
    linear layer has one of each.

    Notes
    -----
    Forward FLOP = 2 · rows · active · inputs · outputs (one multiply-add is 2).
    """

    inputs: int
    outputs: int
    bias: bool = False
    copies: int = 1
    active: int = 1
    split: Split = Split.REPLICATED

    @property
    def weights(self) -> int:
        """Elements of all weight matrices, biases left out, wherever they are counted as parameters."""
        return self.copies * self.inputs * self.outputs

    @property
    def params(self) -> int:
        """Weights and biases that this operator owns."""
        owned = 0 if self.shared_with else self.weights
        return owned + (self.copies * self.outputs if self.bias else 0)

    @property
    def active_params(self) -> int:
        """Weights and biases of the copies that one row uses."""
        return self.params // self.copies * self.active

    def forward_flops(self, work: Workload) -> Number:
        """2 · rows · active · inputs · outputs."""
        return 2 * self.active * self.inputs * self.outputs * self.rows.count(work)


@dataclass(frozen=True, slots=True, kw_only=True)
class Convolution(Operator):
    """A convolution in any number of dimensions; its rows are the output positions.

    Notes
    -----
    Forward FLOP = 2 · positions · out_channels · (in_channels / groups) · kernel elements.  Input and weight gradient
    cost the same each, grouped or not.
    """

    in_channels: int
    out_channels: int
    kernel: int
    """Elements of the kernel: 3 for a width of 3, 256 for 16 × 16."""
    groups: int = 1
    bias: bool = False
    extra_positions: int = 0
    """Output positions per sequence beyond the rows (a causal convolution padded on both sides, then cut)."""
    role: Role = Role.CONVOLUTION

    @property
    def params(self) -> int:
        """Kernel elements and biases."""
        weights = self.out_channels * (self.in_channels // self.groups) * self.kernel
        return (0 if self.shared_with else weights) + (self.out_channels if self.bias else 0)

    def forward_flops(self, work: Workload) -> Number:
        """2 · positions · out_channels · (in_channels / groups) · kernel."""
        positions = self.rows.count(work)
        if not work.allowed_pairs_only:
            positions = positions + self.extra_positions * work.batch
        return 2 * self.out_channels * (self.in_channels // self.groups) * self.kernel * positions
