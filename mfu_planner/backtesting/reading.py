"""Reading one published run as a layout: every blank or free-text field by a stated rule."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mfu_planner.backtesting.blanks import batches, left_over, usual_layout
from mfu_planner.backtesting.case import Case
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
from mfu_planner.backtesting.runs import Unusable
from mfu_planner.errors import InputError
from mfu_planner.layout.calibrated import calibration
from mfu_planner.layout.toolbox import node_devices
from mfu_planner.layout.work import model_work

if TYPE_CHECKING:
    from mfu_planner.architectures import Architecture
    from mfu_planner.backtesting.runs import Run
    from mfu_planner.hardware import Accelerator


def read_case(row: Run) -> Case:
    """The layout of a row.

    Raises
    ------
    Unusable
        With the reason, where the row does not say enough.
    """
    architecture = model_of(row).architecture
    devices = row.number("num_devices") or _from_layout(row)
    if devices is None:
        raise Unusable("the number of devices is not stated")
    try:
        accelerator = device_of(row.text("hw_key") or row.text("hardware"))
    except InputError as error:
        raise Unusable(str(error)) from None
    tokens, sequences = row.number("global_batch_tokens"), row.number("global_batch_seqs")
    seq_len = row.number("seq_len") or (tokens / sequences if tokens and sequences else None)
    if seq_len is None:
        raise Unusable("the sequence length is not stated")
    text = text_of(row)
    per_package = accelerator.devices_per_package
    if per_package > 1 and "per-chip" in text:
        devices *= per_package
    return _layout(row, text, architecture, accelerator, devices, seq_len)


def _from_layout(row: Run) -> float | None:
    """Devices of a row that states only its layout."""
    dp = row.number("dp")
    return None if dp is None else dp * math.prod(row.number(name) or 1.0 for name in ("tp", "pp", "cp"))


def most_experts(architecture: Architecture) -> int:
    """Routed experts of a layer, 1 where none are routed."""
    counts = [int(p.weights) for layer in model_work(architecture).layers for p in layer.products]
    return max(counts, default=1)


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
    row: Run, text: str, architecture: Architecture, accelerator: Accelerator, devices: float, seq_len: float
) -> Case:
    stack = stack_of(text, row)
    stacks, rules = calibration()["stacks"], calibration()["rules"]
    defaults = {**stacks["generic"]["constants"], **stacks[stack]["constants"]}
    degrees = _degrees(row, text, architecture, accelerator, devices, defaults)
    small = architecture.params < rules["small_model"]["parameters"]
    micro, batch, count = batches(
        row, seq_len, degrees.devices, degrees.dp, degrees.pp, bool(defaults["whole_batch"]), small
    )
    fabric, nic = network_of(text, row, accelerator)
    node = row.number("gpus_per_node") or node_devices()
    zero, shards = sharding_of(row, float(defaults["zero_stage"]), node)
    if accelerator.scale_up and accelerator.scale_up.domain > node_devices():
        node = float(accelerator.scale_up.domain)
    return Case(
        id=row.id,
        architecture=architecture,
        accelerator=accelerator,
        dtype=format_of(row, accelerator),
        stack=stack,
        fabric=fabric,
        nic_bytes_per_s=nic,
        node=node,
        devices=degrees.devices,
        seq_len=seq_len,
        global_batch=batch,
        tp=degrees.tp,
        pp=degrees.pp,
        vpp=degrees.vpp,
        cp=degrees.cp,
        ep=degrees.ep,
        dp=degrees.dp,
        micro_batch=micro,
        micro_batches=count,
        zero=zero,
        zero_group=shards,
        sequence_parallel=sequence_parallel_of(text, float(defaults["sequence_parallel"])) if degrees.tp > 1 else 0.0,
        recompute=recompute_of(row, float(defaults["recompute"])),
        compiled=float(row.text("compile").lower().startswith("y")),
        offload=1.0 if "offload" in text and "false" not in text else 0.0,
        adapters=_adapters(text),
    )


def _adapters(text: str) -> float:
    return 1.0 if "lora" in text else 0.0


def _degrees(
    row: Run, text: str, architecture: Architecture, accelerator: Accelerator, devices: float, defaults: dict[str, Any]
) -> _Degrees:
    """The degrees that the row states, the rest by the rules of :data:`mfu_planner.backtesting.rules.RULES`."""
    tp, pp, vpp, cp, ep = (row.number(name) or 1.0 for name in ("tp", "pp", "vpp", "cp", "ep"))
    kind = row.text("kind")
    given = [row.text(name) for name in ("tp", "pp", "sharding") if row.text(name) != "PTD-P"]
    tp, pp = left_over(row, devices, tp, pp, cp)
    if tp * pp == 1 and float(defaults["zero_stage"]) < 3 and not any(given):
        tp, pp = _usual(architecture, accelerator, devices / cp, bool(_adapters(text)), bool(defaults["zero_stage"]))
    if pp > 1 and not row.text("vpp") and ("interleaved" in text or kind.startswith("mlperf")):
        vpp = max(1.0, round(architecture.layers / (2 * pp)))
    dp = devices / (tp * pp * cp)
    batch = row.number("global_batch_seqs")
    if batch and batch < dp and (_adapters(text) or not row.text("cp")) and dp % batch == 0:
        cp, dp = cp * dp / batch, batch
    if dp < 1 or not dp.is_integer():
        raise Unusable(f"tp·pp·cp = {tp * pp * cp:g} does not divide {devices:g} devices")
    if not row.text("ep") and "deepep" in text:
        ep = float(math.gcd(round(dp), most_experts(architecture)))
    return _Degrees(devices=devices, tp=tp, pp=pp, vpp=vpp, cp=cp, ep=ep, dp=dp)


def _usual(
    architecture: Architecture, accelerator: Accelerator, devices: float, adapters: bool, sharded: bool
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
    return usual_layout(architecture.params, devices, accelerator.memory_nominal_bytes, each)
