"""How an answer came about, in the terminal: what it depends on most, then every formula with the numbers put in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mfu_planner.report.human import print_steps

if TYPE_CHECKING:
    from rich.console import Console

SHOWN = 3
"""Sizes and constants that are named."""


def render_explanation(result: Any, console: Console) -> None:
    """Print the largest sensitivities and the steps of an answer that explains itself; nothing for another."""
    if not result.steps:
        return
    console.print("\n[bold]What it depends on most[/bold]  (1% more of it changes the result by so many %)")
    for each in result.sensitivities[:SHOWN]:
        console.print(f"  {each['name']}: {each['exponent']:+.3f}  ({each['meaning']})", markup=False, highlight=False)
    print_steps(console, result.steps, result.sources)
