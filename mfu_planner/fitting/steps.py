"""Steps that were measured, and what the model says of them under any factors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from mfu_planner.machine.multipliers import multiplied, multipliers
from mfu_planner.step.evaluate import step

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mfu_planner.step.case import Case

Floats: TypeAlias = "NDArray[np.floating[Any]]"
NAMES = tuple(multipliers())
"""The factors, in the order of every vector here."""
_DIFFERENCE = 0.05
"""Step of a finite difference [natural log of a factor]."""


@dataclass(frozen=True)
class Steps:
    """Cases whose steps are predicted together.

    Parameters
    ----------
    cases
        Each one step, or a layout of arrays that stands for several.
    sizes
        How many steps each case stands for.
    """

    cases: tuple[Case, ...]
    sizes: tuple[int, ...]

    @classmethod
    def of(cls, cases: Sequence[Case]) -> Steps:
        """Single steps."""
        return cls(tuple(cases), (1,) * len(cases))

    @property
    def count(self) -> int:
        """Steps in all."""
        return sum(self.sizes)

    def log_seconds(self, logs: Floats) -> Floats:
        """Natural logarithm of each step's seconds, ``(m, n)``, under ``m`` vectors of the factors' logarithms."""
        factors: dict[str, Any] = {name: np.exp(logs[:, j : j + 1]) for j, name in enumerate(NAMES)}
        found = []
        for case, size in zip(self.cases, self.sizes, strict=True):
            machine, stack = multiplied(case.machine, case.stack, factors)
            seconds = step(replace(case, machine=machine, stack=stack), parts=False, memory=False).seconds
            found.append(np.broadcast_to(np.log(np.asarray(seconds, np.float64)), (len(logs), size)))
        return np.concatenate(found, axis=1)

    def slopes(self, logs: Floats) -> tuple[Floats, Floats]:
        """(log seconds ``(m, n)``, their derivatives by the factors' logarithms ``(m, n, p)``)."""
        m, p = logs.shape
        moved = np.concatenate([logs, *(logs + _DIFFERENCE * np.eye(p)[j] for j in range(p))])
        values = self.log_seconds(moved).reshape(p + 1, m, self.count)
        return values[0], np.moveaxis((values[1:] - values[0]) / _DIFFERENCE, 0, -1)
