"""What a diagnosis says of one job among many: its verdict, what the gap costs, the first cause."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mfu_planner.errors import PlannerError

if TYPE_CHECKING:
    from mfu_planner.observe.logs.report import LogReport

COLUMNS = ("model", "verdict", "gap_cost_usd_per_day", "first_cause", "confidence")
"""The columns, all empty where the log and the flags do not say enough for an MFU."""
_OF_THE_LOG = ("target_tokens", "tokens_done", "columns", "progress")


def judged(report: LogReport, flags: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of one log that was read."""
    from mfu_planner.diagnosis.diagnosing import diagnose

    named = flags.get("model") or flags.get("config") or flags.get("params")
    out: dict[str, Any] = {**dict.fromkeys(COLUMNS), "model": None if named is None else str(named)}
    known = {name: value for name, value in flags.items() if value is not None and name not in _OF_THE_LOG}
    try:
        found = diagnose(log=report, search=False, **known)
    except PlannerError:
        return out
    cause = found.first_cause if found.mfu is not None or found.confidence == "high" else None
    return out | {
        "verdict": None if found.verdict is None else found.verdict.place,
        "gap_cost_usd_per_day": found.gap_cost_usd_per_day,
        "first_cause": cause,
        "confidence": found.confidence if cause else None,
    }
