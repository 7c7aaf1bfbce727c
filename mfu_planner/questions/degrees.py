"""The degrees and choices of a layout out of a question, checked against each other, and as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mfu_planner.errors import InputError
from mfu_planner.operators.layout import RECOMPUTE_CODES, Layout
from mfu_planner.questions.flags import recompute_share
from mfu_planner.questions.layouts import PredictQuestion
from mfu_planner.questions.question import asks
from mfu_planner.questions.stage_layers import StageLayers, read_stage_layers
from mfu_planner.step.schedules import SCHEDULES, read_schedule

if TYPE_CHECKING:
    from mfu_planner.machine.constants import Stack
    from mfu_planner.questions.layout_parts import LayoutPart

WHOLE = tuple(n for n, asked in asks(PredictQuestion).items() if asked.ask.searched and asked.ask.unit == "count")
"""Flags that are counts of a layout."""
_ENDS = 2
"""Embedding and head, which may have pipeline stages or chunks of their own."""


@dataclass(frozen=True, kw_only=True)
class Degrees(StageLayers):
    """Whole numbers of a layout, checked against each other."""

    devices: int
    tp: int
    pp: int
    vpp: int
    cp: int
    ep: int
    etp: int | None
    dp: int
    micro_batch: int
    zero_group: int | None


def read_degrees(s: LayoutPart, devices: int | None, layers: int) -> Degrees:
    """Degrees of parallelism out of the flags; the data-parallel one is what the others leave of the devices.

    Raises
    ------
    InputError
        tp·pp·cp·dp ≠ devices, ep (or ep·etp) that does not divide tp·dp·cp (experts are spread over tensor-parallel
        devices too), or more stages than layers.
    """
    numbers: dict[str, int | None] = {name: getattr(s, name) for name in WHOLE}
    tp, pp, vpp, cp, ep = (numbers[n] or 1 for n in ("tp", "pp", "vpp", "cp", "ep"))
    dp, product = numbers["dp"], tp * pp * cp
    if devices is None:
        if dp is None:
            raise InputError("devices", "nothing", "a number of devices, or --dp beside --tp, --pp and --cp")
        devices = product * dp
    if devices % product:
        raise InputError("devices", devices, f"a multiple of tp · pp · cp = {product}")
    if dp is not None and product * dp != devices:
        raise InputError("dp", dp, f"devices ÷ (tp·pp·cp) = {devices} ÷ {product} = {devices // product}")
    dp = devices // product
    if (tp * dp * cp) % ep:
        raise InputError("ep", ep, f"a divisor of tp · dp · cp = {tp * dp * cp}")
    if (tp * dp * cp) % (ep * (s.etp or 1)):
        folded = f"tp · dp · cp = {tp * dp * cp} is a multiple of etp · ep"
        reason = f"world_size ({devices}) is not divisible by expert_tensor_model_pipeline_parallel size"
        raise InputError("etp", s.etp, f"a degree of which {folded}; Megatron: {reason} ({(s.etp or 1) * ep * pp})")
    if pp * vpp > layers + _ENDS:
        raise InputError(
            "pp", f"{pp} stages × {vpp} chunks", f"at most {layers} layers, or {layers + _ENDS} with embedding and head"
        )
    return Degrees(
        **vars(read_stage_layers(s, pp, vpp, layers)),
        devices=devices,
        tp=tp,
        pp=pp,
        vpp=vpp,
        cp=cp,
        ep=ep,
        etp=s.etp,
        dp=dp,
        micro_batch=numbers["micro_batch"] or 1,
        zero_group=numbers["zero_group"],
    )


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What a layout chooses beside its degrees, defaults filled in."""

    zero: int
    sequence_parallel: bool
    recompute: str
    recompute_share: float | None
    optimizer: str
    optimizer_in_backward: bool
    gradient_dtype: str | None
    compile: bool
    offload: bool
    expert_imbalance: float
    schedule: str


def read_choices(s: LayoutPart, degrees: Degrees, micro_batches: int, stack: Stack) -> Choices:
    """The choices of a question; what is blank is what the stack does."""
    recompute = s.recompute or "none"
    spread = s.sequence_parallel
    return Choices(
        zero=int(stack.zero_stage) if s.zero is None else s.zero,
        sequence_parallel=bool(degrees.tp > 1 and stack.sequence_parallel) if spread is None else spread,
        recompute=recompute,
        recompute_share=recompute_share(s.recompute_share, recompute),
        optimizer=s.optimizer or "adam",
        optimizer_in_backward=_in_backward(s, micro_batches),
        gradient_dtype=s.gradient_dtype,
        compile=bool(s.compile),
        offload=bool(s.offload),
        expert_imbalance=1.0 if s.expert_imbalance is None else s.expert_imbalance,
        schedule=read_schedule(s.schedule, degrees.pp, degrees.vpp, micro_batches),
    )


def _in_backward(s: LayoutPart, micro_batches: int) -> bool:
    """Whether the optimizer steps within the backward pass, which leaves no gradients to accumulate."""
    if s.optimizer_in_backward and micro_batches > 1:
        raise InputError(
            "optimizer-in-backward",
            f"{micro_batches} micro-batches",
            "1: gradients that are used and freed at once cannot be added up; a larger --micro-batch",
        )
    return bool(s.optimizer_in_backward)


def layout_of(degrees: Degrees, choices: Choices, batch: int) -> Layout:
    """The layout as numbers."""
    share = choices.recompute_share
    return Layout(
        tp=float(degrees.tp),
        pp=float(degrees.pp),
        dp=float(degrees.dp),
        micro_batch=float(degrees.micro_batch),
        micro_batches=float(batch // (degrees.dp * degrees.micro_batch)),
        vpp=float(degrees.vpp),
        cp=float(degrees.cp),
        ep=float(degrees.ep),
        etp=float(degrees.etp or 0),
        zero=float(choices.zero),
        zero_group=float(degrees.zero_group or 0),
        sequence_parallel=float(choices.sequence_parallel),
        recompute=1.0 + share if share is not None else float(RECOMPUTE_CODES[choices.recompute]),
        compiled=float(choices.compile),
        offload=float(choices.offload),
        imbalance=choices.expert_imbalance,
        embedding_layers=float(degrees.pipeline_embedding),
        loss_layers=float(degrees.pipeline_loss),
        layers_first=float(degrees.layers_first or 0),
        layers_last=float(degrees.layers_last or 0),
        schedule=SCHEDULES[choices.schedule],
    )
