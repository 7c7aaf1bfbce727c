"""Fit the constants of ``diagnosis.yaml`` that rest on published pairs; prints values, writes nothing.

    PYTHONPATH=. python calibration/fit_diagnosis.py

Objective: mean squared logarithm of predicted over published gain (speed-up - 1) of the pairs marked ``fitted`` in
``published_runs/before_after.csv``.  One constant at a time over a grid, in turn, until none moves.  Everything else in
the file is a stated judgement, not a fit.
"""

from __future__ import annotations

import math
import sys
from typing import Any

from mfu_planner.diagnosis.cases.published import outcome_of, pairs
from mfu_planner.diagnosis.knowledge import knowledge
from mfu_planner.machine.calibrated import calibration

EAGER = "eager"
"""Of ``eager.yaml``; the others of ``diagnosis.yaml``."""
GRIDS: dict[tuple[str, ...], tuple[float, ...]] = {
    (EAGER, "scale", "pointwise_factor"): (1.8, 2.2, 2.6, 3.0, 3.4),
    (EAGER, "scale_of", "generic", "pointwise_factor"): (2.4, 3.2, 4.0, 4.8),
    (EAGER, "scale_of", "generic", "score_passes"): (1.6, 2.2, 2.8, 3.4),
    ("compile", "host_left"): (0.15, 0.2, 0.25, 0.3, 0.4),
    ("compile", "graph_host_left"): (0.05, 0.08, 0.12, 0.2),
    ("overlap", "tensor_left"): (0.55, 0.64, 0.73, 0.82),
    ("overlap", "data_left"): (0.1, 0.2, 0.35, 0.5),
    ("newer_attention_gain",): (1.4, 1.6, 1.8, 2.0),
}
LEAST = 0.005


def objective(rows: list[dict[str, str]]) -> float:
    """Mean squared log ratio of gains."""
    total = 0.0
    for row in rows:
        found = outcome_of(row)
        published = max((found.speedup or 1.0) - 1, LEAST)
        total += math.log(max((found.predicted or 1.0) - 1, LEAST) / published) ** 2
    return total / len(rows)


def place(path: tuple[str, ...]) -> tuple[dict[str, Any], str]:
    """The dictionary that holds a constant, and its key."""
    held = calibration() if path[0] == EAGER else knowledge()
    for name in path[:-1]:
        held = held[name]
    return held, path[-1]


def main() -> None:
    """Coordinate search."""
    rows = [row for row in pairs() if row["role"] == "fitted"]
    best = objective(rows)
    sys.stdout.write(f"{len(rows)} pairs, start {best:.4f}\n")
    moved = True
    while moved:
        moved = False
        for path, grid in GRIDS.items():
            held, key = place(path)
            kept = held[key]
            for value in grid:
                held[key] = value
                if (now := objective(rows)) < best - 1e-4:
                    best, kept, moved = now, value, True
            held[key] = kept
            sys.stdout.write(f"{'.'.join(path)} = {kept} ({best:.4f})\n")


if __name__ == "__main__":
    main()
