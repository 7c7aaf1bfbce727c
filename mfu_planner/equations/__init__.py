"""One system of equations for a training run, solved for whatever is unknown."""

from mfu_planner.equations.run import QUANTITIES, RELATIONS, Quantity, Relation
from mfu_planner.equations.show import Step, latex, step
from mfu_planner.equations.solve import (
    ClosedForms,
    Contradiction,
    Product,
    closed_forms,
    contradictions,
    number,
    solve,
    would_determine,
)

__all__ = [
    "QUANTITIES",
    "RELATIONS",
    "ClosedForms",
    "Contradiction",
    "Product",
    "Quantity",
    "Relation",
    "Step",
    "closed_forms",
    "contradictions",
    "latex",
    "number",
    "solve",
    "step",
    "would_determine",
]
