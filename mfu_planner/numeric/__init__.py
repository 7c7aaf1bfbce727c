"""Numbers of every kind that a formula can be given: exact, swept, shown."""

from mfu_planner.numeric.arithmetic import (
    Number,
    anywhere,
    ceil,
    ceil_div,
    each,
    floor,
    half,
    is_symbolic,
    maximum,
    minimum,
    nearest,
    power,
    remembered_by,
    where,
    whole,
)

__all__ = [
    "Number",
    "anywhere",
    "ceil",
    "ceil_div",
    "each",
    "floor",
    "half",
    "is_symbolic",
    "maximum",
    "minimum",
    "nearest",
    "power",
    "remembered_by",
    "where",
    "whole",
]
