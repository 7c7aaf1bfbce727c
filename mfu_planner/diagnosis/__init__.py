"""Why an MFU is low and what to change first: evidence, the gap, causes, actions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfu_planner.later import later

if TYPE_CHECKING:
    from mfu_planner.diagnosis.diagnosing import diagnose
    from mfu_planner.diagnosis.result import Diagnosis

__all__ = ["Diagnosis", "diagnose"]

__getattr__ = later(__name__, {"Diagnosis": "result", "diagnose": "diagnosing"})
