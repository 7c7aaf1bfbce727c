"""What a prediction is asked about: the flags of the command line read into a model, a machine and a layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from mfu_planner.errors import InputError
from mfu_planner.machine.eager import eager
from mfu_planner.machine.memory import memory_of
from mfu_planner.machine.optimizers import with_gradients
from mfu_planner.machine.toolbox import Wires, default_stack, tools
from mfu_planner.questions.degrees import layout_of, read_choices, read_degrees
from mfu_planner.questions.filling import filled
from mfu_planner.questions.flags import batch_of
from mfu_planner.questions.layouts import PredictQuestion
from mfu_planner.questions.question import asks
from mfu_planner.step.case import Case, Said, division_of

if TYPE_CHECKING:
    from mfu_planner.architectures import Architecture
    from mfu_planner.hardware import Accelerator
    from mfu_planner.machine.toolbox import Tools
    from mfu_planner.operators import Workload
    from mfu_planner.questions.degrees import Degrees
    from mfu_planner.questions.filling import Filled
    from mfu_planner.questions.model import Model

FLAGS = tuple(name for name in asks(PredictQuestion) if name not in ("convention", "explain"))
"""Every flag that a layout question takes."""


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
    filled: Filled
    """How its micro-batch and recomputation were filled."""


def read_common(given: dict[str, Any]) -> tuple[Any, Model, Accelerator, int | None, list[str], dict[str, str]]:
    """(question, model, accelerator, devices, warnings, sources) out of the flags that every question has."""
    from mfu_planner.hardware import lookup
    from mfu_planner.questions.amiss import in_its_format, refuse_experts
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
    refuse_experts(s, division_of(model.architecture).experts, model.name)
    found = lookup(s.hardware)
    warnings = [*model.notes, *([found.note] if found.note else [])]
    s = in_its_format(s, found.accelerator, warnings)
    sources: dict[str, str] = {}
    length, target = choose_lengths(s.seq_len, s.target_seq_len, model, "full", warnings, sources)
    s = s.changed(seq_len=length or 1, target_seq_len=target)
    if s.dtype in found.accelerator.peak:
        where = found.accelerator.source_of(f"peak.{s.dtype}")["url"]
        sources["peak_flops_per_s"] = f"{found.accelerator.name}, {s.dtype} dense: {where}"
    sources["flops_per_token"] = f"operators of {model.name} ({model.source})"
    return s, model, found.accelerator, count_devices(s, found.accelerator, warnings), warnings, sources


def equipped(
    s: PredictQuestion, accelerator: Accelerator, devices: int | None, zero: int | None, *, offload: bool
) -> tuple[Any, Tools]:
    """(stack as it was named or is assumed, tools of the question); how many devices meet on its network."""
    name = s.stack or default_stack(accelerator.id, zero, offload=offload)
    wires = Wires(fabric=s.fabric, nic_bytes_per_s=s.nic, node_devices=s.devices_per_node, devices=devices)
    found = tools(accelerator, s.dtype, name, s.cluster, s.attention_kernel, wires, s.machine)
    if s.compile is False and found.own is None:
        issued, said = eager(found.stack)
        found = found._replace(stack=issued, said=(*found.said, said))
    return name, found


def read_request(**given: Any) -> Request:
    """Read the flags; contradictions are errors.

    Raises
    ------
    InputError
        Something unknown, missing, or that contradicts: see
        :func:`mfu_planner.questions.degrees.read_degrees`, and a global batch that dp·micro-batch does not divide.
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
        around = (batch // local * local, -(-batch // local) * local)
        near = tuple(f"{n}" for n in around if n)
        raise InputError("global-batch", batch, f"a multiple of dp · micro-batch = {local}", near)
    chosen = _chosen(s, accelerator, architecture, degrees, batch)
    s, own, open_ = chosen.question, chosen.tools.own, chosen.filled
    degrees = replace(degrees, micro_batch=open_.micro_batch)
    choices = read_choices(s, degrees, batch // (degrees.dp * degrees.micro_batch), chosen.case.stack)
    echo = {
        "model": model.id or model.name,
        "hardware": accelerator.id,
        "dtype": s.dtype,
        **vars(degrees),
        "global_batch": batch,
        "seq_len": s.seq_len,
        "target_seq_len": s.target_seq_len,
        **vars(choices),
        "attention_kernel": "fused" if chosen.case.stack.fused_attention else "unfused",
        "cluster": s.cluster,
        "fabric": s.fabric,
        "nic_bytes_per_s": s.nic,
        "devices_per_node": s.devices_per_node,
        "loader_tokens_per_s": given.get("loader_tokens_per_s"),
        "machine": "machine.yaml" if isinstance(s.machine, Mapping) else s.machine and str(s.machine),
        "stack": str(chosen.stack) if own is None or isinstance(chosen.stack, str) else own.name,
    }
    case = replace(
        chosen.case,
        layout=layout_of(degrees, choices, batch),
        stack=with_gradients(chosen.case.stack, s.gradient_dtype),
        loader_tokens_per_s=s.loader_tokens_per_s,
        said=Said(
            echo=echo,
            assumptions=(*chosen.tools.said, *_unsaid_batch(s, batch), *open_.said),
            warnings=tuple(warnings),
            sources={
                **sources,
                "step_time_s": f"calibration of the software stack {chosen.stack if own is None else own.name}",
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
        filled=open_,
    )


def _unsaid_batch(s: PredictQuestion, batch: int) -> tuple[str, ...]:
    """That no batch was named, and which one is predicted: the gradient exchange of a step is spread over it."""
    if batch_of(s, 0):
        return ()
    return (f"global batch {batch}: one micro-batch of each data-parallel rank; --global-batch says otherwise",)


class _Chosen(NamedTuple):
    """What a layout is asked with."""

    question: PredictQuestion
    stack: Any
    """As it was named."""
    tools: Tools
    filled: Filled
    case: Case
    """Before its blanks were filled."""


def _chosen(
    s: PredictQuestion, accelerator: Accelerator, architecture: Architecture, degrees: Degrees, batch: int
) -> _Chosen:
    """What the layout is asked with: the stack's own sharding, or all of it where that alone fits."""

    def under(s: PredictQuestion) -> _Chosen:
        name, found = equipped(s, accelerator, degrees.devices, s.zero, offload=bool(s.offload))
        choices = read_choices(s, degrees, batch // (degrees.dp * degrees.micro_batch), found.stack)
        case = Case(
            architecture=architecture,
            work=step_work(s, batch),
            layout=layout_of(degrees, choices, batch),
            machine=found.machine,
            stack=found.stack,
            memory=memory_of(
                found.stack.name,
                found.own,
                choices.optimizer,
                s.gradient_dtype,
                in_backward=choices.optimizer_in_backward,
            ),
            optimizer=choices.optimizer,
        )
        left = filled(s, case, batch_of(s, 0) and batch)
        return _Chosen(s.changed(recompute=left.recompute), name, found, left, case)

    usual = under(s)
    open_ = s.zero is None and s.stack is None and degrees.pp == 1 and degrees.devices != degrees.tp
    if usual.filled.fits or not open_:
        return usual
    sharded = under(s.changed(zero=3))
    if not sharded.filled.fits:
        return usual
    said = f"ZeRO 3: with {usual.tools.stack.name} as it shards by itself the states do not fit; --zero says otherwise"
    return sharded._replace(filled=replace(sharded.filled, said=(said, *sharded.filled.said)))


def step_work(s: PredictQuestion, batch: int) -> Workload:
    """The batch of one step; packed documents stand for the mix that fills it."""
    from mfu_planner.questions.training import workload

    work = workload(s, s.seq_len, s.target_seq_len, batch=batch)
    if not work.documents:
        return work
    packed = tuple((length, count * batch / work.batch) for length, count in work.documents)
    return replace(work, batch=batch, documents=packed)


def read_case(given: Mapping[str, Any]) -> Case:
    """The case of some flags."""
    return read_request(**given).case
