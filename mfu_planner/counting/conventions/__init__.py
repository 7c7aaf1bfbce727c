"""The field's FLOP conventions: one space of switches, a named point for each source."""

from mfu_planner.counting.conventions.definition import Citation, Convention
from mfu_planner.counting.conventions.evaluate import (
    batch_flops,
    by_convention,
    convention,
    flops_per_unit,
    names,
    why_not,
    work_units,
)
from mfu_planner.counting.conventions.fitting import default_convention, why_default
from mfu_planner.counting.conventions.hardware import hardware_flops

__all__ = [
    "Citation",
    "Convention",
    "batch_flops",
    "by_convention",
    "convention",
    "default_convention",
    "flops_per_unit",
    "hardware_flops",
    "names",
    "why_default",
    "why_not",
    "work_units",
]
