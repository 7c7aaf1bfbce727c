"""The predictor as a bench for what-if questions: one run, and the same run with something changed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mfu_planner.machine.calibrated import stack_names
from mfu_planner.step.case import Change

if TYPE_CHECKING:
    from mfu_planner.step.case import Case


NOTHING = Change("as the constants are")


@dataclass(frozen=True, kw_only=True)
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


@dataclass(frozen=True, kw_only=True)
class Expected(Point):
    """The step of the run as it is described, and what is known of it beyond its changed cases."""

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

    @cached_property
    def base(self) -> Expected:
        """The run as it is."""
        from mfu_planner.answers.predict import warnings_of
        from mfu_planner.answers.trust import known_of, reach

        case = self.case.changed(self.own)
        point = self.point()
        busy = point.step_time_s * (1.0 - point.parts.get("input_stall", 0.0) / point.per_token)
        trust = reach(known_of(case, busy))
        return Expected(
            **vars(point),
            low=trust.low,
            high=trust.high,
            basis=trust.basis,
            echo=case.said.echo,
            assumptions=tuple(case.said.assumptions),
            warnings=(*case.said.warnings, *warnings_of(case)),
        )

    def point(self, *changes: Change) -> Point:
        """The run after some changes, all at once.

        Raises
        ------
        InputError
            The changes contradict each other, or make a run that cannot be.
        """
        key = repr([(c.question, c.constants, c.fixed) for c in changes])
        if key not in self._points:
            self._points[key] = _point(self.case.changed(self.own, *changes))
        return self._points[key]


def _point(case: Case) -> Point:
    from mfu_planner.answers.memory import held_of
    from mfu_planner.answers.predict import input_stall, of_a_step, waterfall_of
    from mfu_planner.counting.conventions import work_units
    from mfu_planner.run import solve
    from mfu_planner.step.evaluate import step

    found = step(case)
    busy: float = found.seconds
    stall = input_stall(case, work_units(case.architecture, case.work), busy)
    seconds = busy + stall
    run = solve(of_a_step(case, seconds, case.devices, case.division.convention), ("mfu", "tokens_per_s_per_device"))
    units = seconds * run["tokens_per_s_per_device"]
    parts = {part["name"]: part["seconds"] for part in waterfall_of(found, stall)}
    fixed = min(case.stack.step_fixed_s, parts.get("launch", 0.0))
    if fixed:
        parts["launch"], parts["step_fixed"] = parts["launch"] - fixed, fixed
    memory = held_of(case, found.memory)
    return Point(
        parts={name: value / units for name, value in parts.items()},
        per_token=seconds / units,
        step_time_s=seconds,
        mfu=run["mfu"],
        peak_flops_per_s=case.machine.peak_flops_per_s,
        fits=memory.fits,
        memory_bytes=memory.total_bytes,
    )


_BENCHES: OrderedDict[str, Bench] = OrderedDict()
_REMEMBERED = 512
_FILES = ("config", "machine")


def bench_of(flags: Mapping[str, Any], own: Change = NOTHING) -> Bench:
    """The bench of some flags; the same ones are remembered with all that was asked of them (jobs of one folder are
    often alike), but not where a file is named, which may change.
    """
    from mfu_planner.hardware._own import in_use

    if any(flags.get(name) is not None for name in _FILES) or flags.get("stack") not in (None, *stack_names()):
        return Bench(flags, own)
    key = repr((sorted(flags.items()), own, in_use()))
    held = _BENCHES.get(key)
    if held is None:
        held = _BENCHES[key] = Bench(flags, own)
        if len(_BENCHES) > _REMEMBERED:
            _BENCHES.popitem(last=False)
    return held
