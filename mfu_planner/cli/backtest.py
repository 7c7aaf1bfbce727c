"""``mfu-planner backtest``."""

from __future__ import annotations

import click

from mfu_planner.cli.output import emit, json_option


@click.command("backtest")
@click.option("--kind", default="step-time", show_default=True, help="step-time, mfu, memory or total.")
@click.option("--runs", metavar="FILE.csv", help="Runs to test against (default: the published runs that ship).")
@click.option("--row", metavar="ID", help="One run: its answer, and the command that asks for it.")
@click.option("--explain", is_flag=True, help="Show each formula with the numbers put in, and sources.")
@json_option
def command(kind: str, runs: str | None, row: str | None, explain: bool, as_json: bool) -> None:
    """Predictions against published runs: by source, with every miss and every assumption.

    \b
    mfu-planner backtest
    mfu-planner backtest --kind mfu --explain
    mfu-planner backtest --row llmf-004
    mfu-planner backtest --kind total --runs my-runs.csv --json
    """
    from mfu_planner.backtesting import backtest
    from mfu_planner.report.backtest import render

    found = backtest(kind, runs, row)
    emit(found, as_json, lambda console: render(found, console, explain=explain))
