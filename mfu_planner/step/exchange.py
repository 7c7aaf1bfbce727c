"""Once a step: gradients and weights over the data-parallel group, the optimizer's update."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfu_planner.numeric import Number, maximum, minimum, where
from mfu_planner.numeric.letters import named
from mfu_planner.operators.layout import alone
from mfu_planner.step import names
from mfu_planner.step.collectives import collective_time
from mfu_planner.step.division import Parameters, together
from mfu_planner.step.kernels import memory_bound_time

if TYPE_CHECKING:
    from mfu_planner.machine.constants import Machine, Stack
    from mfu_planner.operators import Layout
    from mfu_planner.step.division import BlockKind, Division


def summed(kinds: tuple[BlockKind, ...], layout: Layout) -> Parameters:
    """Parameters of some blocks on one device."""
    return together(kind.parameters(layout) for kind in kinds)


def ends(division: Division, layout: Layout) -> tuple[Parameters, Parameters]:
    """Parameters of the first stage before its layers, and of the last after its own: a tied head is a copy there."""
    last = summed(division.after, layout)
    if not alone(layout.pp):
        copies = together(kind.copied(layout) for kind in division.after)
        last = last.plus(copies, where(layout.pp > 1, 1.0, 0.0))
    return summed(division.before, layout), last


def parameters_on_device(division: Division, layout: Layout) -> Parameters:
    """Parameters of the average device's layers, and of the fuller end of the pipeline."""
    first, last = ends(division, layout)
    single = layout.pp <= 1
    whole = Parameters(*(where(single, a + b, maximum(a, b)) for a, b in zip(first, last, strict=True)))
    held = whole.plus(summed(division.body, layout), 1.0 / layout.pp)
    dense, expert = named(names.DENSE, held.trained_dense), named(names.EXPERT, held.trained_expert)
    return held._replace(trained_dense=dense, trained_expert=expert)


def gradient_exchange(
    held: Parameters, layout: Layout, machine: Machine, stack: Stack, backward: Number, compute: Number, *, routed: bool
) -> tuple[Number, Number]:
    """(exposed, hidden) seconds of gradient and weight exchange over the data-parallel group.

    Parameters
    ----------
    backward, compute : float or array
        Seconds of a micro-batch that the exchange may hide behind: of the layers, and with the head.
    routed
        Whether there are experts, whose gradients go over a group of their own.
    """
    group, shards, over = layout.group, layout.shards, layout.expert_group
    local = maximum(machine.node_devices / layout.tp, 1.0)
    rate, fabric, element = machine.links, machine.fabric, machine.element_bytes

    def collect(size: Number, among: Number, kind: str, factor: float = 1.0) -> Number:
        return collective_time(size, among, minimum(local, among), factor, rate[kind], fabric)

    gradients, wide = stack.gradient_bytes * held.trained_dense, element * held.trained_dense
    reduce = collect(gradients, group, "all_reduce", 2.0)
    scatter = collect(gradients, shards, "reduce_scatter") + collect(wide, shards, "all_gather")
    if routed:
        gradients, wide = stack.gradient_bytes * held.trained_expert, element * held.trained_expert
        reduce = reduce + collect(gradients, over, "all_reduce", 2.0)
        scatter = scatter + collect(gradients, over, "reduce_scatter") + collect(wide, over, "all_gather")
    once = where(layout.zero >= 1, scatter, reduce)
    once_exposed = maximum(once - stack.data_hidden * backward, 0.0)

    size = held.dense + held.expert
    trained = held.trained_dense + held.trained_expert
    narrower = element * (held.packed_dense + held.packed_expert)
    stored = held.packed_dense_bytes + held.packed_expert_bytes
    gathers = 2.0 * collect(element * size - narrower + stored, shards, "all_gather")
    gathers = gathers + collect(stack.shard_gradient_bytes * trained, shards, "reduce_scatter")
    each_exposed = maximum(gathers - stack.shard_hidden * compute, 0.0) * layout.micro_batches
    exposed = where(layout.zero >= 3, each_exposed, once_exposed)
    volume = where(layout.zero >= 3, gathers * layout.micro_batches, once)
    exposed = where(group > 1, exposed, 0.0)
    return exposed, where(group > 1, volume, 0.0) - exposed


def accumulate_time(held: Parameters, machine: Machine, stack: Stack) -> Number:
    """Seconds to add one micro-batch's gradients to the sum, by bytes moved."""
    moved = stack.accumulate_bytes * (held.trained_dense + held.trained_expert)
    return memory_bound_time(moved, machine.bandwidth_bytes_per_s, 1.0)


def update_time(held: Parameters, layout: Layout, machine: Machine, stack: Stack) -> Number:
    """Seconds of gradient clipping and the optimizer's update, by bytes moved."""
    sharded = layout.zero >= 1
    dense, expert = held.trained_dense, held.trained_expert
    owned = dense * where(sharded, 1.0 / layout.shards, 1.0)
    owned = owned + expert * where(sharded, 1.0 / layout.expert_group, 1.0)
    moved = stack.optimizer_bytes * owned + stack.gradient_passes_bytes * (dense + expert)
    device = memory_bound_time(moved, machine.bandwidth_bytes_per_s, 1.0)
    return device + layout.offload * offload_time(owned, stack.offload_bytes, machine.host_bytes_per_s)


def offload_time(parameters: Number, each_bytes: float, host_bandwidth: float) -> Number:
    """Seconds that an optimizer in host memory adds to a step: gradients out, the update there, weights back.

    Parameters
    ----------
    parameters : float or array
        Parameters whose states one device owns (its shard, with ZeRO 1 or more).
    each_bytes : float
        Bytes per parameter over the host link and in host memory, fitted as one sum [byte].
    host_bandwidth : float
        To and from host memory [byte/s].

    Notes
    -----
    .. math:: t = b*N/B_h

    The states leave the device's memory; nothing of it is hidden behind the backward pass.

    References
    ----------
    .. [1] Ren et al. 2021, *ZeRO-Offload*, arXiv:2101.06840, section 4.
    """
    return each_bytes * parameters / host_bandwidth
