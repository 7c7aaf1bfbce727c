"""Once a step: gradients and weights over the data-parallel group, the optimizer's update."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfu_planner.numeric import Number, maximum, minimum, where
from mfu_planner.numeric.letters import named
from mfu_planner.operators.layout import alone
from mfu_planner.step import names
from mfu_planner.step.collectives import collective_time
from mfu_planner.step.division import Parameters
from mfu_planner.step.kernels import memory_bound_time
from mfu_planner.step.placement import members

if TYPE_CHECKING:
    from mfu_planner.machine.constants import Machine, Stack
    from mfu_planner.operators import Layout
    from mfu_planner.step.division import Division


def ends(division: Division, layout: Layout) -> tuple[Parameters, Parameters]:
    """Parameters of the first stage before its layers, and of the last after its own: a tied head is a copy there."""
    held = division.held(layout)
    if alone(layout.pp):
        return held.before, held.after
    return held.before, held.after.plus(held.copies, where(layout.pp > 1, 1.0, 0.0))


def parameters_on_device(division: Division, layout: Layout) -> Parameters:
    """Parameters of the average device's layers, and of the fuller end of the pipeline."""
    first, last = ends(division, layout)
    single = layout.pp <= 1
    whole = Parameters(*(where(single, a + b, maximum(a, b)) for a, b in zip(first, last, strict=True)))
    held = whole.plus(division.held(layout).layers, 1.0 / layout.pp)
    dense, expert = named(names.DENSE, held.trained_dense), named(names.EXPERT, held.trained_expert)
    return held._replace(trained_dense=dense, trained_expert=expert)


def _whole(degree: Number) -> bool:
    """Whether no layout divides its group: a plain 0."""
    return type(degree) is float and degree == 0


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

    Notes
    -----
    ZeRO 0 and 1 keep the sum of the micro-batches' gradients and exchange it once.  ZeRO 2 keeps a shard of it: every
    micro-batch's gradients are scattered, as DeepSpeed [1]_ and FSDP do.  Shards of a part of the group (hybrid
    sharding) are summed with those of the other parts once a step, in the last micro-batch's backward pass [2]_.

    References
    ----------
    .. [1] microsoft/DeepSpeed, ``runtime/zero/stage_1_and_2.py``, ``reduce_independent_p_g_buckets_and_remove_grads``.
    .. [2] Zhang et al. 2022, *MiCS*, arXiv:2205.00119, section 3.4 (2-hop gradient synchronization).
    """
    group, shards, over = layout.group, layout.shards, layout.expert_group
    rate, fabric, element, node = machine.links, machine.fabric, machine.element_bytes, machine.node_devices

    def collect(size: Number, among: Number, kind: str, factor: float = 1.0, stride: Number = layout.tp) -> Number:
        local = members(among, stride, node, layout.devices)
        return collective_time(size, among, minimum(local, among), factor, rate[kind], fabric)

    gradients, wide = stack.gradient_bytes * held.trained_dense, element * held.trained_dense
    reduce = collect(gradients, group, "all_reduce", 2.0)
    scatter, gather = collect(gradients, shards, "reduce_scatter"), collect(wide, shards, "all_gather")
    if routed:
        gradients, wide = stack.gradient_bytes * held.trained_expert, element * held.trained_expert
        reduce = reduce + collect(gradients, over, "all_reduce", 2.0)
        scatter, gather = (
            scatter + collect(gradients, over, "reduce_scatter"),
            gather + collect(wide, over, "all_gather"),
        )
    again = where(layout.zero == 2, layout.micro_batches - 1.0, 0.0)
    trained = held.trained_dense + held.trained_expert
    copies: Number = 0.0
    if not _whole(layout.zero_group):
        summed = where(
            layout.zero >= 3, stack.shard_gradient_bytes * trained, stack.gradient_bytes * held.trained_dense
        )
        copies = collect(summed / shards, group / shards, "all_reduce", 2.0, layout.tp * shards)
    once = where(layout.zero >= 1, scatter + gather + copies, reduce)
    hides = stack.data_hidden * backward
    once_exposed = maximum(once - hides, 0.0) + again * maximum(scatter - hides, 0.0)

    size = held.dense + held.expert
    narrower = element * (held.packed_dense + held.packed_expert)
    stored = held.packed_dense_bytes + held.packed_expert_bytes
    gathers = 2.0 * collect(element * size - narrower + stored, shards, "all_gather")
    gathers = gathers + collect(stack.shard_gradient_bytes * trained, shards, "reduce_scatter")
    hides, before = stack.shard_hidden * compute, layout.micro_batches - 1.0
    each_exposed = maximum(gathers - hides, 0.0) * before + maximum(gathers + copies - hides, 0.0)
    exposed = where(layout.zero >= 3, each_exposed, once_exposed)
    volume = where(layout.zero >= 3, gathers * layout.micro_batches + copies, once + again * scatter)
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
