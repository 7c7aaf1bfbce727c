"""The language of the page, by the gettext standard."""

from __future__ import annotations

import gettext
import re
from functools import cache
from pathlib import Path

import streamlit as st

from mfu_planner.ui.sentences import Sentences

LANGUAGES = {"en": "English", "zh": "中文"}
"""What can be chosen, each in its own words."""
DOMAIN, SENTENCES = "mfu_planner", "sentences"
"""Catalogues: the form's own texts, and what the planner says below it."""
LOCALE = Path(__file__).parent / "locale"
_KEY = "language"


@cache
def translations(language: str, domain: str = DOMAIN) -> gettext.NullTranslations:
    """A catalogue of one language; English needs none."""
    return gettext.translation(domain, LOCALE, languages=[language], fallback=True)


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


@cache
def _sentences(language: str) -> Sentences:
    catalogues = (translations(language, domain) for domain in (SENTENCES, DOMAIN))
    return Sentences({text: told for c in catalogues for text, told in vars(c).get("_catalog", {}).items()})


def said(text: object) -> str:
    """What the planner says below the form (an error, a finding, a warning, a source) in the chosen language."""
    return str(text) if language() == "en" else _sentences(language()).say(str(text))


_JOINER = "\u2060"
_ADDRESS = re.compile(r"[a-z]:(?=//)|www(?=\.)|@(?=\w)", re.IGNORECASE)
"""Where GitHub's Markdown begins a link by itself: a scheme, ``www``, a mail address."""


def plain(text: object) -> str:
    """Text from outside (an address, a log, an error that repeats them) with nothing that Markdown would read.

    A bare address becomes a link even where its signs are escaped: an invisible joiner breaks it.
    """
    unlinked = _ADDRESS.sub(lambda found: found[0] + _JOINER, str(text))
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#|$~:!" else c for c in unlinked)
