"""Which convention fits a model where none is asked for."""

from __future__ import annotations

from mfu_planner.architectures.model import Architecture
from mfu_planner.operators import CAUSAL, TARGET_TOKENS, TOKENS, Attention, Workload

_LONG = 2**20
"""A length beyond every window, chunk or number of chosen keys."""


def default_convention(architecture: Architecture) -> str:
    """``full``; ``causal`` for a model whose long sequences have far fewer pairs than a causal mask allows.

    Windows, chunks and sparse attention: nobody computes their pairs beyond the mask.
    """
    work = Workload(1, _LONG, _LONG, allowed_pairs_only=True)
    most = CAUSAL.pairs(_LONG, _LONG)
    tokens = (
        op
        for _, op in architecture.each()
        if isinstance(op, Attention) and op.rows == op.keys and op.rows in (TOKENS, TARGET_TOKENS)
    )
    return "causal" if any(2 * op.pairs(work) < most for op in tokens) else "full"


def why_default(name: str) -> str:
    """Why a convention is the default, in words."""
    if name == "full":
        return "the default"
    return "the default for a model with windows, chunks or sparse attention: nobody computes the pairs beyond the mask"
