"""A layout (or an array of layouts): how a model is spread over devices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from mfu_planner.numeric import Number, maximum, where

NO_RECOMPUTE, SELECTIVE_RECOMPUTE, FULL_RECOMPUTE = 0, 1, 2
RECOMPUTE_CODES = {"none": NO_RECOMPUTE, "selective": SELECTIVE_RECOMPUTE, "full": FULL_RECOMPUTE}


def alone(degree: Number) -> bool:
    """Whether a degree is a plain 1: what it would cost need not be worked out."""
    return type(degree) is float and degree == 1


@dataclass(frozen=True)
class Layout:
    """Degrees of parallelism and batch; every field a number or an array, all broadcastable against each other."""

    tp: Number = 1.0
    pp: Number = 1.0
    dp: Number = 1.0
    micro_batch: Number = 1.0
    micro_batches: Number = 1.0
    """Micro-batches per pipeline and step: global batch ÷ (dp · micro-batch)."""
    vpp: Number = 1.0
    cp: Number = 1.0
    ep: Number = 1.0
    etp: Number = 0.0
    """Devices that share each expert's matrices; 0: the TP degree while EP is 1, else 1."""
    zero: Number = 0.0
    zero_group: Number = 0.0
    """Devices that share the shards, 0 for all of dp · cp."""
    sequence_parallel: Number = 0.0
    recompute: Number = 0.0
    """0 none, 1 selective, 2 full; between 1 and 2 that share of the layers in full (1.25: every fourth layer)."""
    compiled: Number = 0.0
    offload: Number = 0.0
    """Share of the optimizer state kept in host memory."""
    imbalance: Number = 1.0
    """Tokens of the busiest expert over the mean."""
    schedule: Number = 0.0
    """Pipeline schedule, a code of :data:`mfu_planner.step.schedules.SCHEDULES`."""
    embedding_layers: Number = 0.0
    """Layers that the embedding counts as where layers are dealt to pipeline stages."""
    loss_layers: Number = 0.0
    """Layers that head and loss count as there."""
    layers_first: Number = 0.0
    """Layers of the first pipeline stage; 0: not stated."""
    layers_last: Number = 0.0
    """Layers of the last one; 0: not stated."""

    @cached_property
    def devices(self) -> Number:
        """Devices in all."""
        return self.tp * self.pp * self.cp * self.dp

    @cached_property
    def group(self) -> Number:
        """Devices that hold the same parameters: data and context parallelism together."""
        return self.dp * self.cp

    @cached_property
    def shards(self) -> Number:
        """Devices over which ZeRO divides what it shards."""
        return where(self.zero_group > 0, self.zero_group, self.group)

    @cached_property
    def expert_tp(self) -> Number:
        """Devices that share each expert's matrices."""
        return where(self.etp > 0, self.etp, where(self.ep > 1, 1.0, self.tp))

    @cached_property
    def expert_group(self) -> Number:
        """Devices that hold the same experts."""
        return maximum(self.tp * self.group / (self.ep * self.expert_tp), 1.0)

    @cached_property
    def spread(self) -> Number:
        """Devices that share the rows outside the tensor-parallel region: TP under sequence parallelism, else 1."""
        return where(self.sequence_parallel > 0, self.tp, 1.0)

    @cached_property
    def again(self) -> Number:
        """Share of the layers whose forward pass is done again in full."""
        return maximum(self.recompute - 1.0, 0.0)

    @cached_property
    def selective(self) -> Number:
        """Whether recomputation is selective."""
        return self.recompute == SELECTIVE_RECOMPUTE
