"""What a FLOP convention is: a name, a source, a formula, and a point in one space of switches.

The field's tools disagree about the same few questions: is attention counted, and over which pairs; is the embedding
a product; is the head in; do weights count as products or through the parameter total.  Each question is a switch
here, each convention a set of answers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction


class Weights(StrEnum):
    """How linear layers are counted."""

    EXACT = "products, every gradient that is needed"
    """2 · rows · inputs · outputs forward, and the gradients that somebody needs."""
    PRODUCTS = "products, three passes"
    """2 · rows · inputs · outputs, times three: biases add nothing."""
    MODULES = "weights and biases, three passes"
    """6 for each weight and bias of the module, shared or not."""
    PARAMETERS = "parameters, three passes"
    """6 for each parameter that the model owns: the N of 6N."""


class Pairs(StrEnum):
    """Which (query, key) pairs of attention count."""

    ALL = "all s × s pairs"
    HALF = "half of all pairs (s²/2); windows ignored"
    ALLOWED = "exactly the pairs that the mask allows"
    CAPPED = "s × min(window, s)"
    HALF_CAPPED = "half of s × min(window, s)"
    HALF_WINDOW = "half of all pairs; window W: sW − W²/2; chunk C: sC/2"
    HALF_EXACT_WINDOW = "half of all pairs; windows and chunks exactly"
    NONE = "none"


class Width(StrEnum):
    """The width that attention products are counted with."""

    HEADS = "heads × head size"
    QUERIES = "heads × head size of the queries, for both products"
    HIDDEN = "hidden size"


class Embedding(StrEnum):
    """What the token table adds."""

    NONE = "nothing"
    TIED = "its parameters, where the head shares them"
    PARAMETERS = "its parameters (6 for each)"
    PRODUCT = "a one-hot product, as large as the head"


class Norms(StrEnum):
    """Which norm weights (and other small vectors) count, 6 for each."""

    NONE = "none"
    LATENT = "those on attention's compressed latents"
    ATTENTION = "those inside attention and before the head"
    ALL = "all"


class CountedExperts(StrEnum):
    """Which experts of a mixture count."""

    ACTIVE = "the chosen ones"
    ALL = "all of them"


class Scans(StrEnum):
    """How state-space scans and linear attention are counted, beyond their weights."""

    EXACT = "as their operators count them"
    NONE = "not at all"
    MEGATRON = "as Megatron-LM does: inner width 2h, 7 · inner width · state size; delta rule 8 · heads · d_v²"
    MAXTEXT = "as MaxText does: delta rule 8 · heads · d_k · d_v, its convolution, no gate on attention's output"


SWITCHES: dict[str, type[StrEnum]] = {
    "weights": Weights,
    "pairs": Pairs,
    "width": Width,
    "embedding": Embedding,
    "norms": Norms,
    "experts": CountedExperts,
    "scans": Scans,
}
"""The switches that are chosen by name."""


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a convention is defined."""

    title: str
    url: str
    commit: str = ""
    date: str = ""

    def __str__(self) -> str:
        """One line for a reader."""
        commit = self.commit and f"commit {self.commit}"
        return ", ".join(part for part in (self.title, self.url, commit, self.date) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Convention:
    """A named way to count training FLOP, as its source defines it.

    ``formula`` is the source's own formula per token, as text, in the letters of
    :data:`~mfu_planner.counting.conventions.written.LETTERS`, for the kind of model that the source had in mind; that
    it is what the switches count there is tested.
    """

    name: str
    title: str
    formula: str
    source: Citation
    kind: str = "llama-3.1-8b"
    """A preset of the kind of model that the source had in mind."""
    version: str = ""
    version_of: str = ""
    """The name of the current convention that this is an older (or other) version of."""
    weights: Weights = Weights.PRODUCTS
    pairs: Pairs = Pairs.ALL
    width: Width = Width.HEADS
    embedding: Embedding = Embedding.NONE
    positions: bool = False
    """Whether learned position tables count through N."""
    head: bool = True
    padded_vocab: int = 0
    """The vocabulary is padded to a multiple of this times the tensor-parallel size; 0: not padded."""
    router: bool = True
    experts: CountedExperts = CountedExperts.ACTIVE
    gates: bool = True
    """Whether the gate of a gated MLP counts (counters that look for one activation's name miss the others)."""
    shared_gate: bool = True
    """Whether the gate of a shared expert (one value for each token) counts."""
    square: bool = False
    """Whether attention is counted as if heads × head size were the hidden size (compressed attention apart)."""
    norms: Norms = Norms.NONE
    frozen_known: bool = False
    """Whether weight gradients of frozen weights are left out."""
    softmax: bool = False
    """Whether 3 · heads · keys per token count for softmax and mask, forward."""
    convolutions: bool = False
    """Whether convolutions count as products (through N they count anyway)."""
    scans: Scans = Scans.NONE
    packed: bool = False
    """Whether documents packed into a sequence are known to it (Σ lᵢ²)."""
    passes: Fraction = field(default=Fraction(3))
    """Forward passes that a training step is worth: 3; 4 with full recomputation; 2 with frozen weights."""
    attention_passes: Fraction = field(default=Fraction(3))
    """The same for attention products: 7/2 counts the scores that a fused kernel's backward pass recomputes."""
    samples: bool = False
    """Whether it means anything where work is counted in samples (images), not tokens."""
    encoder_decoders: bool = False
    """Whether it means anything where source and target run through different layers."""
    by_rows: bool = False
    """Whether, there, each parameter counts for the positions that pass through it (not for every source token)."""
    remarks: tuple[str, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether every operator is counted as it counts itself (``full`` and ``causal``)."""
        return self.weights is Weights.EXACT
