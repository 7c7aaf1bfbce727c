"""Forward and backward time of one block for one micro-batch, by part, straight from the pieces of its operators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfu_planner.numeric import Number, anywhere, maximum, where
from mfu_planner.operators import Elementwise, KernelKind, MatMul, Scan, Traffic
from mfu_planner.operators.layout import alone
from mfu_planner.step.collectives import collective_time
from mfu_planner.step.kernels import (
    cast_time,
    fused_attention_time,
    memory_bound_time,
    misaligned_slowdown,
    padded_head,
    product_time,
)
from mfu_planner.step.placement import members

if TYPE_CHECKING:
    from mfu_planner.machine.constants import Machine, Stack
    from mfu_planner.operators import Launch, Layout, Operator, Workload
    from mfu_planner.step.division import BlockKind

TIMED = ("products", "attention", "pointwise", "casts", "tensor", "expert", "context")
"""Parts of a pass that are seconds."""

Parts = dict[str, Number]


def block_parts(kind: BlockKind, layout: Layout, machine: Machine, stack: Stack, work: Workload) -> tuple[Parts, Parts]:
    """Device seconds of one block and micro-batch, forward and backward, each by part.

    Parts: ``products`` (scans and convolutions with them), ``attention``, ``pointwise``, ``casts`` (to a narrow format,
    or of frozen weights from one: read as stored, written as wide as the run), ``tensor`` (TP collectives as exposed),
    ``expert`` (dispatch and combine), ``context`` (exposed exchange of keys); backward
    ``weights`` is the part of ``products`` that computes weight gradients.

    Parameters
    ----------
    work
        One micro-batch on one device: 1/CP of its sequences.
    """
    return kind.timed(layout, machine, stack, work, lambda: _block_parts(kind, layout, machine, stack, work))


def _block_parts(
    kind: BlockKind, layout: Layout, machine: Machine, stack: Stack, work: Workload
) -> tuple[Parts, Parts]:
    forward: Parts = dict.fromkeys(TIMED, 0)
    backward: Parts = dict.fromkeys((*TIMED, "weights"), 0)
    moved: Number = 0
    losses: list[Number] = []
    for op in kind.pieces(layout):
        if isinstance(op, Elementwise) and op.loss:
            losses.append(op.width * op.rows.count(work))
        else:
            moved = moved + op.moved(work)
        for launch in op.kernels(work):
            if launch.kernel is KernelKind.SCORES:
                part = "attention"
                times = attention_times(launch, op, machine, stack)
            else:
                part = "products"
                times = launch_times(launch, op, machine, stack)
            forward[part], backward[part] = forward[part] + times[0], backward[part] + times[1] + times[2]
            backward["weights"] = backward["weights"] + times[2]
    moved = moved + _routed(kind, layout, work)
    if kind.layered and stack.dropout:
        dropped = stack.dropout_elements * stack.dropout * kind.width
        moved = moved + dropped * kind.rows.count(work) / layout.spread
    factor = stack.convolution_pointwise if kind.convolves else stack.pointwise_factor
    factor = factor * where(layout.compiled > 0, stack.pointwise_compiled, 1.0)
    element, bandwidth = machine.element_bytes, machine.bandwidth_bytes_per_s
    pointwise = memory_bound_time(element * moved, bandwidth, factor)
    forward["pointwise"] = pointwise
    backward["pointwise"] = stack.pointwise_backward * pointwise
    if losses:
        forward["pointwise"] = pointwise + memory_bound_time(stack.loss_bytes * sum(losses), bandwidth, 1.0)
    if machine.low_precision:
        elements = sum(width * rows.count(work) for rows, width in kind.cast) / layout.tp
        cast = cast_time(elements, stack.cast_bytes, bandwidth, stack.cast_factor)
        forward["casts"], backward["casts"] = cast, cast
    for op in kind.pieces(layout):
        if isinstance(op, MatMul) and op.widened and op.stored_bytes is not None:
            moved = op.weights * (op.stored_bytes + element)
            widening = memory_bound_time(moved, bandwidth, 1.0)
            forward["casts"] = forward["casts"] + widening
            backward["casts"] = backward["casts"] + (widening if op.input_grad else 0)
    _communicate(kind, layout, machine, stack, work, forward, backward)
    return forward, backward


def _routed(kind: BlockKind, layout: Layout, work: Workload) -> Number:
    """Elements that bring rows to their experts' order and back move: each exchanged element is read and written."""
    rows = (
        times * width * rows.count(work)
        for (traffic, rows, width), times in kind.exchanges.items()
        if traffic is Traffic.EXPERTS
    )
    return 2 * layout.imbalance / layout.tp * sum(rows)


def launch_times(launch: Launch, op: Operator, machine: Machine, stack: Stack) -> tuple[Number, Number, Number]:
    """Seconds of (forward, input gradient, weight gradient) of a product or a scan.

    The gradients are each as large as the forward with the sizes exchanged; one that nobody needs takes no time.
    """
    if launch.kernel is KernelKind.SCAN:
        slow = launch.flops / (stack.other_fraction * machine.wide_peak_flops_per_s)
        back = slow if op.input_grad else 0
        return (slow, 2 * back, 0) if isinstance(op, Scan) else (slow, back, slow if op.trainable else 0)
    factor: Number = stack.product_factor
    rate = machine.products
    if launch.kernel is KernelKind.WIDE:
        rate = machine.wide_products
    else:
        factor = factor * misaligned_slowdown(launch.n, launch.k, stack.misaligned_factor, stack.alignment_elements)
        if launch.kernel is KernelKind.GROUPED:
            factor = factor * stack.grouped_factor
            rate = machine.grouped_products or rate
    m, n, k, groups, read = maximum(launch.m, 1.0), launch.n, launch.k, launch.groups, launch.read
    return (
        factor * product_time(m, n, k, rate, groups, read),
        factor * product_time(m, k, n, rate, groups, read) if op.input_grad else 0,
        factor * product_time(n, k, m, rate, groups, read) if op.trainable else 0,
    )


def attention_times(launch: Launch, op: Operator, machine: Machine, stack: Stack) -> tuple[Number, Number, Number]:
    """Seconds of attention (forward, backward, nothing), counted on the mask's pairs where it is fused."""
    largest = maximum(launch.k, launch.v)
    needed = 1 if op.input_grad else 0
    if stack.fused_attention:
        padded = padded_head(largest, stack.head_multiple) / largest * launch.flops
        fixed = machine.products.fixed_s
        common = (machine.wide_peak_flops_per_s, stack.attention_fraction, stack.attention_ramp_tokens, fixed)
        return (
            fused_attention_time(padded, launch.seen, *common),
            needed * fused_attention_time(stack.attention_backward * padded, launch.seen, *common),
            0,
        )
    rate = machine.wide_products
    scores = launch.groups * launch.m * launch.n
    products = stack.product_factor * (
        product_time(launch.m, launch.n, launch.k, rate, launch.groups)
        + product_time(launch.m, launch.v, launch.n, rate, launch.groups)
    )
    passes = memory_bound_time(stack.score_passes * scores, machine.bandwidth_bytes_per_s, 1.0)
    odd = stack.odd_head_factor if launch.k % stack.head_alignment else 1.0
    return odd * (products + passes), needed * odd * (2.0 * products + stack.score_backward * passes), 0


def _within_an_expert(sent: Number, layout: Layout, machine: Machine) -> Number:
    """Seconds in which the devices that share an expert gather its rows, or add their sums: the mean of both ways.

    ``sent``: bytes that one device sends to its experts.  Nothing where expert TP is not stated, as in the runs
    that the constants were fitted to.

    References
    ----------
    .. [1] NVIDIA/Megatron-LM, ``moe/token_dispatcher.py``: all-to-all over EP, then all-gather over expert TP;
       reduce-scatter over expert TP, then all-to-all over EP.
    """
    if type(layout.etp) is float and layout.etp <= 1:
        return 0.0
    shared = maximum(layout.etp, 1.0)
    both = sum(
        collective_time(sent * shared, shared, machine.node_devices, 1.0, machine.links[kind], machine.fabric)
        for kind in ("all_gather", "reduce_scatter")
    )
    return where(shared > 1, both / 2.0, 0.0)


def _communicate(
    kind: BlockKind, layout: Layout, machine: Machine, stack: Stack, work: Workload, forward: Parts, backward: Parts
) -> None:
    """Add the exposed collectives of one block to its parts."""
    node, links, fabric, element = machine.node_devices, machine.links, machine.fabric, machine.element_bytes
    near = node if alone(layout.tp) else members(layout.tp, 1.0, node, layout.devices)
    rings: list[Number] = []
    for (traffic, rows, width), times in kind.exchanges.items():
        message = element * width * rows.count(work)
        if traffic is Traffic.SUM:
            if alone(layout.tp):
                continue
            reduce = collective_time(message, layout.tp, near, 2.0, links["all_reduce"], fabric)
            gather = collective_time(message, layout.tp, near, 1.0, links["all_gather"], fabric)
            scatter = collective_time(message, layout.tp, near, 1.0, links["reduce_scatter"], fabric)
            pair = where(layout.sequence_parallel > 0, gather + scatter, reduce)
            exposed = times * where(layout.tp > near, stack.tensor_across, stack.tensor_exposed) * pair
            forward["tensor"], backward["tensor"] = forward["tensor"] + exposed, backward["tensor"] + exposed
        elif traffic is Traffic.EXPERTS:
            if alone(layout.ep) and not anywhere(layout.etp > 1):
                continue
            sent = message * layout.imbalance / layout.tp
            beside = members(layout.ep, layout.expert_tp, node, layout.devices)
            exchanged = collective_time(sent, layout.ep, beside, 1.0, links["alltoall"], fabric)
            exchanged = exchanged + _within_an_expert(sent, layout, machine)
            exposed = times * stack.expert_exposed * exchanged
            forward["expert"], backward["expert"] = forward["expert"] + exposed, backward["expert"] + exposed
        else:
            if alone(layout.cp):
                continue
            whole, local = times * message * layout.cp / layout.tp, members(layout.cp, layout.tp, node, layout.devices)
            rings.append(collective_time(whole, layout.cp, local, 1.0, links["all_gather"], fabric))
    if rings:
        ring, hidden = sum(rings), stack.context_hidden
        forward["context"] = maximum(0.0, ring - hidden * forward["attention"])
        backward["context"] = maximum(0.0, 2.0 * ring - hidden * backward["attention"])
