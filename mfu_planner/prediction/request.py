"""What a prediction is asked about: the flags of the command line read into a model, a machine and a layout."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mfu_planner.errors import InputError, nearest
from mfu_planner.prediction.calibrated import calibration, fabric, generation, machine, stack, stack_names
from mfu_planner.prediction.layout import RECOMPUTE_CODES, Layout

if TYPE_CHECKING:
    from mfu_planner.hardware import Accelerator
    from mfu_planner.model import Model
    from mfu_planner.prediction.constants import Machine, Stack

WHOLE = ("tp", "pp", "vpp", "cp", "ep", "dp", "micro_batch", "zero_group")
FLAGS = (
    "model",
    "config",
    "image_size",
    "seq_len",
    "hardware",
    "dtype",
    "devices",
    "cluster",
    "global_batch",
    *WHOLE,
    "zero",
    "sequence_parallel",
    "recompute",
    "recompute_share",
    "optimizer",
    "attention_kernel",
    "compile",
    "offload",
    "stack",
)
"""Every flag that a layout question takes."""

KERNELS = ("fused", "unfused")
ZERO_STAGES = (0, 1, 2, 3)


@dataclass(frozen=True)
class Request:
    """A question, resolved; every number that was not given has its default, and ``echo`` says all of them."""

    model: Model
    accelerator: Accelerator
    dtype: str
    devices: int
    seq_len: int
    global_batch: int
    layout: Layout
    machine: Machine
    stack: Stack
    optimizer: str
    echo: dict[str, Any]
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...]


def read_common(given: dict[str, Any]) -> tuple[Any, Model, Accelerator, int | None, list[str]]:
    """(scenario, model, accelerator, devices, warnings) out of the flags that every question has."""
    from mfu_planner.hardware import lookup
    from mfu_planner.model import choose_model
    from mfu_planner.scenario import scenario
    from mfu_planner.subject import _devices, choose_lengths

    unknown = [name for name in given if name not in FLAGS]
    if unknown:
        raise InputError(unknown[0], given[unknown[0]], "a known flag", nearest(unknown[0], FLAGS))
    asked = {
        n: given[n]
        for n in (
            "model",
            "config",
            "image_size",
            "seq_len",
            "hardware",
            "dtype",
            "devices",
            "global_batch",
            "recompute",
            "attention_kernel",
        )
        if given.get(n) is not None
    }
    cluster_name = given.get("cluster")
    if "hardware" not in asked and cluster_name is not None:
        from mfu_planner.hardware import cluster

        asked["hardware"] = cluster(str(cluster_name)).accelerator_id
    s = scenario(**asked)
    if s.hardware is None:
        raise InputError("hardware", "nothing", "--hardware NAME (`mfu-planner hardware` lists them) or --cluster NAME")
    model = choose_model(model=s.model, config=s.config, image_size=s.image_size)
    if model.architecture is None:
        raise InputError("model", model.name, "a model with an architecture: --model or --config")
    found = lookup(s.hardware)
    warnings = list(model.notes)
    sources: dict[str, str] = {}
    length, _ = (
        choose_lengths(s, model, "full", warnings, sources) if not model.architecture.uses_target else (s.seq_len, None)
    )
    if length is None:
        raise InputError("seq-len", "nothing", "a length such as --seq-len 4096")
    s = s.model_copy(update={"seq_len": length})
    return s, model, found.accelerator, _devices(s, found.accelerator), warnings


def whole(given: dict[str, Any], name: str, default: int | None = None) -> int | None:
    """A flag as a whole number of at least one."""
    value = given.get(name)
    if value is None:
        return default
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    from mfu_planner.units import parse_whole

    number: int = parse_whole(value, "count", field=name.replace("_", "-"))
    if number < 1:
        raise InputError(name.replace("_", "-"), value, "a whole number of at least 1")
    return number


def batch_of(s: Any, default: int | None = None) -> int:
    """Sequences of the global batch."""
    if s.global_batch is not None:
        return int(s.global_batch)
    if s.global_batch_tokens is not None:
        return max(1, int(round(s.global_batch_tokens / s.seq_len)))
    if default is not None:
        return default
    raise InputError("global-batch", "nothing", "sequences per step, such as --global-batch 1024, or '4M tokens'")


def read_request(**given: Any) -> Request:
    """Read the flags; contradictions are errors.

    Raises
    ------
    InputError
        Something unknown, missing, or that contradicts: tp·pp·cp·dp ≠ devices, ep that does not divide dp·cp,
        a global batch
        that dp·micro-batch does not divide, more stages than layers.
    """
    s, model, accelerator, devices, warnings = read_common(given)
    numbers = {name: whole(given, name) for name in WHOLE}
    tp, pp, vpp, cp, ep = (numbers[n] or 1 for n in ("tp", "pp", "vpp", "cp", "ep"))
    dp = numbers["dp"]
    if devices is None:
        if dp is None:
            raise InputError("devices", "nothing", "a number of devices, or --dp beside --tp, --pp and --cp")
        devices = tp * pp * cp * dp
    if devices % (tp * pp * cp):
        raise InputError("devices", devices, f"a multiple of tp · pp · cp = {tp * pp * cp}")
    if dp is not None and tp * pp * cp * dp != devices:
        raise InputError("dp", dp, f"devices ÷ (tp·pp·cp) = {devices} ÷ {tp * pp * cp} = {devices // (tp * pp * cp)}")
    dp = devices // (tp * pp * cp)
    if (dp * cp) % ep:
        raise InputError("ep", ep, f"a divisor of dp · cp = {dp * cp}")
    architecture = model.architecture
    assert architecture is not None
    if pp * vpp > architecture.layers:
        raise InputError("pp", f"{pp} stages × {vpp} chunks", f"at most {architecture.layers} layers")
    micro = numbers["micro_batch"] or 1
    batch = batch_of(s, dp * micro)
    if batch % (dp * micro):
        raise InputError("global-batch", batch, f"a multiple of dp · micro-batch = {dp * micro}")
    name = given.get("stack") or default_stack(accelerator.id)
    box, software, assumptions = tools(accelerator, s.dtype, name, given.get("cluster"), given.get("attention_kernel"))
    zero = given.get("zero")
    zero = int(software.zero_stage) if zero is None else whole_zero(zero)
    spread = given.get("sequence_parallel")
    spread = bool(tp > 1 and software.sequence_parallel) if spread is None else bool(spread)
    recompute = s.recompute or "none"
    optimizer = str(given.get("optimizer") or "adam")
    share = recompute_share(given.get("recompute_share"), recompute)
    layout = Layout(
        tp=float(tp),
        pp=float(pp),
        dp=float(dp),
        micro_batch=float(micro),
        micro_batches=float(batch // (dp * micro)),
        seq_len=float(s.seq_len),
        vpp=float(vpp),
        cp=float(cp),
        ep=float(ep),
        zero=float(zero),
        zero_group=float(numbers["zero_group"] or 0),
        sequence_parallel=float(spread),
        recompute=1.0 + share if share is not None else float(RECOMPUTE_CODES[recompute]),
        compiled=float(bool(given.get("compile"))),
        offload=float(bool(given.get("offload"))),
    )
    echo = {
        "model": model.id or model.name,
        "hardware": accelerator.id,
        "devices": devices,
        "dtype": s.dtype,
        "tp": tp,
        "pp": pp,
        "vpp": vpp,
        "cp": cp,
        "ep": ep,
        "dp": dp,
        "zero": zero,
        "zero_group": numbers["zero_group"],
        "sequence_parallel": spread,
        "micro_batch": micro,
        "global_batch": batch,
        "seq_len": s.seq_len,
        "recompute": recompute,
        "recompute_share": share,
        "optimizer": optimizer,
        "attention_kernel": "fused" if software.fused_attention else "unfused",
        "compile": bool(given.get("compile")),
        "offload": bool(given.get("offload")),
        "cluster": given.get("cluster"),
        "stack": name,
    }
    return Request(
        model,
        accelerator,
        s.dtype,
        devices,
        s.seq_len,
        batch,
        layout,
        box,
        software,
        optimizer,
        echo,
        tuple(assumptions),
        tuple(warnings),
    )


def recompute_share(value: Any, recompute: str) -> float | None:
    """Share of the layers that are recomputed in full: all of them unless said otherwise."""
    if recompute != "full":
        if value is not None:
            raise InputError("recompute-share", value, "nothing: it belongs to --recompute full")
        return None
    from mfu_planner.units import parse

    return 1.0 if value is None else parse(value, "fraction", field="recompute-share")


def whole_zero(value: Any) -> int:
    """ZeRO stage: 0, 1, 2 or 3."""
    try:
        stage = int(value)
    except (TypeError, ValueError):
        stage = -1
    if stage not in ZERO_STAGES:
        raise InputError("zero", value, "0, 1, 2 or 3")
    return stage


def default_stack(device: str) -> str:
    """The stack to assume on a device where none is named (``calibration/rules.yaml``)."""
    held: dict[str, str] = calibration()["rules"]["default_stacks"]
    return held.get(generation(device), held["other"])


def tools(
    accelerator: Accelerator, dtype: str, stack_name: str, cluster_name: Any, kernel: Any
) -> tuple[Machine, Stack, list[str]]:
    """(machine, stack, assumptions) for a device, a number format, a stack and a cluster."""
    box, software, said = _tools(
        accelerator.id, dtype, stack_name, None if cluster_name is None else str(cluster_name), kernel
    )
    return box, software, list(said)


@lru_cache(maxsize=256)
def _tools(
    device: str, dtype: str, stack_name: str, cluster_name: str | None, kernel: str | None
) -> tuple[Machine, Stack, tuple[str, ...]]:
    from mfu_planner.hardware import resolve

    accelerator = resolve(device)
    if stack_name not in stack_names():
        raise InputError("stack", stack_name, ", ".join(stack_names()), nearest(stack_name, stack_names()))
    network, node, said = place(accelerator, cluster_name)
    box = machine(accelerator, dtype, network, node)
    software = stack(stack_name, generation(accelerator.id), box.low_precision)
    if kernel is not None:
        if kernel not in KERNELS:
            raise InputError("attention-kernel", kernel, ", ".join(KERNELS), nearest(str(kernel), KERNELS))
        software = replace(software, fused_attention=1.0 if kernel == "fused" else 0.0)
    meaning = calibration()["stacks"][stack_name]["meaning"]
    return box, software, (*box.assumptions, f"software stack {stack_name}: {meaning}", *said)


def place(accelerator: Accelerator, cluster_name: Any) -> tuple[Any, float, list[str]]:
    """(fabric, devices of one scale-up domain, what was assumed) of a named cluster, or of the device's usual
    machine."""
    from mfu_planner.hardware import cluster, cluster_for

    rules = calibration()["rules"]
    found = cluster(str(cluster_name)) if cluster_name is not None else cluster_for(accelerator.id)
    if found is None:
        name = rules["default_fabrics"].get(generation(accelerator.id), rules["default_fabrics"]["other"])
        return (
            fabric(name),
            8.0,
            [f"nodes of 8 devices and network {name} assumed: no machine of {accelerator.id} is on file"],
        )
    if found.accelerator_id != accelerator.id:
        raise InputError(
            "cluster", found.id, f"a machine of {accelerator.id}; {found.id} is made of {found.accelerator_id}"
        )
    link = (found.scale_out_link or "").lower()
    name = next((r["fabric"] for r in rules["cluster_links"] if any(word in link for word in r["any"])), None)
    name = name or rules["default_fabrics"].get(generation(accelerator.id), rules["default_fabrics"]["other"])
    how = "given" if cluster_name is not None else "assumed"
    node = float(max(found.scale_up_domain, 1))
    return (
        fabric(name, found.scale_out_bytes_per_s),
        node,
        [f"cluster {found.id} ({how}): scale-up domain of {node:g} devices, network constants of {name}"],
    )
