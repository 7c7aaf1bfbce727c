"""Forward and backward time of one layer for one micro-batch, by part."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mfu_planner.numeric import Number, maximum, where
from mfu_planner.prediction.collectives import collective_time
from mfu_planner.prediction.kernels import cast_time, fused_attention_time, memory_bound_time
from mfu_planner.prediction.products import product_time

if TYPE_CHECKING:
    from mfu_planner.layout.constants import Machine, ProductRate, Stack
    from mfu_planner.layout.layout import Layout
    from mfu_planner.layout.work import AttentionWork, LayerWork, Product

HALF = 2.0  # bytes of a 16-bit element

Parts = dict[str, "Number"]


def product_shape(product: Product, tokens: Number, layout: Layout) -> tuple[Number, Number, Number, Number]:
    """(groups, rows of one group, outputs, inputs) of a product on one device under a layout.

    Routed experts see ``copies`` rows per token, spread evenly over the experts of the EP group (perfect
    balance); their
    weights are split by TP only when EP is 1.  The busiest expert sets the pace (``imbalance``).
    """
    outputs, inputs = product.outputs, product.inputs
    split = product.split
    if split.startswith("expert_"):
        groups = product.weights / layout.ep
        shared = where(layout.ep > 1, layout.tp, 1.0)
        rows = layout.imbalance * tokens * product.copies / shared / groups
        inner = where(layout.ep > 1, 1.0, layout.tp)
        if split == "expert_column":
            return groups, rows, outputs / inner, inputs
        return groups, rows, outputs, inputs / inner
    if split == "column":
        return 1.0, tokens, outputs / layout.tp, inputs
    if split == "row":
        return 1.0, tokens, outputs, inputs / layout.tp
    return 1.0, tokens, outputs, inputs


def misaligned_slowdown(outputs: Number, inputs: Number, factor: float, alignment: float) -> Number:
    """``factor`` where a weight matrix's sizes on one device are no multiples of ``alignment`` elements, else 1.

    References
    ----------
    .. [1] NVIDIA, *Matrix Multiplication Background User's Guide*, section "Tensor Core requirements".
    """
    if factor == 1.0:
        return 1.0
    return where((outputs % alignment != 0) | (inputs % alignment != 0), factor, 1.0)


def products_time(
    products: tuple[Product, ...],
    tokens: Number,
    layout: Layout,
    rate: ProductRate,
    stack: Stack,
    grouped_rate: ProductRate | None = None,
) -> tuple[Number, Number, Number, Number]:
    """(forward seconds, backward seconds, weight-gradient seconds in them, forward FLOPs) of a layer's products on one
    device.

    The backward is the input gradient and the weight gradient, each as large as the forward with the sizes exchanged.
    """
    forward: Number = 0.0
    backward: Number = 0.0
    weights: Number = 0.0
    flops: Number = 0.0
    for product in products:
        groups, rows, n, k = product_shape(product, tokens, layout)
        rows = maximum(rows, 1.0)
        routed = product.split.startswith("expert_")
        odd = misaligned_slowdown(n, k, stack.misaligned_factor, stack.alignment_elements)
        odd = odd * (stack.grouped_factor if routed else 1.0)
        used = grouped_rate if routed and grouped_rate is not None else rate
        forward = forward + odd * product_time(rows, n, k, used, groups)
        weight_gradient = where(layout.adapters > 0, 0.0, product_time(n, k, rows, used, groups))
        backward = backward + odd * (product_time(rows, k, n, used, groups) + weight_gradient)
        weights = weights + odd * weight_gradient
        flops = flops + 2.0 * groups * rows * n * k
    return forward, backward, weights, flops


def padded_head(size: float, multiple: float) -> float:
    """Head size that a fused kernel computes with: the next multiple."""
    return multiple * math.ceil(size / multiple)


def attention_time(
    attention: AttentionWork, layout: Layout, machine: Machine, stack: Stack
) -> tuple[Number, Number, Number]:
    """(forward seconds, backward seconds, forward FLOPs counted on the mask's pairs) of one layer's attention."""
    pairs = attention.mask.pairs(layout.seq_len, layout.seq_len) * layout.micro_batch / layout.cp
    width = attention.heads * (attention.key_dim + attention.value_dim) / layout.tp
    flops = 2.0 * pairs * width
    largest = max(attention.key_dim, attention.value_dim)
    padded = padded_head(largest, stack.head_multiple) / largest
    fixed = machine.products.fixed_s
    if stack.fused_attention:
        keys = attention.window or layout.seq_len
        common = (machine.wide_peak_flops_per_s, stack.attention_fraction, stack.attention_ramp_tokens, fixed)
        forward = fused_attention_time(padded * flops, keys, *common)
        backward = fused_attention_time(stack.attention_backward * padded * flops, keys, *common)
        return forward, backward, flops
    scores = layout.micro_batch * attention.heads / layout.tp * layout.seq_len * layout.seq_len / layout.cp
    rate = machine.wide_products
    batch = layout.micro_batch * attention.heads / layout.tp
    rows = layout.seq_len / layout.cp
    qk = product_time(rows, layout.seq_len, attention.key_dim, rate, batch)
    av = product_time(rows, attention.value_dim, layout.seq_len, rate, batch)
    passes = memory_bound_time(stack.score_passes * scores, machine.bandwidth_bytes_per_s, 1.0)
    odd = stack.odd_head_factor if attention.key_dim % stack.head_alignment else 1.0
    forward = odd * (stack.product_factor * (qk + av) + passes)
    backward = odd * (2.0 * stack.product_factor * (qk + av) + stack.score_backward * passes)
    return forward, backward, flops


def layer_parts(layer: LayerWork, layout: Layout, machine: Machine, stack: Stack, hidden: float) -> tuple[Parts, Parts]:
    """Device seconds of one layer and micro-batch, forward and backward, each by part.

    Parts: ``products``, ``product_flops`` (FLOPs), ``attention``, ``attention_flops``, ``pointwise``, ``casts``,
    ``tensor`` (TP collectives as exposed), ``expert`` (dispatch and combine), ``context`` (exposed ring exchange);
    backward ``weights`` is the part of ``products`` that computes weight gradients.
    """
    tokens = layout.micro_batch * layout.seq_len / layout.cp
    pf, pb, pw, flops = products_time(layer.products, tokens, layout, machine.products, stack, machine.grouped_products)
    trained = where(layout.adapters > 0, 1.0, 2.0)
    forward: Parts = {"products": stack.product_factor * pf, "product_flops": flops}
    backward: Parts = {
        "products": stack.product_factor * pb,
        "weights": stack.product_factor * pw,
        "product_flops": trained * flops,
    }
    if layer.other_flops:
        other = layer.other_flops * tokens / layout.tp
        slow = other / (stack.other_fraction * machine.wide_peak_flops_per_s)
        forward["products"], backward["products"] = forward["products"] + slow, backward["products"] + 2.0 * slow
        forward["product_flops"] = forward["product_flops"] + other
        backward["product_flops"] = backward["product_flops"] + 2.0 * other
    if layer.attention is not None:
        af, ab, aflops = attention_time(layer.attention, layout, machine, stack)
    else:
        af = ab = aflops = 0.0
    forward["attention"], backward["attention"] = af, ab
    forward["attention_flops"], backward["attention_flops"] = aflops, 2.0 * aflops

    spread = where(layout.sequence_parallel > 0, layout.tp, 1.0)
    dropped = stack.dropout_elements * hidden * stack.dropout
    elements = (
        layer.split_elements / layout.tp + (layer.whole_elements + dropped) / spread + layer.routed_elements / layout.tp
    )
    factor = stack.pointwise_factor * where(layout.compiled > 0, stack.pointwise_compiled, 1.0)
    pointwise = memory_bound_time(HALF * tokens * elements, machine.bandwidth_bytes_per_s, factor)
    forward["pointwise"], backward["pointwise"] = pointwise, stack.pointwise_backward * pointwise
    if machine.low_precision:
        width = sum(p.inputs * p.copies for p in layer.products) / layout.tp
        cast = cast_time(tokens * width, stack.cast_bytes, machine.bandwidth_bytes_per_s, stack.cast_factor)
        forward["casts"], backward["casts"] = cast, cast
    else:
        forward["casts"] = backward["casts"] = 0.0
    _communicate(layer, layout, machine, stack, hidden, forward, backward)
    return forward, backward


def _communicate(
    layer: LayerWork, layout: Layout, machine: Machine, stack: Stack, hidden: float, forward: Parts, backward: Parts
) -> None:
    """Add the exposed collectives of one layer to its parts."""
    tokens = layout.micro_batch * layout.seq_len / layout.cp
    message = HALF * tokens * hidden
    reduce = collective_time(message, layout.tp, machine.node_devices, 2.0, machine.links["all_reduce"], machine.fabric)
    gather = collective_time(message, layout.tp, machine.node_devices, 1.0, machine.links["all_gather"], machine.fabric)
    scatter = collective_time(
        message, layout.tp, machine.node_devices, 1.0, machine.links["reduce_scatter"], machine.fabric
    )
    pair = where(layout.sequence_parallel > 0, gather + scatter, reduce)
    exposed = where(layout.tp > machine.node_devices, stack.tensor_across, stack.tensor_exposed)
    forward["tensor"] = backward["tensor"] = exposed * 2.0 * pair
    routed = [p for p in layer.products if p.split == "expert_column"]
    if routed:
        sent = HALF * tokens * hidden * routed[0].copies / layout.tp
        exchange = collective_time(
            sent, layout.ep, machine.node_devices / layout.tp, 1.0, machine.links["alltoall"], machine.fabric
        )
        forward["expert"] = backward["expert"] = stack.expert_exposed * 2.0 * exchange
    else:
        forward["expert"] = backward["expert"] = 0.0
    if layer.attention is not None:
        kv = layer.attention.kv_heads * (layer.attention.key_dim + layer.attention.value_dim) / layout.tp
        ring = collective_time(
            HALF * layout.micro_batch * layout.seq_len * kv,
            layout.cp,
            maximum(machine.node_devices / layout.tp, 1.0),
            1.0,
            machine.links["all_gather"],
            machine.fabric,
        )
        forward["context"] = maximum(0.0, ring - stack.context_hidden * forward["attention"])
        backward["context"] = maximum(0.0, 2.0 * ring - stack.context_hidden * backward["attention"])
    else:
        forward["context"] = backward["context"] = 0.0
