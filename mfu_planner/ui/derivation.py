"""The derivation: each formula in LaTeX, the numbers put in, and where they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from mfu_planner.equations import QUANTITIES, Step, latex
from mfu_planner.ui.text import _


def derivation(steps: Sequence[Step], sources: Mapping[str, str]) -> None:
    """A fold-out with every step and every source."""
    with st.expander(_("How it was computed"), icon=":material/function:"):
        for step in steps:
            given = frozenset(step.formula_of)
            st.markdown(f"**{step.meaning}**")
            st.latex(latex(step.name, given) if step.formula_of else QUANTITIES[step.name].symbol)
            st.caption(f"= {step.substituted} = **{step.value:.6g} {step.unit}** — {step.source}")
        symbols = sorted({n for step in steps for n in (*step.formula_of, step.name)}, key=list(QUANTITIES).index)
        rows = [f"| ${QUANTITIES[n].symbol}$ | {QUANTITIES[n].meaning} | {QUANTITIES[n].unit} |" for n in symbols]
        st.markdown("| | | |\n|---|---|---|\n" + "\n".join(rows))
    with st.expander(_("Where the numbers come from"), icon=":material/link:"):
        for name, source in sources.items():
            st.markdown(f"- **{name}**: {source}")
