"""An accelerator as the rest of the program sees it: plain numbers in SI, per device, each with its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from mfu_planner.errors import InputError, nearest
from mfu_planner.hardware import _whole


@dataclass(frozen=True, slots=True)
class Peak:
    """The peak rate of one number format, per device, in FLOP/s."""

    dense: float | None
    """Without structured sparsity."""
    sparse: float | None
    """With structured sparsity (``sparsity`` names the pattern)."""
    source: str
    """A key of the accelerator's ``sources``."""
    status: str = "stated"
    """``stated`` by the source, ``derived`` from units × clock, or ``assumed`` equal to a sister part."""
    sparsity: str | None = None
    accumulate: str | None = None
    note: str | None = None
    alternatives: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class ScaleUp:
    """The fast link inside a domain, per device."""

    link: str
    per_direction: float | None
    """byte/s of one device in one direction; None when not published."""
    domain: int
    """Most devices that the link joins."""
    source: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Accelerator:
    """One catalogue entry. Every figure is per device, as ``device_kind`` defines it."""

    id: str
    name: str
    vendor: str
    family: str
    year: int
    form_factor: str
    device_kind: str
    """What a framework counts as one: GPU, GCD, core, chip, tile."""
    devices_per_package: int
    counted_as: Mapping[str, int]
    """What people count instead (chip, card, board, package) → devices in one; empty where a device is that."""
    confidence: str
    peak: Mapping[str, Peak]
    memory_bytes: float | None
    """The total that the driver reports; see ``memory_basis``."""
    memory_nominal_bytes: float | None
    """What the box says, GB as 10⁹ bytes."""
    usable_bytes: float | None
    """What a framework can allocate: the total by the rule of ``calibration/usable_memory.yaml``."""
    memory_basis: str | None
    """``driver`` (a print-out), ``vendor`` (stated in GiB) or ``derived`` from the printed size."""
    memory_tool: str | None
    """What printed the driver's total: nvidia-smi, rocm-smi, …; None without a print-out."""
    memory_kind: str | None
    memory_bandwidth_bytes_per_s: float | None
    tdp_w: float | None
    """Per device: a package's power divided by its devices."""
    compute_unit: str | None
    compute_units: float | None
    clocks_hz: Mapping[str, float]
    l2_bytes: float | None
    scale_up: ScaleUp | None
    pcie_generation: int | None
    pcie_per_direction: float | None
    driver_names: tuple[str, ...]
    notes: tuple[str, ...]
    sources: Mapping[str, Mapping[str, Any]]
    fact_sources: Mapping[str, str]
    """For each figure beside the peaks, the key of its source."""
    fact_notes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    measured: bool = True
    """Whether rates measured on the catalogue's device of this id hold: not where the user's own figures differ."""
    resolved_note: str | None = None
    """A remark on how the given name was understood; None when there is nothing to say."""

    @property
    def device_is(self) -> str | None:
        """One line on what a device is, where it is a part of what people count; None elsewhere."""
        return _whole.device_is(self.name, self.device_kind, self.counted_as)

    @property
    def units(self) -> list[tuple[str, int]]:
        """What people count instead of devices, and how many each is; a package only where nothing else is said."""
        return _whole.units(self.counted_as)

    def peak_flops_per_s(self, dtype: str, sparse: bool = False) -> float:
        """The peak rate in FLOP/s of one device.

        Raises
        ------
        InputError
            The device has no such rate: a format it does not support, or no published figure.
        """
        key = dtype_key(dtype)
        entry = self.peak.get(key)
        value = None if entry is None else (entry.sparse if sparse else entry.dense)
        if value is None:
            known = [k for k, p in self.peak.items() if (p.sparse if sparse else p.dense) is not None]
            kind = "with sparsity" if sparse else "dense"
            what = f"a format with a {kind} peak on {self.name}: {', '.join(known) or 'none is published'}"
            raise InputError("dtype", dtype, what)
        return value

    def source_of(self, fact: str) -> Mapping[str, Any]:
        """The source of one figure: ``'bf16'`` (or ``'peak.bf16'``), ``'memory_bytes'``, ``'tdp_w'``, ``'scale_up'``, …

        Raises
        ------
        KeyError
            The device has no such figure.
        """
        name = fact.removeprefix("peak.")
        if name in self.peak:
            return self.sources[self.peak[name].source]
        group = next((g for g, stems in _GROUPS.items() if name.startswith(stems)), name)
        return self.sources[self.fact_sources[group]]


_GROUPS = {
    "power": ("tdp", "power"),
    "memory_driver": ("memory_driver", "memory_total"),
    "memory": ("memory",),
    "compute": ("compute", "clock"),
    "cache": ("l2", "cache"),
    "pcie": ("pcie",),
}
_FP8 = (
    f"{front}{kind}" for kind in ("e4m3", "e4m3fn", "e4m3fnuz", "e5m2", "e5m2fnuz") for front in ("", "fp8_", "float8_")
)
_SPELLINGS = {
    "fp64": ("float64", "f64", "double"),
    "fp64_matrix": ("fp64_tensor",),
    "fp32": ("float32", "f32", "float", "single"),
    "fp32_matrix": (),
    "tf32": ("tensorfloat32",),
    "fp16": ("float16", "f16", "half", "fp16_mixed", "fp16_true"),
    "fp16_fp16acc": (),
    "bf16": ("bfloat16", "bfloat", "bf16_mixed", "bf16_true"),
    "fp8": ("float8", "f8", "mxfp8", "fp8_hybrid", "hybrid", *_FP8),
    "fp8_fp16acc": (),
    "fp6": ("mxfp6", "float6"),
    "fp4": ("mxfp4", "nvfp4", "float4", "f4", "e2m1", "fp4_e2m1", "float4_e2m1fn_x2"),
    "int8": ("i8",),
    "int4": ("i4",),
}
_KEY = {spelling: key for key, others in _SPELLINGS.items() for spelling in (key, *others)}


def dtype_key(dtype: str) -> str:
    """The catalogue's name of a number format: ``'bfloat16'`` → ``'bf16'``.

    Raises
    ------
    InputError
        It is no format that the catalogue knows.
    """
    said = str(dtype).strip().lower().replace("-", "_")
    key = _KEY.get(said.removeprefix("torch.").removeprefix("jnp."))
    if key is None:
        raise InputError("dtype", dtype, f"one of {', '.join(_SPELLINGS)}", nearest(str(dtype), _KEY))
    return key
