"""A result as a person sees it in Python: one line, the command's table, a notebook's cell, a data frame."""

from __future__ import annotations

import io
from collections.abc import Callable
from importlib import import_module
from typing import Any

from mfu_planner.errors import PlannerError
from mfu_planner.report.human import percent, show
from mfu_planner.report.rows import rows_of
from mfu_planner.report.terminal import WholeTables

_DRAWN = {
    "BacktestResult": ("backtest", "report.backtest", "render"),
    "CalibrationResult": ("calibrate", "cli.calibrate", "render"),
    "Diagnosis": ("diagnose", "diagnosis.render", "render"),
    "FlopsResult": ("flops", "report.flops", "render_flops"),
    "Footprint": ("memory", "report.memory", "render_memory"),
    "LogReport": ("log", "observe.logs.render", "render"),
    "Measurement": ("mfu", "report.measure", "render_measurement"),
    "Plan": ("plan", "report.plan", "render_plan"),
    "Prediction": ("predict", "report.predict", "render_predict"),
    "ProbeResult": ("probe", "cli.probe", "render"),
    "SearchResult": ("search", "report.search", "render_search"),
    "TraceReport": ("trace", "observe.traces.render", "render"),
}
"""Class of a result → its command, and what draws it there."""
_FIGURES = (
    *("model", "kind", "format", "training_time_s", "step_time_s", "window_s", "device_hours", "cost_usd"),
    *("devices", "tokens", "total_bytes", "usable_bytes", "params", "flops", "mfu", "hfu", "first_cause", "evaluated"),
    *("base", "leave_one_out", "spread", "points"),
)
"""What the one line says, where a result has it, in this order."""
_WIDTH = 100


def one_line(result: Any) -> str:
    """The class and the figures that answer its question."""
    first = result.layouts[0] if hasattr(result, "layouts") else {}
    held = [(name, getattr(result, name, first.get(name))) for name in _FIGURES]
    said = [f"{name}={_figure(name, value)}" for name, value in held if value is not None]
    return f"{type(result).__name__}({', '.join(said)})"


def _figure(name: str, value: Any) -> str:
    if name in ("leave_one_out", "spread"):
        return percent(value["median"] if isinstance(value, dict) else value)
    if isinstance(value, dict):
        return show(value["total"], "count")
    if isinstance(value, str):
        return repr(value)
    if name.endswith("_usd"):
        return show(value, "usd")
    if name.endswith("_s"):
        return show(value, "time")
    if name.endswith("_bytes"):
        return f"{value / 2**30:.1f} GiB"
    return percent(value) if name in ("mfu", "hfu") else show(value, "count")


def as_text(result: Any, width: int = _WIDTH) -> str:
    """What the command prints."""
    console = WholeTables(file=io.StringIO(), width=width, highlight=False, color_system=None)
    _drawn(result)(result, console)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in text.splitlines())


def as_html(result: Any) -> str:
    """The same for a notebook; what came from outside is text."""
    console = WholeTables(file=io.StringIO(), width=_WIDTH, highlight=False, record=True)
    _drawn(result)(result, console)
    return console.export_html(inline_styles=True, code_format='<pre style="line-height: 1.3">{code}</pre>')


def as_frame(result: Any) -> Any:
    """The rows as a pandas data frame: those that ``--format csv`` prints.

    Raises
    ------
    PlannerError
        pandas is not installed.
    """
    try:
        frame = import_module("pandas").DataFrame
    except ImportError:
        raise PlannerError("to_pandas: pandas is not installed; pip install pandas") from None
    return frame(rows_of(result.as_json(), _DRAWN[type(result).__name__][0]))


def _drawn(result: Any) -> Callable[..., None]:
    _command, module, name = _DRAWN[type(result).__name__]
    found: Callable[..., None] = getattr(import_module(f"mfu_planner.{module}"), name)
    return found
