"""The calibration: fresh, complete, and usable for every device generation."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys

import pytest

from mfu_planner.facts import folder
from mfu_planner.hardware import resolve
from mfu_planner.machine.calibrated import (
    calibration,
    fabric,
    fabric_names,
    link_rates,
    product_rate,
    stack,
    stack_names,
)
from mfu_planner.machine.constants import Stack
from mfu_planner.machine.toolbox import place

GENERATIONS = ("ampere", "hopper", "blackwell", "tpu", "other")


def script(name: str):
    """A script of the calibration folder as a module."""
    spec = importlib.util.spec_from_file_location(name, folder("calibration") / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_index_is_fresh():
    """``index.json`` is what ``build_index.py`` makes of the YAML files today."""
    assert (folder("calibration") / "index.json").read_text("utf-8") == script("build_index").text()


def test_devices_are_in_the_catalogue():
    """Every id that a calibration names resolves to itself."""
    held = calibration()
    named = {i for b in held["products"]["devices"].values() for i in b["ids"]}
    named |= {i for b in held["collectives"]["devices"].values() for i in b["ids"]}
    named |= {i for ids in held["products"]["generations"].values() for i in ids}

    assert {resolve(i).id for i in named} == named


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("narrow", [False, True])
def test_every_stack_has_constants_for_every_generation(generation, narrow):
    """What a stack does not say, the generic stack does."""
    for name in stack_names():
        found = stack(name, generation, narrow)

        assert found.product_factor > 0
        assert 0 < found.attention_fraction < 1


def test_networks_do_not_beat_their_own_rate():
    """Efficiencies are shares."""
    for name in fabric_names():
        assert 0 < fabric(name).efficiency <= 1


def test_unmeasured_device_says_so():
    """A device without measurements is predicted with a stated generic efficiency."""
    _, note = product_rate(resolve("mi355x"), "bf16")
    measured = product_rate(resolve("h100-sxm"), "bf16")[1]
    unknown = product_rate(resolve("mi250x"), "bf16")[1]

    assert "best rate" in note
    assert "measured on h100" in measured
    assert "generic efficiency" in unknown


def test_an_unmeasured_device_has_its_own_units_and_slow_ones_are_kept_busy():
    """RTX 4090: 128 multiprocessors, half-rate accumulation in 32 bits; V100: 80, 15.7 TFLOP/s of fp32 on vector units,
    of which cuBLAS reaches more than nine tenths (Jia et al. 2018, arXiv:1804.06826, section 4.4)."""
    for name, dtype, units in (("rtx-4090", "bf16", 128), ("v100-sxm-32gb", "fp32", 80)):
        rate, note = product_rate(resolve(name), dtype)
        assert (rate.units, rate.efficiency, "slow" in note) == (units, 0.9, True)
    assert product_rate(resolve("v100-sxm-32gb"), "fp16")[0].efficiency == 0.7


def test_fits_name_their_rows_by_source_and_size():
    """No fit draws at random, and none is named after a single run."""
    for fit in calibration()["fits"]:
        assert fit["rows"] or "each_source" in fit
        assert all(chosen["ids"] for chosen in fit["rows"])
        assert fit["stack"] in stack_names()


def test_every_constant_has_a_meaning_and_a_unit():
    """What stacks.yaml and memory.yaml hold is said in meanings.yaml, and nothing that is not held."""
    import yaml

    said = yaml.safe_load((folder("calibration") / "meanings.yaml").read_text("utf-8"))
    held = calibration()
    stack_constants = {n for block in held["stacks"].values() for n in block["constants"]}
    memory = {n for b in (held["memory"]["default"], *held["memory"]["stacks"].values()) for n in b}

    assert stack_constants == set(said["stack"]) == set(held["stacks"]["generic"]["constants"])
    assert memory == set(said["memory"]) == set(held["memory"]["default"])
    assert {f.name for f in dataclasses.fields(Stack)} - {"name"} <= stack_constants
    assert all(each["unit"] and each["meaning"] for block in said.values() for each in block.values())


def test_constants_that_were_not_fitted_have_a_source():
    """A generic constant is free in some fit, or says where it is from, or is a habit of the stack."""
    import yaml

    said = yaml.safe_load((folder("calibration") / "meanings.yaml").read_text("utf-8"))["memory"]
    fitted = {n for block in calibration()["memory"]["stacks"].values() for n in block}

    assert {n for n, each in said.items() if "source" not in each} == fitted


def test_network_of_the_cluster():
    """AWS p4d has 4 × 100 Gb/s for 8 devices, DGX A100 8 × 200 Gb/s: 6.25 and 25 GB/s a device, one direction."""
    device = resolve("a100-sxm-40gb")
    slow, fast = place(device, "aws-p4d"), place(device, "dgx-a100-40gb")

    assert (slow.fabric.nic_bytes_per_s, fast.fabric.nic_bytes_per_s) == (6.25e9, 25e9)
    assert slow.node_devices == fast.node_devices == 8
    assert fast.scale_up_bytes_per_s == 300e9


def test_unmeasured_link_is_the_machines():
    """A device that publishes no link takes its machine's, then PCIe's; the share of it is the calibration's."""
    held = calibration()["collectives"]["fallback"]
    bare = dataclasses.replace(resolve("rtx-4090"), scale_up=None)

    assert link_rates(bare, 64e9)["all_reduce"].bandwidth_bytes_per_s == held["share"] * 64e9
    assert link_rates(bare)["all_reduce"].bandwidth_bytes_per_s == held["share"] * bare.pcie_per_direction
    bare = dataclasses.replace(bare, pcie_per_direction=None)
    assert link_rates(bare)["all_reduce"].bandwidth_bytes_per_s == held["share"] * held["bandwidth_bytes_per_s"]
