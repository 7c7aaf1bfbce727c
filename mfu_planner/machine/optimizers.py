"""Bytes that a parameter costs beside itself: gradients and optimizer states."""

from __future__ import annotations

from mfu_planner.errors import InputError, nearest

OPTIMIZERS = ("adam", "adam-8bit", "adam-bf16", "adafactor", "muon", "sgd")
"""Optimizers whose states are known; bytes per parameter stand in ``calibration/memory.yaml``."""


def optimizer_bytes(name: str) -> float:
    """Optimizer states and master weight of one parameter [byte].

    Adam keeps a 32-bit master weight and two 32-bit moments: 12 byte.

    References
    ----------
    .. [1] Rajbhandari et al. 2020, *ZeRO*, arXiv:1910.02054, section 3.1.
    """
    from mfu_planner.machine.calibrated import calibration

    held = calibration()["memory"]["optimizers"]
    if name not in held:
        raise InputError("optimizer", name, ", ".join(held), nearest(name, held))
    return float(held[name]["byte_per_parameter"])
