"""Sweeps equal the plan computed anew at each value."""

from __future__ import annotations

import pytest

from mfu_planner import plan
from mfu_planner.answers.sweep import around, over_hardware, roofline, sweep
from mfu_planner.hardware import resolve

_GIVEN = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "tokens": "1T", "devices": 64, "mfu": 0.4, "price": 2.5}


def test_sweep_equals_plans() -> None:
    """Over devices and over MFU."""
    base = plan(**_GIVEN)
    for over, values in (("devices", [8, 64, 512]), ("mfu", [0.2, 0.4, 0.6])):
        found = sweep(base, over, values)
        for value, time, cost in zip(values, found["training_time_s"], found["cost_usd"], strict=True):
            expected = plan(**{**_GIVEN, over: value})
            assert time == pytest.approx(expected.training_time_s)
            assert cost == pytest.approx(expected.cost_usd)


def test_other_hardware_equals_plans() -> None:
    """The same run planned on each device."""
    base = plan(**_GIVEN)
    rows = {r.id: r for r in over_hardware(base, "bf16")}
    for name in ("a100-sxm-80gb", "b200"):
        expected = plan(**{**_GIVEN, "hardware": name, "price": rows[name].price_usd_per_device_hour})
        assert rows[name].training_time_s == pytest.approx(expected.training_time_s)
        assert rows[name].cost_usd == pytest.approx(expected.cost_usd)


def test_best_hardware_is_beaten_by_none() -> None:
    """Neither faster and cheaper at once."""
    rows = over_hardware(plan(**_GIVEN), "bf16")
    for best in (r for r in rows if r.best):
        assert not [r for r in rows if r.training_time_s < best.training_time_s and r.cost_usd < best.cost_usd]


def test_around_holds_its_centre() -> None:
    """Whole numbers where asked."""
    values = around(64, 16, 20, whole=True)
    assert 64 in values
    assert values == sorted(values)
    assert all(v == int(v) for v in values)


def test_roofline_bends_at_the_ridge() -> None:
    """Left of peak ÷ bandwidth the memory limits, right of it the arithmetic."""
    device = resolve("h100-sxm")
    peak, bandwidth = device.peak_flops_per_s("bf16"), device.memory_bandwidth_bytes_per_s
    assert bandwidth is not None
    points = roofline(peak, bandwidth)
    assert points[-1].flops_per_s == peak
    assert points[0].flops_per_s == pytest.approx(points[0].flop_per_byte * bandwidth)
