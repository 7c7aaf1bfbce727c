"""The step-time kind: seconds of one step from the layout, no MFU given, against what was published."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mfu_planner.answers.trust import Known, Reach, known_of, reach
from mfu_planner.backtesting.case import RowCase
from mfu_planner.backtesting.question import read_case
from mfu_planner.backtesting.rules import RULES
from mfu_planner.backtesting.runs import Unusable
from mfu_planner.backtesting.stated import published_step_time
from mfu_planner.backtesting.summary import blank, summarise
from mfu_planner.machine.own_machine import read_machine
from mfu_planner.machine.toolbox import Wires, assemble
from mfu_planner.machine.without import without
from mfu_planner.operators.layout import Layout
from mfu_planner.step.evaluate import step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from mfu_planner.backtesting.runs import RunRow
    from mfu_planner.machine.constants import Machine, Stack
    from mfu_planner.numeric import Number
    from mfu_planner.step import case as asked_of


@dataclass(frozen=True, slots=True)
class Way:
    """How rows are predicted."""

    leave_out: bool = False
    """By constants that were fitted without any row of the row's own source."""
    default_stack: bool = False
    """As one who names no stack asks: by the device's usual one."""
    stack: Any = None
    """As one who has a stack (``--stack``) asks, whatever the row says."""
    machine: Any = None
    """With what was measured on the user's own machine (``--machine``)."""

    def read(self, row: RunRow) -> RowCase:
        """The row's question.

        Raises
        ------
        Unusable
            The row cannot be asked so.
        """
        return read_case(row, default_stack=self.default_stack, stack=self.stack, machine=self.machine)


AS_ON_FILE = Way()


def group_key(case: RowCase) -> tuple[Any, ...]:
    """Rows with the same key are one array call."""
    asked = case.request
    flags = tuple(case.flags.get(name) for name in ("fabric", "nic", "devices_per_node"))
    flags = (*flags, tuple(length for length, _ in asked.case.work.documents))
    return (
        id(case.architecture),
        asked.accelerator.id,
        asked.dtype,
        asked.case.stack.name,
        asked.case.said.own,
        str(case.flags.get("machine")),
        *flags,
    )


def grouped(cases: Iterable[RowCase], *, by_source: bool = False) -> list[list[RowCase]]:
    """Cases that share model, device, format, stack and network (and source)."""
    groups: dict[tuple[Any, ...], list[RowCase]] = {}
    for case in cases:
        groups.setdefault((*group_key(case), case.source if by_source else None), []).append(case)
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
    measured = None if flags.get("machine") is None else read_machine(flags["machine"])
    found = assemble(
        asked.accelerator.id, asked.dtype, asked.case.stack.name, None, None, wires, asked.case.said.own, measured
    )
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
    work = first.request.case.work
    if len(cases) > 1:
        works = [c.request.case.work for c in cases]
        batch, lengths = (np.array([getattr(w, n) for w in works], dtype=np.float64) for n in ("batch", "seq_len"))
        counts = np.array([[count for _, count in w.documents] for w in works], dtype=np.float64).T
        documents = tuple((length, count) for (length, _), count in zip(work.documents, counts, strict=True))
        work = replace(work, batch=batch, seq_len=lengths, documents=documents)
    return replace(first.request.case, work=work, layout=layout_of(cases), machine=box, stack=software)


def predict_group(
    cases: Sequence[RowCase], adjust: Callable[[RowCase, Machine, Stack], tuple[Machine, Stack]] | None = None
) -> Number:
    """Seconds of the steps of one group; ``adjust`` may replace constants (fits)."""
    return step(step_case(cases, adjust), parts=False, memory=False).seconds


def without_source(case: RowCase, machine: Machine, stack: Stack) -> tuple[Machine, Stack]:
    """The constants as they are fitted without the row's source."""
    network = str(case.flags["fabric"])
    return without(case.source).of(machine, stack, network, case.request.accelerator.id)


def reach_of(case: RowCase, way: Way, seconds: float) -> Reach:
    """The range that a row's prediction has, as factors."""
    return _reach(known_of(case.request.case, seconds), case.source if way.leave_out else None)


@lru_cache(maxsize=4096)
def _reach(known: Known, left_out: str | None) -> Reach:
    return reach(known) if left_out is None else reach(known, without(left_out).ranges, left_out)


def asked(row: RunRow, way: Way = AS_ON_FILE) -> tuple[str, dict[str, Any] | None]:
    """The command and the flags that give a row's prediction; null where the row is left out."""
    try:
        return "predict", dict(way.read(row).flags)
    except Unusable:
        return "predict", None


def steptime_backtest(rows: Sequence[RunRow], way: Way = AS_ON_FILE) -> dict[str, Any]:
    """Predicted and published step times: rows in the order given, a summary by source, the rules used.

    By default stacks, rows and summary also hold the errors with the row's own stack.
    """
    results = predict_rows(rows, way)
    summary = summarise(rows, results)
    if way.default_stack:
        own = predict_rows(rows, replace(way, default_stack=False))
        for name, figures in summarise(rows, own).items():
            summary[name]["row_stack_median_abs_error"] = figures["median_abs_error"]
        for result, beside in zip(results, own, strict=True):
            result["row_stack_error"] = beside["error"]
    return {"rows": results, "summary": summary, "assumptions": list(RULES)}


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


def predict_rows(rows: Sequence[RunRow], way: Way = AS_ON_FILE) -> list[dict[str, Any]]:
    """Predicted and published step times, a row each."""
    import numpy as np

    results = [blank(row) for row in rows]
    cases: list[RowCase] = []
    places: dict[int, tuple[int, float]] = {}
    for index, row in enumerate(rows):
        try:
            case = way.read(row)
            published = stated_step_time(row, case)
        except Unusable as reason:
            results[index]["skipped"] = str(reason)
            continue
        places[id(case)] = (index, published)
        cases.append(case)
    for group in grouped(cases, by_source=way.leave_out):
        seconds = predict_group(group, without_source if way.leave_out else None)
        total = np.broadcast_to(seconds, (len(group),))
        for case, value in zip(group, total, strict=True):
            index, published = places[id(case)]
            predicted = float(value)
            trust = reach_of(case, way, predicted)
            results[index].update(
                published=published,
                predicted=predicted,
                error=predicted / published - 1.0,
                low=predicted * trust.low,
                high=predicted * trust.high,
            )
    return results
