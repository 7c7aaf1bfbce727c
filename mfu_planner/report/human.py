"""Numbers that a person can read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from mfu_planner.units import format_value

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from mfu_planner.run.show import Derived


def show(value: float | None, dimension: str, digits: int = 4) -> str:
    """A value with its unit, or a dash where it is unknown."""
    return "–" if value is None else format_value(value, dimension, digits)


def percent(value: float | None, digits: int = 1) -> str:
    """A fraction as percent."""
    return "–" if value is None else f"{100 * value:.{digits}f}%"


def plain_table(rows: Iterable[tuple[str, str]], title: str | None = None) -> Table:
    """Two columns: what, and how much."""
    from rich.table import Table

    table = Table(title=title, title_justify="left", show_header=False, box=None, pad_edge=False, title_style="bold")
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, value)
    return table


def grid(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None) -> Table:
    """A table with a heading; every column but the first is right-aligned."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, title_style="bold")
    for index, name in enumerate(columns):
        table.add_column(name, justify="left" if index == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def print_steps(console: Console, steps: Iterable[Derived], sources: Mapping[str, str]) -> None:
    """The derivation: formula, numbers put in, value, source; then where each given value comes from."""
    console.print("\n[bold]How it was computed[/bold]")
    for item in steps:
        console.print(f"  [dim]{item.meaning}[/dim]")
        console.print(f"    {item.formula}", markup=False)
        console.print(f"    = {item.substituted}", markup=False)
        console.print(f"    = {item.value:.6g} {item.unit}   ({item.source})", markup=False)
    if sources:
        console.print("\n[bold]Where the given values come from[/bold]")
        for name, source in sources.items():
            console.print(f"  {name}: {source}", markup=False)


def print_warnings(console: Console, warnings: Iterable[str]) -> None:
    """What the reader must know, one line each."""
    for warning in warnings:
        console.print(f"[yellow]![/yellow] {_escape(warning)}")


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def carbon(kg: float) -> str:
    """A mass of CO₂, three digits: g, kg or t."""
    size, unit = next((x for x in ((1000.0, "t"), (1.0, "kg")) if kg >= x[0]), (1e-3, "g"))
    return f"{show(kg / size, 'count', 3)} {unit}"
