"""The network of a machine, wire by wire: between its nodes, inside one, and beyond a bridge of two boards."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mfu_planner.errors import InputError
from mfu_planner.hardware import Accelerator, ScaleUp, resolve
from mfu_planner.machine import calibrated, toolbox

FOUND: dict[str, Any] = {
    "products": {"generations": {"new": ["toy", "wide"]}},
    "fabrics": {
        name: {"nic_gb_per_s": rate, "efficiency": 0.5, "start_us": 7.0, "hop_us": 2.0, "bucket_mb": 25.0}
        for name, rate in (("usual", 20), ("modern", 40), ("pcie", 1))
    },
    "rules": {
        "trees": {"hops": 9},
        "default_stacks": {"new": "ours", "other": "generic"},
        "sharded_stacks": {"new": "sharding", "other": "fsdp"},
        "offloaded_stacks": {"other": "offloading"},
        "default_fabrics": {"new": "modern", "other": "usual"},
        "usual_node": {"devices": 4},
        "cluster_links": [{"fabric": "modern", "any": ["quick", "ndr"]}],
    },
}


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules above in place of the project's."""
    for module in (calibrated, toolbox):
        monkeypatch.setattr(module, "calibration", lambda: FOUND)


def device(name: str = "toy", **facts: Any) -> Accelerator:
    """A link of 80 GB/s among 8, PCIe of 30."""
    usual: dict[str, Any] = {"pcie_per_direction": 30e9, "scale_up": ScaleUp("link", 80e9, 8, "here")}
    return replace(resolve("h100-sxm"), id=name, **{**usual, **facts})


def test_defaults_by_generation() -> None:
    """Of its own, or of any other."""
    assert (toolbox.default_stack("toy"), toolbox.default_stack("elder")) == ("ours", "generic")
    assert (calibrated.generation("wide"), calibrated.generation("elder")) == ("new", "other")


@pytest.mark.parametrize(
    ("zero", "offload", "new", "other"),
    [(None, False, "ours", "generic"), (2, False, "ours", "generic"), (3, False, "sharding", "fsdp"),
     (3, True, "offloading", "offloading"), (2, True, "ours", "generic"), (None, True, "ours", "generic")],
)  # fmt: skip
def test_software_that_shards_weights_is_of_another_kind(zero: int | None, offload: bool, new: str, other: str) -> None:
    """ZeRO 3 alone; with the optimizer in host memory another again, which says nothing where weights are whole."""
    assert toolbox.default_stack("toy", zero, offload=offload) == new
    assert toolbox.default_stack("elder", zero, offload=offload) == other


WIRE = ScaleUp("bridge", 80e9, 2, "here")


@pytest.mark.parametrize(
    ("facts", "wires", "network", "nic", "domain", "said"),
    [
        ({}, {}, "modern", 40e9, 8, "nodes of 8 devices and network modern assumed"),
        ({"scale_up": ScaleUp("link", 80e9, 4, "here")}, {}, "modern", 40e9, 4, "nodes of 4 devices"),
        ({}, {"fabric": "usual"}, "usual", 20e9, 8, "network usual at 20 GB/s a device, nodes of 8 devices, as given"),
        ({}, {"nic_bytes_per_s": 5e9}, "modern", 5e9, 8, "network modern at 5 GB/s a device"),
        ({}, {"fabric": "usual", "nic_bytes_per_s": 5e9}, "usual", 5e9, 8, "network usual at 5 GB/s"),
        ({}, {"node_devices": 6}, "modern", 40e9, 6, "nodes of 6 devices, as given"),
        ({}, {"node_devices": 16}, "modern", 40e9, 8, "16 devices, as given; link joins 8, the network the others"),
        # boards without a link meet on PCIe; pairs do beyond their bridge, while the job fits one host of four
        ({"scale_up": None}, {}, "modern", 40e9, 4, "its devices meet on PCIe at 30 GB/s a direction"),
        ({"scale_up": None, "pcie_per_direction": None}, {}, "modern", 40e9, 4, "no machine of toy is on file"),
        ({"scale_up": WIRE}, {"devices": 4}, "pcie", 30e9, 2, "bridge joins 2, PCIe at 30 GB/s a direction the others"),
        ({"scale_up": WIRE}, {"devices": 5}, "modern", 40e9, 2, "bridge joins 2, the network the others"),
        ({"scale_up": WIRE}, {}, "modern", 40e9, 2, "bridge joins 2, the network the others"),
        ({"scale_up": WIRE, "pcie_per_direction": None}, {"devices": 4}, "modern", 40e9, 2, "the network the others"),
        ({"scale_up": WIRE}, {"devices": 4, "fabric": "usual"}, "pcie", 30e9, 2, "network usual at 20 GB/s"),
        ({"scale_up": WIRE}, {"devices": 4, "node_devices": 2}, "modern", 40e9, 2, "nodes of 2 devices, as given"),
        ({"scale_up": WIRE}, {"devices": 2, "node_devices": 1}, "modern", 40e9, 1, "nodes of 1 devices, as given"),
    ],
)  # fmt: skip
def test_where_nothing_is_on_file(
    facts: dict[str, Any], wires: dict[str, Any], network: str, nic: float, domain: float, said: str
) -> None:
    """Four devices a node, or all that a link joins, never more."""
    found = toolbox.place(device(**facts), None, toolbox.Wires(**wires) if wires else None)
    assert (found.network, found.fabric.nic_bytes_per_s, found.node_devices) == (network, nic, domain)
    assert found.scale_up_bytes_per_s is None
    assert said in found.said


@pytest.mark.parametrize(("node", "left_out"), [(None, False), (8, False), (7, False), (9, True)])
def test_a_link_that_joins_a_whole_node_leaves_nobody_to_the_network(node: int | None, left_out: bool) -> None:
    """Eight devices on a link: of a node of nine one is left out, and said to be."""
    found = toolbox.place(device(), None, toolbox.Wires(node_devices=node))
    assert ("joins 8, the network the others" in found.said) == left_out
    assert found.node_devices == min(node or 8, 8)


def test_bridges_are_links_of_fewer_than_a_host() -> None:
    """Two of four; four of four are no bridge, and none is none."""
    joined = [WIRE, replace(WIRE, domain=4), replace(WIRE, domain=5), None]
    assert [toolbox._bridged(device(scale_up=link)) for link in joined] == [True, False, False, False]


@pytest.mark.parametrize(
    ("link", "rate", "domain", "network", "nic"),
    [
        ("Quick v1", 9e9, 8, "modern", 9e9), ("InfiniBand NDR", 9e9, 8, "modern", 9e9),
        ("ethernet", 9e9, 8, "usual", 9e9), (None, None, 0, "usual", 20e9),
    ],
)  # fmt: skip
def test_a_machine_on_file(
    monkeypatch: pytest.MonkeyPatch, link: str | None, rate: float | None, domain: int, network: str, nic: float
) -> None:
    """Its network by the words of its link, in any case; its rate where it has one; its domain, at least one."""
    from mfu_planner import hardware

    held = replace(
        hardware.cluster("dgx-h100"), id="box", accelerator_id="elder", scale_out_link=link, scale_out_bytes_per_s=rate,
        scale_up_domain=domain, scale_up_bytes_per_s=70e9,
    )  # fmt: skip
    monkeypatch.setattr(hardware, "cluster", lambda _: held, raising=False)
    monkeypatch.setattr(hardware, "cluster_for", lambda _: held, raising=False)
    for name, how in (("box", "given"), (None, "assumed")):
        found = toolbox.place(device("elder"), name)
        assert (found.network, found.fabric.nic_bytes_per_s, found.node_devices) == (network, nic, max(domain, 1))
        assert found.scale_up_bytes_per_s == 70e9
        assert f"cluster box ({how})" in found.said
    with pytest.raises(InputError, match="a machine of toy; box is made of elder"):
        toolbox.place(device(), "box")
