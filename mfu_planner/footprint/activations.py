"""Activations that a layer keeps for its backward pass, by what recomputation leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfu_planner.layout.layout import recomputed_share
from mfu_planner.numeric import Number, where

if TYPE_CHECKING:
    from mfu_planner.footprint.calibrated import MemoryConstants
    from mfu_planner.layout.layout import Layout
    from mfu_planner.layout.work import LayerWork

ELEMENT = 2.0
"""Bytes of a 16-bit element."""


def layer_bytes(
    layer: LayerWork,
    layout: Layout,
    hidden: float,
    constants: MemoryConstants,
    *,
    fused: bool,
    dropout: bool,
    selective_share: float,
    narrow: bool = False,
) -> tuple[Number, Number]:
    """(kept for the backward pass, needed while the layer runs) bytes of one layer and micro-batch on one device.

    ``kept`` under full recomputation is the layer's input; what the recomputed layer then needs is the second figure.

    Notes
    -----
    .. math:: 2 T (k_{split}/t + k_{whole}/t_{sp}) + 5 a s^2 b / t \\text{ (unfused attention only)}

    with T tokens of the micro-batch on the device, k the elements that the operators keep, t the TP degree and t_sp = t
    under sequence parallelism, else 1.  ``selective`` leaves out the scores (unfused) or the stack's share of the rest.

    References
    ----------
    .. [1] Korthikanti et al. 2022, arXiv:2205.05198, equations 1 to 6.
    """
    tokens = layout.micro_batch * layout.seq_len / layout.cp
    spread = where(layout.sequence_parallel > 0, layout.tp, 1.0)
    masks = constants.mask_bytes / ELEMENT * hidden if dropout else 0.0
    element = constants.narrow_kept * ELEMENT if narrow else ELEMENT
    whole = element * tokens * (layer.kept_whole + masks) / spread
    inside = element * tokens * layer.kept_split / layout.tp
    everything = whole + inside
    if layer.attention is not None and not fused:
        a = layer.attention
        pairs = layout.micro_batch * layout.seq_len * layout.seq_len / layout.cp
        scores = constants.score_bytes * a.heads / layout.tp * pairs
    else:
        scores = 0.0 * tokens
    again = recomputed_share(layout.recompute)
    selective = layout.recompute == 1
    kept = where(selective, everything * (1.0 - selective_share), (1.0 - again) * (everything + scores))
    kept = kept + again * ELEMENT * tokens * hidden / spread
    return kept, everything + scores
