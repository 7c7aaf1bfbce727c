"""A layout (or an array of layouts): how a model is spread over devices."""

from __future__ import annotations

from dataclasses import dataclass

from mfu_planner.numeric import Number, maximum

NO_RECOMPUTE, SELECTIVE_RECOMPUTE, FULL_RECOMPUTE = 0, 1, 2
RECOMPUTE_CODES = {"none": NO_RECOMPUTE, "selective": SELECTIVE_RECOMPUTE, "full": FULL_RECOMPUTE}


def recomputed_share(code: Number) -> Number:
    """Share of the layers whose forward pass is done again in full, out of a recompute code."""
    return maximum(code - 1.0, 0.0)


@dataclass(frozen=True)
class Layout:
    """Degrees of parallelism and batch; every field a number or an array, all broadcastable against each other."""

    tp: Number
    pp: Number
    dp: Number
    micro_batch: Number
    micro_batches: Number
    """Micro-batches per pipeline and step: global batch ÷ (dp · micro-batch)."""
    seq_len: Number
    vpp: Number = 1.0
    cp: Number = 1.0
    ep: Number = 1.0
    zero: Number = 0.0
    zero_group: Number = 0.0
    """Devices that share the shards, 0 for all of dp · cp."""
    sequence_parallel: Number = 0.0
    recompute: Number = 0.0
    """0 none, 1 selective, 2 full; between 1 and 2 that share of the layers in full (1.25: every fourth layer)."""
    compiled: Number = 0.0
    offload: Number = 0.0
    """Share of the optimizer state kept in host memory."""

    adapters: Number = 0.0
    """1 when only low-rank adapters are trained: no weight gradients, no gradient exchange, no update to speak of."""

    imbalance: Number = 1.0
    """Tokens of the busiest expert over the mean."""
    schedule: Number = 0.0
    """Pipeline schedule, a code of :data:`mfu_planner.layout.schedules.SCHEDULES`."""

    @property
    def devices(self) -> Number:
        """Devices in all."""
        return self.tp * self.pp * self.cp * self.dp
