"""One published run read as a layout: every blank or free-text field by a stated rule."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mfu_planner.backtesting.shapes import architecture_of
from mfu_planner.errors import InputError
from mfu_planner.layout.calibrated import calibration, generation
from mfu_planner.layout.work import model_work

if TYPE_CHECKING:
    from mfu_planner.architectures import Architecture
    from mfu_planner.backtesting.runs import Run
    from mfu_planner.hardware import Accelerator

RULES = (
    "model: built from hidden, layers, heads, kv_heads (blank = heads), head_dim (blank = hidden ÷ heads), ffn and "
    "vocab (blank = the preset of the model's name where hidden and layers agree, else from the stated parameters "
    "(ffn: or those in the name), else 4 × hidden and 50,304), tied; gated feed-forward by the model's "
    "name, else where ffn < 3.9 × hidden; `top-k of n` in arch_notes makes n experts of that ffn; dimensions blank = "
    "that preset; a benchmark of one layer has no head",
    "hardware: hw_key (blank = hardware) resolved in the catalogue; counts said to be chips where the device is a core "
    "are multiplied; num_devices blank = tp·pp·cp·dp; seq_len blank = tokens ÷ sequences of the batch",
    "dtype: fp4, fp8/float8 or 16 bits by its text; blank = bf16, but fp8 in MLPerf logs on Hopper and later",
    "vpp, cp, ep: blank = 1 (ep: as far as devices and experts allow where the text names DeepEP); tp and pp: blank = "
    "what the stated dp leaves of the devices, else 1; "
    "dp = devices ÷ (tp·pp·cp) (a stated dp that contradicts the rest is not used)",
    "tp, pp and sharding all blank (and a stack that does not shard weights): one device where 18 byte per "
    "parameter take at most 60% of its memory, else tp 8 and the fewest stages (1.5 byte where only adapters are "
    "trained); vpp blank where the notes say interleaved, and in MLPerf logs: two layers a chunk; a batch smaller "
    "than dp (and cp blank, or adapters): cp = dp ÷ batch",
    "global batch: sequences, else tokens ÷ seq_len, else from step time × rate, else micro_batch × dp × grad_accum",
    "micro_batch: blank = global batch ÷ (dp · grad_accum) where accumulation is stated, else 1 (JAX: the whole "
    "batch; models below 2B: 16,384 tokens); with pipeline stages a local batch larger than the global batch allows "
    "is cut into single sequences",
    "sharding: read from its text; blank = what the software stack does by default",
    "recompute: full, selective (any kind), none; blank = what the software stack does by default",
    "sequence parallelism: what the stack does by default with tp > 1; 2022 Megatron rows only where the notes say so",
    "compile: yes where the column says yes or the stack always compiles",
    "software stack and network: first rule of calibration/rules.yaml whose words occur in the row's text",
    "scale-up domain: gpus_per_node; on NVL72 systems 72, limited to the job's devices",
    "adapters only (no weight gradients) where kind or notes say LoRA",
    "published step time: step_time_s, else global batch ÷ (tokens/s per device · devices), else from the reported "
    "TFLOP/s or MFU by the convention of its source (published_runs/sources.yaml)",
)

USUAL_BYTES, SHARDED_BYTES, FROZEN_BYTES, USUAL_SHARE = 18.0, 7.0, 1.5, 0.6
"""Mixed-precision Adam's bytes per parameter (Rajbhandari et al. 2020, arXiv:1910.02054) and how much of
memory they may take."""

USUAL_TENSOR = 8.0
"""Tensor parallelism of usual layouts that need any: a node."""

SMALL_PARAMETERS, SMALL_TOKENS = 2e9, 16384
"""Below so many parameters a blank micro-batch is taken to hold so many tokens, not one sequence."""

_RECOMPUTE = {"full": 2.0, "custom": 1.0, "minimal": 1.0, "none": 0.0, "gelu": 0.0}


@dataclass(frozen=True)
class Case:
    """A row as numbers for the step-time and memory models."""

    id: str
    architecture: Architecture
    accelerator: Accelerator
    dtype: str
    stack: str
    fabric: str
    nic_bytes_per_s: float
    node: float
    devices: float
    seq_len: float
    global_batch: float
    tp: float
    pp: float
    vpp: float
    cp: float
    ep: float
    dp: float
    micro_batch: float
    micro_batches: float
    zero: float
    zero_group: float
    sequence_parallel: float
    recompute: float
    compiled: float
    offload: float
    adapters: float
    layer_only: bool


class Skipped(Exception):
    """The row cannot be predicted; the text says why."""


def text_of(row: Run) -> str:
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


def stack_of(text: str, row: Run) -> str:
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


def format_of(row: Run, accelerator: Accelerator) -> str:
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
    raise Skipped(f"no matrix rate is known for {accelerator.id}")


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


def network_of(text: str, row: Run, accelerator: Accelerator) -> tuple[str, float]:
    """(fabric, one device's share of its node's interfaces in byte/s, 0 when the text says nothing)."""
    rules = calibration()["rules"]
    wire = row.text("interconnect").lower()
    found = _first(rules["fabrics"], "fabric", wire) or _first(rules["fabrics"], "fabric", text)
    name = found or rules["default_fabrics"][_network_generation(accelerator.id)]
    return name, nic_share(wire, row.number("gpus_per_node") or 8.0)


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


def read_case(row: Run) -> Case:
    """The layout of a row.

    Raises
    ------
    Skipped
        With the reason, where the row does not say enough.
    """
    architecture = model_of_row(row)
    devices = row.number("num_devices") or _from_layout(row)
    if devices is None:
        raise Skipped("the number of devices is not stated")
    try:
        accelerator = device_of(row.text("hw_key") or row.text("hardware"))
    except InputError as error:
        raise Skipped(str(error)) from None
    tokens, sequences = row.number("global_batch_tokens"), row.number("global_batch_seqs")
    seq_len = row.number("seq_len") or (tokens / sequences if tokens and sequences else None)
    if seq_len is None:
        raise Skipped("the sequence length is not stated")
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


def left_over(row: Run, devices: float, tp: float, pp: float, cp: float) -> tuple[float, float]:
    """(tp, pp), where blank, so that tp·pp·cp·dp = devices with the stated dp; the rest of what is blank is 1."""
    dp = row.number("dp")
    if dp is None or devices % (tp * pp * cp * dp):
        return tp, pp
    rest = devices / (tp * pp * cp * dp)
    if not row.text("pp") and row.text("tp"):
        return tp, rest * pp
    if not row.text("tp") and (row.text("pp") or rest <= USUAL_TENSOR):
        return rest * tp, pp
    if not row.text("tp") and rest % USUAL_TENSOR == 0:
        return USUAL_TENSOR, rest / USUAL_TENSOR
    return tp, pp


def _layout(
    row: Run, text: str, architecture: Architecture, accelerator: Accelerator, devices: float, seq_len: float
) -> Case:
    stack = stack_of(text, row)
    defaults = {**calibration()["stacks"]["generic"]["constants"], **calibration()["stacks"][stack]["constants"]}
    tp, pp, vpp, cp, ep = (row.number(name) or 1.0 for name in ("tp", "pp", "vpp", "cp", "ep"))
    kind = row.text("kind")
    adapters = 1.0 if "lora" in text else 0.0
    given = [row.text(name) for name in ("tp", "pp", "sharding") if row.text(name) != "PTD-P"]
    tp, pp = left_over(row, devices, tp, pp, cp)
    if tp * pp == 1 and float(defaults["zero_stage"]) < 3 and not any(given):
        tp, pp = usual_layout(
            architecture.params,
            devices / cp,
            accelerator.memory_bytes or 8e10,
            FROZEN_BYTES if adapters else SHARDED_BYTES if defaults["zero_stage"] else USUAL_BYTES,
        )
    if pp > 1 and not row.text("vpp") and ("interleaved" in text or kind.startswith("mlperf")):
        vpp = max(1.0, round(architecture.layers / (2 * pp)))
    layer_only = kind == "layer_microbench"
    if layer_only:
        devices = tp
    dp = devices / (tp * pp * cp)
    whole_batch = row.number("global_batch_seqs")
    if whole_batch and whole_batch < dp and not (row.text("cp") and adapters == 0) and dp % whole_batch == 0:
        cp, dp = cp * dp / whole_batch, whole_batch
    if dp < 1 or abs(dp - round(dp)) > 1e-6:
        raise Skipped(f"tp·pp·cp = {tp * pp * cp:g} does not divide {devices:g} devices")
    if not row.text("ep") and "deepep" in text:
        ep = float(math.gcd(round(dp), most_experts(architecture)))
    micro, batch, count = batches(
        row, seq_len, devices, dp, pp, bool(defaults.get("whole_batch")), architecture.params < SMALL_PARAMETERS
    )
    sharding = row.text("sharding")
    zero = zero_of(sharding, float(defaults["zero_stage"])) if sharding else float(defaults["zero_stage"])
    shards = 0.0
    group = re.search(r"(?:shard |fsdp2? |zero1\(dp)(\d+)", sharding.lower())
    recompute_text = row.text("recompute").lower()
    recompute = next((code for word, code in _RECOMPUTE.items() if recompute_text.startswith(word)), None)
    if recompute is None:
        recompute = 1.0 if "selective" in recompute_text else float(defaults["recompute"])
    spread = float(defaults["sequence_parallel"])
    if ("sequence parallel" in text and "no sequence" not in text) or re.search(r"sel\w* ?\+ ?sp|selsp", text):
        spread = 1.0
    fabric, nic = network_of(text, row, accelerator)
    node = row.number("gpus_per_node") or 8.0
    if zero == 3.0 and "hsdp" in sharding.lower() and not group:
        shards = node
    if accelerator.scale_up and accelerator.scale_up.domain > 8:
        node = float(accelerator.scale_up.domain)
    compiled = row.text("compile").lower().startswith("y") or bool(defaults.get("always_compiled"))
    return Case(
        row.id,
        architecture,
        accelerator,
        format_of(row, accelerator),
        stack,
        fabric,
        nic,
        node,
        devices,
        seq_len,
        batch,
        tp,
        pp,
        vpp,
        cp,
        ep,
        dp,
        micro,
        count,
        zero,
        float(group.group(1)) if group else shards,
        spread if tp > 1 else 0.0,
        recompute,
        float(compiled),
        1.0 if "offload" in text and "false" not in text else 0.0,
        adapters,
        layer_only,
    )


def usual_layout(params: float, devices: float, memory_bytes: float, per_parameter: float) -> tuple[float, float]:
    """(tp, pp) of a usual Megatron layout: one device where the states fit, else TP 8 and the fewest stages.

    ``per_parameter``: bytes of weights, gradients and optimizer states that a device holds per parameter.
    """
    held = per_parameter * params
    if held < USUAL_SHARE * memory_bytes or devices < 8:
        return 1.0, 1.0
    pp = 1.0
    while held / (8.0 * pp) > USUAL_SHARE * memory_bytes and devices % (16.0 * pp) == 0:
        pp *= 2.0
    return (8.0, pp) if devices % (8.0 * pp) == 0 else (1.0, 1.0)


def batches(
    row: Run, seq_len: float, devices: float, dp: float, pp: float, whole: bool, small: bool = False
) -> tuple[float, float, float]:
    """(micro-batch, global batch, micro-batches per pipeline) in sequences."""
    batch = row.number("global_batch_seqs")
    tokens = row.number("global_batch_tokens")
    if batch is None and tokens is not None:
        batch = tokens / seq_len
    accumulated, micro = row.number("grad_accum"), row.number("micro_batch")
    seconds, rate = row.number("step_time_s"), row.number("tokens_per_s_per_device")
    if batch is None and seconds and rate:
        batch = float(max(1, round(seconds * rate * (row.number("num_devices") or devices) / seq_len)))
    if batch is None and accumulated is None and pp > 1:
        raise Skipped("the batch is not stated: with pipeline stages the step cannot be told without it")
    if batch is None:
        batch = (micro or 1.0) * dp * (accumulated or 1.0)
    per_pipeline = batch / dp
    if micro is None:
        one = per_pipeline if whole else max(1.0, SMALL_TOKENS // seq_len) if small else 1.0
        micro = per_pipeline / accumulated if accumulated else min(one, per_pipeline)
    if micro >= per_pipeline and pp > 1:
        micro = 1.0 if per_pipeline >= 1 else per_pipeline
    micro = min(micro, per_pipeline)
    return micro, batch, max(1.0, math.ceil(per_pipeline / micro - 0.02))


def published_step_time(row: Run, case: Case) -> float | None:
    """Seconds per step that the source states or implies; None where it gives no time and no rate."""
    seconds, rate = row.number("step_time_s"), row.number("tokens_per_s_per_device")
    if seconds is not None:
        return seconds
    tokens = case.global_batch * case.seq_len
    if rate is not None:
        return tokens / (rate * (row.number("num_devices") or case.devices))
    return _from_flops(row, case, tokens)


def _from_flops(row: Run, case: Case, tokens: float) -> float | None:
    """Step time from a printed TFLOP/s, MFU or HFU by the convention of its source."""
    from mfu_planner.backtesting.mfu import _recompute, flops_per_token, peak_tflops, published_percent, stated_params
    from mfu_planner.backtesting.models import Unusable
    from mfu_planner.backtesting.sources import load_sources, rule_of
    from mfu_planner.counting.conventions import convention

    if not any(row.number(name) for name in ("tflops_per_device_reported", "mfu_reported", "hfu_reported")):
        return None
    rule, _ = rule_of(row, load_sources())
    if rule is None or rule.convention is None:
        return None
    try:
        peak, _ = peak_tflops(row, rule)
    except Unusable:
        return None
    chosen = convention(rule.convention, **rule.switches)
    per_token = flops_per_token(
        chosen,
        case.architecture,
        int(case.seq_len),
        stated=stated_params(row, rule),
        tensor_parallel=int(case.tp),
        recompute=_recompute(row, rule),
    )
    percent, _ = published_percent(row, peak)
    return per_token * tokens / (percent / 100.0 * peak * 1e12 * (row.number("num_devices") or case.devices))


def model_of_row(row: Run) -> Architecture:
    """The model of the columns; the preset of its name where no size is stated, or ffn or vocab is blank and the
    preset has the stated hidden size and layers.

    Raises
    ------
    Skipped
        Neither sizes nor a preset of that name.
    """
    built = architecture_of(row)
    if built is None:
        return preset_of(row)
    if (row.text("ffn") and row.text("vocab")) or row.text("kind") == "layer_microbench":
        return built
    try:
        named = preset_of(replace(row, cells={**row.cells, "hidden": ""}))
    except Skipped:
        return built
    return named if (named.hidden, named.layers) == (built.hidden, built.layers) else built


def preset_of(row: Run) -> Architecture:
    """The preset of the model's name, for rows without dimensions.

    Raises
    ------
    Skipped
        No dimensions and no preset of that name.
    """
    from mfu_planner.backtesting.models import Unusable, model_of
    from mfu_planner.backtesting.sources import Rule, load_sources

    try:
        return model_of(row, load_sources(), Rule(convention=None, why="")).architecture
    except Unusable as reason:
        raise Skipped(str(reason)) from None


def stated_memory(row: Run) -> float | None:
    """Peak memory that the source states [byte]; allocator figures are GiB, whatever unit is printed beside them.

    None where blank.  Every source on file prints what ``torch.cuda`` or ``nvidia-smi`` counts in units of 2^30 byte.
    """
    value = row.number("mem_gb_reported")
    return None if value is None else value * 2.0**30
