"""The memory question, answered."""

from __future__ import annotations

from typing import Any

from mfu_planner.prediction.predicting import memory_of
from mfu_planner.prediction.request import read_request


def memory(**given: Any) -> dict[str, Any]:
    """Bytes of the fullest device for a layout.

    Arguments are the flags of ``mfu-planner memory`` with underscores.

    Returns
    -------
    dict
        ``weights_bytes``, ``gradients_bytes``, ``optimizer_bytes``, ``activations_bytes``, ``logits_bytes``,
        ``other_bytes``,
        ``total_bytes``, ``capacity_bytes``, ``fits``, ``inputs`` with every default, ``assumptions``, ``warnings``.

    Raises
    ------
    InputError
        Unknown, missing or contradictory flags.
    """
    request = read_request(**given)
    return {
        **memory_of(request),
        "inputs": request.echo,
        "assumptions": [
            "the fullest pipeline stage: most micro-batches in flight, or the logits",
            *request.assumptions,
        ],
        "warnings": list(request.warnings),
    }
