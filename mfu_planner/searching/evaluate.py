"""Time and memory of a whole inner grid in one array call."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from mfu_planner.operators import Layout
from mfu_planner.searching.space import AXES, widest
from mfu_planner.step.evaluate import Busy, MicroBatch, micro_batch_of, step
from mfu_planner.step.memory import most_bytes
from mfu_planner.step.schedules import SCHEDULES

if TYPE_CHECKING:
    import numpy.typing as npt

    from mfu_planner.searching.cases import SearchPlace
    from mfu_planner.searching.space import Inner, Outer

REMEMBERED = 64
"""Degrees of TP and CP whose blocks a place remembers."""


def grid_layout(outer: Outer, inner: Inner, place: SearchPlace) -> Layout:
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
    base, ends = place.case.layout, float(place.ends(outer))
    return Layout(
        tp=float(outer.tp),
        pp=float(outer.pp),
        dp=float(outer.dp),
        cp=float(outer.cp),
        etp=base.etp,
        micro_batches=place.global_batch / outer.dp / fields["micro_batch"],
        schedule=SCHEDULES[place.schedule] if place.schedule else 0.0,
        compiled=base.compiled,
        imbalance=base.imbalance,
        embedding_layers=ends,
        loss_layers=ends,
        **fields,
    )


def micro_batch_at(outer: Outer, inner: Inner, place: SearchPlace) -> MicroBatch:
    """Time of one micro-batch on one device: the same for all grids of one TP and CP, of which this one has a part."""
    import numpy as np

    wide = widest(inner, place.case.division, place.global_batch)
    key = (outer.tp, outer.cp, wide.recompute, wide.sequence_parallel)
    if key not in place.known:
        if len(place.known) >= REMEMBERED:
            place.known.clear()
        place.known[key] = micro_batch_of(place.case.at(grid_layout(outer, wide, place)))
    places = {
        AXES.index(name): np.searchsorted(getattr(wide, name), getattr(inner, name))
        for name in ("ep", "micro_batch")
        if getattr(wide, name) != getattr(inner, name)
    }

    def part(value: Any) -> Any:
        for axis, chosen in places.items():
            if isinstance(value, np.ndarray) and value.shape[axis] > 1:
                value = value.take(chosen, axis)
        return value

    def parts(busy: Busy) -> Busy:
        return replace(busy, **{f.name: part(getattr(busy, f.name)) for f in fields(busy) if f.name != "parts"})

    return MicroBatch(*map(parts, place.known[key]))


def evaluate(
    outer: Outer, inner: Inner, place: SearchPlace
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """(seconds, bytes, allowed) over the inner grid, arrays of its shape.

    Not allowed: interleaving whose micro-batches the stages do not divide; DualPipe with odd stages or micro-batches.
    """
    import numpy as np

    layout = grid_layout(outer, inner, place)
    found = step(place.case.at(layout), parts=False, one=micro_batch_at(outer, inner, place))
    allowed = (np.asarray(layout.vpp) <= 1) | (np.mod(layout.micro_batches, layout.pp) == 0)
    if place.schedule == "dualpipe" and outer.pp > 1:
        allowed = allowed & (outer.pp % 2 == 0) & (np.mod(layout.micro_batches, 2) == 0)
    seconds, held = (np.broadcast_to(value, inner.shape) for value in (found.seconds, most_bytes(found.stages)))
    return seconds, held, np.broadcast_to(allowed, inner.shape)
