"""The product of a contrastive loss: every sample's vector against every other's."""

from __future__ import annotations

from dataclasses import dataclass

from mfu_planner.numeric import Number
from mfu_planner.operators.base import Operator, Role
from mfu_planner.operators.contract import KernelKind, Launch
from mfu_planner.operators.workload import ONE_PER_SEQUENCE, Rows, Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Similarity(Operator):
    """Scores of all pairs of a batch: image vectors times text vectors.

    Notes
    -----
    Forward FLOP = 2 · batch² · width: the only work that grows with the square of the batch.
    """

    width: int
    rows: Rows = ONE_PER_SEQUENCE
    role: Role = Role.HEAD

    def forward_flops(self, work: Workload) -> Number:
        """2 · batch² · width."""
        return 2 * self.width * work.batch * work.beside

    def backward_flops(self, work: Workload) -> Number:
        """The gradients of both sides."""
        return 2 * self.forward_flops(work)

    def kernels(self, work: Workload) -> tuple[Launch, ...]:
        """One product: the device's samples against the batch's."""
        return (Launch(KernelKind.WIDE, work.batch, work.beside, self.width),)
