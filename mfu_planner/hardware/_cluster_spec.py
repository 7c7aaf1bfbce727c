"""What the files of nodes and clusters, and of cloud instance types, may hold."""

from __future__ import annotations

from typing import Annotated, Any

import pydantic

from mfu_planner.facts import Source, Spec
from mfu_planner.facts.quantities import Bandwidth
from mfu_planner.hardware._spec import Figure, Id
from mfu_planner.hardware._words import words
from mfu_planner.units import parse


class ScaleUpLink(Figure):
    """The fast link of a node or rack, per device and direction."""

    link: str
    """NVLink 4, ICI, …"""
    per_direction: Bandwidth
    """Of one device, in one direction."""
    domain: int = pydantic.Field(ge=1)
    """Devices that the link joins."""
    topology: str
    """switched, full mesh, torus, …"""


class ScaleOutLink(Figure):
    """The network between nodes, per device and direction."""

    link: str
    """InfiniBand NDR, RoCE, EFA, …"""
    per_direction: Bandwidth
    """Of one device, in one direction: NICs × rate ÷ devices of the node."""
    nics_per_node: int = pydantic.Field(ge=0)
    """Network ports that serve the devices."""
    nic_rate: Bandwidth
    """Of one port, in one direction (400 Gb/s = 50 GB/s)."""
    topology: str
    """fat tree, rail, dragonfly, cloud, …"""


class ClusterSpec(Spec):
    """One kind of node, rack, instance or pod."""

    id: Id
    """Lower-case with hyphens; also the file's name."""
    name: str
    kind: str = pydantic.Field(pattern="^(node|rack|instance|pod)$")
    """node, rack, instance or pod."""
    accelerator: Id
    """A catalogue id."""
    devices_per_node: int = pydantic.Field(ge=1)
    """Devices (as the catalogue counts them) that share a host."""
    alias: list[str] = pydantic.Field(default_factory=list)
    """Other names."""
    scale_up: ScaleUpLink
    scale_out: ScaleOutLink | None = None
    counts: str | None = pydantic.Field(default=None, pattern="^(node|domain|nothing)$")
    """Devices that its name counts: of a node, of the whole domain (blank: for a rack), or nothing (a site)."""
    torus: list[int] | None = None
    """Chips along each axis of the largest slice, for tori."""
    notes: list[str] = pydantic.Field(default_factory=list)
    sources: dict[str, Source]

    @pydantic.model_validator(mode="after")
    def _sources_exist(self) -> ClusterSpec:
        used = {self.scale_up.source} | ({self.scale_out.source} if self.scale_out else set())
        if used != set(self.sources):
            raise ValueError(f"sources must describe exactly {sorted(used)}")
        return self

    def _counted(self) -> int:
        by = self.counts or ("domain" if self.kind == "rack" else "node")
        return 0 if by == "nothing" else self.scale_up.domain if by == "domain" else self.devices_per_node

    def record(self) -> dict[str, Any]:
        """The index record, SI units."""
        out = self.scale_out
        return {
            "id": self.id,
            "name": self.name,
            "kind": self.kind,
            "accelerator_id": self.accelerator,
            "devices_per_node": self.devices_per_node,
            "devices_in_name": self._counted(),
            "scale_up_link": self.scale_up.link,
            "scale_up_bytes_per_s": parse(self.scale_up.per_direction, "byte_per_s", field=self.id),
            "scale_up_domain": self.scale_up.domain,
            "scale_up_topology": self.scale_up.topology,
            "scale_out_link": out.link if out else None,
            "scale_out_bytes_per_s": parse(out.per_direction, "byte_per_s", field=self.id) if out else None,
            "scale_out_topology": out.topology if out else None,
            "nics_per_node": out.nics_per_node if out else None,
            "nic_bytes_per_s": parse(out.nic_rate, "byte_per_s", field=self.id) if out else None,
            "torus": self.torus,
            "notes": self.notes,
            "spoken": sorted({" ".join(words(n)) for n in (self.id, self.name, *self.alias)}),
            "sources": {k: s.record() for k, s in self.sources.items()},
        }


class InstanceGroup(Spec):
    """Instance types that hold the same device."""

    accelerator: Id
    source: str
    types: dict[str, Annotated[int, pydantic.Field(ge=0)]]
    """Type name → devices; 0 for a label that names the device and no count."""


class SliceName(Spec):
    """How a TPU generation's slice names count."""

    prefixes: list[str]
    accelerator: Id
    counts: str = pydantic.Field(pattern="^(cores|chips)$")
    """What the number after the hyphen counts."""
    cores_per_chip: int
    source: str


class RunKey(Spec):
    """A hardware key of the published-run tables."""

    accelerator: Id
    devices: int
    """Catalogue devices in one of the table's devices."""
    note: str


class InstancesSpec(Spec):
    """``instances.yaml``."""

    sources: dict[str, Source]
    instances: list[InstanceGroup]
    shares: dict[str, str] = pydantic.Field(default_factory=dict)
    """Instance types that hold a share of a device: type → the share."""
    slices: list[SliceName]
    run_keys: dict[str, RunKey]
