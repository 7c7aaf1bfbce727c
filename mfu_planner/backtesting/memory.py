"""The memory kind: peak bytes of the fullest device against the peaks that others reported."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mfu_planner.backtesting import steptime
from mfu_planner.backtesting.rules import RULES
from mfu_planner.backtesting.runs import Unusable
from mfu_planner.backtesting.stated import stated_memory
from mfu_planner.backtesting.steptime import AS_ON_FILE, Way, grouped
from mfu_planner.backtesting.summary import blank, summarise
from mfu_planner.questions.request import read_request
from mfu_planner.step.evaluate import device_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mfu_planner.backtesting.case import RowCase
    from mfu_planner.backtesting.runs import RunRow
    from mfu_planner.machine.memory import MemoryConstants
    from mfu_planner.numeric import Number

OUT_OF_MEMORY = "layout_oom"
MEMORY_RULES = (
    "published: mem_gb_reported × 2^30 byte (allocators and drivers count in GiB, whatever unit is printed)",
    "optimizer: Adam with a 32-bit master weight, 12 byte per parameter, but for software that trains in pure 16 bits",
    "a row that says nothing of recomputation is asked without it: the least that fits, as a user's question is",
    "samples of many lengths: the peak is that of the longest, where the row says it (max_seq)",
    "rows whose kind is layout_oom have no peak: `fits` false is the right answer; fits = peak ≤ usable memory",
)


_LONGEST = re.compile(r"max_seq (\d+)")
"""How notes state the longest batch of samples of many lengths: it sets the peak, as their mean sets the time."""


def asked(row: RunRow, way: Way = AS_ON_FILE) -> tuple[str, dict[str, Any] | None]:
    """The command and the flags that give a row's prediction; null where the row is left out."""
    try:
        return "memory", dict(read_peak(row, way).flags)
    except Unusable:
        return "memory", None


def read_peak(row: RunRow, way: Way = AS_ON_FILE) -> RowCase:
    """The row's question at the length of its longest samples; what it does not say of recomputation is not said.

    Raises
    ------
    Unusable
        As :func:`~mfu_planner.backtesting.question.read_case`.
    """
    case, longest = way.read(row), _LONGEST.search(row.text("notes"))
    flags = dict(case.flags)
    if longest is not None:
        flags["seq_len"] = max(flags["seq_len"], int(longest[1]))
    if not row.text("recompute") and flags["recompute"] == "none":
        del flags["recompute"]
    return case if flags == case.flags else replace(case, flags=flags, request=read_request(**flags))


def memory_backtest(rows: Sequence[RunRow], way: Way = AS_ON_FILE) -> dict[str, Any]:
    """Predicted and published peaks [byte]: rows, a summary by source, whether layouts that ran fit, the rules."""
    results = predict_rows(rows, way)
    ran = [r for r in results if r["fits"] is not None and r["ran"]]
    failed = [r for r in results if r["fits"] is not None and not r["ran"]]
    fits = {
        "ran": len(ran),
        "ran_and_fit": sum(r["fits"] for r in ran),
        "failed": len(failed),
        "failed_and_did_not_fit": sum(not r["fits"] for r in failed),
    }
    return {"rows": results, "summary": summarise(rows, results), "fits": fits, "assumptions": [*MEMORY_RULES, *RULES]}


def predict_group(
    cases: Sequence[RowCase], adjust: Callable[[RowCase, MemoryConstants], MemoryConstants] | None = None
) -> Number:
    """Bytes of the fullest device of one group of rows; ``adjust`` may replace constants (fits)."""
    case = steptime.step_case(cases)
    if adjust is not None:
        case = replace(case, memory=adjust(cases[0], case.memory))
    return device_memory(case).total


def predict_rows(rows: Sequence[RunRow], way: Way = AS_ON_FILE) -> list[dict[str, Any]]:
    """Predicted and published peak memory, a row each, in the order given."""
    import numpy as np

    results = [{**blank(row), "fits": None, "ran": None} for row in rows]
    places: dict[int, int] = {}
    cases: list[RowCase] = []
    for index, row in enumerate(rows):
        try:
            case = read_peak(row, way)
        except Unusable as reason:
            results[index]["skipped"] = str(reason)
            continue
        places[id(case)] = index
        cases.append(case)
    for group in grouped(cases):
        total = np.broadcast_to(predict_group(group), (len(group),))
        for case, value in zip(group, total, strict=True):
            result, row = results[places[id(case)]], rows[places[id(case)]]
            failed = row.text("kind") == OUT_OF_MEMORY
            published = stated_memory(row)
            result.update(
                predicted=float(value),
                fits=bool(value <= (case.request.accelerator.usable_bytes or np.inf)),
                ran=not failed,
                published=published,
                skipped=None if published else "no peak memory is stated",
            )
            if published:
                result["error"] = float(value) / published - 1.0
    return results
