"""The fewest devices that hold a question."""

from __future__ import annotations

from math import lcm
from typing import TYPE_CHECKING, Any

from mfu_planner.errors import InputError, NoAnswer
from mfu_planner.questions.layouts import PredictQuestion
from mfu_planner.questions.request import read_case
from mfu_planner.step.evaluate import device_memory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mfu_planner.step.case import Case

_EACH = 8
"""Nodes up to which every number is tried; beyond, each number is twice the last."""
_MOST_NODES = 1024
_LAID = ("tp", "pp", "cp", "ep", "dp", "zero", "micro_batch", "recompute")
_DIVIDED = ("devices", "ep", "dp", "tp", "global-batch")
"""Fields of a refusal that another number of devices may mend."""


def sizes(node: int, unit: int) -> Iterator[int]:
    """Numbers of devices that are tried, fewest first: powers of two within a node, then whole nodes; only multiples of
    ``unit``, the devices that the degrees of a layout need."""
    inside = (2**k for k in range(node.bit_length()) if 2**k < node)
    doubled = (_EACH * 2**k for k in range(1, (_MOST_NODES // _EACH).bit_length()))
    for devices in (*inside, *(node * nodes for nodes in (*range(1, _EACH + 1), *doubled))):
        if devices % unit == 0:
            yield devices


def fewest(given: Mapping[str, Any]) -> tuple[Case, dict[str, Any]]:
    """(case, what fits) of the fewest devices whose memory holds a question.

    The blanks of its layout are filled for each number: TP by powers of two within a node, the least first; ZeRO,
    recomputation and micro-batch as for any layout.

    Raises
    ------
    InputError
        A number of devices beside it; a device whose memory is not published.
    NoAnswer
        No number of devices that was tried holds it.
    """
    for name in ("devices", "dp"):
        if given.get(name) is not None:
            raise InputError(name, given[name], "nothing beside --fit, which says how many")
    s = PredictQuestion.of(given)
    unit = lcm((s.tp or 1) * (s.pp or 1) * (s.cp or 1), s.ep or 1)
    first = read_case({**{n: v for n, v in given.items() if n != "global_batch"}, "devices": unit})
    node = int(first.machine.node_devices)
    if not first.machine.usable_bytes:
        raise InputError("fit", True, "an accelerator whose memory is published")
    tried: list[dict[str, Any]] = []
    refused: InputError | None = None
    for devices in sizes(node, unit):
        totals: list[float] = []
        for tp in (s.tp,) if s.tp else (2**k for k in range(min(node, devices).bit_length())):
            try:
                case = read_case({**given, "devices": devices, "tp": tp})
            except InputError as error:
                if error.field not in _DIVIDED:
                    raise
                refused = error
                continue
            totals.append(float(device_memory(case).total))
            if totals[-1] <= first.machine.usable_bytes:
                tried.append({"devices": devices, "total_bytes": totals[-1], "fits": True})
                layout = {name: case.said.echo[name] for name in _LAID}
                return case, {"devices": devices, "layout": layout, "tried": tried}
        if totals:
            tried.append({"devices": devices, "total_bytes": min(totals), "fits": False})
    if not tried and refused is not None:
        raise refused
    least = min(tried, key=lambda one: float(one["total_bytes"]))
    nearest, usable = least["total_bytes"] / 2**30, first.machine.usable_bytes / 2**30
    raise NoAnswer(
        f"no number of devices tried holds it: {least['devices']:,} come nearest with {nearest:.1f} GiB of the "
        f"{usable:.1f} that are usable; --zero 3, --pp or --cp divide it further"
    )
