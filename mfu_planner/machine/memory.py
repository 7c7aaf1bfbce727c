"""A stack's memory constants out of the calibration."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from mfu_planner.machine.calibrated import calibration


@dataclass(frozen=True, kw_only=True)
class MemoryConstants:
    """What a stack adds to the mathematics (``calibration/memory.yaml``; units in ``calibration/meanings.yaml``)."""

    gradient_bytes: float
    """Bytes of gradient per parameter held on the device."""
    logit_bytes: float
    """Bytes per logit at the loss: 16-bit logits, 32-bit copy, gradient."""
    activation_factor: float
    """Activations held over those that the operators need (temporaries, fragmentation)."""
    fixed_bytes: float
    """Per device: context, communication buffers, workspace."""
    gathered_inputs: float
    """Whole (gathered) layer inputs held at a time under sequence parallelism: tensors of tokens × hidden."""
    gathered_layers: float
    """Layers whose weights (and gradients) ZeRO-3 holds whole at a time."""
    frozen_kept: float
    """Share of the activations that adapters leave: frozen products need no input for a weight gradient."""
    narrow_kept: float
    """Share of the 16-bit activations' bytes that a run in 8 bits keeps."""
    selective_held: float
    """Share of what a selectively recomputed layer keeps that stays on the device; the host holds the rest."""
    score_bytes: float
    """Bytes per score of unfused attention."""
    mask_bytes: float
    """Bytes per token and hidden size for the masks of a layer's dropouts."""


@cache
def memory_constants(stack: str) -> MemoryConstants:
    """What a software stack adds to the mathematics; the default where nothing was fitted."""
    held = calibration()["memory"]
    return MemoryConstants(**{**held["default"], **held["assumed"].get(stack, {}), **held["stacks"].get(stack, {})})
