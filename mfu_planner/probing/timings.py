"""Passes over all points, kept in a file as they come, so that a probe goes on where it was stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from mfu_planner.probing.device import TorchDevice
from mfu_planner.probing.points import ProbePoint

Progress = Callable[[int, int, str], None]
"""(points done, points in all, the next one's name)."""
_RUNS = 2.0
"""Runs of a slow point in a pass: one that warms up, one that counts."""
_MOST_PASSES = 3


class Timings:
    """Seconds of each point in each pass.

    Parameters
    ----------
    path
        Where they are kept; None: nowhere.
    about
        What they are of: those of something else are not taken up.
    """

    def __init__(self, path: Path | None, about: dict[str, object]) -> None:
        self.path, self.about = path, about
        self.held: dict[tuple[str, int], float] = {}
        if path is not None and path.exists():
            self._resume(path)

    def _resume(self, path: Path) -> None:
        try:
            head, *lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
            held = {(str(name), int(turn)): float(seconds) for name, turn, seconds in lines}
        except (ValueError, TypeError, OSError):
            return
        if head == self.about:
            self.held = held

    def run(
        self,
        device: TorchDevice,
        points: Sequence[ProbePoint],
        passes: int,
        budget_s: float,
        limit_s: float,
        told: Progress,
    ) -> None:
        """Time every point that is not timed yet, pass after pass, each within its part of ``limit_s``.

        On a slow device a point is left out of a pass where it would take more than an equal share of what is left of
        the pass: by what it took before, else by the slowest of its like.
        """
        self._write()
        began = device.clock()
        for turn in range(passes):
            for index, point in enumerate(points):
                told(turn * len(points) + index, passes * len(points), point.name)
                left = max(0.0, limit_s * (turn + 1) / passes - (device.clock() - began))
                fits = _RUNS * self._expected(point, points) <= left / (len(points) - index)
                if fits and (point.name, turn) not in self.held:
                    self._keep(point.name, turn, device.seconds(point.make(), budget_s))
        told(passes * len(points), passes * len(points), "")

    def _expected(self, point: ProbePoint, points: Sequence[ProbePoint]) -> float:
        """Seconds of one run of a point; 0 where nothing is known of it."""
        if self.timed(point.name):
            return self.seconds(point.name)
        like = [p for p in points if point.work and p.like == point.like and self.timed(p.name)]
        return point.work * max((self.seconds(p.name) / p.work for p in like), default=0.0)

    def _all(self, name: str) -> list[float]:
        return [self.held[name, turn] for turn in range(_MOST_PASSES) if (name, turn) in self.held]

    def timed(self, name: str) -> bool:
        """Whether a point was timed in some pass."""
        return bool(self._all(name))

    def _keep(self, name: str, turn: int, seconds: float) -> None:
        self.held[name, turn] = seconds
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps([name, turn, seconds]) + "\n")

    def _write(self) -> None:
        if self.path is not None:
            lines = [json.dumps(self.about), *(json.dumps([n, t, s]) for (n, t), s in self.held.items())]
            self.path.write_text("\n".join(lines) + "\n", "utf-8")

    def seconds(self, name: str) -> float:
        """The fastest pass: what else runs on a machine only adds."""
        return min(self._all(name))

    def spread(self, name: str) -> float | None:
        """Difference of the slowest and fastest pass ÷ their middle; None where there is one pass."""
        found = self._all(name)
        return (max(found) - min(found)) / median(found) if len(found) > 1 else None

    def forget(self, names: Sequence[str]) -> None:
        """Drop the timings of some points, to be timed again."""
        self.held = {key: s for key, s in self.held.items() if key[0] not in names}
        self._write()

    def done(self) -> None:
        """Remove the file."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
