"""Reading the calibration: constants of products, links, stacks and networks, ready for use.

The YAML files in ``calibration/`` are the source; ``calibration/index.json`` is generated from them (``make
data``), because
reading YAML costs more than a prediction.
"""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any

from mfu_planner.errors import InputError, nearest
from mfu_planner.machine.constants import Fabric, LinkRate, Machine, ProductRate, Stack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mfu_planner.hardware import Accelerator

FORMAT_BYTES = {
    "fp64": 8.0, "fp64_matrix": 8.0, "fp32": 4.0, "fp32_matrix": 4.0, "tf32": 4.0, "fp16": 2.0, "fp16_fp16acc": 2.0,
    "bf16": 2.0, "fp8": 1.0, "fp8_fp16acc": 1.0, "int8": 1.0, "fp6": 0.75, "int4": 0.5, "fp4": 0.5,
}  # fmt: skip
"""Bytes of an element of every format of the catalogue."""
COLLECTIVES = ("all_reduce", "all_gather", "reduce_scatter", "alltoall")


@cache
def calibration() -> dict[str, Any]:
    """The whole calibration as plain data."""
    from mfu_planner.facts import shipped_json

    held: dict[str, Any] = shipped_json("calibration", "index.json")
    return held


def stack_names() -> tuple[str, ...]:
    """Every software stack that has constants."""
    return tuple(calibration()["stacks"])


def fabric_names() -> tuple[str, ...]:
    """Every network that has constants."""
    return tuple(calibration()["fabrics"])


@cache
def product_block(device: str) -> tuple[str, dict[str, Any]] | None:
    """(name, block) of the measured device that stands for a catalogue id, None when nothing was measured."""
    for name, block in calibration()["products"]["devices"].items():
        if device in block["ids"]:
            return name, block
    return None


def generation(device: str) -> str:
    """Generation whose stack constants apply: ampere, hopper, blackwell, tpu … ; ``other`` when unknown."""
    found: dict[str, list[str]] = calibration()["products"]["generations"]
    return next((name for name, ids in found.items() if device in ids), "other")


def product_rate(accelerator: Accelerator, dtype: str) -> tuple[ProductRate, str]:
    """The rate of a device's products in one format, and a sentence on what it rests on."""
    peak = accelerator.peak_flops_per_s(dtype)
    bandwidth = bandwidth_of(accelerator)
    size = FORMAT_BYTES[dtype]
    products = calibration()["products"]
    known = accelerator.id if accelerator.measured else ""
    found = product_block(known)
    block = found[1].get("fp8" if size <= 1 else "bf16") if found else None
    if found and block:
        units = found[1]["units"]
        note = f"matrix products of {accelerator.id} in {dtype}: rates measured on {found[0]}"
    else:
        block, basis = _unmeasured(accelerator, dtype, products)
        units = accelerator.compute_units or block["units"]
        note = f"matrix products of {accelerator.id} in {dtype}: {basis} ({block['efficiency']:.0%} of peak)"
    tile = block["tile"]
    slower = products["derate"].get(known, {}).get("factor", 1.0)
    rate = ProductRate(
        peak_flops_per_s=peak,
        efficiency=block["efficiency"] / slower,
        depth_overhead=block["depth_overhead_elements"],
        fixed_s=block["fixed_us"] * 1e-6,
        wave_loss=block["wave_loss"],
        tile_rows=tile[0],
        tile_columns=tile[1],
        least_tile=products["least_tile"]["side"],
        units=units,
        bandwidth_bytes_per_s=bandwidth,
        input_bytes=size,
        output_bytes=max(size, FORMAT_BYTES["bf16"]),
    )
    return rate, note


def _unmeasured(accelerator: Accelerator, dtype: str, products: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """(constants, what they rest on) of a device whose products nobody measured by shape."""
    size, peak = FORMAT_BYTES[dtype], accelerator.peak_flops_per_s(dtype)
    block: dict[str, Any] = products["fallback"]
    measured = "fp8" if size <= 1 else "bf16"
    best = products["best_rates"].get(accelerator.id if accelerator.measured else "", {}).get(measured)
    if best and dtype in (measured, "fp16"):
        return {**block, "efficiency": min(1.0, best / peak)}, "the best rate that others measured"
    wider = [accelerator.peak[name].dense for name in ("fp16", "fp16_fp16acc") if name in accelerator.peak]
    if size >= FORMAT_BYTES["bf16"] and any(rate is not None and rate > peak for rate in wider):
        return {**block, **products["slow_units"]}, "units that are slow for what feeds them"
    return block, "a generic efficiency: no products were measured on it"


def bandwidth_of(accelerator: Accelerator) -> float:
    """Memory bandwidth of a device, or the assumed one where the vendor publishes none [byte/s]."""
    published = accelerator.memory_bandwidth_bytes_per_s
    if published:
        return float(published)
    assumed = calibration()["products"]["assumed_bandwidth"].get(accelerator.id)
    if assumed is None:
        raise InputError("hardware", accelerator.id, "a device whose memory bandwidth is known")
    return float(assumed["byte_per_s"])


def link_rates(accelerator: Accelerator, cluster_bytes_per_s: float | None = None) -> dict[str, LinkRate]:
    """In-node collectives of a device: measured, or the published link rate times a generic share.

    ``cluster_bytes_per_s``: the machine's link rate per device, one direction, where the device itself publishes none.
    Boards without a link of their own meet on PCIe, at the rate that the facts state.
    """
    held = calibration()["collectives"]
    block = next((b for b in held["devices"].values() if accelerator.measured and accelerator.id in b["ids"]), None)
    if block is None:
        fallback = held["fallback"]
        published = getattr(accelerator.scale_up, "per_direction", None) or cluster_bytes_per_s
        published = published or accelerator.pcie_per_direction or fallback["bandwidth_bytes_per_s"]
        link = LinkRate(
            fallback["start_us"] * 1e-6,
            fallback["hop_us"] * 1e-6,
            fallback["share"] * published,
            fallback["ramp_mb"] * 1e6,
        )
        return dict.fromkeys(COLLECTIVES, link)
    return {
        name: LinkRate(
            block[name]["start_us"] * 1e-6,
            block[name]["hop_us"] * 1e-6,
            block[name]["bandwidth_gb_per_s"] * 1e9,
            block[name]["ramp_mb"] * 1e6,
        )
        for name in COLLECTIVES
    }


def fabric(name: str, nic_bytes_per_s: float | None = None, held: Mapping[str, Any] | None = None) -> Fabric:
    """A network's constants; ``nic_bytes_per_s`` (one device's share) replaces the file's; ``held``: other fits."""
    held = calibration()["fabrics"] if held is None else held
    if name not in held:
        raise InputError("fabric", name, "a known network", nearest(name, held) or tuple(held))
    f = held[name]
    return Fabric(
        nic_bytes_per_s or f["nic_gb_per_s"] * 1e9,
        f["efficiency"],
        f["start_us"] * 1e-6,
        f["hop_us"] * 1e-6,
        f["bucket_mb"] * 1e6,
        calibration()["rules"]["trees"]["hops"],
    )


_STACK_FIELDS = {f.name for f in fields(Stack)} - {"name"}


@cache
def stack(name: str, device_generation: str, narrow: bool) -> Stack:
    """A stack's constants for a device generation and a number format."""
    return stack_among(calibration()["stacks"], name, device_generation, narrow)


def stack_among(held: Mapping[str, Any], name: str, device_generation: str, narrow: bool) -> Stack:
    """The same out of other fits.

    A constant may be one number or differ by generation (and by ``wide``/``narrow`` format within it).
    """
    if name not in held:
        raise InputError("stack", name, "a known software stack", nearest(name, held) or tuple(held))
    generic, block = held["generic"]["constants"], held[name]
    kernel = calibration()["attention"][block["attention"]] if "attention" in block else {}
    values = {**generic, **kernel, **block["constants"]}
    chosen = {
        key: _pick(value, generic.get(key), device_generation, narrow)
        for key, value in values.items()
        if key in _STACK_FIELDS
    }
    return Stack(name=name, **chosen)


def _pick(value: Any, fallback: Any, device_generation: str, narrow: bool) -> float:
    """One number out of a constant that may differ by generation and format."""
    for candidate in (value, fallback):
        for key in (device_generation, "other"):
            found = candidate.get(key) if isinstance(candidate, dict) else candidate
            if isinstance(found, dict):
                found = found.get("narrow" if narrow else "wide", found.get("wide") if key == "other" else None)
            if isinstance(found, int | float):
                return float(found)
    raise InputError("stack", device_generation, "a device generation with constants")


def machine(
    accelerator: Accelerator,
    dtype: str,
    network: Fabric,
    node_devices: float,
    scale_up_bytes_per_s: float | None = None,
) -> Machine:
    """Everything a prediction needs of a device, its node (and the link in it, where known) and its network."""
    rate, note = product_rate(accelerator, dtype)
    size = FORMAT_BYTES[dtype]
    wide = rate
    if size < 2.0:
        wide, _ = product_rate(accelerator, "bf16" if _supports(accelerator, "bf16") else "fp16")
    grouped = calibration()["rules"]["grouped_format"].get(dtype)
    if grouped and _supports(accelerator, grouped):
        note += f" (experts, if any, at the rate of {grouped})"
    return Machine(
        products=rate,
        wide_products=wide,
        peak_flops_per_s=rate.peak_flops_per_s,
        wide_peak_flops_per_s=wide.peak_flops_per_s,
        bandwidth_bytes_per_s=rate.bandwidth_bytes_per_s,
        memory_bytes=float(accelerator.memory_bytes or 0.0),
        usable_bytes=float(accelerator.usable_bytes or 0.0),
        node_devices=float(node_devices),
        links=link_rates(accelerator, scale_up_bytes_per_s),
        fabric=network,
        element_bytes=max(size, FORMAT_BYTES["bf16"]),
        low_precision=size < FORMAT_BYTES["bf16"],
        host_bytes_per_s=float(calibration()["memory"]["host_link"]["byte_per_s"]),
        grouped_products=product_rate(accelerator, grouped)[0] if grouped and _supports(accelerator, grouped) else None,
        assumptions=(note,),
    )


def _supports(accelerator: Accelerator, dtype: str) -> bool:
    try:
        return bool(accelerator.peak_flops_per_s(dtype))
    except InputError:
        return False
