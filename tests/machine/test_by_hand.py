"""Constants as the YAML files state them, their units converted by hand; the network of a machine, wire by wire."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from mfu_planner.errors import InputError
from mfu_planner.facts import folder
from mfu_planner.hardware import cluster, resolve
from mfu_planner.machine.calibrated import fabric, link_rates, machine, product_rate, stack
from mfu_planner.machine.toolbox import Wires, place


def table(name: str) -> dict[str, Any]:
    """A file of the calibration, read without the project's reader."""
    held: dict[str, Any] = yaml.safe_load((folder("calibration") / f"{name}.yaml").read_text("utf-8"))
    return held


@pytest.mark.parametrize("name", ["a100", "h100"])
def test_measured_links(name: str) -> None:
    """Microseconds, 10^9 byte/s and 10^6 byte in the file; seconds and bytes in the machine."""
    block = next(b for n, b in table("collectives")["devices"].items() if n.startswith(name))
    found = link_rates(resolve(block["ids"][0]))
    for kind in ("all_reduce", "all_gather", "reduce_scatter", "alltoall"):
        assert found[kind].start_s == pytest.approx(block[kind]["start_us"] / 1e6)
        assert found[kind].hop_s == pytest.approx(block[kind]["hop_us"] / 1e6)
        assert found[kind].bandwidth_bytes_per_s == pytest.approx(block[kind]["bandwidth_gb_per_s"] * 1e9)
        assert found[kind].ramp_bytes == pytest.approx(block[kind]["ramp_mb"] * 1e6)


def test_links_that_nobody_measured() -> None:
    """The published one-way rate times the generic share; the machine's where the device publishes none."""
    held = table("collectives")
    measured = {i for b in held["devices"].values() for i in b["ids"]}
    device = resolve("mi325x")
    assert device.id not in measured
    assert device.scale_up is not None
    rate = link_rates(device)["all_reduce"]
    assert rate.bandwidth_bytes_per_s == pytest.approx(held["fallback"]["share"] * device.scale_up.per_direction)
    assert rate.start_s == pytest.approx(held["fallback"]["start_us"] / 1e6)
    assert rate.hop_s == pytest.approx(held["fallback"]["hop_us"] / 1e6)
    assert rate.ramp_bytes == pytest.approx(held["fallback"]["ramp_mb"] * 1e6)


@pytest.mark.parametrize("name", ["infiniband-hdr", "infiniband-ndr"])
def test_networks(name: str) -> None:
    """As the file states; one device's share in place of it."""
    held, found = table("fabrics")[name], fabric(name)
    assert found.nic_bytes_per_s == pytest.approx(held["nic_gb_per_s"] * 1e9)
    assert found.efficiency == held["efficiency"]
    assert found.start_s == pytest.approx(held["start_us"] / 1e6)
    assert found.hop_s == pytest.approx(held["hop_us"] / 1e6)
    assert found.bucket_bytes == pytest.approx(held["bucket_mb"] * 1e6)
    assert fabric(name, 7e9).nic_bytes_per_s == 7e9


def test_wires_one_by_one() -> None:
    """What is said replaces that alone: fabric, rate, devices of a node."""
    device = resolve("h100-sxm")
    usual = place(device, "dgx-h100")
    assert "given" in usual.said
    assert "assumed" in place(device, None).said
    assert place(device, "dgx-h100", Wires()) == usual
    held = cluster("dgx-h100")
    assert (usual.node_devices, usual.scale_up_bytes_per_s) == (held.scale_up_domain, held.scale_up_bytes_per_s)
    assert usual.fabric.nic_bytes_per_s == held.scale_out_bytes_per_s
    named = place(device, "dgx-h100", Wires(fabric="infiniband-hdr"))
    assert (named.network, named.fabric, named.node_devices) == ("infiniband-hdr", fabric("infiniband-hdr"), 8)
    slower = place(device, "dgx-h100", Wires(nic_bytes_per_s=5e9))
    assert (slower.network, slower.fabric) == (usual.network, fabric(usual.network, 5e9))
    smaller = place(device, "dgx-h100", Wires(node_devices=4))
    assert (smaller.network, smaller.fabric, smaller.node_devices) == (usual.network, usual.fabric, 4)
    assert "nodes of 4 devices, as given" in smaller.said
    with pytest.raises(InputError, match="a machine of a100-sxm-80gb; dgx-h100 is made of h100-sxm"):
        place(resolve("a100-sxm-80gb"), "dgx-h100")


def test_narrow_products_beside_wide_ones() -> None:
    """fp8 products keep what is not cast at the rate of bf16; experts of fp4 go by the rule of grouped formats."""
    device = resolve("h100-sxm")
    box = machine(device, "fp8", fabric("infiniband-ndr"), 8)
    assert box.products == product_rate(device, "fp8")[0]
    assert box.wide_products == product_rate(device, "bf16")[0]
    assert (box.low_precision, box.node_devices) == (True, 8.0)
    assert box.peak_flops_per_s == pytest.approx(2 * box.wide_peak_flops_per_s, rel=1e-3)
    wide = machine(device, "bf16", fabric("infiniband-ndr"), 8)
    assert (wide.products, wide.low_precision) == (wide.wide_products, False)
    assert wide.memory_bytes == device.memory_bytes
    assert wide.usable_bytes == device.usable_bytes


def test_product_constants() -> None:
    """Bytes in and out by the format; microseconds of a launch; results are never narrower than 16 bits."""
    held = table("products")
    name, block = next((n, b) for n, b in held["devices"].items() if "h100-sxm" in b["ids"])
    for dtype, kind, size, out in (("bf16", "bf16", 2, 2), ("fp8", "fp8", 1, 2)):
        rate, said = product_rate(resolve("h100-sxm"), dtype)
        assert (rate.input_bytes, rate.output_bytes) == (size, out)
        assert rate.fixed_s == pytest.approx(block[kind]["fixed_us"] / 1e6)
        assert rate.efficiency == block[kind]["efficiency"]
        assert (rate.tile_rows, rate.tile_columns, rate.units) == (*block[kind]["tile"], block["units"])
        assert name in said


def test_stack_constants_by_generation_and_format() -> None:
    """One number, or one of the generation, or of the narrow formats in it; what a stack leaves out is generic."""
    held = table("stacks")
    generic = held["generic"]["constants"]
    for name, generation in (("megatron-2024", "hopper"), ("generic", "ampere"), ("torchtitan-2025", "blackwell")):
        values = {**generic, **held[name]["constants"]}
        for narrow in (False, True):
            found = stack(name, generation, narrow)
            for key, value in values.items():
                if not hasattr(found, key):
                    continue
                of = value.get(generation, value.get("other")) if isinstance(value, dict) else value
                if isinstance(of, dict):
                    of = of.get("narrow" if narrow else "wide")
                if isinstance(of, int | float):
                    assert getattr(found, key) == of, (name, key, narrow)
