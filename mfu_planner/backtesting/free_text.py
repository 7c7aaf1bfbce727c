"""What the free text of a published run says: stack, device, number format, sharding, network."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mfu_planner.backtesting.runs import Unusable
from mfu_planner.machine.calibrated import calibration, generation
from mfu_planner.machine.toolbox import node_devices

if TYPE_CHECKING:
    from mfu_planner.backtesting.runs import RunRow
    from mfu_planner.hardware import Accelerator

_RECOMPUTE = {"full": 2.0, "custom": 1.0, "minimal": 1.0, "none": 0.0, "gelu": 0.0}


def text_of(row: RunRow) -> str:
    """The row's free text in lower case, for the rules."""
    names = ("source", "source_locator", "notes", "arch_notes", "sharding", "model", "interconnect", "kind")
    return " ".join(row.text(name) for name in names).lower()


def _first(rules: list[dict[str, Any]], key: str, text: str) -> str | None:
    for rule in rules:
        if any(word in text for word in rule.get("not", ())):
            continue
        if all(word in text for word in rule.get("all", ())) and (
            "any" not in rule or any(word in text for word in rule["any"])
        ):
            return str(rule[key])
    return None


def stack_of(text: str, row: RunRow) -> str:
    """The software stack by the words of its sources; Megatron by year, else generic."""
    found = _first(calibration()["rules"]["stacks"], "stack", text)
    if found:
        return found
    return "jax-tpu" if row.text("hw_key").startswith("tpu") else "generic"


@lru_cache(maxsize=512)
def device_of(key: str) -> Accelerator:
    """The catalogue's device for a ``hw_key``."""
    from mfu_planner.hardware import resolve

    return resolve(key)


def format_of(row: RunRow, accelerator: Accelerator) -> str:
    """The number format of the products by the dtype's text."""
    text = row.text("dtype").lower()
    wanted = "bf16"
    if "fp4" in text:
        wanted = "fp4"
    elif "fp8" in text or "float8" in text or (not text and "mlperf" in row.text("kind")):
        wanted = "fp8"
    for name in (wanted, "fp8" if wanted == "fp4" else "bf16", "bf16", "fp16"):
        if name in accelerator.peak:
            return name
    raise Unusable(f"no matrix rate is known for {accelerator.id}")


def zero_of(text: str, default: float) -> float:
    """ZeRO stage from the words of the sharding column."""
    text = text.lower()
    for words, stage in (
        (("no reshard", "shard_grad_op", "zero-2", "zero2"), 2.0),
        (("zero-3", "zero3", "full_shard", "fsdp_parallelism", "hsdp"), 3.0),
        (("zero-1", "zero1", "distributed", "distributedoptimizer"), 1.0),
        (("fsdp",), 3.0),
        (("zero-0", "ddp", "none", "dp"), 0.0),
    ):
        if any(word in text for word in words):
            return stage
    return default


def network_of(text: str, row: RunRow, accelerator: Accelerator) -> tuple[str, float]:
    """(fabric, one device's share of its node's interfaces in byte/s, 0 when the text says nothing)."""
    rules = calibration()["rules"]
    wire = row.text("interconnect").lower()
    found = _first(rules["fabrics"], "fabric", wire) or _first(rules["fabrics"], "fabric", text)
    name = found or rules["default_fabrics"][_network_generation(accelerator.id)]
    return name, nic_share(wire, row.number("gpus_per_node") or node_devices())


def _network_generation(device: str) -> str:
    found = generation(device)
    return found if found in calibration()["rules"]["default_fabrics"] else "other"


def nic_share(wire: str, node: float) -> float:
    """One device's share of the network from text such as ``8x200Gbps HDR``, ``400 Gb/s per GPU``, ``1600
    Gbps/node`` [byte/s].

    0 where the text gives no rate.
    """
    count, rate = 1.0, 0.0
    if found := re.search(r"(\d+)\s*[x*]\s*([^,;]{0,40}?)(\d+)\s*gb", wire):
        count, rate = float(found.group(1)), float(found.group(3))
    elif found := re.search(r"(\d+)\s*gb(?:ps|/s)", wire):
        rate = float(found.group(1))
    if rate < 100.0 or "ethernet" in wire or "storage" in wire or "management" in wire:
        return 0.0
    per_device = "per gpu" in wire
    return rate * 1e9 / 8.0 * (1.0 if per_device else count / node)


def recompute_of(row: RunRow, default: float) -> float:
    """Recompute code by the column's text; ``default`` where it is blank."""
    text = row.text("recompute").lower()
    found = next((code for word, code in _RECOMPUTE.items() if text.startswith(word)), None)
    if found is not None:
        return found
    return 1.0 if "selective" in text else default


def sequence_parallel_of(text: str, default: float) -> float:
    """1 where the text speaks of sequence parallelism, else what the stack does."""
    if ("sequence parallel" in text and "no sequence" not in text) or re.search(r"sel\w* ?\+ ?sp|selsp", text):
        return 1.0
    return default


def sharding_of(row: RunRow, default: float, node: float) -> tuple[float, float]:
    """(ZeRO stage, devices that share the shards or 0 for all) by the sharding column's text."""
    sharding = row.text("sharding")
    zero = zero_of(sharding, default) if sharding else default
    if group := re.search(r"(?:shard |fsdp2? |zero1\(dp)(\d+)", sharding.lower()):
        return zero, float(group.group(1))
    return zero, node if zero == 3.0 and "hsdp" in sharding.lower() else 0.0
