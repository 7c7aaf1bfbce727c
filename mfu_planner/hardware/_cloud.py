"""Cloud names: instance types, and TPU slices whose numbers count cores in some generations and chips in others."""

from __future__ import annotations

import math
import re
from typing import Any

from mfu_planner.errors import InputError
from mfu_planner.hardware._words import words

_DRESSING = re.compile(r"^ml\.(?=[a-z])|-nolssd$|-metal$|\s+instances?$", re.IGNORECASE)
"""What a service puts around an instance type without changing the machine: ml.p5.48xlarge, a3-highgpu-8g-nolssd."""
SLICE = re.compile(
    r"^(?:google |cloud )*(?:tpu[- ]?)?(?P<prefix>v[0-9]+[a-z]*|tpu7x|7x)"
    r"(?:-(?P<count>[0-9]+)|[- ](?P<shape>[0-9]+(?:x[0-9]+)+))$",
    re.IGNORECASE,
)


def instance(text: str, catalogue: dict[str, Any]) -> tuple[str, int | None, str | None] | None:
    """(accelerator id, devices, remark) of a cloud instance type or TPU slice; None when it is neither.

    Raises
    ------
    InputError
        A slice of no whole number of chips.
    """
    spoken = " ".join(words(_DRESSING.sub("", text.strip())))
    entry = catalogue["instances"].get(spoken)
    if entry is not None:
        count = entry["devices"]
        if not count:
            return entry["accelerator"], None, None
        devices = "1 device" if count == 1 else f"{count} devices"
        return entry["accelerator"], count, f"{text} holds {devices}"
    machine = catalogue["machines"].get(spoken)
    if machine is not None:
        return machine["accelerator"], machine["devices"] or None, _machine(machine)
    found = SLICE.match(text.strip())
    if found is None:
        return None
    prefix = found["prefix"].lower()
    entry = catalogue["slices"].get("tpu7x" if prefix == "7x" else prefix)
    if entry is None:
        return None
    return _slice(text, found["count"] or found["shape"], entry, catalogue)


def _machine(machine: dict[str, Any]) -> str:
    count, node = machine["devices"], machine["node"]
    if not count:
        return f"{machine['name']}: nodes of {node} devices"
    return f"{machine['name']} has {count} devices" + (" per node" if count == node else f" in nodes of {node}")


def _slice(text: str, size: str, entry: dict[str, Any], catalogue: dict[str, Any]) -> tuple[str, int, str]:
    cores = entry["cores_per_chip"]
    if "x" in size.lower():
        chips = math.prod(int(n) for n in size.lower().split("x"))
        how = f"a topology counts chips: {chips} chips"
    elif entry["counts"] == "chips":
        chips = int(size)
        how = f"the number counts chips: {chips} chips"
    else:
        chips, rest = divmod(int(size), cores)
        if rest:
            raise InputError("hardware", text, f"a slice name that counts TensorCores, a multiple of {cores}")
        how = f"the number counts TensorCores: {size} cores, {chips} chips"
    if chips < 1:
        raise InputError("hardware", text, "a slice of at least one chip")
    devices = chips * catalogue["devices"][entry["accelerator"]]["devices_per_package"]
    return entry["accelerator"], devices, f"{text}: {how}, {devices} devices to the framework"
