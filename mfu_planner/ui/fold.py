"""A fold-out whose content is drawn once it is open: a change of the form need not draw what nobody looks at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

UNFOLDED = "unfolded"
"""Set in a session whose fold-outs are all drawn."""


@contextmanager
def fold(
    name: str, label: str, *, icon: str | None = None, filled: bool = False, expanded: bool = False
) -> Iterator[bool]:
    """A fold-out; the value says whether to draw what it holds.

    Parameters
    ----------
    name : tells it from the others of its page, in every language.
    label : what stands on it.
    filled : whether it holds what counts while it is closed, such as a field with a value.
    expanded : whether it is open at first.
    """
    box = st.expander(label, expanded, icon=icon, key=f"fold-{name}", on_change="rerun")
    with box:
        yield bool(box.open) or filled or bool(st.session_state.get(UNFOLDED))
