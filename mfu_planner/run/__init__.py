"""The arithmetic of a run: its relations solved for whatever is unknown, limits, goodput, scaling laws."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfu_planner.later import later
from mfu_planner.run.relations import QUANTITIES, RELATIONS, SUMS, Quantity, Relation, Sum
from mfu_planner.run.solve import (
    ClosedForms,
    Contradiction,
    PowerProduct,
    closed_forms,
    contradictions,
    number,
    solve,
    would_determine,
)

if TYPE_CHECKING:
    from mfu_planner.run.show import Derived, derived, latex

__all__ = [
    "QUANTITIES",
    "RELATIONS",
    "SUMS",
    "ClosedForms",
    "Contradiction",
    "Derived",
    "PowerProduct",
    "Quantity",
    "Relation",
    "Sum",
    "closed_forms",
    "contradictions",
    "derived",
    "latex",
    "number",
    "solve",
    "would_determine",
]

__getattr__ = later(__name__, {"Derived": "show", "derived": "show", "latex": "show"})
"""Showing needs pydantic, which a meter in a training loop does not."""
