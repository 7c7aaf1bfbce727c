"""Several ranks side by side: who arrives last at the collectives, and what the others lose by waiting.

The clocks of two machines need not agree, so that no time stamps are compared across ranks.  A collective ends at the
same moment everywhere; the rank that was last to arrive spends the least time in it.  For the n-th collective of a
kind in one process group, a rank's wait is its duration less the shortest one.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .classes import CLASSES
from .report import Straggler

if TYPE_CHECKING:
    from .analyse import Device
    from .intervals import Floats
    from .report import Rank
    from .timeline import Timeline

_POINT_TO_POINT = ("sendrecv", "send", "recv", "p2p")
_SECOND = 1e-6


class Collectives(NamedTuple):
    """Durations [µs] of one rank's collectives in the order of their start, by what identifies them across ranks."""

    durations: dict[tuple[str, str, str], Floats]


def collectives(device: Device, timeline: Timeline) -> Collectives:
    """The collectives of a device; kernels that state a group are matched within it, others by their name."""
    chosen = np.flatnonzero(device.kind == CLASSES.index("communication"))
    chosen = chosen[np.argsort(device.start[chosen], kind="stable")]
    group = np.asarray(timeline.group)[device.row[chosen]]
    name = np.asarray(timeline.name)[device.row[chosen]]
    length = (device.end - device.start)[chosen]
    found: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for g, n, us in zip(group.tolist(), name.tolist(), length.tolist(), strict=True):
        key = timeline.groups[g] if g >= 0 else (timeline.names[n].split("(")[0], "", "")
        if not any(word in key[0].lower() for word in _POINT_TO_POINT):
            found[key].append(us)
    return Collectives({key: np.asarray(values) for key, values in found.items()})


def straggler(ranks: list[Rank], parts: list[Collectives]) -> Straggler | None:
    """The rank that the others wait for, or None when no collective of two ranks can be matched."""
    if len(ranks) < 2:
        return None
    waits = np.zeros(len(ranks))
    matched = 0
    for key in {key for part in parts for key in part.durations}:
        members = [i for i, part in enumerate(parts) if key in part.durations]
        counts = {len(parts[i].durations[key]) for i in members}
        if len(members) < 2 or len(counts) != 1:
            continue  # a rank that saw more of them started or stopped profiling elsewhere: no pairing is safe
        table = np.stack([parts[i].durations[key] for i in members])
        waits[members] += (table - table.min(axis=0)).sum(axis=1)
        matched += table.shape[1]
    if not matched:
        return None
    last = int(np.argmin(waits))
    others = np.delete(waits, last)
    labels = [str(r.rank) if r.rank is not None else r.file for r in ranks]
    if len(set(labels)) < len(labels):
        labels = [f"{r.file}:{r.device_index}" for r in ranks]
    return Straggler(
        rank=ranks[last].rank,
        file=ranks[last].file,
        waited_for_s=float(others.mean() - waits[last]) * _SECOND,
        compute_s=ranks[last].compute_s,
        median_compute_s=float(np.median([r.compute_s for r in ranks])),
        waits_s={label: float(us) * _SECOND for label, us in zip(labels, waits, strict=True)},
        collectives=matched,
    )
