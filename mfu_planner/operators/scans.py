"""Scans: sequence mixers that carry a state from position to position instead of looking at every pair.

Two counts of each, as for attention.  ``full`` is what the torch code of the reference implementation (transformers)
multiplies: keys and queries of a group repeated for all its heads, every sequence padded to whole chunks.
``allowed_pairs_only`` is the published algorithm: each group's products once, no padding.  Discretisation, decays,
triangular solves and cumulative sums are element-wise work and count 0 in both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from mfu_planner.numeric import Number, ceil_div, minimum
from mfu_planner.operators.base import INSIDE, Operator, Role, Split
from mfu_planner.operators.layout import Layout
from mfu_planner.operators.workload import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan(Operator):
    """What every scan has: parameters of its own, and sequences that it runs over."""

    weights: int = 0
    """Parameters of its own (decays, skip weights, step biases)."""
    role: Role = Role.SCAN
    split: Split = Split.HEADS
    divided: ClassVar[tuple[str, ...]] = ("weights",)
    """Sizes that tensor parallelism divides."""

    @property
    def params(self) -> int:
        """Parameters of its own."""
        return 0 if self.shared_with else self.weights

    @property
    def read_width(self) -> int:
        """Features per row that are read."""
        raise NotImplementedError

    @property
    def written_width(self) -> int:
        """Features per row that are written."""
        raise NotImplementedError

    def sequences(self, work: Workload) -> tuple[tuple[Number, Number], ...]:
        """(length, how many) of the sequences: the state starts anew at each document where those are told apart."""
        if work.documents and work.allowed_pairs_only:
            return work.documents
        return ((self.rows.per_sequence(work), work.batch),)

    def forward_flops(self, work: Workload) -> Number:
        """FLOP of the products, summed over the sequences."""
        of_one = self.published_flops if work.allowed_pairs_only else self.reference_flops
        return sum(count * of_one(length) for length, count in self.sequences(work))

    def backward_flops(self, work: Workload) -> Number:
        """Two products for each product: both of its factors come from activations."""
        return 2 * self.forward_flops(work) if self.input_grad else 0

    def piece(self, layout: Layout) -> Self:
        """Heads (channels) and their parameters ÷ TP; all of them where the operator is repeated."""
        if self.split not in INSIDE:
            return Operator.piece(self, layout)
        return replace(self, **{name: getattr(self, name) / layout.tp for name in self.divided})

    def reference_flops(self, length: Number) -> Number:
        """Forward FLOP over one sequence as the reference implementation computes it."""
        raise NotImplementedError

    def published_flops(self, length: Number) -> Number:
        """Forward FLOP over one sequence as the paper's algorithm computes it."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectiveScan(Scan):
    """The selective scan of Mamba: ``channels`` recurrences with ``state`` values each [1]_.

    Notes
    -----
    The state update is element-wise; reading the state out (C · h) is the one product: 2 · s · channels · state.

    References
    ----------
    .. [1] Gu and Dao 2023, arXiv:2312.00752, algorithm 2.
    """

    channels: int
    state: int
    divided: ClassVar[tuple[str, ...]] = ("weights", "channels")

    @property
    def inner(self) -> int:
        """Width inside the mixer."""
        return self.channels

    @property
    def read_width(self) -> int:
        """Input, step size, B and C."""
        return 2 * self.channels + 2 * self.state

    @property
    def written_width(self) -> int:
        """Output."""
        return self.channels

    def reference_flops(self, length: Number) -> Number:
        """2 · s · channels · state."""
        return 2 * self.channels * self.state * length

    def published_flops(self, length: Number) -> Number:
        """The same product: nothing is repeated or padded."""
        return self.reference_flops(length)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSpaceDual(Scan):
    """The chunked scan of Mamba-2: quadratic inside chunks of ``chunk`` positions, recurrent between them [1]_.

    ``groups`` of heads share B and C (``state`` values each), as queries share keys in grouped attention.

    Notes
    -----
    Published: 2 Σ q² (groups · state + heads · head_dim) over chunks of q positions, plus
    4 · s · heads · state · head_dim for the chunk states and their way out; the recurrence between chunks is
    element-wise.  Reference: B and C of every head, s padded to c whole chunks, and the recurrence between chunks as
    one product of (c + 1)² decays with the states: 2 (c + 1)² · heads · head_dim · state.

    References
    ----------
    .. [1] Dao and Gu 2024, arXiv:2405.21060, section 6 (algorithm) and listing 1 (the code that transformers follows).
    """

    heads: int
    head_dim: int
    groups: int
    state: int
    chunk: int
    divided: ClassVar[tuple[str, ...]] = ("weights", "heads", "groups")

    @property
    def inner(self) -> int:
        """Width inside the mixer."""
        return self.heads * self.head_dim

    @property
    def read_width(self) -> int:
        """Input, step sizes, B and C."""
        return self.heads * self.head_dim + self.heads + 2 * self.groups * self.state

    @property
    def written_width(self) -> int:
        """Output."""
        return self.heads * self.head_dim

    def reference_flops(self, length: Number) -> Number:
        """Per head, padded to whole chunks, with the products between chunks."""
        chunks = ceil_div(length, self.chunk)
        padded = chunks * self.chunk
        inside = 2 * padded * self.chunk * self.heads * (self.state + self.head_dim)
        states = 4 * padded * self.heads * self.state * self.head_dim
        between = 2 * (chunks + 1) * (chunks + 1) * self.heads * self.head_dim * self.state
        return inside + states + between

    def published_flops(self, length: Number) -> Number:
        """Per group, not padded, the recurrence between chunks element-wise."""
        inside = 2 * chunk_squares(length, self.chunk) * (self.groups * self.state + self.heads * self.head_dim)
        return inside + 4 * length * self.heads * self.state * self.head_dim


@dataclass(frozen=True, slots=True, kw_only=True)
class GatedDeltaRule(Scan):
    """The chunked gated delta rule: a state matrix per value head, corrected by what it already predicts [1]_.

    ``key_heads`` serve ``value_heads`` in equal groups.

    Notes
    -----
    In a chunk of q positions: K Kᵀ and Q Kᵀ (2 q² · key_dim each); two triangular solves (element-wise, 0); then three
    products with the state (2 q · key_dim · value_dim each) and one with the scores (2 q² · value_dim).  The backward
    pass has two products for each of these, one more for each solve (the gradient of the triangular matrix), and lacks
    the gradients of the empty first state (two products) and of the unused last state (two products).  Published:
    K Kᵀ and Q Kᵀ once per key head, no padding; reference: for every value head, padded to whole chunks.

    References
    ----------
    .. [1] Yang, Kautz and Hatamizadeh 2024, arXiv:2412.06464, section 3.3; Yang et al. 2024, arXiv:2406.06484.
    """

    key_heads: int
    value_heads: int
    key_dim: int
    value_dim: int
    chunk: int = 64
    divided: ClassVar[tuple[str, ...]] = ("weights", "key_heads", "value_heads")

    @property
    def read_width(self) -> int:
        """Queries, keys, values, decay and step size."""
        return 2 * self.key_heads * self.key_dim + self.value_heads * (self.value_dim + 2)

    @property
    def written_width(self) -> int:
        """Output."""
        return self.value_heads * self.value_dim

    def _products(self, squares: Number, positions: Number, score_heads: int) -> Number:
        scores = 4 * squares * score_heads * self.key_dim
        outputs = 2 * squares * self.value_heads * self.value_dim
        return scores + outputs + 6 * positions * self.value_heads * self.key_dim * self.value_dim

    def reference_flops(self, length: Number) -> Number:
        """Per value head, padded to whole chunks."""
        padded = ceil_div(length, self.chunk) * self.chunk
        return self._products(padded * self.chunk, padded, self.value_heads)

    def published_flops(self, length: Number) -> Number:
        """Scores per key head, not padded."""
        return self._products(chunk_squares(length, self.chunk), length, self.key_heads)

    def backward_flops(self, work: Workload) -> Number:
        """Two products for each product, one for each solve, less the four that the ends of a sequence lack."""
        if not self.input_grad:
            return 0
        return 2 * self.forward_flops(work) + sum(
            count * self._backward_extra(length, work) for length, count in self.sequences(work)
        )

    def _backward_extra(self, length: Number, work: Workload) -> Number:
        if work.allowed_pairs_only:
            squares = chunk_squares(length, self.chunk)
            first = minimum(self.chunk, length)
            last = length - (ceil_div(length, self.chunk) - 1) * self.chunk
        else:
            squares = ceil_div(length, self.chunk) * self.chunk * self.chunk
            first = last = self.chunk
        solves = 2 * squares * self.value_heads * (self.key_dim + self.value_dim)
        return solves - 4 * (first + last) * self.value_heads * self.key_dim * self.value_dim


def chunk_squares(length: Number, chunk: int) -> Number:
    """Sum of the squared chunk lengths of a sequence: whole chunks, and the rest."""
    whole, rest = length // chunk, length % chunk
    return whole * chunk * chunk + rest * rest
