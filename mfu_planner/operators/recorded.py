"""A product that was seen in a model's own code, known by its FLOP at any size of the batch."""

from __future__ import annotations

from dataclasses import dataclass

from mfu_planner.numeric import Number
from mfu_planner.operators.base import Operator
from mfu_planner.operators.workload import Workload

TERM_LETTERS = "bstic"
"""Sequences, positions of each, positions of the decoder, images and sounds in each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedProduct(Operator):
    """FLOP of one batch as a sum of products of its sizes, forward and backward.

    Notes
    -----
    A term ``("bss", 4)`` is 4 · batch · seq_len².  Fitted at a few sizes and checked at others.
    """

    forward: tuple[tuple[str, int], ...] = ()
    backward: tuple[tuple[str, int], ...] = ()
    chunk: int = 0
    """Where the code works in chunks: ``s`` counts them, rounded up; 0: positions."""
    weights: int = 0
    """Parameters of its own."""

    @property
    def params(self) -> int:
        """Parameters of its own."""
        return 0 if self.shared_with else self.weights

    def _sum(self, terms: tuple[tuple[str, int], ...], work: Workload) -> Number:
        length = work.seq_len if not self.chunk else -(-work.seq_len // self.chunk)
        sizes = {
            "b": work.batch, "s": length, "t": work.target_seq_len, "i": work.images, "c": work.clips,
        }  # fmt: skip
        found: Number = 0
        for letters, factor in terms:
            value: Number = factor
            for letter in letters:
                value = value * sizes[letter]
            found = found + value
        return found

    def forward_flops(self, work: Workload) -> Number:
        """The sum of the forward terms."""
        return self._sum(self.forward, work)

    def backward_flops(self, work: Workload) -> Number:
        """That of the gradients, where they are needed."""
        if not (self.input_grad or self.trainable):
            return 0
        return self._sum(self.backward, work)
