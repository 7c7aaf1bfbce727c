"""What a question leaves open of its layout: the micro-batch and the recomputation, the fastest that fits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mfu_planner.step.evaluate import stages_of, step
from mfu_planner.step.memory import most_bytes
from mfu_planner.step.schedules import DUALPIPE, SCHEDULES

if TYPE_CHECKING:
    from mfu_planner.questions.layout_parts import LayoutPart
    from mfu_planner.step.case import Case

_MOST_FORWARD = 4096
"""Sequences of a micro-batch that are tried."""


BLANKS = ("micro_batch", "recompute")
"""What is filled where it was not said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What was chosen for the blanks of a layout."""

    micro_batch: int
    recompute: str
    fits: bool
    """Whether a device holds it; true where its memory is not known."""
    said: tuple[str, ...] = ()
    """What was chosen, and how it is given."""


_KNOWN: dict[tuple[Any, ...], tuple[Any, Filled]] = {}
_REMEMBERED = 512


def filled(s: LayoutPart, case: Case, batch: int | None) -> Filled:
    """Micro-batch and recomputation of a question, see :func:`_filled`; remembered for the same model and tools."""
    tools = (case.architecture, case.machine, case.stack)
    asked = (s.micro_batch, s.recompute, s.recompute_share, s.schedule, batch)
    key = (*map(id, tools), case.memory, case.work, case.layout, case.optimizer, *asked)
    known = _KNOWN.get(key)
    if known is None:
        if len(_KNOWN) >= _REMEMBERED:
            _KNOWN.clear()
        known = _KNOWN[key] = tools, _filled(s, case, batch)
    return known[1]


def _filled(s: LayoutPart, case: Case, batch: int | None) -> Filled:
    """Micro-batch and recomputation of a question: as given, else the fastest micro-batch under the least recomputation
    that fits; one sequence and none where nothing does, or where no batch was named that a micro-batch could divide.

    ``case``: with the degrees of its layout, and the stack's choices.
    """
    least = Filled(micro_batch=s.micro_batch or 1, recompute=s.recompute or "none", fits=True)
    usable = case.machine.usable_bytes
    if (s.micro_batch and s.recompute) or not usable:
        return least
    stages = [s.recompute] if s.recompute else list(_stages(case))
    for recompute in stages:
        if found := list(_fitting(s, case, batch, recompute)):
            chosen = min(found)[1]
            said = _said(s, chosen, recompute) if batch is not None or recompute != "none" else ()
            return replace(least, micro_batch=chosen, recompute=recompute, said=said)
    nothing = "no micro-batch fits under any recomputation: one sequence and what was asked are predicted all the same"
    return replace(least, fits=False, said=(f"{nothing}; mfu-planner search finds layouts that fit",))


def _stages(case: Case) -> Iterator[str]:
    """Kinds of recomputation, the least first; selective only where the stack has something to select."""
    yield "none"
    if case.stack.selective_share or not case.stack.fused_attention:
        yield "selective"
    yield "full"


def _fitting(s: LayoutPart, case: Case, batch: int | None, recompute: str) -> Iterator[tuple[float, int]]:
    """Seconds and micro-batch, of those that divide a pipeline's share of the batch as its schedule allows and fit."""
    from mfu_planner.operators.layout import RECOMPUTE_CODES

    layout, usable = case.layout, case.machine.usable_bytes
    again = float(RECOMPUTE_CODES[recompute])
    if recompute == "full" and s.recompute_share is not None:
        again = 1.0 + s.recompute_share
    share = 1 if batch is None else max(1, batch // int(layout.dp))
    sizes = [s.micro_batch] if s.micro_batch else [m for m in range(1, min(share, _MOST_FORWARD) + 1) if share % m == 0]
    for micro in sizes:
        count = share // micro
        if not s.micro_batch and not _scheduled(s, int(layout.pp), int(layout.vpp), count):
            continue
        trial = case.at(replace(layout, micro_batch=float(micro), micro_batches=float(max(1, count)), recompute=again))
        if float(most_bytes(stages_of(trial))) > usable:
            return
        yield float(step(trial, parts=False, memory=False).seconds), micro


def _scheduled(s: LayoutPart, stages: int, virtual: int, count: int) -> bool:
    """Whether a schedule can play so many micro-batches."""
    if stages == 1:
        return True
    dual = s.schedule is not None and SCHEDULES.get(s.schedule) == DUALPIPE
    return (virtual == 1 or count % stages == 0) and not (dual and count % 2)


def _said(s: LayoutPart, micro: int, recompute: str) -> tuple[str, ...]:
    parts = [] if s.micro_batch else [f"micro-batch {micro}"]
    parts += [] if s.recompute else [f"recompute {recompute}"]
    names = [] if s.micro_batch else ["--micro-batch"]
    names += [] if s.recompute else ["--recompute"]
    return (f"{', '.join(parts)}: the fastest that fits; {' or '.join(names)} changes it",)
