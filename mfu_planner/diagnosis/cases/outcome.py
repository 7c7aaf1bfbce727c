"""A case and what the diagnosis made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

FACTOR = 1.5
"""A predicted gain within this factor of the published one counts as right."""


@dataclass(frozen=True)
class Outcome:
    """One case."""

    id: str
    group: str
    role: str
    """``fitted`` where a constant of the diagnosis rests on the case, else ``held out``."""
    cause: str
    """The known cause; empty where the source shows none."""
    found: str
    """First cause of the diagnosis."""
    speedup: float | None = None
    """Published, after over before."""
    predicted: float | None = None
    """Of the same change; none where the diagnosis does not offer it."""
    control: float | None = None
    """Observed ÷ predicted step time: the gain that no cause at all would promise."""

    @property
    def right(self) -> bool | None:
        """Whether the known cause came first; none where none is known."""
        return self.found == self.cause if self.cause else None

    @property
    def near(self) -> bool | None:
        """Speed-up within :data:`FACTOR`; none where none was published."""
        if self.speedup is None:
            return None
        return self.predicted is not None and within(self.predicted, self.speedup)

    @property
    def near_control(self) -> bool | None:
        """The same of the control."""
        return None if self.speedup is None or self.control is None else within(self.control, self.speedup)

    @property
    def near_gain(self) -> bool | None:
        """The same of the gain itself (speed-up − 1), the stricter reading; gains under 2% are not told apart."""
        if self.speedup is None:
            return None
        if self.predicted is None:
            return False
        gain, said = self.speedup - 1, self.predicted - 1
        if gain < 0.02:
            return said < 0.05
        return said > 0 and within(said, gain)


def within(a: float, b: float) -> bool:
    """Whether two positive numbers differ by at most :data:`FACTOR`."""
    return b / FACTOR <= a <= b * FACTOR


def share(outcomes: Sequence[Outcome], name: str) -> tuple[int, int]:
    """(cases that pass, cases that the test applies to)."""
    told = [v for o in outcomes if (v := getattr(o, name)) is not None]
    return sum(told), len(told)
