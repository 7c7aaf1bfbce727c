"""Readers of training logs: any framework's lines become one record type, and one report."""

from mfu_planner.observe.logs.read import read_log
from mfu_planner.observe.logs.report import DroppedStep, ImpliedPeak, LogFinding, LogReport, Reported, SteadyWindow

__all__ = ["DroppedStep", "ImpliedPeak", "LogFinding", "LogReport", "Reported", "SteadyWindow", "read_log"]
