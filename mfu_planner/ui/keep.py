"""Saved scenarios: kept in the browser's address, nothing on a server."""

from __future__ import annotations

import streamlit as st

from mfu_planner.ui.fields import FIELDS
from mfu_planner.ui.query import to_query
from mfu_planner.ui.text import _

SAVED = "saved"
MOST = 6


def saved() -> list[str]:
    """The kept scenarios, each as a query string."""
    kept: list[str] = st.session_state.setdefault(SAVED, [])
    return kept


def keep_button(page: str) -> None:
    """A button that puts this page's fields beside the others kept."""
    if page != "plan":
        return
    full = len(saved()) >= MOST
    st.button(
        _("Keep to compare") + (f" ({len(saved())})" if saved() else ""),
        icon=":material/bookmark_add:",
        on_click=_keep,
        disabled=full,
        help=_("Puts this scenario on the Compare page; up to {n}.").format(n=MOST),
    )


def _keep() -> None:
    fields = {k: v for k, v in st.query_params.items() if k in FIELDS}
    text = to_query(fields)
    if text not in saved():
        saved().append(text)
