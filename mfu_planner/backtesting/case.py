"""A published run as numbers for the step-time and memory models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mfu_planner.architectures import Architecture
    from mfu_planner.hardware import Accelerator


@dataclass(frozen=True, kw_only=True)
class Case:
    """A row as numbers for the step-time and memory models."""

    id: str
    architecture: Architecture
    accelerator: Accelerator
    dtype: str
    stack: str
    fabric: str
    nic_bytes_per_s: float
    node: float
    devices: float
    seq_len: float
    global_batch: float
    tp: float
    pp: float
    vpp: float
    cp: float
    ep: float
    dp: float
    micro_batch: float
    micro_batches: float
    zero: float
    zero_group: float
    sequence_parallel: float
    recompute: float
    compiled: float
    offload: float
    adapters: float
