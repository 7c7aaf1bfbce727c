"""Symbolic operators: sizes in, parameters, FLOPs, bytes, and the share of one device out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfu_planner.later import later
from mfu_planner.operators.attention import ALL, CAUSAL, Attention, Mask, MaskKind, window
from mfu_planner.operators.base import INSIDE, Operator, Role, Split
from mfu_planner.operators.contract import Exchange, KeptTensor, KernelKind, Launch, Region, Traffic
from mfu_planner.operators.layout import Layout
from mfu_planner.operators.light import Elementwise, Lookup, Norm
from mfu_planner.operators.products import Convolution, MatMul
from mfu_planner.operators.workload import ONE_PER_SEQUENCE, TARGET_TOKENS, TOKENS, Rows, Stream, Workload

if TYPE_CHECKING:
    from mfu_planner.operators.channel_delta import ChannelDeltaRule
    from mfu_planner.operators.compressed import CompressedAttention
    from mfu_planner.operators.mixing import StreamMixing
    from mfu_planner.operators.recorded import RecordedProduct
    from mfu_planner.operators.scans import GatedDeltaRule, Scan, SelectiveScan, StateSpaceDual
    from mfu_planner.operators.similarity import Similarity

_LATER = {
    "ChannelDeltaRule": "channel_delta",
    "CompressedAttention": "compressed",
    "GatedDeltaRule": "scans",
    "RecordedProduct": "recorded",
    "Scan": "scans",
    "SelectiveScan": "scans",
    "Similarity": "similarity",
    "StateSpaceDual": "scans",
    "StreamMixing": "mixing",
}
"""Operators of few models, by the module that holds them."""

__all__ = [
    "ALL",
    "CAUSAL",
    "INSIDE",
    "ONE_PER_SEQUENCE",
    "TARGET_TOKENS",
    "TOKENS",
    "Attention",
    "ChannelDeltaRule",
    "CompressedAttention",
    "Convolution",
    "Elementwise",
    "Exchange",
    "GatedDeltaRule",
    "KeptTensor",
    "KernelKind",
    "Launch",
    "Layout",
    "Lookup",
    "Mask",
    "MaskKind",
    "MatMul",
    "Norm",
    "Operator",
    "RecordedProduct",
    "Region",
    "Role",
    "Rows",
    "Scan",
    "SelectiveScan",
    "Similarity",
    "Split",
    "StateSpaceDual",
    "Stream",
    "StreamMixing",
    "Traffic",
    "Workload",
    "window",
]

__getattr__ = later(__name__, _LATER)
