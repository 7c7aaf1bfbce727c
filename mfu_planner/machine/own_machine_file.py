"""What a ``machine.yaml`` may hold: facts that were measured on the user's own device."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

import pydantic

from mfu_planner.facts import Spec
from mfu_planner.facts.quantities import Bandwidth, Rate, Size, Time

Share = Annotated[float, pydantic.Field(ge=0, le=1)]
Positive = Annotated[float, pydantic.Field(gt=0, lt=1e12)]
Format = Annotated[str, pydantic.Field(pattern="^(fp32|tf32|bf16|fp16|fp8)$")]
_FINITE = pydantic.ConfigDict(
    extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
)


class Measurements(Spec):
    """A part of the file: finite numbers alone."""

    model_config = _FINITE


class DeviceSpec(Measurements):
    """A device that is not in the catalogue."""

    name: str
    device_kind: str
    """What a framework counts as one: GPU, CPU."""
    memory: Size


class MeasuredSpec(Measurements):
    """When and how it was measured."""

    date: dt.date
    torch: str
    driver: str
    threads: int = pydantic.Field(ge=1)
    """Of a CPU."""
    passes: int = pydantic.Field(ge=1)
    spread: float = pydantic.Field(ge=0)
    """Median difference between passes ÷ their mean."""
    quick: bool


class ErrorSpec(Measurements):
    """How far a fitted formula is from the points that it was fitted on."""

    median: float = pydantic.Field(ge=0)
    p90: float = pydantic.Field(ge=0)
    points: int = pydantic.Field(ge=1)


class ProductSpec(Measurements):
    """Matrix products in one number format."""

    rate: Rate
    """Of a deep product with full waves."""
    best: Rate
    """The fastest point measured."""
    start: Time
    """Of one kernel."""
    depth_overhead: float = pydantic.Field(ge=0)
    """Filling and draining a tile, as extra inner length [element]."""
    wave_loss: Share
    tile: Annotated[list[Annotated[int, pydantic.Field(ge=1)]], pydantic.Field(min_length=2, max_length=2)]
    units: int = pydantic.Field(ge=1)
    error: ErrorSpec


class AttentionSpec(Measurements):
    """Fused attention in one number format."""

    rate: Rate
    """Forward, of a long sequence, over the pairs that the mask allows."""
    ramp: float = pydantic.Field(ge=0)
    """Length at which half of it is reached [token]."""
    backward: Positive
    """Time of the backward pass over the forward's."""
    head_multiple: int = pydantic.Field(ge=1)
    """Heads cost as much as the next multiple of this size."""
    error: ErrorSpec


class BandwidthSpec(Measurements):
    """Bytes per second of an elementwise operator, read and written."""

    stream: Bandwidth
    """Of tensors far larger than any cache."""
    allocate: Bandwidth
    """The same into memory that is new each time."""
    cache: Bandwidth
    """Of tensors of a mebibyte or less."""


class PointwiseSpec(Measurements):
    """A layer's elementwise operators as a framework runs them."""

    factor: Positive
    """Time over bytes ÷ stream bandwidth, forward."""
    backward: Positive
    """Of the backward pass over the forward's."""
    loss: Positive
    """Bytes per logit at the stream bandwidth that the loss and its gradient take as long as [byte]."""


class IssueSpec(Measurements):
    """What issuing costs beside the work."""

    operator: Time
    layer_forward: Time
    layer_backward: Time
    step: Time
    """Once a step: the optimizer's launch, clearing gradients."""
    overlaps: bool
    """Whether the device works while the next kernel is issued."""


class OptimizerSpec(Measurements):
    """Time per parameter of what happens once a step."""

    adamw: Time
    clip: Time
    accumulate: Time


class CollectiveSpec(Measurements):
    """One collective inside a node, fitted."""

    start: Time
    hop: Time
    rate: Bandwidth
    ramp: Size
    group: int = pydantic.Field(ge=2)
    error: ErrorSpec


class MachineFile(Measurements):
    """Facts measured on one machine."""

    kind: Literal["machine-calibration"]
    version: Literal[1] = 1
    device: Annotated[str, pydantic.Field(pattern=r"^[a-z0-9]+([.-][a-z0-9]+)*$", max_length=60)]
    """The catalogue's id, or an own one."""
    own: DeviceSpec | None = None
    """The device itself, where the catalogue has none of this id."""
    measured: MeasuredSpec
    products: dict[Format, ProductSpec]
    attention: dict[Format, AttentionSpec]
    bandwidth: BandwidthSpec
    pointwise: PointwiseSpec
    issue: IssueSpec
    optimizer: OptimizerSpec
    collectives: dict[Literal["all_reduce", "all_gather", "reduce_scatter", "alltoall"], CollectiveSpec] = (
        pydantic.Field(default_factory=dict)
    )
