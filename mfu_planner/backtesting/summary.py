"""Errors by source: how many, the median and the 90th percentile, the bias, the worst rows."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from mfu_planner.published.similar import quantile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mfu_planner.backtesting.runs import RunRow


def blank(run: RunRow) -> dict[str, Any]:
    """A row of results before anything is known of it."""
    names = ("published", "predicted", "error", "low", "high", "skipped")
    return {"id": run.id, "source": run.source, **dict.fromkeys(names)}


def describe(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Figures of one group of results."""
    errors = [float(r["error"]) for r in results if r["error"] is not None]
    figures: dict[str, Any] = {"n": len(errors), "n_skipped": len(results) - len(errors)}
    if not errors:
        return figures | {
            "median_abs_error": None,
            "p90_abs_error": None,
            "mean_abs_error": None,
            "bias": None,
            "coverage": None,
            "half_width": None,
            "worst": [],
        }
    size = [abs(e) for e in errors]
    ranged = [r for r in results if r["error"] is not None and r.get("low") is not None]
    worst = sorted((r for r in results if r["error"] is not None), key=lambda r: -abs(r["error"]))[:3]
    return figures | {
        "median_abs_error": statistics.median(size),
        "p90_abs_error": quantile(sorted(size), 0.9),
        "mean_abs_error": statistics.fmean(size),
        "bias": statistics.median(errors),
        "coverage": statistics.fmean(r["low"] <= r["published"] <= r["high"] for r in ranged) if ranged else None,
        "half_width": statistics.median((r["high"] - r["low"]) / 2 / r["predicted"] for r in ranged)
        if ranged
        else None,
        "worst": [{"id": r["id"], "error": r["error"]} for r in worst],
    }


def summarise(rows: Sequence[RunRow], results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Figures by source, and of all rows together under ``all``."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row, result in zip(rows, results, strict=True):
        groups.setdefault(row.source, []).append(result)
    return {name: describe(group) for name, group in sorted(groups.items())} | {"all": describe(results)}
