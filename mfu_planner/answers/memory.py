"""The memory question, answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mfu_planner.answers.fitting import fewest
from mfu_planner.answers.footprint import Footprint, Held
from mfu_planner.questions.request import read_case
from mfu_planner.step.evaluate import device_memory

if TYPE_CHECKING:
    from mfu_planner.step.case import Case
    from mfu_planner.step.memory import DeviceBytes


def memory(**given: Any) -> Footprint:
    """Bytes of the fullest device for a layout.

    Arguments are the flags of ``mfu-planner memory`` with underscores.

    Raises
    ------
    InputError
        Unknown, missing or contradictory flags.
    NoAnswer
        Under ``fit``: no number of devices holds it.

    Examples
    --------
    >>> from mfu_planner import memory
    >>> found = memory(model="llama-3.1-70b", hardware="h100-sxm", devices=64, tp=8, global_batch=64)
    >>> found.fits, round(found.weights_bytes / 2**30, 1)
    (True, 16.4)
    """
    explain = given.pop("explain", False)
    case, fit = fewest(given) if given.pop("fit", False) else (read_case(given), None)
    found = Footprint(
        **held_of(case, device_memory(case)),
        inputs=dict(case.said.echo),
        assumptions=("the fullest pipeline stage: most micro-batches in flight, or the logits", *case.said.assumptions),
        warnings=case.said.warnings,
        fit=fit,
        sources=dict(case.said.sources),
        **case.said.device_facts,
    )
    if not explain:
        return found
    from mfu_planner.answers.explain import explained_memory

    how = explained_memory(case)
    update = {"steps": how.steps, "sensitivities": how.sensitivities, "sources": {**found.sources, **how.sources}}
    return found.model_copy(update=update)


def held_of(case: Case, held: DeviceBytes) -> Held:
    """Bytes of a device by kind, and whether they fit."""
    total = held.total
    usable = case.machine.usable_bytes or None
    return Held.model_construct(
        weights_bytes=held.weights,
        gradients_bytes=held.gradients,
        optimizer_bytes=held.optimizer,
        activations_bytes=held.activations,
        logits_bytes=held.logits,
        other_bytes=held.other,
        total_bytes=total,
        capacity_bytes=case.machine.memory_bytes or None,
        usable_bytes=usable,
        fits=None if usable is None else total <= usable,
    )
