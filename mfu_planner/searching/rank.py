"""Keeping the best of very many layouts in little memory."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mfu_planner.searching.space import AXES

if TYPE_CHECKING:
    import numpy.typing as npt

    from mfu_planner.searching.space import Inner, Outer


@dataclass(frozen=True)
class Found:
    """One feasible layout."""

    seconds: float
    held_bytes: float
    outer: Outer
    choice: tuple[float, ...]
    """Values along the inner axes."""
    devices: int
    place: str = ""
    """The cluster or device, where several are compared."""

    def flags(self) -> dict[str, Any]:
        """The layout flags."""
        inner = dict(zip(AXES, self.choice, strict=True))
        code = inner["recompute"]
        return {
            "tp": self.outer.tp,
            "pp": self.outer.pp,
            "vpp": int(inner["vpp"]),
            "cp": self.outer.cp,
            "ep": self.outer.ep,
            "dp": self.outer.dp,
            "zero": int(inner["zero"]),
            "zero_group": int(inner["zero_group"]) or None,
            "sequence_parallel": bool(inner["sequence_parallel"]),
            "micro_batch": int(inner["micro_batch"]),
            "recompute": "full" if code > 1 else "selective" if code else "none",
            "recompute_share": code - 1.0 if code > 1 else None,
            "offload": bool(inner["offload"]),
        }


@dataclass
class Best:
    """The ``keep`` fastest layouts seen so far."""

    keep: int
    heap: list[tuple[float, int, Found]] = field(default_factory=list)
    count: int = 0

    @property
    def bar(self) -> float:
        """A layout must be faster than this to be kept."""
        return -self.heap[0][0] if len(self.heap) >= self.keep else float("inf")

    def offer(
        self,
        seconds: npt.NDArray[Any],
        held: npt.NDArray[Any],
        feasible: npt.NDArray[Any],
        outer: Outer,
        inner: Inner,
        devices: int,
        place: str = "",
    ) -> None:
        """Look at a grid; only layouts below the bar are touched one by one."""
        import numpy as np

        bar = self.bar
        candidates = np.flatnonzero(feasible & (seconds < bar))
        if not len(candidates):
            return
        flat = seconds.ravel()[candidates]
        if len(candidates) > self.keep:
            nearest = np.argpartition(flat, self.keep)[: self.keep]
            candidates, flat = candidates[nearest], flat[nearest]
        memory = held.ravel()[candidates]
        for index, value, size in zip(candidates, flat, memory, strict=True):
            places = np.unravel_index(index, inner.shape)
            choice = tuple(float(getattr(inner, name)[i]) for name, i in zip(AXES, places, strict=True))
            self.count += 1
            entry = (-float(value), -self.count, Found(float(value), float(size), outer, choice, devices, place))
            if len(self.heap) < self.keep:
                heapq.heappush(self.heap, entry)
            elif entry > self.heap[0]:
                heapq.heapreplace(self.heap, entry)

    def ranked(self) -> list[Found]:
        """Fastest first."""
        return [found for _, _, found in sorted(self.heap, reverse=True)]
