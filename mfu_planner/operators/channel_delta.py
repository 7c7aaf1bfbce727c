"""The delta rule with a decay for every channel of the keys (Kimi delta attention)."""

from __future__ import annotations

from dataclasses import dataclass

from mfu_planner.numeric import Number, ceil_div
from mfu_planner.operators.scans import GatedDeltaRule
from mfu_planner.operators.workload import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelDeltaRule(GatedDeltaRule):
    """The gated delta rule whose decay differs by channel, as many key as value heads [1]_.

    Notes
    -----
    Reference: the scores inside a chunk are sums of products of three (element-wise, 0), and the triangular system is
    solved row by row (0) and applied as a product to keys and values: 2 q² (key_dim + value_dim); then one product
    with the scores (2 q² · value_dim) and three with the state (2 q · key_dim · value_dim each).  Published: that of
    the gated delta rule, whose scores are products.

    References
    ----------
    .. [1] Kimi Team 2025, arXiv:2510.26692 (Kimi Linear), section 3.
    """

    @property
    def read_width(self) -> int:
        """Queries, keys, values, a decay for each key channel and a step size for each head."""
        return 3 * self.key_heads * self.key_dim + self.value_heads * (self.value_dim + 1)

    def reference_flops(self, length: Number) -> Number:
        """Per head, padded to whole chunks."""
        padded = ceil_div(length, self.chunk) * self.chunk
        inside = 2 * padded * self.chunk * (self.key_dim + 2 * self.value_dim)
        return self.value_heads * (inside + 6 * padded * self.key_dim * self.value_dim)

    def _backward_extra(self, length: Number, work: Workload) -> Number:
        if work.allowed_pairs_only:
            return GatedDeltaRule._backward_extra(self, length, work)
        return -8 * self.chunk * self.value_heads * self.key_dim * self.value_dim
