"""The bytes of a layout in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfu_planner.report.explained import render_explanation

if TYPE_CHECKING:
    from rich.console import Console

    from mfu_planner.answers.footprint import Footprint


def render_memory(result: Footprint, console: Console) -> None:
    """The bytes for people."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title="Fullest device", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("what")
    table.add_column("GiB", justify="right")
    for name in ("weights", "gradients", "optimizer", "activations", "logits", "other"):
        table.add_row(name, f"{result[f'{name}_bytes'] / 2**30:.2f}")
    table.add_row("[bold]total[/bold]", f"[bold]{result['total_bytes'] / 2**30:.2f}[/bold]")
    console.print(table)
    verdict = {True: "fits", False: "does not fit", None: "capacity unknown"}[result["fits"]]
    if result["capacity_bytes"]:
        console.print(
            f"{verdict}: {result['usable_bytes'] / 2**30:.1f} GiB of the device's "
            f"{result['capacity_bytes'] / 2**30:.1f} GiB are usable"
        )
    if result["fit"]:
        layout = ", ".join(f"{name} {value}" for name, value in result["fit"]["layout"].items())
        console.print(f"[bold]fewest devices: {result['fit']['devices']:,}[/bold]  ({layout})")
    for said in (*result["assumptions"], *result["warnings"]):
        console.print(f"[dim]· {said}[/dim]")
    render_explanation(result, console)
