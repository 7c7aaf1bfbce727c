"""Why the device stood still: every gap between device activities, divided among causes.

A gap ``[g0, g1)`` ends with the activity that starts at ``g1``; the host call that launched it (same correlation id)
began at ``L``.  (A call that itself takes longer than ``launch_limit_us`` loads code or waits for room in the queue:
the host is still at it, and ``L`` is the call's end.)  The gap is divided so that the parts add up to it:

1. *Before the launch*, ``[g0, min(L, g1))``: the device had nothing to do because the host had not asked yet.

   - ``data``: the part in which the host was inside a span that fetches data (``enumerate(DataLoader)#…``,
     ``get_batch``, …);
   - ``allocation``: the part inside ``cudaMalloc``, ``cudaFree`` and their kin;
   - ``synchronisation``: a blocking call of a launching thread had waited for the device to run dry (it began before
     ``g0`` and ended after it): up to the call's end, and then for at most ``refill_us`` while the host issues the
     next kernel;
   - ``host``: the rest; the host cannot issue fast enough.

2. *After the launch*, ``[max(L, g0), g1)``: the work was asked for and did not start.

   - ``stream_wait``: a stream was made to wait for another one (``cudaStreamWaitEvent``) right before the launch, or,
     for delays above ``launch_limit_us``, anywhere between the stream's previous launch and this one;
   - ``launch_gap``: no such wait and at most ``launch_limit_us``: the time a launch takes to reach the device, or the
     pause between two queued kernels;
   - ``unexplained``: longer than that.

A gap whose ending activity has no host call in the trace is ``unexplained``, but for the parts that fall in ``data``.

Holistic Trace Analysis divides per stream instead of per device: *host wait* if the launch came after the previous
kernel of the stream ended, *kernel wait* if the gap is shorter than a threshold, *other* for the rest [1]_.  Here a
gap counts only when the whole device is idle, and the host's part is divided further.

References
----------
.. [1] Holistic Trace Analysis documentation, "Idle Time Breakdown".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .intervals import Merged, gaps, measure_until, merge
from .timeline import CALL_KINDS

if TYPE_CHECKING:
    from .intervals import Bools, Floats, Ints
    from .timeline import Timeline

CAUSES = ("host", "data", "synchronisation", "allocation", "stream_wait", "launch_gap", "unexplained")
"""Every cause, in the order in which it is shown."""

REFILL_US = 1000.0
"""Default of ``refill_us``: what the host may take for the first launch after a blocking call before it counts as
slow."""
LAUNCH_LIMIT_US = 100.0
"""Default of ``launch_limit_us``: a queued kernel that starts later than this waited for something else."""


class Launches(NamedTuple):
    """Per device activity: its host call (NaN: none in the trace), and the stream waits before it."""

    start: Floats
    end: Floats
    gated: Bools
    """A stream wait came right before the call."""
    held: Bools
    """A stream wait came at some time after the stream's previous launch."""

    def of(self, row: Ints) -> Launches:
        """Those of some activities."""
        return Launches(self.start[row], self.end[row], self.gated[row], self.held[row])


class Blocks(NamedTuple):
    """Host calls of launching threads that waited for the device."""

    start: Floats
    end: Floats


def link(timeline: Timeline) -> tuple[Launches, Blocks]:
    """Join device activities with the host calls that launched them, over the correlation id."""
    call_start = np.asarray(timeline.call_start)
    call_end = np.asarray(timeline.call_end)
    kind = np.asarray(timeline.call_kind)
    thread = np.asarray(timeline.call_thread)
    correlation = np.asarray(timeline.call_correlation)
    gated_call = _after_wait(call_start, kind, thread)

    launching = (kind == CALL_KINDS.index("launch")) | (kind == CALL_KINDS.index("copy"))
    rows = np.flatnonzero(launching & (correlation >= 0))
    rows = rows[np.argsort(correlation[rows], kind="stable")]
    keys = correlation[rows]
    wanted = np.asarray(timeline.correlation)
    start, end = np.full(len(wanted), np.nan), np.full(len(wanted), np.nan)
    gated = np.zeros(len(wanted), bool)
    blocked = kind == CALL_KINDS.index("sync")
    if len(keys):
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        linked = (keys[at] == wanted) & (wanted >= 0)
        call = rows[at]
        start[linked], end[linked] = call_start[call[linked]], call_end[call[linked]]
        gated[linked] = gated_call[call[linked]]
        copies = np.flatnonzero(linked & (kind[call] == CALL_KINDS.index("copy")))
        waited = copies[call_end[call[copies]] >= np.asarray(timeline.end)[copies]]
        blocked[call[waited]] = True  # a copy that returned only after the device had made it
    blocked &= np.isin(thread, np.unique(thread[launching]))
    blocked = np.flatnonzero(blocked)
    held = _held(start, np.asarray(timeline.stream), np.sort(call_start[kind == CALL_KINDS.index("wait")]))
    return Launches(start, end, gated, held), Blocks(call_start[blocked], call_end[blocked])


def _held(launch: Floats, stream: Ints, waits: Floats) -> Bools:
    """Activities with a stream wait between their stream's previous launch and their own."""
    held = np.zeros(len(launch), bool)
    order = np.lexsort((launch, stream))
    order = order[~np.isnan(launch[order])]
    if len(order) and len(waits):
        before = np.searchsorted(waits, launch[order])
        same = stream[order][1:] == stream[order][:-1]
        previous = np.concatenate(([0], np.where(same, before[:-1], 0)))
        held[order] = before > previous
    return held


def _after_wait(start: Floats, kind: Ints, thread: Ints) -> Bools:
    """Calls whose predecessor in the same thread (allocations and copies aside) is a stream wait."""
    gated = np.zeros(len(start), bool)
    order = np.lexsort((start, thread))
    order = order[
        np.isin(kind[order], (CALL_KINDS.index("launch"), CALL_KINDS.index("wait"), CALL_KINDS.index("copy")))
    ]
    same = thread[order][1:] == thread[order][:-1]
    gated[order[1:]] = same & (kind[order][:-1] == CALL_KINDS.index("wait"))
    return gated


def causes(
    busy: Merged,
    low: float,
    high: float,
    launches: Launches,
    blocks: Blocks,
    timeline: Timeline,
    *,
    refill_us: float = REFILL_US,
    launch_limit_us: float = LAUNCH_LIMIT_US,
) -> dict[str, float]:
    """Idle microseconds of the window ``[low, high)`` by cause; they add up to the idle time.

    Parameters
    ----------
    busy
        Union of the device's activities, clipped to the window; ``first`` are rows of ``launches``.
    low, high
        The window [µs].
    launches, blocks
        From :func:`link`.
    timeline
        For the spans that fetch data and the allocations.
    refill_us, launch_limit_us
        See the module.
    """
    begin, end = gaps(busy, low, high)
    ending = _ending(busy, end, launches)
    slow_call = ending.end - ending.start > launch_limit_us
    launch = np.where(slow_call, ending.end, ending.start)
    known = ~np.isnan(launch)
    issue = np.where(known, np.clip(np.nan_to_num(launch), begin, end), begin)
    # The window's end may cut the last gap: nothing follows, and what the host did is all that is known.
    open_ended = ~known & (end == high)
    issue = np.where(open_ended, end, issue)

    fetching = _spans(timeline.loader)
    allocation = np.asarray(timeline.call_kind) == CALL_KINDS.index("allocation")
    allocating = merge(np.asarray(timeline.call_start)[allocation], np.asarray(timeline.call_end)[allocation])

    data = _overlap(fetching, begin, issue)
    taken = _union(fetching, allocating)
    in_allocation = _overlap(taken, begin, issue) - data
    drained = np.minimum(_drained(begin, end, blocks, refill_us), issue)
    in_sync = np.maximum(drained - begin, 0.0) - _overlap(taken, begin, np.maximum(drained, begin))
    host = (issue - begin) - data - in_allocation - in_sync

    late = end - issue
    untold = ~known & ~open_ended
    data_untold = np.where(untold, _overlap(fetching, begin, end), 0.0)
    is_short = late <= launch_limit_us
    waits = known & (ending.gated | (ending.held & ~is_short))
    short = known & ~waits & is_short
    found = {
        "host": host.sum(),
        "data": data.sum() + data_untold.sum(),
        "synchronisation": in_sync.sum(),
        "allocation": in_allocation.sum(),
        "stream_wait": late[waits].sum(),
        "launch_gap": late[short].sum(),
        "unexplained": late[~short & ~waits].sum() - data_untold.sum(),
    }
    return {cause: max(0.0, float(found[cause])) for cause in CAUSES}


def _ending(busy: Merged, end: Floats, launches: Launches) -> Launches:
    """The launch of the activity that ends each gap; NaN where no activity starts there."""
    nothing = np.full(len(end), np.nan), np.full(len(end), np.nan), np.zeros(len(end), bool), np.zeros(len(end), bool)
    found = Launches(*nothing)
    if len(busy.start):
        row = np.minimum(np.searchsorted(busy.start, end), len(busy.start) - 1)
        here = busy.start[row] == end
        for column, source in zip(found, launches.of(busy.first[row[here]]), strict=True):
            column[here] = source
    return found


def _drained(begin: Floats, end: Floats, blocks: Blocks, refill_us: float) -> Floats:
    """Per gap, until when a blocking call that saw the device run dry explains it (−inf: there was none)."""
    until = np.full(len(begin), -np.inf)
    if len(begin) and len(blocks.start):
        gap = np.searchsorted(begin, blocks.end, side="right") - 1
        row = np.maximum(gap, 0)
        saw = (gap >= 0) & (blocks.start <= begin[row]) & (blocks.end <= end[row] + refill_us)
        np.maximum.at(until, row[saw], np.minimum(blocks.end[saw] + refill_us, end[row[saw]]))
    return until


def _spans(pairs: list[tuple[float, float]]) -> Merged:
    both = np.asarray(pairs, float).reshape(-1, 2)
    return merge(both[:, 0], both[:, 1])


def _union(a: Merged, b: Merged) -> Merged:
    return merge(np.concatenate((a.start, b.start)), np.concatenate((a.end, b.end)))


def _overlap(merged: Merged, begin: Floats, end: Floats) -> Floats:
    return measure_until(merged, end) - measure_until(merged, begin)
