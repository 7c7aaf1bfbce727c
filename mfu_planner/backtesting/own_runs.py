"""The step-time kind with own runs: a few rows of each source calibrate, the others are judged."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mfu_planner.backtesting.question import read_case
from mfu_planner.backtesting.rules import RULES
from mfu_planner.backtesting.runs import Unusable
from mfu_planner.backtesting.selection import stalled
from mfu_planner.backtesting.steptime import grouped, stated_step_time, step_case, without_source
from mfu_planner.backtesting.summary import blank, summarise
from mfu_planner.fitting.choosing import choose
from mfu_planner.fitting.fit import calibrated, odd_ones, prior
from mfu_planner.fitting.steps import NAMES, Steps
from mfu_planner.machine.calibrated import generation

if TYPE_CHECKING:
    from mfu_planner.backtesting.case import RowCase
    from mfu_planner.backtesting.runs import RunRow
    from mfu_planner.fitting.fit import Calibration
    from mfu_planner.fitting.steps import Floats
    from mfu_planner.step.case import Case

JUDGED = 3
"""Rows that must be left to judge."""
_CANDIDATES = 120
"""Rows among which the own runs are chosen: more are alike."""


@dataclass(frozen=True)
class Seen:
    """A row with what it is judged by."""

    index: int
    case: RowCase
    log_seconds: float
    """Published [natural log of s]."""


def own_runs_backtest(rows: Sequence[RunRow], count: int) -> dict[str, Any]:
    """Rows of each source and device generation, ``count`` of them own runs, chosen before their times are looked at.

    The base of each is the row's stack as it is fitted without any row of the source.  ``one_factor_median_abs_error``
    is what one factor on that base reaches with the same own runs.
    """
    results = [blank(row) for row in rows]
    groups: dict[tuple[str, str], list[Seen]] = {}
    for index, row in enumerate(rows):
        if stalled(row):
            results[index]["skipped"] = "its pipeline stalls longer than the model computes"
            continue
        try:
            case = read_case(row)
            published = stated_step_time(row, case)
        except Unusable as reason:
            results[index]["skipped"] = str(reason)
            continue
        key = row.source, generation(case.request.accelerator.id)
        groups.setdefault(key, []).append(Seen(index, case, math.log(published)))
    for group in groups.values():
        if len(group) < count + JUDGED:
            for seen in group:
                results[seen.index]["skipped"] = f"fewer than {count + JUDGED} rows of its source on such devices"
        else:
            _judge(group, count, results)
    summary = summarise(rows, results)
    _beside_one_factor(summary, rows, results)
    return {"rows": results, "summary": summary, "assumptions": list(RULES)}


def _judge(group: Sequence[Seen], count: int, results: list[dict[str, Any]]) -> None:
    """Fill the results of one group."""
    of_case = {id(seen.case): seen for seen in group}
    parts = grouped([seen.case for seen in group], by_source=True)
    ordered = [of_case[id(case)] for part in parts for case in part]
    steps = Steps(tuple(step_case(part, without_source) for part in parts), tuple(map(len, parts)))
    published = np.array([seen.log_seconds for seen in ordered])
    (base,), (slopes,) = steps.slopes(np.zeros((1, len(NAMES))))
    own = chosen(slopes, count)
    found = _fitted([step_case([ordered[i].case], without_source) for i in own], published[own])
    after = steps.log_seconds(found.fit.logs[None])[0]
    one = base + np.median((published - base)[own])
    reach = math.exp(found.half_width)
    for i, seen in enumerate(ordered):
        result, predicted = results[seen.index], math.exp(after[i])
        if i in own:
            result["skipped"] = "an own run: the calibration saw it"
            continue
        result.update(
            published=math.exp(published[i]),
            predicted=predicted,
            error=math.expm1(after[i] - published[i]),
            low=predicted / reach,
            high=predicted * reach,
            one_factor_error=math.expm1(one[i] - published[i]),
        )


def _fitted(cases: Sequence[Case], published: Floats) -> Calibration:
    """The calibration on the own runs; an odd one is left out, as ``calibrate`` leaves it out."""
    odd, _ = odd_ones(Steps.of(cases), published)
    kept = [i for i in range(len(cases)) if i not in odd or 2 * len(odd) >= len(cases)]
    return calibrated(Steps.of([cases[i] for i in kept]), published[kept])


def chosen(slopes: Floats, count: int) -> list[int]:
    """The rows that would be measured, by what each says of the others."""
    among = np.arange(0, len(slopes), -(-len(slopes) // _CANDIDATES))
    return [int(among[i]) for i, _ in choose(slopes[among], slopes, prior(), count)]


def _beside_one_factor(
    summary: dict[str, dict[str, Any]], rows: Sequence[RunRow], results: Sequence[dict[str, Any]]
) -> None:
    """Add the errors of one factor, and the mean and the middle of the sources' medians."""
    by_source: dict[str, list[float]] = {}
    for row, result in zip(rows, results, strict=True):
        if result.get("one_factor_error") is not None:
            by_source.setdefault(row.source, []).append(abs(result["one_factor_error"]))
    for source, errors in by_source.items():
        summary[source]["one_factor_median_abs_error"] = statistics.median(errors)
    for name in ("median_abs_error", "one_factor_median_abs_error"):
        medians = [summary[source][name] for source in by_source]
        summary["all"][f"mean_of_{name}"] = statistics.fmean(medians) if medians else None
        summary["all"][f"middle_of_{name}"] = statistics.median(medians) if medians else None
