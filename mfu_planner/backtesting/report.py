"""The accuracy report: ``python -m mfu_planner.backtesting.report`` writes ``docs/accuracy.md`` and its plots.

Needs a checkout (it writes into ``docs/``).
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from mfu_planner.backtesting.famous import Famous
from mfu_planner.backtesting.famous import judged as famous_judged
from mfu_planner.backtesting.judging import (
    ENOUGH,
    Judged,
    by_source,
    constant_mfu,
    figures,
    judged,
    mean_of_medians,
    sweeps,
)
from mfu_planner.backtesting.kept import write as write_opening
from mfu_planner.backtesting.memory import memory_backtest
from mfu_planner.backtesting.plots import Series, scatter
from mfu_planner.backtesting.rules import RULES
from mfu_planner.backtesting.runs import COLLECTIONS, RunRow, read_runs
from mfu_planner.backtesting.selection import STALL_SECONDS
from mfu_planner.backtesting.strangers import stranger_lines
from mfu_planner.backtesting.tables import percent, table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def source_lines(rows: Sequence[Judged]) -> list[str]:
    """Errors by source on rows that no fit saw, beside those it saw and a constant in hindsight."""
    lines = []
    for name, group in by_source(rows).items():
        unseen = [r for r in group if not r.seen]
        seen = [r for r in group if r.seen]
        new, old = figures(unseen), figures(seen)
        constant = constant_mfu(unseen) if len(unseen) >= ENOUGH else {"median_abs_error": None}
        worst = "; ".join(f"{w['id']} {100 * w['error']:+.0f}%" for w in new["worst"][:2])
        lines.append(
            (
                name,
                str(new["n"]),
                percent(new["median_abs_error"]),
                percent(new["p90_abs_error"]),
                percent(new["mean_abs_error"]),
                percent(new.get("bias")),
                percent(constant["median_abs_error"]),
                str(old["n"]),
                percent(old["median_abs_error"]),
                worst,
            )
        )
    head = (
        "source",
        "unseen rows",
        "median",
        "90%",
        "mean",
        "bias",
        "constant MFU, median",
        "seen rows",
        "their median",
        "worst",
    )
    return table(head, lines)


Split = "tuple[str, Callable[[Judged], Any]]"
SPLITS: tuple[tuple[str, Callable[[Judged], Any]], ...] = (
    (
        "parameters",
        lambda r: next(
            t
            for limit, t in ((1e9, "below 1B"), (1e10, "1 to 10B"), (1e11, "10 to 100B"), (1e15, "above 100B"))
            if r.case.architecture.params < limit
        ),
    ),
    (
        "devices",
        lambda r: next(
            t
            for limit, t in (
                (9, "1 to 8"),
                (65, "9 to 64"),
                (257, "65 to 256"),
                (1025, "257 to 1024"),
                (1e9, "above 1024"),
            )
            if r.case.request.devices < limit
        ),
    ),
    ("tensor parallelism", lambda r: int(r.case.layout.tp)),
    (
        "pipeline stages",
        lambda r: next(
            t for limit, t in ((2, "1"), (5, "2 to 4"), (17, "5 to 16"), (1e9, "above 16")) if r.case.layout.pp < limit
        ),
    ),
    ("number format", lambda r: r.case.request.dtype),
    ("device", lambda r: r.case.request.accelerator.id),
)
"""Where the residuals are looked at."""


def residual_lines(rows: Sequence[Judged]) -> list[str]:
    """Bias and spread of the error against size, devices, TP, PP, format and device."""
    lines: list[str] = []
    for name, key in SPLITS:
        groups: dict[Any, list[Judged]] = defaultdict(list)
        for row in rows:
            groups[key(row)].append(row)
        shown = [
            (str(k), figures(g)) for k, g in sorted(groups.items(), key=lambda item: str(item[0])) if len(g) >= ENOUGH
        ]
        lines += ["", f"By {name}:", ""]
        lines += table(
            (name, "rows", "median", "bias"),
            [(k, str(f["n"]), percent(f["median_abs_error"]), percent(f["bias"])) for k, f in shown],
        )
    return lines


def build(runs: Sequence[RunRow]) -> tuple[str, dict[str, str]]:
    """(the report's text, its plots by file name)."""
    rows = judged(runs)
    fair = [r for r in rows if not r.stalled]
    unseen = [r for r in fair if not r.seen]
    mean, sources = mean_of_medians(unseen)
    inside, width = statistics.fmean(r.inside for r in fair), statistics.median(r.half_width for r in fair)
    memory = memory_backtest(runs)
    text = [
        "# Accuracy",
        "",
        "Every figure compares the planner's prediction with what somebody else published, misses included. Written by "
        "`python -m mfu_planner.backtesting.report` (`make accuracy`); do not edit.",
        "",
        *stranger_lines(runs),
        "",
        "## Step time of sources that fits have seen",
        "",
        "Software stacks were fitted to some rows of these sources: `calibration/fits.yaml` lists which, split by "
        "model size or source, never at random. An *unseen* row was in no fit, but its source may have been: the "
        f"figures hold for a run of the very same software and machine. Of {len(runs):,} rows {len(rows):,} are "
        f"predicted, {len(rows) - len(fair):,} of them stalled (below). On unseen rows the median absolute error, "
        f"averaged over the {sources} sources with at least {ENOUGH} of them, is **{percent(mean)}**. The printed "
        f"range holds {percent(inside)} of all rows, half of its width is {percent(width)} of the "
        "prediction (the middle row).",
        "",
        *source_lines(fair),
        "",
        "*constant MFU*: one MFU for the source, chosen in hindsight so that its median error on these very "
        "rows is least.",
        "",
        "![predicted against published step time](accuracy/step-time.svg)",
        "",
        "![error against model size](accuracy/error-by-size.svg)",
        "",
        "### Stalled rows",
        "",
        *stall_lines(rows),
        "",
        "### Where the error is",
        "",
        "Unseen rows only.",
        *residual_lines(unseen),
        "",
        "## The best layout of a sweep",
        "",
        *sweep_lines(fair),
        "",
        "### Famous layouts",
        "",
        *famous_lines(list(famous_judged())),
        "",
        "## Memory",
        "",
        *memory_lines(memory),
        "",
        "![predicted against published peak memory](accuracy/memory.svg)",
        "",
        "## Rules for blank and free-text fields",
        "",
        *(f"- {rule}" for rule in RULES),
        "",
    ]
    return "\n".join(text), plots(fair, runs, memory)


def stall_lines(rows: Sequence[Judged]) -> list[str]:
    """What is said of rows whose pipeline ticks far slower than its work."""
    stopped = [r for r in rows if r.stalled]
    figure = figures(stopped)
    return [
        f"In one sweep {figure['n']} rows with pipeline stages tick slower than {STALL_SECONDS} s a micro-batch "
        f"whatever the "
        "model, nearly all at 512 devices; near-replicates differ by up to four times. The source says that the "
        "cluster was "
        f"shared. They are predicted and reported here only (median error "
        f"{percent(figure['median_abs_error'])}), and no fit saw "
        "them."
    ]


def sweep_lines(rows: Sequence[Judged]) -> list[str]:
    """How often the truly best layout is among the five that the prediction likes best."""
    found = sweeps(rows)
    hits = sum(place <= 5 for _, _, place in found)
    lines = [f"In {hits} of {len(found)} published sweeps the truly best layout is among the first five predicted.", ""]
    return lines + table(("sweep", "layouts", "place of the best"), [(n, str(c), str(p)) for n, c, p in found])


def famous_lines(found: Sequence[Famous]) -> list[str]:
    """Whether layouts that famous runs published are among the first five of their searches."""
    first, near = sum(run.place is not None for run in found), sum(run.near for run in found)
    lines = [
        f"Searched with the software that the run had, the published degrees are among the first five in {first} of "
        f"{len(found)} famous runs; the step time of the published layout is within 10% in {near} "
        "(`published_runs/famous.yaml`).",
        "",
    ]
    shown = [(run.id, run.source, str(run.place or "later"), percent(run.error)) for run in found]
    return lines + table(("run", "source", "place", "step time"), shown)


def memory_lines(memory: dict[str, Any]) -> list[str]:
    """Memory by source, and whether what ran fits."""
    fits = memory["fits"]
    lines = [
        f"{fits['ran_and_fit']:,} of {fits['ran']:,} layouts that ran are called fitting; "
        f"{fits['failed_and_did_not_fit']} of {fits['failed']} that ran out of memory are called not fitting.",
        "",
    ]
    shown = [
        (name, str(g["n"]), percent(g["median_abs_error"]), percent(g["p90_abs_error"]), percent(g["bias"]))
        for name, g in memory["summary"].items()
        if g["n"] and name != "all"
    ]
    return lines + table(("source", "rows", "median", "90%", "bias"), shown)


def plots(rows: Sequence[Judged], runs: Sequence[RunRow], memory: dict[str, Any]) -> dict[str, str]:
    """The report's plots by file name."""
    groups = [(n, g) for n, g in by_source(rows).items() if len([r for r in g if not r.seen]) >= ENOUGH]
    groups = sorted(groups, key=lambda item: -len(item[1]))[:10]
    time = [Series(n, [(r.published, r.predicted) for r in g if not r.seen]) for n, g in groups]
    size = [Series(n, [(float(r.case.architecture.params), 100 * r.error) for r in g if not r.seen]) for n, g in groups]
    held: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for run, result in zip(runs, memory["rows"], strict=True):
        if result["error"] is not None:
            held[run.source].append((result["published"] / 2**30, result["predicted"] / 2**30))
    peaks = [Series(n, points) for n, points in sorted(held.items())]
    return {
        "step-time.svg": scatter("Step time of unseen rows", "published [s]", "predicted [s]", time, diagonal=True),
        "error-by-size.svg": scatter(
            "Error of unseen rows (cut at ±60%)",
            "parameters",
            "predicted ÷ published − 1 [%]",
            size,
            linear_up=True,
            up_range=(-60.0, 60.0),
        ),
        "memory.svg": scatter("Peak memory", "published [GiB]", "predicted [GiB]", peaks, diagonal=True),
    }


def main() -> None:
    """Write report and plots."""
    from mfu_planner.facts import folder

    docs = folder("calibration").parent / "docs"
    text, drawn = build([run for file in COLLECTIONS for run in read_runs(file)])
    (docs / "accuracy").mkdir(parents=True, exist_ok=True)
    (docs / "accuracy.md").write_text(text, "utf-8")
    for name, svg in drawn.items():
        (docs / "accuracy" / name).write_text(svg, "utf-8")
    write_opening()


if __name__ == "__main__":
    main()
