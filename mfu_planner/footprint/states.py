"""Bytes that a parameter costs beside itself: gradients and optimizer states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfu_planner.errors import InputError, nearest

if TYPE_CHECKING:
    from mfu_planner.prediction.arrays import Numbers

OPTIMIZERS = ("adam", "adam-8bit", "adam-bf16", "adafactor", "muon", "sgd")
"""Optimizers whose states are known; bytes per parameter stand in ``calibration/memory.yaml``."""


def optimizer_bytes(name: str) -> float:
    """Optimizer states and master weight of one parameter [byte].

    Adam keeps a 32-bit master weight and two 32-bit moments: 12 byte.

    References
    ----------
    .. [1] Rajbhandari et al. 2020, *ZeRO*, arXiv:1910.02054, section 3.1.
    """
    from mfu_planner.prediction.calibrated import calibration

    held = calibration()["memory"]["optimizers"]
    if name not in held:
        raise InputError("optimizer", name, ", ".join(held), nearest(name, held))
    return float(held[name]["byte_per_parameter"])


def in_flight(stages: Numbers, micro_batches: Numbers, virtual: Numbers) -> Numbers:
    """Micro-batches whose activations the first stage holds at once, in units of a whole stage.

    1F1B: as many as there are stages.  Interleaved: (1 + (p − 1)/(p v)) times that.

    References
    ----------
    .. [1] Narayanan et al. 2021, arXiv:2104.04473, section 2.2; Korthikanti et al. 2022, arXiv:2205.05198,
    section 4.2.3.
    """
    import numpy as np

    held = np.where(np.asarray(virtual) > 1, stages + (stages - 1.0) / virtual, stages)
    return np.minimum(held, np.maximum(micro_batches, 1.0))
