"""Count the FLOPs of a model with torch's ``FlopCounterMode``, split by the module that spends them.

The counter is torch's own but for two formulas:

* ``convolution_backward``: torch charges the weight gradient of a grouped convolution ``groups`` times too much. Each
  gradient of a convolution is a product of the forward's size, so each that is asked for costs what the forward does.
* ``_grouped_mm`` has no formula in torch and would count as nothing; meeting it is an error here, since every mixture
  is measured with products over the chosen experts only (see ``building.py``).

A backward product is laid to the module whose forward product made its autograd node, found by the node's sequence
number (the module that happens to be open while the backward pass runs says little). Operators without a formula are
followed too: the backward pass of a triangular solve is a product.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode


def _convolution_backward(
    grad_out: Any,
    x: Any,
    weight: Any,
    _bias: Any,
    _stride: Any,
    _padding: Any,
    _dilation: Any,
    transposed: bool,
    _output_padding: Any,
    _groups: int,
    output_mask: list[bool],
    **_: Any,
) -> int:
    """FLOP of the gradients that are asked for (shapes arrive in place of tensors)."""
    spatial = (x if transposed else grad_out)[2:]
    forward = 2 * grad_out[0] * math.prod(spatial) * math.prod(weight)
    return forward * (bool(output_mask[0]) + bool(output_mask[1]))


class GroupedCounter(FlopCounterMode):
    """Counts FLOPs by (module path, operator); ``by_module`` holds the sums."""

    def __init__(self) -> None:
        super().__init__(display=False, custom_mapping={torch.ops.aten.convolution_backward: _convolution_backward})
        self.by_module: Counter[tuple[str, str]] = Counter()
        self._made_by: dict[int, str] = {}

    def _module(self) -> str:
        node = torch._C._current_autograd_node()
        if node is not None:
            return self._made_by.get(node._sequence_nr(), "")
        innermost = max(self.mod_tracker.parents, key=len)
        self._made_by.setdefault(torch.autograd._get_sequence_nr() - 1, innermost)
        return innermost

    def _count_flops(self, func_packet: Any, out: Any, args: Any, kwargs: Any) -> Any:
        if "grouped_mm" in str(func_packet):
            raise AssertionError("grouped_mm has no FLOP formula: this measurement would be too low")
        module = self._module()
        if func_packet in self.flop_registry:
            flops = self.flop_registry[func_packet](*args, **kwargs, out_val=out)
            self.by_module[module, str(func_packet)] += int(flops)
        return super()._count_flops(func_packet, out, args, kwargs)
