"""A stack's memory constants out of the calibration."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from mfu_planner.machine.calibrated import FORMAT_BYTES, calibration
from mfu_planner.machine.optimizers import optimizer_gradient_bytes

if TYPE_CHECKING:
    from mfu_planner.machine.own_stack import OwnStack


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
    """Bytes kept per score of unfused attention."""
    score_passing: float
    """Bytes per score that a layer's backward pass holds beside them."""
    mask_bytes: float
    """Bytes per token and hidden size for the masks of a layer's dropouts."""
    in_backward: bool = False
    """Whether the optimizer steps as soon as a gradient is there, which is freed: a choice of the run."""


@cache
def memory_constants(stack: str, own: OwnStack | None = None) -> MemoryConstants:
    """What a software stack adds to the mathematics; the default where nothing was fitted.

    ``own``: the user's stack on it, whose runs fitted: what stands beside the states is no more than left them room.
    """
    held = calibration()["memory"]
    said = MemoryConstants(**{**held["default"], **held["assumed"].get(stack, {}), **held["stacks"].get(stack, {})})
    room = 1.0 if own is None or own.evidence is None else own.evidence.room
    return replace(said, **{name: room * getattr(said, name) for name in BESIDE_STATES})


BESIDE_STATES = ("logit_bytes", "activation_factor", "gathered_inputs", "gathered_layers", "fixed_bytes")
"""Constants in which activations, logits and buffers are linear."""


def memory_of(
    stack: str, own: OwnStack | None, optimizer: str, gradient_dtype: str | None, *, in_backward: bool
) -> MemoryConstants:
    """The same for a run: gradients as wide as it says, else as its optimizer has them, else as the stack does."""
    found = memory_constants(stack, own)
    if in_backward:
        found = replace(found, in_backward=True)
    wide = optimizer_gradient_bytes(optimizer) if gradient_dtype is None else FORMAT_BYTES[gradient_dtype]
    return found if wide is None else replace(found, gradient_bytes=wide)
