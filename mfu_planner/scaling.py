"""Moved to :mod:`mfu_planner.run.scaling`; its names work here for one more release."""

from __future__ import annotations

import warnings
from typing import Any


def __getattr__(name: str) -> Any:
    from mfu_planner.run import scaling

    if name.startswith("_") or not hasattr(scaling, name):
        raise AttributeError(f"module 'mfu_planner.scaling' has no attribute {name!r}")
    warnings.warn(f"mfu_planner.scaling.{name} is mfu_planner.run.scaling.{name} now", DeprecationWarning, stacklevel=2)
    return getattr(scaling, name)
