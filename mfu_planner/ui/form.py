"""A form: fields bound to the URL, what was typed in them, and the place under each for what is wrong with it."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from mfu_planner.errors import InputError, PlannerError, nearest
from mfu_planner.ui.cards import in_form
from mfu_planner.ui.fields import FIELDS, Field
from mfu_planner.ui.text import _

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

Check = Callable[[str, str], object]
Alias = Callable[[str], str]


def without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that hold something."""
    return {name: value for name, value in values.items() if value not in ("", None, False)}


class Form:
    """Collects the fields of one page as the arguments of one API function."""

    def __init__(self, check: Check | None = None) -> None:
        """Start empty; ``check(name, text)`` raises InputError for text that a field cannot take."""
        self._values: dict[str, Any] = {}
        self._certain: dict[str, Any] = {}
        self._under: dict[str, DeltaGenerator] = {}
        self._check = check or _as_field
        self.wrong: dict[str, str] = {}
        """Fields with an error of their own."""

    @property
    def given(self) -> dict[str, Any]:
        """What holds something, by the names of the API's arguments."""
        return without_empty(self._values) | self._certain

    def always(self, name: str, value: Any) -> None:
        """A value that counts even where it is empty: "no" is an answer."""
        self._certain[name] = value

    def put(self, name: str, value: Any) -> None:
        """A value that no field of the page holds."""
        self._values[name] = value

    def text(self, name: str, *, default: str | None = None, placeholder: str | None = None) -> str:
        """A text field with units, an error in it standing under it. Returns what is typed."""
        field = FIELDS[name]
        _recall(name)
        typed = st.text_input(
            _(field.label),
            value=field.default if default is None else default,
            key=name,
            help=_(field.help),
            placeholder=field.placeholder if placeholder is None else placeholder,
            bind="query-params",
            max_chars=200,
        )
        text = (typed or "").strip()
        _remember(name, typed or "")
        self._place(name, text)
        return text

    def _place(self, name: str, text: str) -> None:
        self._values[name] = text
        self._under[name] = st.empty()
        if not text:
            return
        try:
            self._check(name, text)
        except InputError as error:
            self.wrong[name] = str(error)
            self._say(name, str(error))

    def choice(
        self, name: str, options: Iterable[str], default: str | None = None, *, alias: Alias | None = None
    ) -> str:
        """A searchable choice; an unknown value from the URL is said, not swallowed.

        ``alias`` gives the option that another name for it means, or raises InputError.
        """
        field, known = FIELDS[name], list(options)
        asked = st.query_params.get(name)
        if asked is not None and asked not in known and alias is not None:
            asked = _by_another_name(name, asked, alias)
        _recall(name)
        first = field.default if default is None else default
        chosen = st.selectbox(
            _(field.label), known, index=known.index(first), key=name, help=_(field.help), bind="query-params"
        )
        _remember(name, chosen)
        self._values[name] = chosen
        self._under[name] = st.empty()
        if asked is not None and asked not in known and asked != chosen:
            self._say(name, _unknown(name, asked, known))
        return str(chosen)

    def several(self, name: str, options: Iterable[str], default: Iterable[str], most: int) -> list[str]:
        """Several of many."""
        field, known = FIELDS[name], list(options)
        asked = st.query_params.get_all(name)
        chosen = st.multiselect(
            _(field.label),
            known,
            default=list(default),
            key=name,
            help=_(field.help),
            bind="query-params",
            max_selections=most,
        )
        self._values[name] = chosen
        self._under[name] = st.empty()
        strangers = [a for part in asked for a in part.split(",") if a and a not in known]
        if strangers:
            self._say(name, _unknown(name, strangers[0], known))
        return [str(c) for c in chosen]

    def labelled(self, name: str, options: Mapping[str, str]) -> str:
        """One of a few ways, each shown in the language of the page and kept in the URL by its plain name."""
        field, known = FIELDS[name], list(options)
        key = f"way-{name}"
        asked = st.query_params.get(name)
        if key not in st.session_state:
            st.session_state[key] = asked if asked in known else known[0]
        chosen = st.segmented_control(
            _(field.label),
            known,
            format_func=lambda option: _(options[option]),
            key=key,
            help=_(field.help),
            required=True,
            persist_state="session",
        )
        if asked is not None and asked not in known:
            _wrong(st.empty(), _unknown(name, asked, known))
        if chosen == known[0]:
            if name in st.query_params and asked in known:
                del st.query_params[name]
        elif asked != chosen:
            st.query_params[name] = str(chosen)
        return str(chosen or known[0])

    def switch(self, name: str) -> bool:
        """On or off."""
        field = FIELDS[name]
        value = st.toggle(_(field.label), key=name, help=_(field.help), bind="query-params")
        self._values[name] = bool(value)
        return bool(value)

    def blame(self, error: PlannerError) -> None:
        """Say an error: under the field that it names, and where the answer would stand."""
        name = error.field.replace("-", "_") if isinstance(error, InputError) else ""
        if name in self._under and name not in self.wrong:
            self._say(name, str(error))
        if name in self.wrong:
            st.info(_("Mend the field marked in red: **{name}**.").format(name=_label(name)), icon=":material/edit:")
        else:
            st.error(_plain(in_form(str(error))), icon=":material/error:")

    def _say(self, name: str, message: str) -> None:
        _wrong(self._under[name], message)


_KEPT = "kept-fields"
ARRIVED = "arrived"
"""Set for the first run of a page after another page."""


def _remember(name: str, value: Any) -> None:
    """Keep a field's value for the pages that do not draw it."""
    st.session_state.setdefault(_KEPT, {})[name] = value


def _recall(name: str) -> None:
    """Give a field the value that it had on another page, unless the address says otherwise."""
    kept = st.session_state.get(_KEPT, {})
    changed = name in kept and kept[name] != FIELDS[name].default
    if st.session_state.get(ARRIVED) and changed and name not in st.query_params:
        st.query_params[name] = st.session_state[name] = kept[name]


def _by_another_name(name: str, asked: str, alias: Alias) -> str:
    """What an address means by a name that is no option itself."""
    try:
        meant = alias(asked)
    except InputError:
        return asked
    st.query_params[name] = st.session_state[name] = meant
    return meant


def _wrong(place: DeltaGenerator, message: str) -> None:
    place.html(f'<p class="mfu-wrong" role="alert">{html.escape(in_form(message))}</p>')


def _label(name: str) -> str:
    return _(FIELDS[name].label) if name in FIELDS else name


def _plain(message: str) -> str:
    """A message with nothing that Markdown would read."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#|$~:" else c for c in message)


def _unknown(name: str, asked: str, known: list[str]) -> str:
    close = ", ".join(nearest(asked, known)) or ", ".join(known[:4])
    said = _("The link asks for {name} = “{value}”, which is not known here. Nearest: {close}.")
    return said.format(name=name, value=asked[:60], close=close)


def _as_field(name: str, text: str) -> object:
    from mfu_planner.questions.evidence import DiagnoseQuestion
    from mfu_planner.questions.question import asks
    from mfu_planner.questions.runs import PlanQuestion

    question = PlanQuestion if name in asks(PlanQuestion) else DiagnoseQuestion
    return question.of({name: text})


def unknown_keys(query: Iterable[str], known: Mapping[str, Field], others: Iterable[str] = ()) -> list[str]:
    """Keys of a URL that no field has."""
    return [name for name in query if name not in known and name not in set(others)]
