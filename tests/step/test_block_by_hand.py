"""One layer and one micro-batch by part: 8 rows of a toy layer at 1000 FLOP/s, 100 byte/s and links of 10 to 80."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from toy import BOX, EXPERTS, HEAD, LAYER, STACK, model

from mfu_planner.operators import Attention, Layout, Workload
from mfu_planner.questions.model import choose_model
from mfu_planner.step.division import divide
from mfu_planner.step.layers import block_parts

WORK = Workload(2, 4, allowed_pairs_only=True)
"""Two sequences of 4 tokens."""
PRODUCTS = 2 * 8 * 448 / 1000
"""8 rows through 448 multiply-adds."""
SCORES = 2 * (2 * 10) * 4 * 4 / 500
"""10 causal pairs a sequence, 4 heads of 2 + 2, in 16 bits."""


def parts(name: str, operators: Any = LAYER, layout: Layout | None = None, box: Any = BOX, **stack: Any) -> Any:
    """(forward, backward) seconds of a part of one layer."""
    kind = divide(model(operators)).body[0]
    found = block_parts(kind, layout or Layout(), box, replace(STACK, **stack), WORK)
    return tuple(float(each[name]) for each in found)


def about(*values: float) -> Any:
    """Approximately these."""
    return tuple(pytest.approx(value) for value in values)


def test_work_of_a_layer() -> None:
    """Products once forward, twice backward, half of that for weights; attention backward with as many products."""
    assert parts("products") == about(PRODUCTS, 2 * PRODUCTS)
    assert parts("attention", attention_backward=2.0) == about(SCORES, 2 * SCORES)
    kind = divide(model()).body[0]
    forward, backward = block_parts(kind, Layout(), BOX, STACK, WORK)
    assert backward["weights"] == pytest.approx(PRODUCTS)
    assert set(forward) == set(backward) - {"weights"}
    assert {forward[name] for name in ("casts", "tensor", "expert", "context")} == {0}
    unneeded = tuple(replace(op, trainable=False) for op in LAYER)
    assert parts("products", unneeded) == about(PRODUCTS, PRODUCTS)
    assert parts("products", layout=Layout(tp=2.0)) == about(PRODUCTS / 2, PRODUCTS)


def test_passes_over_memory() -> None:
    """Per row 16 of the norm, 24 of the sum and 32 inside, in 2 byte at 100 byte/s."""
    assert parts("pointwise", pointwise_backward=1.5) == about(8 * 72 * 2 / 100, 1.5 * 8 * 72 * 2 / 100)
    assert parts("pointwise", pointwise_factor=3.0)[0] == pytest.approx(3 * 8 * 72 * 2 / 100)
    assert parts("pointwise", layout=Layout(tp=2.0))[0] == pytest.approx(8 * (40 + 16) * 2 / 100)
    assert parts("pointwise", layout=Layout(tp=2.0, sequence_parallel=1.0))[0] == pytest.approx(8 * 36 * 2 / 100)
    # compiled: what is left of it
    for compiled, left in ((0.0, 1), (1.0, 0.25)):
        seconds = parts("pointwise", layout=Layout(compiled=compiled), pointwise_compiled=0.25)[0]
        assert seconds == pytest.approx(left * 8 * 72 * 2 / 100)


def test_dropout_of_a_layer() -> None:
    """Three elements more for each of the 8 of a row, over TP where rows are divided; none beside the layers."""
    usual = {"dropout": 1.0, "dropout_elements": 3.0}
    assert parts("pointwise", **usual)[0] == pytest.approx(8 * (72 + 24) * 2 / 100)
    assert parts("pointwise", dropout=0.5, dropout_elements=3.0)[0] == pytest.approx(8 * (72 + 12) * 2 / 100)
    assert parts("pointwise", dropout_elements=3.0)[0] == pytest.approx(8 * 72 * 2 / 100)
    shared = Layout(tp=2.0, sequence_parallel=1.0)
    assert parts("pointwise", layout=shared, **usual)[0] == pytest.approx(8 * (36 + 12) * 2 / 100)


def test_the_loss_has_bytes_of_its_own() -> None:
    """32 logits a row of 5 byte, forward; the norm before it as any pass; whatever the compiler does."""
    kind = divide(model()).after[0]
    for layout, rest, logits in ((Layout(), 16, 32), (Layout(tp=2.0, compiled=1.0), 16, 16)):
        software = replace(STACK, loss_bytes=5.0, pointwise_backward=1.0, dropout=1.0, dropout_elements=3.0)
        forward, backward = block_parts(kind, layout, BOX, software, WORK)
        assert forward["pointwise"] == pytest.approx(8 * (rest * 2 + logits * 5) / 100)
        assert backward["pointwise"] == pytest.approx(8 * rest * 2 / 100)
        # 16 bits, at 500 FLOP/s
        assert forward["products"] == pytest.approx(2 * 8 * 8 * logits / 500)
    assert len(HEAD.operators) == 3


def test_casts_of_a_narrow_run() -> None:
    """Inputs of products: 8 + 8 + 8 + 16 a row, 4 byte each, three times as slow; over TP; forward and backward."""
    narrow = replace(BOX, low_precision=True)
    usual = {"cast_bytes": 4.0, "cast_factor": 3.0}
    assert parts("casts", box=narrow, **usual) == about(*[3 * 8 * 40 * 4 / 100] * 2)
    assert parts("casts", box=narrow, layout=Layout(tp=2.0), **usual) == about(*[3 * 8 * 20 * 4 / 100] * 2)
    assert parts("casts", **usual) == (0, 0)


def test_passes_of_convolutions() -> None:
    """Blocks of convolutions have a factor of their own, by the same bytes; one with attention has the usual."""
    network = choose_model(model="resnet-50").architecture
    kind = next(k for k in divide(network).body if k.convolves)
    work = Workload(2, network.fixed_length or 1, allowed_pairs_only=True)

    def seconds(layout: Layout, **stack: float) -> float:
        return float(block_parts(kind, layout, BOX, replace(STACK, **stack), work)[0]["pointwise"])

    one = seconds(Layout(), convolution_pointwise=1.0)
    assert one > 0
    asked = {"pointwise_factor": 3.0, "convolution_pointwise": 1.25, "pointwise_compiled": 0.5}
    assert seconds(Layout(), **asked) == pytest.approx(1.25 * one)
    assert seconds(Layout(compiled=1.0), **asked) == pytest.approx(0.625 * one)
    assert parts("pointwise", **asked)[0] == pytest.approx(3 * parts("pointwise")[0])


SUM = 2 * 8 * 8
"""Bytes of the two sums of 8 rows and 8 features each."""


@pytest.mark.parametrize(
    ("layout", "node", "expected"),
    [
        (Layout(), 64, 0),
        # all-reduce: twice round the ring at 10 byte/s, twice a layer, half of it exposed
        (Layout(tp=2.0), 64, 0.5 * 2 * 2 * (1 / 2) * SUM / 10),
        (Layout(tp=4.0), 4, 0.5 * 2 * 2 * (3 / 4) * SUM / 10),
        # gather and scatter instead: once round each, at 20 and 40
        (Layout(tp=2.0, sequence_parallel=1.0), 64, 0.5 * 2 * (1 / 2) * (SUM / 20 + SUM / 40)),
        # two devices a node: two interfaces of 5 byte/s, three times as exposed
        (Layout(tp=4.0), 2, 3 * 2 * 2 * (3 / 4) * SUM / 10),
        (Layout(tp=4.0, sequence_parallel=1.0), 2, 3 * 2 * (3 / 4) * (SUM / 10 + SUM / 10)),
        (Layout(tp=4.0), 1, 3 * 2 * 2 * (3 / 4) * SUM / 5),
        # nodes of four devices: the second group of three has two in one and one in the next, one interface of 5
        (Layout(tp=3.0, dp=4.0), 4, 3 * 2 * 2 * (2 / 3) * SUM / 5),
        (Layout(tp=3.0), 4, 0.5 * 2 * 2 * (2 / 3) * SUM / 10),
    ],
)  # fmt: skip
def test_sums_over_tensor_parallelism(layout: Layout, node: float, expected: float) -> None:
    """Forward, and as much backward."""
    box = replace(BOX, node_devices=float(node))
    assert parts("tensor", box=box, layout=layout, tensor_exposed=0.5, tensor_across=3.0) == about(expected, expected)


ROWS = 2 * 8 * 16
"""Bytes of 8 rows to two experts of 8 features each."""


@pytest.mark.parametrize(
    ("layout", "node", "expected"),
    [
        (Layout(), 64, 0),
        # out and back at 80 byte/s, a quarter exposed
        (Layout(ep=2.0), 64, 0.25 * 2 * (1 / 2) * ROWS / 80),
        (Layout(ep=2.0, imbalance=1.5), 64, 0.25 * 2 * (1 / 2) * 1.5 * ROWS / 80),
        (Layout(ep=4.0, tp=2.0), 64, 0.25 * 2 * (3 / 4) * ROWS / 2 / 80),
        # experts are whole where TP is 2: the four members stand side by side, in one node of four or two of two
        (Layout(ep=4.0, tp=2.0, dp=2.0), 4, 0.25 * 2 * (3 / 4) * ROWS / 2 / 80),
        (Layout(ep=4.0, tp=2.0, dp=2.0), 2, 0.25 * 2 * (3 / 4) * ROWS / 2 / 10),
        # two nodes of six: one member of the second group of four is alone, or two are
        (Layout(ep=4.0, dp=12.0), 6, 0.25 * 2 * (3 / 4) * ROWS / 10),
        (Layout(ep=4.0), 4, 0.25 * 2 * (3 / 4) * ROWS / 80),
        # two devices an expert: rows of both gathered at 20 on the way out, their sums scattered at 40 on the way back
        (Layout(ep=4.0, tp=2.0, etp=2.0), 64, 0.25 * (2 * 3 / 4 * ROWS / 2 / 80 + 1 / 2 * (ROWS / 20 + ROWS / 40))),
        (Layout(ep=4.0, tp=2.0, etp=1.0), 64, 0.25 * 2 * (3 / 4) * ROWS / 2 / 80),
        # one group of experts: nothing to send, but two devices an expert gather its rows all the same
        (Layout(tp=2.0, etp=2.0), 64, 0.25 * (1 / 2) * (ROWS / 20 + ROWS / 40)),
    ],
)  # fmt: skip
def test_rows_to_their_experts(layout: Layout, node: float, expected: float) -> None:
    """Forward, and as much backward."""
    box = replace(BOX, node_devices=float(node))
    assert parts("expert", EXPERTS, layout, box, expert_exposed=0.25) == about(expected, expected)


def test_an_array_of_degrees_of_one_expert() -> None:
    """Each as by itself: nothing within an expert of one device, gather and scatter within one of two."""
    kind, box = divide(model(EXPERTS)).body[0], replace(BOX, node_devices=64.0)
    layout = Layout(ep=4.0, tp=2.0, etp=np.array([1.0, 2.0]))
    alone = 2 * 3 / 4 * ROWS / 2 / 80
    within = 1 / 2 * (ROWS / 20 + ROWS / 40)
    forward, _ = block_parts(kind, layout, box, replace(STACK, expert_exposed=0.25), WORK)
    assert forward["expert"] == pytest.approx([0.25 * alone, 0.25 * (alone + within)])


@pytest.mark.parametrize(
    ("layout", "moved"),
    [
        # 16 of the norm and 24 of the sum; a row of 8 and its two copies, out and back; of what is sent 16 out and back
        (Layout(), 16 + 24 + 2 * (8 + 16) * 2 + 2 * 16 * 2), (Layout(tp=2.0), 16 + 24 + (48 * 2 + 32 * 2) / 2),
        (Layout(imbalance=1.5), 16 + 24 + 48 * 2 + 1.5 * 32 * 2),
    ],
)  # fmt: skip
def test_bringing_rows_to_their_experts_order(layout: Layout, moved: float) -> None:
    """Elements a row in 2 byte at 100 byte/s."""
    assert parts("pointwise", EXPERTS, layout)[0] == pytest.approx(8 * moved * 2 / 100)


KEYS = 2 * 8 * 8
"""Bytes of a device's own rows of keys and values."""


@pytest.mark.parametrize(
    ("layout", "node", "ring"),
    [
        (Layout(cp=2.0), 64, (1 / 2) * 2 * KEYS / 20),
        (Layout(cp=4.0), 64, (3 / 4) * 4 * KEYS / 20),
        (Layout(cp=4.0, tp=2.0), 64, (3 / 4) * 4 * KEYS / 2 / 20),
        # two of four members in a node of four with TP 2, one in one of two
        (Layout(cp=4.0, tp=2.0), 4, (3 / 4) * 4 * KEYS / 2 / 10),
        (Layout(cp=4.0, tp=2.0), 1, (3 / 4) * 4 * KEYS / 2 / 5),
        # nodes of eight hold one group of three twos, and two devices of the next
        (Layout(cp=3.0, tp=2.0, dp=4.0), 8, (2 / 3) * 3 * KEYS / 2 / 5),
    ],
)  # fmt: skip
def test_keys_of_the_whole_sequence(layout: Layout, node: float, ring: float) -> None:
    """Gathered forward, twice as much backward; what attention hides is left out, nothing is negative."""
    box = replace(BOX, node_devices=float(node))
    attention = SCORES / layout.tp
    asked = {"layout": layout, "box": box, "attention_backward": 3.0}
    assert parts("context", **asked) == about(ring, 2 * ring)
    assert parts("context", **asked, context_hidden=0.5) == about(ring - attention / 2, 2 * ring - 3 * attention / 2)
    assert parts("context", **asked, context_hidden=1e9) == (0, 0)
    assert parts("context", box=box) == (0, 0)


def test_two_attentions_hide_together() -> None:
    """Their rings add up before attention hides a share of them."""
    twice = (*LAYER, Attention(name="cross", heads=4, kv_heads=2, qk_dim=2, v_dim=2))
    ring = 2 * (1 / 2) * 2 * KEYS / 20
    assert parts("context", twice, Layout(cp=2.0), context_hidden=0.5)[0] == pytest.approx(ring - SCORES)
