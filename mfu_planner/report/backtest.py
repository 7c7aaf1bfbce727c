"""A back-test for people: a line for each source, then what was not met and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mfu_planner.report.human import grid, percent

if TYPE_CHECKING:
    from rich.console import Console


def render(found: Mapping[str, Any], console: Console, *, explain: bool = False) -> None:
    """Print the summary, the misses (where the kind has any) and, with ``explain``, every assumption."""
    if found["inputs"]["row"] is not None:
        _row(found, console)
        return
    summary = dict(found["summary"])
    total = summary.pop("all")
    groups = {name: figures for name, figures in sorted(summary.items()) if figures["n"]}
    agreeing, ranged = "within_half_point" in total, total.get("coverage") is not None
    columns = (
        "source",
        "rows",
        "skipped",
        *(("within ½ point",) if agreeing else ()),
        "median error",
        "90th percentile",
        *(("range holds", "half width") if ranged else ()),
    )
    console.print(
        grid(
            columns,
            [
                _line(name, figures, agreeing=agreeing, ranged=ranged)
                for name, figures in {**groups, "all": total}.items()
            ],
        )
    )
    if agreeing and total.get("mean_share_of_sources") is not None:
        console.print(
            f"{total['within_half_point']:,} of {total['n']:,} rows within half a point; mean over "
            f"{total['n_sources']} sources of at least five rows: {percent(total['mean_share_of_sources'])}"
        )
    if total.get("mean_of_median_abs_error") is not None:
        console.print(
            f"Mean of the sources' medians {percent(total['mean_of_median_abs_error'])}, the middle one "
            f"{percent(total['middle_of_median_abs_error'])}; by one factor on the same own runs "
            f"{percent(total['mean_of_one_factor_median_abs_error'])}"
        )
    if found.get("misses"):
        console.print("\n[bold]Not within half a point[/bold]")
        for miss in found["misses"]:
            figures = f"published {miss['published']:.2f}%, computed {miss['predicted']:.2f}%"
            console.print(f"  {miss['id']}: {figures}. {miss['reason']}", markup=False)
    if explain:
        console.print("\n[bold]Rules for blank and free-text fields[/bold]")
        for text in found["assumptions"]:
            console.print(f"  {text}", markup=False)


def _row(found: Mapping[str, Any], console: Console) -> None:
    """One run: published beside predicted, and the command that asks for it."""
    (row,) = found["rows"]
    show = {"step-time": _seconds, "memory": _gib}.get(found["kind"], _points)
    if row["skipped"] is not None:
        console.print(f"{row['id']} is left out: {row['skipped']}", markup=False)
    if row["predicted"] is not None:
        ranged = "" if row["low"] is None else f" ({show(row['low'])} to {show(row['high'])})"
        console.print(f"{row['id']}: predicted {show(row['predicted'])}{ranged}", markup=False)
    if row["published"] is not None:
        off = "" if row["error"] is None else f"; the prediction is {row['error']:+.1%} off"
        console.print(f"published {show(row['published'])}{off}", markup=False)
    console.print()
    console.print(found["command"] or "no command asks for it as its source counts", markup=False, soft_wrap=True)


def _seconds(value: float) -> str:
    return f"{value:.4g} s"


def _gib(value: float) -> str:
    return f"{value / 2**30:.4g} GiB"


def _points(value: float) -> str:
    return f"{value:.4g}%"


def _line(name: str, figures: Mapping[str, Any], *, agreeing: bool, ranged: bool) -> tuple[str, ...]:
    within = (f"{figures['within_half_point']:,}",) if agreeing else ()
    return (
        name,
        f"{figures['n']:,}",
        f"{figures['n_skipped']:,}",
        *within,
        percent(figures["median_abs_error"]),
        percent(figures["p90_abs_error"]),
        *((percent(figures["coverage"]), percent(figures["half_width"])) if ranged else ()),
    )
