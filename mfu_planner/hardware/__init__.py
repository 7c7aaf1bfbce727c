"""Accelerators, nodes, clusters and prices: sourced facts, found by any name that people or drivers use."""

from mfu_planner.hardware._accelerator import Accelerator, Peak, ScaleUp, dtype_key
from mfu_planner.hardware._resolve import Resolution, lookup, resolve

__all__ = ["Accelerator", "Peak", "Resolution", "ScaleUp", "dtype_key", "lookup", "resolve"]
