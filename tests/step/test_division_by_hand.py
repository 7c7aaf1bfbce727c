"""A model as a pipeline divides it: what runs, what is kept, sent and cast, and who holds the parameters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from toy import ATTEND, EMBED, EXPERTS, HEAD, LAYER, model

from mfu_planner.architectures.model import Architecture, Block
from mfu_planner.counting.finetune import ADAPTER
from mfu_planner.operators import (
    ONE_PER_SEQUENCE,
    TOKENS,
    Convolution,
    Elementwise,
    Layout,
    MatMul,
    Norm,
    Role,
    Rows,
    SelectiveScan,
    Split,
    Stream,
    Traffic,
    Workload,
)
from mfu_planner.step.division import Parameters, divide
from mfu_planner.step.exchange import ends, parameters_on_device

PLAIN = divide(model())
ROUTED = divide(model(EXPERTS))


def kind_of(*operators: Any, layers: int = 1, **change: Any) -> Any:
    """The kind of a block of these operators."""
    return divide(model(operators, layers, **change)).body[0]


def test_what_stands_where() -> None:
    """A table, four layers, the head."""
    assert [[kind.block.name for kind in part] for part in (PLAIN.before, PLAIN.body, PLAIN.after)] == [
        ["embedding"], ["layers"], ["head"]
    ]  # fmt: skip
    assert (PLAIN.layers, PLAIN.hidden, PLAIN.params) == (4, 8, 256 + 4 * 456 + 8 + 256)
    # a head of 8 · 32 multiply-adds against a layer of 64 + 64 + 64 + 128 + 128
    assert PLAIN.head_layers == 256 / 448
    assert ROUTED.head_layers == 256 / (3 * 64 + 2 * 2 * 128)
    assert (PLAIN.routed, PLAIN.experts, PLAIN.heads) == (False, 0, 4)
    assert (ROUTED.routed, ROUTED.experts, ROUTED.heads) == (True, 4, 4)
    first, body, head = model().blocks
    mixed = divide(Architecture("toy", (first, body, replace(body, operators=EXPERTS, layers=(4,)), head), 8, 32))
    assert (mixed.routed, mixed.experts, mixed.layers) == (True, 4, 5)
    assert [kind.count for kind in PLAIN.kinds] == [1, 4, 1]
    assert (PLAIN.adapted, PLAIN.two_stacks) == (False, False)


def test_models_without_something() -> None:
    """No attention, no products in the layers, no layers at all."""
    assert divide(model((Norm(name="n", width=8),))).heads == 1
    assert divide(model((Norm(name="n", width=8),))).head_layers == 256
    bare = divide(Architecture("toy", (EMBED, HEAD), 8, 32))
    assert (bare.layers, len(bare.before), len(bare.body), len(bare.after)) == (1, 0, 1, 1)


def test_towers_beside_the_main_stack() -> None:
    """An encoder's layers on every sample are a second stack; a vision tower's images are not; nor is one behind."""
    text = Block("encoder", LAYER, (0, 1), stack="text")
    images = tuple(replace(op, rows=Rows(Stream.IMAGE, 4)) for op in LAYER if isinstance(op, MatMul))
    vision = Block("vision", images, (0, 1), stack="vision")
    assert divide(model(LAYER, 4, text)).two_stacks
    beside = divide(model(LAYER, 4, vision))
    assert not beside.two_stacks
    assert (beside.layers, [kind.block.name for kind in beside.before]) == (4, ["embedding", "vision"])
    assert beside.before[1].idle(Workload(1, 4))
    assert not beside.before[1].idle(Workload(1, 4, images=1))
    assert not beside.body[0].idle(Workload(1, 4))
    between = Block("between", (Norm(name="n", width=8),))
    start, *middle = model().blocks[:2]
    mixed = Architecture("toy", (start, *middle, between, replace(middle[0], layers=(4, 5)), HEAD), 8, 32)
    assert [kind.block.name for kind in divide(mixed).body] == ["layers", "between", "layers"]


def test_what_a_block_runs_sends_and_keeps() -> None:
    """q and kv are one product; passes of 2 · 8 and 3 · 8 outside, 2 · 16 inside the tensor-parallel region."""
    kind = PLAIN.body[0]
    products = {op.name: (op.inputs, op.outputs) for op in kind.operators if isinstance(op, MatMul)}
    assert products == {"q": (8, 16), "o": (8, 8), "up": (8, 16), "down": (16, 8)}
    passes = {op.split: op.width * (op.read + op.written) for op in kind.operators if isinstance(op, Elementwise)}
    assert passes == {Split.SEQUENCE: 16 + 24, Split.HEADS: 32}
    assert kind.exchanges == {(Traffic.KEYS, TOKENS, 8): 1, (Traffic.SUM, TOKENS, 8): 2}
    # whole: the norm's, q's and up's input; divided: queries 8, keys and values 8, inputs of o 8 and down 16, act 16
    assert kind.kept == ((TOKENS, 8 + 8 + 8, 8 + 8 + 8 + 16 + 16),)
    assert kind.cast == ((TOKENS, 8 + 8 + 8 + 16),)
    assert (kind.rows, kind.width, kind.routed, kind.halves, kind.layered) == (TOKENS, 8, False, 1.0, True)
    assert (PLAIN.after[0].cast, PLAIN.after[0].layered) == ((), False)


def test_what_experts_send_and_keep() -> None:
    """Rows of two experts out and back; each of two inputs of 8 and of 16."""
    kind = ROUTED.body[0]
    assert kind.exchanges == {
        (Traffic.KEYS, TOKENS, 8): 1,
        (Traffic.SUM, TOKENS, 8): 2,
        (Traffic.EXPERTS, TOKENS, 16): 2,
    }
    assert kind.cast == ((TOKENS, 8 + 8 + 2 * 8 + 2 * 16),)
    assert kind.kept == ((TOKENS, 8 + 8 + 2 * 8, 8 + 8 + 8 + 2 * 16),)
    assert kind.routed


def test_one_tensor_is_kept_once() -> None:
    """As the widest reader says; rows of another stream apart; frozen products keep nothing, unless adapters train."""
    two = [MatMul(name=n, inputs=w, outputs=4, reads="h") for n, w in (("a", 8), ("b", 12), ("c", 10))]
    pooled = MatMul(name="pool", inputs=6, outputs=4, split=Split.ROW, rows=ONE_PER_SEQUENCE)
    assert kind_of(*two, pooled).kept == ((TOKENS, 12, 0), (ONE_PER_SEQUENCE, 0, 6))
    frozen = MatMul(name="a", inputs=8, outputs=4, trainable=False)
    assert kind_of(frozen).kept == ()
    adapter = MatMul(name=f"x{ADAPTER}", inputs=5, outputs=4)
    adapted = divide(model((frozen, adapter)))
    assert adapted.adapted
    assert adapted.body[0].kept == ((TOKENS, 8 + 5, 0),)


SCAN = SelectiveScan(name="scan", channels=8, state=2)
CONV = Convolution(name="conv", in_channels=8, out_channels=8, kernel=3)
UP = MatMul(name="up", inputs=8, outputs=8, role=Role.MLP)


@pytest.mark.parametrize(
    ("operators", "halves"),
    [
        ((ATTEND, UP), 1), ((SCAN, UP), 1), ((CONV, UP), 1), ((ATTEND,), 0.5), ((UP,), 0.5),
        ((ATTEND, replace(UP, role=Role.SHARED_EXPERT)), 1), ((ATTEND, replace(UP, role=Role.ATTENTION)), 0.5),
        ((Norm(name="n", width=8),), 0.5),
    ],
)  # fmt: skip
def test_halves_of_a_layer(operators: Any, halves: float) -> None:
    """A mixer is one, a feed-forward part the other; never less than one."""
    assert kind_of(*operators).halves == halves


@pytest.mark.parametrize(
    ("operators", "convolves"),
    [((CONV,), True), ((CONV, UP), True), ((CONV, ATTEND), False), ((CONV, SCAN), False), ((UP,), False),
     ((CONV, ATTEND, UP), False)],
)  # fmt: skip
def test_blocks_of_convolutions(operators: Any, convolves: bool) -> None:
    """One that mixes its rows in another way too is none of them."""
    assert kind_of(*operators).convolves == convolves


def test_layers_of_different_experts_have_as_many_as_the_most() -> None:
    """Four in one kind of layer, eight in another."""
    eight = tuple(replace(op, copies=8) if isinstance(op, MatMul) and op.routed else op for op in EXPERTS)
    first, body, head = model(EXPERTS).blocks
    mixed = divide(Architecture("toy", (first, body, replace(body, operators=eight, layers=(4,)), head), 8, 32))
    assert mixed.experts == 8


def test_the_residual_stream() -> None:
    """The last sum outside the tensor-parallel region; else the first operator's rows and the model's width."""
    sums = [Elementwise(name=n, width=w, read=2, rows=r) for n, w, r in (("a", 4, TOKENS), ("b", 6, ONE_PER_SEQUENCE))]
    assert (kind_of(*sums).rows, kind_of(*sums).width) == (ONE_PER_SEQUENCE, 6)
    inside, single = replace(sums[1], split=Split.COLUMN), replace(sums[1], read=1)
    for last in (inside, single):
        assert (kind_of(sums[0], last).rows, kind_of(sums[0], last).width) == (TOKENS, 4)
    pooled = replace(UP, rows=ONE_PER_SEQUENCE)
    assert (kind_of(pooled).rows, kind_of(pooled).width) == (ONE_PER_SEQUENCE, 8)


@pytest.mark.parametrize(
    ("layout", "first", "body", "last"),
    [
        (Layout(), 256, 4 * 456, 264),
        # norms stay whole, all else is halved
        (Layout(tp=2.0), 128, 4 * (8 + 224), 8 + 128),
        (Layout(pp=2.0), 256, 4 * 456, 264),
    ],
)  # fmt: skip
def test_parameters_of_a_device(layout: Layout, first: float, body: float, last: float) -> None:
    """Of the first stage, the layers, the last stage; the average device has a share of them and a fuller end."""
    held = PLAIN.body[0].parameters(layout)
    assert held == Parameters(body, 0, body, 0) == PLAIN.body[0].parameters(layout)
    assert [end.dense for end in ends(PLAIN, layout)] == [first, last]
    both = first + last if layout.pp == 1 else max(first, last)
    assert parameters_on_device(PLAIN, layout).trained_dense == both + body / layout.pp


@pytest.mark.parametrize(
    ("layout", "dense", "expert"),
    [
        # 8 + 3 · 64 of attention; four experts of 256
        (Layout(), 200, 1024), (Layout(ep=2.0, dp=2.0), 200, 512), (Layout(ep=4.0, dp=4.0), 200, 256),
        (Layout(tp=2.0), 8 + 96, 512), (Layout(tp=2.0, ep=2.0), 104, 512), (Layout(tp=2.0, ep=2.0, etp=2.0), 104, 256),
    ],
)  # fmt: skip
def test_parameters_of_experts(layout: Layout, dense: float, expert: float) -> None:
    """Counted apart, over expert parallelism and the degree of one expert."""
    assert ROUTED.body[0].parameters(layout) == Parameters(4 * dense, 4 * expert, 4 * dense, 4 * expert)
    assert parameters_on_device(ROUTED, layout).trained_expert == 4 * expert


def test_frozen_parameters_are_held_and_not_trained() -> None:
    """Dense and routed alike; one set of weights for all four layers where they share it."""
    frozen = divide(model(tuple(replace(op, trainable=False) for op in EXPERTS))).body[0]
    assert frozen.parameters(Layout()) == Parameters(800, 4096, 0, 0)
    body = Block("layers", LAYER, (0, 1, 2, 3), shared=True)
    shared = divide(Architecture("toy", (EMBED, body, HEAD), 8, 32)).body[0]
    assert (shared.parameters(Layout()).dense, shared.count, shared.sets) == (456, 4, 1)


def test_a_tied_head_is_a_copy_on_a_stage_of_its_own() -> None:
    """256 of the table, with the head on one device; twice on two stages, halved by TP; the norm of 8 beside it."""
    tied = replace(HEAD, operators=tuple(
        replace(op, shared_with="embed") if isinstance(op, MatMul) else op for op in HEAD.operators
    ))  # fmt: skip
    held = divide(model(head=tied))
    assert [end.dense for end in ends(held, Layout())] == [256, 8]
    assert [end.dense for end in ends(held, Layout(pp=2.0))] == [256, 8 + 256]
    assert [end.trained_dense for end in ends(held, Layout(pp=2.0, tp=2.0))] == [128, 8 + 128]
    assert [end.dense for end in ends(held, Layout(pp=1))] == [256, 8]


def test_sums_of_parameters() -> None:
    """Kind by kind, the other one so many times over."""
    assert Parameters() == (0,) * 8
    one, ten = Parameters(*range(1, 9)), Parameters(*range(10, 90, 10))
    assert one.plus(ten) == (11, 22, 33, 44, 55, 66, 77, 88)
    assert one.plus(ten, 3) == (31, 62, 93, 124, 155, 186, 217, 248)
