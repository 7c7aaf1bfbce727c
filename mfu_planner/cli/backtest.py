"""``mfu-planner backtest``."""

from __future__ import annotations

from typing import Any

from mfu_planner.cli.options import asking
from mfu_planner.cli.output import emit
from mfu_planner.questions.catalogue import BacktestQuestion


@asking("backtest")
def command(as_json: bool, **flags: Any) -> None:
    """Predictions against published runs: by source, with every miss and every assumption.

    \b
    mfu-planner backtest
    mfu-planner backtest --kind mfu --explain
    mfu-planner backtest --row llmf-004
    mfu-planner backtest --leave-one-source-out
    mfu-planner backtest --calibrate 5
    mfu-planner backtest --runs my-runs.csv --stack stack.yaml
    mfu-planner backtest --kind total --runs my-runs.csv --json
    """
    from mfu_planner.backtesting import backtest
    from mfu_planner.report.backtest import render

    s = BacktestQuestion.of(flags)
    ways = {"leave_one_source_out": s.leave_one_source_out, "default_stack": s.default_stack}
    found = backtest(s.kind, s.runs, s.row, **ways, calibrate=s.calibrate, stack=s.stack, machine=s.machine)
    emit(found, as_json, lambda console: render(found, console, explain=s.explain))
