"""Products of activations with activations that are no attention: streams of a token mixed with one another."""

from __future__ import annotations

from dataclasses import dataclass

from mfu_planner.numeric import Number
from mfu_planner.operators.base import Operator
from mfu_planner.operators.workload import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamMixing(Operator):
    """The parallel residual streams of each token times a matrix that the token itself has made [1]_ [2]_.

    Notes
    -----
    Forward FLOP = 2 · rows · streams² · width; both factors are activations, so the backward pass has two products.

    References
    ----------
    .. [1] Zhu et al. 2024, arXiv:2409.19606 (hyper-connections).
    .. [2] Baykal et al. 2023, arXiv:2301.13310 (AltUp).
    """

    streams: int
    width: int

    def forward_flops(self, work: Workload) -> Number:
        """2 · rows · streams² · width."""
        return 2 * self.streams * self.streams * self.width * self.rows.count(work)

    def backward_flops(self, work: Workload) -> Number:
        """The gradients of the streams and of the matrix."""
        return 2 * self.forward_flops(work) if self.input_grad else 0
