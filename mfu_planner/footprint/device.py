"""Peak bytes of the fullest device for a layout: states, activations, logits, buffers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mfu_planner.footprint.activations import ELEMENT, layer_bytes
from mfu_planner.layout.schedules import DUALPIPE, in_flight, in_flight_later
from mfu_planner.layout.stages import stage_plan

if TYPE_CHECKING:
    from mfu_planner.footprint.calibrated import MemoryConstants
    from mfu_planner.layout.arrays import Numbers
    from mfu_planner.layout.constants import Stack
    from mfu_planner.layout.layout import Layout
    from mfu_planner.layout.work import ModelWork


@dataclass(frozen=True)
class Held:
    """Bytes of the fullest device by kind, numbers or arrays."""

    weights: Numbers
    gradients: Numbers
    optimizer: Numbers
    activations: Numbers
    logits: Numbers
    other: Numbers

    @property
    def total(self) -> Numbers:
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
    import numpy as np

    stages = stage_memory(model, layout, stack, constants, optimizer_bytes=optimizer_bytes, narrow=narrow)
    totals = [np.asarray(s.total) for s in stages]
    if all(t.ndim == 0 for t in totals):
        return stages[int(np.argmax(totals))]
    pick = np.argmax(np.stack(np.broadcast_arrays(*totals)), axis=0)

    def choose(name: str) -> Numbers:
        found: Numbers = np.choose(pick, np.broadcast_arrays(pick, *(getattr(s, name) for s in stages))[1:])
        return found

    return Held(*(choose(n) for n in ("weights", "gradients", "optimizer", "activations", "logits", "other")))


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
    import numpy as np

    most, first, last = stage_plan(model, layout, stack.balanced_stages)
    layer, expert = _layer_parameters(model, layout)
    table = model.hidden * model.vocab / layout.tp + model.table_parameters
    pp = np.asarray(layout.pp, dtype=np.float64)
    count = float(model.layer_count)
    single = pp <= 1
    head = 1.0 if not model.tied else 0.0
    kept, working = _activations(model, layout, stack, constants, narrow)
    flying = in_flight(pp, layout.micro_batches, layout.vpp, layout.schedule)
    flying_second, flying_last = in_flight_later(flying, layout.schedule)
    dual = (np.asarray(layout.schedule) == DUALPIPE) & (pp > 1)
    tokens = layout.micro_batch * layout.seq_len / layout.cp
    logits = constants.logit_bytes * tokens * model.vocab / layout.tp
    spread = (np.asarray(layout.sequence_parallel) > 0) & (np.asarray(layout.tp) > 1)
    inputs = np.where(spread, constants.gathered_inputs * ELEMENT * tokens * model.hidden, 0.0)
    again = np.asarray(layout.recompute) > 1
    frozen = np.where(np.asarray(layout.adapters) > 0, constants.frozen_kept, 1.0)

    def stage(layers: Numbers, flying: Numbers, tables: Numbers, with_logits: Numbers) -> Held:
        held = constants.activation_factor * frozen * (flying * layers * kept + np.where(again, working, 0.0)) + inputs
        return _states(
            (layer * layers + tables, expert * layers),
            np.where(dual, 2.0, 1.0),
            layout,
            constants,
            optimizer_bytes,
            held,
            with_logits * logits,
            layer + expert,
            narrow,
        )

    ends = (1.0 + head) * table
    start = stage(np.where(single, count, first), flying, np.where(single, ends, table), np.where(single, 1.0, 0.0))
    end = stage(np.where(single, count, last), flying_last, np.where(single, ends, table), 1.0)
    middle = stage(np.where(single, count, most), np.where(pp > 2, flying_second, 1.0), 0.0, 0.0)
    if not pp.ndim:
        return (start,) if pp <= 1 else (start, end) if pp <= 2 else (start, end, middle)
    return start, end, middle


def _layer_parameters(model: ModelWork, layout: Layout) -> tuple[Numbers, Numbers]:
    """(dense, expert) parameters of the average layer on one device."""
    import numpy as np

    dense: Numbers = 0.0
    expert: Numbers = 0.0
    for layer in model.layers:
        share = layer.count / model.layer_count
        for p in layer.products:
            size = share * p.inputs * p.outputs * p.weights
            if p.split.startswith("expert_"):
                expert = expert + size / (layout.ep * np.where(np.asarray(layout.ep) > 1, 1.0, layout.tp))
            else:
                dense = dense + size / (layout.tp if p.split != "none" else 1.0)
        dense = dense + share * layer.parameters
    return dense, expert


def _activations(
    model: ModelWork, layout: Layout, stack: Stack, constants: MemoryConstants, narrow: bool
) -> tuple[Numbers, Numbers]:
    """(kept, needed while it runs) bytes of the average layer and micro-batch."""
    kept: Numbers = 0.0
    working: Numbers = 0.0
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
    parameters: tuple[Numbers, Numbers],
    copies: Numbers,
    layout: Layout,
    constants: MemoryConstants,
    optimizer_bytes: float,
    activations: Numbers,
    logits: Numbers,
    one_layer: Numbers,
    narrow: bool,
) -> Held:
    """One stage's bytes; DualPipe holds two ``copies`` of the parameters, whose sharded optimizer states are shared."""
    import numpy as np

    dense, expert = parameters
    group = layout.dp * layout.cp
    shards = np.where(np.asarray(layout.zero_group) > 0, layout.zero_group, group)
    expert_shards = np.maximum(group / layout.ep, 1.0)
    zero = np.asarray(layout.zero)

    def held(size: Numbers, stage: float) -> Numbers:
        return size * (
            dense / np.where(zero >= stage, shards, 1.0) + expert / np.where(zero >= stage, expert_shards, 1.0)
        )

    frozen = np.asarray(layout.adapters) > 0
    trained = np.where(frozen, 0.0, 1.0)
    weight = np.where(frozen & narrow, 1.0, ELEMENT)
    gathered = np.where(zero >= 3, constants.gathered_layers * (ELEMENT + ELEMENT) * one_layer, 0.0)
    resident = 1.0 - np.asarray(layout.offload, dtype=np.float64)
    return Held(
        copies * held(weight, 3.0),
        copies * trained * held(constants.gradient_bytes, 2.0),
        np.where(zero >= 1, 1.0, copies) * trained * resident * held(optimizer_bytes, 1.0),
        activations,
        logits,
        constants.fixed_bytes + gathered,
    )
