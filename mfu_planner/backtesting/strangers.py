"""The accuracy report's first part: what somebody whose runs no fit has seen can expect, by kind of case."""

from __future__ import annotations

import statistics
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from mfu_planner.answers.trust import DOUBTS, known_of, unknown
from mfu_planner.backtesting.judging import ENOUGH
from mfu_planner.backtesting.question import read_case
from mfu_planner.backtesting.selection import stalled
from mfu_planner.backtesting.sources import load_sources, source_of
from mfu_planner.backtesting.steptime import Way, predict_rows
from mfu_planner.backtesting.summary import describe
from mfu_planner.backtesting.tables import percent, table
from mfu_planner.machine.calibrated import calibration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mfu_planner.backtesting.runs import RunRow

KNOWN_STACK = "other sources published runs of this stack on such devices"
_HEAD = ("rows", "sources", "mean of medians", "middle source", "range holds", "worst source", "half width")
Rows = list[tuple["RunRow", dict[str, Any]]]


def left_out(runs: Sequence[RunRow], *, default_stack: bool = False) -> Rows:
    """Every row that is predicted and did not stall, by what was fitted without its source."""
    found = predict_rows(runs, Way(leave_out=True, default_stack=default_stack))
    return [(run, row) for run, row in zip(runs, found, strict=True) if row["skipped"] is None and not stalled(run)]


def by_source(rows: Rows) -> dict[str, dict[str, Any]]:
    """Figures of each source."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for run, row in rows:
        groups[run.source].append(row)
    return {name: describe(group) for name, group in sorted(groups.items())}


def overall(rows: Rows) -> dict[str, Any]:
    """Mean and middle of the sources' medians, coverage (mean over sources, worst source) and half width."""
    groups = {name: g for name, g in by_source(rows).items() if g["n"] >= ENOUGH}
    medians = [g["median_abs_error"] for g in groups.values()]
    worst = min(groups, key=lambda name: groups[name]["coverage"])
    return {
        "rows": len(rows),
        "sources": len(groups),
        "mean": statistics.fmean(medians),
        "middle": statistics.median(medians),
        "coverage": statistics.fmean(g["coverage"] for g in groups.values()),
        "pooled": describe([row for _, row in rows])["coverage"],
        "worst": (worst, groups[worst]["coverage"]),
        "half_width": statistics.median(g["half_width"] for g in groups.values()),
    }


def kinds(rows: Rows) -> dict[str, Rows]:
    """Rows by what is not known of them; a row may stand in several."""
    seen, groups = calibration()["ranges"]["seen"], defaultdict(list)
    for run, row in rows:
        missing, _ = unknown(known_of(read_case(run).request.case, row["predicted"]), seen, run.source)
        if not {"no_runs", "other_device"} & set(missing):
            groups[KNOWN_STACK].append((run, row))
        for name in missing:
            if name != "assumed_stack":
                groups[DOUBTS[name]].append((run, row))
    return groups


def stranger_lines(runs: Sequence[RunRow]) -> list[str]:
    """Advice for a planner, then the figures with each source left out."""
    named, assumed = left_out(runs), left_out(runs, default_stack=True)
    all_named, all_assumed = overall(named), overall(assumed)
    groups = kinds(named)
    known = overall(groups[KNOWN_STACK])
    new = overall(groups[DOUBTS["no_runs"]])
    return [
        "**For a planner.** Name your stack. Where others published runs of it on such devices, expect a step time "
        f"that is off by {percent(known['middle'])} (the middle source); where nobody did, by "
        f"{percent(new['middle'])}. Plan with the range that every answer prints, not with its middle: it held the "
        f"truth in {percent(all_named['coverage'])} of cases. A difference between two layouts that is smaller than "
        "the error is no reason to choose; five measured steps of your own and `mfu-planner calibrate` are.",
        "",
        "## Step time of a source that no fit has seen",
        "",
        "Each source is left out in turn: software stacks, networks, the generic stack and the ranges are fitted again "
        "without any of its rows, then its rows are predicted. Measured tables of matrix products and collectives are "
        "nobody's runs and stay. `mfu-planner backtest --leave-one-source-out` gives every row of the first "
        "collection, with `--runs` those of the second.",
        "",
        *table(("asked", *_HEAD), [_line("with the row's own stack", all_named), _line("no stack named", all_assumed)]),
        "",
        f"Errors are |predicted ÷ published − 1|, the median of each source; sources of fewer than {ENOUGH} rows are "
        "not averaged, stalled rows (below) are left out. *Range holds*: share of rows within the printed range, which "
        "is meant to be 80%, averaged over sources; *half width*: half of the range ÷ the prediction, the middle "
        "source.",
        "",
        "### By kind of case",
        "",
        *table(("what is known", *_HEAD), [_line(name, overall(g)) for name, g in groups.items() if _judged(g)]),
        "",
        "### By source",
        "",
        *table(
            ("source", "what it is", "rows", "median", "90%", "bias", "range holds", "half width"),
            [_source(name, runs, g) for name, g in by_source(named).items()],
        ),
    ]


def _judged(rows: Rows) -> bool:
    return any(g["n"] >= ENOUGH for g in by_source(rows).values())


def _line(name: str, found: Mapping[str, Any]) -> tuple[str, ...]:
    worst, coverage = found["worst"]
    return (
        name,
        f"{found['rows']:,}",
        str(found["sources"]),
        f"**{percent(found['mean'])}**",
        percent(found["middle"]),
        percent(found["coverage"]),
        f"{worst} {percent(coverage)}",
        percent(found["half_width"]),
    )


def _source(name: str, runs: Sequence[RunRow], found: Mapping[str, Any]) -> tuple[str, ...]:
    run = next(run for run in runs if run.source == name)
    held = source_of(run, load_sources())
    return (
        name,
        _repository(run) if held is None else f"[{held.title}]({held.url})",
        str(found["n"]),
        percent(found["median_abs_error"]),
        percent(found["p90_abs_error"]),
        percent(found["bias"]),
        percent(found["coverage"]),
        percent(found["half_width"]),
    )


def _repository(run: RunRow) -> str:
    """Where a source without rules stands, in the words of its row."""
    said = run.text("source").split("@")[0]
    host, _, path = said.partition(":")
    if host != "github":
        return said.split(" ")[0]
    name = path.split(":")[0]
    return f"[{name}](https://github.com/{name})"
