"""One training step: layers, pipeline, gradient exchange and update put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mfu_planner.prediction.exchange import accumulate_time, gradient_exchange, update_time
from mfu_planner.prediction.kernels import issue_bound, memory_bound_time
from mfu_planner.prediction.layers import HALF, layer_parts
from mfu_planner.prediction.layout import recomputed_share
from mfu_planner.prediction.pipeline import balanced_stages, pipeline_time, uniform_stages
from mfu_planner.prediction.products import product_time

if TYPE_CHECKING:
    from mfu_planner.prediction.arrays import Numbers
    from mfu_planner.prediction.constants import Machine, Stack
    from mfu_planner.prediction.layers import Parts
    from mfu_planner.prediction.layout import Layout
    from mfu_planner.prediction.work import ModelWork


@dataclass(frozen=True)
class Step:
    """A step and its parts [s], each a number or an array over layouts."""

    total: Numbers
    parts: dict[str, Numbers]
    """Seconds by cause on the average device; they add up to ``total``."""
    device_bound: Numbers
    """Share of the micro-batch that the device, not the host, sets."""


def stage_plan(model: ModelWork, layout: Layout, balanced: float) -> tuple[Numbers, Numbers, Numbers]:
    """(most layers on a stage without the head, layers on the first stage, layers beside the head) for each layout."""
    import numpy as np

    weight = sum(p.inputs * p.outputs * p.copies for p in model.layers[0].products) if model.layers else 1.0
    head_layers = model.vocab * model.hidden / weight

    def plan(stages: float) -> tuple[float, float, float]:
        if balanced and stages > 1:
            return balanced_stages(model.layer_count, int(stages), head_layers)
        return uniform_stages(model.layer_count, int(stages))

    stages = np.asarray(layout.pp, dtype=np.float64)
    if not stages.ndim:
        return plan(float(stages))
    unique, inverse = np.unique(stages, return_inverse=True)
    table = np.array([plan(float(p)) for p in unique])[inverse.reshape(stages.shape)]
    return table[..., 0], table[..., 1], table[..., 2]


def head_times(model: ModelWork, layout: Layout, machine: Machine, stack: Stack) -> Parts:
    """Seconds of logits and loss for one micro-batch, forward and backward together: products and bytes."""
    import numpy as np

    tokens = layout.micro_batch * layout.seq_len / layout.cp
    if not model.vocab:
        return {"products": 0.0 * tokens, "product_flops": 0.0 * tokens, "pointwise": 0.0 * tokens}
    width = model.vocab / layout.tp
    rate = machine.wide_products
    trained = np.where(np.asarray(layout.adapters) > 0, 0.0, 1.0)
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


def step_time(
    model: ModelWork, layout: Layout, machine: Machine, stack: Stack, *, layer_only: bool = False, parts: bool = True
) -> Step:
    """Seconds of one optimizer step for each layout, with its parts.

    ``layer_only``: the forward and backward of the layers for one micro-batch and nothing else (single-layer
    benchmarks).
    ``parts``: whether the waterfall is wanted (searches do without).
    """
    import numpy as np

    full = recomputed_share(layout.recompute)
    chosen = np.asarray(layout.recompute) == 1
    sums: dict[str, Numbers] = {}
    device_layer: Numbers = 0.0
    host_layer: Numbers = 0.0
    host_scale = np.where(np.asarray(layout.compiled) > 0, stack.host_compiled, 1.0)
    crowd = np.where(np.asarray(layout.tp) > 1, (np.minimum(layout.tp, 8.0) / 8.0) ** 2, 0.0)
    for layer in model.layers:
        forward, backward = layer_parts(layer, layout, machine, stack, model.hidden)
        share = layer.count / model.layer_count
        again = np.where(chosen, stack.selective_share, full)
        attention_again = np.where(chosen, 0.0 if stack.fused_attention else 1.0, full)
        ideal = (forward["product_flops"] + backward["product_flops"]) / machine.peak_flops_per_s
        attention_ideal = (forward["attention_flops"] + backward["attention_flops"]) / machine.wide_peak_flops_per_s
        products = forward["products"] + backward["products"]
        attention = forward["attention"] + backward["attention"]
        redo = (
            again * (forward["products"] + forward["pointwise"] + forward["casts"])
            + attention_again * forward["attention"]
            + full * (forward["tensor"] + forward["expert"] + forward["context"])
        )
        pieces = {
            "ideal": ideal + attention_ideal,
            "matmul_inefficiency": products - ideal,
            "attention": attention - attention_ideal,
            "pointwise": forward["pointwise"] + backward["pointwise"],
            "casts": forward["casts"] + backward["casts"],
            "recompute": redo,
            "tensor_parallel": forward["tensor"] + backward["tensor"],
            "expert_parallel": forward["expert"] + backward["expert"],
            "context_parallel": forward["context"] + backward["context"],
        }
        for name, value in pieces.items():
            sums[name] = sums.get(name, 0.0) + share * value
            device_layer = device_layer + share * value
        passes = 2.0 + full
        host = layer.halves * (stack.forward_host_s * (1.0 + full) + stack.backward_host_s) + passes * (
            stack.tensor_host_s * crowd + (stack.expert_host_s if layer.routed else 0.0)
        )
        host_layer = host_layer + share * host_scale * host
    if layer_only:
        return Step(device_layer * model.layer_count, {k: v * model.layer_count for k, v in sums.items()}, 1.0)
    return _compose(model, layout, machine, stack, sums, device_layer, host_layer, parts=parts)


def _compose(
    model: ModelWork,
    layout: Layout,
    machine: Machine,
    stack: Stack,
    sums: dict[str, Numbers],
    device_layer: Numbers,
    host_layer: Numbers,
    *,
    parts: bool,
) -> Step:
    import numpy as np

    head = head_times(model, layout, machine, stack)
    head_s = head["products"] + head["pointwise"]
    most, _, last = stage_plan(model, layout, stack.balanced_stages)
    layers = float(model.layer_count)
    pp = np.asarray(layout.pp, dtype=np.float64)
    count = layout.micro_batches

    tp = np.asarray(layout.tp, dtype=np.float64)
    across = layout.tp * layout.pp * layout.cp * layout.dp > machine.node_devices
    both = (pp > 1) & across & (tp > 1)
    slow = np.where(both, stack.pipeline_tensor_s * tp**stack.pipeline_tensor_exponent, 0.0)
    slow = slow + stack.wide_tensor_s * np.maximum(tp / machine.node_devices - 1.0, 0.0)
    plain = issue_bound(device_layer, host_layer)
    busy = issue_bound(device_layer, host_layer + slow)
    extra = busy - plain
    middle = most * busy
    end = last * busy + head_s
    slowest = np.maximum(middle, end)
    total_stages = layers * busy + head_s
    trained = np.where(np.asarray(layout.adapters) > 0, 0.0, 1.0)
    accumulate = trained * accumulate_time(model, layout, machine, stack)
    slowest = slowest + accumulate
    total_stages = total_stages + accumulate * pp
    pipeline = pipeline_time(slowest, total_stages, count, layout.vpp)

    gradient, hidden_s = gradient_exchange(model, layout, machine, stack, layers / pp, busy, head_s)
    gradient, hidden_s = trained * gradient, trained * hidden_s
    update = trained * update_time(model, layout, machine, stack)
    send = (
        HALF
        * layout.micro_batch
        * layout.seq_len
        / layout.cp
        * model.hidden
        / np.where(stack.scatter_sends > 0, layout.tp, 1.0)
    )
    wire = np.minimum(
        machine.fabric.efficiency * machine.fabric.nic_bytes_per_s, machine.links["all_gather"].bandwidth_bytes_per_s
    )
    sends = np.where(
        pp > 1, (2.0 * layout.vpp * (send / wire + stack.send_fixed_s)) * (count + pp - 1) * stack.send_exposed, 0.0
    )
    drag = stack.drag * hidden_s
    total = pipeline + gradient + update + stack.step_fixed_s + sends + drag

    if not parts:
        return Step(total, {}, 1.0)
    per_device = count * layers / pp
    shown: dict[str, Numbers] = {name: value * per_device for name, value in sums.items()}
    head_ideal = head["product_flops"] / machine.wide_peak_flops_per_s
    shown["ideal"] = shown["ideal"] + count * head_ideal / pp
    shown["matmul_inefficiency"] = shown["matmul_inefficiency"] + count * (head["products"] - head_ideal) / pp
    shown["pointwise"] = shown["pointwise"] + count * head["pointwise"] / pp
    shown["launch"] = per_device * (busy - extra - device_layer) + stack.step_fixed_s
    shown["pipeline_latency"] = per_device * extra + sends
    shown["stage_imbalance"] = count * (slowest - total_stages / pp)
    shown["bubble"] = pipeline - count * slowest
    shown["data_parallel"] = gradient + drag
    shown["optimizer"] = update + count * accumulate
    return Step(total, shown, np.minimum(1.0, device_layer / busy))
