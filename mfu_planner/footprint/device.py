"""Peak bytes of the fullest device for a layout: states, activations, logits, buffers."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from mfu_planner.footprint.activations import ELEMENT, layer_bytes
from mfu_planner.layout.schedules import DUALPIPE, in_flight, in_flight_later
from mfu_planner.layout.stages import stage_plan
from mfu_planner.numeric import Number, maximum, where

if TYPE_CHECKING:
    from mfu_planner.footprint.calibrated import MemoryConstants
    from mfu_planner.layout.constants import Stack
    from mfu_planner.layout.layout import Layout
    from mfu_planner.layout.work import ModelWork


@dataclass(frozen=True)
class Held:
    """Bytes of the fullest device by kind, numbers or arrays."""

    weights: Number
    gradients: Number
    optimizer: Number
    activations: Number
    logits: Number
    other: Number

    @property
    def total(self) -> Number:
        """All kinds."""
        return self.weights + self.gradients + self.optimizer + self.activations + self.logits + self.other


def device_memory(
    model: ModelWork,
    layout: Layout,
    stack: Stack,
    constants: MemoryConstants,
    *,
    optimizer_bytes: float,
    narrow: bool = False,
) -> Held:
    """Peak bytes on the fullest pipeline stage: the first (most micro-batches in flight), the last (the
    logits), another."""
    fullest, *others = stage_memory(model, layout, stack, constants, optimizer_bytes=optimizer_bytes, narrow=narrow)
    for stage in others:
        more = stage.total > fullest.total
        fullest = Held(**{f.name: where(more, getattr(stage, f.name), getattr(fullest, f.name)) for f in fields(Held)})
    return fullest


def stage_memory(
    model: ModelWork,
    layout: Layout,
    stack: Stack,
    constants: MemoryConstants,
    *,
    optimizer_bytes: float,
    narrow: bool = False,
) -> tuple[Held, ...]:
    """Bytes on a device of the first stage, the last, and the fullest one between."""
    most, first, last = stage_plan(model, layout, stack.balanced_stages)
    layer, expert = _layer_parameters(model, layout)
    table = model.hidden * model.vocab / layout.tp + model.table_parameters
    pp = layout.pp
    count = float(model.layer_count)
    single = pp <= 1
    head = 1.0 if not model.tied else 0.0
    kept, working = _activations(model, layout, stack, constants, narrow)
    flying = in_flight(pp, layout.micro_batches, layout.vpp, layout.schedule)
    flying_second, flying_last = in_flight_later(flying, layout.schedule)
    dual = (layout.schedule == DUALPIPE) & (pp > 1)
    tokens = layout.micro_batch * layout.seq_len / layout.cp
    logits = constants.logit_bytes * tokens * model.vocab / layout.tp
    spread = (layout.sequence_parallel > 0) & (layout.tp > 1)
    inputs = where(spread, constants.gathered_inputs * ELEMENT * tokens * model.hidden, 0.0)
    again = layout.recompute > 1
    frozen = where(layout.adapters > 0, constants.frozen_kept, 1.0)

    def stage(layers: Number, flying: Number, tables: Number, with_logits: Number) -> Held:
        held = constants.activation_factor * frozen * (flying * layers * kept + where(again, working, 0.0)) + inputs
        return _states(
            (layer * layers + tables, expert * layers),
            where(dual, 2.0, 1.0),
            layout,
            constants,
            optimizer_bytes,
            held,
            with_logits * logits,
            layer + expert,
            narrow,
        )

    ends = (1.0 + head) * table
    start = stage(where(single, count, first), flying, where(single, ends, table), where(single, 1.0, 0.0))
    end = stage(where(single, count, last), flying_last, where(single, ends, table), 1.0)
    middle = stage(where(single, count, most), where(pp > 2, flying_second, 1.0), 0.0, 0.0)
    if isinstance(pp, float):
        return (start,) if pp <= 1 else (start, end) if pp <= 2 else (start, end, middle)
    return start, end, middle


def _layer_parameters(model: ModelWork, layout: Layout) -> tuple[Number, Number]:
    """(dense, expert) parameters of the average layer on one device."""
    dense: Number = 0.0
    expert: Number = 0.0
    for layer in model.layers:
        share = layer.count / model.layer_count
        for p in layer.products:
            size = share * p.inputs * p.outputs * p.weights
            if p.split.startswith("expert_"):
                expert = expert + size / (layout.ep * where(layout.ep > 1, 1.0, layout.tp))
            else:
                dense = dense + size / (layout.tp if p.split != "none" else 1.0)
        dense = dense + share * layer.parameters
    return dense, expert


def _activations(
    model: ModelWork, layout: Layout, stack: Stack, constants: MemoryConstants, narrow: bool
) -> tuple[Number, Number]:
    """(kept, needed while it runs) bytes of the average layer and micro-batch."""
    kept: Number = 0.0
    working: Number = 0.0
    for layer in model.layers:
        share = layer.count / model.layer_count
        k, w = layer_bytes(
            layer,
            layout,
            model.hidden,
            constants,
            fused=bool(stack.fused_attention),
            dropout=bool(stack.dropout),
            selective_share=stack.selective_share if stack.fused_attention else 0.0,
            narrow=narrow,
        )
        kept, working = kept + share * k, working + share * w
    return kept, working


def _states(
    parameters: tuple[Number, Number],
    copies: Number,
    layout: Layout,
    constants: MemoryConstants,
    optimizer_bytes: float,
    activations: Number,
    logits: Number,
    one_layer: Number,
    narrow: bool,
) -> Held:
    """One stage's bytes; DualPipe holds two ``copies`` of the parameters, whose sharded optimizer states are shared."""
    dense, expert = parameters
    group = layout.dp * layout.cp
    shards = where(layout.zero_group > 0, layout.zero_group, group)
    expert_shards = maximum(group / layout.ep, 1.0)
    zero = layout.zero

    def held(size: Number, stage: float) -> Number:
        return size * (dense / where(zero >= stage, shards, 1.0) + expert / where(zero >= stage, expert_shards, 1.0))

    frozen = layout.adapters > 0
    trained = where(frozen, 0.0, 1.0)
    weight = where(frozen & narrow, 1.0, ELEMENT)
    gathered = where(zero >= 3, constants.gathered_layers * (ELEMENT + ELEMENT) * one_layer, 0.0)
    resident = 1.0 - layout.offload
    return Held(
        copies * held(weight, 3.0),
        copies * trained * held(constants.gradient_bytes, 2.0),
        where(zero >= 1, 1.0, copies) * trained * resident * held(optimizer_bytes, 1.0),
        activations,
        logits,
        constants.fixed_bytes + gathered,
    )
