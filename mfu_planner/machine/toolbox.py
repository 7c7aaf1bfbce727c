"""The constants that a question needs: its machine, its software stack, its network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from mfu_planner.errors import InputError, nearest
from mfu_planner.machine.calibrated import calibration, fabric, generation, machine, stack
from mfu_planner.machine.multipliers import multiplied
from mfu_planner.machine.own_machine import read_machine
from mfu_planner.machine.own_stack import read_stack

if TYPE_CHECKING:
    from mfu_planner.hardware import Accelerator
    from mfu_planner.machine.constants import Fabric, Machine, Stack
    from mfu_planner.machine.own_machine import OwnMachine
    from mfu_planner.machine.own_stack import OwnStack

KERNELS = ("fused", "unfused")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wires:
    """What is said of the network itself, in place of what the machine on file has."""

    fabric: str | None = None
    nic_bytes_per_s: float | None = None
    """One device's share of its node's interfaces, one direction [byte/s]."""
    node_devices: int | None = None
    """Devices of one scale-up domain."""
    devices: int | None = None
    """Of the whole job: beyond a bridge of two boards it stays on PCIe while it fits one host."""


class Tools(NamedTuple):
    """What a question computes with."""

    machine: Machine
    stack: Stack
    said: tuple[str, ...]
    """What was assumed of both."""
    own: OwnStack | None
    """The user's calibrated stack, where one was given."""


def default_stack(device: str, zero: int | None = None, *, offload: bool = False) -> str:
    """The stack to assume on a device where none is named (``calibration/rules.yaml``): another kind of software shards
    the weights (``zero`` 3) or holds the optimizer in host memory."""
    rules = calibration()["rules"]
    kind = "offloaded_stacks" if offload and zero == 3 else "sharded_stacks" if zero == 3 else "default_stacks"
    held: dict[str, str] = rules[kind]
    return held.get(generation(device), held["other"])


def tools(
    accelerator: Accelerator,
    dtype: str,
    stack_name: Any,
    cluster_name: Any,
    kernel: Any,
    wires: Wires | None = None,
    machine_file: Any = None,
) -> Tools:
    """The tools for a device, a number format, a stack (a name, or the user's own), a cluster and its network.

    ``machine_file``: what was measured on the user's own machine.

    Raises
    ------
    InputError
        Something of these is unknown, a file is broken, or one is of another device.
    """
    wires = wires or Wires()
    if not _bridged(accelerator):
        wires = replace(wires, devices=1 if wires.devices == 1 else None)
    named = None if cluster_name is None else str(cluster_name)
    own = read_stack(stack_name)
    measured = None if machine_file is None else read_machine(machine_file)
    if measured is not None and measured.accelerator.id != accelerator.id:
        raise InputError("machine", measured.accelerator.id, f"a machine file of {accelerator.id}")
    base = stack_name if own is None else own.base
    return _kept_tools(accelerator.id, dtype, base, named, kernel, wires, own, measured)


def assemble(
    device: str,
    dtype: str,
    stack_name: str,
    cluster_name: str | None,
    kernel: str | None,
    wires: Wires,
    own: OwnStack | None = None,
    measured: OwnMachine | None = None,
) -> Tools:
    """The same, worked out anew: what fits of constants call."""
    from mfu_planner.hardware import resolve

    accelerator = resolve(device) if measured is None else measured.accelerator
    where = place(accelerator, cluster_name, wires)
    box = machine(accelerator, dtype, where.fabric, where.node_devices, where.scale_up_bytes_per_s)
    software = stack(stack_name, generation(accelerator.id), box.low_precision)
    meaning = f"software stack {stack_name}: {calibration()['stacks'][stack_name]['meaning']}"
    software, without = _without_flash(accelerator, dtype, software)
    if own is not None:
        software = replace(software, **own.switches)
    if kernel is not None:
        if kernel not in KERNELS:
            raise InputError("attention-kernel", kernel, ", ".join(KERNELS), nearest(str(kernel), KERNELS))
        software, without = replace(software, fused_attention=1.0 if kernel == "fused" else 0.0), ()
    said = box.assumptions
    if measured is not None:
        box, software, how = measured.measured(box, software, dtype)
        said = (how,)
    if own is not None:
        own.meant_for(None if measured is None else measured.digest)
        box, software = multiplied(box, software, own.times)
        meaning = f"software stack {own.name}, calibrated on own runs, on {stack_name}"
        if own.evidence is not None and own.evidence.room < 1.0:
            meaning += f"; they ran, so {own.evidence.room:.0%} of its activations and buffers are counted"
    return Tools(box, software, (*said, meaning, *without, *([where.said] if where.said else [])), own)


def _without_flash(accelerator: Accelerator, dtype: str, software: Stack) -> tuple[Stack, tuple[str, ...]]:
    """A stack whose fused attention is FlashAttention does without where that does not run, and says so."""
    rule = calibration()["rules"]["flash_attention"]
    lacking = accelerator.family in rule["not_on"] or dtype in rule["not_in"]
    if not (software.fused_attention and lacking and software.name in rule["stacks"]):
        return software, ()
    said = f"attention unfused: FlashAttention runs neither on {', '.join(rule['not_on'])} nor in 32 bits"
    return replace(software, fused_attention=0.0), (f"{said}; --attention-kernel fused says otherwise",)


@lru_cache(maxsize=1024)
def _kept(specs: Any, *given: Any) -> Tools:  # noqa: ARG001  the user's specs are a key
    return assemble(*given)


def _kept_tools(*given: Any) -> Tools:
    from mfu_planner.hardware._own import in_use

    return _kept(in_use(), *given)


def node_devices() -> float:
    """Devices of a node where nothing says so (``calibration/rules.yaml``)."""
    return float(calibration()["rules"]["usual_node"]["devices"])


@dataclass(frozen=True, kw_only=True)
class Place:
    """A machine's networks: between its nodes and inside one."""

    network: str
    """Name of the constants between nodes."""
    fabric: Fabric
    node_devices: float
    """Of one scale-up domain."""
    scale_up_bytes_per_s: float | None
    """One device's link inside the domain, one direction [byte/s]; None where no machine is on file."""
    said: str
    """What was given or assumed, for the answer."""


def place(accelerator: Accelerator, cluster_name: str | None, wires: Wires | None = None) -> Place:
    """The networks of a named cluster, or of the device's usual machine, but for what is said of the wires.

    Raises
    ------
    InputError
        A cluster of another device, or no such fabric.
    """
    found = _place(accelerator, cluster_name)
    job = wires.devices if wires is not None else None
    if job == 1 and cluster_name is None:
        found = replace(found, said="")  # one device meets nobody
    if wires is None or replace(wires, devices=None) == Wires():
        return _over_bridges(accelerator, found, job)
    network, nic = wires.fabric or found.network, wires.nic_bytes_per_s
    given = fabric(network, nic)
    if wires.fabric is None and nic is None:
        given = found.fabric
    node = float(wires.node_devices or found.node_devices)
    said = f"network {network} at {given.nic_bytes_per_s / 1e9:.4g} GB/s a device, nodes of {node:g} devices, as given"
    made = replace(found, network=network, fabric=given, node_devices=node, said=_joined(found.said, said))
    return _over_bridges(accelerator, made, job)


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _bridged(accelerator: Accelerator) -> bool:
    """Whether the device's own link joins fewer devices than a host holds."""
    return accelerator.scale_up is not None and accelerator.scale_up.domain < node_devices()


def _over_bridges(accelerator: Accelerator, found: Place, devices: int | None) -> Place:
    """A bridge joins two boards: PCIe joins the others of a host, the network the hosts."""
    link = accelerator.scale_up
    if devices == 1:
        return found
    if link is None and found.scale_up_bytes_per_s is None and accelerator.pcie_per_direction is not None:
        shared = accelerator.pcie_per_direction / 1e9
        return replace(found, said=f"{found.said}; its devices meet on PCIe at {shared:.4g} GB/s a direction")
    if link is None or found.scale_up_bytes_per_s is not None or link.domain >= found.node_devices:
        return found
    domain, host = float(link.domain), found.node_devices
    said = f"{link.link} joins {domain:g}"
    rate = accelerator.pcie_per_direction
    if rate is None or devices is None or devices > host:
        return replace(found, node_devices=domain, said=f"{found.said}; {said}, the network the others")
    said = f"{found.said}; {said}, PCIe at {rate / 1e9:.4g} GB/s a direction the others of a host"
    return replace(found, network="pcie", fabric=fabric("pcie", rate), node_devices=domain, said=said)


def _place(accelerator: Accelerator, cluster_name: str | None) -> Place:
    from mfu_planner.hardware import cluster, cluster_for

    rules = calibration()["rules"]
    usual = rules["default_fabrics"].get(generation(accelerator.id), rules["default_fabrics"]["other"])
    found = cluster(cluster_name) if cluster_name is not None else cluster_for(accelerator.id)
    if found is None:
        own = accelerator.scale_up
        count = node_devices() if own is None else max(node_devices(), float(own.domain))
        return Place(
            network=usual,
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
    constants = f"network constants of {name}" + ("" if link else " assumed: its network between nodes is not on file")
    return Place(
        network=name,
        fabric=fabric(name, found.scale_out_bytes_per_s),
        node_devices=node,
        scale_up_bytes_per_s=found.scale_up_bytes_per_s,
        said=f"cluster {found.id} ({how}): scale-up domain of {node:g} devices, {constants}",
    )
