"""Accelerators, nodes, clusters and prices: sourced facts, found by any name that people or drivers use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfu_planner.hardware._accelerator import Accelerator, Peak, ScaleUp, dtype_key
from mfu_planner.hardware._own_device import OwnDevice
from mfu_planner.hardware._resolve import Resolution, lookup, resolve, resolve_run_key
from mfu_planner.later import later

if TYPE_CHECKING:
    from mfu_planner.hardware._achievable import AchievableRate, achievable
    from mfu_planner.hardware._clusters import Cluster, cluster, cluster_for, clusters
    from mfu_planner.hardware._implied import PeakMatch, implied_peak
    from mfu_planner.hardware._own_device import own_device

__all__ = [
    "Accelerator",
    "AchievableRate",
    "Cluster",
    "OwnDevice",
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
    "own_device",
    "own_specs",
    "resolve",
    "resolve_run_key",
]

_LATER = {
    "own_device": "_own_device",
    "own_specs": "_own",
    "AchievableRate": "_achievable",
    "achievable": "_achievable",
    "PeakMatch": "_implied",
    "implied_peak": "_implied",
    "Cluster": "_clusters",
    "cluster": "_clusters",
    "cluster_for": "_clusters",
    "clusters": "_clusters",
}
"""Names that a plan does not need, by the module that holds them: imported when first used."""

__getattr__ = later(__name__, _LATER)
