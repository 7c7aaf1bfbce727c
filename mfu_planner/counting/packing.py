"""Packed batches: documents of many lengths in sequences of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from mfu_planner.errors import InputError
from mfu_planner.operators import Workload


def packed(lengths: Iterable[int] | Mapping[int, int], seq_len: int, batch: int | None = None) -> Workload:
    """A batch of sequences of ``seq_len`` positions with whole documents packed into them.

    Attention stays inside a document (Σ lᵢ² pairs); positions that no document fills are padding: they pass through
    the linear layers, and attend to nothing.

    Parameters
    ----------
    lengths
        Tokens of each document, or a histogram {length: how many}.
    seq_len
        Positions per sequence.
    batch
        Sequences; None: as few as hold all tokens.

    Raises
    ------
    InputError
        A document longer than a sequence, or more tokens than the batch holds.
    """
    documents = _histogram(lengths)
    longest, tokens = max(length for length, _ in documents), sum(length * count for length, count in documents)
    if longest > seq_len:
        raise InputError("packed", longest, f"documents of at most seq_len ({seq_len}) tokens")
    sequences = -(-tokens // seq_len) if batch is None else batch
    if tokens > sequences * seq_len:
        raise InputError("packed", f"{tokens} tokens", f"at most batch × seq_len ({sequences * seq_len}) tokens")
    return Workload(sequences, seq_len, documents=documents)


def _histogram(lengths: Iterable[int] | Mapping[int, int]) -> tuple[tuple[int, int], ...]:
    """(length, how many) in ascending order, checked."""
    counted = lengths if isinstance(lengths, Mapping) else Counter(lengths)
    if not counted:
        raise InputError("packed", "nothing", "the tokens of at least one document")
    for length, count in counted.items():
        if length < 1 or count < 1:
            raise InputError("packed", f"{count} documents of {length} tokens", "positive integers")
    return tuple(sorted(counted.items()))
