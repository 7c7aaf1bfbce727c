"""The predictor as a bench for what-if questions: one run, and the same run with something changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mfu_planner.step.case import Change

if TYPE_CHECKING:
    from mfu_planner.step.case import Case


NOTHING = Change("as the constants are")


@dataclass(frozen=True)
class Point:
    """A predicted step."""

    parts: Mapping[str, float]
    """Device-seconds per work unit, by part; they add up to ``per_token``."""
    per_token: float
    """Device-seconds per work unit (token or sample)."""
    step_time_s: float
    mfu: float
    peak_flops_per_s: float
    fits: bool | None
    memory_bytes: float
    low: float
    """The model's range as factors of its step time."""
    high: float
    basis: str
    echo: Mapping[str, Any]
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...]


class Bench:
    """A run described by flags of ``mfu-planner predict``, and its variations.

    Parameters
    ----------
    flags
        The flags, complete enough for a prediction.
    own
        What is known of the run beyond them: a compiled step, a fused optimizer.
    """

    def __init__(self, flags: Mapping[str, Any], own: Change = NOTHING) -> None:
        from mfu_planner.questions.request import read_request

        self.flags = dict(flags)
        self.own = own
        self.request = read_request(**{k: v for k, v in self.flags.items() if v is not None})
        if (
            self.flags.get("stack") is None
        ):  # what is changed changes no software: other flags would have other defaults
            self.flags["stack"] = self.request.case.said.echo["stack"]
            self.request = read_request(**{k: v for k, v in self.flags.items() if v is not None})
        self.case = self.request.case
        self._points: dict[str, Point] = {}
        self.base = self.point()

    def point(self, *changes: Change) -> Point:
        """The run after some changes, all at once.

        Raises
        ------
        InputError
            The changes contradict each other, or make a run that cannot be.
        """
        key = repr([(c.question, c.constants, c.fixed) for c in changes])
        if key not in self._points:
            self._points[key] = self._point(self.case.changed(self.own, *changes))
        return self._points[key]

    @staticmethod
    def _point(case: Case) -> Point:
        from mfu_planner.answers.predict import answer

        found = answer(case)
        units = found.step_time_s * found.tokens_per_s_per_device
        seconds = found.step_time_s
        parts = {w["name"]: w["seconds"] for w in found.waterfall}
        fixed = min(case.stack.step_fixed_s, parts.get("launch", 0.0))
        if fixed:
            parts["launch"], parts["step_fixed"] = parts["launch"] - fixed, fixed
        return Point(
            {name: value / units for name, value in parts.items()},
            seconds / units,
            seconds,
            found.mfu,
            found.peak_flops_per_s,
            found.memory.fits,
            found.memory.total_bytes,
            found.range["low"] / seconds,
            found.range["high"] / seconds,
            found.range["basis"],
            case.said.echo,
            tuple(case.said.assumptions),
            tuple(found.warnings),
        )
