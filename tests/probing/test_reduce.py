"""Timings made by a formula give the formula's constants back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mfu_planner.machine.constants import LinkRate
from mfu_planner.probing import reduce
from mfu_planner.probing.collectives import _fitted
from mfu_planner.probing.points import ProbePoint
from mfu_planner.probing.probe import _with_unit
from mfu_planner.step.collectives import in_node_time
from mfu_planner.units import parse

RANDOM = np.random.default_rng(7)


def point(name: str, group: str, **sizes: float) -> ProbePoint:
    """A point that nobody times."""
    return ProbePoint(name, group, sizes, lambda: lambda: None)


def timed(*found: tuple[ProbePoint, float]) -> dict[str, tuple[ProbePoint, float]]:
    """Points by name."""
    return {p.name: (p, s) for p, s in found}


def test_products_of_a_core() -> None:
    """2mn(k + 8)/R + 3 µs with R of 100 GFLOP/s, timed within a percent."""
    rows = []
    for m in (128, 512, 2048):
        for n, k in ((64, 64), (256, 768), (512, 512), (1024, 1024)):
            seconds = 3e-6 + 2 * m * n * (k + 8) / 1e11
            said = point(f"{m} {n} {k}", "product fp32", m=m, n=n, k=k)
            rows.append((said, seconds * (1 + RANDOM.normal(0, 0.01))))
    found = reduce.products(timed(*rows), "fp32", 1, 1e12, 4.0)
    assert found["rate"] == pytest.approx(1e11, rel=0.02)
    assert found["start"] == pytest.approx(3e-6, abs=1.1e-6)
    assert found["error"]["median"] < 0.02
    assert found["tile"] == [1, 1]


def test_products_that_memory_bounds_count_their_bytes() -> None:
    """A product of a row moves its weights: 4 · 4096² byte at 10 GB/s, whatever the rate of others."""
    deep = (point("deep", "product fp32", m=4096, n=4096, k=4096), 2 * 4096**3 / 1e12)
    more = (point("more", "product fp32", m=4096, n=2048, k=4096), 4096**3 / 1e12)
    row = (point("row", "product fp32", m=1, n=4096, k=4096), 4 * (4096 + 4096**2 + 4096) / 1e10)
    found = reduce.products(timed(deep, more, row), "fp32", 1, 1e10, 4.0)
    assert found["rate"] == pytest.approx(1e12, rel=0.02)
    assert found["error"]["p90"] < 0.02


def test_attention_by_length() -> None:
    """F(1 + 100/s)/R; the backward pass takes 2.5 times as long; heads of 32 cost what heads of 64 do."""
    rows = []
    for length in (128, 512, 2048):
        flops = 1e6 * length**2
        forward = flops * (1 + 100 / length) / 5e10
        for both, seconds in ((0.0, forward), (1.0, 3.5 * forward)):
            said = point(f"{length} {both}", "attention fp32", seq=length, head=64, flops=flops, both=both)
            rows.append((said, seconds))
    narrow = point("narrow", "attention fp32", seq=512, head=32, flops=1e6 * 512**2, both=0.0)
    expected = 1e6 * 512**2 * (1 + 100 / 512) / 5e10
    found = reduce.attention(timed(*rows, (narrow, 2 * expected)), "fp32")
    assert found["rate"] == pytest.approx(5e10)
    assert (found["ramp"], found["head_multiple"]) == (100.0, 64)
    assert found["backward"] == pytest.approx(2.5)
    assert reduce.attention(timed(*rows, (narrow, expected)), "fp32")["head_multiple"] == 1


def test_elementwise_passes_count_what_predictions_count() -> None:
    """Two norms, two rotations, a gated activation and two sums, each read and written, by hand."""
    tokens, hidden = 256.0, 256.0
    by_hand = tokens * hidden * (2 * 2 + 2 * 2 + 2 * 3 + 3 * 3)
    assert reduce.moved(tokens, hidden) == pytest.approx(by_hand, rel=0.15)
    took = 3.0 * 4 * reduce.moved(tokens, hidden) / 1e10
    rows = [(point(f"passes {b}", "passes", tokens=tokens, hidden=hidden, both=b), (1 + 1.5 * b) * took)
            for b in (0.0, 1.0)]  # fmt: skip
    loss = point("loss", "loss", logits=1e6), 40 * 1e6 / 1e10
    assert reduce.passes(timed(*rows, loss), 1e10) == pytest.approx({"factor": 3.0, "backward": 1.5, "loss": 40.0})


def test_a_collective() -> None:
    """50 µs and a ring of eight at 100 GB/s, half as fast up to 512 KiB."""
    sizes = np.array([2.0**14, 2.0**17, 2.0**20, 2.0**23, 2.0**25])
    seconds = in_node_time(sizes, 8.0, 2.0, LinkRate(5e-5, 0.0, 1e11, 2.0**19))
    found = _fitted(sizes, seconds, 8, 2.0)
    assert found["rate"] == pytest.approx(1e11, rel=0.1)
    assert found["start"] == pytest.approx(5e-5, rel=0.1)
    assert found["error"]["median"] < 0.05


@pytest.mark.parametrize(
    ("value", "unit", "dimension"),
    [(8.6871e10, "FLOP/s", "flop_per_s"), (2.7e10, "B/s", "byte_per_s"), (1.1271e-6, "s", "time"),
     (2.4e-10, "s", "time"), (4.7e-4, "s", "time"), (131070.0, "B", "byte")],
)  # fmt: skip
def test_figures_are_written_with_units_that_are_read_back(value: float, unit: str, dimension: Any) -> None:
    """To five digits."""
    assert parse(_with_unit(value, unit), dimension, field="x") == pytest.approx(value, rel=1e-4)


def test_nothing_is_written_as_the_least() -> None:
    """A file states no zero with a unit."""
    assert _with_unit(0.0, "s") == "0.001 ns"
    assert _with_unit(0.0, "B") == "1 B"
