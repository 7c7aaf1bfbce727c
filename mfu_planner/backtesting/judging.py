"""Back-test rows judged: seen by a fit or not, stalled or not; what the accuracy report says of groups of them."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mfu_planner.backtesting.case import RowCase
from mfu_planner.backtesting.question import read_case
from mfu_planner.backtesting.runs import RunRow, Unusable
from mfu_planner.backtesting.selection import stalled, used_for_calibration
from mfu_planner.backtesting.steptime import predict_rows
from mfu_planner.backtesting.summary import describe
from mfu_planner.run import solve

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ENOUGH = 5
"""Sources with fewer rows are listed and not averaged."""
SWEEP = 8
"""Layouts that make a sweep."""


@dataclass(frozen=True)
class Judged:
    """One predicted row with what the report asks of it."""

    run: RunRow
    case: RowCase
    published: float
    predicted: float
    seen: bool
    """Whether a fit saw the row."""
    stalled: bool
    low: float
    high: float
    """The printed range."""

    @property
    def inside(self) -> bool:
        """Whether the published time lies within the range."""
        return self.low <= self.published <= self.high

    @property
    def half_width(self) -> float:
        """Half of the range's width ÷ the prediction."""
        return (self.high - self.low) / 2.0 / self.predicted

    @property
    def error(self) -> float:
        """predicted ÷ published − 1."""
        return self.predicted / self.published - 1.0


def judged(runs: Sequence[RunRow]) -> list[Judged]:
    """Every row that was predicted."""
    found = []
    for run, result in zip(runs, predict_rows(runs), strict=True):
        if result["skipped"] is not None:
            continue
        try:
            case = read_case(run)
        except Unusable:  # pragma: no cover - it was read a moment ago
            continue
        figures_of = {name: result[name] for name in ("published", "predicted", "low", "high")}
        found.append(Judged(run=run, case=case, seen=used_for_calibration(run), stalled=stalled(run), **figures_of))
    return found


def figures(rows: Iterable[Judged]) -> dict[str, Any]:
    """n, median, 90th percentile, mean and bias of some rows."""
    return describe([{"id": r.run.id, "error": r.error} for r in rows])


def constant_mfu(rows: Sequence[Judged]) -> dict[str, Any]:
    """Errors of one constant MFU fitted in hindsight to these very rows: what a layout-blind guess reaches at best."""
    from mfu_planner.step.flops import flops_per_sequence

    ideal = [
        solve(
            {
                "mfu": 1.0,
                "flops_per_token": flops_per_sequence(r.case.architecture, r.case.request.seq_len)
                / r.case.request.seq_len,
                "tokens_per_step": r.case.request.global_batch * r.case.request.seq_len,
                "devices": r.case.request.devices,
                "peak_flops_per_s": r.case.request.accelerator.peak_flops_per_s(
                    "bf16" if "bf16" in r.case.request.accelerator.peak else "fp16"
                ),
            },
            ["step_time_s"],
        )["step_time_s"]
        for r in rows
    ]
    mfu = statistics.median(i / r.published for i, r in zip(ideal, rows, strict=True))
    return describe([{"id": r.run.id, "error": i / mfu / r.published - 1.0} for i, r in zip(ideal, rows, strict=True)])


def by_source(rows: Sequence[Judged]) -> dict[str, list[Judged]]:
    """Rows by the group they are scored in."""
    groups: dict[str, list[Judged]] = defaultdict(list)
    for row in rows:
        groups[row.run.source].append(row)
    return dict(sorted(groups.items()))


def mean_of_medians(rows: Sequence[Judged]) -> tuple[float, int]:
    """Mean over sources of the median error, sources of at least five rows."""
    medians = [figures(g)["median_abs_error"] for g in by_source(rows).values() if len(g) >= ENOUGH]
    return (statistics.fmean(medians) if medians else float("nan")), len(medians)


def sweeps(rows: Sequence[Judged]) -> list[tuple[str, int, int]]:
    """(sweep, layouts, place that the prediction gives to the truly best one) for every published sweep.

    A sweep: at least eight layouts of one model on one device type, device count, batch and source.
    """
    groups: dict[tuple[Any, ...], list[Judged]] = defaultdict(list)
    for row in rows:
        c = row.case.request
        key = (row.run.source, row.run.text("model"), c.accelerator.id, c.devices, c.global_batch, c.seq_len, c.dtype)
        groups[key].append(row)
    found = []
    for key, group in sorted(groups.items(), key=str):
        layouts = {(n.tp, n.pp, n.vpp, n.micro_batch, n.zero, n.recompute) for n in (r.case.layout for r in group)}
        if len(layouts) < SWEEP:
            continue
        best = min(group, key=lambda r: r.published)
        place = 1 + sum(r.predicted < best.predicted for r in group)
        found.append((f"{key[0]}: {key[1]}, {key[3]:g} × {key[2]}, batch {key[4]:g}", len(group), place))
    return found
