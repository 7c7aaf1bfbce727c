"""One training step: layers, pipeline, gradient exchange and update put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mfu_planner.layout.layout import recomputed_share
from mfu_planner.layout.schedules import fill_share
from mfu_planner.layout.stages import stage_plan
from mfu_planner.numeric import Number, maximum, minimum, power, where
from mfu_planner.prediction.exchange import accumulate_time, gradient_exchange, update_time
from mfu_planner.prediction.kernels import issue_bound, memory_bound_time
from mfu_planner.prediction.layers import HALF, layer_parts
from mfu_planner.prediction.pipeline import pipeline_time
from mfu_planner.prediction.products import product_time

if TYPE_CHECKING:
    from mfu_planner.layout.constants import Machine, Stack
    from mfu_planner.layout.layout import Layout
    from mfu_planner.layout.work import ModelWork
    from mfu_planner.prediction.layers import Parts

TIMED = ("products", "attention", "pointwise", "casts", "tensor", "expert", "context")
"""Parts of a layer's pass that are seconds."""
CROWDED_TENSOR = 8.0
"""TP degree at which ``Stack.tensor_host_s`` is stated; it grows no further."""


@dataclass(frozen=True)
class Step:
    """A step and its parts [s], each a number or an array over layouts."""

    total: Number
    parts: dict[str, Number]
    """Seconds by cause on the average device; they add up to ``total``."""
    device_bound: Number
    """Share of the micro-batch that the device, not the host, sets."""


def head_times(model: ModelWork, layout: Layout, machine: Machine, stack: Stack) -> Parts:
    """Seconds of logits and loss for one micro-batch, forward and backward together: products and bytes."""
    tokens = layout.micro_batch * layout.seq_len / layout.cp
    if not model.vocab:
        return {"products": 0.0 * tokens, "product_flops": 0.0 * tokens, "pointwise": 0.0 * tokens}
    width = model.vocab / layout.tp
    rate = machine.wide_products
    trained = where(layout.adapters > 0, 0.0, 1.0)
    product = (
        product_time(tokens, width, model.hidden, rate)
        + product_time(tokens, model.hidden, width, rate)
        + trained * product_time(model.hidden, width, tokens, rate)
    )
    loss = memory_bound_time(stack.loss_bytes * tokens * width, machine.bandwidth_bytes_per_s, 1.0)
    return {
        "products": stack.product_factor * product,
        "product_flops": (4.0 + 2.0 * trained) * tokens * width * model.hidden,
        "pointwise": loss,
    }


@dataclass(frozen=True, kw_only=True)
class LayerSums:
    """The average layer and micro-batch on one device [s]."""

    parts: Parts
    """By cause; they add up to ``device``."""
    device: Number
    """Of the device alone."""
    host: Number
    """Of the host that issues its kernels."""
    backward: Number
    """Of ``device``, backward and what is computed again for it."""
    weights: Number
    """Of ``device``, weight gradients."""


@dataclass(frozen=True, kw_only=True)
class Stages:
    """One micro-batch on the pipeline's stages [s]."""

    busy: Number
    """One layer, device or host."""
    extra: Number
    """Of ``busy``: slower issuing in wide or mixed groups."""
    slowest: Number
    """The slowest stage, its gradients added up."""
    total: Number
    """All stages."""
    accumulate: Number
    """Adding gradients up, each stage."""
    pipeline: Number
    """All micro-batches through all stages."""


def step_time(
    model: ModelWork, layout: Layout, machine: Machine, stack: Stack, *, layer_only: bool = False, parts: bool = True
) -> Step:
    """Seconds of one optimizer step for each layout, with its parts.

    ``layer_only``: the forward and backward of the layers for one micro-batch and nothing else (single-layer
    benchmarks).
    ``parts``: whether the waterfall is wanted (searches do without).
    """
    sums = layer_sums(model, layout, machine, stack)
    if layer_only:
        count = model.layer_count
        return Step(sums.device * count, {k: v * count for k, v in sums.parts.items()}, 1.0)
    head = head_times(model, layout, machine, stack)
    stages = stage_times(model, layout, machine, stack, sums, head)
    share = model.layer_count / layout.pp
    trained = where(layout.adapters > 0, 0.0, 1.0)
    head_s = head["products"] + head["pointwise"]
    exposed, hidden = gradient_exchange(model, layout, machine, stack, share, stages.busy, head_s)
    once = {
        "sends": send_time(model, layout, machine, stack),
        "data_parallel": trained * exposed + stack.drag * (trained * hidden),
        "update": trained * update_time(model, layout, machine, stack),
    }
    total = stages.pipeline + once["sends"] + once["data_parallel"] + once["update"] + stack.step_fixed_s
    if not parts:
        return Step(total, {}, 1.0)
    shown = waterfall(layout, machine, stack, share, sums, head, stages, once)
    return Step(total, shown, minimum(1.0, sums.device / stages.busy))


def layer_sums(model: ModelWork, layout: Layout, machine: Machine, stack: Stack) -> LayerSums:
    """Seconds of the average layer for one micro-batch, by cause, and of the host."""
    full = recomputed_share(layout.recompute)
    chosen = layout.recompute == 1
    again = where(chosen, stack.selective_share, full)
    attention_again = where(chosen, 0.0 if stack.fused_attention else 1.0, full)
    parts: Parts = {}
    device: Number = 0.0
    host: Number = 0.0
    backward_s: Number = 0.0
    weights: Number = 0.0
    host_scale = where(layout.compiled > 0, stack.host_compiled, 1.0)
    crowd = minimum(layout.tp, CROWDED_TENSOR) / CROWDED_TENSOR
    crowd = where(layout.tp > 1, crowd * crowd, 0.0)
    for layer in model.layers:
        forward, backward = layer_parts(layer, layout, machine, stack, model.hidden)
        share = layer.count / model.layer_count
        pieces = layer_pieces(forward, backward, machine, again, attention_again, full)
        for name, value in pieces.items():
            parts[name] = parts.get(name, 0.0) + share * value
            device = device + share * value
        weights = weights + share * backward["weights"]
        backward_s = backward_s + share * (pieces["recompute"] + sum(backward[name] for name in TIMED))
        passes = 2.0 + full
        issue = layer.halves * (stack.forward_host_s * (1.0 + full) + stack.backward_host_s) + passes * (
            stack.tensor_host_s * crowd + (stack.expert_host_s if layer.routed else 0.0)
        )
        host = host + share * host_scale * issue
    return LayerSums(parts=parts, device=device, host=host, backward=backward_s, weights=weights)


def layer_pieces(
    forward: Parts, backward: Parts, machine: Machine, again: Number, attention_again: Number, full: Number
) -> Parts:
    """One layer's seconds by cause; ``again``, ``attention_again`` and ``full`` are the shares done a second time."""
    ideal = (forward["product_flops"] + backward["product_flops"]) / machine.peak_flops_per_s
    attention_ideal = (forward["attention_flops"] + backward["attention_flops"]) / machine.wide_peak_flops_per_s
    return {
        "ideal": ideal + attention_ideal,
        "matmul_inefficiency": forward["products"] + backward["products"] - ideal,
        "attention": forward["attention"] + backward["attention"] - attention_ideal,
        "pointwise": forward["pointwise"] + backward["pointwise"],
        "casts": forward["casts"] + backward["casts"],
        "recompute": again * (forward["products"] + forward["pointwise"] + forward["casts"])
        + attention_again * forward["attention"]
        + full * (forward["tensor"] + forward["expert"] + forward["context"]),
        "tensor_parallel": forward["tensor"] + backward["tensor"],
        "expert_parallel": forward["expert"] + backward["expert"],
        "context_parallel": forward["context"] + backward["context"],
    }


def stage_times(
    model: ModelWork, layout: Layout, machine: Machine, stack: Stack, sums: LayerSums, head: Parts
) -> Stages:
    """One micro-batch on every stage, and all of them through the pipeline under its schedule."""
    most, _, last = stage_plan(model, layout, stack.balanced_stages)
    pp, tp = (degree for degree in (layout.pp, layout.tp))
    across = layout.devices > machine.node_devices
    both = (pp > 1) & across & (tp > 1)
    slow = where(both, stack.pipeline_tensor_s * power(tp, stack.pipeline_tensor_exponent), 0.0)
    slow = slow + stack.wide_tensor_s * maximum(tp / machine.node_devices - 1.0, 0.0)
    busy = issue_bound(sums.device, sums.host + slow)
    head_s = head["products"] + head["pointwise"]
    trained = where(layout.adapters > 0, 0.0, 1.0)
    accumulate = trained * accumulate_time(model, layout, machine, stack)
    slowest = maximum(most * busy, last * busy + head_s) + accumulate
    total = float(model.layer_count) * busy + head_s + accumulate * pp
    fill = fill_share(layout.schedule, pp, layout.vpp, sums.backward / sums.device, sums.weights / sums.device)
    return Stages(
        busy=busy,
        extra=busy - issue_bound(sums.device, sums.host),
        slowest=slowest,
        total=total,
        accumulate=accumulate,
        pipeline=pipeline_time(slowest, total, layout.micro_batches, fill),
    )


def send_time(model: ModelWork, layout: Layout, machine: Machine, stack: Stack) -> Number:
    """Exposed seconds of activations and their gradients between the stages, a whole step."""
    pp = layout.pp
    split = where(stack.scatter_sends > 0, layout.tp, 1.0)
    message = HALF * layout.micro_batch * layout.seq_len / layout.cp * model.hidden / split
    wire = minimum(
        machine.fabric.efficiency * machine.fabric.nic_bytes_per_s, machine.links["all_gather"].bandwidth_bytes_per_s
    )
    each = 2.0 * layout.vpp * (message / wire + stack.send_fixed_s)
    return where(pp > 1, each * (layout.micro_batches + pp - 1) * stack.send_exposed, 0.0)


def waterfall(
    layout: Layout,
    machine: Machine,
    stack: Stack,
    share: Number,
    sums: LayerSums,
    head: Parts,
    stages: Stages,
    once: Parts,
) -> Parts:
    """Seconds by cause on the average device, which holds ``share`` layers; they add up to the step."""
    count, pp = layout.micro_batches, layout.pp
    shown: Parts = {name: value * (count * share) for name, value in sums.parts.items()}
    head_ideal = head["product_flops"] / machine.wide_peak_flops_per_s
    shown["ideal"] = shown["ideal"] + count * head_ideal / pp
    shown["matmul_inefficiency"] = shown["matmul_inefficiency"] + count * (head["products"] - head_ideal) / pp
    shown["pointwise"] = shown["pointwise"] + count * head["pointwise"] / pp
    shown["launch"] = count * share * (stages.busy - stages.extra - sums.device) + stack.step_fixed_s
    shown["pipeline_latency"] = count * share * stages.extra + once["sends"]
    shown["stage_imbalance"] = count * (stages.slowest - stages.total / pp)
    shown["bubble"] = stages.pipeline - count * stages.slowest
    shown["data_parallel"] = once["data_parallel"]
    shown["optimizer"] = once["update"] + count * stages.accumulate
    return shown
