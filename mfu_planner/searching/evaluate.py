"""Time and memory of a whole inner grid in one array call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mfu_planner.footprint.device import stage_memory
from mfu_planner.layout.layout import Layout
from mfu_planner.layout.schedules import SCHEDULES
from mfu_planner.prediction.step import step_time
from mfu_planner.searching.space import AXES

if TYPE_CHECKING:
    import numpy.typing as npt

    from mfu_planner.footprint.calibrated import MemoryConstants
    from mfu_planner.layout.constants import Machine, Stack
    from mfu_planner.layout.work import ModelWork
    from mfu_planner.searching.space import Inner, Outer


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What every evaluation needs."""

    model: ModelWork
    machine: Machine
    stack: Stack
    memory: MemoryConstants
    optimizer_bytes: float
    seq_len: int
    global_batch: int
    schedule: str | None = None
    """Pipeline schedule held fixed; None: interleaved where there are several chunks, else 1F1B."""


def grid_layout(outer: Outer, inner: Inner, tools: Tools) -> Layout:
    """One layout whose inner fields are arrays along their own axis: NumPy broadcasting does each sum once per axis."""
    import numpy as np

    def axis(name: str) -> Any:
        values = np.array(getattr(inner, name), dtype=np.float64)
        if len(values) == 1:
            return float(values[0])
        shape = [1] * len(AXES)
        shape[AXES.index(name)] = len(values)
        return values.reshape(shape)

    fields = {name: axis(name) for name in AXES}
    return Layout(
        tp=float(outer.tp),
        pp=float(outer.pp),
        dp=float(outer.dp),
        cp=float(outer.cp),
        ep=float(outer.ep),
        micro_batches=tools.global_batch / outer.dp / fields["micro_batch"],
        seq_len=float(tools.seq_len),
        schedule=SCHEDULES[tools.schedule] if tools.schedule else 0.0,
        **fields,
    )


def evaluate(outer: Outer, inner: Inner, tools: Tools) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """(seconds, bytes, allowed) over the inner grid, arrays of its shape.

    Not allowed: interleaving whose micro-batches the stages do not divide; DualPipe with odd stages or micro-batches.
    """
    import numpy as np

    layout = grid_layout(outer, inner, tools)
    seconds = np.broadcast_to(
        step_time(tools.model, layout, tools.machine, tools.stack, parts=False).total, inner.shape
    )
    stages = stage_memory(
        tools.model,
        layout,
        tools.stack,
        tools.memory,
        optimizer_bytes=tools.optimizer_bytes,
        narrow=tools.machine.low_precision,
    )
    held = np.asarray(stages[0].total)
    for stage in stages[1:]:
        held = np.maximum(held, stage.total)
    allowed = (np.asarray(layout.vpp) <= 1) | (np.mod(layout.micro_batches, layout.pp) == 0)
    if tools.schedule == "dualpipe" and outer.pp > 1:
        allowed = allowed & (outer.pp % 2 == 0) & (np.mod(layout.micro_batches, 2) == 0)
    return seconds, np.broadcast_to(held, inner.shape), np.broadcast_to(allowed, inner.shape)
