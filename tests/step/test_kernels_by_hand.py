"""Kernels on a device of round numbers: tiles, waves, bytes, and what training slows or leaves out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from toy import ATTEND, BOX, RATE, STACK

from mfu_planner.operators import Convolution, KernelKind, Launch, MatMul, SelectiveScan
from mfu_planner.step.kernels import (
    cast_time,
    fused_attention_time,
    issue_bound,
    memory_bound_time,
    misaligned_slowdown,
    padded_head,
    product_time,
)
from mfu_planner.step.layers import attention_times, launch_times

TILED = replace(RATE, efficiency=0.5, depth_overhead=10.0, fixed_s=7.0, wave_loss=0.5, tile_rows=4, tile_columns=8,
                units=3)  # fmt: skip
"""Three units with tiles of 4 × 8 at 500 FLOP/s."""
SLOW = replace(TILED, bandwidth_bytes_per_s=10.0, output_bytes=4.0)


@pytest.mark.parametrize(
    ("rate", "sizes", "groups", "read", "expected"),
    [
        # 3 · 3 tiles on three units: 3 whole waves of 96 elements, 30 + 10 deep
        (TILED, (10, 20, 30), 1.0, None, 7 + 2 * 3 * 96 * 40 / 500),
        (TILED, (10, 20, 30), 2.0, None, 7 + 2 * 6 * 96 * 40 / 500),
        # 2 · 1 tiles: two thirds of a wave, and half of the third that is lost
        (TILED, (5, 8, 30), 1.0, None, 7 + 2 * (2 / 3 + 1 / 6) * 96 * 40 / 500),
        (TILED, (4, 9, 30), 1.0, None, 7 + 2 * (2 / 3 + 1 / 6) * 96 * 40 / 500),
        # 10 · 30 and 30 · 20 read in 2 byte, 10 · 20 written in 4, at 10 byte/s
        (SLOW, (10, 20, 30), 1.0, None, 7 + (2 * (300 + 600) + 4 * 200) / 10),
        (SLOW, (10, 20, 30), 2.0, None, 7 + 2 * (2 * (300 + 600) + 4 * 200) / 10),
        (SLOW, (10, 20, 30), 1.0, 50.0, 7 + (2 * 50 + 4 * 200) / 10),
    ],
)  # fmt: skip
def test_products(rate: Any, sizes: tuple[int, ...], groups: float, read: float | None, expected: float) -> None:
    """The slower of tiles and bytes, after the start."""
    assert product_time(*map(float, sizes), rate, groups, read) == pytest.approx(expected)


def test_small_formulas() -> None:
    """One line each."""
    assert fused_attention_time(600.0, 100.0, 50.0, 0.5, 50.0, 2.0) == 2 + 600 * (1 + 50 / 100) / 25
    assert memory_bound_time(60.0, 20.0, 3.0) == 9
    assert cast_time(10.0, 4.0, 20.0, 3.0) == 3 * 4 * 10 / 20
    assert (issue_bound(2.0, 3.0), issue_bound(3.0, 2.0)) == (3, 3)
    assert issue_bound(2.0, 3.0, issues_itself=True) == 5
    aligned = [misaligned_slowdown(n, k, 3.0, 8.0) for n, k in ((12.0, 16.0), (16.0, 12.0), (12.0, 12.0), (16.0, 16.0))]
    assert aligned == [3, 3, 3, 1]
    assert misaligned_slowdown(12.0, 12.0, 1.0, 8.0) == 1
    assert [padded_head(size, 64.0) for size in (1.0, 64.0, 65.0, 128.0)] == [64, 64, 128, 128]


LINEAR = MatMul(name="x", inputs=3, outputs=4)
PRODUCT = Launch(KernelKind.PRODUCT, 5.0, 4.0, 3.0)
"""60 multiply-adds: 0.12 s."""
WIDE, GROUPED = PRODUCT._replace(kernel=KernelKind.WIDE), PRODUCT._replace(kernel=KernelKind.GROUPED)


@pytest.mark.parametrize(
    ("launch", "change", "stack", "expected"),
    [
        (PRODUCT, {}, {}, (0.12, 0.12, 0.12)),
        (PRODUCT, {"input_grad": False}, {}, (0.12, 0, 0.12)),
        (PRODUCT, {"trainable": False}, {}, (0.12, 0.12, 0)),
        (PRODUCT, {}, {"product_factor": 2.0, "grouped_factor": 9.0}, (0.24, 0.24, 0.24)),
        # 4 and 3 are no multiples of 8; the head is not asked
        (PRODUCT, {}, {"misaligned_factor": 3.0, "alignment_elements": 8.0, "product_factor": 2.0}, (0.72,) * 3),
        (WIDE, {}, {"misaligned_factor": 3.0, "alignment_elements": 8.0, "product_factor": 2.0}, (0.48,) * 3),
        (GROUPED, {}, {"grouped_factor": 5.0, "product_factor": 2.0}, (1.2,) * 3),
        (GROUPED, {}, {"misaligned_factor": 3.0, "alignment_elements": 8.0}, (0.36,) * 3),
        (PRODUCT._replace(groups=2.0), {}, {}, (0.24,) * 3),
        # a quarter of a row takes as long as one
        (PRODUCT._replace(m=0.25), {}, {}, (0.024,) * 3),
    ],
)  # fmt: skip
def test_passes_of_a_product(launch: Launch, change: Any, stack: Any, expected: tuple[float, ...]) -> None:
    """(forward, input gradient, weight gradient) at 1000 FLOP/s, 500 where it stays in 16 bits."""
    found = launch_times(launch, replace(LINEAR, **change), BOX, replace(STACK, **stack))
    assert found == pytest.approx(expected)


def test_gradients_exchange_the_sizes() -> None:
    """5 × 4 × 3 on tiles of 4 × 2: 8 · 4 · 3 forward, 8 · 4 · 4 for the input, 4 · 4 · 5 for the weights."""
    box = replace(BOX, products=replace(RATE, tile_rows=4, tile_columns=2))
    expected = (2 * 96 / 1000, 2 * 128 / 1000, 2 * 80 / 1000)
    assert launch_times(PRODUCT, LINEAR, box, STACK) == pytest.approx(expected)
    narrow = replace(BOX, products=replace(RATE, bandwidth_bytes_per_s=1.0, output_bytes=0.0))
    assert launch_times(PRODUCT._replace(read=7.0), LINEAR, narrow, STACK) == (14, 14, 14)


def test_experts_at_a_rate_of_their_own() -> None:
    """Where the machine has one: 250 FLOP/s."""
    box = replace(BOX, grouped_products=replace(RATE, peak_flops_per_s=250.0))
    assert launch_times(GROUPED, LINEAR, box, STACK)[0] == pytest.approx(0.48)
    assert launch_times(PRODUCT, LINEAR, box, STACK)[0] == pytest.approx(0.12)


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        # 60 FLOP at a quarter of the 500 FLOP/s of 16 bits; a scan's backward has two products for one
        (SelectiveScan(name="x", channels=1, state=1), (0.48, 0.96, 0)),
        (SelectiveScan(name="x", channels=1, state=1, input_grad=False), (0.48, 0, 0)),
        (SelectiveScan(name="x", channels=1, state=1, trainable=False), (0.48, 0.96, 0)),
        (Convolution(name="x", in_channels=2, out_channels=2, kernel=2, groups=2), (0.48, 0.48, 0.48)),
        (Convolution(name="x", in_channels=2, out_channels=2, kernel=2, groups=2, input_grad=False), (0.48, 0, 0.48)),
        (Convolution(name="x", in_channels=2, out_channels=2, kernel=2, groups=2, trainable=False), (0.48, 0.48, 0)),
    ],
)  # fmt: skip
def test_scans_and_depthwise_convolutions(op: Any, expected: tuple[float, ...]) -> None:
    """Far from the rate of matrix units."""
    found = launch_times(Launch(KernelKind.SCAN, flops=60.0), op, BOX, replace(STACK, other_fraction=0.25))
    assert found == pytest.approx(expected)


SCORES = Launch(KernelKind.SCORES, m=4.0, n=6.0, k=3.0, groups=2.0, v=5.0, seen=8.0, flops=500.0)


@pytest.mark.parametrize(
    ("launch", "stack", "expected"),
    [
        # 500 FLOP at a quarter of 500 FLOP/s; heads of 5 as heads of 8; 4 tokens to half of the rate: 1 + 4/8
        (SCORES, {}, (4, 10)),
        (SCORES, {"head_multiple": 8.0}, (4 * 8 / 5, 10 * 8 / 5)),
        (SCORES._replace(k=5.0, v=3.0), {"head_multiple": 8.0}, (4 * 8 / 5, 10 * 8 / 5)),
        (SCORES, {"attention_ramp_tokens": 4.0}, (6, 15)),
    ],
)  # fmt: skip
def test_fused_attention(launch: Launch, stack: Any, expected: tuple[float, float]) -> None:
    """Forward, and two and a half times its FLOPs backward, each after the kernel's start."""
    software = replace(STACK, attention_fraction=0.25, attention_backward=2.5, **stack)
    assert attention_times(launch, ATTEND, BOX, software) == (*map(pytest.approx, expected), 0)
    box = replace(BOX, products=replace(RATE, fixed_s=1.0))
    assert attention_times(launch, ATTEND, box, software)[:2] == (
        pytest.approx(expected[0] + 1),
        pytest.approx(expected[1] + 1),
    )
    assert attention_times(launch, replace(ATTEND, input_grad=False), BOX, software)[1:] == (0, 0)


@pytest.mark.parametrize(("alignment", "odd"), [(1.0, 1), (3.0, 1), (8.0, 1.5)])
def test_unfused_attention(alignment: float, odd: float) -> None:
    """2 · 4 · 6 · 3 and 2 · 4 · 5 · 6 FLOP for two heads at 500 FLOP/s, twice as slow; 48 scores of 10 byte at 100."""
    software = replace(STACK, fused_attention=0.0, product_factor=2.0, score_passes=10.0, score_backward=3.0,
                       odd_head_factor=1.5, head_alignment=alignment)  # fmt: skip
    products, passes = 2 * 2 * (144 + 240) / 500, 48 * 10 / 100
    forward, backward, nothing = attention_times(SCORES, ATTEND, BOX, software)
    assert forward == pytest.approx(odd * (products + passes))
    assert backward == pytest.approx(odd * (2 * products + 3 * passes))
    assert nothing == 0
    assert attention_times(SCORES, replace(ATTEND, input_grad=False), BOX, software)[1] == 0
