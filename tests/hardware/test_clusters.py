"""Nodes, racks, instances, pods: links per device and direction that add up."""

from __future__ import annotations

import math

import pytest

from mfu_planner.errors import InputError
from mfu_planner.hardware import cluster, cluster_for, clusters, lookup, resolve
from mfu_planner.machine.toolbox import place

ALL = clusters()


def test_the_systems_that_people_use_are_there() -> None:
    """Vendor nodes, racks, three clouds, TPU pods, Gaudi."""
    ids = {c.id for c in ALL}
    wanted = {
        *("dgx-a100", "dgx-h100", "dgx-h200", "dgx-b200", "dgx-b300", "gb200-nvl72", "gb300-nvl72"),
        *("mi300x-platform", "mi355x-platform", "gaudi3-node", "tpu-v5p-pod"),
        *("aws-p5", "gcp-a3-megagpu", "azure-nd-h100-v5"),
    }

    assert wanted <= ids


@pytest.mark.each("found", ALL)
def test_nics_add_up_per_device(found: object) -> None:
    """NICs × their rate ÷ devices of the node is the scale-out rate of one device."""
    c = cluster(found.id)  # type: ignore[attr-defined]
    if c.scale_out_bytes_per_s is not None:
        assert c.nics_per_node is not None
        assert c.nic_bytes_per_s is not None
        computed = c.nics_per_node * c.nic_bytes_per_s / c.devices_per_node
        assert computed == pytest.approx(c.scale_out_bytes_per_s, rel=0.015)
        assert c.scale_out_bytes_per_s < c.scale_up_bytes_per_s
    assert all(s["url"].startswith("https://") for s in c.sources.values())
    assert c.scale_up_domain >= c.devices_per_node or c.kind == "pod"


@pytest.mark.each("found", ALL)
def test_scale_up_agrees_with_the_device(found: object) -> None:
    """A machine never gives a device more than the device's own links carry."""
    c = cluster(found.id)  # type: ignore[attr-defined]
    link = c.accelerator.scale_up
    if link is not None and link.per_direction is not None:
        assert c.scale_up_bytes_per_s <= link.per_direction * 1.01


def test_torus_dimensions_hold_the_pod() -> None:
    """The product of the axes is the pod's chips."""
    for c in ALL:
        if c.torus is not None:
            chips = math.prod(c.torus)
            assert chips * c.accelerator.devices_per_package == c.scale_up_domain


def test_a_trap_per_node_against_per_device() -> None:
    """3200 Gb/s is of eight devices on p5 and of four on p6e-gb200."""
    assert cluster("aws-p5").scale_out_bytes_per_s == 50e9
    assert cluster("aws-p6e-gb200").scale_out_bytes_per_s == 100e9
    assert cluster("gcp-a3-megagpu").scale_out_bytes_per_s == 25e9


def test_names_and_refusals() -> None:
    """A marketing name finds the machine; an unknown one gives the nearest."""
    assert cluster("NVIDIA DGX H100").id == "dgx-h100"
    assert lookup("DGX H100").accelerator.id == "h100-sxm"
    best = cluster_for("h100-sxm")
    assert best is not None
    assert best.id == "dgx-h100"
    assert cluster_for("wse-2") is None
    with pytest.raises(InputError, match="dgx-h100"):
        cluster("dgx-h10")


@pytest.mark.parametrize(
    ("name", "network"),
    [("vr-nvl72", "infiniband-xdr"), ("gb300-nvl72", "infiniband-xdr"), ("dgx-h100", "infiniband-ndr")],
)
def test_a_network_is_read_by_its_speed_before_its_kind(name: str, network: str) -> None:
    """\"InfiniBand XDR\" is XDR, whatever the rules say of InfiniBand."""
    found = cluster(name)
    assert place(resolve(found.accelerator_id), name).network == network


def test_an_unknown_network_is_said() -> None:
    """Nobody printed what joins two Atlas 950, so the constants of another network are an assumption."""
    assert cluster("atlas-950").scale_out_bytes_per_s is None
    assert "not on file" in place(resolve("ascend-950dt"), "atlas-950").said
    assert "not on file" not in place(resolve("mi455x"), "helios").said


def test_racks_and_pods_of_2026_in_printed_figures() -> None:
    """Helios: 260 and 43 TB/s, both directions together. TPU 8i: 1,152 chips, 19.2 Tb/s each, both directions."""
    helios, pod = cluster("helios"), cluster("tpu-8i-pod")
    assert 2 * 72 * helios.scale_up_bytes_per_s == pytest.approx(260e12, rel=0.01)
    assert 2 * 72 * (helios.scale_out_bytes_per_s or 0) == pytest.approx(43e12, rel=0.01)
    assert pod.scale_up_domain == 2 * 1152
    assert 2 * 2 * pod.scale_up_bytes_per_s * 8 == 19.2e12
    chip = resolve("TPU 8i")
    assert chip.scale_up is not None
    assert (chip.scale_up.domain, chip.scale_up.per_direction) == (pod.scale_up_domain, pod.scale_up_bytes_per_s)
