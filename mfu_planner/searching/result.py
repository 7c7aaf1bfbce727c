"""The answer of a search."""

from __future__ import annotations

from typing import Any

from mfu_planner.answers.results import KeyedResult, OnDevices


class SearchResult(OnDevices, KeyedResult):
    """The best layouts of a model on a cluster, or several."""

    inputs: dict[str, Any]
    """What was asked."""
    evaluated: int
    feasible: int
    elapsed_s: float
    rank: str
    layouts: tuple[dict[str, Any], ...]
    """Best first: the layout flags, ``devices``, ``step_time_s`` and its range (``step_time_low_s``,
    ``step_time_high_s``), ``mfu``, ``cost_usd``, ``total_bytes``; ``question`` (the flags that repeat it in
    ``predict``), ``command``."""
    pareto: tuple[int, ...]
    """Places in ``layouts`` of those that no other beats in both time and cost, fastest first."""
    obvious: dict[str, Any] | None
    """The layout that people try first, and why it lost."""
    assumptions: tuple[str, ...]
    sensitivities: tuple[dict[str, Any], ...] = ()
    """Under ``explain``, of the best row: d ln step time / d ln of each size and constant, largest first."""
