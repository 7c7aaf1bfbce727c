"""Nodes, racks, cloud instances and pods: links per device and direction, domains, NICs, topology, each sourced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mfu_planner.errors import InputError, nearest
from mfu_planner.hardware._accelerator import Accelerator
from mfu_planner.hardware._index import accelerator, machines, names
from mfu_planner.hardware._words import words


@dataclass(frozen=True, slots=True)
class Cluster:
    """One kind of machine. Rates are of one device, in one direction, in byte/s."""

    id: str
    name: str
    kind: str
    """node, rack, instance or pod."""
    accelerator_id: str
    devices_per_node: int
    """Devices that share a host."""
    devices_in_name: int
    """Devices that its name counts: a rack's, else a node's; 0 where it is a whole site's (LUMI)."""
    scale_up_link: str
    scale_up_bytes_per_s: float
    scale_up_domain: int
    """Devices that the fast link joins (72 in an NVL72 rack, where a host has 4)."""
    scale_up_topology: str
    """switched, full mesh, torus, …"""
    scale_out_link: str | None
    scale_out_bytes_per_s: float | None
    """None when no figure is published."""
    scale_out_topology: str | None
    nics_per_node: int | None
    nic_bytes_per_s: float | None
    torus: tuple[int, ...] | None
    """Chips along each axis of the largest slice."""
    notes: tuple[str, ...]
    sources: Mapping[str, Mapping[str, Any]]

    @property
    def accelerator(self) -> Accelerator:
        """The device that the machine is made of."""
        return accelerator(self.accelerator_id)


def clusters(accelerator_id: str | None = None) -> tuple[Cluster, ...]:
    """Every cluster on file, or those made of one accelerator."""
    rows = machines().values()
    return tuple(_from_record(r) for r in rows if accelerator_id in (None, r["accelerator_id"]))


def cluster(name: str, *, field: str = "cluster") -> Cluster:
    """The cluster with this id, name, alias or cloud instance type.

    Raises
    ------
    InputError
        There is no such cluster; the nearest ids are named.
    """
    rows = machines()
    if broken := names().get("left_out", {}).get(str(name).strip().lower()):
        raise broken
    spoken = " ".join(words(str(name)))
    for row in rows.values():
        if spoken in row["spoken"]:
            return _from_record(row)
    known = [*rows, *(r["name"] for r in rows.values())]
    hints = nearest(str(name), known)
    raise InputError(field, name, "a cluster id (`mfu-planner hardware --clusters` lists them)", hints)


def cluster_for(accelerator_id: str) -> Cluster | None:
    """The vendor's own reference machine for an accelerator (a node or rack, before cloud instances); None without."""
    order = {"node": 0, "rack": 1, "pod": 2, "instance": 3}
    found = sorted(clusters(accelerator_id), key=lambda c: order[c.kind])
    return found[0] if found else None


def _from_record(row: dict[str, Any]) -> Cluster:
    plain = {k: v for k, v in row.items() if k != "spoken"}
    torus = plain["torus"]
    return Cluster(**{**plain, "torus": tuple(torus) if torus else None, "notes": tuple(plain["notes"])})
