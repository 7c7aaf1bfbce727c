"""Constants fitted without one source of published runs: what the planner would know had it never seen that source.

``calibration/without.csv`` (by ``fit_without.py``) and ``ranges_without.csv`` (by ``fit_ranges.py``) hold them.
A stack whose fit has no other rows is unknown then: the generic stack with the switches that its papers state.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from mfu_planner.machine.calibrated import calibration, fabric, generation, stack_among
from mfu_planner.machine.own_stack import SWITCHES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mfu_planner.machine.constants import Machine, Stack

STATED = (*SWITCHES, "recompute", "whole_batch")
"""Constants of a stack that are read in its papers, not fitted."""
UNKNOWN = "unknown"
"""What stands in place of a constant where a stack's fit has no rows left."""


@dataclass(frozen=True)
class Constants:
    """Stacks, networks and ranges of one fit."""

    stacks: Mapping[str, Any]
    fabrics: Mapping[str, Any]
    ranges: Mapping[str, Any]

    def of(self, machine: Machine, stack: Stack, network: str, device: str) -> tuple[Machine, Stack]:
        """A question's machine and stack with these constants in place of those on file."""
        found = stack_among(self.stacks, stack.name, generation(device), machine.low_precision)
        wires = fabric(network, machine.fabric.nic_bytes_per_s, self.fabrics)
        return replace(machine, fabric=wires), replace(found, fused_attention=stack.fused_attention)


def stated(constants: Mapping[str, Any]) -> dict[str, Any]:
    """Of a stack's constants, those that say what it has and what not: switches, and what it is without."""
    return {name: value for name, value in constants.items() if name in STATED or value == 0}


def changed(held: Mapping[str, Any], changes: Iterable[tuple[str, float | None]]) -> Constants:
    """What ``held`` is after some changes, (place, value) each: ``stacks/NAME/constants/…``, ``fabrics/NAME/…`` or
    ``ranges/…``; a stack whose value is None is left with what is stated of it, over the one that it extends."""
    found = {kind: {n: _copied(each) for n, each in held[kind].items()} for kind in ("stacks", "fabrics", "ranges")}
    for place, value in changes:
        *path, last = place.split("/")
        node: dict[str, Any] = found
        if value is None:
            left = found[path[0]][last]
            under = found[path[0]][left["extends"]]["constants"] if "extends" in left else {}
            said = left.get("stated", {}).get("constants", {})
            left["constants"] = {**under, **stated(left["constants"]), **said}
            continue
        for key in path:
            inner = node.get(key)
            node[key] = dict(inner) if isinstance(inner, dict) else {}
            node = node[key]
        node[last] = value
    return Constants(**found)


def _copied(value: Any) -> Any:
    return dict(value) if isinstance(value, dict) else value


@cache
def on_file_without() -> dict[str, list[tuple[str, float | None]]]:
    """By source: (place, value) of every constant that is another without it."""
    from mfu_planner.facts import folder

    found: dict[str, list[tuple[str, float | None]]] = {}
    for name in ("without.csv", "ranges_without.csv"):
        with (folder("calibration") / name).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(line for line in file if not line.startswith("#")):
                value = None if row["value"] == UNKNOWN else float(row["value"])
                found.setdefault(row["source"], []).append((row["place"], value))
    return found


@cache
def without(source: str) -> Constants:
    """The constants without a source; those on file where no fit saw it."""
    return changed(calibration(), on_file_without().get(source, ()))
