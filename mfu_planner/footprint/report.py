"""The memory question, answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mfu_planner.footprint.calibrated import memory_constants
from mfu_planner.footprint.device import device_memory
from mfu_planner.footprint.result import Footprint
from mfu_planner.footprint.states import optimizer_bytes
from mfu_planner.layout.request import Request, read_request
from mfu_planner.layout.work import cached_model_work

if TYPE_CHECKING:
    from mfu_planner.footprint import result
    from mfu_planner.footprint.device import Held


def memory(**given: Any) -> Footprint:
    """Bytes of the fullest device for a layout.

    Arguments are the flags of ``mfu-planner memory`` with underscores.

    Raises
    ------
    InputError
        Unknown, missing or contradictory flags.

    Examples
    --------
    >>> from mfu_planner import memory
    >>> found = memory(model="llama-3.1-70b", hardware="h100-sxm", devices=64, tp=8, global_batch=64)
    >>> found.fits, round(found.weights_bytes / 2**30, 1)
    (True, 16.4)
    """
    request = read_request(**given)
    return Footprint(
        **memory_of(request),
        inputs=request.echo,
        assumptions=("the fullest pipeline stage: most micro-batches in flight, or the logits", *request.assumptions),
        warnings=request.warnings,
        sources=request.sources,
    )


def held_memory(request: Request) -> Held:
    """Bytes of the fullest device."""
    work = cached_model_work(request.model.architecture)
    return device_memory(
        work,
        request.layout,
        request.stack,
        memory_constants(request.stack.name),
        optimizer_bytes=optimizer_bytes(request.optimizer),
        narrow=request.machine.low_precision,
    )


def memory_of(request: Request) -> result.Held:
    """Bytes of the fullest device by kind, and whether they fit."""
    held = held_memory(request)
    total = float(held.total)
    usable = request.machine.usable_bytes or None
    return {
        "weights_bytes": float(held.weights),
        "gradients_bytes": float(held.gradients),
        "optimizer_bytes": float(held.optimizer),
        "activations_bytes": float(held.activations),
        "logits_bytes": float(held.logits),
        "other_bytes": float(held.other),
        "total_bytes": total,
        "capacity_bytes": request.machine.memory_bytes or None,
        "usable_bytes": usable,
        "fits": None if usable is None else total <= usable,
    }
