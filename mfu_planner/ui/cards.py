"""Numbers a person can read, the exact value on hover; plain HTML that fits any width, light and dark."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mfu_planner.ui.fields import FIELDS
from mfu_planner.ui.text import _, said

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_STYLE = Path(__file__).with_name("style.css")


@dataclass(frozen=True, slots=True)
class Card:
    """One figure."""

    label: str
    value: str
    exact: str = ""
    """Shown on hover, and to a screen reader."""
    more: str = ""
    """A line below."""
    solved: bool = False
    """Whether it was the unknown."""


@cache
def _style() -> str:
    return f"<style>{_STYLE.read_text('utf-8')}</style>"


def style() -> None:
    """The page's own style sheet."""
    st.html(_style())


def heading(title: str, lead: str) -> None:
    """The title of a page and one line that says what it is for."""
    st.title(title, anchor=False)
    st.html(f'<p class="mfu-lead">{_text(lead)}</p>')


def hero(sentence: str, parts: Sequence[tuple[str, str, str]]) -> None:
    """The answer: a sentence, then its large figures as (value, unit or meaning, exact value)."""
    big = " · ".join(
        f'<span data-exact title="{_text(exact)}">{_text(value)} <span class="of">{_text(of)}</span></span>'
        for value, of, exact in parts
    )
    bar = f'<p class="bar" aria-hidden="true">{big}</p>'  # on narrow screens the figures stay in view
    st.html(f'<div class="mfu-hero"><p class="said">{_text(sentence)}</p><p class="big">{big}</p>{bar}</div>')


def sheet() -> tuple[DeltaGenerator, DeltaGenerator]:
    """(fields, answer) side by side; on a narrow screen the answer stands first, with a link to the fields."""
    with st.container(key="sheet"):
        asked, answer = st.columns([5, 9], gap="large")
    asked.html('<div id="fields"></div>')
    answer.html(f'<a class="mfu-to-fields" href="#fields">{_text(_("To the fields"))}</a>')
    return asked, answer


def cards(figures: Iterable[Card]) -> None:
    """A row of figures that wraps."""
    st.html('<dl class="mfu-cards">' + "".join(_card(f) for f in figures) + "</dl>")


def _card(card: Card) -> str:
    mark = ' class="solved"' if card.solved else ""
    label = _text(card.label) + (f" ({_text(_('solved for'))})" if card.solved else "")
    exact = f' data-exact title="{_text(said(card.exact))}"' if card.exact else ""
    more = f'<dd class="more">{_text(said(card.more))}</dd>' if card.more else ""
    return f"<div{mark}><dt>{label}</dt><dd{exact}>{_text(card.value)}</dd>{more}</div>"


def scientific(value: float, digits: int = 3) -> str:
    """A number beyond everyday prefixes: 4.1 × 10²⁵."""
    mantissa, _e, power = f"{value:.{digits - 1}e}".partition("e")
    return f"{mantissa} × 10{str(int(power)).translate(_RAISED)}"


def in_form(message: str) -> str:
    """A message of the planner with the fields of the form in place of the flags of the command line."""
    return re.sub(r"--([a-z][a-z-]+)", _field_name, message)


def _field_name(flag: re.Match[str]) -> str:
    field = FIELDS.get(flag[1].replace("-", "_"))
    return f"“{_(field.label)}”" if field else flag[0]


def notes(lines: Iterable[str]) -> None:
    """What a reader must know before trusting a number."""
    shown = "".join(f"<li>{_text(in_form(said(line)))}</li>" for line in lines)
    if shown:
        st.html(f'<ul class="mfu-notes">{shown}</ul>')


def table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, here: int | None = None, prose: bool = False
) -> None:
    """A small table; a cell may be text, or (text, link).  ``prose``: cells hold sentences, not numbers."""
    head = "".join(f'<th scope="col">{_text(c)}</th>' for c in columns)
    body = []
    for index, row in enumerate(rows):
        mark = ' class="here"' if index == here else ""
        first, *rest = row
        named = (f' data-label="{_text(column)}"' if prose else "" for column in columns[1:])
        cells = f'<th scope="row">{_cell(first)}</th>'
        cells += "".join(f"<td{name}>{_cell(c)}</td>" for c, name in zip(rest, named, strict=False))
        body.append(f"<tr{mark}>{cells}</tr>")
    kind = "mfu-table prose" if prose else "mfu-table"
    called = _text(columns[0] or _("Table"))
    grid = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    st.html(f'<div class="{kind}" tabindex="0" role="region" aria-label="{called}">{grid}</div>')


def _cell(cell: object) -> str:
    if isinstance(cell, tuple):
        text, link = said(cell[0]), cell[1]
        return (
            f'<a href="{_text(link)}" target="_blank" rel="noopener">{_text(text)}</a>'
            if _is_web(link)
            else _text(text)
        )
    return _text(said(cell))


def _is_web(link: object) -> bool:
    return str(link).startswith(("https://", "http://", "/"))


def _text(value: object) -> str:
    return html.escape(str(value))
