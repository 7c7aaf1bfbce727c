"""Predictions against published runs: rows, a summary by source, and the rules that filled blank fields."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mfu_planner.errors import InputError, nearest

if TYPE_CHECKING:
    from pathlib import Path

    from mfu_planner.backtesting.result import BacktestResult

KINDS = {
    "step-time": "steptime:steptime_backtest",
    "memory": "memory:memory_backtest",
    "mfu": "mfu:mfu_backtest",
    "total": "total:total_backtest",
}
"""Kind of back-test → ``module:function`` of this package; the function takes the runs and returns the result."""


def backtest(kind: str = "step-time", runs: str | Path | None = None) -> BacktestResult:
    """Predictions of one kind against the runs of a file (default: those of ``published_runs/``).

    Raises
    ------
    InputError
        An unknown kind, or a file that is no table of runs.
    """
    from mfu_planner.backtesting.result import BacktestResult
    from mfu_planner.backtesting.runs import read_runs

    if kind not in KINDS:
        raise InputError("kind", kind, ", ".join(KINDS), nearest(kind, KINDS))
    module, function = KINDS[kind].split(":")
    found: dict[str, Any] = getattr(import_module(f"mfu_planner.backtesting.{module}"), function)(read_runs(runs))
    return BacktestResult(
        inputs={"kind": kind, "runs": None if runs is None else str(runs)},
        **{**found, "kind": kind, "runs": None if runs is None else str(runs)},
    )
