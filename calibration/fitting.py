"""The fit of constants to step times: every constant moved at once in one array call, Gauss-Newton with a soft L1.

A prediction is the same code for numbers and arrays, so a column of constants gives a column of predictions: one call
holds the derivatives to all constants, and a fit takes a second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from fit_rows import Base, Part, predicted

SCALE = 0.05
"""Error [natural log] above which a row counts linearly."""
STEP = 0.02
"""Of the logarithm of a constant, for its derivative."""
ROUNDS = 8
LONGEST = 0.7
"""The farthest that a constant moves in one round [natural log]."""
RESTS = 1e-3
"""A constant that moves less has come to rest [natural log]."""
SHORTER = np.array([1.0, 0.5, 0.25, 0.1])
WIDEST = 20.0
"""A constant without limits of its own stays within this factor of its prior."""


class Fit:
    """Constants fitted to weighed rows.

    Parameters
    ----------
    free
        [prior, standard deviation of its logarithm, least, greatest] of each constant.
    base
        What the other constants are.
    scale
        Error [natural log] above which a row counts linearly.
    pull
        Weight of the priors; None: by the number of rows.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        free: Mapping[str, Sequence[float]],
        base: Base,
        scale: float = SCALE,
        pull: float | None = None,
    ) -> None:
        self.names = list(free)
        self.prior = np.log([free[n][0] for n in self.names])
        self.low = np.log([free[n][2] if len(free[n]) > 2 else free[n][0] / WIDEST for n in self.names])
        self.high = np.log([free[n][3] if len(free[n]) > 3 else free[n][0] * WIDEST for n in self.names])
        self.weight = np.concatenate([p.weight for p in parts]) / scale
        self.pull = max(1.0, scale * np.sqrt((self.weight**2).sum()) / 6.0) if pull is None else pull
        self.firm = self.pull / np.array([free[n][1] for n in self.names])
        self.parts = [(p, base(p.rows)) for p in parts]
        self.sources = np.concatenate([[p.rows.source] * int(p.chosen.sum()) for p in parts])

    def misses(self, at: np.ndarray) -> np.ndarray:
        """Natural logarithm of predicted ÷ published of every row, for each line of logarithms of the constants."""
        values = {n: np.exp(at[:, [j]]) for j, n in enumerate(self.names)}
        found = [predicted(p.rows, b, values)[:, p.chosen] - p.rows.seconds[p.chosen] for p, b in self.parts]
        return np.concatenate(found, axis=1)

    def slopes(self, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(misses, their derivatives) at some constants."""
        found = self.misses(np.concatenate([at[None], at + STEP * np.eye(len(at))]))
        return found[0], ((found[1:] - found[0]) / STEP).T

    def loss(self, miss: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Soft L1 of the misses and of the distance from the priors, for each line of both."""
        squares = np.concatenate([(self.weight * miss) ** 2, (self.firm * (at - self.prior)) ** 2], axis=1)
        return 2.0 * (np.sqrt(1.0 + squares) - 1.0).sum(axis=1)

    def turn(self, at: np.ndarray, miss: np.ndarray, slope: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """The step to the least loss of the straight lines through ``at``."""
        rows = weight**2 / np.sqrt(1.0 + (weight * miss) ** 2)
        own = self.firm**2 / np.sqrt(1.0 + (self.firm * (at - self.prior)) ** 2)
        down = own * (self.prior - at) - slope.T @ (rows * miss)
        return np.linalg.solve(slope.T @ (slope * rows[:, None]) + np.diag(own), down)

    def best(self) -> np.ndarray:
        """Logarithms of the constants of least loss."""
        at, least = self.prior.copy(), np.inf
        for _ in range(ROUNDS):
            miss, slope = self.slopes(at)
            turn = np.clip(self.turn(at, miss, slope, self.weight), -LONGEST, LONGEST)
            tried = np.clip(at + SHORTER[:, None] * turn, self.low, self.high)
            costs = self.loss(self.misses(tried), tried)
            place = int(np.argmin(costs))
            if costs[place] >= least:
                break
            done = costs[place] > least * (1.0 - 1e-5)
            at, least = tried[place], float(costs[place])
            if done:
                break
        return at

    def without(self, source: str, at: np.ndarray, miss: np.ndarray, slope: np.ndarray) -> np.ndarray:
        """The same without a source: from the derivatives at the fit of all to those where they lead, to rest."""
        weight = np.where(self.sources == source, 0.0, self.weight)
        found = self._along(at, miss, slope, weight)
        for _ in range(ROUNDS):
            start, found = found, self._along(found, *self.slopes(found), weight)
            if np.abs(found - start).max() < RESTS:
                break
        return found

    def _along(self, at: np.ndarray, miss: np.ndarray, slope: np.ndarray, weight: np.ndarray) -> np.ndarray:
        found = at.copy()
        for _ in range(ROUNDS):
            turn = self.turn(found, miss + slope @ (found - at), slope, weight)
            found = np.clip(found + turn, self.low, self.high)
        return found

    def values(self, at: np.ndarray) -> dict[str, float]:
        """The constants to four digits."""
        return {name: float(f"{np.exp(value):.4g}") for name, value in zip(self.names, at, strict=True)}
