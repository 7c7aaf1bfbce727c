"""How many devices: where chips, packages or nodes were counted, or the hardware's name says it."""

from __future__ import annotations

from mfu_planner.errors import InputError
from mfu_planner.hardware import Accelerator, cluster_for, lookup
from mfu_planner.questions.parts import HardwarePart

_NODES = ("node", "instance", "host", "server", "machine")
_DIES = ("gcd", "core")


def count_devices(s: HardwarePart, accelerator: Accelerator | None, warnings: list[str]) -> int | None:
    """Devices as the catalogue counts them; None where nothing says how many.

    Raises
    ------
    InputError
        The unit cannot be counted in devices.
    """
    if s.devices is None:
        return _in_name(s, warnings)
    unit = s.device_unit
    if unit is None:
        return s.devices
    if unit in _NODES:
        size = node_size(s, accelerator)
        if size is None:
            raise InputError("devices", f"{s.devices} {unit}s", "a number of devices, or --devices-per-node beside it")
        warnings.append(f"{s.devices:,} {unit}s of {size} devices each: {s.devices * size:,} devices")
        return s.devices * size
    if accelerator is None:
        return s.devices
    kind = accelerator.device_kind
    if unit in _DIES:
        if kind.lower().endswith(unit):
            return s.devices
        raise InputError("devices", f"{s.devices} {unit}s", f"a number of {kind}s" + _or_packages(accelerator))
    count = s.devices * accelerator.devices_per_package
    if accelerator.devices_per_package > 1:
        warnings.append(f"{s.devices:,} {unit}s of {accelerator.devices_per_package} {kind}s each: {count:,} devices")
    return count


def node_size(s: HardwarePart, accelerator: Accelerator | None) -> int | None:
    """Devices of a node: as given, as the cloud instance has them, or as the usual server has."""
    stated: int | None = getattr(s, "devices_per_node", None)
    if stated is not None:
        return stated
    named = lookup(s.hardware).devices if s.hardware is not None else None
    if named is not None and not is_slice(s.hardware):
        return named
    machine = cluster_for(accelerator.id) if accelerator else None
    return machine.devices_per_node if machine else None


def is_slice(name: str | None) -> bool:
    """Whether a hardware name is a TPU slice, whose number is the whole job's size (v5p-256)."""
    from mfu_planner.hardware._cloud import SLICE

    return name is not None and SLICE.match(name.strip()) is not None


def _in_name(s: HardwarePart, warnings: list[str]) -> int | None:
    """The size that a TPU slice's name states."""
    if s.hardware is None or not is_slice(s.hardware):
        return None
    found = lookup(s.hardware).devices
    if found is not None:
        warnings.append(f"devices {found:,}: what the name {s.hardware} says; --devices changes it")
    return found


def _or_packages(accelerator: Accelerator) -> str:
    return ", or chips or packages" if accelerator.devices_per_package > 1 else ""
