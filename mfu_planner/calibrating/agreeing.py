"""Runs that cannot all be what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from mfu_planner.errors import InputError
from mfu_planner.fitting.fit import said
from mfu_planner.fitting.steps import Floats

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


def odd_ones(runs: Sequence[OwnRun], missed: Floats) -> list[int]:
    """The runs that a fit of all does not explain.

    ``missed``: natural log of predicted ÷ measured of each run, by the fit of all.

    Raises
    ------
    InputError
        Half of them or more are odd: it names the two that are furthest apart.
    """
    odd = [i for i in range(len(runs)) if abs(missed[i]) > said()["contradiction"]["odd"]]
    if len(runs) > 1 and 2 * len(odd) >= len(runs):
        slow, fast = runs[int(np.argmin(missed))], runs[int(np.argmax(missed))]
        far = f"they take {np.exp(-missed.min()):.2f} and {np.exp(-missed.max()):.2f} times what suits all best"
        raise InputError("runs", f"{slow.name}, {fast.name}", f"runs that agree: {far}; {_MEND}")
    return odd
