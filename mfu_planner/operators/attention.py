"""Attention: the products that grow with the square of the sequence, and the masks that thin them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from mfu_planner.numeric import Number, half, minimum
from mfu_planner.operators.base import INSIDE, Operator, Role, Split
from mfu_planner.operators.contract import Exchange, KeptTensor, KernelKind, Launch, Traffic
from mfu_planner.operators.layout import Layout
from mfu_planner.operators.workload import TOKENS, Rows, Workload


class MaskKind(StrEnum):
    """Which keys a query may see."""

    ALL = "all"
    CAUSAL = "causal"
    WINDOW = "window"
    CHUNK = "chunk"
    BAND = "band"
    """A window on both sides: ``size`` keys before a query and as many behind it (local layers of an encoder)."""
    BLOCKS = "blocks"
    """The best ``blocks`` of the blocks of ``size`` keys up to a query's own, which is always among them."""
    TOP = "top"
    """The best ``size`` of the keys before a query, chosen by an indexer (sparse attention)."""


@dataclass(frozen=True, slots=True)
class Mask:
    """A causal, windowed, chunked or selected mask, or none.

    ``size`` is the window (keys that a query sees, itself included), the chunk length, the keys on each side of a band
    or the number of chosen keys; unused otherwise.
    """

    kind: MaskKind = MaskKind.CAUSAL
    size: int = 0
    blocks: int = 1
    """Blocks of ``size`` keys that a query sees at most."""

    @property
    def most_keys(self) -> int:
        """Keys that a query sees at most, where the mask bounds them; else 0."""
        if self.kind is MaskKind.BAND:
            return 2 * self.size + 1
        return self.size * self.blocks

    def pairs(self, queries: Number, keys: Number) -> Number:
        """(query, key) pairs that one sequence allows.

        Causal: s(s+1)/2.  Window W, or W chosen keys: m(m+1)/2 + (s−m)·m with m = min(W, s).  Chunk C: the causal count
        of each chunk.  Band of r on each side: s + 2rs − r(r+1) with r at most s − 1.  Blocks of B: the causal count of
        each, and the keys of up to n − 1 of those before it.
        """
        if self.kind is MaskKind.ALL:
            return queries * keys
        if self.kind is MaskKind.CAUSAL:
            return half(queries * (queries + 1))
        if self.kind in (MaskKind.WINDOW, MaskKind.TOP):
            seen = minimum(self.size, queries)
            return half(seen * (seen + 1)) + (queries - seen) * seen
        if self.kind is MaskKind.BAND:
            reach = minimum(self.size, queries - 1)
            return queries * (2 * reach + 1) - reach * (reach + 1)
        whole, rest = queries // self.size, queries % self.size
        inside = whole * (self.size * (self.size + 1) // 2) + half(rest * (rest + 1))
        if self.kind is MaskKind.CHUNK:
            return inside
        most = self.blocks - 1
        full = minimum(most, whole)
        earlier = half(full * (full - 1)) + (whole - full) * most
        return inside + self.size * (self.size * earlier + rest * full)


ALL = Mask(MaskKind.ALL)
CAUSAL = Mask(MaskKind.CAUSAL)


def window(size: int | None) -> Mask:
    """A causal mask with a sliding window, or plain causal when there is none."""
    return Mask(MaskKind.WINDOW, size) if size else CAUSAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention(Operator):
    """Scores (queries × keys) and their weighted sum of values.

    Notes
    -----
    Forward FLOP = 2 · pairs · heads · (qk_dim + v_dim); grouping of keys and values changes no FLOP.  The backward
    pass has four products of the same sizes: twice the forward.  Scores that a fused kernel computes again in its
    backward pass are hardware FLOPs, not model FLOPs.
    """

    heads: int
    kv_heads: int
    qk_dim: int
    v_dim: int
    mask: Mask = CAUSAL
    keys: Rows = TOKENS
    """Rows that keys and values come from (the encoder's for cross-attention)."""
    unit_pairs: int = 0
    """(query, key) pairs for each element of the rows' stream, where the input fixes them and attention stays inside
    the element (an image, or the windows that it is cut into); 0: they follow from rows, keys and mask."""
    unit_allowed: int = 0
    """Of these, those that a mask allows (an image's padding sees nothing of itself); 0: all."""
    gradients: str = "qkv"
    """Which of queries, keys and values need a gradient (all, unless frozen weights below them make some needless)."""
    role: Role = Role.ATTENTION
    split: Split = Split.HEADS

    def pairs(self, work: Workload) -> Number:
        """(query, key) pairs of the batch: all of them, or those that the mask allows."""
        if self.unit_pairs:
            each = self.unit_allowed if self.unit_allowed and work.allowed_pairs_only else self.unit_pairs
            return each * work.batch * work.length(self.rows.stream)
        masked = work.allowed_pairs_only
        mask = self.mask if masked else ALL
        if work.documents and self.rows == self.keys == TOKENS:
            return sum(count * mask.pairs(length, length) for length, count in work.documents)
        return work.batch * mask.pairs(self.rows.per_sequence(work), self.keys.per_sequence(work))

    @property
    def key_width(self) -> Number:
        """Elements of one position's keys and values."""
        return self.kv_heads * (self.qk_dim + self.v_dim)

    def keeps(self) -> tuple[KeptTensor, ...]:
        """Queries, keys and values (a fused kernel's output is the next product's input)."""
        return (
            KeptTensor(f"{self.name}_queries", self.rows, self.heads * self.qk_dim, self.region),
            KeptTensor(f"{self.name}_keys", self.keys, self.key_width, self.region),
        )

    def kernels(self, work: Workload) -> tuple[Launch, ...]:
        """One kernel over all heads and sequences; where the input fixes the pairs, over each element's."""
        queries, keys = self.rows.per_sequence(work), self.keys.per_sequence(work)
        groups = work.batch * self.heads
        if self.unit_pairs:
            queries, keys = self.rows.factor, self.unit_pairs / self.rows.factor
            groups = groups * work.length(self.rows.stream)
        masked = self.mask.most_keys and not self.unit_pairs
        return (
            Launch(
                KernelKind.SCORES,
                m=queries,
                n=keys,
                k=self.qk_dim,
                v=self.v_dim,
                groups=groups,
                seen=minimum(self.mask.most_keys, keys) if masked else keys,
                flops=self.forward_flops(work),
            ),
        )

    def exchanges(self) -> tuple[Exchange, ...]:
        """Keys and values of the whole sequence, where context parallelism divides it."""
        return (Exchange(self.name, Traffic.KEYS, self.keys, self.key_width),)

    def piece(self, layout: Layout) -> Self:
        """Heads ÷ TP; all of them where the operator is repeated."""
        if self.split not in INSIDE:
            return Operator.piece(self, layout)
        return replace(self, heads=self.heads / layout.tp, kv_heads=self.kv_heads / layout.tp)

    def forward_flops(self, work: Workload) -> Number:
        """2 · pairs · heads · (qk_dim + v_dim)."""
        return 2 * self.heads * (self.qk_dim + self.v_dim) * self.pairs(work)

    def backward_flops(self, work: Workload) -> Number:
        """Four products: the gradients of values, scores, queries and keys, where needed."""
        if not self.input_grad:
            return 0
        queries, keys, values = (letter in self.gradients for letter in "qkv")
        scores = queries or keys
        width = self.qk_dim * (queries + keys) + self.v_dim * (values + scores)
        return 2 * self.heads * width * self.pairs(work)
