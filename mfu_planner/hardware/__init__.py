"""Accelerators, nodes, clusters and prices: sourced facts, found by any name that people or drivers use."""

from mfu_planner.hardware._accelerator import Accelerator, Peak, ScaleUp, dtype_key
from mfu_planner.hardware._achievable import AchievableRate, achievable
from mfu_planner.hardware._implied import PeakMatch, implied_peak
from mfu_planner.hardware._resolve import Resolution, lookup, resolve

__all__ = [
    "Accelerator",
    "AchievableRate",
    "Peak",
    "PeakMatch",
    "Resolution",
    "ScaleUp",
    "achievable",
    "dtype_key",
    "implied_peak",
    "lookup",
    "resolve",
]
