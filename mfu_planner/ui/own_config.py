"""One's own config.json: kept for the session, and put into the link only where its user says so.

A link is read by every server on its way, so what nobody has published stays out of it until somebody asks.
"""

from __future__ import annotations

import base64
import zlib
from typing import Any

import streamlit as st

from mfu_planner.errors import InputError
from mfu_planner.questions.model import parse_config
from mfu_planner.ui.fields import FIELDS
from mfu_planner.ui.refusal import refused
from mfu_planner.ui.text import _
from mfu_planner.ui.uploads import LARGEST_CONFIG, small_text

OWN_CONFIG = "own config.json"
"""The choice of a model that stands for it."""
CONFIG = "config"
"""Key of the text, in the session and in the address."""
IN_LINK = "config_in_link"
LONGEST_IN_LINK = 6_000
"""Characters: servers and proxies take 8 KiB of an address, fields and all."""
_PACKED = "z."


def packed(text: str) -> str:
    """A config's text as a link holds it: compressed, in letters that an address may have."""
    return _PACKED + base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")


def unpacked(told: str) -> str:
    """The text of a config out of a link; links of before hold it as it is.

    Raises
    ------
    InputError
        It is damaged, or larger than a config may be.
    """
    if not told.startswith(_PACKED):
        return told
    code = told.removeprefix(_PACKED)
    unpack = zlib.decompressobj()
    try:
        data = unpack.decompress(base64.urlsafe_b64decode(code + "=" * (-len(code) % 4)), LARGEST_CONFIG)
        text = data.decode()
    except (ValueError, zlib.error):
        raise InputError(CONFIG, "a damaged link", "a link as this page makes it, or the file itself") from None
    if unpack.unconsumed_tail or not unpack.eof:
        raise InputError(CONFIG, "a link that is cut or too large", "a link as this page makes it, or the file itself")
    return text


def config_text() -> str:
    """The config that the session or the address holds, however they hold it; empty where there is none."""
    if CONFIG in st.session_state:
        return str(st.session_state[CONFIG] or "")
    try:
        return unpacked(st.query_params.get(CONFIG, ""))
    except InputError:
        return ""


def is_only_here() -> bool:
    """Whether the page asks about a config that its address does not hold."""
    return st.session_state.get("model") == OWN_CONFIG and CONFIG not in st.query_params


def own_config() -> dict[str, Any] | None:
    """The upload, the text, whether it goes into the link; the config where there is one."""
    _from_link()
    _from_file()
    pasted = st.text_area(
        _("or paste it"),
        key=CONFIG,
        height=140,
        max_chars=LARGEST_CONFIG,
        persist_state="session",
        placeholder='{"model_type": "llama", …}',
    )
    text = (pasted or "").strip()
    _into_link(text)
    if not text:
        st.caption(
            _("A Hugging Face config.json: its work is then counted exactly. It is in no link unless you put it there.")
        )
        return None
    try:
        return parse_config(text, "config.json")
    except InputError as error:
        st.error(refused(error))
        return None


def _from_link() -> None:
    told = st.query_params.get(CONFIG)
    if told is None or CONFIG in st.session_state:
        return
    try:
        st.session_state[CONFIG], st.session_state[IN_LINK] = unpacked(told), True
    except InputError as error:
        st.error(refused(error))


def _from_file() -> None:
    dropped = st.file_uploader(_("Drop a config.json"), type=["json"], key="config_file", help=_(FIELDS[CONFIG].help))
    if dropped is None or st.session_state.get("config_seen") == dropped.file_id:
        return
    st.session_state["config_seen"] = dropped.file_id
    try:
        st.session_state[CONFIG] = small_text(dropped, LARGEST_CONFIG, CONFIG)
    except InputError as error:
        st.error(refused(error))


def _into_link(text: str) -> None:
    code = packed(text) if text else ""
    fits = len(code) <= LONGEST_IN_LINK
    asked = st.toggle(
        _("Put the config into the link"),
        key=IN_LINK,
        disabled=not fits,
        persist_state="session",
        help=_("Whoever has the link can read it, and so can the servers on its way."),
    )
    if not fits:
        st.caption(_("This config is too long for a link: pass the file on instead."))
    if text and asked and fits:
        st.query_params[CONFIG] = code
    else:
        leave_link()


def leave_link() -> None:
    """Take the config out of the address."""
    if CONFIG in st.query_params:
        del st.query_params[CONFIG]
