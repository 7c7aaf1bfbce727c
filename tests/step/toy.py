"""A machine, a software stack and a model of round numbers, small enough to multiply out by hand.

No constant is a fitted one: what a test looks at is said in the test, all else costs nothing.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from mfu_planner.architectures.model import Architecture, Block
from mfu_planner.machine.constants import Fabric, LinkRate, Machine, ProductRate, Stack
from mfu_planner.machine.memory import MemoryConstants
from mfu_planner.operators import Attention, Elementwise, Layout, Lookup, MatMul, Norm, Role, Split, Workload
from mfu_planner.step.case import Case

FREE = 1e30
"""A rate so high that nothing takes time."""
RATE = ProductRate(
    peak_flops_per_s=1000.0, efficiency=1.0, depth_overhead=0.0, fixed_s=0.0, wave_loss=0.0, tile_rows=1,
    tile_columns=1, units=1, bandwidth_bytes_per_s=FREE, input_bytes=2.0, output_bytes=2.0,
)  # fmt: skip
"""2 m n k FLOP at 1000 FLOP/s."""
LINKS = {
    kind: LinkRate(0.0, 0.0, rate, 0.0)
    for kind, rate in (("all_reduce", 10.0), ("all_gather", 20.0), ("reduce_scatter", 40.0), ("alltoall", 80.0))
}
BOX = Machine(
    products=RATE, wide_products=replace(RATE, peak_flops_per_s=500.0), peak_flops_per_s=1000.0,
    wide_peak_flops_per_s=500.0, bandwidth_bytes_per_s=100.0, memory_bytes=0.0, usable_bytes=0.0, node_devices=64.0,
    links=LINKS, fabric=Fabric(5.0, 1.0, 0.0, 0.0, FREE), element_bytes=2.0, low_precision=False, host_bytes_per_s=50.0,
    grouped_products=None, assumptions=(),
)  # fmt: skip
"""Nodes of 64 devices; memory of 100 byte/s; in 16 bits half the rate."""
_ONES = (
    "product_factor", "misaligned_factor", "grouped_factor", "fused_attention", "attention_fraction", "odd_head_factor",
    "pointwise_factor", "tensor_exposed", "tensor_across", "expert_exposed", "send_exposed", "other_fraction",
    "pointwise_compiled", "host_compiled", "cast_factor", "alignment_elements", "head_alignment", "head_multiple",
)  # fmt: skip
STACK = Stack(**{f.name: float(f.name in _ONES) for f in fields(Stack) if f.name != "name"}, name="toy")
"""Nothing is slowed, hidden, issued by the host or passed over again."""
_WHOLE = ("activation_factor", "narrow_kept", "frozen_kept", "selective_held")
MEMORY = MemoryConstants(**{f.name: float(f.name in _WHOLE) for f in fields(MemoryConstants)})

HIDDEN, LAYERS, VOCAB, LENGTH = 8, 4, 32, 4
ATTEND = Attention(name="attend", heads=4, kv_heads=2, qk_dim=2, v_dim=2)
LAYER = (
    Norm(name="norm", width=8),
    MatMul(name="q", inputs=8, outputs=8, split=Split.COLUMN, reads="h", role=Role.ATTENTION),
    MatMul(name="kv", inputs=8, outputs=8, split=Split.COLUMN, reads="h", role=Role.ATTENTION),
    ATTEND,
    MatMul(name="o", inputs=8, outputs=8, split=Split.ROW, role=Role.ATTENTION),
    Elementwise(name="sum", width=8, read=2),
    MatMul(name="up", inputs=8, outputs=16, split=Split.COLUMN, role=Role.MLP),
    Elementwise(name="act", width=16, kept=1, split=Split.COLUMN),
    MatMul(name="down", inputs=16, outputs=8, split=Split.ROW, role=Role.MLP),
)
"""456 parameters: a norm of 8; products of 64, 64, 64, 128 and 128 multiply-adds, two of them of one input."""
EMBED = Block("embedding", (Lookup(name="embed", entries=VOCAB, width=8, split=Split.COLUMN),))
HEAD = Block("head", (
    Norm(name="last", width=8),
    MatMul(name="head", inputs=8, outputs=VOCAB, split=Split.COLUMN, role=Role.HEAD),
    Elementwise(name="loss", width=VOCAB, split=Split.COLUMN, role=Role.HEAD),
))  # fmt: skip
EXPERTS = (
    *LAYER[:6],
    MatMul(name="in", inputs=8, outputs=16, copies=4, active=2, split=Split.EXPERT, reads="x", role=Role.EXPERT),
    MatMul(name="out", inputs=16, outputs=8, copies=4, active=2, split=Split.EXPERT, inner=Split.ROW, role=Role.EXPERT),
)
"""Attention, and two of four experts of 256 parameters."""


def model(layer: tuple[Any, ...] = LAYER, layers: int = LAYERS, *more: Block, head: Block = HEAD) -> Architecture:
    """A table of 256 parameters, some layers, a norm and a head of 8 + 256."""
    body = Block("layers", layer, tuple(range(layers)))
    return Architecture("toy", (EMBED, *more, body, head), HIDDEN, VOCAB)


def case(layout: Layout, architecture: Architecture | None = None, **change: Any) -> Case:
    """Sequences of 4 tokens, as many as the layout takes in a step; constants of the stack by name."""
    own = {f.name for f in fields(Stack)}
    stack = replace(STACK, **{k: v for k, v in change.items() if k in own})
    rest = {k: v for k, v in change.items() if k not in own}
    usual: dict[str, Any] = {
        "architecture": architecture or model(),
        "work": Workload(layout.dp * layout.micro_batch * layout.micro_batches, LENGTH),
        "machine": BOX,
        "memory": MEMORY,
    }
    return Case(layout=layout, stack=stack, **{**usual, **rest})
