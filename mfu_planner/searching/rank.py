"""Keeping the best of very many layouts in little memory."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mfu_planner.searching.space import AXES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    from mfu_planner.searching.space import Inner, Outer


PREFERRED = ("ep", "micro_batch", "vpp", "zero", "zero_group", "recompute", "sequence_parallel", "offload")
"""Axes by weight where layouts take the same time: of two, the one with less along the first that differs is kept."""


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

    @property
    def degrees(self) -> tuple[Outer, int]:
        """What fixes which devices talk to which: the outer degrees and EP."""
        return self.outer, int(self.choice[AXES.index("ep")])

    def flags(self) -> dict[str, Any]:
        """The layout flags."""
        inner = dict(zip(AXES, self.choice, strict=True))
        code = inner["recompute"]
        return {
            "tp": self.outer.tp,
            "pp": self.outer.pp,
            "vpp": int(inner["vpp"]),
            "cp": self.outer.cp,
            "ep": int(inner["ep"]),
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
    """The ``keep`` fastest layouts seen so far; of the ``heads`` best choices of degrees the fastest usual one each."""

    keep: int
    heads: int = 0
    heap: list[tuple[float, int, Found]] = field(default_factory=list)
    firsts: dict[tuple[Outer, int], Found] = field(default_factory=dict)
    count: int = 0

    @property
    def bar(self) -> float:
        """A layout must be faster than this to be kept."""
        return -self.heap[0][0] if len(self.heap) >= self.keep else float("inf")

    @property
    def head_bar(self) -> float:
        """The fastest usual layout of a choice of degrees must be faster than this to be kept."""
        if len(self.firsts) < self.heads:
            return float("inf")
        return max((found.seconds for found in self.firsts.values()), default=-float("inf"))

    def offer(
        self,
        seconds: npt.NDArray[Any],
        held: npt.NDArray[Any],
        feasible: npt.NDArray[Any],
        outer: Outer,
        inner: Inner,
        devices: int,
        place: str = "",
        usual: Mapping[str, int] | None = None,
    ) -> None:
        """Look at a grid; only layouts below the bar are touched one by one.

        ``usual``: by axis, how many of its values are usual, where not all; None: no layout of the grid is.
        """

        def found(at: tuple[Any, ...]) -> Found:
            choice = tuple(float(getattr(inner, name)[i]) for name, i in zip(AXES, at, strict=True))
            return Found(float(seconds[at]), float(held[at]), outer, choice, devices, place)

        for i, ep in enumerate(inner.ep if usual is not None and self.heads else ()):
            part = tuple(slice(i, i + 1) if name == "ep" else slice((usual or {}).get(name)) for name in AXES)
            known = self.firsts.get((outer, ep))
            bar = self.head_bar if known is None else known.seconds
            for at in _fastest(seconds[part], feasible[part], bar, 1):
                self.firsts[outer, ep] = found(
                    tuple(i if name == "ep" else n for name, n in zip(AXES, at, strict=True))
                )
        while len(self.firsts) > self.heads:
            del self.firsts[max(self.firsts, key=lambda each: self.firsts[each].seconds)]
        for each in map(found, _fastest(seconds, feasible, self.bar, self.keep)):
            self.count += 1
            entry = (-each.seconds, -self.count, each)
            if len(self.heap) < self.keep:
                heapq.heappush(self.heap, entry)
            elif entry > self.heap[0]:
                heapq.heapreplace(self.heap, entry)

    def ranked(self) -> list[Found]:
        """Fastest first, each once."""
        kept = [found for _, _, found in sorted(self.heap, reverse=True)]
        return sorted(dict.fromkeys((*kept, *self.firsts.values())), key=lambda found: found.seconds)


def _fastest(
    seconds: npt.NDArray[Any], feasible: npt.NDArray[Any], bar: float, count: int
) -> Iterator[tuple[Any, ...]]:
    """Where the fastest so many below a bar stand, the fastest first; of those that take the same time the simplest."""
    import numpy as np

    candidates = np.flatnonzero(feasible & (seconds < bar))
    if not len(candidates):
        return
    flat = seconds.ravel()[candidates]
    if len(candidates) > count:
        least = flat <= np.partition(flat, count - 1)[count - 1]
        candidates, flat = candidates[least], flat[least]
    places = dict(zip(AXES, np.unravel_index(candidates, seconds.shape), strict=True))
    for i in np.lexsort([places[name] for name in reversed(PREFERRED)] + [flat])[:count]:
        yield tuple(places[name][i] for name in AXES)
