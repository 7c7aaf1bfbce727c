"""What an accelerator's YAML file may hold. Needed only to read or check such files; the program reads the index."""

from __future__ import annotations

from typing import Annotated, Any

import pydantic

from mfu_planner.facts import Source, Spec
from mfu_planner.facts.quantities import Bandwidth, Clock, Power, Rate, Size

Id = Annotated[str, pydantic.Field(pattern=r"^[a-z0-9]+([.-][a-z0-9]+)*$", max_length=60)]
DTYPES = (
    "fp64", "fp64_matrix", "fp32", "fp32_matrix", "tf32", "fp16", "fp16_fp16acc", "bf16",
    "fp8", "fp8_fp16acc", "int8", "int4", "fp6", "fp4",
)  # fmt: skip
Dtype = Annotated[str, pydantic.Field(pattern=f"^({'|'.join(DTYPES)})$")]


class Alternative(Spec):
    """A figure that another source gives, and why it was not chosen."""

    value: str
    """The other figure, with its unit."""
    source: str
    """A key of ``sources``."""
    reason: str
    """Why the chosen figure was preferred."""


class Figure(Spec):
    """What every group of figures carries."""

    source: str
    """A key of ``sources``."""
    note: str | None = None
    """What a reader should know: how it is printed, what was derived."""
    alternatives: list[Alternative] = pydantic.Field(default_factory=list)
    """Other published figures of the same quantity."""


class PeakSpec(Figure):
    """The peak matrix (or, without matrix units, vector) rate of one number format."""

    dense: Rate | None = None
    """Without structured sparsity. This is what MFU divides by."""
    sparse: Rate | None = None
    """With structured sparsity."""
    sparsity: str | None = None
    """The pattern that ``sparse`` needs, such as 2:4."""
    accumulate: str | None = None
    """The accumulator's format, where the rate depends on it."""
    status: str = pydantic.Field(default="stated", pattern="^(stated|derived|assumed)$")
    """stated by the source; derived from units × clock; assumed equal to a sister part."""

    @pydantic.model_validator(mode="after")
    def _complete(self) -> PeakSpec:
        if self.dense is None and self.sparse is None:
            raise ValueError("give dense, sparse or both")
        if (self.sparse is None) != (self.sparsity is None):
            raise ValueError("sparse and sparsity (such as '2:4') go together")
        return self


class DriverMemory(Figure):
    """The total that the driver reports, of one device."""

    total: Size
    """As printed, such as 81559 MiB; the newest driver's where drivers differ (the others under ``alternatives``)."""
    tool: str
    """What printed it: nvidia-smi, rocm-smi, npu-smi, libtpu, …"""


class Memory(Figure):
    """The device memory."""

    capacity: Size
    """As labelled (decimal GB unless GiB is written)."""
    gigabyte: str = pydantic.Field(default="binary", pattern="^(binary|decimal)$")
    """How the label's GB counts where no driver's total is known: most vendors print GB for 2^30 bytes."""
    kind: str
    """HBM3, GDDR6X, …"""
    bandwidth: Bandwidth | None = None
    """Peak, reading; null when no source gives it."""
    driver: DriverMemory | None = None
    """What the driver reports; null when no print-out is on file."""


class Compute(Figure):
    """Compute units and clocks: what the physics test multiplies."""

    unit: str
    """What is counted: SM, CU, MXU, …"""
    units: int
    """How many are enabled."""
    clocks: dict[str, Clock] = pydantic.Field(default_factory=dict)
    """Peak clocks by name: matrix, vector."""
    flop_per_clock: dict[Dtype, int] = pydantic.Field(default_factory=dict)
    """Dense FLOP per clock of one unit, by format."""
    clock_of: dict[Dtype, str] = pydantic.Field(default_factory=dict)
    """Which clock a format's peak is reached at (default: matrix, else vector)."""
    inferred: str | None = None
    """Why the product proves nothing here: one factor was inferred from the peak."""
    disagrees: dict[Dtype, str] = pydantic.Field(default_factory=dict)
    """By format: why units × FLOP per clock × clock differs from the peak by more than the tolerance."""


class Cache(Figure):
    """The last-level cache that all units share."""

    l2: Size
    """Its capacity."""


class ScaleUpSpec(Figure):
    """The fast link between devices of one domain."""

    link: str
    """NVLink 4, ICI, Infinity Fabric, …"""
    per_direction: Bandwidth | None = None
    """Per device and direction."""
    domain: int
    """Most devices (in the file's basis) that the link joins."""


class Pcie(Figure):
    """The host link."""

    generation: int
    """PCI Express generation."""
    per_direction: Bandwidth
    """16 lanes unless the note says otherwise, one direction."""


class Tdp(Figure):
    """Board or chip power limit."""

    tdp: Power
    """As the vendor rates it."""


class Names(Spec):
    """What people, drivers and clouds call it."""

    driver: list[str] = pydantic.Field(default_factory=list)
    """Strings that a driver or framework really prints."""
    alias: list[str] = pydantic.Field(default_factory=list)
    """What people write. Matched whole."""
    model: list[str] = pydantic.Field(default_factory=list)
    """The model word or words that a longer string must hold, as whole words."""
    marks: list[str] = pydantic.Field(default_factory=list)
    """Words that such a string may hold besides: form factor, memory size and kind."""
    notes: dict[str, str] = pydantic.Field(default_factory=dict)
    """A name that resolves with a remark: name → remark."""
    on_request: bool = False
    """A rare part: it answers only when one of ``only`` is said, never to the bare model name."""
    only: list[str] = pydantic.Field(default_factory=list)
    """The words that ask for a rare part."""


class AcceleratorSpec(Spec):
    """One accelerator file."""

    id: Id
    """Lower-case with hyphens; also the file's name."""
    name: str
    """The marketing name."""
    vendor: str
    """NVIDIA, AMD, Google, …"""
    family: str
    """The architecture."""
    year: int
    """First shipped (announced, when not shipped yet)."""
    form_factor: str
    """SXM5, PCIe, OAM, …"""
    device_kind: str
    """What a framework counts as one device: GPU, GCD, core, chip, tile, …"""
    devices_per_package: int = pydantic.Field(ge=1)
    """How many such devices one package (card, chip) holds."""
    counted_as: dict[Annotated[str, pydantic.Field(pattern="^(chip|card|board)$")], int] = pydantic.Field(
        default_factory=dict
    )
    """What people count instead, where a device is a part of it: chip, card or board → devices in one."""
    basis: str = pydantic.Field(pattern="^(device|package)$")
    """What every figure of this file is stated for."""
    confidence: str = pydantic.Field(
        pattern="^(vendor-text|vendor-cited|conflict|secondary|press-only|derived|preliminary)$"
    )
    """How far the figures can be trusted."""
    names: Names
    peak: dict[Dtype, PeakSpec] = pydantic.Field(default_factory=dict)
    """By number format."""
    memory: Memory | None = None
    compute: Compute | None = None
    cache: Cache | None = None
    scale_up: ScaleUpSpec | None = None
    pcie: Pcie | None = None
    power: Tdp | None = None
    notes: list[str] = pydantic.Field(default_factory=list)
    """Traps and remarks that concern the whole device."""
    sources: dict[str, Source]

    @pydantic.model_validator(mode="after")
    def _sources_exist(self) -> AcceleratorSpec:
        used = {f.source for f in self.figures()} | {a.source for f in self.figures() for a in f.alternatives}
        if missing := used - set(self.sources):
            raise ValueError(f"source {sorted(missing)[0]!r} is not described under sources")
        if unused := set(self.sources) - used:
            raise ValueError(f"source {sorted(unused)[0]!r} is described and never used")
        return self

    def figures(self) -> list[Figure]:
        """Every group of figures in the file."""
        groups: list[Any] = [
            *self.peak.values(),
            self.memory,
            self.memory.driver if self.memory else None,
            self.compute,
            self.cache,
            self.scale_up,
            self.pcie,
            self.power,
        ]
        return [g for g in groups if g is not None]
