"""The share of one device, kind by kind: which sizes a degree divides, and which it leaves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mfu_planner.operators import (
    INSIDE,
    TOKENS,
    Attention,
    ChannelDeltaRule,
    Convolution,
    Elementwise,
    GatedDeltaRule,
    Layout,
    Lookup,
    MatMul,
    Norm,
    Operator,
    RecordedProduct,
    Role,
    Rows,
    SelectiveScan,
    Similarity,
    Split,
    StateSpaceDual,
    Stream,
    StreamMixing,
    Workload,
)
from mfu_planner.operators.fusion import fused

TP, SP = Layout(tp=4.0), Layout(tp=4.0, sequence_parallel=1.0)
QUARTER = Rows(factor=0.25)  # type: ignore[arg-type]
LINEAR = MatMul(name="x", inputs=12, outputs=8)
EXPERTS = MatMul(name="x", inputs=12, outputs=8, copies=16, active=2, split=Split.EXPERT)
NORM = Norm(name="x", width=8, vectors=4, copies=4)
GATE = Elementwise(name="x", width=8, weights=4)
TABLE = Lookup(name="x", entries=16, width=3)
CONV = Convolution(name="x", in_channels=8, out_channels=8, kernel=3)
ATTEND = Attention(name="x", heads=8, kv_heads=4, qk_dim=3, v_dim=5)


@pytest.mark.parametrize(
    ("op", "layout", "divided"),
    [
        (LINEAR, SP, {}),  # replicated: every device does it all
        (replace(LINEAR, split=Split.COLUMN), SP, {"outputs": 2}),
        (replace(LINEAR, split=Split.HEADS), TP, {"outputs": 2}),
        (replace(LINEAR, split=Split.ROW), SP, {"inputs": 3}),
        # experts over EP; four devices send a quarter of the rows each; one expert whole on a device …
        (EXPERTS, Layout(tp=4.0, ep=2.0), {"rows": QUARTER, "copies": 8, "load": 1}),
        # … or shared by two, which both work on twice the rows that each of them sent
        (EXPERTS, Layout(tp=4.0, ep=2.0, etp=2.0), {"rows": QUARTER, "copies": 8, "load": 2, "outputs": 4}),
        (EXPERTS, TP, {"rows": QUARTER, "load": 4, "outputs": 2}),
        (replace(EXPERTS, inner=Split.ROW), TP, {"rows": QUARTER, "load": 4, "inputs": 3}),
        (EXPERTS, Layout(ep=2.0, imbalance=1.5), {"copies": 8, "load": 1.5}),
        (EXPERTS, Layout(tp=4.0, imbalance=1.5), {"rows": QUARTER, "load": 6, "outputs": 2}),
        (CONV, TP, {}), (CONV, SP, {"rows": QUARTER}),
        (replace(CONV, split=Split.HEADS), SP, {"out_channels": 2}),
        (TABLE, SP, {}), (replace(TABLE, split=Split.COLUMN), SP, {"entries": 4}),
        (NORM, TP, {}), (NORM, SP, {"rows": QUARTER}),
        (replace(NORM, split=Split.HEADS), SP, {"vectors": 1, "copies": 1}),
        (replace(NORM, split=Split.HEADS, copies=1), SP, {"vectors": 1}),
        (replace(NORM, split=Split.HEADS, vectors=1, copies=1), SP, {"width": 2}),
        (GATE, TP, {}), (GATE, SP, {"rows": QUARTER}),
        (replace(GATE, split=Split.COLUMN), SP, {"width": 2, "weights": 1}),
        (ATTEND, SP, {"heads": 2, "kv_heads": 1}),
        (StreamMixing(name="x", streams=4, width=8), SP, {"rows": QUARTER}),
        (RecordedProduct(name="x", forward=(("bs", 8),), split=Split.REPLICATED), SP, {}),
        (Similarity(name="x", width=8, split=Split.REPLICATED), SP, {}),
        (SelectiveScan(name="x", channels=8, state=3, weights=4), SP, {"weights": 1, "channels": 2}),
        (StateSpaceDual(name="x", heads=8, head_dim=3, groups=4, state=5, chunk=4, weights=12), TP,
         {"weights": 3, "heads": 2, "groups": 1}),
        (GatedDeltaRule(name="x", key_heads=4, value_heads=8, key_dim=3, value_dim=5, weights=12), TP,
         {"weights": 3, "key_heads": 1, "value_heads": 2}),
        (ChannelDeltaRule(name="x", key_heads=4, value_heads=4, key_dim=3, value_dim=5, weights=12), TP,
         {"weights": 3, "key_heads": 1, "value_heads": 1}),
    ],
)  # fmt: skip
def test_one_of_four(op: Operator, layout: Layout, divided: dict[str, Any]) -> None:
    """Named sizes are divided, all others stay; one device has the whole."""
    assert op.piece(layout) == replace(op, **divided)
    assert op.piece(Layout()) == op


def test_devices_that_share_experts_do_all_of_the_work() -> None:
    """The FLOPs of a piece times the devices of the TP group are the whole; the busiest expert does half as much more.

    16 rows · 2 experts · 96 multiply-adds.
    """
    work = Workload(2, 8)
    for layout in (Layout(tp=4.0, ep=2.0), Layout(tp=4.0, ep=2.0, etp=2.0), TP):
        assert 4 * EXPERTS.piece(layout).forward_flops(work) == 2 * 16 * 2 * 96
        assert 4 * EXPERTS.piece(replace(layout, imbalance=1.5)).forward_flops(work) == 3 * 16 * 2 * 96


Q, K = (MatMul(name=n, inputs=6, outputs=o, split=Split.COLUMN, reads="h") for n, o in (("q", 8), ("k", 4)))


@pytest.mark.parametrize(
    ("change", "together"),
    [
        ({}, True), ({"reads": "other"}, False), ({"split": Split.HEADS}, False), ({"inner": Split.ROW}, False),
        ({"copies": 2}, False), ({"active": 2}, False), ({"inputs": 7}, False), ({"rows": QUARTER}, False),
        ({"input_grad": False}, False), ({"trainable": False}, False), ({"bias": True}, True),
    ],
)  # fmt: skip
def test_products_of_one_tensor_are_one(change: dict[str, Any], together: bool) -> None:
    """Queries and keys of one input are one product of 12 outputs, where all else is alike."""
    found = fused([Q, replace(K, **change)])
    assert [(op.name, op.outputs) for op in found] == ([("q", 12)] if together else [("q", 8), ("k", 4)])  # type: ignore[attr-defined]


def test_passes_over_the_same_rows_are_one() -> None:
    """Elements moved: 2 · 8 · 4 by four norms, 3 · 8 by a sum, 2 · 3 by a look-up; the loss stands alone."""
    total = Elementwise(name="s", width=8, read=2)
    loss = Elementwise(name="l", width=99, role=Role.HEAD)
    inside = replace(total, split=Split.COLUMN)
    other = replace(total, rows=QUARTER)
    found = fused([NORM, total, loss, TABLE, inside, other, ATTEND, Elementwise(name="nothing", width=0, rows=Rows())])
    moved = {(op.rows, op.split in INSIDE): op.width * (op.read + op.written) for op in found
             if isinstance(op, Elementwise) and op is not loss}  # fmt: skip
    assert moved == {(TOKENS, False): 64 + 24 + 6, (TOKENS, True): 24, (QUARTER, False): 24}
    assert found[:2] == (loss, ATTEND)
    assert fused([replace(total, width=0)]) == ()


@pytest.mark.parametrize(("copies", "tp", "left"), [(1, 2.0, 1), (2, 2.0, 1), (4, 2.0, 2)])
def test_norms_of_heads_are_divided_with_the_heads(copies: int, tp: float, left: float) -> None:
    """Weights of their own go with their heads; weights that all heads share stay on every device."""
    norm = Norm(name="n", width=6, vectors=4, copies=copies, split=Split.HEADS)
    found = norm.piece(Layout(tp=tp))
    assert (found.vectors, found.copies, found.width) == (4 / tp, left, 6)


def test_the_least_that_convolutions_leave_a_row_of() -> None:
    """Of a window of three every two, then one of five: (1 − 1) · 2 + 5 = 5 rows of the first need (5 − 1) · 2 + 3."""
    rows = Rows(thinned=((3, 2), (5, 2)))
    assert rows.least == 11
    assert [rows.per_sequence(Workload(1, n)) for n in (11, 12, 14, 15)] == [1, 1, 1, 2]
    assert Rows().least == 1


def test_pairs_of_an_image_are_all_of_them_unless_fewer_are_said() -> None:
    """Twenty a picture, three pictures in each of two sequences; seven of them where a mask leaves that many."""
    seen = replace(ATTEND, unit_pairs=20, rows=Rows(Stream.IMAGE, 4))
    allowed = Workload(2, 8, images=3, allowed_pairs_only=True)
    assert [seen.pairs(work) for work in (allowed, replace(allowed, allowed_pairs_only=False))] == [120, 120]
    assert replace(seen, unit_allowed=7).pairs(allowed) == 42
