"""What each operator adds under a convention: one pass over the operator list serves all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction

from mfu_planner.architectures.model import Architecture, Block
from mfu_planner.counting.conventions.definition import (
    Convention,
    CountedExperts,
    Embedding,
    Norms,
    Pairs,
    Scans,
    Weights,
    Width,
)
from mfu_planner.numeric import Number, ceil_div, half, minimum
from mfu_planner.operators import (
    TOKENS,
    Attention,
    Convolution,
    Lookup,
    MaskKind,
    MatMul,
    Norm,
    Operator,
    Role,
    Stream,
    Workload,
)

DELTA_RULES = (Scans.MEGATRON, Scans.MAXTEXT)
"""Ways that count a delta rule by a formula of their own."""


class Term(StrEnum):
    """The terms of a convention's sum."""

    LINEAR = "linear layers"
    EXPERTS = "experts"
    ROUTER = "router"
    EMBEDDING = "token embedding"
    POSITIONS = "position table"
    HEAD = "head"
    NORMS = "norms and other small weights"
    ATTENTION = "attention scores and values"
    SOFTMAX = "softmax and mask"
    CONVOLUTION = "convolutions"
    SCAN = "scans"


@dataclass(frozen=True, slots=True)
class Contribution:
    """FLOP of one batch that one operator adds under a convention, all its instances together."""

    part: Term
    block: Block
    operator: Operator
    flops: Number


def scaled(value: Number, factor: Fraction) -> Number:
    """``value · factor``: exact (int or Fraction) for ints, float64 for arrays."""
    if isinstance(value, int | Fraction):
        exact = value * factor
        return exact.numerator if exact.denominator == 1 else exact
    return value * factor.numerator / factor.denominator


def contributions(
    convention: Convention, architecture: Architecture, work: Workload, *, tensor_parallel: int = 1
) -> Iterator[Contribution]:
    """Every operator's share of a batch's training FLOP under a convention."""
    if not convention.packed and work.documents:
        work = replace(work, documents=())
    work = replace(work, allowed_pairs_only=convention.pairs is Pairs.ALLOWED)
    tied = any(op.role is Role.HEAD and op.shared_with for _, op in architecture.each())
    for block, op in architecture.each():
        if convention.exact:
            flops = block.count * (op.forward_flops(work) + op.backward_flops(work))
            yield Contribution(_part(op), block, op, flops)
            continue
        if convention.scans in DELTA_RULES:
            from mfu_planner.counting.conventions.megatron import as_megatron_counts

            op = as_megatron_counts(block, op, architecture.hidden, maxtext=convention.scans is Scans.MAXTEXT)
        if convention.square:
            from mfu_planner.counting.conventions.square import squared

            op = squared(block, op, architecture.hidden)
        if _weights_count(convention, op, tied=tied) or _delta_convolution(convention, block, op):
            flops = _weight_flops(convention, architecture, block, op, work, tensor_parallel)
            yield Contribution(_part(op), block, op, flops)
        yield from _beyond_weights(convention, architecture, block, op, work)


def _part(op: Operator) -> Term:
    """The term that an operator's weights (or, counted exactly, all of it) belong to."""
    if isinstance(op, Attention):
        return Term.ATTENTION
    by_role = {
        Role.EMBEDDING: Term.EMBEDDING,
        Role.POSITION: Term.POSITIONS,
        Role.HEAD: Term.HEAD,
        Role.ROUTER: Term.ROUTER,
        Role.EXPERT: Term.EXPERTS,
        Role.NORM: Term.NORMS,
        Role.CONVOLUTION: Term.CONVOLUTION,
    }
    if op.role is Role.SCAN and not isinstance(op, MatMul):
        return Term.SCAN
    if op.role in by_role:
        return by_role[op.role]
    return Term.LINEAR if isinstance(op, MatMul) else Term.NORMS


def _weights_count(convention: Convention, op: Operator, *, tied: bool) -> bool:
    """Whether the weights of an operator are part of the convention's sum."""
    if isinstance(op, Lookup):
        return _lookup_counts(convention, op, tied=tied)
    if isinstance(op, MatMul):
        if op.name.endswith("gate_proj") and not convention.gates:
            return False
        if op.name == "shared_expert_gate" and not convention.shared_gate:
            return False
        switch = {Role.HEAD: convention.head, Role.ROUTER: convention.router}
        return switch.get(op.role, True)
    if isinstance(op, Convolution):
        return convention.convolutions or convention.weights is Weights.PARAMETERS
    if isinstance(op, Norm):
        return _norm_counts(convention.norms, op)
    return convention.norms is Norms.ALL  # learned scales, decays, sinks


def _lookup_counts(convention: Convention, op: Lookup, *, tied: bool) -> bool:
    if op.role is Role.POSITION:
        return convention.positions
    return convention.embedding in (Embedding.PARAMETERS, Embedding.PRODUCT) or (
        convention.embedding is Embedding.TIED and tied
    )


def _norm_counts(norms: Norms, op: Norm) -> bool:
    latent = "latent" in op.reads or op.name in {"q_a_norm", "kv_a_norm"}
    if norms is Norms.LATENT:
        return latent
    if norms is Norms.ATTENTION:
        return latent or op.name in {"q_norm", "k_norm", "final_norm"}
    return norms is Norms.ALL


def _weight_flops(
    convention: Convention, architecture: Architecture, block: Block, op: Operator, work: Workload, tensor_parallel: int
) -> Number:
    """FLOP through the weights of an operator, all passes."""
    if convention.padded_vocab and op.role is Role.HEAD and isinstance(op, MatMul):
        multiple = convention.padded_vocab * tensor_parallel
        op = replace(op, outputs=ceil_div(op.outputs, multiple) * multiple)
    if convention.weights is Weights.PRODUCTS and isinstance(op, MatMul | Convolution):
        if isinstance(op, Convolution):  # a source counts the sequence's own positions
            op = replace(op, extra_positions=0)
        if isinstance(op, MatMul) and convention.experts is CountedExperts.ALL:
            op = replace(op, active=op.copies)
        passes = convention.passes - (1 if convention.frozen_known and not op.trainable else 0)
        return scaled(block.count * op.forward_flops(work), passes)
    if convention.weights is Weights.MODULES:
        op = replace(op, shared_with="")
    count = op.params if convention.experts is CountedExperts.ALL else op.active_params
    by_rows = op.rows.stream in (Stream.IMAGE, Stream.CLIP) or (convention.by_rows and architecture.encoder_decoder)
    tokens = op.rows.count(work) if by_rows else work.tokens
    return scaled(2 * block.parameter_sets * count * tokens, convention.passes)


def _beyond_weights(
    convention: Convention, architecture: Architecture, block: Block, op: Operator, work: Workload
) -> Iterator[Contribution]:
    """Attention products, softmax and scans: work that no weight accounts for."""
    if isinstance(op, Attention):
        if convention.pairs is Pairs.NONE:
            return
        width = op.heads * (op.qk_dim + op.v_dim)
        if convention.width is Width.HIDDEN:
            width = 2 * architecture.hidden
        elif convention.width is Width.QUERIES:
            width = 2 * op.heads * op.qk_dim
        doubled = twice_pairs(convention.pairs, op, work)
        yield Contribution(
            Term.ATTENTION, block, op, scaled(block.count * width * doubled, convention.attention_passes)
        )
        if convention.softmax:
            keys = twice_pairs(Pairs.ALL, op, work)
            yield Contribution(
                Term.SOFTMAX, block, op, scaled(block.count * 3 * op.heads * half(keys), convention.passes)
            )
    elif convention.scans in DELTA_RULES and _part(op) is Term.SCAN:
        from mfu_planner.counting.conventions.megatron import scan_as_megatron_counts

        forward = scan_as_megatron_counts(op, maxtext=convention.scans is Scans.MAXTEXT) * op.rows.count(work)
        yield Contribution(Term.SCAN, block, op, scaled(block.count * forward, convention.passes))


def _delta_convolution(convention: Convention, block: Block, op: Operator) -> bool:
    """Whether this is the short convolution of a delta-rule layer, which Megatron-LM counts (Mamba's it does not)."""
    if convention.scans not in DELTA_RULES or not isinstance(op, Convolution):
        return False
    from mfu_planner.operators import GatedDeltaRule

    return any(isinstance(other, GatedDeltaRule) for other in block.operators)


def twice_pairs(how: Pairs, op: Attention, work: Workload) -> Number:
    """Twice the (query, key) pairs of a batch (so that half of s² stays an integer)."""
    if op.unit_pairs:
        return 2 * op.pairs(work)
    if work.documents and op.rows == op.keys == TOKENS:
        lengths = [(length, length, count) for length, count in work.documents]
    else:
        lengths = [(op.rows.per_sequence(work), op.keys.per_sequence(work), work.batch)]
    return sum(count * _twice_sequence_pairs(how, op, q, k) for q, k, count in lengths)


def _twice_sequence_pairs(how: Pairs, op: Attention, queries: Number, keys: Number) -> Number:
    """Twice the pairs of one sequence."""
    mask = op.mask
    windowed = mask.kind in (MaskKind.WINDOW, MaskKind.CHUNK)
    seen = minimum(mask.size, queries) if windowed else keys
    if mask.kind is MaskKind.BAND:  # no half of it is idle
        return 2 * (queries * keys if how in (Pairs.ALL, Pairs.HALF) else mask.pairs(queries, keys))
    if how is Pairs.ALL or mask.kind is MaskKind.ALL:
        return 2 * queries * keys
    if how is Pairs.CAPPED:
        return 2 * queries * seen
    if how is Pairs.HALF_CAPPED:
        return queries * seen
    if how is Pairs.ALLOWED or (how is Pairs.HALF_EXACT_WINDOW and windowed):
        return 2 * mask.pairs(queries, keys)
    if how is Pairs.HALF_WINDOW and mask.kind is MaskKind.WINDOW:
        return 2 * queries * seen - seen * seen
    if how is Pairs.HALF_WINDOW and mask.kind is MaskKind.CHUNK:
        return queries * seen
    return queries * keys
