"""A model's formulas in the terminal: each as a paper prints it, its terms with their shares, its letters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mfu_planner.counting.formulas import GROUPS_OF, Formula, LetterValue
from mfu_planner.report.human import grid

if TYPE_CHECKING:
    from rich.console import Console

    from mfu_planner.answers.flops import FlopsResult

_TOTALS = {
    "params": "Parameters",
    "active_params": "Active parameters",
    "forward": "Forward FLOP of the batch",
    "training": "Training FLOP of the batch",
    GROUPS_OF: "Training FLOP per {unit} ({convention})",
}
_BAR = 20
"""Characters of a bar for the whole."""


def render_formulas(r: FlopsResult, console: Console) -> None:
    """Print every formula, term by term where it is the work per unit, and what the letters stand for."""
    found = r.formulas
    for name, title in _TOTALS.items():
        if name == "active_params" and found[name].text == found["params"].text:
            continue
        _print(title.format(unit=r.work_unit, convention=r.convention), found[name], console)
    total = found[GROUPS_OF]
    console.print(
        grid(("term", f"FLOP per {r.work_unit}", "share", ""), [_row(t.text, t.value, t.share) for t in total.terms])
    )
    groups = {n: f for n, f in found.items() if n not in (*_TOTALS, "backward", *r.by_convention, r.convention)}
    by_size = sorted(groups.items(), key=lambda item: -item[1].value)
    _table("operator group", f"FLOP per {r.work_unit}", by_size, console)
    _table("convention", f"FLOP per {r.work_unit}", [(n, found[n]) for n in r.by_convention if n in found], console)
    _letters(found, console)


def _table(what: str, unit: str, formulas: Iterable[tuple[str, Formula]], console: Console) -> None:
    table = grid((what, "formula", unit), [(name, one.text, f"{one.value:,.0f}") for name, one in formulas])
    table.columns[1].justify = "left"
    console.print(table)


def _print(title: str, one: Formula, console: Console) -> None:
    console.print(f"\n[bold]{title}[/bold]")
    console.print(f"  {one.text}", markup=False, highlight=False)
    console.print(f"  = {one.value:,}{_under(one)}", markup=False, highlight=False)


def _under(one: Formula) -> str:
    lengths = [c for c in one.conditions if ": " not in c]
    return f"   where {', '.join(lengths)}" if lengths else ""


def _row(text: str, value: float, share: float) -> tuple[str, str, str, str]:
    return (text, f"{value:,.0f}", f"{share:.1%}", "█" * round(_BAR * max(0.0, share)))


def _letters(found: dict[str, Formula], console: Console) -> None:
    letters: dict[str, LetterValue] = {}
    for one in found.values():
        letters |= one.letters
    rows = [
        (name, f"{one.value:,}", one.name + (f", {one.definition}" if one.definition else ""))
        for name, one in letters.items()
    ]
    table = grid(("letter", "value", "meaning"), rows)
    table.columns[2].justify = "left"
    console.print(table)
    switches = dict.fromkeys(c for one in found.values() for c in one.conditions if ": " in c)
    if switches:
        console.print(f"Of the config: {', '.join(switches)}", markup=False, highlight=False, style="dim")
