"""Names of what a step's formulas are made of, where they are shown: each is explained by a formula of its own."""

from __future__ import annotations

from mfu_planner.numeric.letters import Symbol


def _quantity(name: str, meaning: str, unit: str = "s") -> Symbol:
    return Symbol(name, meaning, unit, count=False)


BUSY = _quantity("t_busy", "one layer and micro-batch: the device's work or the host's issuing, whichever is slower")
START = _quantity("t_start", "what stands before the layers, one micro-batch")
END = _quantity("t_end", "head, loss and what else follows the layers, one micro-batch")
SLOWEST = _quantity("s_max", "slowest pipeline stage, one micro-batch")
TOTAL = _quantity("s_sum", "all pipeline stages, one micro-batch")
FILL = _quantity("phi", "what the schedule makes of filling and draining the pipeline", "1")
ADDED = _quantity("t_add", "adding one micro-batch's gradients up")
SENDS = _quantity("t_sends", "exposed sends between stages")
EXPOSED = _quantity("t_exposed", "gradient and weight exchange that nothing hides")
HIDDEN = _quantity("t_hidden", "gradient and weight exchange behind the computation")
UPDATE = _quantity("t_update", "clipping and the optimizer's update")
PIPELINE = _quantity("t_pipeline", "all micro-batches through all stages")
MODEL_FLOPS = _quantity("F", "model FLOPs of the step over the pairs that the mask allows", "FLOP")
ATTENTION_FLOPS = _quantity("F_attention", "model FLOPs of attention", "FLOP")
DENSE = _quantity("N_device", "trained parameters of a device, routed experts left out", "parameter")
EXPERT = _quantity("N_experts", "trained parameters of a device's routed experts", "parameter")
PRODUCT = _quantity("t_product", "matrix products, each m × k by k × n: (m, n, k, how many, share of the peak)")
ATTENTION = _quantity("t_attention", "a fused attention kernel: (FLOPs, keys of a query)")
COLLECTIVE = _quantity("t_collective", "a collective: (bytes, devices, passes over the ring, rate)")
