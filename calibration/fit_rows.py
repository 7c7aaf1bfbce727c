"""The published rows that a fit of constants sees, and what it predicts of them, one column for each row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mfu_planner.backtesting.case import RowCase
from mfu_planner.backtesting.question import read_case
from mfu_planner.backtesting.runs import RunRow, Unusable
from mfu_planner.backtesting.selection import stalled
from mfu_planner.backtesting.steptime import group_key, stated_step_time, step_case
from mfu_planner.machine.calibrated import generation
from mfu_planner.machine.constants import Machine, Stack
from mfu_planner.step import case as asked_of
from mfu_planner.step.evaluate import step

_FABRIC = {"efficiency": ("efficiency", 1.0), "start_us": ("start_s", 1e-6), "hop_us": ("hop_s", 1e-6)}


@dataclass(frozen=True, eq=False)
class Rows:
    """Published rows of one source that one array call predicts."""

    runs: tuple[RunRow, ...]
    cases: tuple[RowCase, ...]
    seconds: np.ndarray
    """Published step times, natural logarithm."""
    case: asked_of.Case

    @property
    def source(self) -> str:
        """Where they were published."""
        return self.runs[0].source

    @property
    def stack(self) -> str:
        """The name of their stack."""
        return self.case.stack.name

    @property
    def generation(self) -> str:
        """Of their device."""
        return generation(self.cases[0].request.accelerator.id)

    @property
    def network(self) -> str:
        """The name of their network."""
        return str(self.cases[0].flags["fabric"])

    @property
    def variants(self) -> list[tuple]:
        """Rows that differ in their batch or sharding alone say little more than one of them."""
        asked = self.cases[0].request
        return [
            (id(c.architecture), c.layout.tp, c.layout.pp, c.layout.micro_batch, asked.accelerator.id, asked.dtype)
            for c in self.cases
        ]


Base = Callable[[Rows], tuple[Machine, Stack]]
"""The constants that a fit starts from."""


def read_rows(runs: Sequence[RunRow]) -> list[Rows]:
    """The rows that are predicted and did not stall, in groups of one source and one call."""
    groups: dict[tuple, list[tuple[RunRow, RowCase, float]]] = {}
    for run in runs:
        try:
            case = read_case(run)
            seconds = stated_step_time(run, case)
        except Unusable:
            continue
        if not stalled(run):
            groups.setdefault((run.source, *group_key(case)), []).append((run, case, seconds))
    return [
        Rows(
            tuple(r for r, _, _ in g), cases := tuple(c for _, c, _ in g), np.log([s for *_, s in g]), step_case(cases)
        )
        for g in groups.values()
    ]


@dataclass(frozen=True, eq=False)
class Part:
    """Some rows of a group, each with its weight."""

    rows: Rows
    chosen: np.ndarray
    weight: np.ndarray


def predicted(rows: Rows, base: tuple[Machine, Stack], values: Mapping[str, np.ndarray | float]) -> np.ndarray:
    """Natural logarithm of the step times: one line for each line of ``values``, one column for each row."""
    machine, stack = base
    wires, own = {}, {}
    narrow = "narrow" if machine.low_precision else "wide"
    for name, value in values.items():
        if name.startswith("fabric:"):
            network, constant = name.removeprefix("fabric:").split(".")
            if network == rows.network:
                field, unit = _FABRIC[constant]
                wires[field] = value * unit
            continue
        field, *where = name.split(".")
        if all(w in (rows.generation, narrow) for w in where):
            own[field] = value
    machine = replace(machine, fabric=replace(machine.fabric, **wires))
    found = step(replace(rows.case, machine=machine, stack=replace(stack, **own)), parts=False, memory=False)
    count = max((np.size(v) for v in values.values()), default=1)
    return np.log(np.broadcast_to(np.asarray(found.seconds, dtype=float), (count, len(rows.runs))))


def weights(
    rows: Sequence[Rows], part_of: Callable[[RunRow], int | str | None], most: float | None = None
) -> list[Part]:
    """Rows in their parts: variants of one layout count as one of them, and each part weighs the same.

    ``most``: the weight of a part at most; None: what its share of all is.
    """
    where = [(group, [part_of(run) for run in group.runs]) for group in rows]
    chosen = [(group, np.array([p is not None for p in parts]), parts) for group, parts in where]
    chosen = [(group, mask, parts) for group, mask, parts in chosen if mask.any()]
    same = Counter(v for group, mask, _ in chosen for v, used in zip(group.variants, mask, strict=True) if used)
    total: Counter = Counter()
    found = []
    for group, mask, parts in chosen:
        each = np.array([same[v] ** -0.5 for v, used in zip(group.variants, mask, strict=True) if used])
        names = [p for p in parts if p is not None]
        for name, w in zip(names, each, strict=True):
            total[name] += w * w
        found.append((group, mask, each, names))
    mean = sum(total.values()) / max(1, len(total))
    return [
        Part(
            g,
            mask,
            each * np.array([((mean if most is None else min(most, total[n])) / total[n]) ** 0.5 for n in names]),
        )
        for g, mask, each, names in found
    ]
