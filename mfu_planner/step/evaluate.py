"""``step``: the one road from a case to seconds, their causes, and memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from mfu_planner.numeric import Number, anywhere, maximum, minimum, power, where
from mfu_planner.numeric.letters import Letter, Symbol, named
from mfu_planner.operators.layout import alone
from mfu_planner.step import names
from mfu_planner.step.exchange import accumulate_time, gradient_exchange, parameters_on_device, update_time
from mfu_planner.step.flops import attention_flops, model_flops
from mfu_planner.step.kernels import issue_bound
from mfu_planner.step.layers import TIMED, block_parts
from mfu_planner.step.memory import Space, fullest, stage_memory
from mfu_planner.step.pipeline import pipeline_time
from mfu_planner.step.schedules import DUALPIPE, fill_share
from mfu_planner.step.stages import stage_plan

if TYPE_CHECKING:
    from mfu_planner.machine.constants import Machine, Stack
    from mfu_planner.operators import Layout, Workload
    from mfu_planner.step.case import Case
    from mfu_planner.step.division import BlockKind, Division
    from mfu_planner.step.layers import Parts
    from mfu_planner.step.memory import DeviceBytes

CROWDED_TENSOR = 8.0
"""TP degree at which ``Stack.tensor_host_s`` is stated; it grows no further."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step, each field a number or an array over layouts."""

    seconds: Number
    parts: dict[str, Number]
    """Seconds by cause on the average device; they add up to ``seconds``.  Empty where they were not asked for."""
    stages: tuple[DeviceBytes, ...]
    """Bytes of a device of the first stage, the last, and the fullest between."""
    model_flops: Number
    """What the mathematics needs, attention over the pairs that the mask allows [FLOP]; 0 without parts.  What devices
    execute, and MFU, are counted by the convention that is asked for: see ``answers.predict``."""
    device_bound: Number
    """Share of the micro-batch that the device, not the host, sets."""

    @property
    def memory(self) -> DeviceBytes:
        """Bytes of the fullest device."""
        return fullest(self.stages)


@dataclass(frozen=True, kw_only=True)
class Busy:
    """Some blocks and one micro-batch on one device [s]."""

    parts: Parts
    """Raw parts by name, with ``recompute``; they add up to ``device``."""
    device: Number
    """Of the device alone."""
    host: Number
    """Of the host that issues its kernels."""
    backward: Number
    """Of ``device``, backward and what is computed again for it."""
    weights: Number
    """Of ``device``, weight gradients."""
    experts: Number
    """Of ``device``, dispatch to experts and back."""

    def over(self, layers: Number) -> Busy:
        """The average of ``layers``."""
        parts = {name: value / layers for name, value in self.parts.items()}
        names = ("device", "host", "backward", "weights", "experts")
        return Busy(parts=parts, **{name: getattr(self, name) / layers for name in names})

    def called(self, where: str, meaning: str) -> Busy:
        """The same with names for its sums, where formulas are shown; ``meaning``: of what."""
        if not isinstance(self.device, Letter):
            return self
        parts = {
            name: named(Symbol(f"{name}_{where}", f"{name} of {meaning}, one micro-batch", "s", count=False), value)
            for name, value in self.parts.items()
        }
        device = named(
            Symbol(f"device_{where}", f"device time of {meaning}, one micro-batch", "s", count=False), self.device
        )
        host = named(Symbol(f"host_{where}", f"host time of {meaning}, one micro-batch", "s", count=False), self.host)
        return replace(self, parts=parts, device=device, host=host)


class MicroBatch(NamedTuple):
    """Time of one micro-batch on one device: what stands before the layers, one layer, what stands after."""

    before: Busy
    layer: Busy
    after: Busy


@dataclass(frozen=True, kw_only=True)
class Stages:
    """One micro-batch on the pipeline's stages [s]."""

    busy: Number
    """One layer, device or host."""
    extra: Number
    """Of ``busy``: slower issuing in wide or mixed groups."""
    ends: Number
    """What stands before and after the layers."""
    slowest: Number
    """The slowest stage, its gradients added up."""
    total: Number
    """All stages."""
    accumulate: Number
    """Adding gradients up, each stage."""
    pipeline: Number
    """All micro-batches through all stages."""


def micro_batch_of(case: Case) -> MicroBatch:
    """Time of one micro-batch of a case on one device, whatever the pipeline, the schedule and the data parallelism."""
    division, work = case.division, case.device_work
    before, body, after = (
        busy_of(kinds, case.layout, case.machine, case.stack, work)
        for kinds in (division.before, division.body, division.after)
    )
    return MicroBatch(
        before.called("start", "what stands before the layers"),
        body.over(division.layers).called("layer", "one layer"),
        after.called("end", "head, loss and what else follows"),
    )


def step(case: Case, *, parts: bool = True, memory: bool = True, one: MicroBatch | None = None) -> Step:
    """Seconds of one optimizer step of a case, by cause, and the bytes of its devices.

    ``parts``: whether the waterfall is wanted (searches do without); ``memory``: whether the bytes are (fits do
    without); ``one``: what :func:`micro_batch_of` says, where it is known.
    """
    division, layout, machine, stack = case.division, case.layout, case.machine, case.stack
    work = case.device_work
    before, layer, after = micro_batch_of(case) if one is None else one
    layer = overlapped(layer, layout, stack)
    held = parameters_on_device(division, layout)
    accumulate = named(names.ADDED, accumulate_time(held, machine, stack))
    stages = stage_times(division, layout, machine, stack, (before, layer, after), accumulate)
    share = division.layers / layout.pp
    exposed, hidden = gradient_exchange(
        held, layout, machine, stack, stages.busy * share, stages.busy * share + stages.ends, routed=division.routed
    )
    exposed, hidden = named(names.EXPOSED, exposed), named(names.HIDDEN, hidden)
    once = {
        "sends": named(names.SENDS, send_time(division, layout, machine, stack, work)),
        "data_parallel": exposed + stack.drag * hidden,
        "update": named(names.UPDATE, update_time(held, layout, machine, stack)),
    }
    rare = once["data_parallel"] + (once["update"] + stack.step_fixed_s)
    seconds = (stages.pipeline + once["sends"]) + rare
    held_bytes = stages_of(case) if memory else ()
    if not parts:
        return Step(seconds=seconds, parts={}, stages=held_bytes, model_flops=0, device_bound=1.0)
    flops = model_flops(case.architecture, case.work)
    shown = waterfall(case, layer, before, after, stages, once)
    bound = minimum(1.0, _share(layer.device, stages.busy))
    return Step(seconds=seconds, parts=shown, stages=held_bytes, model_flops=flops, device_bound=bound)


def overlapped(layer: Busy, layout: Layout, stack: Stack) -> Busy:
    """One layer with what its schedule hides of dispatch and combine: DualPipe runs them beside the other direction's
    passes, which they slow by the stack's drag.

    References
    ----------
    .. [1] DeepSeek-AI 2024, *DeepSeek-V3*, arXiv:2412.19437, section 3.2.1 and figure 4.
    """
    dual = (layout.schedule == DUALPIPE) & (layout.pp > 1)
    if not anywhere(dual):
        return layer
    sent = layer.experts
    saved = where(dual, (1.0 - stack.drag) * minimum(sent, layer.device - sent), 0.0)
    parts = {**layer.parts, "expert": sent - saved}
    return replace(layer, parts=parts, device=layer.device - saved, backward=layer.backward - saved / 2.0)


def stages_of(case: Case) -> tuple[DeviceBytes, ...]:
    """Bytes of a device of the first stage, the last, and the fullest between."""
    space = Space(case.layout, case.device_work, case.machine, case.stack, case.memory, case.optimizer_bytes)
    return stage_memory(case.division, space)


def device_memory(case: Case) -> DeviceBytes:
    """Bytes of the fullest device of a case: what its step says, without the time."""
    return fullest(stages_of(case))


def busy_of(kinds: tuple[BlockKind, ...], layout: Layout, machine: Machine, stack: Stack, work: Workload) -> Busy:
    """Seconds of some blocks for one micro-batch, by part, and of the host."""
    full, chosen = layout.again, layout.selective
    again = where(chosen, stack.selective_share, full)
    attention_again = where(chosen, 0.0 if stack.fused_attention else 1.0, full)
    total: Parts = dict.fromkeys((*TIMED, "recompute"), 0)
    device: Number = 0
    host: Number = 0
    backward_s: Number = 0
    weights: Number = 0
    host_scale = where(layout.compiled > 0, stack.host_compiled, 1.0)
    crowd = minimum(layout.tp, CROWDED_TENSOR) / CROWDED_TENSOR
    crowd = where(layout.tp > 1, crowd * crowd, 0.0)
    for kind in kinds:
        if kind.idle(work):
            continue
        forward, backward = block_parts(kind, layout, machine, stack, work)
        count = kind.count
        recompute: Number = 0
        if kind.layered:
            recompute = (
                again * (forward["products"] + forward["pointwise"] + forward["casts"])
                + attention_again * forward["attention"]
                + full * (forward["tensor"] + forward["expert"] + forward["context"])
            )
            issue = kind.halves * (stack.forward_host_s * (1.0 + full) + stack.backward_host_s) + (2.0 + full) * (
                stack.tensor_host_s * crowd + (stack.expert_host_s if kind.routed else 0.0)
            )
            host = host + count * host_scale * issue
        back = recompute
        for name in TIMED:
            total[name] = total[name] + count * (forward[name] + backward[name])
            device = device + count * (forward[name] + backward[name])
            back = back + backward[name]
        total["recompute"] = total["recompute"] + count * recompute
        device = device + count * recompute
        backward_s = backward_s + count * back
        weights = weights + count * backward["weights"]
    experts = total["expert"]
    return Busy(parts=total, device=device, host=host, backward=backward_s, weights=weights, experts=experts)


def stage_times(
    division: Division,
    layout: Layout,
    machine: Machine,
    stack: Stack,
    sums: tuple[Busy, Busy, Busy],
    accumulate: Number,
) -> Stages:
    """One micro-batch on every stage, and all of them through the pipeline under its schedule.

    A device under DualPipe works on a stage and on its mirror: the first and the last are one device's, half of each.
    """
    before, layer, after = sums
    most, first, last = stage_plan(division, layout, stack.balanced_stages)
    pp, tp = layout.pp, layout.tp
    mixed = (pp > 1) & (layout.devices > machine.node_devices) & (tp > 1)
    slow = where(mixed, stack.pipeline_tensor_s * power(tp, stack.pipeline_tensor_exponent), 0.0)
    slow = slow + stack.wide_tensor_s * maximum(tp / machine.node_devices - 1.0, 0.0)
    busy = named(names.BUSY, issue_bound(layer.device, layer.host + slow, machine.issues_itself))
    start = named(names.START, issue_bound(before.device, before.host, machine.issues_itself))
    end = named(names.END, issue_bound(after.device, after.host, machine.issues_itself))
    layers = division.layers * busy
    at_start, at_end = first * busy + start, last * busy + end
    slowest = maximum(maximum(most * busy, at_start), at_end)
    if anywhere(dual := layout.schedule == DUALPIPE):
        mirrored = (at_start + at_end) / 2.0
        slowest = where(dual, where(pp > 2, maximum(most * busy, mirrored), mirrored), slowest)
    slowest = named(names.SLOWEST, where(pp > 1, slowest, layers + start + end) + accumulate)
    total = named(names.TOTAL, layers + start + end + accumulate * pp)
    fill = fill_share(
        layout.schedule, pp, layout.vpp, *(_share(part, layer.device) for part in (layer.backward, layer.weights))
    )
    fill = named(names.FILL, fill)
    return Stages(
        busy=busy,
        extra=busy - issue_bound(layer.device, layer.host, machine.issues_itself),
        ends=start + end,
        slowest=slowest,
        total=total,
        accumulate=accumulate,
        pipeline=named(names.PIPELINE, pipeline_time(slowest, total, layout.micro_batches, fill)),
    )


def _share(part: Number, whole: Number) -> Number:
    """Part of a whole, none of what is nothing (layers that the input gives no work)."""
    return part / whole if anywhere(whole > 0) else 0.0


def send_time(division: Division, layout: Layout, machine: Machine, stack: Stack, work: Workload) -> Number:
    """Exposed seconds of activations and their gradients between the stages, a whole step."""
    if alone(layout.pp):
        return 0.0
    split = layout.tp if stack.scatter_sends > 0 else 1.0
    rows, width = (division.body[0].rows, division.body[0].width)
    message = machine.element_bytes * rows.count(work) * width / split
    wire = minimum(
        machine.fabric.efficiency * machine.fabric.nic_bytes_per_s, machine.links["all_gather"].bandwidth_bytes_per_s
    )
    each = 2.0 * layout.vpp * (message / wire + stack.send_fixed_s)
    return where(layout.pp > 1, each * (layout.micro_batches + layout.pp - 1) * stack.send_exposed, 0.0)


def waterfall(case: Case, layer: Busy, before: Busy, after: Busy, stages: Stages, once: Parts) -> Parts:
    """Seconds by cause on the average device, which holds its share of the layers and of both ends.

    ``ideal`` is the model's FLOPs at the peak of the run's format over all devices, so that its share is the MFU over
    the pairs that the mask allows; products and attention show what they take beyond their own.
    """
    layout, machine = case.layout, case.machine
    count, pp = layout.micro_batches, layout.pp
    layers = count * case.division.layers / pp
    total = {
        name: layers * layer.parts[name] + count / pp * (before.parts[name] + after.parts[name]) for name in layer.parts
    }
    available = layout.devices * machine.peak_flops_per_s
    ideal = named(names.MODEL_FLOPS, model_flops(case.architecture, case.work)) / available
    attention = named(names.ATTENTION_FLOPS, attention_flops(case.architecture, case.work)) / available
    device = layers * layer.device + count / pp * (before.device + after.device)
    waited = layers * stages.busy + count / pp * stages.ends
    return {
        "ideal": ideal,
        "matmul_inefficiency": total["products"] - (ideal - attention),
        "attention": total["attention"] - attention,
        "pointwise": total["pointwise"],
        "casts": total["casts"],
        "recompute": total["recompute"],
        "tensor_parallel": total["tensor"],
        "context_parallel": total["context"],
        "expert_parallel": total["expert"],
        "launch": waited - layers * stages.extra - device + case.stack.step_fixed_s,
        "pipeline_latency": layers * stages.extra + once["sends"],
        "stage_imbalance": count * (stages.slowest - stages.total / pp),
        "bubble": stages.pipeline - count * stages.slowest,
        "data_parallel": once["data_parallel"],
        "optimizer": once["update"] + count * stages.accumulate,
    }
