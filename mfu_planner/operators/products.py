"""Matrix products and convolutions: the operators that own most weights and FLOPs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from mfu_planner.numeric import Number
from mfu_planner.operators.base import INSIDE, Operator, Role, Split
from mfu_planner.operators.contract import Exchange, KeptTensor, KernelKind, Launch, Region, Traffic
from mfu_planner.operators.layout import Layout
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
    inner: Split = Split.COLUMN
    """How tensor parallelism divides one expert's matrix: by its outputs, or (``ROW``) by its inputs."""
    load: Number = 1
    """Rows that a device's experts get over those that it sends."""
    stored_bytes: Number | None = None
    """Bytes of one frozen weight with its share of the scales; None: as wide as the run computes."""
    widened: bool = False
    """Whether its weights are brought to the width of the run before each product."""

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
        flops = 2 * self.active * self.inputs * self.outputs * self.rows.count(work)
        return flops * self.load if self.routed else flops

    @property
    def routed(self) -> bool:
        """Whether rows are sent to experts."""
        return self.split is Split.EXPERT

    @property
    def by_inputs(self) -> bool:
        """Whether tensor parallelism divides the inputs, so that partial outputs are summed."""
        return (self.inner if self.routed else self.split) is Split.ROW

    def moved(self, work: Workload) -> Number:
        """Rows that are brought to their experts and back: each read and written, once and once for each expert."""
        if not self.routed:
            return 0
        return 2 * (self.active + 1) * (self.outputs if self.by_inputs else self.inputs) * self.rows.count(work)

    def keeps(self) -> tuple[KeptTensor, ...]:
        """Its input, for the weight gradient."""
        if not self.trainable:
            return ()
        whole = not self.by_inputs and self.split is not Split.HEADS
        region = Region.WHOLE if whole else Region.SPLIT
        return (KeptTensor(self.reads or self.name, self.rows, self.inputs * self.active, region),)

    def kernels(self, work: Workload) -> tuple[Launch, ...]:
        """One product; for experts one launch of all those that the device holds."""
        rows = self.rows.count(work)
        if self.routed:
            each = self.load * rows * self.active / self.copies
            return (Launch(KernelKind.GROUPED, each, self.outputs, self.inputs, self.copies),)
        kernel = KernelKind.WIDE if self.role is Role.HEAD else KernelKind.PRODUCT
        return (Launch(kernel, rows, self.outputs, self.inputs),)

    def exchanges(self) -> tuple[Exchange, ...]:
        """Partial outputs to be summed; rows to their experts and back."""
        found: tuple[Exchange, ...] = ()
        if self.by_inputs:
            found = (Exchange(self.name, Traffic.SUM, self.rows, self.outputs),)
        if self.routed:
            width = self.outputs if self.by_inputs else self.inputs
            found = (*found, Exchange(self.reads or self.name, Traffic.EXPERTS, self.rows, width * self.active))
        return found

    def piece(self, layout: Layout) -> Self:
        """Outputs (or inputs) ÷ TP; experts ÷ EP, each of them ÷ its own TP, for the rows that reach them.

        TP devices share the rows that they send; devices that share an expert all work on the rows that it gets; the
        busiest expert sets the pace (``imbalance``).
        """
        if self.routed:
            inner = layout.expert_tp
            return replace(
                self,
                rows=self.rows.divided(layout.tp),
                copies=self.copies / layout.ep,
                load=inner * layout.imbalance,
                inputs=self.inputs / inner if self.by_inputs else self.inputs,
                outputs=self.outputs if self.by_inputs else self.outputs / inner,
            )
        if self.split is Split.ROW:
            return replace(self, inputs=self.inputs / layout.tp)
        return replace(self, outputs=self.outputs / layout.tp) if self.split in INSIDE else self


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
        """KernelKind elements and biases."""
        weights = self.out_channels * (self.in_channels // self.groups) * self.kernel
        return (0 if self.shared_with else weights) + (self.out_channels if self.bias else 0)

    def forward_flops(self, work: Workload) -> Number:
        """2 · positions · out_channels · (in_channels / groups) · kernel."""
        positions = self.rows.count(work)
        if not work.allowed_pairs_only:
            positions = positions + self.extra_positions * work.batch
        return 2 * self.out_channels * (self.in_channels // self.groups) * self.kernel * positions

    @property
    def depthwise(self) -> bool:
        """Whether each channel has a filter of its own: no work for matrix units."""
        return self.groups > 1 and self.groups == self.in_channels

    def keeps(self) -> tuple[KeptTensor, ...]:
        """Its input, counted by output positions; inside a mixer's fused scan nothing of its own."""
        if self.split in INSIDE or not self.trainable:
            return ()
        return (KeptTensor(self.reads or self.name, self.rows, self.in_channels, self.region),)

    def kernels(self, work: Workload) -> tuple[Launch, ...]:
        """A product over output positions that reads its input once, or work far from the matrix units' rate."""
        if self.depthwise:
            return (Launch(KernelKind.SCAN, flops=self.forward_flops(work)),)
        rows, inner = self.rows.count(work), self.in_channels / self.groups
        read = rows * self.in_channels + inner * self.kernel * self.out_channels
        return (
            Launch(
                KernelKind.PRODUCT, rows, self.out_channels / self.groups, inner * self.kernel, self.groups, read=read
            ),
        )

    def piece(self, layout: Layout) -> Self:
        """Output channels ÷ TP where they follow divided heads; rows under sequence parallelism else."""
        if self.split not in INSIDE:
            return Operator.piece(self, layout)
        return replace(self, out_channels=self.out_channels / layout.tp)
