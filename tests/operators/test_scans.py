"""Scans counted product by product, as ints, symbols and arrays."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import sympy

from mfu_planner.operators import GatedDeltaRule, Scan, SelectiveScan, StateSpaceDual, Workload

LENGTHS = [1, 7, 16, 40, 64, 100]
SELECTIVE = SelectiveScan(name="scan", channels=12, state=4, weights=60)
DUAL = StateSpaceDual(name="scan", heads=6, head_dim=5, groups=2, state=3, chunk=16, weights=18)
DELTA = GatedDeltaRule(name="scan", key_heads=2, value_heads=4, key_dim=3, value_dim=5, chunk=16, weights=8)


def matmul(batch: int, rows: int, inner: int, columns: int) -> int:
    """FLOP of a batched product."""
    return 2 * batch * rows * inner * columns


def chunk_lengths(length: int, chunk: int, *, padded: bool) -> list[int]:
    """Positions of each chunk."""
    cut = [min(chunk, length - start) for start in range(0, length, chunk)]
    return [chunk] * len(cut) if padded else cut


def dual_products(length: int, *, reference: bool) -> int:
    """Every product of the chunked scan, with heads for groups and chunk decays multiplied out in the reference."""
    s = DUAL
    chunks = chunk_lengths(length, s.chunk, padded=reference)
    total = 0
    for q in chunks:
        total += matmul(s.heads if reference else s.groups, q, s.state, q)  # C Bᵀ
        total += matmul(s.heads, q, q, s.head_dim)  # scores × input
        total += matmul(s.heads, s.state, q, s.head_dim)  # state of the chunk
        total += matmul(s.heads, q, s.state, s.head_dim)  # state × C
    if reference:
        total += matmul(s.heads, len(chunks) + 1, len(chunks) + 1, s.head_dim * s.state)
    return total


def delta_products(length: int, *, reference: bool, backward: bool) -> int:
    """Every product of the chunked delta rule; backward: the gradients that exist."""
    d = DELTA
    chunks = chunk_lengths(length, d.chunk, padded=reference)
    score_heads = d.value_heads if reference else d.key_heads
    total = 0
    for n, q in enumerate(chunks):
        score = matmul(score_heads, q, d.key_dim, q)
        state = matmul(d.value_heads, q, d.key_dim, d.value_dim)
        inside = matmul(d.value_heads, q, q, d.value_dim)
        if not backward:
            total += 2 * score + 3 * state + inside
            continue
        solves = matmul(d.value_heads, q, d.value_dim, q) + matmul(d.value_heads, q, d.key_dim, q)
        reads = 2 * state * (1 if n == 0 else 2)  # the first state is empty and needs no gradient
        write = 0 if n == len(chunks) - 1 else 2 * state  # the last state is not used
        total += 4 * score + solves + reads + write + 2 * inside
    return total


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("reference", [True, False])
def test_chunked_scan_counts_every_product(length: int, reference: bool) -> None:
    """The closed forms equal the sum over chunks, rest included."""
    work = Workload(batch=3, seq_len=length, allowed_pairs_only=not reference)

    assert DUAL.forward_flops(work) == 3 * dual_products(length, reference=reference)
    assert DUAL.backward_flops(work) == 2 * DUAL.forward_flops(work)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("reference", [True, False])
def test_delta_rule_counts_every_product(length: int, reference: bool) -> None:
    """Forward and backward, with the gradients that the ends of a sequence lack."""
    work = Workload(batch=3, seq_len=length, allowed_pairs_only=not reference)

    assert DELTA.forward_flops(work) == 3 * delta_products(length, reference=reference, backward=False)
    assert DELTA.backward_flops(work) == 3 * delta_products(length, reference=reference, backward=True)


def test_selective_scan_counts_reading_the_state_only() -> None:
    """One multiply-add for each channel, state value and position: 2 · 2 · 10 · 12 · 4."""
    work = Workload(batch=2, seq_len=10)

    assert SELECTIVE.forward_flops(work) == 1920
    assert SELECTIVE.forward_flops(work.allowed()) == 1920
    assert SELECTIVE.backward_flops(work) == 3840
    assert SELECTIVE.params == 60


@pytest.mark.parametrize("scan", [SELECTIVE, DUAL, DELTA], ids=lambda s: type(s).__name__)
def test_published_never_exceeds_reference(scan: Scan) -> None:
    """Groups and unpadded chunks only take away work, forward and backward."""
    for length in range(1, 70):
        work = Workload(batch=1, seq_len=length)
        assert scan.forward_flops(work.allowed()) <= scan.forward_flops(work)
        assert scan.backward_flops(work.allowed()) <= scan.backward_flops(work)


@pytest.mark.parametrize("scan", [SELECTIVE, DUAL, DELTA], ids=lambda s: type(s).__name__)
def test_documents_start_a_new_state(scan: Scan) -> None:
    """Packed documents cost what they would cost alone."""
    packed = Workload(batch=1, seq_len=100, documents=((40, 2), (20, 1)), allowed_pairs_only=True)
    alone = [Workload(batch=n, seq_len=length, allowed_pairs_only=True) for length, n in ((40, 2), (20, 1))]

    assert scan.forward_flops(packed) == sum(scan.forward_flops(work) for work in alone)
    assert scan.backward_flops(packed) == sum(scan.backward_flops(work) for work in alone)


@pytest.mark.parametrize("scan", [SELECTIVE, DUAL, DELTA], ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("allowed", [False, True])
def test_one_formula_for_ints_symbols_and_arrays(scan: Scan, allowed: bool) -> None:
    """The same operator gives an int, an expression and a float64 array, all of the same value."""
    b, s = sympy.symbols("b s", positive=True, integer=True)
    shown = Workload(batch=b, seq_len=s, allowed_pairs_only=allowed)
    lengths = np.array([float(length) for length in LENGTHS])
    swept = Workload(batch=np.full(len(LENGTHS), 3.0), seq_len=lengths, allowed_pairs_only=allowed)
    for flops in (scan.forward_flops, scan.backward_flops):
        exact = [flops(Workload(batch=3, seq_len=length, allowed_pairs_only=allowed)) for length in LENGTHS]
        expression = flops(shown)

        assert all(isinstance(value, int) for value in exact)
        assert [int(expression.subs({b: 3, s: length})) for length in LENGTHS] == exact
        assert flops(swept).tolist() == [float(value) for value in exact]


def test_usual_chunk() -> None:
    """64 positions, as the authors' kernels have it (flash-linear-attention, ops/gated_delta_rule/chunk.py)."""
    usual = GatedDeltaRule(name="scan", key_heads=2, value_heads=4, key_dim=3, value_dim=5)
    work = Workload(batch=1, seq_len=100)

    assert (
        usual.forward_flops(work)
        == replace(usual, chunk=64).forward_flops(work)
        == 4 * 128 * 64 * (2 * 2 * 3 + 2 * 5) + 4 * 128 * 6 * 15
    )


def test_frozen_input_needs_no_backward() -> None:
    """A scan whose input needs no gradient does no backward work: its own weights are element-wise."""
    frozen = StateSpaceDual(name="scan", heads=6, head_dim=5, groups=2, state=3, chunk=16, input_grad=False)

    assert frozen.backward_flops(Workload(batch=1, seq_len=32)) == 0


def test_widths_tell_what_is_moved() -> None:
    """Input, step sizes, B and C are read; the output is written."""
    assert (SELECTIVE.read_width, SELECTIVE.written_width) == (2 * 12 + 2 * 4, 12)
    assert (DUAL.read_width, DUAL.written_width) == (30 + 6 + 2 * 2 * 3, 30)
    assert (DELTA.read_width, DELTA.written_width) == (2 * 2 * 3 + 4 * 5 + 2 * 4, 20)
    assert math.isclose(DUAL.forward_flops(Workload(batch=1, seq_len=16.0)), dual_products(16, reference=True))
