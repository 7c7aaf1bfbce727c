"""Why an MFU is low and what to change first: evidence, the gap, causes, actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mfu_planner.diagnosis.diagnosing import diagnose
    from mfu_planner.diagnosis.result import Diagnosis

__all__ = ["Diagnosis", "diagnose"]


def __getattr__(name: str) -> Any:
    if name == "diagnose":
        from mfu_planner.diagnosis.diagnosing import diagnose

        return diagnose
    if name == "Diagnosis":
        from mfu_planner.diagnosis.result import Diagnosis

        return Diagnosis
    raise AttributeError(f"module 'mfu_planner.diagnosis' has no attribute {name!r}")
