"""A published run as a question: every blank or free-text field by a stated rule."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mfu_planner.backtesting.blanks import ROUNDED, batches, left_over, usual_layout
from mfu_planner.backtesting.case import RowCase
from mfu_planner.backtesting.free_text import (
    device_of,
    format_of,
    network_of,
    recompute_of,
    sequence_parallel_of,
    sharding_of,
    stack_of,
    text_of,
)
from mfu_planner.backtesting.row_model import model_of
from mfu_planner.backtesting.runs import ADAPTERS, Unusable
from mfu_planner.errors import InputError
from mfu_planner.machine.calibrated import calibration
from mfu_planner.machine.own_machine import read_machine
from mfu_planner.machine.toolbox import node_devices
from mfu_planner.operators.layout import RECOMPUTE_CODES
from mfu_planner.questions.request import read_request
from mfu_planner.step.case import division_of

if TYPE_CHECKING:
    from mfu_planner.architectures import Architecture
    from mfu_planner.backtesting.runs import RunRow
    from mfu_planner.hardware import Accelerator
    from mfu_planner.questions.model import Model


_GENERATES = re.compile(r"^rl(?![a-z])|reinforcement|rollout|(?<![a-z])(?:grpo|ppo)(?![a-z])", re.I)
"""Rows whose step is generation, scoring and an update together."""
_RECOMPUTE = {code: name for name, code in RECOMPUTE_CODES.items()}


def question_of(row: RunRow, machine: Any = None) -> dict[str, Any]:
    """The flags with which a user asks ``predict`` or ``memory`` for this row; blanks by the stated rules.

    ``machine``: the user's own machine file, whose device the row ran on.

    Raises
    ------
    Unusable
        With the reason, where the row does not say enough, or says what no question can.
    """
    if _GENERATES.search(f"{row.text('kind')} {row.text('notes')}"):
        raise Unusable("a step of reinforcement learning generates text too: it is no training step")
    model = model_of(row)
    devices = row.number("num_devices") or _from_layout(row)
    if devices is None:
        raise Unusable("the number of devices is not stated")
    try:
        accelerator = _device(row) if machine is None else read_machine(machine).accelerator
    except InputError as error:
        raise Unusable(str(error)) from None
    tokens, sequences = row.number("global_batch_tokens"), row.number("global_batch_seqs")
    seq_len = row.number("seq_len") or (tokens / sequences if tokens and sequences else None)
    if not model.architecture.has_text:
        seq_len = float(model.architecture.fixed_length or 1)
    if seq_len is None:
        raise Unusable("the sequence length is not stated")
    text = text_of(row)
    per_package = accelerator.devices_per_package
    if per_package > 1 and "per-chip" in text:
        devices *= per_package
    return {**model.flags, **_layout(row, text, model.model, accelerator, devices, seq_len)}


def read_case(row: RunRow, *, default_stack: bool = False, **own: Any) -> RowCase:
    """The row's question, resolved as ``predict`` resolves it; ``default_stack``: asked without naming the stack;
    ``own``: the user's own stack or machine file in place of the row's.

    Raises
    ------
    Unusable
        As :func:`question_of`, or the question is refused.
    """
    flags = question_of(row, own.get("machine"))
    if default_stack:
        flags = {name: value for name, value in flags.items() if name != "stack"}
    flags |= {name: value for name, value in own.items() if value is not None}
    try:
        return RowCase(id=row.id, flags=flags, request=read_request(**flags))
    except InputError as error:
        raise Unusable(str(error)) from None


def _device(row: RunRow) -> Accelerator:
    return device_of(row.text("hw_key") or row.text("hardware"))


def _from_layout(row: RunRow) -> float | None:
    """Devices of a row that states only its layout."""
    dp = row.number("dp")
    return None if dp is None else dp * math.prod(row.number(name) or 1.0 for name in ("tp", "pp", "cp"))


def architecture_of(model: Model) -> Architecture:
    """What a row's model builds."""
    assert model.architecture is not None
    return model.architecture


def most_experts(architecture: Architecture) -> int:
    """Routed experts of a layer, 1 where none are routed."""
    return max(1, division_of(architecture).experts)


@dataclass(frozen=True, kw_only=True)
class _Degrees:
    """How the devices of a row are split."""

    devices: float
    tp: float
    pp: float
    vpp: float
    cp: float
    ep: float
    dp: float


def _layout(
    row: RunRow, text: str, model: Model, accelerator: Accelerator, devices: float, seq_len: float
) -> dict[str, Any]:
    stack = stack_of(text, row, accelerator)
    stacks, rules = calibration()["stacks"], calibration()["rules"]
    defaults = {**stacks["generic"]["constants"], **stacks[stack]["constants"]}
    degrees = _degrees(row, text, model, accelerator, devices, defaults)
    fill = _filling(model, rules["small_model"])
    micro, batch, count = batches(
        row, seq_len, degrees.devices, degrees.dp, degrees.pp, bool(defaults["whole_batch"]), fill
    )
    fabric, nic = network_of(text, row, accelerator)
    node = row.number("gpus_per_node") or node_devices()
    zero, shards = sharding_of(row, float(defaults["zero_stage"]), node)
    if accelerator.scale_up and accelerator.scale_up.domain > node_devices():
        node = float(accelerator.scale_up.domain)
    spread = sequence_parallel_of(text, float(defaults["sequence_parallel"])) if degrees.tp > 1 else 0.0
    asked = {
        "hardware": accelerator.id,
        "dtype": format_of(row, accelerator),
        "stack": stack,
        "fabric": fabric,
        "nic": nic or None,
        "devices_per_node": node,
        **vars(degrees),
        "seq_len": float(round(seq_len)),
        "micro_batch": micro,
        "global_batch": count * micro * degrees.dp,
        "zero": zero,
        "zero_group": shards or None,
        "sequence_parallel": bool(spread),
        "recompute": _RECOMPUTE[round(recompute_of(row, float(defaults["recompute"])))],
        "compile": row.text("compile").lower().startswith("y") or None,
        "offload": ("offload" in text and "false" not in text) or None,
        "packed": _packed(row, text, round(seq_len)),
        "lora_rank": rules["usual_adapter"]["rank"] if ADAPTERS.search(text) else None,
        **_pure_16_bit(text, devices),
    }
    if abs(asked["global_batch"] / batch - 1) > ROUNDED:
        raise Unusable(f"a batch of {batch:g} sequences is no whole number of micro-batches of {micro:g} a device")
    return {name: _whole(name, value) for name, value in asked.items() if value is not None}


def _filling(model: Model, small: dict[str, Any]) -> float:
    """Tokens with which a small model fills a device, fewer where a larger vocabulary makes as many logits of them."""
    if model.params >= small["parameters"]:
        return 0.0
    return float(small["tokens"]) * min(1.0, float(small["vocab"]) / max(1, architecture_of(model).vocab))


def _packed(row: RunRow, text: str, seq_len: int) -> dict[int, int] | None:
    """Documents of one sequence where a fine-tuning benchmark packs short examples; None: one document."""
    rule = calibration()["rules"]["packed_examples"]
    if row.purpose == "pretraining" or not any(word in text for word in rule["any"]) or seq_len <= rule["tokens"]:
        return None
    return {rule["tokens"]: seq_len // rule["tokens"]}


def _pure_16_bit(text: str, devices: float) -> dict[str, Any]:
    """Optimizer of software that keeps no 32-bit weight; nothing for other software."""
    adapters = bool(ADAPTERS.search(text))
    for rule in calibration()["rules"]["pure_16_bit"]:
        ours = devices <= rule.get("most_devices", devices) and adapters == rule.get("adapters", adapters)
        if ours and any(word in text for word in rule["any"]):
            return {"optimizer": rule["optimizer"], "optimizer_in_backward": rule.get("in_backward")}
    return {}


def _whole(name: str, value: Any) -> Any:
    """A count as the whole number that it is."""
    if not isinstance(value, float) or name == "nic":
        return value
    if not value.is_integer():
        raise Unusable(f"{name.replace('_', ' ')} of {value:g}: no question can ask for a part of one")
    return int(value)


def _degrees(
    row: RunRow, text: str, model: Model, accelerator: Accelerator, devices: float, defaults: dict[str, Any]
) -> _Degrees:
    """The degrees that the row states, the rest by the rules of :data:`mfu_planner.backtesting.rules.RULES`."""
    tp, pp, vpp, cp, ep = (row.number(name) or 1.0 for name in ("tp", "pp", "vpp", "cp", "ep"))
    kind = row.text("kind")
    given = [row.text(name) for name in ("tp", "pp", "sharding") if row.text(name) != "PTD-P"]
    tp, pp = left_over(row, devices, tp, pp, cp)
    if tp * pp == 1 and float(defaults["zero_stage"]) < 3 and not any(given):
        tp, pp = _usual(model, accelerator, devices / cp, bool(ADAPTERS.search(text)), bool(defaults["zero_stage"]))
    if pp > 1 and not row.text("vpp") and ("interleaved" in text or kind.startswith("mlperf")):
        vpp = max(1.0, round(architecture_of(model).layers / (2 * pp)))
    dp = devices / (tp * pp * cp)
    batch = row.number("global_batch_seqs")
    if batch and batch < dp and (bool(ADAPTERS.search(text)) or not row.text("cp")) and dp % batch == 0:
        cp, dp = cp * dp / batch, batch
    if dp < 1 or not dp.is_integer():
        raise Unusable(f"tp·pp·cp = {tp * pp * cp:g} does not divide {devices:g} devices")
    if not row.text("ep") and "deepep" in text:
        ep = float(math.gcd(round(dp), most_experts(architecture_of(model))))
    return _Degrees(devices=devices, tp=tp, pp=pp, vpp=vpp, cp=cp, ep=ep, dp=dp)


def _usual(
    model: Model, accelerator: Accelerator, devices: float, adapters: bool, sharded: bool
) -> tuple[float, float]:
    """(tp, pp) where a row states neither.

    Raises
    ------
    Unusable
        The device's memory is not known: nothing says what fits.
    """
    if not accelerator.memory_nominal_bytes:
        raise Unusable(f"tp and pp are not stated, and the memory of {accelerator.id} is not known")
    states = calibration()["rules"]["usual_layout"]["state_bytes"]
    each = states["frozen" if adapters else "sharded" if sharded else "whole"]
    return usual_layout(model.params, devices, accelerator.memory_nominal_bytes, each)
