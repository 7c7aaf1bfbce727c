"""The likeliest factors behind some measured steps, and how sure they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mfu_planner.fitting.steps import NAMES, Floats, Steps
from mfu_planner.machine.calibrated import calibration
from mfu_planner.machine.multipliers import multipliers

_ROUNDS = 3
"""Times that the model is made linear anew."""
_INNER = 6
"""Times that weights are found anew in a linear model."""
_FAR = 1.0
"""Squared errors over the scatter from which on a step pulls less."""
_LEAP = 0.8
"""Largest change of a factor's logarithm in a round."""


@dataclass(frozen=True)
class Fit:
    """Factors after some steps were seen."""

    logs: Floats
    """Natural logarithms of the factors, ``(p,)``."""
    covariance: Floats
    """Of them, ``(p, p)``."""


def said() -> dict[str, Any]:
    """``calibration/multipliers.yaml``."""
    held: dict[str, Any] = calibration()["multipliers"]
    return held


def prior(measured: bool = False) -> Floats:
    """Covariance of the factors' logarithms before any step is seen; all share one factor beside their own.

    ``measured``: whether a machine file stands behind the kernels.
    """
    widths = [m.measured_sd if measured else m.sd for m in multipliers().values()]
    covariance: Floats = np.diag(np.square(widths)) + said()["common_sd"] ** 2
    return covariance


def fit(steps: Steps, log_seconds: Floats, before: Floats) -> Fit:
    """The likeliest factors of all the steps."""
    return fits(steps, log_seconds, before, [range(steps.count)])[0]


def fits(steps: Steps, log_seconds: Floats, before: Floats, subsets: Sequence[Iterable[int]]) -> list[Fit]:
    """The likeliest factors of each subset of the steps.

    Parameters
    ----------
    log_seconds
        Measured, ``(n,)`` [natural log of s].
    before
        Covariance of the factors' logarithms before, ``(p, p)``; their centre is the base stack.

    Notes
    -----
    Gauss and Newton's method on Cauchy's loss of the errors over the scatter (a step that is far off hardly pulls) plus
    the prior's quadratic form.

    References
    ----------
    .. [1] Triggs et al. 2000, *Bundle Adjustment, A Modern Synthesis*, section 4.3 (robust weights).
    """
    chosen = [np.fromiter(subset, int) for subset in subsets]
    logs = np.zeros((len(chosen), len(NAMES)))
    sure = np.linalg.inv(before)
    spreads: list[Floats] = [before] * len(chosen)
    for _ in range(_ROUNDS):
        found, slopes = steps.slopes(logs)
        for i, rows in enumerate(chosen):
            sigma = _scatter(slopes[i][rows], before)
            moved, spreads[i] = _solved((log_seconds - found[i])[rows], slopes[i][rows], logs[i], sure, sigma)
            logs[i] += np.clip(moved, -_LEAP, _LEAP)
    return [Fit(at, spread) for at, spread in zip(logs, spreads, strict=True)]


def _scatter(slope: Floats, before: Floats) -> Floats:
    """Standard deviation of each step around the form: its own, and a share of what the prior leaves open of it."""
    held = said()
    unsure = np.einsum("ij,jk,ik->i", slope, before, slope)
    sigma: Floats = np.hypot(held["scatter"], held["misfit"]["fitted"] * np.sqrt(unsure))
    return sigma


def _solved(miss: Floats, slope: Floats, at: Floats, sure: Floats, sigma: Floats) -> tuple[Floats, Floats]:
    """(change of the factors' logarithms, their covariance) in a linear model."""
    moved = np.zeros_like(at)
    inverse = sure
    for _ in range(_INNER):
        off = (miss - slope @ moved) / sigma
        weight = 1.0 / (1.0 + off * off / _FAR) / sigma**2
        inverse = slope.T @ (slope * weight[:, None]) + sure
        moved = np.linalg.solve(inverse, slope.T @ (weight * miss) - sure @ at)
    spread: Floats = np.linalg.inv(inverse)
    return moved, spread


def odd_ones(steps: Steps, log_seconds: Floats, measured: bool = False) -> tuple[list[int], Floats]:
    """(steps that a fit of all does not explain, natural log of predicted ÷ measured of every step).

    ``measured``: whether a machine file stands behind the kernels.
    """
    missed = steps.log_seconds(fit(steps, log_seconds, prior(measured)).logs[None])[0] - log_seconds
    return [i for i in range(steps.count) if abs(missed[i]) > said()["contradiction"]["odd"]], missed


@dataclass(frozen=True)
class Calibration:
    """Factors fitted to some steps, and how they would have predicted each step without it."""

    fit: Fit
    before: Floats
    """Covariance of the factors' logarithms before."""
    left_out: Floats
    """Natural log of predicted ÷ measured of each step, by the other steps; empty where there is one."""

    @property
    def rms(self) -> float:
        """Root mean square of ``left_out``; where there is one step, what a single step leaves open."""
        held = said()["range"]
        if not len(self.left_out):
            return float(held["alone"])
        return float(np.sqrt(np.mean(np.minimum(np.abs(self.left_out), held["most"]) ** 2)))

    @property
    def half_width(self) -> float:
        """Natural log of a factor around a prediction within which 80% of further steps are meant to lie."""
        known = {int(n): q for n, q in said()["range"]["quantile"].items()}
        quantile = np.interp(max(len(self.left_out), 1), list(known), list(known.values()))
        return float(quantile * np.hypot(said()["scatter"], self.rms))


def calibrated(steps: Steps, log_seconds: Floats, measured: bool = False) -> Calibration:
    """The factors of all the steps, and how each step would have been predicted by the others.

    Parameters
    ----------
    log_seconds
        Measured, ``(n,)`` [natural log of s].
    measured
        Whether a machine file stands behind the kernels.
    """
    before, everyone = prior(measured), range(steps.count)
    if steps.count == 1:
        return Calibration(fit(steps, log_seconds, before), before, np.empty(0))
    whole, *others = fits(steps, log_seconds, before, [everyone, *([j for j in everyone if j != i] for i in everyone)])
    by_others = np.diagonal(steps.log_seconds(np.array([f.logs for f in others])))
    return Calibration(whole, before, by_others - log_seconds)
