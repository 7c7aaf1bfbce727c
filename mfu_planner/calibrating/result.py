"""The answer of a calibration."""

from __future__ import annotations

from typing import Any

from mfu_planner.answers.results import KeyedResult


class CalibrationResult(KeyedResult):
    """What the runs say of a base stack."""

    name: str
    base: str
    """The stack that the factors apply to."""
    constants: dict[str, dict[str, Any]]
    """Factor of time → ``times``, ``sd`` of its natural logarithm, ``informed`` (share of what was unsure that the runs
    settled), ``meaning``."""
    leave_one_out: dict[str, float | None]
    """``median`` error and ``rms`` (of natural logarithms) of each run predicted by the others; null with one run."""
    range: dict[str, float]
    """``low`` and ``high``: factors around a step time within which 80% of further runs like these are meant to lie."""
    suggested: tuple[dict[str, Any], ...]
    """Runs to make next, best first: ``question`` (flags), ``command``, ``expected_step_time_s``, ``gain``."""
    runs: tuple[dict[str, Any], ...]
    """Each run: ``run``, ``sha256``, ``step_s`` measured, ``base_s`` as the base predicts, ``predicted_s``,
    ``left_out_s`` as a calibration on the others predicts."""
    stack: dict[str, Any]
    """The content of ``stack.yaml``."""
    written: str | None = None
    """Where it was written."""
