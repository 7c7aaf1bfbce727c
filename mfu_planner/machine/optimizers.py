"""Bytes that a parameter costs beside itself: gradients and optimizer states."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mfu_planner.errors import InputError, nearest
from mfu_planner.machine.calibrated import FORMAT_BYTES, calibration

if TYPE_CHECKING:
    from mfu_planner.machine.constants import Stack

OPTIMIZERS = ("adam", "adam-8bit", "adam-bf16", "adam-8bit-bf16", "adam-8bit-paged", "adafactor", "muon", "sgd")
"""Optimizers whose states are known; bytes per parameter stand in ``calibration/memory.yaml``."""


def optimizer_bytes(name: str) -> float:
    """Optimizer states and master weight of one parameter that stay on the device [byte].

    Adam keeps a 32-bit master weight and two 32-bit moments: 12 byte.

    References
    ----------
    .. [1] Rajbhandari et al. 2020, *ZeRO*, arXiv:1910.02054, section 3.1.
    """
    return float(_held(name)["byte_per_parameter"])


def optimizer_gradient_bytes(name: str) -> float | None:
    """Bytes of a gradient where the optimizer works on 16-bit weights alone; None: as the software keeps it."""
    found = _held(name).get("gradient_bytes")
    return None if found is None else float(found)


def with_gradients(stack: Stack, dtype: str | None) -> Stack:
    """A stack that exchanges its gradients in a format; None: as it does."""
    return stack if dtype is None else replace(stack, gradient_bytes=FORMAT_BYTES[dtype])


def _held(name: str) -> dict[str, Any]:
    held: dict[str, dict[str, Any]] = calibration()["memory"]["optimizers"]
    if name not in held:
        raise InputError("optimizer", name, ", ".join(held), nearest(name, held))
    return held[name]
