"""Runs that cannot all be what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from mfu_planner.errors import InputError
from mfu_planner.fitting.fit import odd_ones, said
from mfu_planner.fitting.steps import Floats, Steps

if TYPE_CHECKING:
    from mfu_planner.calibrating.reading import OwnRun

_MEND = "leave out what stalled, shared its machine or is described otherwise than it ran"


def merged(runs: Sequence[OwnRun]) -> list[OwnRun]:
    """Each question once, at the middle of its measurements.

    Raises
    ------
    InputError
        Two measurements of one question are far apart; it names both.
    """
    same: dict[str, list[OwnRun]] = {}
    for run in runs:
        same.setdefault(run.key, []).append(run)
    found = []
    for group in same.values():
        fast, *_, slow = sorted([*group, *group], key=lambda run: run.seconds)
        if slow.seconds / fast.seconds > 1.0 + said()["contradiction"]["repeat"]:
            times = f"{fast.seconds:.4g} s and {slow.seconds:.4g} s a step are of one and the same question"
            raise InputError("runs", f"{fast.name}, {slow.name}", f"runs that agree: {times}; {_MEND}")
        found.append(replace(group[0], seconds=median(run.seconds for run in group)))
    return found


def agreeing(own: Sequence[OwnRun], probed: bool) -> tuple[list[OwnRun], list[str]]:
    """(the runs without odd ones, a remark on each of those); ``probed``: whether their machine was measured.

    Raises
    ------
    InputError
        Half of them or more are odd: it names the two that are furthest apart.
    """
    odd, missed = odd_ones(*measured(own), probed)
    took = np.exp(-missed)
    if odd and len(own) == 1:
        raise InputError(
            "runs", own[0].name, f"a run like others: it took {took[0]:.3g} times what is expected; {_MEND}"
        )
    if 2 * len(odd) >= len(own) > 1:
        slow, fast = int(np.argmax(took)), int(np.argmin(took))
        far = f"they take {took[slow]:.2f} and {took[fast]:.2f} times what suits all best"
        raise InputError("runs", f"{own[slow].name}, {own[fast].name}", f"runs that agree: {far}; {_MEND}")
    told = [f"{own[i].name} left out: it took {took[i]:.2f} times what suits all best" for i in odd]
    return [run for i, run in enumerate(own) if i not in odd], told


def measured(own: Sequence[OwnRun]) -> tuple[Steps, Floats]:
    """The runs as steps, and their measured times [natural log of s]."""
    return Steps.of([run.case for run in own]), np.log([run.seconds for run in own])
