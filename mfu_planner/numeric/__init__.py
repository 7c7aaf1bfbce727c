"""Numbers of every kind that a formula can be given: exact, swept, shown."""

from mfu_planner.numeric.arithmetic import (
    Number,
    anywhere,
    ceil,
    ceil_div,
    each,
    half,
    is_symbolic,
    maximum,
    minimum,
    power,
    where,
    whole,
)

__all__ = [
    "Number",
    "anywhere",
    "ceil",
    "ceil_div",
    "each",
    "half",
    "is_symbolic",
    "maximum",
    "minimum",
    "power",
    "where",
    "whole",
]
