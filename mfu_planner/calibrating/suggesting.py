"""The run to make next: among variations of those made, the one that makes the others surest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mfu_planner.calibrating.reading import key_of
from mfu_planner.errors import PlannerError
from mfu_planner.fitting.choosing import choose
from mfu_planner.fitting.steps import Steps
from mfu_planner.questions.command import command_of
from mfu_planner.questions.request import read_case
from mfu_planner.step.case import Case
from mfu_planner.step.evaluate import device_memory

if TYPE_CHECKING:
    from mfu_planner.calibrating.reading import OwnRun
    from mfu_planner.fitting.fit import Calibration

_TIMES = {"seq_len": (0.5, 2, 4), "micro_batch": (0.5, 2, 4), "global_batch": (0.5, 2, 4), "devices": (0.25, 0.5, 2)}
"""What a count may become, times what it is."""
_DEGREES = {"tp": (1, 2, 4, 8), "pp": (1, 2, 4), "cp": (1, 2), "ep": (1, 4, 8)}
_CHOICES: dict[str, tuple[Any, ...]] = {"recompute": ("none", "full"), "zero": (1, 3)}
_MOST = 60
"""Variations looked at."""


def suggestions(runs: Sequence[OwnRun], found: Calibration, count: int) -> list[dict[str, Any]]:
    """The ``count`` runs to make next, best first: flags, the step time to expect, the gain.

    The targets are the variations themselves, as what a user would ask about next; the gain is the share of their
    variance that the run takes away.
    """
    made = {run.key for run in runs}
    among: dict[str, tuple[dict[str, Any], Case]] = {}
    for run in runs:
        for flags in _variations(run.flags, run.case.said.echo):
            if len(among) >= _MOST:
                break
            case = _possible({**flags, "stack": run.case.stack.name})
            if case is not None and (key := key_of(case)) not in made:
                among.setdefault(key, (flags, case))
    if not among or count < 1:
        return []
    steps = Steps.of([case for _, case in among.values()])
    seconds, slopes = (each[0] for each in steps.slopes(found.fit.logs[None]))
    listed = list(among.values())
    return [
        {
            "question": listed[i][0],
            "command": command_of("predict", listed[i][0]),
            "expected_step_time_s": float(f"{np.exp(seconds[i]):.4g}"),
            "gain": round(gain, 3),
        }
        for i, gain in choose(slopes, slopes, found.fit.covariance, count)
    ]


def _variations(flags: Mapping[str, Any], echo: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A run's flags with one thing otherwise."""
    plain = {k: v for k, v in flags.items() if k != "dp"}
    for name, factors in _TIMES.items():
        for factor in factors:
            value = echo[name] * factor
            if value >= 1 and float(value).is_integer():
                yield {**plain, name: int(value)}
    for name, values in (_DEGREES | _CHOICES).items():
        yield from ({**plain, name: value} for value in values if value != echo[name])


def _possible(flags: dict[str, Any]) -> Case | None:
    """The case of some flags; None where they contradict each other or do not fit."""
    try:
        case = read_case(flags)
    except PlannerError:
        return None
    usable = case.machine.usable_bytes
    return case if not usable or device_memory(case).total <= usable else None
