"""Predictions against published runs: rows, a summary by source, and the rules that filled blank fields."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mfu_planner.errors import InputError, nearest

if TYPE_CHECKING:
    from pathlib import Path

    from mfu_planner.backtesting.result import BacktestResult
    from mfu_planner.backtesting.runs import RunRow
    from mfu_planner.backtesting.steptime import Way

KINDS = {
    "step-time": "steptime:steptime_backtest",
    "memory": "memory:memory_backtest",
    "mfu": "mfu:mfu_backtest",
    "total": "total:total_backtest",
}
"""Kind of back-test → ``module:function`` of this package; the function takes the runs and returns the result."""


def backtest(
    kind: str = "step-time",
    runs: str | Path | None = None,
    row: str | None = None,
    *,
    leave_one_source_out: bool = False,
    default_stack: bool = False,
    calibrate: int | str | None = None,
    stack: Any = None,
    machine: Any = None,
) -> BacktestResult:
    """Predictions of one kind against the runs of a file (default: those of ``published_runs/``).

    ``row``: the id of one run; the answer then holds its ``question`` and the ``command`` that repeats it.
    Of step times alone: ``leave_one_source_out``: each source by constants and ranges that were fitted without any row
    of it; ``default_stack``: as one who names no stack asks; ``calibrate``: so many rows of each source, chosen before
    their times are looked at, calibrate, and the others are judged.
    Of step times and memory: ``stack``, ``machine``: by that stack (a name, or the user's own ``stack.yaml``) and that
    machine file in place of what the rows say.

    Raises
    ------
    InputError
        An unknown kind, a file that is no table of runs, no row of that id, or a kind without such fits.
    """
    from mfu_planner.backtesting.result import BacktestResult
    from mfu_planner.backtesting.runs import read_runs

    if kind not in KINDS:
        raise InputError("kind", kind, ", ".join(KINDS), nearest(kind, KINDS))
    module, function = KINDS[kind].split(":")
    way = {"leave_one_source_out": leave_one_source_out, "default_stack": default_stack, "calibrate": calibrate}
    mine = {"stack": stack, "machine": machine}
    for name, asked in mine.items():
        if asked is not None and (any(way.values()) or kind not in ("step-time", "memory")):
            raise InputError(name, asked, "--kind step-time or memory, and no other way beside it")
    if calibrate is not None and (leave_one_source_out or default_stack or row is not None):
        raise InputError("calibrate", calibrate, "neither --row nor another way beside it")
    for name, asked in way.items():
        if asked and kind != "step-time":
            raise InputError(name.replace("_", "-"), kind, "--kind step-time: nothing of the other kinds is fitted so")
    chosen = read_runs(runs)
    if row is not None:
        ids = {run.id: run for run in chosen}
        if row not in ids:
            raise InputError("row", row, "the id of a run", nearest(row, ids))
        chosen = [ids[row]]
    if calibrate is not None:
        from mfu_planner.backtesting.own_runs import own_runs_backtest
        from mfu_planner.units import parse_whole

        count = parse_whole(calibrate, "count", field="calibrate")
        found = own_runs_backtest(chosen, count)
        file = None if runs is None else str(runs)
        inputs = {"kind": kind, "runs": file, "row": None, **way, "calibrate": count}
        return BacktestResult(inputs=inputs, **found, kind=kind, runs=file)
    judge = getattr(import_module(f"mfu_planner.backtesting.{module}"), function)
    ways = _way(leave_one_source_out, default_stack, stack, machine) if any((*way.values(), stack, machine)) else ()
    found = judge(chosen, *ways)
    file = None if runs is None else str(runs)
    named = {name: str(asked) for name, asked in mine.items() if asked is not None}
    inputs = {"kind": kind, "runs": file, "row": row, **way, **named}
    answer = BacktestResult(inputs=inputs, **{**found, "kind": kind, "runs": file})
    return answer if row is None else _with_question(answer, chosen[0], ways if stack or machine else ())


def _way(*given: Any) -> tuple[Way, ...]:
    from mfu_planner.backtesting.steptime import Way

    return (Way(*given),)


def _with_question(found: BacktestResult, run: RunRow, ways: tuple[Way, ...]) -> BacktestResult:
    """The answer for one row with the question that repeats it."""
    from mfu_planner.questions.command import command_of

    module, _ = KINDS[found.kind].split(":")
    name, question = import_module(f"mfu_planner.backtesting.{module}").asked(run, *ways)
    command = None if question is None else command_of(name, question)
    return found.model_copy(update={"question": question, "command": command})
