"""The constants that a question needs: its machine, its software stack, its network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mfu_planner.errors import InputError, nearest
from mfu_planner.layout.calibrated import calibration, fabric, generation, machine, stack, stack_names

if TYPE_CHECKING:
    from mfu_planner.hardware import Accelerator
    from mfu_planner.layout.constants import Fabric, Machine, Stack

KERNELS = ("fused", "unfused")


def default_stack(device: str) -> str:
    """The stack to assume on a device where none is named (``calibration/rules.yaml``)."""
    held: dict[str, str] = calibration()["rules"]["default_stacks"]
    return held.get(generation(device), held["other"])


def tools(
    accelerator: Accelerator, dtype: str, stack_name: str, cluster_name: Any, kernel: Any
) -> tuple[Machine, Stack, list[str]]:
    """(machine, stack, assumptions) for a device, a number format, a stack and a cluster."""
    box, software, said = _tools(
        accelerator.id, dtype, stack_name, None if cluster_name is None else str(cluster_name), kernel
    )
    return box, software, list(said)


@lru_cache(maxsize=256)
def _tools(
    device: str, dtype: str, stack_name: str, cluster_name: str | None, kernel: str | None
) -> tuple[Machine, Stack, tuple[str, ...]]:
    from mfu_planner.hardware import resolve

    accelerator = resolve(device)
    if stack_name not in stack_names():
        raise InputError("stack", stack_name, ", ".join(stack_names()), nearest(stack_name, stack_names()))
    where = place(accelerator, cluster_name)
    box = machine(accelerator, dtype, where.fabric, where.node_devices, where.scale_up_bytes_per_s)
    software = stack(stack_name, generation(accelerator.id), box.low_precision)
    if kernel is not None:
        if kernel not in KERNELS:
            raise InputError("attention-kernel", kernel, ", ".join(KERNELS), nearest(str(kernel), KERNELS))
        software = replace(software, fused_attention=1.0 if kernel == "fused" else 0.0)
    meaning = calibration()["stacks"][stack_name]["meaning"]
    return box, software, (*box.assumptions, f"software stack {stack_name}: {meaning}", where.said)


def node_devices() -> float:
    """Devices of a node where nothing says so (``calibration/rules.yaml``)."""
    return float(calibration()["rules"]["usual_node"]["devices"])


@dataclass(frozen=True, kw_only=True)
class Place:
    """A machine's networks: between its nodes and inside one."""

    fabric: Fabric
    node_devices: float
    """Of one scale-up domain."""
    scale_up_bytes_per_s: float | None
    """One device's link inside the domain, one direction [byte/s]; None where no machine is on file."""
    said: str
    """What was given or assumed, for the answer."""


def place(accelerator: Accelerator, cluster_name: str | None) -> Place:
    """The networks of a named cluster, or of the device's usual machine.

    Raises
    ------
    InputError
        A cluster of another device.
    """
    from mfu_planner.hardware import cluster, cluster_for

    rules = calibration()["rules"]
    usual = rules["default_fabrics"].get(generation(accelerator.id), rules["default_fabrics"]["other"])
    found = cluster(cluster_name) if cluster_name is not None else cluster_for(accelerator.id)
    if found is None:
        count = node_devices()
        return Place(
            fabric=fabric(usual),
            node_devices=count,
            scale_up_bytes_per_s=None,
            said=f"nodes of {count:g} devices and network {usual} assumed: no machine of {accelerator.id} is on file",
        )
    if found.accelerator_id != accelerator.id:
        raise InputError(
            "cluster", found.id, f"a machine of {accelerator.id}; {found.id} is made of {found.accelerator_id}"
        )
    link = (found.scale_out_link or "").lower()
    name = next((r["fabric"] for r in rules["cluster_links"] if any(word in link for word in r["any"])), usual)
    node = float(max(found.scale_up_domain, 1))
    how = "given" if cluster_name is not None else "assumed"
    return Place(
        fabric=fabric(name, found.scale_out_bytes_per_s),
        node_devices=node,
        scale_up_bytes_per_s=found.scale_up_bytes_per_s,
        said=f"cluster {found.id} ({how}): scale-up domain of {node:g} devices, network constants of {name}",
    )
