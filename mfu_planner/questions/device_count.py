"""How many devices: where chips, packages or nodes were counted, or the hardware's name says it."""

from __future__ import annotations

from typing import Any

from mfu_planner.errors import InputError
from mfu_planner.hardware import Accelerator, Resolution, cluster_for, lookup
from mfu_planner.questions.parts import HardwarePart

_NODES = ("node", "instance", "host", "server", "machine")
_DIES = ("gcd", "core")
_WHOLES = ("chip", "card", "board", "package", "module")
_PER_DEVICE = ("tokens_per_second_per_device", "flops_per_second_per_device", "peak")


def count_devices(s: HardwarePart, accelerator: Accelerator | None, warnings: list[str]) -> int | None:
    """Devices as the catalogue counts them; None where nothing says how many.

    Raises
    ------
    InputError
        The unit cannot be counted in devices.
    """
    named = _named(s)
    unit = s.device_unit
    if named is not None and named.devices_per_unit > 1:
        _refuse_rates(s, named)
        unit = unit or named.unit
    if s.devices is None:
        return _in_name(s, named, warnings)
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
    if unit in _DIES:
        if accelerator.device_kind.lower().endswith(unit):
            return s.devices
        raise InputError("devices", f"{s.devices} {unit}s", f"a number of {accelerator.device_kind}s{_or(accelerator)}")
    if unit not in _WHOLES:
        return _of_name(s, unit, accelerator, warnings)
    return _of_wholes(s.devices, unit, accelerator, warnings)


def _of_wholes(given: int, unit: str, accelerator: Accelerator, warnings: list[str]) -> int:
    """Devices in so many chips, cards or packages."""
    known = accelerator.counted_as
    each = known.get(unit) or next((n for u, n in known.items() if u == "package" and unit == "module"), None)
    if each is None and known and len(set(known.values())) > 1:
        raise InputError("devices", f"{given} {unit}s", f"a number of {accelerator.device_kind}s{_or(accelerator)}")
    each = each or accelerator.devices_per_package
    if each > 1:
        kind = accelerator.device_kind
        warnings.append(f"{given:,} {unit}s of {each} {kind}s each: {given * each:,} devices")
    return given * each


def _of_name(s: HardwarePart, name: str, accelerator: Accelerator, warnings: list[str]) -> int | None:
    """Devices that a slice's or an instance's name counts, where --devices is such a name."""
    found = lookup(name, field="devices")
    if found.accelerator.id != accelerator.id:
        raise InputError("devices", name, f"a number, or a name for {accelerator.id}; this is {found.accelerator.id}")
    warnings.append(f"devices {s.devices:,}: what {name} has")
    return s.devices


def _named(s: HardwarePart) -> Resolution | None:
    return lookup(s.hardware) if s.hardware is not None else None


def _refuse_rates(s: HardwarePart, named: Resolution) -> None:
    """A figure per device beside the name of a whole chip: whose it is cannot be told."""
    for name in _PER_DEVICE:
        if getattr(s, name, None) is not None:
            each, kind = named.devices_per_unit, named.accelerator.device_kind
            accepted = f"the {kind}'s figure ({named.unit} ÷ {each}) with --hardware {named.accelerator.id}"
            raise InputError(name.replace("_", "-"), f"a figure per device of a {named.unit}", accepted)


def device_facts(s: HardwarePart, accelerator: Accelerator | None, devices: int | None) -> dict[str, Any]:
    """What an answer says of its devices, where a device is a part of what people count."""
    if accelerator is None or not accelerator.counted_as:
        return {}
    facts: dict[str, Any] = {"device_is": accelerator.device_is, "counted_as": dict(accelerator.counted_as)}
    if devices is None:
        return facts
    named = _named(s)
    said = s.devices is None or s.device_unit is not None or (named is not None and named.unit is not None)
    whole = [f"{devices // n:,} {u}{'s' * (devices != n)}" for u, n in accelerator.units if devices % n == 0]
    parts = [f"{devices:,} devices are {' or '.join(whole)}"] if whole else []
    if not said:
        parts += [f"'{devices:,} {u}s' would be {devices * n:,} devices" for u, n in accelerator.units]
    return {**facts, "device_reading": "; ".join(parts) or None}


def other_readings(s: HardwarePart, accelerator: Accelerator | None, mfu: float) -> dict[str, float]:
    """The MFU if the devices (or the rate per device) were counted in whole chips, cards or packages."""
    named = _named(s)
    if accelerator is None or s.device_unit is not None or (named is not None and (named.unit or s.devices is None)):
        return {}
    return {unit: mfu / n for unit, n in accelerator.units}


def node_size(s: HardwarePart, accelerator: Accelerator | None) -> int | None:
    """Devices of a node: as given, as the cloud instance has them, or as the usual server has."""
    stated: int | None = getattr(s, "devices_per_node", None)
    if stated is not None:
        return stated
    named = lookup(s.hardware).devices if s.hardware is not None else None
    if named is not None and not is_slice(s.hardware):
        return machine_node(s.hardware) or named
    machine = cluster_for(accelerator.id) if accelerator else None
    return machine.devices_per_node if machine else None


def machine_node(name: str | None) -> int | None:
    """Devices of a node of the machine with this name (a rack has several nodes); None where it names none."""
    from mfu_planner.hardware import cluster

    try:
        return None if name is None else cluster(name).devices_per_node
    except InputError:
        return None


def is_slice(name: str | None) -> bool:
    """Whether a hardware name is a TPU slice, whose number is the whole job's size (v5p-256)."""
    from mfu_planner.hardware._cloud import SLICE

    return name is not None and SLICE.match(name.strip()) is not None


def _in_name(s: HardwarePart, named: Resolution | None, warnings: list[str]) -> int | None:
    """The size that the hardware's name states: a slice's always, an instance's unless a goal asks for a number."""
    found = None if named is None else named.devices
    goal = any(getattr(s, g, None) is not None for g in ("deadline", "budget"))
    if found is None or (goal and not is_slice(s.hardware)):
        return None
    warnings.append(f"devices {found:,}: what the name {s.hardware} says; --devices changes it")
    return found


def _or(accelerator: Accelerator) -> str:
    units = list(accelerator.counted_as)
    return f", or of {' or '.join(f'{u}s' for u in units)}" if units else ""
