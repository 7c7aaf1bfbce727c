"""The answer of a back-test."""

from __future__ import annotations

from typing import Any

from mfu_planner.answers.results import KeyedResult


class BacktestResult(KeyedResult):
    """Predictions beside published runs."""

    kind: str
    """step-time, mfu, memory or total."""
    runs: str | None
    """The file of runs; null for those that ship."""
    rows: tuple[dict[str, Any], ...]
    """``id``, ``source``, ``published``, ``predicted``, ``error`` = predicted ÷ published − 1, ``low`` and ``high``
    (the range that the prediction has; null where it has none), ``skipped`` (a reason, or null)."""
    summary: dict[str, dict[str, Any]]
    """Figures by source, and of all rows under ``all``; ``coverage``: the share of published figures within the range,
    ``half_width``: half of the range's width ÷ the prediction, the median."""
    question: dict[str, Any] | None = None
    """Of a single row: the flags that ask for it; null where no command can."""
    command: str | None = None
    """The same as a command line."""
    misses: tuple[dict[str, Any], ...] = ()
    """Under kind mfu: rows that are not reproduced, with their reasons."""
    fits: dict[str, int] | None = None
    """Under kind memory: how many layouts that ran are called fitting."""
    assumptions: tuple[str, ...]
    """The rule used for each blank or free-text field."""
