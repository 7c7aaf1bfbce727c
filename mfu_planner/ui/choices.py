"""A choice whose options are shown in words and kept in the address by their plain names."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from mfu_planner.errors import InputError, nearest
from mfu_planner.ui.text import N_, _, language

Alias = Callable[[str], str]
Shown = Callable[[str], str]
WORDS = {
    "automatic": N_("automatic"),
    "unknown": N_("unknown"),
    "usual": N_("usual"),
    "none": N_("none (option)"),
    "selective": N_("selective"),
    "full": N_("full (recomputation)"),
    "yes": N_("yes"),
    "no": N_("no"),
    "fused": N_("fused"),
    "unfused": N_("unfused"),
    "all": N_("all"),
    "on-demand": N_("on-demand"),
    "spot": N_("spot"),
    "own config.json": N_("own config.json"),
    "own size": N_("own size"),
}
"""Options that are words rather than names; some mean another thing elsewhere."""
_SEEN = "seen-in-address"
"""What the address said of each choice when it was drawn last."""


def in_words(option: str) -> str:
    """An option in the language of the page."""
    return _(WORDS[option]) if option in WORDS and language() != "en" else option


def pick(
    name: str, label: str, known: Sequence[str], first: str, *, meaning: str = "", shown: Shown = in_words,
    alias: Alias | None = None,
) -> tuple[str, str | None]:  # fmt: skip
    """(what is chosen, what the address or somebody typing asked for in vain).

    Parameters
    ----------
    name : key of the field, and of the address.
    label : what stands above it.
    known : the options, by their plain names.
    first : the option while nobody has chosen; it is left out of the address.
    meaning : shown on a question mark.
    shown : how an option reads.
    alias : gives the option that another name means, or raises InputError; then other names can be typed, too.
    """
    stranger = _settle(name, known, first, alias)
    labels = {option: shown(option) for option in known}
    chosen = st.selectbox(
        label,
        known,
        index=known.index(st.session_state[name]),
        key=name,
        format_func=lambda option: labels.get(option, option),
        help=meaning,
        accept_new_options=alias is not None,
    )
    chosen = str(chosen)
    if chosen == first:
        if name in st.query_params:
            del st.query_params[name]
    elif st.query_params.get(name) != chosen:
        st.query_params[name] = chosen
    st.session_state.setdefault(_SEEN, {})[name] = st.query_params.get(name)
    return chosen, stranger


def _settle(name: str, known: Sequence[str], first: str, alias: Alias | None) -> str | None:
    """Set what the widget holds: what is chosen, unless the address has moved by itself. A name in vain is returned."""
    asked, seen = st.query_params.get(name), st.session_state.setdefault(_SEEN, {})
    wanted = st.session_state.get(name)
    if wanted is None or asked != seen.get(name):
        wanted = first if asked is None else asked
    if wanted in known:
        st.session_state[name] = wanted
        return None
    meant = _meant(wanted, known, alias)
    before = seen.get(name)
    st.session_state[name] = meant or (before if before in known else first)
    return None if meant else wanted


def _meant(wanted: str, known: Sequence[str], alias: Alias | None) -> str | None:
    try:
        found = alias(wanted) if alias else None
    except InputError:
        return None
    return found if found in known else None


def unknown(name: str, asked: str, known: Sequence[str]) -> str:
    """What is said of a name in vain."""
    names = [option for option in known if option not in WORDS]
    close = ", ".join(nearest(asked, names) or names[:4])
    said = _("{name}: “{value}” is not known here. Nearest: {close}.")
    return said.format(name=name, value=asked[:60], close=close)
