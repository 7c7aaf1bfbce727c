"""A model's work as a formula: term by term with bars, and what each letter stands for."""

from __future__ import annotations

from typing import Any

import streamlit as st

from mfu_planner.counting.formulas import GROUPS_OF, Formula, FormulaTerm
from mfu_planner.ui.cards import table
from mfu_planner.ui.charts import base
from mfu_planner.ui.text import _, said


def work_formula(found: Any) -> None:
    """The training work per unit: the formula, its terms as bars, the letters; every other formula in a fold-out."""
    total = found.formulas.get(GROUPS_OF)
    if total is None:
        return
    st.markdown(f"${_display(total)}$")  # inline: a narrow page breaks it at its operators
    lengths = [c for c in total.conditions if ": " not in c]
    if lengths:
        st.caption(_("It holds where {conditions}.").format(conditions=said(", ".join(lengths))))
    _bars(total, found.work_unit)
    with st.expander(_("What the letters stand for"), icon=":material/abc:"):
        _letters(found)
    with st.expander(_("Parameters, passes, operator groups and conventions as formulas"), icon=":material/function:"):
        table(
            (_("formula of"), _("in letters"), _("value")),
            [(_label(name), one.text, f"{one.value:,.0f}") for name, one in found.formulas.items()],
        )


def _display(total: Formula) -> str:
    return f"F = {total.latex}"


def _bars(total: Formula, unit: str) -> None:
    rows = [{"term": t.text, "share": 100 * t.share, "value": float(t.value)} for t in total.terms]
    spec = {
        "data": {"values": rows},
        "mark": {"type": "bar"},
        "encoding": {
            "y": {"field": "term", "type": "nominal", "sort": None, "title": None, "axis": base.names()},
            "x": base.axis("share", _("share of the work (%)"), scale={"zero": True}),
            "tooltip": [
                base.tip("term", _("term"), None),
                base.tip("value", _("FLOP per {unit}").format(unit=unit), ".5~s"),
                base.tip("share", _("share (%)")),
            ],
        },
    }
    largest: FormulaTerm = max(total.terms, key=lambda term: term.value)
    alt = _("The terms of the formula; the largest, {term}, is {share} of the work.")
    base.draw(
        spec,
        alt.format(term=largest.text, share=f"{largest.share:.0%}"),
        height=base.tall((t.text for t in total.terms), 34, 60),
    )


def _letters(found: Any) -> None:
    letters: dict[str, Any] = {}
    for one in found.formulas.values():
        letters |= one.letters
    rows = []
    for name, one in letters.items():
        meaning, _space, index = one.name.partition(" (")
        said = _(meaning) + (f" ({index}" if index else "")
        rows.append((name, said + (f" = {one.definition}" if one.definition else ""), f"{one.value:,}"))
    table((_("letter"), _("meaning"), _("value")), rows)


def _label(name: str) -> str:
    known = {
        "params": _("parameters"),
        "active_params": _("Active parameters"),
        "forward": _("forward FLOPs"),
        "backward": _("backward FLOPs"),
        "training": _("training FLOPs of the batch"),
        GROUPS_OF: _("Training work"),
    }
    return known.get(name, name)
