"""The few factors by which a calibration on one's own runs changes a machine and a stack."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from mfu_planner.machine.calibrated import calibration
from mfu_planner.numeric import maximum

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mfu_planner.machine.constants import Machine, Stack
    from mfu_planner.numeric import Number


@dataclass(frozen=True, slots=True, kw_only=True)
class Multiplier:
    """One factor of time and the constants that it moves (``calibration/multipliers.yaml``)."""

    name: str
    meaning: str
    sd: float
    """Prior standard deviation of the factor's natural logarithm."""
    measured_sd: float
    """The same where a machine file measured what stands behind it."""
    narrow_only: bool = False
    """Whether it is of products in 8 bits or fewer alone."""
    slower: tuple[str, ...] = ()
    """Constants that grow with it."""
    faster: tuple[str, ...] = ()
    """Constants that shrink by it: rates."""
    exposed: tuple[str, ...] = ()
    """Hidden shares: what is not hidden grows with it."""

    def changes(self, factor: Number) -> Iterator[tuple[str, Callable[[Number], Number]]]:
        """Every constant that it moves, and how the new value follows from the old one."""
        yield from ((name, lambda value: value * factor) for name in self.slower)
        yield from ((name, lambda value: value / factor) for name in self.faster)
        yield from ((name, lambda hidden: maximum(0.0, 1.0 - (1.0 - hidden) * factor)) for name in self.exposed)


@cache
def multipliers() -> dict[str, Multiplier]:
    """Every factor by name."""
    held: dict[str, dict[str, Any]] = calibration()["multipliers"]["multipliers"]
    plain: dict[str, dict[str, Any]] = {
        name: {k: tuple(v) if isinstance(v, list) else v for k, v in said.items()} for name, said in held.items()
    }
    return {name: Multiplier(name=name, **{"measured_sd": said["sd"], **said}) for name, said in plain.items()}


def multiplied(machine: Machine, stack: Stack, times: Mapping[str, Number]) -> tuple[Machine, Stack]:
    """The machine and stack with each named factor applied; factors may be arrays.

    Raises
    ------
    KeyError
        A factor of another name.
    """
    for name, factor in times.items():
        each = multipliers()[name]
        if each.narrow_only and not machine.low_precision:
            continue
        for constant, change in each.changes(factor):
            group, _, field = constant.partition(".")
            if group == "stack":
                stack = replace(stack, **{field: change(getattr(stack, field))})
            elif group == "fabric":
                rate = change(getattr(machine.fabric, field))
                machine = replace(machine, fabric=replace(machine.fabric, **{field: rate}))
            else:
                links = {k: replace(v, **{field: change(getattr(v, field))}) for k, v in machine.links.items()}
                machine = replace(machine, links=links)
    return machine, stack
