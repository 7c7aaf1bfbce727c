"""Device memory: what the box says, what the driver reports, what a framework can allocate of it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pydantic

from mfu_planner.facts import Source, Spec, folder, read
from mfu_planner.facts.quantities import Size
from mfu_planner.units import parse

if TYPE_CHECKING:
    from mfu_planner.hardware._spec import AcceleratorSpec

_GIB_PER_GB = 2**30 / 1e9


class Printout(Spec):
    """One device's total as the driver and as a framework see it."""

    accelerator: str
    """A catalogue id."""
    driver: Size
    """As the driver's tool prints it."""
    framework: Size
    """As the runtime reports it to a program (CUDA's total of global memory)."""


class AllocatableRule(Spec):
    """``usable = (total − kept) × share``."""

    kept: Size
    """What the driver and the program's own context keep."""
    share: float = pydantic.Field(gt=0, le=1)
    """What fragmentation leaves."""
    basis: str
    """What the two figures rest on."""


class UsableSpec(Spec):
    """``calibration/usable_memory.yaml``."""

    script: str
    source: str
    """Where the print-outs stand (a key of ``sources``)."""
    rule: AllocatableRule
    vendors: dict[str, AllocatableRule]
    """The rule of a vendor whose devices differ."""
    printouts: list[Printout]
    sources: dict[str, Source]


@functools.cache
def usable_spec() -> UsableSpec:
    """The calibrated rule with the rows that it was fitted to."""
    return read(UsableSpec, folder("calibration") / "usable_memory.yaml")


def usable(total: float, vendor: str) -> float:
    """Bytes that a framework can allocate on a device whose driver reports ``total`` bytes."""
    spec = usable_spec()
    rule = spec.vendors.get(vendor, spec.rule)
    return max(0.0, (total - parse(rule.kept, "byte", field="kept")) * rule.share)


def memory_figures(spec: AcceleratorSpec, share: int) -> dict[str, Any]:
    """The memory of one device in bytes; ``share``: devices that the file's figures are of.

    ``memory_basis`` says where the total comes from: ``driver`` (a print-out), ``vendor`` (stated in GiB), or
    ``derived`` (the printed GB read as GiB, or as 10⁹ bytes where the file says so).
    """
    memory = spec.memory
    if memory is None:
        return dict.fromkeys(("memory_bytes", "memory_nominal_bytes", "usable_bytes", "memory_basis", "memory_tool"))
    nominal = parse(memory.capacity, "byte", field=spec.id) / share
    tool = None
    if memory.driver is not None:
        total, basis = parse(memory.driver.total, "byte", field=spec.id), "driver"
        tool = memory.driver.tool
    elif "i" in memory.capacity.lower():
        total, basis = nominal, "vendor"
    else:
        total, basis = nominal * (_GIB_PER_GB if memory.gigabyte == "binary" else 1.0), "derived"
    return {
        "memory_bytes": round(total),
        "memory_nominal_bytes": round(nominal),
        "usable_bytes": round(usable(total, spec.vendor)),
        "memory_basis": basis,
        "memory_tool": tool,
    }
