"""Moved to :mod:`mfu_planner.run`; these names work for one more release."""

from __future__ import annotations

import warnings
from typing import Any

_RENAMED = {"Step": "Derived", "step": "derived", "Product": "PowerProduct"}


def __getattr__(name: str) -> Any:
    from mfu_planner import run

    new = _RENAMED.get(name, name)
    if new not in run.__all__:
        raise AttributeError(f"module 'mfu_planner.equations' has no attribute {name!r}")
    warnings.warn(f"mfu_planner.equations.{name} is mfu_planner.run.{new} now", DeprecationWarning, stacklevel=2)
    return getattr(run, new)
