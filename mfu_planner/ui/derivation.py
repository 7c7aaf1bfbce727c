"""The derivation: each formula in LaTeX, the numbers put in, and where they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from mfu_planner.run import QUANTITIES, Derived, latex
from mfu_planner.ui.fold import fold
from mfu_planner.ui.refusal import label
from mfu_planner.ui.text import _, said


def derivation(steps: Sequence[Derived], sources: Mapping[str, str]) -> None:
    """A fold-out with every step, every symbol and every source."""
    if steps:
        with fold("steps", _("How it was computed"), icon=":material/function:") as drawn:
            if drawn:
                st.markdown(_steps(steps))
                st.markdown(_symbols(steps))
    if sources:
        with fold("sources", _("Where the numbers come from"), icon=":material/link:") as drawn:
            if drawn:
                lines = (f"- **{_name(name)}**: {_cell(said(source))}" for name, source in sources.items())
                st.markdown("\n".join(lines))


def _steps(steps: Sequence[Derived]) -> str:
    head = f"| {_('quantity')} | {_('formula')} | {_('with your numbers')} | {_('source')} |\n|---|---|---|---|"
    rows = []
    for step in steps:
        formula = step.latex or _closed_form(step)
        value = f"**{step.value:.6g} {step.unit}**"
        numbers = f"{_cell(step.substituted)} = {value}"
        cells = (said(step.meaning), f"$\\displaystyle {{{formula}}}$", numbers, _cell(said(step.source)))
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join([head, *rows])


def _closed_form(step: Derived) -> str:
    return latex(step.name, frozenset(step.formula_of)) if step.formula_of else QUANTITIES[step.name].symbol


def _symbols(steps: Sequence[Derived]) -> str:
    named = {n for step in steps if not step.latex for n in (*step.formula_of, step.name)}
    names = sorted(named, key=list(QUANTITIES).index)
    head = f"| {_('symbol')} | {_('meaning')} | {_('unit')} |\n|---|---|---|"
    rows = [f"| ${QUANTITIES[n].symbol}$ | {_(QUANTITIES[n].meaning)} | {QUANTITIES[n].unit} |" for n in names]
    return "\n".join([head, *rows])


def _name(name: str) -> str:
    return _(QUANTITIES[name].meaning) if name in QUANTITIES else label(name)


def _cell(text: str) -> str:
    """Text that Markdown shows as it is, in a table too; addresses stay links."""
    return text.replace("|", "\\|").replace("$", "\\$").replace("*", "\\*").replace("<", "&lt;")
