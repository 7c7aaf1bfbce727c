"""The answer to a memory question."""

from __future__ import annotations

from typing import Any

from mfu_planner.answers.results import Keyed, KeyedResult, OnDevices


class Held(Keyed):
    """Bytes of the fullest device by kind [byte], and whether they fit."""

    weights_bytes: float
    gradients_bytes: float
    optimizer_bytes: float
    activations_bytes: float
    logits_bytes: float
    other_bytes: float
    """Context, buffers, workspace; layers that ZeRO-3 holds whole."""
    total_bytes: float
    capacity_bytes: float | None
    """The total that the driver reports; null where it is not published."""
    usable_bytes: float | None
    """What a framework can allocate of it (``calibration/usable_memory.yaml``)."""
    fits: bool | None
    """Whether the total is at most what is usable."""


class Footprint(OnDevices, KeyedResult, Held):
    """Bytes of the fullest device for a layout [byte]."""

    inputs: dict[str, Any]
    """Every flag, defaults filled in."""
    assumptions: tuple[str, ...]
    fit: dict[str, Any] | None = None
    """Under ``fit``: the fewest devices that hold it, their layout, and what was tried: devices, total_bytes, fits."""
    sensitivities: tuple[dict[str, Any], ...] = ()
    """Under ``explain``: d ln result / d ln of each size and constant, largest first: name, exponent, meaning."""
