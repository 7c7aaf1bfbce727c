"""A stack's memory constants out of the calibration."""

from __future__ import annotations

from functools import cache

from mfu_planner.footprint.device import MemoryConstants
from mfu_planner.layout.calibrated import calibration


@cache
def memory_constants(stack: str) -> MemoryConstants:
    """What a software stack adds to the mathematics; the default where nothing was fitted."""
    held = calibration()["memory"]
    return MemoryConstants(**{**held["default"], **held["assumed"].get(stack, {}), **held["stacks"].get(stack, {})})
