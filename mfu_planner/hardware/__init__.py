"""Accelerators, nodes, clusters and prices: sourced facts, found by any name that people or drivers use."""

from mfu_planner.hardware._accelerator import Accelerator, Peak, ScaleUp, dtype_key
from mfu_planner.hardware._achievable import AchievableRate, achievable
from mfu_planner.hardware._implied import PeakMatch, implied_peak
from mfu_planner.hardware._resolve import Resolution, lookup, resolve, resolve_run_key
from mfu_planner.hardware.clusters import Cluster, cluster, cluster_for, clusters

__all__ = [
    "Accelerator",
    "AchievableRate",
    "Cluster",
    "Peak",
    "PeakMatch",
    "Resolution",
    "ScaleUp",
    "achievable",
    "cluster",
    "cluster_for",
    "clusters",
    "dtype_key",
    "implied_peak",
    "lookup",
    "resolve",
    "resolve_run_key",
]
