"""The pages of the form and what is common to them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import streamlit as st

from mfu_planner.ui.cards import style
from mfu_planner.ui.fields import FIELDS
from mfu_planner.ui.form import ARRIVED, unknown_keys
from mfu_planner.ui.own_hardware import own_hardware
from mfu_planner.ui.text import _, language, language_switch, plain
from mfu_planner.ui.warm import warm

_OTHER_KEYS = ("lang", "s", "embed", "embed_options")


def main() -> None:
    """Draw the chosen page."""
    warm()
    st.set_page_config(page_title="MFU Planner", page_icon=str(Path(__file__).with_name("icon.png")), layout="wide")
    style()
    chosen = st.navigation(_pages(), position="top")
    st.set_page_config(page_title=f"{chosen.title} · MFU Planner")
    st.html(_page_html().replace("LANG", language()), unsafe_allow_javascript=True)
    with st.container(horizontal=True, horizontal_alignment="right", key="language-row"):
        language_switch()
    strangers = unknown_keys(st.query_params, FIELDS, _OTHER_KEYS)
    if strangers:
        names = ", ".join(f"“{plain(s[:40])}”" for s in strangers[:5])
        with st.container(key="link-row"):
            said = _("The link has keys that no field has: {names}.")
            st.warning(said.format(names=names), icon=":material/link_off:")
    st.session_state[ARRIVED] = st.session_state.get("page") not in (None, chosen.url_path)
    st.session_state["page"] = chosen.url_path
    with own_hardware():
        chosen.run()


@cache
def _page_html() -> str:
    return Path(__file__).with_name("page.html").read_text("utf-8")


def _pages() -> list[st.Page]:
    from mfu_planner.ui.pages import accuracy, compare, diagnose, hardware, layout, learn, measure, models, plan

    return [
        st.Page(plan.page, title=_("Plan"), icon=":material/calculate:", url_path="", default=True),
        st.Page(measure.page, title=_("Measure"), icon=":material/speed:", url_path="measure"),
        st.Page(diagnose.page, title=_("Diagnose"), icon=":material/troubleshoot:", url_path="diagnose"),
        st.Page(layout.page, title=_("Layout"), icon=":material/grid_view:", url_path="layout"),
        st.Page(hardware.page, title=_("Hardware"), icon=":material/memory:", url_path="hardware"),
        st.Page(models.page, title=_("Models"), icon=":material/account_tree:", url_path="models"),
        st.Page(compare.page, title=_("Compare"), icon=":material/compare_arrows:", url_path="compare"),
        st.Page(accuracy.page, title=_("Accuracy"), icon=":material/target:", url_path="accuracy"),
        st.Page(learn.page, title=_("Learn"), icon=":material/school:", url_path="learn"),
        st.Page(lambda: plan.page(), title=_("Plan"), url_path="plan", visibility="hidden"),  # by its name, too
    ]
