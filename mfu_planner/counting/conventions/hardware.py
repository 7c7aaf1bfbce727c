"""Hardware FLOPs: model FLOPs plus what is computed again in the backward pass."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from mfu_planner.architectures.model import Architecture
from mfu_planner.counting.conventions.definition import Convention, Pairs
from mfu_planner.counting.conventions.evaluate import batch_flops
from mfu_planner.counting.conventions.evaluate import convention as by_name
from mfu_planner.counting.conventions.parts import Term, contributions, scaled
from mfu_planner.errors import InputError
from mfu_planner.numeric import Number
from mfu_planner.operators import Attention, Workload

RECOMPUTE = ("none", "selective", "full")
"""Nothing again; attention's core again; every layer's forward pass again."""

_ONE_PASS = Fraction(1)


def hardware_flops(
    architecture: Architecture,
    work: Workload,
    *,
    recompute: str = "none",
    fused_attention: bool = True,
    selected: float = 0.0,
    convention: Convention | str = "full",
) -> Number:
    """FLOP that the hardware executes for one training step on a batch.

    Parameters
    ----------
    recompute
        ``selective``: the attention core (scores, softmax, weighted sum) is computed again, where a kernel that is
        not fused has kept it; ``full``: the forward pass of every layer is (embedding, final norm and head are not).
    fused_attention
        A fused kernel (FlashAttention) keeps no scores: its backward pass computes them again, whatever is selected.
    selected
        Share of the layers' other forward work that ``selective`` repeats too: a software's own choice.
    convention
        How the model FLOPs themselves are counted.

    Raises
    ------
    InputError
        An unknown kind of recomputation.

    Notes
    -----
    Full recomputation of the Narayanan 2021 count gives their ``96 B s L h² (1 + s/6h + V/16Lh)``.
    """
    if recompute not in RECOMPUTE:
        raise InputError("recompute", recompute, "none, selective or full")
    chosen = by_name(convention) if isinstance(convention, str) else convention
    total = batch_flops(chosen, architecture, work)
    again: Number = 0
    if recompute == "full" or not fused_attention:
        again = recomputed(chosen, architecture, work, recompute)
    if recompute == "selective" and selected:
        core = recomputed(chosen, architecture, work, "selective")
        again = again + scaled(recomputed(chosen, architecture, work, "full") - core, Fraction(selected))
    return total + again + _scores(chosen, architecture, work, fused=fused_attention)


def recomputed(convention: Convention, architecture: Architecture, work: Workload, recompute: str) -> Number:
    """FLOP of the forward passes that are done a second time."""
    if recompute == "none":
        return 0
    if convention.exact:
        inside = work.allowed() if convention.pairs is Pairs.ALLOWED else replace(work, allowed_pairs_only=False)
        return sum(
            block.count * op.forward_flops(inside)
            for block, op in architecture.each()
            if block.layers and (recompute == "full" or isinstance(op, Attention))
        )
    forward = replace(convention, passes=_ONE_PASS, attention_passes=_ONE_PASS)
    return sum(
        each.flops
        for each in contributions(forward, architecture, work)
        if each.block.layers and (recompute == "full" or each.part in (Term.ATTENTION, Term.SOFTMAX))
    )


def _scores(convention: Convention, architecture: Architecture, work: Workload, *, fused: bool) -> Number:
    """FLOP of the scores that a fused kernel's backward pass computes again."""
    if not fused or convention.attention_passes != 3:
        return 0  # 7/2 counts them already
    forward = replace(convention, passes=_ONE_PASS, attention_passes=_ONE_PASS)
    total: Number = 0
    for each in contributions(forward, architecture, work):
        op = each.operator
        if each.part is Term.ATTENTION and isinstance(op, Attention) and op.input_grad:
            flops = (
                each.block.count * op.forward_flops(replace(work, allowed_pairs_only=convention.pairs is Pairs.ALLOWED))
                if convention.exact
                else each.flops
            )
            total = total + scaled(flops, Fraction(op.qk_dim, op.qk_dim + op.v_dim))
    return total
