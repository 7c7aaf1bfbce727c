"""A predicted step in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfu_planner.report.explained import render_explanation
from mfu_planner.report.human import show

if TYPE_CHECKING:
    from rich.console import Console

    from mfu_planner.answers.prediction import Prediction


def render_predict(result: Prediction, console: Console) -> None:
    """The prediction for people: the figures, the waterfall from the peak, memory, what was assumed."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from mfu_planner.units import MINUTE

    step, reach = result["step_time_s"], result["range"]
    console.print(
        f"[bold]{step:.4g} s[/bold] per step ({reach['low']:.4g} to {reach['high']:.4g}), "
        f"[bold]MFU {result['mfu']:.1%}[/bold], HFU {result['hfu']:.1%}, "
        f"{show(result['tokens_per_s_per_device'], 'count')} {result['work_unit']}s/s per device"
    )
    for finding in result["findings"]:
        console.print(f"[red]{finding.message}[/red]")
    console.print(f"[dim]· the range: {reach['basis']}[/dim]")
    table = Table(title="From the peak to the step", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for heading, side in (("part", "left"), ("seconds", "right"), ("share", "right"), ("", "left")):
        table.add_column(heading, justify=side)  # type: ignore[arg-type]
    for part in result["waterfall"]:
        table.add_row(part["name"].replace("_", " "), f"{part['seconds']:.4g}", f"{part['share']:.1%}", part["meaning"])
    console.print(table)
    memory = result["memory"]
    verdict = {True: "fits", False: "does not fit", None: "capacity unknown"}[memory["fits"]]
    held = f"{memory['total_bytes'] / 2**30:.1f} GiB"
    room = f" of {memory['usable_bytes'] / 2**30:.1f} GiB usable" if memory["usable_bytes"] else ""
    console.print(f"Memory: {held}{room} on the fullest device: {verdict}")
    job = result["job"]
    console.print(
        f"A long run: {job['failures_per_day']:.2g} failures a day, a checkpoint every "
        f"{job['checkpoint_interval_s'] / MINUTE:.0f} min, goodput about {job['goodput']:.1%}"
    )
    for said in (*result["assumptions"], *result["warnings"]):
        console.print(f"[dim]· {said}[/dim]")
    render_explanation(result, console)
