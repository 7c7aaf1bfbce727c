"""From the columns of one trace to one record per device: unions, exposed communication, idle time, steps."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mfu_planner.errors import NoAnswer

from . import idle as idling
from .classes import CLASSES, COMPUTE
from .intervals import Merged, clip, merge
from .report import Kernel, Rank, TraceStep

if TYPE_CHECKING:
    from .intervals import Bools, Floats, Ints
    from .timeline import Timeline

_COMMUNICATION = CLASSES.index("communication")
_COMPUTE = len(COMPUTE)
_DIRECTION = re.compile(r"\b([HDPA]to[HDPA])\b")
_SECOND = 1e-6
"""Seconds in a microsecond: traces count in microseconds."""


class Device(NamedTuple):
    """The activities of one device of a trace (times in µs); ``row`` points into the timeline's columns."""

    name: str
    start: Floats
    end: Floats
    kind: Ints
    row: Ints


class SharesOfTime(NamedTuple):
    """Lengths of the unions in one window [µs]; ``low`` and ``high`` are its borders."""

    low: float
    high: float
    busy: Merged
    compute: float
    communication: float
    exposed: float
    kernels: float

    @property
    def window(self) -> float:
        """Length of the window."""
        return self.high - self.low

    @property
    def memory(self) -> float:
        """Copies and sets during which no kernel ran."""
        return self.busy.total - self.kernels


def devices(timeline: Timeline) -> list[Device]:
    """The devices of a trace, those with under 1% of the busiest one's time left out.

    A process may touch another device than its own (a context on device 0 is common); such traces of activity are not a
    rank of the job.
    """
    start, end = np.asarray(timeline.start), np.asarray(timeline.end)
    kind, owner = np.asarray(timeline.kind), np.asarray(timeline.device)
    found = []
    for number, name in enumerate(timeline.devices):
        row = np.flatnonzero(owner == number)
        found.append(Device(str(name), start[row], end[row], kind[row], row))
    if not found:
        return []
    weight = [float((d.end - d.start).sum()) for d in found]
    return [d for d, w in zip(found, weight, strict=True) if w > 0.01 * max(weight) or w == max(weight) > 0]


def split(device: Device, low: float, high: float) -> SharesOfTime:
    """Unions of the device's activities within ``[low, high)``."""
    start, end = clip(device.start, device.end, low, high)

    def union(chosen: Bools) -> float:
        return merge(start[chosen], end[chosen]).total

    is_compute, is_communication = device.kind < _COMPUTE, device.kind == _COMMUNICATION
    compute, kernels = union(is_compute), union(is_compute | is_communication)
    busy = merge(start, end)
    return SharesOfTime(low, high, busy, compute, union(is_communication), kernels - compute, kernels)


def breakdown(device: Device, low: float, high: float) -> dict[str, float]:
    """Every second of the window charged to one class, in the order of :data:`.classes.CLASSES`; then the idle rest.

    Where two classes overlap, the earlier one is charged: communication that hides behind a matrix product costs
    nothing.
    """
    start, end = clip(device.start, device.end, low, high)
    charged, covered = {}, 0.0
    for number, name in enumerate(CLASSES):
        chosen = device.kind <= number
        total = merge(start[chosen], end[chosen]).total
        charged[name] = (total - covered) * _SECOND
        covered = total
    charged["idle"] = (high - low - covered) * _SECOND
    return charged


def window(device: Device, timeline: Timeline, chosen: str | tuple[int, int]) -> tuple[float, float]:
    """Borders of the measured window [µs].

    Parameters
    ----------
    chosen
        ``gpu``: first to last device activity; ``steps``: first to last profiler step; or a pair of step numbers
        (inclusive).
    """
    if chosen == "gpu":
        return float(device.start.min()), float(device.end.max())
    steps = timeline.steps
    if not steps:
        raise NoAnswer(
            "the trace has no ProfilerStep spans: call profiler.step() in the loop, or measure the whole trace"
        )
    first, last = (min(steps), max(steps)) if isinstance(chosen, str) else chosen
    inside = [span for number, span in steps.items() if first <= number <= last]
    if not inside:
        raise NoAnswer(f"the trace has steps {min(steps)} to {max(steps)}, not {first} to {last}: choose among them")
    return min(s for s, _ in inside), max(e for _, e in inside)


def steps(device: Device, timeline: Timeline, rank: int | None) -> list[TraceStep]:
    """What the device did in each profiler step."""
    found = []
    for number, (low, high) in sorted(timeline.steps.items()):
        if not high > low:
            continue
        part = split(device, low, high)
        found.append(
            TraceStep(
                step=number,
                rank=rank,
                seconds=part.window * _SECOND,
                busy_s=part.busy.total * _SECOND,
                compute_s=part.compute * _SECOND,
                communication_s=part.communication * _SECOND,
                exposed_communication_s=part.exposed * _SECOND,
                idle_s=(part.window - part.busy.total) * _SECOND,
            )
        )
    return found


def analyse(
    device: Device,
    timeline: Timeline,
    borders: tuple[float, float],
    *,
    file: str,
    rank: int | None,
    device_name: str | None,
    refill_us: float = idling.REFILL_US,
    launch_limit_us: float = idling.LAUNCH_LIMIT_US,
) -> Rank:
    """One device's record for a window, in seconds."""
    low, high = borders
    part = split(device, low, high)
    launches, blocks = idling.link(timeline)
    mine = launches.of(device.row)
    why = idling.causes(
        part.busy, low, high, mine, blocks, timeline, refill_us=refill_us, launch_limit_us=launch_limit_us
    )
    return Rank(
        file=file,
        rank=rank,
        device=device_name,
        device_index=device.name,
        window_s=part.window * _SECOND,
        busy_s=part.busy.total * _SECOND,
        compute_s=part.compute * _SECOND,
        communication_s=part.communication * _SECOND,
        exposed_communication_s=part.exposed * _SECOND,
        memory_s=part.memory * _SECOND,
        idle_s=(part.window - part.busy.total) * _SECOND,
        idle={cause: us * _SECOND for cause, us in why.items()},
        breakdown=breakdown(device, low, high),
        activities=len(device.row),
    )


def copies(device: Device, timeline: Timeline, borders: tuple[float, float]) -> dict[str, float]:
    """Seconds of copies by direction: ``HtoD``, ``DtoH``, ``DtoD``, ``PtoP`` (between devices), ``other``."""
    chosen = device.kind == CLASSES.index("memcpy")
    start, end = clip(device.start[chosen], device.end[chosen], *borders)
    names = np.asarray(timeline.name)[device.row[chosen]]
    found: dict[str, float] = {}
    for number in np.unique(names).tolist():
        direction = _DIRECTION.search(timeline.names[number])
        key = direction[1] if direction else "other"
        here = names == number
        found[key] = found.get(key, 0.0) + float((end[here] - start[here]).sum()) * _SECOND
    return found


def top_kernels(device: Device, timeline: Timeline, borders: tuple[float, float], per_class: int) -> list[Kernel]:
    """The names that took longest, ``per_class`` of each class, longest first."""
    start, end = clip(device.start, device.end, *borders)
    names = np.asarray(timeline.name)[device.row]
    inside = end > start
    seconds = np.bincount(names[inside], (end - start)[inside], minlength=len(timeline.names)) * _SECOND
    count = np.bincount(names[inside], minlength=len(timeline.names))
    kind_of = np.zeros(len(timeline.names), np.int64)
    kind_of[names] = device.kind
    taken = dict.fromkeys(CLASSES, 0)
    found = []
    for number in np.argsort(-seconds, kind="stable"):
        kind = CLASSES[kind_of[number]]
        if count[number] == 0 or taken[kind] >= per_class:
            continue
        taken[kind] += 1
        share = float(seconds[number]) / ((borders[1] - borders[0]) * _SECOND)
        found.append(
            Kernel(
                name=timeline.names[number][:300],
                kind=kind,
                count=int(count[number]),
                seconds=float(seconds[number]),
                share_of_window=share,
            )
        )
    return found
