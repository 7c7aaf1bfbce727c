"""Whole runs: effective MFU from tokens and hours."""

from __future__ import annotations

import pytest

from mfu_planner.backtesting.runs import RunRow, read_runs
from mfu_planner.backtesting.total import total_backtest


def test_llama_2_70b_by_hand() -> None:
    """6 · 68.98e9 · 2e12 over 1,720,320 hours of A100: 42.8%."""
    found = {r["id"]: r for r in total_backtest(read_runs())["rows"]}
    by_hand = 100 * 6 * 68_976_653_312 * 2e12 / (1_720_320 * 3600 * 312e12)

    assert found["total-Llama_2_70B"]["published"] == pytest.approx(by_hand)
    assert found["total-Llama_2_70B"]["error"] is not None


def test_cores_and_chips() -> None:
    """Gopher's hours are of TPU v3 chips, two cores each: 30.2%."""
    found = {r["id"]: r for r in total_backtest(read_runs())["rows"]}

    assert found["total-Gopher_280B"]["published"] == pytest.approx(30.2, abs=0.05)


def test_the_impossible_is_said() -> None:
    """More than the peak is an error of the source."""
    found = {r["id"]: r for r in total_backtest(read_runs())["rows"]}

    assert found["llmc-run_gpt3_125M"]["published"] > 100
    assert "impossible" in found["llmc-run_gpt3_125M"]["note"]


def test_days_times_devices() -> None:
    """Hours from wall-clock days; other kinds of rows and blanks are skipped with a reason."""
    cells = {
        "id": "a-1",
        "model": "m",
        "kind": "total_run",
        "params": "1e9",
        "total_tokens": "1e12",
        "wallclock_days": "10",
        "num_devices": "8",
        "hw_key": "h100-sxm",
    }
    whole, blank, other = total_backtest(
        [RunRow(cells), RunRow({**cells, "wallclock_days": ""}), RunRow({**cells, "kind": "step_bench"})]
    )["rows"]

    assert whole["published"] == pytest.approx(100 * 6e21 / (10 * 86400 * 8 * 989.4e12), rel=1e-3)
    assert "hours" in blank["skipped"]
    assert "whole run" in other["skipped"]
