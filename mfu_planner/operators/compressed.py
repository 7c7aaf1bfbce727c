"""Attention whose keys are, besides a window of tokens, one entry for each run of tokens (compressed keys)."""

from __future__ import annotations

from dataclasses import dataclass

from mfu_planner.numeric import Number, half, minimum
from mfu_planner.operators.attention import Attention
from mfu_planner.operators.workload import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressedAttention(Attention):
    """Scores of queries with entries that stand for ``rate`` tokens each, and with the tokens of a window [1]_.

    Notes
    -----
    A query at position i (from 1) sees ⌊i / rate⌋ entries, or the best ``chosen`` of them.  Their sum over a sequence
    of s, with m = min(chosen, ⌊s / rate⌋): rate · m(m−1)/2 + m · (s − m · rate + 1).  Eager code multiplies every query
    with every token and every entry.

    References
    ----------
    .. [1] DeepSeek-AI 2026, https://huggingface.co/deepseek-ai/DeepSeek-V4-Flash (compressed sparse attention).
    """

    rate: int
    chosen: int = 0
    """Entries that a query sees at most; 0: all of those before it."""
    own: bool = True
    """Whether queries see tokens as well (an indexer scores entries only)."""

    def pairs(self, work: Workload) -> Number:
        """(query, key) pairs of the batch, entries included."""
        documents = work.documents if work.documents and self.rows == self.keys else ()
        lengths = documents or ((self.rows.per_sequence(work), work.batch),)
        return sum(count * self._of_one(length, allowed=work.allowed_pairs_only) for length, count in lengths)

    def _of_one(self, length: Number, *, allowed: bool) -> Number:
        entries = length // self.rate
        if not allowed:
            return length * (entries + length) if self.own else length * entries
        seen = minimum(self.chosen, entries) if self.chosen else entries
        compressed = self.rate * half(seen * (seen - 1)) + seen * (length - seen * self.rate + 1)
        return compressed + self.mask.pairs(length, length) if self.own else compressed
