"""The fields of the form: each is a flag of the command line and a key of the URL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from mfu_planner.errors import InputError
from mfu_planner.scenario import scenario
from mfu_planner.ui.text import _


@dataclass(frozen=True, slots=True)
class Field:
    """A text field; what is typed is read by the planner, with units."""

    name: str
    """Of the Scenario."""
    label: str
    help: str
    default: str = ""
    placeholder: str = ""


def key(page: str, name: str) -> str:
    """The widget's key, which is also its name in the URL."""
    return f"{page}.{name}"


def text_field(page: str, field: Field) -> str:
    """Draw a field bound to the URL; an error in it stands under it. Returns what is typed."""
    typed = st.text_input(
        _(field.label),
        value=field.default,
        key=key(page, field.name),
        help=_(field.help),
        placeholder=field.placeholder,
        bind="query-params",
        max_chars=200,
    )
    problem = field_error(field.name, typed or "")
    if problem:
        st.caption(f":red[{problem}]")
    return (typed or "").strip()


def field_error(name: str, typed: str) -> str | None:
    """What is wrong with a field on its own, in words; None where nothing is."""
    if not typed.strip():
        return None
    try:
        scenario(**{name: typed.strip()})
    except InputError as error:
        return str(error)
    return None


def choice(page: str, name: str, label: str, options: Iterable[str], default: str, help_text: str) -> str:
    """A searchable choice bound to the URL; an unknown value from the URL is said, not swallowed."""
    known = list(options)
    widget = key(page, name)
    asked = st.query_params.get(widget)
    if asked is not None and asked not in known:
        st.warning(
            _("The link asks for {name} = {value}, which is not known here.").format(name=name, value=asked[:60])
        )
    chosen = st.selectbox(
        _(label), known, index=known.index(default), key=widget, help=_(help_text), bind="query-params"
    )
    return str(chosen)


def without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that hold something."""
    return {name: value for name, value in values.items() if value not in ("", None, False)}
