"""The input that a model works on: sequences, their lengths, and which attention pairs count."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from mfu_planner.numeric import Number, minimum


class Stream(StrEnum):
    """What an operator's rows are counted along."""

    TOKEN = "token"  # noqa: S105 - a position of the main sequence, no secret
    """One row for each position of the main sequence (the source, for an encoder–decoder)."""
    TARGET = "target"
    """One row for each position of the decoder's sequence in an encoder–decoder."""
    SEQUENCE = "sequence"
    """One row for each sequence (times a factor: 197 patches, 1,500 audio frames, one pooled vector)."""
    IMAGE = "image"
    """One row for each image inside a multimodal sequence."""
    SEEING = "seeing"
    """One row for each position of the main sequence where it holds an image; none in text alone."""
    CLIP = "clip"
    """One row for each audio clip inside a multimodal sequence."""
    ONCE = "once"
    """One row for a whole batch, whose sequences share it (a table of relative positions that is projected)."""


@dataclass(frozen=True, slots=True)
class Workload:
    """One batch: ``batch`` sequences of ``seq_len`` positions.

    Each number may be an int (exact), a sympy symbol (shown) or a float64 array (swept).
    """

    batch: Number = 1
    """Sequences."""
    seq_len: Number = 0
    """Positions per sequence."""
    target_seq_len: Number = 0
    """Positions per decoder sequence of an encoder–decoder."""
    images: Number = 0
    """Images per sequence of a multimodal model (0: no image in it)."""
    clips: Number = 0
    """Audio clips per sequence of a multimodal model (0: no sound in it)."""
    allowed_pairs_only: bool = False
    """Count attention over the pairs that the mask allows (``causal``), not over all pairs (``full``);
    scans as published instead of as the reference implementation expands them."""
    whole_batch: Number = None
    """Sequences of the whole step where this is one device's share of it: what a contrastive loss compares with."""
    documents: tuple[tuple[int, int], ...] = ()
    """(length, how many) of the documents packed into the batch; attention stays inside a document.
    Empty: every sequence is one document."""

    @property
    def tokens(self) -> Number:
        """Positions of the whole batch."""
        return self.batch * self.seq_len

    @property
    def beside(self) -> Number:
        """Sequences that a contrastive loss compares each one with."""
        return self.batch if self.whole_batch is None else self.whole_batch

    def length(self, stream: Stream) -> Number:
        """Rows per sequence along a stream."""
        if stream is Stream.TOKEN:
            return self.seq_len
        if stream is Stream.TARGET:
            return self.target_seq_len
        if stream is Stream.CLIP:
            return self.clips
        if stream is Stream.SEEING:
            return self.seq_len * minimum(self.images, 1)
        return self.images if stream is Stream.IMAGE else 1

    def allowed(self) -> Workload:
        """The same batch, counting allowed attention pairs only."""
        return replace(self, allowed_pairs_only=True)


@dataclass(frozen=True, slots=True)
class Rows:
    """How many rows an operator has: ``factor`` rows for each element of a stream.

    Examples
    --------
    >>> Rows().count(Workload(batch=2, seq_len=8))
    16
    >>> Rows(Stream.SEQUENCE, 197).count(Workload(batch=2))
    394
    """

    stream: Stream = Stream.TOKEN
    factor: int = 1
    most: int = 0
    """Along ``ONCE``: a row for each position of a sequence up to this one; 0: a fixed number of rows."""
    thinned: tuple[tuple[int, int], ...] = ()
    """(kernel, stride) of the convolutions over the stream that leave these rows: ⌊(n − kernel) / stride⌋ + 1 each."""
    plus: int = 0
    """Rows more for each sequence, whatever its length: an image beside a text."""
    without: int = 0
    """Rows less for each image of a sequence: its tokens, where they are served elsewhere."""

    def per_sequence(self, work: Workload) -> Number:
        """Rows for one sequence (along ``ONCE``: those that every sequence shares)."""
        length = minimum(self.most, work.seq_len) if self.most else work.length(self.stream)
        for kernel, stride in self.thinned:
            length = (length - kernel) // stride + 1
        rows = self.factor * length
        if not (isinstance(self.plus, int) and not self.plus):
            rows = rows + self.plus
        none = isinstance(self.without, int) and not self.without
        return rows if none else rows - self.without * work.images

    @property
    def least(self) -> int:
        """Elements of the stream below which its convolutions leave no row."""
        length = 1
        for kernel, stride in reversed(self.thinned):
            length = (length - 1) * stride + kernel
        return length

    def divided(self, by: Number) -> Rows:
        """The rows of one of ``by`` devices that share them."""
        if type(by) in (int, float) and by == 1:
            return self
        plus, without = (count / by if count else 0 for count in (self.plus, self.without))
        return replace(self, factor=self.factor / by, plus=plus, without=without)

    def count(self, work: Workload) -> Number:
        """Rows for the whole batch."""
        rows = self.per_sequence(work)
        return rows if self.stream is Stream.ONCE else work.batch * rows


TOKENS = Rows()
TARGET_TOKENS = Rows(Stream.TARGET)
ONE_PER_SEQUENCE = Rows(Stream.SEQUENCE)
