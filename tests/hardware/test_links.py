"""The step uses the links that the facts state: bridges of two boards, PCIe beyond them, domains of racks."""

import pytest

from mfu_planner import predict
from mfu_planner.hardware import resolve
from mfu_planner.machine.calibrated import fabric, link_rates
from mfu_planner.machine.toolbox import Wires, place


@pytest.mark.parametrize(
    ("device", "pcie"),
    [("a100-pcie-40gb", 32e9), ("a100-pcie-80gb", 32e9), ("h100-nvl", 64e9), ("rtx-3090", 32e9), ("rtx-a6000", 32e9)],
)
def test_a_bridge_joins_two_boards_and_pcie_the_others_of_a_host(device, pcie):
    accelerator = resolve(device)
    host = place(accelerator, None, Wires(devices=8))
    assert host.node_devices == 2
    assert (host.network, host.fabric.nic_bytes_per_s) == ("pcie", pcie)
    assert "joins 2, PCIe at" in host.said


def test_hosts_of_bridged_boards_meet_on_the_network():
    found = place(resolve("rtx-3090"), None, Wires(devices=16))
    assert (found.node_devices, found.network) == (2, "infiniband-ndr")


def test_a_machine_on_file_says_its_own_links():
    found = place(resolve("gh200-96gb"), "jupiter", Wires(devices=4))
    assert (found.node_devices, found.network) == (4, "infiniband-ndr")


def test_boards_without_a_link_meet_on_pcie():
    accelerator = resolve("rtx-4090")
    assert place(accelerator, None).node_devices == 8
    share = link_rates(accelerator)["all_reduce"].bandwidth_bytes_per_s / accelerator.pcie_per_direction
    assert share == pytest.approx(fabric("pcie").efficiency)


def test_tensors_over_four_bridged_pairs_are_slow():
    layout = {"model": "llama-3.1-8b", "devices": 8, "global_batch": 64, "tp": 8}
    joined = predict(**layout, hardware="a100-sxm-80gb").step_time_s
    assert predict(**layout, hardware="a100-pcie-80gb").step_time_s > 2 * joined
    pairs = {**layout, "tp": 2}
    assert (
        predict(**pairs, hardware="a100-pcie-80gb").step_time_s
        < 1.2 * predict(**pairs, hardware="a100-sxm-80gb").step_time_s
    )


def test_a_rack_is_one_domain():
    found = place(resolve("rubin"), None)
    assert (found.node_devices, found.scale_up_bytes_per_s) == (72, 1800e9)
