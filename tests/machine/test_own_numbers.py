"""A calibration of round numbers: which of them a device gets, and what becomes of their units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from mfu_planner.errors import InputError
from mfu_planner.hardware import Accelerator, Peak, ScaleUp, resolve
from mfu_planner.hardware._spec import DTYPES
from mfu_planner.machine import calibrated, memory, optimizers
from mfu_planner.machine.constants import Fabric, LinkRate, ProductRate


def product(efficiency: float, tile: list[int]) -> dict[str, Any]:
    """Constants of products."""
    return {
        "efficiency": efficiency, "depth_overhead_elements": 30.0, "fixed_us": 4.0, "wave_loss": 0.5, "tile": tile,
    }  # fmt: skip


LINK = {"start_us": 3.0, "hop_us": 2.0, "bandwidth_gb_per_s": 50.0, "ramp_mb": 6.0}
KINDS = ("all_reduce", "all_gather", "reduce_scatter", "alltoall")
FOUND: dict[str, Any] = {
    "products": {
        "devices": {
            "both": {"ids": ["toy"], "units": 10, "bf16": product(0.8, [64, 32]), "fp8": product(0.6, [16, 8])},
            "wide": {"ids": ["wide"], "units": 7, "bf16": product(0.9, [4, 2])},
        },
        "generations": {"new": ["toy", "wide"]},
        "fallback": {**product(0.5, [128, 256]), "units": 3},
        "slow_units": {"efficiency": 0.25, "wave_loss": 0.75},
        "least_tile": {"side": 32},
        "best_rates": {"best": {"bf16": 70e12, "fp8": 999e12}},
        "derate": {"toy": {"factor": 1.25}},
        "assumed_bandwidth": {"dark": {"byte_per_s": 5e11}},
    },
    "collectives": {
        "devices": {"both": {"ids": ["toy"], **{kind: {**LINK, "start_us": n} for n, kind in enumerate(KINDS)}}},
        "fallback": {"start_us": 9.0, "hop_us": 1.0, "share": 0.5, "ramp_mb": 8.0, "bandwidth_bytes_per_s": 2e10},
    },
    "fabrics": {
        name: {"nic_gb_per_s": rate, "efficiency": 0.5, "start_us": 7.0, "hop_us": 2.0, "bucket_mb": 25.0}
        for name, rate in (("usual", 20), ("modern", 40))
    },
    "stacks": {
        "generic": {"constants": {
            "drag": 1.0, "dropout": {"new": 2.0, "other": 3.0}, "cast_factor": {"other": 4.0},
            "product_factor": {"new": {"wide": 5.0, "narrow": 6.0}, "other": {"wide": 7.0}},
            "cast_bytes": {"other": {"wide": 8.0, "narrow": 9.0}}, "zero_stage": 10.0,
        }},
        "ours": {"constants": {"drag": 11.0, "zero_stage": {"new": 12.0}, "cast_bytes": {"new": {"narrow": 13.0}}}},
    },
    "rules": {"grouped_format": {"fp4": "fp8"}, "trees": {"hops": 9}},
    "memory": {
        "host_link": {"byte_per_s": 3e10},
        "optimizers": {"adam": {"byte_per_parameter": 12}},
        "default": dict.fromkeys(memory.MemoryConstants.__dataclass_fields__, 1.0),
        "assumed": {"ours": {"logit_bytes": 2.0, "score_bytes": 2.0}},
        "stacks": {"ours": {"score_bytes": 3.0}},
    },
}  # fmt: skip


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The calibration above in place of the project's."""
    kept = (calibrated.product_block, calibrated.stack, memory.memory_constants)
    for module in (calibrated, memory):
        monkeypatch.setattr(module, "calibration", lambda: FOUND)
    for function in kept:
        function.cache_clear()
    yield
    for function in kept:
        function.cache_clear()


def device(name: str = "toy", **facts: Any) -> Accelerator:
    """100, 200, 400, 80, 20 TFLOP/s; memory of 1 TB/s; 80 GB/s among 8 devices, 30 on PCIe."""
    formats = (("bf16", 100), ("fp8", 200), ("fp4", 400), ("fp16", 80), ("fp32", 20))
    held = {dtype: Peak(dense=value * 1e12, sparse=None, source="here") for dtype, value in formats}
    usual: dict[str, Any] = {
        "memory_bandwidth_bytes_per_s": 1e12, "memory_bytes": 90e9, "usable_bytes": 80e9,
        "pcie_per_direction": 30e9, "compute_units": None,
        "scale_up": ScaleUp("link", 80e9, 8, "here"), "measured": True,
    }  # fmt: skip
    return replace(resolve("h100-sxm"), id=name, peak=MappingProxyType(held), **{**usual, **facts})


def rate(**change: float) -> ProductRate:
    """Of the measured device in bf16."""
    base: dict[str, Any] = {
        "peak_flops_per_s": 100e12, "efficiency": 0.8 / 1.25, "depth_overhead": 30.0, "fixed_s": 4e-6, "wave_loss": 0.5,
        "tile_rows": 64, "tile_columns": 32, "units": 10, "bandwidth_bytes_per_s": 1e12, "input_bytes": 2.0,
        "output_bytes": 2.0, "least_tile": 32,
    }  # fmt: skip
    return ProductRate(**{**base, **change})


TILE = {"tile_rows": 128, "tile_columns": 256, "units": 3}


@pytest.mark.parametrize(
    ("name", "facts", "dtype", "change", "said"),
    [
        ("toy", {}, "bf16", {}, "rates measured on both"),
        ("toy", {}, "fp8", {"peak_flops_per_s": 200e12, "efficiency": 0.48, "input_bytes": 1.0, "tile_rows": 16,
                            "tile_columns": 8}, "rates measured on both"),
        # measured in 16 bits alone; on another device of the name; by others, who never beat the peak
        ("wide", {}, "bf16", {"efficiency": 0.9, "tile_rows": 4, "tile_columns": 2, "units": 7}, "measured on wide"),
        ("wide", {}, "fp8", {"peak_flops_per_s": 200e12, "efficiency": 0.5, "input_bytes": 1.0, **TILE}, "(50% of"),
        ("toy", {"measured": False}, "bf16", {"efficiency": 0.5, **TILE}, "no products were measured on it (50% of"),
        ("best", {}, "bf16", {"efficiency": 0.7, **TILE}, "the best rate that others measured (70% of"),
        ("best", {"compute_units": 12}, "bf16", {"efficiency": 0.7, **TILE, "units": 12}, "(70% of"),
        ("best", {"measured": False}, "bf16", {"efficiency": 0.5, **TILE}, "a generic efficiency"),
        ("best", {}, "fp16", {"peak_flops_per_s": 80e12, "efficiency": 0.875, **TILE}, "others measured (88% of"),
        # 20 TFLOP/s where fp16 has 80, or 100: units of another kind
        ("best", {}, "fp32", {"peak_flops_per_s": 20e12, "efficiency": 0.25, "wave_loss": 0.75, "input_bytes": 4.0,
                              "output_bytes": 4.0, **TILE}, "units that are slow for what feeds them (25% of"),
        ("best", {}, "fp8", {"peak_flops_per_s": 200e12, "efficiency": 1.0, "input_bytes": 1.0, **TILE}, "(100% of"),
        ("best", {}, "fp4", {"peak_flops_per_s": 400e12, "efficiency": 0.5, "input_bytes": 0.5, **TILE}, "a generic"),
        ("dark", {"memory_bandwidth_bytes_per_s": None}, "bf16",
         {"efficiency": 0.5, "bandwidth_bytes_per_s": 5e11, **TILE}, "generic"),
    ],
)  # fmt: skip
def test_products(name: str, facts: dict[str, Any], dtype: str, change: dict[str, float], said: str) -> None:
    """Microseconds and a slower board's factor; bytes of the format, results in 16 bits at least."""
    found, note = calibrated.product_rate(device(name, **facts), dtype)
    assert found == replace(rate(**change), efficiency=pytest.approx(rate(**change).efficiency))
    assert said in note
    assert f"of {name} in {dtype}" in note


def test_bytes_of_every_format() -> None:
    """Bits over eight, for all formats of the catalogue."""
    bits = {"fp64": 64, "fp32": 32, "tf32": 32, "fp16": 16, "bf16": 16, "fp8": 8, "int8": 8, "fp6": 6, "int4": 4,
            "fp4": 4}  # fmt: skip
    assert {dtype: bits[dtype.split("_")[0]] / 8 for dtype in DTYPES} == calibrated.FORMAT_BYTES


def test_no_bandwidth_is_an_error() -> None:
    """Nothing published, nothing assumed."""
    with pytest.raises(InputError, match="bandwidth is known"):
        calibrated.bandwidth_of(device(memory_bandwidth_bytes_per_s=None))


def test_measured_links_in_seconds_and_bytes() -> None:
    """One for each collective, of the device itself only."""
    found = calibrated.link_rates(device())
    assert found == {kind: LinkRate(pytest.approx(n * 1e-6), 2e-6, 50e9, 6e6) for n, kind in enumerate(KINDS)}
    unlike = calibrated.link_rates(device(measured=False))
    assert unlike == dict.fromkeys(KINDS, LinkRate(pytest.approx(9e-6), 1e-6, 40e9, 8e6))


@pytest.mark.parametrize(
    ("facts", "given", "expected"),
    [
        ({}, None, 40e9), ({}, 60e9, 40e9),
        ({"scale_up": None}, 60e9, 30e9), ({"scale_up": None}, None, 15e9),
        ({"scale_up": ScaleUp("link", None, 8, "here")}, 60e9, 30e9),
        ({"scale_up": None, "pcie_per_direction": None}, None, 10e9),
    ],
)  # fmt: skip
def test_half_of_the_first_published_rate(facts: dict[str, Any], given: float | None, expected: float) -> None:
    """The device's link, the machine's, PCIe, what is usual."""
    found = calibrated.link_rates(device("other", **facts), given)
    assert {each.bandwidth_bytes_per_s for each in found.values()} == {expected}


def test_networks() -> None:
    """Gigabytes, microseconds, megabytes; the rate as given; an unknown one with its nearest name."""
    assert calibrated.fabric("usual") == Fabric(20e9, 0.5, pytest.approx(7e-6), 2e-6, 25e6, 9)
    assert calibrated.fabric("usual", 3e9).nic_bytes_per_s == 3e9
    with pytest.raises(InputError, match="usual"):
        calibrated.fabric("usal")
    with pytest.raises(InputError, match="modern"):
        calibrated.fabric("qqqqqq")


@pytest.mark.parametrize(
    ("name", "generation", "narrow", "expected"),
    [
        # drag, dropout, cast_factor, product_factor, cast_bytes, zero_stage
        ("generic", "new", False, (1, 2, 4, 5, 8, 10)),
        ("generic", "new", True, (1, 2, 4, 6, 9, 10)),
        ("generic", "old", False, (1, 3, 4, 7, 8, 10)),
        ("generic", "old", True, (1, 3, 4, 7, 9, 10)),  # no narrow one: as wide ones
        ("ours", "new", False, (11, 2, 4, 5, 8, 12)),  # no wide one of this generation: the generic stack's
        ("ours", "new", True, (11, 2, 4, 6, 13, 12)),
        ("ours", "old", True, (11, 3, 4, 7, 9, 10)),
    ],
)  # fmt: skip
def test_constants_of_a_stack(
    monkeypatch: pytest.MonkeyPatch, name: str, generation: str, narrow: bool, expected: tuple[float, ...]
) -> None:
    """A number, one of the generation or any other, one of the format; the stack's own before the generic."""
    monkeypatch.setattr(calibrated, "Stack", dict)
    found = calibrated.stack(name, generation, narrow)
    keys = ("drag", "dropout", "cast_factor", "product_factor", "cast_bytes", "zero_stage")
    assert tuple(found[key] for key in keys) == expected  # type: ignore[index]


def test_unknown_stacks() -> None:
    """The nearest name, or all of them."""
    with pytest.raises(InputError, match="ours"):
        calibrated.stack("our", "new", False)
    with pytest.raises(InputError, match="generic"):
        calibrated.stack("qqqqqq", "new", False)
    with pytest.raises(InputError, match="a device generation with constants"):
        calibrated._pick({"old": 1.0}, None, "new", False)


def machine(dtype: str, **facts: Any) -> Any:
    """On a network of 20 GB/s, four devices a node."""
    return calibrated.machine(device(**facts), dtype, calibrated.fabric("usual"), 4)


def test_a_machine_in_16_bits_and_in_fewer() -> None:
    """What stays wide has the rates of 16 bits; elements outside products never have fewer."""
    wide, narrow = machine("bf16"), machine("fp8")
    assert (wide.products, wide.wide_products) == (rate(), rate())
    assert (narrow.peak_flops_per_s, narrow.wide_peak_flops_per_s) == (200e12, 100e12)
    assert narrow.wide_products == rate()
    assert (wide.low_precision, narrow.low_precision) == (False, True)
    assert (wide.element_bytes, narrow.element_bytes) == (2, 2)
    assert (wide.memory_bytes, wide.usable_bytes, wide.node_devices, wide.host_bytes_per_s) == (90e9, 80e9, 4, 3e10)
    assert machine("fp16").wide_products == machine("fp16").products == rate(peak_flops_per_s=80e12)
    assert (wide.grouped_products, narrow.grouped_products) == (None, None)
    unknown = machine("bf16", memory_bytes=None, usable_bytes=None)
    assert (unknown.memory_bytes, unknown.usable_bytes) == (0, 0)
    double = device()
    double = replace(double, peak=MappingProxyType({"fp64": Peak(dense=1e12, sparse=None, source="here")}))
    assert calibrated.machine(double, "fp64", calibrated.fabric("usual"), 4).element_bytes == 8


def test_experts_in_a_format_of_their_own() -> None:
    """fp4 experts at the rate of fp8, where the device has it; 16 bits are fp16 where there is no bf16."""
    found = machine("fp4")
    assert found.grouped_products == calibrated.product_rate(device(), "fp8")[0]
    assert "experts, if any, at the rate of fp8" in found.assumptions[0]
    assert "experts" not in machine("fp8").assumptions[0]
    bare = device()
    bare = replace(bare, peak=MappingProxyType({"fp16": bare.peak["bf16"], "fp4": bare.peak["fp4"]}))
    found = calibrated.machine(bare, "fp4", calibrated.fabric("usual"), 4)
    assert (found.grouped_products, found.wide_peak_flops_per_s) == (None, 100e12)
    assert "experts" not in found.assumptions[0]


def test_memory_of_a_stack() -> None:
    """What was fitted, else assumed, else of any stack; bytes of an optimizer's states."""
    assert (memory.memory_constants("ours").score_bytes, memory.memory_constants("ours").logit_bytes) == (3, 2)
    assert memory.memory_constants("ours").mask_bytes == memory.memory_constants("generic").score_bytes == 1
    assert optimizers.optimizer_bytes("adam") == 12
