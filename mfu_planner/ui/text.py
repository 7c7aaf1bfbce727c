"""The language of the page, by the gettext standard."""

from __future__ import annotations

import gettext
from functools import cache
from pathlib import Path

import streamlit as st

LANGUAGES = {"en": "English", "zh": "中文"}
"""What can be chosen, each in its own words."""
_LOCALE = Path(__file__).parent / "locale"


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    return gettext.translation("mfu_planner", _LOCALE, languages=[language], fallback=True)


def language() -> str:
    """The chosen language: the ``lang`` of the URL, English otherwise."""
    chosen = st.query_params.get("lang", "en")
    return chosen if chosen in LANGUAGES else "en"


def _(message: str) -> str:
    """The message in the chosen language."""
    return _catalogue(language()).gettext(message)
