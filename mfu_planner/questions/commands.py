"""The question that each command asks; a class is imported when it is first asked for."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mfu_planner.questions.question import Question

COMMANDS = {
    "plan": "runs:PlanQuestion",
    "mfu": "runs:MeasureQuestion",
    "flops": "runs:FlopsQuestion",
    "memory": "layouts:MemoryQuestion",
    "predict": "layouts:PredictQuestion",
    "search": "layouts:SearchQuestion",
    "log": "evidence:LogQuestion",
    "watch": "evidence:WatchQuestion",
    "hardware": "catalogue:HardwareQuestion",
    "models": "catalogue:ModelsQuestion",
    "backtest": "catalogue:BacktestQuestion",
    "trace": "evidence:TraceQuestion",
    "diagnose": "evidence:DiagnoseQuestion",
    "calibrate": "evidence:CalibrateQuestion",
}
"""Command → module and class of its question."""


def question_of(command: str) -> type[Question]:
    """The class of a command's question."""
    module, _, name = COMMANDS[command].partition(":")
    found: type[Question] = getattr(import_module(f"mfu_planner.questions.{module}"), name)
    return found


@cache
def every_name() -> frozenset[str]:
    """Every name that some question has a field by."""
    from mfu_planner.questions.question import names

    return frozenset(name for command in COMMANDS for name in names(question_of(command)))
