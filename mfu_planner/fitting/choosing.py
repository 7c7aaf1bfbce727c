"""Which step to measure next: the one after which the others are surest."""

from __future__ import annotations

import numpy as np

from mfu_planner.fitting.fit import said
from mfu_planner.fitting.steps import Floats


def gains(slopes: Floats, targets: Floats, known: Floats) -> Floats:
    """By how much the mean variance of the targets falls when each candidate is measured, ``(candidates,)``.

    Parameters
    ----------
    slopes, targets
        Derivatives of log seconds by the factors' logarithms, of candidates and of the steps to be predicted.
    known
        Covariance of the factors' logarithms now.

    Notes
    -----
    A measurement of scatter ``σ`` takes ``C·s·sᵀ·C/(σ² + sᵀ·C·s)`` from the covariance ``C``; ``σ²`` grows with the
    candidate's own variance (``misfit``), so that of two that say as much the one like the others is chosen.

    References
    ----------
    .. [1] Chaloner, Verdinelli 1995, *Bayesian Experimental Design: A Review*, section 2.2 (I-optimality).
    """
    spread = slopes @ known
    shared = targets @ spread.T
    own = np.einsum("ij,ij->i", spread, slopes) * (1.0 + said()["misfit"]["chosen"] ** 2) + said()["scatter"] ** 2
    gain: Floats = np.mean(shared**2, axis=0) / own
    return gain


def after(slope: Floats, known: Floats) -> Floats:
    """The covariance after a step with these derivatives was measured."""
    moved = known @ slope
    left: Floats = known - np.outer(moved, moved) / (said()["scatter"] ** 2 + float(slope @ moved))
    return left


def choose(slopes: Floats, targets: Floats, known: Floats, count: int) -> list[tuple[int, float]]:
    """(candidate, share of the targets' variance that it takes away), each the best after those before it."""
    chosen: list[tuple[int, float]] = []
    for _ in range(min(count, len(slopes))):
        worth = gains(slopes, targets, known)
        worth[[i for i, _ in chosen]] = -1.0
        best = int(np.argmax(worth))
        unsure = np.mean(np.einsum("ij,jk,ik->i", targets, known, targets))
        chosen.append((best, float(worth[best] / unsure)))
        known = after(slopes[best], known)
    return chosen
