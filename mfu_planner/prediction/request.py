"""What a prediction is asked about: the flags of the command line read into a model, a machine and a layout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mfu_planner.errors import InputError, nearest
from mfu_planner.prediction.flags import batch_of, imbalance_of, loader_rate, recompute_share, whole, whole_zero
from mfu_planner.prediction.layout import RECOMPUTE_CODES, Layout
from mfu_planner.prediction.toolbox import default_stack, tools

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
    "expert_imbalance",
    "loader_tokens_per_s",
)
"""Every flag that a layout question takes."""


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
    loader_tokens_per_s: float | None = None
    """Tokens per second that the input pipeline delivers, None for always enough."""


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
        imbalance=imbalance_of(given.get("expert_imbalance")),
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
        "expert_imbalance": layout.imbalance,
        "loader_tokens_per_s": given.get("loader_tokens_per_s"),
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
        loader_rate(given.get("loader_tokens_per_s")),
    )
