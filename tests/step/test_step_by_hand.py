"""A whole step by hand: 24 rows of a toy model in three micro-batches, every part of it multiplied out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from toy import BOX, EXPERTS, LAYER, LINKS, STACK, case, model

from mfu_planner.architectures.model import Block
from mfu_planner.machine.constants import LinkRate
from mfu_planner.operators import Layout, MatMul, Rows, Stream, Workload
from mfu_planner.step.evaluate import Busy, overlapped, step
from mfu_planner.step.schedules import DUALPIPE, GPIPE, ZERO_BUBBLE

P = 2 * 8 * 448 / 1000
"""Products of a layer, forward: 8 rows, 448 multiply-adds, 1000 FLOP/s."""
A = 2 * 20 * 16 / 500
"""Attention, forward: 2 · 10 causal pairs, in 16 bits."""
W = 8 * 72 * 2 / 100
"""Passes over 72 elements a row in 2 byte."""
LAYER_S = 3 * P + 3 * A + 2 * W
"""Forward and backward."""
START = 2 * 8 * 16 * 2 / 100
"""Look-ups."""
HEAD_P = 2 * 8 * 8 * 32 / 500
END = 3 * HEAD_P + 2 * 8 * 16 * 2 / 100
"""Head in 16 bits and norm."""
USUAL = {"attention_backward": 2.0, "pointwise_backward": 1.0}
FLOPS = 3 * (2 * 24 * (4 * 448 + 256) + 4 * 2 * 60 * 16)
"""Six sequences: 24 rows through four layers and the head, 60 causal pairs in four layers; forward and twice that."""
SCORES = 3 * 4 * 2 * 60 * 16


def run(architecture: Any = None, layout: dict[str, float] | None = None, **change: Any) -> Any:
    """Three micro-batches of two sequences."""
    asked = Layout(**{"micro_batch": 2.0, "micro_batches": 3.0, **(layout or {})})
    return step(case(asked, architecture, **{**USUAL, **change}))


def seconds(layout: dict[str, float] | None = None, architecture: Any = None, **change: Any) -> float:
    """Of the step."""
    return float(run(architecture, layout, **change).seconds)


def parts(**said: float) -> dict[str, Any]:
    """Seconds by cause; what is not said takes none."""
    names = (
        "ideal", "matmul_inefficiency", "attention", "pointwise", "casts", "recompute", "tensor_parallel",
        "context_parallel", "expert_parallel", "launch", "pipeline_latency", "stage_imbalance", "bubble",
        "data_parallel", "optimizer",
    )  # fmt: skip
    return {name: pytest.approx(said.get(name, 0.0), abs=1e-9) for name in names}


ALONE = {
    "ideal": FLOPS / 1000,
    # the head takes twice as long as at the peak of the layers, attention too
    "matmul_inefficiency": 3 * 3 * HEAD_P / 2,
    "attention": SCORES / 1000,
    "pointwise": 3 * (4 * 2 * W + START + END - 3 * HEAD_P),
}


def test_one_device() -> None:
    """Nothing but work."""
    found = run()
    assert found.parts == parts(**ALONE)
    assert found.seconds == pytest.approx(3 * (4 * LAYER_S + START + END)) == sum(found.parts.values())
    assert (found.model_flops, found.device_bound) == (FLOPS, 1)
    quick = step(case(Layout(micro_batch=2.0, micro_batches=3.0), **USUAL), parts=False)
    assert (quick.seconds, quick.parts, quick.model_flops, quick.device_bound) == (found.seconds, {}, 0, 1)


CROWDED = {"tensor_host_s": 800.0}


@pytest.mark.parametrize(
    ("layout", "operators", "stack", "host"),
    [
        ({}, LAYER, {"forward_host_s": 30.0, "backward_host_s": 40.0}, 70),
        # in full again: the forward twice; of every second layer
        ({"recompute": 2.0}, LAYER, {"forward_host_s": 60.0, "backward_host_s": 40.0}, 160),
        ({"recompute": 1.5}, LAYER, {"forward_host_s": 60.0, "backward_host_s": 40.0}, 130),
        ({"recompute": 1.0}, LAYER, {"forward_host_s": 60.0, "backward_host_s": 40.0}, 100),
        # compiled: a quarter of it
        ({"compiled": 1.0}, LAYER, {"forward_host_s": 300.0, "backward_host_s": 100.0, "host_compiled": 0.25}, 100),
        ({}, LAYER, {"forward_host_s": 300.0, "backward_host_s": 100.0, "host_compiled": 0.25}, 400),
        # a mixer alone is half a layer
        ({}, LAYER[:5], {"forward_host_s": 60.0, "backward_host_s": 40.0}, 50),
        # experts: once a pass
        ({}, EXPERTS, {"expert_host_s": 100.0}, 200), ({}, LAYER, {"expert_host_s": 100.0}, 0),
        ({"recompute": 2.0}, EXPERTS, {"expert_host_s": 100.0}, 300),
        # TP: the square of its eighth, no more beyond, none without
        ({"tp": 2.0}, LAYER, CROWDED, 2 * 800 / 16), ({"tp": 4.0}, LAYER, CROWDED, 2 * 800 / 4),
        ({"tp": 8.0}, LAYER, CROWDED, 1600), ({"tp": 16.0}, LAYER, CROWDED, 1600), ({"tp": 1.0}, LAYER, CROWDED, 0),
        ({"tp": 4.0, "recompute": 2.0}, LAYER, CROWDED, 3 * 800 / 4),
        # a TP group over four nodes: three further ones
        ({"tp": 8.0}, LAYER, {"wide_tensor_s": 100.0, "nodes": 2.0}, 300),
        ({"tp": 8.0}, LAYER, {"wide_tensor_s": 100.0, "nodes": 8.0}, 0),
        ({"tp": 4.0}, LAYER, {"wide_tensor_s": 100.0, "nodes": 8.0}, 0),
    ],
)  # fmt: skip
def test_the_host_issues_layers(layout: dict[str, float], operators: Any, stack: dict[str, Any], host: float) -> None:
    """Seconds of a layer where the host is slower than a device that takes no time; ends are not issued."""
    nodes = stack.get("nodes", 64.0)
    fast = dict.fromkeys(LINKS, LinkRate(0.0, 0.0, 1e30, 0.0))
    net = replace(BOX.fabric, nic_bytes_per_s=1e30)
    rate = replace(BOX.products, peak_flops_per_s=1e30)
    box = replace(BOX, products=rate, wide_products=rate, bandwidth_bytes_per_s=1e30, peak_flops_per_s=1e30,
                  wide_peak_flops_per_s=1e30, links=fast, node_devices=nodes, fabric=net)  # fmt: skip
    said = {k: v for k, v in stack.items() if k != "nodes"}
    assert seconds(layout, model(operators), machine=box, **said) == pytest.approx(3 * 4 * host, abs=1e-9)


def test_a_host_slower_than_the_device() -> None:
    """The rest of each layer is launch, and the fixed part of a step with it; a quicker host costs nothing."""
    found = run(forward_host_s=40.0, backward_host_s=60.0, step_fixed_s=5.0)
    assert found.parts == parts(**ALONE, launch=3 * 4 * (100 - LAYER_S) + 5)
    assert found.device_bound == pytest.approx(LAYER_S / 100)
    assert seconds(forward_host_s=10.0, backward_host_s=20.0) == pytest.approx(seconds())
    # a CPU issues itself: one after the other, in layers alone
    itself = run(forward_host_s=40.0, backward_host_s=60.0, machine=replace(BOX, issues_itself=True))
    assert itself.parts == parts(**ALONE, launch=3 * 4 * 100)


@pytest.mark.parametrize(
    ("recompute", "stack", "again"),
    [
        (0.0, {}, 0), (2.0, {}, P + W + A), (1.5, {}, (P + W + A) / 2),
        # selective: the stack's share of products and passes; attention where it is not fused
        (1.0, {"selective_share": 0.25}, 0.25 * (P + W)), (2.0, {"selective_share": 0.25}, P + W + A),
        (1.0, {"selective_share": 0.25, "fused_attention": 0.0}, 0.25 * (P + W) + A * 32 / 20),
        (2.0, {"fused_attention": 0.0}, P + W + A * 32 / 20),  # over all pairs
    ],
)  # fmt: skip
def test_recomputation(recompute: float, stack: dict[str, float], again: float) -> None:
    """Of each layer, not of the ends."""
    assert run(layout={"recompute": recompute}, **stack).parts["recompute"] == pytest.approx(3 * 4 * again)


def test_exchanges_and_casts_again() -> None:
    """Full recomputation sends again; casts again; all of it is counted apart."""
    # sums over TP 2: twice 128 byte, twice a half round the ring at 10 byte/s
    tensor = 2 * 2 * (1 / 2) * 128 / 10
    found = run(layout={"tp": 2.0, "recompute": 2.0}).parts
    assert found["tensor_parallel"] == pytest.approx(3 * 4 * 2 * tensor)
    assert found["recompute"] == pytest.approx(3 * 4 * ((P + A) / 2 + 8 * 56 * 2 / 100 + tensor))
    # rows to experts: twice 256 byte, half round the ring at 80
    expert = 2 * (1 / 2) * 256 / 80
    found = run(model(EXPERTS), {"ep": 2.0, "dp": 2.0, "micro_batch": 2.0, "recompute": 2.0})
    assert found.parts["expert_parallel"] == pytest.approx(3 * 4 * 2 * expert)
    plain = run(model(EXPERTS), {"ep": 2.0, "dp": 2.0, "micro_batch": 2.0, "recompute": 1.0}, selective_share=1.0)
    assert found.parts["recompute"] - plain.parts["recompute"] == pytest.approx(3 * 4 * (expert + A))
    # keys over CP 2: 4 rows of 8 features, gathered at 20 byte/s, forward and twice backward
    ring = (1 / 2) * 2 * 64 / 20
    found = run(layout={"cp": 2.0, "recompute": 2.0}).parts
    assert found["context_parallel"] == pytest.approx(3 * 4 * 3 * ring)
    assert found["recompute"] == pytest.approx(3 * 4 * ((P + W + A) / 2 + ring))
    cast = 8 * 40 * 3 / 100
    found = run(layout={"recompute": 2.0}, machine=replace(BOX, low_precision=True), cast_bytes=3.0).parts
    assert (found["casts"], found["recompute"]) == about(3 * 4 * 2 * cast, 3 * 4 * (P + W + A + cast))


def about(*values: float) -> Any:
    """Approximately these."""
    return tuple(pytest.approx(value) for value in values)


def test_two_stages() -> None:
    """The head makes the last stage slower by 24.6 s a micro-batch; the others wait for it, and to fill and drain."""
    found = run(layout={"pp": 2.0})
    slowest, total = 2 * LAYER_S + END, 4 * LAYER_S + START + END
    assert found.seconds == pytest.approx(3 * slowest + (total - slowest) + found.parts["pipeline_latency"])
    share = {name: value / 2 for name, value in ALONE.items()}
    # 8 rows of 8 features in 2 byte between stages, forward and back, nothing of it exposed but what the stack says
    sends = 2 * 128 / 5 * (3 + 2 - 1)
    assert found.parts == parts(
        **share, stage_imbalance=3 * (slowest - total / 2), bubble=total - slowest, pipeline_latency=sends
    )
    assert run(layout={"pp": 2.0}, send_exposed=0.0).seconds == pytest.approx(found.seconds - sends)


@pytest.mark.parametrize(
    ("layout", "stack", "expected"),
    [
        ({"pp": 2.0}, {}, 2 * 128 / 5 * 4), ({"pp": 4.0}, {"send_exposed": 0.5}, 0.5 * 2 * 128 / 5 * 6),
        ({"pp": 2.0, "vpp": 2.0}, {"send_fixed_s": 7.0}, 2 * 2 * (128 / 5 + 7) * 4),
        ({"pp": 2.0, "tp": 2.0}, {}, 2 * 128 / 5 * 4), ({"pp": 2.0, "tp": 2.0}, {"scatter_sends": 1.0}, 2 * 64 / 5 * 4),
        ({"pp": 2.0, "cp": 2.0}, {}, 2 * 64 / 5 * 4), ({"pp": 1.0}, {"send_fixed_s": 7.0}, 0), ({"pp": 1}, {}, 0),
    ],
)  # fmt: skip
def test_sends(layout: dict[str, float], stack: dict[str, float], expected: float) -> None:
    """Forward and backward of every chunk, m + p − 1 times, at the slower of network and link."""
    assert run(layout=layout, **stack).parts["pipeline_latency"] == pytest.approx(expected)
    net = replace(BOX.fabric, nic_bytes_per_s=50.0, efficiency=0.5)
    quick = replace(BOX, fabric=net)
    wire = run(layout=layout, machine=quick, **stack).parts["pipeline_latency"]
    fixed = stack.get("send_fixed_s", 0.0) * 4 * 4 if expected else 0.0
    assert wire - fixed == pytest.approx((expected - fixed) / 4)  # 20 byte/s of the link, below 25


@pytest.mark.parametrize(
    ("schedule", "vpp", "left"),
    [
        (0.0, 1.0, 1), (GPIPE, 1.0, 1), (0.0, 2.0, 1 / 2),
        # weight gradients are P, the backward pass 2 P + 2 A + W of a layer; two stages leave DualPipe nothing to wait
        (ZERO_BUBBLE, 1.0, 1 - 2 * P / LAYER_S), (DUALPIPE, 1.0, 0),
    ],
)  # fmt: skip
def test_filling_and_draining(schedule: float, vpp: float, left: float) -> None:
    """What the schedule leaves of one micro-batch on the other stages."""
    found = run(layout={"pp": 2.0, "schedule": schedule, "vpp": vpp})
    assert found.parts["bubble"] == pytest.approx(left * (2 * LAYER_S + START))


def test_a_device_under_dualpipe_works_on_a_stage_and_its_mirror() -> None:
    """Both ends are one device's: of two stages half of all is its own; of four, their mean is the most."""
    two, four = (run(layout={"pp": pp, "schedule": DUALPIPE}) for pp in (2.0, 4.0))
    assert two.parts["stage_imbalance"] == pytest.approx(0.0)
    ends = (2 * LAYER_S + START + END) / 2
    assert four.parts["stage_imbalance"] == pytest.approx(3 * (ends - (4 * LAYER_S + START + END) / 4))


def test_dualpipe_hides_what_goes_to_experts() -> None:
    """Behind a layer that computes longer: of the dispatch, its drag is left; one pipeline stage hides nothing."""
    sent = {
        (pp, schedule): run(
            model(EXPERTS), {"pp": pp, "ep": 2.0, "schedule": schedule}, expert_exposed=0.01, drag=0.25
        ).parts["expert_parallel"]
        for pp in (1.0, 2.0)
        for schedule in (0.0, DUALPIPE)
    }
    assert sent[2.0, 0.0] > 0
    assert sent[2.0, DUALPIPE] == pytest.approx(0.25 * sent[2.0, 0.0])
    assert sent[1.0, DUALPIPE] == sent[1.0, 0.0]


@pytest.mark.parametrize(
    ("device", "sent", "left"),
    [
        # 6 s beside 4 s of dispatch: three quarters of the 4 are saved; beside 1 s, of that second
        (10.0, 4.0, 7.0), (5.0, 4.0, 4.25), (4.0, 4.0, 4.0), (4.0, 0.0, 4.0),
    ],
)  # fmt: skip
def test_what_dualpipe_saves_of_a_layer(device: float, sent: float, left: float) -> None:
    """What runs beside it, but for a quarter of drag; half of it is of the backward pass."""
    layer = Busy(parts={"expert": sent}, device=device, host=0.0, backward=3.0, weights=1.0, experts=sent)
    stack = replace(STACK, drag=0.25)
    found = overlapped(layer, Layout(pp=2.0, schedule=DUALPIPE), stack)
    assert (found.device, found.parts["expert"]) == (left, sent - (device - left))
    assert found.backward == 3 - (device - left) / 2
    assert overlapped(layer, Layout(pp=1.0, schedule=DUALPIPE), stack) is layer


@pytest.mark.parametrize(("recompute", "again"), [(0.0, 0.0), (2.0, P + A + W)])
def test_filling_dualpipe(recompute: float, again: float) -> None:
    """Four stages: (4/2 − 1) of the 3 others, each 1 + B − 3 W in units of a layer, recomputation part of B."""
    found = run(layout={"pp": 4.0, "schedule": DUALPIPE, "recompute": recompute})
    layer = LAYER_S + again
    left = 1 / 3 * (1 + (2 * P + 2 * A + W + again) / layer - 3 * P / layer)
    ends = START + END
    assert found.parts["bubble"] == pytest.approx(left * (4 * layer + ends - (2 * layer + ends) / 2))


@pytest.mark.parametrize(
    ("layout", "stack", "most"),
    [
        # first stages of three layers and a look-up, where stages are filled by cost
        ({"pp": 2.0}, {"balanced_stages": 1.0}, max(3 * LAYER_S + START, LAYER_S + END)),
        ({"pp": 2.0}, {}, 2 * LAYER_S + END),
        # two layers on some, 4/3 beside the head
        ({"pp": 3.0}, {}, 2 * LAYER_S + START),
        ({"pp": 1.0}, {}, 4 * LAYER_S + START + END),
    ],
)  # fmt: skip
def test_the_slowest_stage(layout: dict[str, float], stack: dict[str, float], most: float) -> None:
    """Three times a micro-batch on it, and one on the others."""
    found = run(layout=layout, send_exposed=0.0, **stack)
    assert found.seconds == pytest.approx(3 * most + (4 * LAYER_S + START + END - most))


def test_a_heavy_middle() -> None:
    """Stages of a layer each, look-ups and head for nothing: all are alike, with what adds up gradients on each."""
    bare = replace(model(), blocks=(model().blocks[1],))
    found = run(bare, {"pp": 4.0}, send_exposed=0.0, accumulate_bytes=10.0)
    add = 10 * 456 / 100
    assert found.seconds == pytest.approx((3 + 3) * (LAYER_S + add))
    assert found.parts["optimizer"] == pytest.approx(3 * add)
    assert found.parts["bubble"] == pytest.approx(3 * (LAYER_S + add))
    assert found.parts["stage_imbalance"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("layout", "node", "slow"),
    [
        ({"pp": 2.0, "tp": 2.0}, 2.0, 3 * 4), ({"pp": 2.0, "tp": 4.0}, 4.0, 3 * 16), ({"pp": 2.0, "tp": 2.0}, 4.0, 0),
        ({"pp": 2.0, "tp": 1.0}, 1.0, 0), ({"pp": 1.0, "tp": 2.0, "dp": 2.0}, 2.0, 0),
    ],
)  # fmt: skip
def test_pipelines_of_tensor_groups_across_nodes(layout: dict[str, float], node: float, slow: float) -> None:
    """3 · TP² s of the host for a layer and micro-batch, beside 1000: latency of the pipeline, not launch."""
    box = replace(BOX, node_devices=node)
    usual = {"machine": box, "send_exposed": 0.0, "forward_host_s": 1000.0, "tensor_exposed": 0.0}
    slower = run(layout=layout, pipeline_tensor_s=3.0, pipeline_tensor_exponent=2.0, **usual)
    plain = run(layout=layout, **usual)
    layers = 3 * 4 / layout["pp"]
    assert slower.parts["pipeline_latency"] == pytest.approx(layers * slow, abs=1e-9)
    assert slower.parts["launch"] == pytest.approx(plain.parts["launch"])
    assert slower.seconds - plain.seconds == pytest.approx(slow * (3 * 2 + 2 if layout["pp"] == 2 else 12))


def test_once_a_step() -> None:
    """Gradients of 2344 parameters round the ring, behind half of the last micro-batch's backward; the update."""
    found = run(layout={"dp": 2.0}, gradient_bytes=4.0, data_hidden=0.5, optimizer_bytes=20.0, drag=0.25)
    exchange, hidden = 2 * (1 / 2) * 4 * 2344 / 10, 0.5 * 4 * LAYER_S
    assert found.parts["data_parallel"] == pytest.approx(exchange - hidden + 0.25 * hidden)
    assert found.parts["optimizer"] == pytest.approx(20 * 2344 / 100)
    # on two stages half of the layers' pass, and of their parameters
    found = run(layout={"dp": 2.0, "pp": 2.0}, gradient_bytes=4.0, data_hidden=0.5)
    assert found.parts["data_parallel"] == pytest.approx((264 + 2 * 456) * 4 / 10 - 0.5 * 2 * LAYER_S)
    # ZeRO-3: each micro-batch's gathers behind half of the layers and ends
    found = run(layout={"dp": 2.0, "zero": 3.0}, shard_hidden=0.5)
    each = 2 * (1 / 2) * 2 * 2344 / 20
    assert found.parts["data_parallel"] == pytest.approx(3 * max(each - 0.5 * (4 * LAYER_S + START + END), 0), abs=1e-9)
    found = run(layout={"dp": 2.0, "zero": 3.0}, shard_hidden=0.25)
    assert found.parts["data_parallel"] == pytest.approx(3 * (each - 0.25 * (4 * LAYER_S + START + END)))


def test_towers_without_images_take_no_time() -> None:
    """None in the sequence: as if there were no tower; two images of four rows: two layers of them."""
    images = tuple(replace(op, rows=Rows(Stream.IMAGE, 4)) for op in LAYER if isinstance(op, MatMul))
    seen = model(LAYER, 4, Block("vision", images, (0, 1), stack="vision"))
    assert seconds(architecture=seen) == pytest.approx(seconds())
    work = Workload(6, 4, images=2)
    assert seconds(architecture=seen, work=work) == pytest.approx(seconds() + 3 * 2 * 3 * 2 * P)
