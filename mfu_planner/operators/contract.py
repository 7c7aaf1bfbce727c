"""What an operator asks of a device: kernels, kept tensors, exchanges, as plain values."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from mfu_planner.numeric import Number
from mfu_planner.operators.workload import Rows


class KernelKind(StrEnum):
    """What limits the time of a launch."""

    PRODUCT = "product"
    """A matrix product in the run's number format."""
    GROUPED = "grouped"
    """Products of routed experts in one launch."""
    WIDE = "wide"
    """A product that stays in 16 bits where the others are narrower: the head."""
    SCORES = "scores"
    """Attention."""
    SCAN = "scan"
    """Work far from the matrix units' rate: scans, depthwise convolutions."""


class Launch(NamedTuple):
    """One launch of a forward pass on one device; the backward pass exchanges ``m``, ``n`` and ``k``."""

    kernel: KernelKind
    m: Number = 0
    """Rows of a product; queries of one sequence."""
    n: Number = 0
    """Outputs of a product; keys of one sequence."""
    k: Number = 0
    """Inner length of a product; size of a query and key."""
    groups: Number = 1
    """Products of the same shape; sequences × heads of attention."""
    v: Number = 0
    """Size of a value."""
    seen: Number = 0
    """Keys that a query sees at most."""
    flops: Number = 0
    """Of attention, over the pairs that the mask allows, and of scans [FLOP]."""
    read: Number = None
    """Elements read and written where the sizes do not say it (a convolution's overlapping windows)."""


class Region(StrEnum):
    """How tensor parallelism divides a tensor that is kept or passed over."""

    WHOLE = "whole"
    """Not, or along the rows under sequence parallelism."""
    SPLIT = "split"
    """By its width."""


class KeptTensor(NamedTuple):
    """A tensor that the backward pass needs: ``width`` elements for each row."""

    tensor: str
    """Operators that read one tensor name it alike: it is kept once."""
    rows: Rows
    width: Number
    region: Region


class Traffic(StrEnum):
    """Between which devices an exchange goes, and how."""

    SUM = "sum"
    """Partial results over the tensor-parallel group, forward and backward."""
    EXPERTS = "experts"
    """Rows to their experts, and back, over the expert-parallel group."""
    KEYS = "keys"
    """Keys and values over the context-parallel group."""


class Exchange(NamedTuple):
    """What one device sends (or receives) in a forward pass: ``width`` elements for each row."""

    tensor: str
    """Operators that send one tensor name it alike: it is sent once."""
    traffic: Traffic
    rows: Rows
    width: Number
