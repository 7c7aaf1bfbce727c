"""MFU Planner: plan a training run, and turn observed throughput into MFU.

Everything public is here and imported when first used, so that ``import mfu_planner`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfu_planner.later import later
from mfu_planner.moved import keep_old_names

if TYPE_CHECKING:
    from mfu_planner.answers.flops import FlopsResult, flops
    from mfu_planner.answers.footprint import Footprint
    from mfu_planner.answers.measure import Measurement, measure
    from mfu_planner.answers.memory import memory
    from mfu_planner.answers.plan import plan
    from mfu_planner.answers.planfile import plan_file
    from mfu_planner.answers.planned import Plan
    from mfu_planner.answers.predict import predict
    from mfu_planner.answers.prediction import Prediction
    from mfu_planner.backtesting import backtest
    from mfu_planner.backtesting.result import BacktestResult
    from mfu_planner.calibrating.calibrate import calibrate
    from mfu_planner.calibrating.result import CalibrationResult
    from mfu_planner.diagnosis import Diagnosis, diagnose
    from mfu_planner.errors import InputError, NoAnswer, PlannerError
    from mfu_planner.observe.logs import LogReport, read_log
    from mfu_planner.observe.meter import Meter
    from mfu_planner.observe.traces import TraceReport, read_trace
    from mfu_planner.probing.probe import ProbeResult, probe
    from mfu_planner.searching.result import SearchResult
    from mfu_planner.searching.search import search

__version__ = "0.1.0"

keep_old_names()

_HOMES = {
    "BacktestResult": "backtesting.result",
    "CalibrationResult": "calibrating.result",
    "Diagnosis": "diagnosis",
    "FlopsResult": "answers.flops",
    "Footprint": "answers.footprint",
    "InputError": "errors",
    "LogReport": "observe.logs",
    "Measurement": "answers.measure",
    "Meter": "observe.meter",
    "NoAnswer": "errors",
    "Plan": "answers.planned",
    "PlannerError": "errors",
    "Prediction": "answers.prediction",
    "ProbeResult": "probing.probe",
    "SearchResult": "searching.result",
    "backtest": "backtesting",
    "calibrate": "calibrating.calibrate",
    "diagnose": "diagnosis",
    "flops": "answers.flops",
    "measure": "answers.measure",
    "plan": "answers.plan",
    "memory": "answers.memory",
    "plan_file": "answers.planfile",
    "predict": "answers.predict",
    "probe": "probing.probe",
    "read_log": "observe.logs",
    "read_trace": "observe.traces",
    "search": "searching.search",
    "TraceReport": "observe.traces",
}

__all__ = [
    "BacktestResult",
    "CalibrationResult",
    "Diagnosis",
    "FlopsResult",
    "Footprint",
    "InputError",
    "LogReport",
    "Measurement",
    "Meter",
    "NoAnswer",
    "Plan",
    "PlannerError",
    "Prediction",
    "ProbeResult",
    "SearchResult",
    "TraceReport",
    "backtest",
    "calibrate",
    "diagnose",
    "flops",
    "measure",
    "memory",
    "plan",
    "plan_file",
    "predict",
    "probe",
    "read_log",
    "read_trace",
    "search",
]


__getattr__ = later(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
