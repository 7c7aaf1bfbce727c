"""The language of the page, by the gettext standard."""

from __future__ import annotations

import gettext
from functools import cache
from pathlib import Path

import streamlit as st

LANGUAGES = {"en": "English", "zh": "中文"}
"""What can be chosen, each in its own words."""
DOMAIN = "mfu_planner"
LOCALE = Path(__file__).parent / "locale"
_KEY = "language"


@cache
def translations(language: str) -> gettext.NullTranslations:
    """The catalogue of one language; English needs none."""
    return gettext.translation(DOMAIN, LOCALE, languages=[language], fallback=True)


def language() -> str:
    """The chosen language: the switch, else the ``lang`` of the URL, else English."""
    chosen = st.session_state.get(_KEY) or st.query_params.get("lang")
    return chosen if chosen in LANGUAGES else "en"


def language_switch() -> None:
    """The switch, kept in the URL as ``lang``."""
    st.session_state.setdefault(_KEY, language())
    chosen = st.segmented_control(
        _("Language"),
        list(LANGUAGES),
        format_func=LANGUAGES.__getitem__,
        key=_KEY,
        required=True,
        label_visibility="collapsed",
        persist_state="session",
    )
    if chosen in (None, "en"):
        if "lang" in st.query_params:
            del st.query_params["lang"]
    elif st.query_params.get("lang") != chosen:
        st.query_params["lang"] = str(chosen)


def _(message: str) -> str:
    """The message in the chosen language."""
    return translations(language()).gettext(message) if message else ""


def N_(message: str) -> str:  # noqa: N802  the name that gettext users know
    """Mark a message that is translated where it is shown."""
    return message


def plain(text: object) -> str:
    """Text from outside (an address, a log, an error that repeats them) with nothing that Markdown would read."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#|$~:!" else c for c in str(text))
