"""Peak bytes of the fullest device: states, activations, logits, buffers."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, TypeAlias

from mfu_planner.numeric import Number, maximum, where
from mfu_planner.operators import Attention, Elementwise
from mfu_planner.operators.layout import alone
from mfu_planner.step.division import Parameters
from mfu_planner.step.exchange import ends
from mfu_planner.step.schedules import DUALPIPE, in_flight, in_flight_later
from mfu_planner.step.stages import stage_plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from mfu_planner.machine.constants import Machine, Stack
    from mfu_planner.machine.memory import MemoryConstants
    from mfu_planner.operators import Layout, Workload
    from mfu_planner.step.division import BlockKind, Division


Sharded: TypeAlias = "Callable[[Number, Number, int], Number]"


@dataclass(frozen=True, slots=True)
class DeviceBytes:
    """Bytes of one device by kind, numbers or arrays."""

    weights: Number
    gradients: Number
    optimizer: Number
    activations: Number
    logits: Number
    other: Number

    @property
    def total(self) -> Number:
        """All kinds: states first, then what the micro-batch needs, so that grids are added axis by axis."""
        states = self.weights + self.gradients + self.optimizer + self.other
        return states + (self.activations + self.logits)


@dataclass(frozen=True, slots=True)
class Space:
    """What the memory of a device is computed with."""

    layout: Layout
    work: Workload
    """One micro-batch on one device."""
    machine: Machine
    stack: Stack
    constants: MemoryConstants
    optimizer_bytes: Number


def fullest(stages: tuple[DeviceBytes, ...]) -> DeviceBytes:
    """The stage that holds most, for each layout."""
    most, *others = stages
    for stage in others:
        more = stage.total > most.total
        if type(more) is bool:
            most = stage if more else most
            continue
        most = DeviceBytes(*(where(more, getattr(stage, f.name), getattr(most, f.name)) for f in fields(most)))
    return most


def most_bytes(stages: tuple[DeviceBytes, ...]) -> Number:
    """Bytes of the stage that holds most."""
    total, *others = (stage.total for stage in stages)
    for other in others:
        total = maximum(total, other)
    return total


def block_bytes(kind: BlockKind, space: Space) -> tuple[Number, Number]:
    """(kept for the backward pass, needed while the block runs) bytes of one block and micro-batch on one device.

    ``kept`` under full recomputation is a layer's input; what the recomputed layer then needs is the second figure.

    Notes
    -----
    .. math:: M = 2*T*(k_split/t + k_whole/u) + 5*a*b*s**2/t

    with T rows of the micro-batch on the device, k the elements that the operators keep, t the TP degree and u = t
    under sequence parallelism, else 1; the scores (of b sequences of length s under a heads) only where attention is
    not fused.  ``selective`` leaves out the scores (unfused) or the stack's share of the rest.

    References
    ----------
    .. [1] Korthikanti et al. 2022, arXiv:2205.05198, equations 1 to 6.
    """
    layout, work, constants, stack = space.layout, space.work, space.constants, space.stack
    element: Number = space.machine.element_bytes
    narrow = constants.narrow_kept * element if space.machine.low_precision else element
    spread = layout.spread
    everything: Number = 0
    for rows, whole, split in kind.kept:
        everything = everything + narrow * rows.count(work) * (whole / spread + split / layout.tp)
    if kind.layered and stack.dropout:
        masks = constants.mask_bytes / element * kind.width
        everything = everything + narrow * kind.rows.count(work) * masks / spread
    pairs: Number = 0
    if not stack.fused_attention:
        for op in kind.operators:
            if isinstance(op, Attention):
                launch = op.kernels(work)[0]
                pairs = pairs + launch.groups * launch.m * launch.n / layout.tp
    working = everything + constants.score_bytes * pairs
    if not kind.layered:
        return working, working
    share = stack.selective_share if stack.fused_attention else 0.0
    held = constants.selective_held * (1.0 - share)
    kept = where(layout.selective, everything * held, (1.0 - layout.again) * working)
    kept = kept + layout.again * element * kind.rows.count(work) * kind.width / spread
    return kept, working + constants.score_passing * pairs


def _activations(kinds: tuple[BlockKind, ...], space: Space) -> tuple[Number, Number]:
    """(kept, needed while they run) bytes of some blocks, one micro-batch."""
    kept: Number = 0
    working: Number = 0
    for kind in kinds:
        if kind.idle(space.work):
            continue
        k, w = block_bytes(kind, space)
        kept, working = kept + kind.count * k, working + kind.count * w
    return kept, working


def _logits(kinds: tuple[BlockKind, ...], space: Space) -> Number:
    """Bytes of the logits and their copies at the loss."""
    losses = (
        op.width * op.rows.count(space.work)
        for kind in kinds
        for op in kind.block.operators
        if isinstance(op, Elementwise) and op.loss
    )
    return space.constants.logit_bytes * sum(losses) / space.layout.tp


def stage_memory(division: Division, space: Space) -> tuple[DeviceBytes, ...]:
    """Bytes on a device of the first stage, the last, and the fullest one between.

    Where the optimizer steps within the backward pass, gradients of one layer (or end) at a time are held: at most, as
    hooks free them tensor by tensor.
    """
    layout, constants, count = space.layout, space.constants, division.layers
    pp, single = layout.pp, layout.pp <= 1
    most, first, last = stage_plan(division, layout, space.stack.balanced_stages)
    layer = Parameters(*(size / count for size in division.held(layout).layers))
    start_held, end_held = ends(division, layout)
    kept, working = (size / count for size in _activations(division.body, space))
    start_kept, start_working = _activations(division.before, space)
    end_kept, _ = _activations(division.after, space)
    towers = sum(kind.count for kind in division.before if kind.layered)
    working = maximum(working, start_working / towers) if towers else working
    flying = where(single, 1.0, in_flight(pp, layout.micro_batches, layout.vpp, layout.schedule))
    second, later = in_flight_later(flying, layout.schedule)
    logits = _logits(division.after, space)
    spread = (layout.sequence_parallel > 0) & (layout.tp > 1)
    tokens = space.work.batch * space.work.seq_len
    gathered = constants.gathered_inputs * space.machine.element_bytes * tokens * division.hidden
    inputs = where(spread, gathered, 0.0)
    again = where(layout.recompute > 1, working, 0.0)
    frozen = constants.frozen_kept if division.adapted else 1.0
    one_layer = layer.dense + layer.expert
    at_once = layer.trained_dense + layer.trained_expert
    for beside in (start_held, end_held):
        at_once = maximum(at_once, beside.trained_dense)
    narrow = space.machine.low_precision and division.adapted
    frozen_bytes = 1.0 if narrow else space.machine.element_bytes
    sharded = _sharding(layout)

    def stage(layers: Number, flying: Number, others: Parameters, beside: Number, logits: Number) -> DeviceBytes:
        held = constants.activation_factor * frozen * (flying * (layers * kept + beside) + again) + inputs
        parameters = others.plus(layer, layers)
        states = _states(parameters, space, sharded, held, logits, one_layer, frozen_bytes, packed=division.packed)
        return replace(states, gradients=constants.gradient_bytes * at_once) if constants.in_backward else states

    if alone(pp):
        return (stage(count, 1.0, start_held.plus(end_held), start_kept + end_kept, logits),)
    both = start_held.plus(end_held)
    start = stage(
        where(single, count, first),
        flying,
        Parameters(*(where(single, a, b) for a, b in zip(both, start_held, strict=True))),
        start_kept + where(single, end_kept, 0.0),
        where(single, logits, 0.0),
    )
    end = stage(where(single, 0.0, last), later, end_held, end_kept, logits)
    if type(pp) is float and pp <= 2:
        return start, end
    middle = stage(where(single, 0.0, most), where(pp > 2, second, 1.0), Parameters(), 0.0, 0.0)
    return start, end, middle


def _sharding(layout: Layout) -> Sharded:
    """(parameters, those of routed experts, stage of ZeRO) → what that stage leaves of them on a device."""
    among = {
        stage: tuple(where(layout.zero >= stage, devices, 1.0) for devices in (layout.shards, layout.expert_group))
        for stage in (1, 2, 3)
    }

    def sharded(dense: Number, expert: Number, stage: int) -> Number:
        own, experts = among[stage]
        return dense / own + (0 if type(expert) is int and not expert else expert / experts)

    return sharded


def _states(
    held: Parameters,
    space: Space,
    sharded: Sharded,
    activations: Number,
    logits: Number,
    one_layer: Number,
    frozen_bytes: Number,
    *,
    packed: bool,
) -> DeviceBytes:
    """One stage's bytes; DualPipe holds two copies of the parameters, whose sharded optimizer states are shared."""
    layout, constants, element = space.layout, space.constants, space.machine.element_bytes
    zero = layout.zero
    copies = where((layout.schedule == DUALPIPE) & (layout.pp > 1), 2.0, 1.0)

    still = sharded(held.dense - held.trained_dense, held.expert - held.trained_expert, 3)
    unlike: Number = 0
    if packed:
        unlike = sharded(
            held.packed_dense_bytes - frozen_bytes * held.packed_dense,
            held.packed_expert_bytes - frozen_bytes * held.packed_expert,
            3,
        )
    gathered = where(zero >= 3, constants.gathered_layers * (element + element) * one_layer, 0.0)
    updated = where(zero >= 1, 1.0, copies) * (1.0 - layout.offload)
    return DeviceBytes(
        weights=copies
        * (element * sharded(held.trained_dense, held.trained_expert, 3) + frozen_bytes * still + unlike),
        gradients=copies * constants.gradient_bytes * sharded(held.trained_dense, held.trained_expert, 2),
        optimizer=updated * space.optimizer_bytes * sharded(held.trained_dense, held.trained_expert, 1),
        activations=activations,
        logits=logits,
        other=constants.fixed_bytes + gathered,
    )
