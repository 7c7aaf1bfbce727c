"""The step-time kind: seconds of one step from the layout, no MFU given, against what was published."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from mfu_planner.answers.predict import spread
from mfu_planner.backtesting.case import RowCase
from mfu_planner.backtesting.question import read_case
from mfu_planner.backtesting.rules import RULES
from mfu_planner.backtesting.runs import Unusable
from mfu_planner.backtesting.stated import published_step_time
from mfu_planner.backtesting.summary import blank, summarise
from mfu_planner.machine.toolbox import Wires, assemble
from mfu_planner.operators.layout import Layout
from mfu_planner.step.case import case_of
from mfu_planner.step.evaluate import step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from mfu_planner.backtesting.runs import RunRow
    from mfu_planner.machine.constants import Machine, Stack
    from mfu_planner.numeric import Number
    from mfu_planner.step import case as asked_of


def group_key(case: RowCase) -> tuple[Any, ...]:
    """Rows with the same key are one array call."""
    asked = case.request
    flags = tuple(case.flags.get(name) for name in ("fabric", "nic", "devices_per_node"))
    return (id(case.architecture), asked.accelerator.id, asked.dtype, asked.stack.name, asked.own, *flags)


def grouped(cases: Iterable[RowCase]) -> list[list[RowCase]]:
    """Cases that share model, device, format, stack and network."""
    groups: dict[tuple[Any, ...], list[RowCase]] = {}
    for case in cases:
        groups.setdefault(group_key(case), []).append(case)
    return list(groups.values())


def layout_of(cases: Sequence[RowCase]) -> Layout:
    """One layout of arrays out of the cases of a group; a single case's own, which is quicker."""
    if len(cases) == 1:
        return cases[0].layout
    import numpy as np

    return Layout(
        **{f.name: np.array([getattr(c.layout, f.name) for c in cases], dtype=np.float64) for f in fields(Layout)}
    )


def constants_of(case: RowCase) -> tuple[Machine, Stack]:
    """The machine and stack that a group's predictions use, worked out anew (fits change the calibration)."""
    asked, flags = case.request, case.flags
    wires = Wires(fabric=flags["fabric"], nic_bytes_per_s=flags.get("nic"), node_devices=flags["devices_per_node"])
    found = assemble(asked.accelerator.id, asked.dtype, asked.stack.name, None, None, wires, asked.own)
    return found.machine, found.stack


def step_case(
    cases: Sequence[RowCase], adjust: Callable[[RowCase, Machine, Stack], tuple[Machine, Stack]] | None = None
) -> asked_of.Case:
    """A group of rows as one case of arrays; ``adjust`` may replace constants (fits)."""
    import numpy as np

    first = cases[0]
    box, software = constants_of(first)
    if adjust is not None:
        box, software = adjust(first, box, software)
    work = first.request.work
    if len(cases) > 1:
        works = [c.request.work for c in cases]
        batch, lengths = (np.array([getattr(w, n) for w in works], dtype=np.float64) for n in ("batch", "seq_len"))
        work = replace(work, batch=batch, seq_len=lengths)
    return replace(case_of(first.request), work=work, layout=layout_of(cases), machine=box, stack=software)


def predict_group(
    cases: Sequence[RowCase], adjust: Callable[[RowCase, Machine, Stack], tuple[Machine, Stack]] | None = None
) -> Number:
    """Seconds of the steps of one group; ``adjust`` may replace constants (fits)."""
    return step(step_case(cases, adjust), parts=False).seconds


def asked(row: RunRow) -> tuple[str, dict[str, Any] | None]:
    """The command and the flags that give a row's prediction; null where the row is left out."""
    try:
        return "predict", dict(read_case(row).flags)
    except Unusable:
        return "predict", None


def steptime_backtest(rows: Sequence[RunRow]) -> dict[str, Any]:
    """Predicted and published step times: rows in the order given, a summary by source, the rules used."""
    results = predict_rows(rows)
    return {"rows": results, "summary": summarise(rows, results), "assumptions": list(RULES)}


def stated_step_time(row: RunRow, case: RowCase) -> float:
    """The published step time [s].

    Raises
    ------
    Unusable
        The source gives neither a time nor a rate.
    """
    published = published_step_time(row, case)
    if published is None:
        raise Unusable("neither a time nor a rate is stated")
    return published


def predict_rows(rows: Sequence[RunRow]) -> list[dict[str, Any]]:
    """Predicted and published step times, a row each."""
    import numpy as np

    results = [blank(row) for row in rows]
    cases: list[RowCase] = []
    places: dict[int, tuple[int, float]] = {}
    for index, row in enumerate(rows):
        try:
            case = read_case(row)
            published = stated_step_time(row, case)
        except Unusable as reason:
            results[index]["skipped"] = str(reason)
            continue
        places[id(case)] = (index, published)
        cases.append(case)
    for group in grouped(cases):
        total = np.broadcast_to(predict_group(group), (len(group),))
        for case, value in zip(group, total, strict=True):
            index, published = places[id(case)]
            predicted = float(value)
            low, high, _ = spread(case.request.stack.name, case.request.own)
            results[index].update(
                published=published,
                predicted=predicted,
                error=predicted / published - 1.0,
                low=predicted * low,
                high=predicted * high,
            )
    return results
