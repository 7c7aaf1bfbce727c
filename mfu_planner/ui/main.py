"""The pages of the form and what is common to them."""

from __future__ import annotations

import streamlit as st

from mfu_planner.ui.text import LANGUAGES, _


def main() -> None:
    """Draw the chosen page."""
    st.set_page_config(page_title="MFU Planner", page_icon="📐", layout="wide")
    from mfu_planner.ui.pages import measure, plan

    pages = [
        st.Page(plan.page, title=_("Plan"), icon=":material/calculate:", url_path="plan", default=True),
        st.Page(measure.page, title=_("Measure"), icon=":material/speed:", url_path="measure"),
    ]
    chosen = st.navigation(pages, position="top")
    with st.sidebar:
        st.selectbox(_("Language"), list(LANGUAGES), format_func=LANGUAGES.__getitem__, key="lang", bind="query-params")
    chosen.run()
