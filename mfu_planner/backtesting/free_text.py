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


def stack_of(text: str, row: RunRow, accelerator: Accelerator) -> str:
    """The software stack by the words of a row's sources, of the time that its device and date name; where no word
    tells, what its layout says: tensor or pipeline parallelism is Megatron's, else the generic stack.  Nothing but JAX
    is on TPUs."""
    rules = calibration()["rules"]
    kind = generation(accelerator.id)
    known = [r for r in rules["stacks"] if kind in r.get("generations", (kind,))]
    found = _first(known, "stack", text)
    if row.text("hw_key").startswith("tpu"):
        return "jax-tpu"
    if found is None and any((row.number(name) or 1.0) > 1 for name in ("tp", "pp")) and "fsdp" not in text:
        found = "megatron"
    if found != "megatron":
        return found or "generic"
    by_time: dict[str, dict[str, str]] = rules["megatron_stacks"]
    return next((s[kind] for since, s in by_time.items() if kind in s and row.text("source_date") >= since), "generic")


@lru_cache(maxsize=512)
def device_of(key: str) -> Accelerator:
    """The catalogue's device for a ``hw_key``."""
    from mfu_planner.hardware import resolve

    return resolve(key)


_FORMATS = (
    ("fp4", r"fp4"),
    ("fp8", r"fp8|float8"),
    ("tf32", r"tf32"),
    ("bf16", r"bf16|bfloat16"),
    ("fp16", r"fp16|float16|half"),
    ("fp32", r"fp32|float32"),
)
"""Number format and what a text calls it; the narrowest that is named is what the products run in."""
_NEAREST = {"fp4": ("fp8", "bf16", "fp16"), "fp8": ("bf16", "fp16"), "bf16": ("fp16",), "fp16": ("bf16",)}
"""What a run takes that names a format which its device does not have; no run is read in a faster one."""


def format_of(row: RunRow, accelerator: Accelerator) -> str:
    """The number format of the products by the dtype's text; fp32 is TF32 where the row's notes say so.

    Raises
    ------
    Unusable
        The device has no rate in it, nor in a wider one of its kind.
    """
    text = row.text("dtype").lower()
    named = next((name for name, words in _FORMATS if re.search(words, text)), None)
    if named is None:
        named = "fp8" if not text and row.text("kind").startswith("mlperf") else "bf16"
    if named == "fp32" and "tf32" in row.text("notes").lower() and "tf32" in accelerator.peak:
        named = "tf32"
    for name in (named, *_NEAREST.get(named, ())):
        if name in accelerator.peak:
            return name
    raise Unusable(f"no rate of {named} products is known for {accelerator.id}")


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
    wire = row.text("interconnect")
    found = _first(rules["fabrics"], "fabric", wire.lower()) or _first(rules["fabrics"], "fabric", text)
    name = found or rules["default_fabrics"][_network_generation(accelerator.id)]
    return name, nic_share(wire, row.number("gpus_per_node") or node_devices())


def _network_generation(device: str) -> str:
    found = generation(device)
    return found if found in calibration()["rules"]["default_fabrics"] else "other"


_RATE = re.compile(r"(?:(\d+)\s*[x*]\s*([^,;]{0,40}?))?(\d+(?:\.\d+)?)\s*G(B/s|b|bps)", re.I)
"""A count of interfaces (8x …), then a rate: ``GB/s`` with a capital B is bytes, all else bits."""
_NOT_THE_NETWORK = re.compile(
    r"ethernet|storage|management|for ns|nvlink|nvswitch|pcie|infinity fabric|aggregated", re.I
)
"""What a clause is about that is not the network of the computation."""
_SLOWEST = 100e9 / 8.0
"""An interface below this belongs to no network that was built for training [byte/s]."""


def nic_share(wire: str, node: float) -> float:
    """One device's share of the network from text such as ``8x200Gbps HDR``, ``400 Gb/s per GPU``, ``8x50 GB/s``,
    ``1600 Gbps/node`` [byte/s].

    Of several clauses the fastest; those about storage, management, Ethernet, PCIe or the links inside a node are
    passed over, and 0 is what is left where no other gives a rate.
    """
    shares = [0.0]
    for clause in re.split(r"[,;+&]| and ", wire):
        if _NOT_THE_NETWORK.search(clause) or not (found := _RATE.search(clause)):
            continue
        count, _, rate, unit = found.groups()
        each = float(rate) * 1e9 / (1.0 if unit == "B/s" else 8.0)
        whole_node = not re.search(r"per (?:gpu|device|chip)", clause, re.I)
        if each >= _SLOWEST:
            shares.append(each * float(count or 1) / node if whole_node else each)
    return max(shares)


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
