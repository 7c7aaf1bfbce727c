"""Every kind of operator, small: its parameters, work, bytes, kernels and exchanges, each multiplied out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mfu_planner.operators import (
    ALL,
    ONE_PER_SEQUENCE,
    TARGET_TOKENS,
    Attention,
    ChannelDeltaRule,
    CompressedAttention,
    Convolution,
    Elementwise,
    Exchange,
    KeptTensor,
    KernelKind,
    Lookup,
    Mask,
    MaskKind,
    MatMul,
    Norm,
    Operator,
    RecordedProduct,
    Region,
    Role,
    Rows,
    SelectiveScan,
    Similarity,
    Split,
    StateSpaceDual,
    Stream,
    StreamMixing,
    Traffic,
    Workload,
    window,
)

W = Workload(2, 8, 4, 3)
"""16 rows of the sequence, 8 of the decoder's, 6 images."""
LINEAR = MatMul(name="up", inputs=5, outputs=7, bias=True, split=Split.COLUMN, role=Role.MLP)
DOWN = replace(LINEAR, name="down", split=Split.ROW)
EXPERTS = MatMul(name="experts", inputs=5, outputs=7, copies=8, active=2, bias=True, split=Split.EXPERT)
BACK = replace(EXPERTS, name="back", inner=Split.ROW)
PATCH = Convolution(name="patch", in_channels=6, out_channels=10, kernel=9, groups=2, bias=True)
DEEP = Convolution(name="deep", in_channels=6, out_channels=6, kernel=4, groups=6, split=Split.HEADS)
ATTEND = Attention(name="attend", heads=4, kv_heads=2, qk_dim=3, v_dim=5)
MIX = StreamMixing(name="mix", streams=4, width=5)
SEEN = RecordedProduct(name="seen", forward=(("b", 7), ("bs", 5), ("bss", 3)),
                       backward=(("b", 1), ("bs", 2), ("bss", 4)), weights=11)  # fmt: skip
TABLE = Lookup(name="table", entries=100, width=6)
RMS = Norm(name="norm", width=6, bias=True, copies=3, vectors=4)
GATE = Elementwise(name="gate", width=6, read=2, written=1, kept=2, weights=9)
MAMBA = SelectiveScan(name="scan", channels=6, state=5, weights=10)
PLAIN = Operator(name="plain")


@pytest.mark.parametrize(
    ("op", "params", "active"),
    [
        (PLAIN, 0, 0),
        (LINEAR, 5 * 7 + 7, 42),
        (replace(LINEAR, bias=False), 35, 35),
        (replace(LINEAR, shared_with="table"), 7, 7),  # a tied head still has a bias of its own
        (EXPERTS, 8 * (35 + 7), 2 * (35 + 7)),
        (PATCH, 10 * 3 * 9 + 10, 280),
        (replace(PATCH, shared_with="other"), 10, 10),
        (TABLE, 600, 600),
        (replace(TABLE, shared_with="other"), 0, 0),
        (RMS, 3 * 6 * 2, 36),
        (replace(RMS, bias=False), 18, 18),
        (replace(RMS, weight=False, bias=False), 0, 0),
        (replace(RMS, shared_with="other"), 0, 0),
        (Norm(name="one", width=6), 6, 6),
        (GATE, 9, 9),
        (replace(GATE, shared_with="other"), 0, 0),
        (Elementwise(name="sum", width=6), 0, 0),
        (SEEN, 11, 11),
        (replace(SEEN, shared_with="other"), 0, 0),
        (MAMBA, 10, 10),
        (replace(MAMBA, shared_with="other"), 0, 0),
        (replace(MAMBA, weights=0), 0, 0),
        (ATTEND, 0, 0),
        (MIX, 0, 0),
    ],
)  # fmt: skip
def test_parameters(op: Operator, params: int, active: int) -> None:
    """Owned, and used by one row; held ones stay where they are shared."""
    assert (op.params, op.active_params) == (params, active)
    assert op.held == replace(op, shared_with="").params


@pytest.mark.parametrize(
    ("op", "forward", "backward"),
    [
        # 16 rows, a multiply-add is 2; input and weight gradient are each as large, where they are needed
        (LINEAR, 2 * 16 * 35, 4 * 16 * 35),
        (replace(LINEAR, input_grad=False), 2 * 16 * 35, 2 * 16 * 35),
        (replace(LINEAR, trainable=False), 2 * 16 * 35, 2 * 16 * 35),
        (replace(LINEAR, trainable=False, input_grad=False), 2 * 16 * 35, 0),
        (EXPERTS, 2 * 16 * 2 * 35, 4 * 16 * 2 * 35),
        (replace(EXPERTS, load=3), 3 * 2 * 16 * 2 * 35, 3 * 4 * 16 * 2 * 35),
        (replace(LINEAR, load=3), 2 * 16 * 35, 4 * 16 * 35),
        (PATCH, 2 * 16 * 10 * 3 * 9, 4 * 16 * 10 * 3 * 9),
        # two sequences with 3 positions more each, which only the whole count has
        (replace(PATCH, extra_positions=3), 2 * (16 + 6) * 10 * 3 * 9, 4 * 22 * 10 * 3 * 9),
        # 2 · 8 · 8 pairs of 4 heads: 3 for a score, 5 for a value
        (ATTEND, 2 * 128 * 4 * 8, 4 * 128 * 4 * 8),
        (replace(ATTEND, keys=TARGET_TOKENS, mask=ALL), 2 * 2 * 8 * 4 * 4 * 8, 4 * 2 * 8 * 4 * 4 * 8),
        # values and scores need the values' gradient and the scores'; scores come of queries and keys
        (replace(ATTEND, gradients="qk"), 2 * 128 * 32, 2 * 128 * 4 * (3 + 3 + 5)),
        (replace(ATTEND, gradients="q"), 2 * 128 * 32, 2 * 128 * 4 * (3 + 5)),
        (replace(ATTEND, gradients="k"), 2 * 128 * 32, 2 * 128 * 4 * (3 + 5)),
        (replace(ATTEND, gradients="v"), 2 * 128 * 32, 2 * 128 * 4 * 5),
        (replace(ATTEND, input_grad=False), 2 * 128 * 32, 0),
        # 6 images of 20 pairs each
        (replace(ATTEND, unit_pairs=20, rows=Rows(Stream.IMAGE, 4)), 2 * 6 * 20 * 32, 4 * 6 * 20 * 32),
        (MIX, 2 * 16 * 4 * 4 * 5, 4 * 16 * 4 * 4 * 5),
        (replace(MIX, input_grad=False), 2 * 16 * 80, 0),
        (SEEN, 2 * (7 + 5 * 8 + 3 * 64), 2 * (1 + 2 * 8 + 4 * 64)),
        # 8 positions are 3 chunks of 3; 4 positions of the decoder, 3 images a sequence, a table once, pairs of samples
        (replace(SEEN, chunk=3), 2 * (7 + 5 * 3 + 3 * 9), 2 * (1 + 2 * 3 + 4 * 9)),
        (RecordedProduct(name="x", forward=(("", 9), ("bb", 5), ("bit", 2), ("bst", 1))), 9 + 20 + 48 + 64, 0),
        (replace(SEEN, trainable=False), 2 * 239, 2 * 273),
        (replace(SEEN, input_grad=False), 2 * 239, 2 * 273),
        (replace(SEEN, input_grad=False, trainable=False), 2 * 239, 0),
        (RecordedProduct(name="x", forward=(("b", 1),)), 2, 0),
        # every pair of two samples
        (Similarity(name="clip", width=6), 2 * 6 * 2 * 2, 4 * 6 * 2 * 2),
        (TABLE, 0, 0), (RMS, 0, 0), (GATE, 0, 0), (PLAIN, 0, 0),
    ],
)  # fmt: skip
def test_work(op: Operator, forward: int, backward: int) -> None:
    """FLOPs of a batch, as if every pair counted."""
    assert (op.forward_flops(W), op.backward_flops(W)) == (forward, backward)


def test_work_over_allowed_pairs() -> None:
    """Causal 8 · 9 / 2; documents of their own; what lies outside the rows of a convolution is cut."""
    inside = W.allowed()
    assert ATTEND.forward_flops(inside) == 2 * 2 * 36 * 32
    assert replace(ATTEND, mask=window(3)).forward_flops(inside) == 2 * 2 * (6 + 5 * 3) * 32
    padded = replace(ATTEND, unit_pairs=20, unit_allowed=15, rows=Rows(Stream.IMAGE, 4))
    assert (padded.pairs(W), padded.pairs(inside), replace(padded, unit_allowed=0).pairs(inside)) == (120, 90, 120)
    packed = replace(inside, documents=((3, 4), (2, 2)))
    assert ATTEND.pairs(packed) == 4 * 6 + 2 * 3
    assert ATTEND.pairs(replace(packed, allowed_pairs_only=False)) == 4 * 9 + 2 * 4
    crossed = replace(ATTEND, keys=TARGET_TOKENS, mask=ALL)
    assert crossed.pairs(packed) == 2 * 8 * 4  # no document of one side is one of the other
    assert replace(ATTEND, rows=TARGET_TOKENS, keys=TARGET_TOKENS).pairs(packed) == 2 * 10
    assert replace(PATCH, extra_positions=3).forward_flops(inside) == 2 * 16 * 10 * 3 * 9


def test_compressed_keys() -> None:
    """Ten queries, an entry for every 3 tokens: 0 0 1 1 1 2 2 2 3 3 are seen, of at most two 0 0 1 1 1 2 2 2 2 2."""
    sparse = CompressedAttention(name="x", heads=1, kv_heads=1, qk_dim=1, v_dim=1, mask=window(2), rate=3)
    near = 1 + 9 * 2
    one = Workload(1, 10)
    assert sparse.pairs(one) == 10 * (3 + 10)
    assert replace(sparse, own=False).pairs(one) == 10 * 3
    assert sparse.pairs(one.allowed()) == 15 + near
    assert replace(sparse, chosen=2).pairs(one.allowed()) == 13 + near
    assert replace(sparse, chosen=2, own=False).pairs(one.allowed()) == 13
    assert replace(sparse, chosen=9).pairs(one.allowed()) == 15 + near
    # documents of 4 (one entry, seen by two) and 3 tokens (one entry, seen by one)
    packed = Workload(2, 10, documents=((4, 2), (3, 1)), allowed_pairs_only=True)
    assert replace(sparse, own=False).pairs(packed) == 2 * 2 + 1
    assert replace(sparse, own=False, rows=TARGET_TOKENS).pairs(replace(packed, target_seq_len=10)) == 2 * 15
    assert replace(sparse, own=False).pairs(replace(packed, documents=())) == 2 * 15


def test_a_decay_for_every_channel() -> None:
    """Kimi delta attention: 10 positions in chunks of 4, three of them, 12 padded; heads of 3 and 5."""
    kda = ChannelDeltaRule(name="x", key_heads=2, value_heads=2, key_dim=3, value_dim=5, chunk=4)
    assert kda.read_width == 3 * 2 * 3 + 2 * (5 + 1)
    # the triangle on keys and values, the scores on values; three products with the state
    forward = 2 * (2 * 12 * 4 * (3 + 5 + 5) + 3 * 2 * 12 * 3 * 5)
    assert kda.forward_flops(Workload(1, 10)) == forward
    # the first state's two products and the last one's two: 2 · 4 positions · 3 · 5 each, for both heads
    assert kda.backward_flops(Workload(1, 10)) == 2 * forward - 4 * 2 * (2 * 4 * 3 * 5)


@pytest.mark.parametrize(
    ("op", "moved"),
    [
        (PLAIN, 0), (LINEAR, 0), (ATTEND, 0),
        (TABLE, 16 * 2 * 6),
        (RMS, 16 * 2 * 4 * 6),
        (GATE, 16 * 3 * 6),
        (Elementwise(name="x", width=6), 16 * 2 * 6),
        # each row read and written once, and once for each of its two experts; of inputs, or of summed outputs
        (EXPERTS, 16 * 2 * 3 * 5), (BACK, 16 * 2 * 3 * 7),
    ],
)  # fmt: skip
def test_elements_moved(op: Operator, moved: int) -> None:
    """Read and written by one pass."""
    assert op.moved(W) == moved


WHOLE, SPLIT = Region.WHOLE, Region.SPLIT


@pytest.mark.parametrize(
    ("op", "kept"),
    [
        (PLAIN, []), (TABLE, []), (MIX, []),
        (LINEAR, [("up", 5, WHOLE)]),
        (replace(LINEAR, reads="x"), [("x", 5, WHOLE)]),
        (replace(LINEAR, trainable=False), []),
        (DOWN, [("down", 5, SPLIT)]),
        (replace(LINEAR, split=Split.HEADS), [("up", 5, SPLIT)]),
        (EXPERTS, [("experts", 2 * 5, WHOLE)]),
        (BACK, [("back", 2 * 5, SPLIT)]),
        (PATCH, [("patch", 6, WHOLE)]),
        (replace(PATCH, reads="x"), [("x", 6, WHOLE)]),
        (replace(PATCH, trainable=False), []),
        (DEEP, []),
        (ATTEND, [("attend_queries", 12, SPLIT), ("attend_keys", 16, SPLIT)]),
        (RMS, [("norm", 24, WHOLE)]),
        (replace(RMS, split=Split.HEADS), [("norm", 24, SPLIT)]),
        (GATE, [("gate", 12, WHOLE)]),
        (replace(GATE, split=Split.COLUMN), [("gate", 12, SPLIT)]),
        (replace(GATE, role=Role.HEAD), []),
        (Elementwise(name="x", width=6), [("x", 0, WHOLE)]),
    ],
)  # fmt: skip
def test_kept_for_the_backward_pass(op: Operator, kept: list[Any]) -> None:
    """Elements for each row, and whether tensor parallelism divides them."""
    assert op.keeps() == tuple(KeptTensor(name, op.rows, width, region) for name, width, region in kept)


PRODUCT, GROUPED, WIDE, SCAN = KernelKind.PRODUCT, KernelKind.GROUPED, KernelKind.WIDE, KernelKind.SCAN


@pytest.mark.parametrize(
    ("op", "launch"),
    [
        (LINEAR, (PRODUCT, 16, 7, 5, 1, 0, 0, 0, None)),
        (replace(LINEAR, role=Role.HEAD), (WIDE, 16, 7, 5, 1, 0, 0, 0, None)),
        # 16 rows for 2 of 8 experts: 4 for each, 12 where three times as many come
        (EXPERTS, (GROUPED, 4, 7, 5, 8, 0, 0, 0, None)),
        (replace(EXPERTS, load=3), (GROUPED, 12, 7, 5, 8, 0, 0, 0, None)),
        # two groups of 3 channels × 9 elements → 5 outputs; the input once (96), the kernel (3 · 9 · 10)
        (PATCH, (PRODUCT, 16, 5, 27, 2, 0, 0, 0, 96 + 270)),
        (DEEP, (SCAN, 0, 0, 0, 1, 0, 0, 2 * 16 * 6 * 4, None)),
        (replace(PATCH, in_channels=1, groups=1), (PRODUCT, 16, 10, 9, 1, 0, 0, 0, 16 + 90)),
        (MIX, (SCAN, 0, 0, 0, 1, 0, 0, 2 * 16 * 80, None)),
        (MAMBA, (SCAN, 0, 0, 0, 1, 0, 0, 2 * 16 * 6 * 5, None)),
        (Similarity(name="clip", width=6), (WIDE, 2, 2, 6, 1, 0, 0, 0, None)),
        (ATTEND, (KernelKind.SCORES, 8, 8, 3, 2 * 4, 5, 8, 2 * 128 * 32, None)),
        (replace(ATTEND, mask=window(3)), (KernelKind.SCORES, 8, 8, 3, 8, 5, 3, 2 * 128 * 32, None)),
        (replace(ATTEND, mask=window(99)), (KernelKind.SCORES, 8, 8, 3, 8, 5, 8, 2 * 128 * 32, None)),
        (replace(ATTEND, mask=Mask(MaskKind.BAND, 2)), (KernelKind.SCORES, 8, 8, 3, 8, 5, 5, 2 * 128 * 32, None)),
        (replace(ATTEND, mask=Mask(MaskKind.BLOCKS, 3, 2)), (KernelKind.SCORES, 8, 8, 3, 8, 5, 6, 2 * 128 * 32, None)),
        # 6 images of 4 queries and 20 pairs: 5 keys each, whatever the mask
        (replace(ATTEND, unit_pairs=20, rows=Rows(Stream.IMAGE, 4), mask=window(3)),
         (KernelKind.SCORES, 4, 5, 3, 24, 5, 5, 2 * 120 * 32, None)),
    ],
)  # fmt: skip
def test_kernels(op: Operator, launch: Any) -> None:
    """(kind, m, n, k, how many, size of a value, keys seen, FLOPs, elements)."""
    assert op.kernels(W) == (launch,)


def test_what_launches_nothing() -> None:
    """Passes over memory, and what counts no work: unless its work is a formula."""
    assert [op.kernels(W) for op in (PLAIN, TABLE, RMS, GATE)] == [()] * 4
    assert replace(SEEN, forward=()).kernels(W) == ()
    assert len(SEEN.kernels(replace(W, batch=2.0))) == 1


@pytest.mark.parametrize(
    ("op", "sent"),
    [
        (PLAIN, []), (LINEAR, []), (RMS, []), (MAMBA, []),
        (DOWN, [("down", Traffic.SUM, 7)]),
        # rows of two experts: their inputs out; their summed outputs back
        (EXPERTS, [("experts", Traffic.EXPERTS, 10)]),
        (replace(EXPERTS, reads="x"), [("x", Traffic.EXPERTS, 10)]),
        (BACK, [("back", Traffic.SUM, 7), ("back", Traffic.EXPERTS, 14)]),
        # keys of 3 and values of 5 for two heads
        (ATTEND, [("attend", Traffic.KEYS, 16)]),
    ],
)  # fmt: skip
def test_exchanges(op: Operator, sent: list[Any]) -> None:
    """Elements for each row."""
    assert op.exchanges() == tuple(Exchange(name, traffic, op.rows, width) for name, traffic, width in sent)
    assert replace(ATTEND, keys=ONE_PER_SEQUENCE).exchanges()[0].rows == ONE_PER_SEQUENCE


def test_regions() -> None:
    """What is divided by its width stands inside the tensor-parallel region."""
    inside = {Split.COLUMN, Split.ROW, Split.HEADS, Split.EXPERT}
    assert {split for split in Split if replace(GATE, split=split).region is SPLIT} == inside


def test_a_chunked_scan_and_its_sizes() -> None:
    """Six heads of 5 share B and C of 7 values in two groups: 30 inputs, 6 steps, 28 of B and C; 30 out, 30 inside."""
    dual = StateSpaceDual(name="x", heads=6, head_dim=5, groups=2, state=7, chunk=4)
    assert (dual.read_width, dual.written_width, dual.inner) == (30 + 6 + 28, 30, 30)
    assert (MAMBA.read_width, MAMBA.written_width, MAMBA.inner) == (2 * 6 + 2 * 5, 6, 6)
