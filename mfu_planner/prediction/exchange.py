"""Once a step: gradients and weights over the data-parallel group, the optimizer's update."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfu_planner.numeric import Number, anywhere, maximum, minimum, where
from mfu_planner.prediction.collectives import collective_time
from mfu_planner.prediction.kernels import memory_bound_time
from mfu_planner.prediction.layers import HALF

if TYPE_CHECKING:
    from mfu_planner.layout.constants import Machine, Stack
    from mfu_planner.layout.layout import Layout
    from mfu_planner.layout.work import ModelWork


def parameters_on_device(model: ModelWork, layout: Layout) -> tuple[Number, Number]:
    """(dense, expert) parameters of the average device's layers plus its share of the embeddings."""
    dense: Number = 0.0
    expert: Number = 0.0
    for layer in model.layers:
        for p in layer.products:
            size = layer.count * p.inputs * p.outputs * p.weights
            if p.split.startswith("expert_"):
                expert = expert + size / (layout.ep * where(layout.ep > 1, 1.0, layout.tp))
            else:
                dense = dense + size / (layout.tp if p.split != "none" else 1.0)
        dense = dense + layer.count * layer.parameters
    tables = model.hidden * model.vocab / layout.tp + model.table_parameters
    untied = 1.0 if not model.tied else 0.0
    single = layout.pp <= 1
    ends = where(single, tables * (1.0 + untied), tables)
    return dense / layout.pp + ends, expert / layout.pp


def gradient_exchange(
    model: ModelWork, layout: Layout, machine: Machine, stack: Stack, layers: Number, busy: Number, head_s: Number
) -> tuple[Number, Number]:
    """(exposed, hidden) seconds of gradient and weight exchange over the data-parallel group."""
    dense, expert = parameters_on_device(model, layout)
    group = layout.dp * layout.cp
    shards = where(layout.zero_group > 0, layout.zero_group, group)
    local = maximum(machine.node_devices / layout.tp, 1.0)
    rate, fabric = machine.links, machine.fabric

    def gather(size: Number, over: Number, kind: str = "all_gather") -> Number:
        return collective_time(size, over, minimum(local, over), 1.0, rate[kind], fabric)

    reduce = collective_time(
        stack.gradient_bytes * dense, group, minimum(local, group), 2.0, rate["all_reduce"], fabric
    )
    scatter = gather(stack.gradient_bytes * dense, shards, "reduce_scatter") + gather(HALF * dense, shards)
    if anywhere(expert > 0):
        over = maximum(group / layout.ep, 1.0)
        reduce = reduce + collective_time(
            stack.gradient_bytes * expert, over, minimum(local, over), 2.0, rate["all_reduce"], fabric
        )
        scatter = scatter + gather(stack.gradient_bytes * expert, over, "reduce_scatter") + gather(HALF * expert, over)
    zero = layout.zero
    once = where(zero >= 1, scatter, reduce)
    window = stack.data_hidden * busy * layers
    once_exposed = maximum(once - window, 0.0)

    size = dense + expert
    gathers = 2.0 * gather(HALF * size, shards) + gather(stack.shard_gradient_bytes * size, shards, "reduce_scatter")
    compute = busy * layers + head_s
    each_exposed = maximum(gathers - stack.shard_hidden * compute, 0.0) * layout.micro_batches
    exposed = where(zero >= 3, each_exposed, once_exposed)
    volume = where(zero >= 3, gathers * layout.micro_batches, once)
    exposed = where(group > 1, exposed, 0.0)
    return exposed, where(group > 1, volume, 0.0) - exposed


def accumulate_time(model: ModelWork, layout: Layout, machine: Machine, stack: Stack) -> Number:
    """Seconds to add one micro-batch's gradients to the sum, by bytes moved."""
    dense, expert = parameters_on_device(model, layout)
    return memory_bound_time(stack.accumulate_bytes * (dense + expert), machine.bandwidth_bytes_per_s, 1.0)


def update_time(model: ModelWork, layout: Layout, machine: Machine, stack: Stack) -> Number:
    """Seconds of gradient clipping and the optimizer's update, by bytes moved."""
    dense, expert = parameters_on_device(model, layout)
    group = layout.dp * layout.cp
    shards = where(layout.zero_group > 0, layout.zero_group, group)
    share = where(layout.zero >= 1, 1.0 / shards, 1.0)
    expert_share = where(layout.zero >= 1, 1.0 / maximum(group / layout.ep, 1.0), 1.0)
    moved = stack.optimizer_bytes * (dense * share + expert * expert_share) + stack.gradient_passes_bytes * (
        dense + expert
    )
    device = memory_bound_time(moved, machine.bandwidth_bytes_per_s, 1.0)
    held = dense * share + expert * expert_share
    return device + layout.offload * offload_time(held, stack.offload_bytes, machine.host_bytes_per_s)


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
    .. math:: t = \\frac{b\\, N}{B_h}

    The states leave the device's memory; nothing of it is hidden behind the backward pass.

    References
    ----------
    .. [1] Ren et al. 2021, *ZeRO-Offload*, arXiv:2101.06840, section 4.
    """
    return each_bytes * parameters / host_bandwidth
