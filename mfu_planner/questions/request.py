"""What a prediction is asked about: the flags of the command line read into a model, a machine and a layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mfu_planner.errors import InputError
from mfu_planner.machine.eager import eager
from mfu_planner.machine.memory import memory_constants
from mfu_planner.machine.toolbox import Wires, default_stack, tools
from mfu_planner.operators.layout import RECOMPUTE_CODES, Layout
from mfu_planner.questions.filling import filled
from mfu_planner.questions.flags import batch_of, recompute_share
from mfu_planner.questions.layouts import PredictQuestion
from mfu_planner.questions.question import asks
from mfu_planner.questions.stage_layers import StageLayers, read_stage_layers
from mfu_planner.step.case import Case, Said, division_of
from mfu_planner.step.schedules import SCHEDULES, read_schedule

if TYPE_CHECKING:
    from mfu_planner.architectures import Architecture
    from mfu_planner.hardware import Accelerator
    from mfu_planner.machine.constants import Stack
    from mfu_planner.machine.toolbox import Tools
    from mfu_planner.operators import Workload
    from mfu_planner.questions.filling import Filled
    from mfu_planner.questions.layout_parts import LayoutPart, NetworkPart
    from mfu_planner.questions.model import Model

FLAGS = tuple(name for name in asks(PredictQuestion) if name not in ("convention", "explain"))
"""Every flag that a layout question takes."""
WHOLE = tuple(n for n, asked in asks(PredictQuestion).items() if asked.ask.searched and asked.ask.unit == "count")
"""Those that are counts of a layout."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """A question, resolved: what was named, and the case of it."""

    model: Model
    accelerator: Accelerator
    dtype: str
    devices: int
    seq_len: int
    global_batch: int
    case: Case
    """The question with every blank filled; ``case.said.echo`` says all of them."""


def read_common(given: dict[str, Any]) -> tuple[Any, Model, Accelerator, int | None, list[str], dict[str, str]]:
    """(question, model, accelerator, devices, warnings, sources) out of the flags that every question has."""
    from mfu_planner.hardware import lookup
    from mfu_planner.questions.device_count import count_devices
    from mfu_planner.questions.model import model_of
    from mfu_planner.questions.subject import choose_lengths
    from mfu_planner.questions.training import trained

    s = PredictQuestion.of(given)
    if s.hardware is None and s.cluster is not None:
        from mfu_planner.hardware import cluster

        s = s.changed(hardware=cluster(s.cluster).accelerator_id)
    if s.hardware is None:
        raise InputError(
            "hardware",
            "nothing",
            "--hardware NAME (`mfu-planner hardware` lists them), --cluster NAME or --machine FILE",
        )
    model = trained(model_of(s), s)
    if model.architecture is None:
        raise InputError("model", model.name, "a model with an architecture: --model or --config")
    found = lookup(s.hardware)
    warnings = [*model.notes, *([found.note] if found.note else [])]
    sources: dict[str, str] = {}
    length, target = choose_lengths(s.seq_len, s.target_seq_len, model, "full", warnings, sources)
    s = s.changed(seq_len=length or 1, target_seq_len=target)
    if s.dtype in found.accelerator.peak:
        where = found.accelerator.source_of(f"peak.{s.dtype}")["url"]
        sources["peak_flops_per_s"] = f"{found.accelerator.name}, {s.dtype} dense: {where}"
    sources["flops_per_token"] = f"operators of {model.name} ({model.source})"
    return s, model, found.accelerator, count_devices(s, found.accelerator, warnings), warnings, sources


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
        compile=bool(s.compile),
        offload=bool(s.offload),
        expert_imbalance=1.0 if s.expert_imbalance is None else s.expert_imbalance,
        schedule=read_schedule(s.schedule, degrees.pp, degrees.vpp, micro_batches),
    )


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


def wires_of(s: NetworkPart, devices: int | None) -> Wires:
    """What a question says of the network itself, and how many devices meet on it."""
    return Wires(fabric=s.fabric, nic_bytes_per_s=s.nic, node_devices=s.devices_per_node, devices=devices)


def read_request(**given: Any) -> Request:
    """Read the flags; contradictions are errors.

    Raises
    ------
    InputError
        Something unknown, missing, or that contradicts: see :func:`read_degrees`, and a global batch that
        dp·micro-batch does not divide.
    """
    from mfu_planner.questions.device_count import device_facts

    s, model, accelerator, devices, warnings, sources = read_common(given)
    architecture = model.architecture
    assert architecture is not None
    degrees = read_degrees(s, devices, architecture.layers)
    if degrees.pp > 1 and division_of(architecture).two_stacks:
        raise InputError(
            "pp",
            degrees.pp,
            "1: the model has two stacks, and stages that pass both on are not modelled; --tp and --zero 3 divide it",
        )
    local = degrees.dp * degrees.micro_batch
    batch = batch_of(s, local)
    if batch % local:
        raise InputError("global-batch", batch, f"a multiple of dp · micro-batch = {local}")
    s, name, equipped, open_ = _chosen(s, accelerator, architecture, degrees, batch)
    box, software, assumptions, own = equipped
    degrees = replace(degrees, micro_batch=open_.micro_batch)
    choices = read_choices(s, degrees, batch // (degrees.dp * degrees.micro_batch), software)
    echo = {
        "model": model.id or model.name,
        "hardware": accelerator.id,
        "dtype": s.dtype,
        **vars(degrees),
        "global_batch": batch,
        "seq_len": s.seq_len,
        "target_seq_len": s.target_seq_len,
        **vars(choices),
        "attention_kernel": "fused" if software.fused_attention else "unfused",
        "cluster": s.cluster,
        "fabric": s.fabric,
        "nic_bytes_per_s": s.nic,
        "devices_per_node": s.devices_per_node,
        "loader_tokens_per_s": given.get("loader_tokens_per_s"),
        "machine": "machine.yaml" if isinstance(s.machine, Mapping) else s.machine and str(s.machine),
        "stack": str(name) if own is None or isinstance(name, str) else own.name,
    }
    case = Case(
        architecture=architecture,
        work=step_work(s, batch),
        layout=layout_of(degrees, choices, batch),
        machine=box,
        stack=software,
        memory=memory_constants(software.name),
        optimizer=choices.optimizer,
        loader_tokens_per_s=s.loader_tokens_per_s,
        said=Said(
            echo=echo,
            assumptions=(*assumptions, *open_.said),
            warnings=tuple(warnings),
            sources={
                **sources,
                "step_time_s": f"calibration of the software stack {name if own is None else own.name}",
            },
            device_facts=device_facts(s, accelerator, degrees.devices),
            given=given,
            own=own,
            reader=read_case,
        ),
    )
    return Request(
        model=model,
        accelerator=accelerator,
        dtype=s.dtype,
        devices=degrees.devices,
        seq_len=s.seq_len or 1,
        global_batch=batch,
        case=case,
    )


def _chosen(
    s: PredictQuestion, accelerator: Accelerator, architecture: Architecture, degrees: Degrees, batch: int
) -> tuple[PredictQuestion, Any, Tools, Filled]:
    """(question, stack, tools, blanks) of the layout: the stack's own sharding, or all of it where that alone fits."""

    def under(s: PredictQuestion) -> tuple[PredictQuestion, Any, Tools, Filled]:
        name = s.stack or default_stack(accelerator.id, s.zero, offload=bool(s.offload))
        wires = wires_of(s, degrees.devices)
        found = tools(accelerator, s.dtype, name, s.cluster, s.attention_kernel, wires, s.machine)
        if s.compile is False and found.own is None:
            issued, said = eager(found.stack)
            found = found._replace(stack=issued, said=(*found.said, said))
        choices = read_choices(s, degrees, batch // (degrees.dp * degrees.micro_batch), found.stack)
        case = Case(
            architecture=architecture,
            work=step_work(s, batch),
            layout=layout_of(degrees, choices, batch),
            machine=found.machine,
            stack=found.stack,
            memory=memory_constants(found.stack.name),
            optimizer=choices.optimizer,
        )
        left = filled(s, case, s.global_batch and batch)
        return s.changed(recompute=left.recompute), name, found, left

    usual = under(s)
    if usual[3].fits or s.zero is not None or s.stack is not None or degrees.pp > 1 or degrees.devices == degrees.tp:
        return usual
    sharded = under(s.changed(zero=3))
    if not sharded[3].fits:
        return usual
    said = f"ZeRO 3: with {usual[2].stack.name} as it shards by itself the states do not fit; --zero says otherwise"
    return *sharded[:3], replace(sharded[3], said=(said, *sharded[3].said))


def step_work(s: PredictQuestion, batch: int) -> Workload:
    """The batch of one step; packed documents stand for the mix that fills it."""
    from mfu_planner.questions.training import workload

    work = workload(s, s.seq_len, s.target_seq_len, batch=batch)
    packed = tuple((length, count * batch / work.batch) for length, count in work.documents)
    return replace(work, batch=batch, documents=packed)


def read_case(given: Mapping[str, Any]) -> Case:
    """The case of some flags."""
    return read_request(**given).case
