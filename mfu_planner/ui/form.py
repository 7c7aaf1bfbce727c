"""A form: fields bound to the URL, what was typed in them, and the place under each for what is wrong with it."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import streamlit as st

from mfu_planner.errors import InputError, PlannerError
from mfu_planner.questions.ask import GROUPS, Asked
from mfu_planner.questions.commands import question_of
from mfu_planner.questions.question import asks
from mfu_planner.ui.choices import Alias, Shown, in_words, pick, unknown
from mfu_planner.ui.fields import CHOSEN, FIELDS, NOTHING, Field
from mfu_planner.ui.fold import fold
from mfu_planner.ui.refusal import label, refusal, refused
from mfu_planner.ui.suggested import EVIDENT, OBSERVED, OF_THE_DEMO, current, first_value, is_demo
from mfu_planner.ui.text import _

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator


def without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that hold something."""
    return {name: value for name, value in values.items() if value not in ("", None, False)}


class Form:
    """Collects the fields of one page as the arguments of one API function."""

    def __init__(
        self, command: str = "plan", *, beside: Form | None = None, evidence: bool = False, example: bool = False
    ) -> None:
        """Start empty, or with what a form of the same page holds.

        Parameters
        ----------
        command : the question that the form asks, whose class reads each field.
        beside : another form of the page.
        evidence : whether a log or a trace speaks for the run: what it does not say is blank.
        example : whether a rate is proposed too: what a learner would observe.
        """
        st.session_state.update(st.session_state.pop(_PENDING, {}))
        self.evidence, self._example = evidence, example
        self._proposed: set[str] = set()
        self.question = question_of(command)
        self._drawn: set[str] = beside._drawn if beside else set()
        self._values: dict[str, Any] = dict(beside.given) if beside else {}
        self._certain: dict[str, Any] = {}
        self._under: dict[str, DeltaGenerator] = {}
        self.wrong: dict[str, str] = {}
        """Fields with an error of their own."""

    @property
    def given(self) -> dict[str, Any]:
        """What holds something, by the names of the API's arguments."""
        return without_empty(self._values) | self._certain

    def fill(self, values: Mapping[str, str]) -> None:
        """Put values into fields of the question that nobody has filled, drawn already or not."""
        left = {n: v for n, v in values.items() if n in asks(self.question) and n not in st.query_params}
        mine = {n: v for n, v in left.items() if st.session_state.get(n) != v}
        if self._drawn.isdisjoint(mine):
            st.session_state.update(mine)
        else:
            st.session_state[_PENDING] = mine
            st.rerun()

    def always(self, name: str, value: Any) -> None:
        """A value that counts even where it is empty: "no" is an answer."""
        self._certain[name] = value

    def put(self, name: str, value: Any) -> None:
        """A value that no field of the page holds, or that one of another name stands for."""
        self._drawn.add(name)
        self._values[name] = value

    def text(self, name: str, *, default: str | None = None, placeholder: str | None = None) -> str:
        """A text field with units, an error in it standing under it. Returns what is typed."""
        field = self._field(name)
        first = self._at_first(name, field.default if default is None else default)
        _recall(name)
        typed = st.text_input(
            _(field.label),
            value=first,
            key=name,
            help=_(field.help),
            placeholder=field.placeholder if placeholder is None else placeholder,
            bind="query-params",
            max_chars=200,
        )
        text = (typed or "").strip()
        _remember(name, typed or "", first)
        self._place(name, text)
        return text

    def _at_first(self, name: str, default: str, options: Iterable[str] = ()) -> str:
        """What a field holds while nobody has filled it; where that moves with the question, the field moves along."""
        first = default
        if self.evidence and name in EVIDENT:
            first = ""
        elif name in OF_THE_DEMO and default and not is_demo(asked := current(), name):
            first = first_value(name, asked) if self._example or name not in OBSERVED else ""
            self._proposed |= {name} if first else set()
        options = list(options)
        if options and first not in options:
            first = CHOSEN if CHOSEN in options else default
        moved = st.session_state.setdefault(_MOVED, {})
        before = moved.get(name, default)
        if before != first and name not in st.query_params and st.session_state.get(name, before) == before:
            st.session_state[name] = first
        moved[name] = first
        return first

    def proposals(self) -> None:
        """Say which fields hold a proposal."""
        names = [_(FIELDS[n].label) for n in FIELDS if n in self._proposed and n not in st.query_params]
        if names:
            said = _("Proposed for this model and hardware, until you say otherwise: {names}.")
            st.caption(said.format(names=", ".join(names)))

    def _place(self, name: str, text: str) -> None:
        self._values[name] = text
        self._under[name] = st.empty()
        if not text:
            return
        try:
            if name in asks(self.question):
                self.question.of({name: text})
        except InputError as error:
            self.wrong[name] = refusal(error, beside=True)
            self._say(name, self.wrong[name])

    def choice(
        self, name: str, options: Iterable[str], default: str | None = None, *, alias: Alias | None = None,
        shown: Shown = in_words,
    ) -> str:  # fmt: skip
        """A searchable choice; an unknown name is said, not swallowed. ``alias``, ``shown``: see ``pick``."""
        field, known = self._field(name), list(options)
        if st.query_params.get(name) in NOTHING and st.query_params[name] not in known:
            del st.query_params[name]
        first = self._at_first(name, default or field.default or CHOSEN, known)
        _recall(name)
        chosen, stranger = pick(name, _(field.label), known, first, meaning=_(field.help), shown=shown, alias=alias)
        _remember(name, chosen, first)
        self._values[name] = chosen
        self._under[name] = st.empty()
        if stranger is not None:
            self._say(name, unknown(label(name), stranger, known))
        return chosen

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
            placeholder=_("Choose up to {n}").format(n=most),
        )
        self._values[name] = chosen
        self._under[name] = st.empty()
        strangers = [a for part in asked for a in part.split(",") if a and a not in known]
        if strangers:
            self._say(name, unknown(label(name), strangers[0], known))
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
            wrong(st.empty(), name, unknown(label(name), asked, known))
        if chosen == known[0]:
            if name in st.query_params and asked in known:
                del st.query_params[name]
        elif asked != chosen:
            st.query_params[name] = str(chosen)
        return str(chosen or known[0])

    def switch(self, name: str) -> bool:
        """On or off."""
        field = self._field(name)
        value = st.toggle(_(field.label), key=name, help=_(field.help), bind="query-params")
        self._values[name] = bool(value)
        return bool(value)

    def rest(self, *, without: Iterable[str] = (), key: str = "rest", said: str = "") -> None:
        """The fields of the question that the page has not drawn, folded away, under the headings of the help.

        Parameters
        ----------
        without : fields that stay away.
        key, said : the name of the fold-out, and what stands on it.
        """
        done = {*self._drawn, *without, *_ELSEWHERE}
        left = [asked for name, asked in asks(self.question).items() if name in FIELDS and name not in done]
        if not left:
            return
        with self.folded(key, said or _("Everything else"), [asked.name for asked in left]) as drawn:
            for group in GROUPS if drawn else ():
                fields = [asked for asked in left if asked.ask.group == group]
                if fields:
                    st.markdown(f"**{_(group)}**")
                for first in range(0, len(fields), 2):
                    pair = fields[first : first + 2]
                    for column, asked in zip(st.columns(2, vertical_alignment="bottom"), pair, strict=False):
                        with column:
                            self.draw(asked.name)

    @staticmethod
    def _is_filled(name: str) -> bool:
        """Whether a field that is empty at first holds something, here or from another page."""
        kept = st.session_state.get(_KEPT, {}) if st.session_state.get(ARRIVED) else {}
        held = st.session_state.get(name)
        return name in st.query_params or name in kept or held not in (None, "", False, CHOSEN, FIELDS[name].default)

    def folded(
        self, key: str, said: str, fields: Iterable[str], *, filled: bool = False
    ) -> AbstractContextManager[bool]:
        """A fold-out of fields that are empty at first; the value says whether to draw them.

        Parameters
        ----------
        key, said : its name and what stands on it.
        fields : what it holds; it is drawn while one of them says something.
        filled : whether it holds something else that counts.
        """
        fields = list(fields)
        self._drawn |= set(fields)
        return fold(key, said, filled=filled or any(map(self._is_filled, fields)))

    def draw(self, name: str) -> None:
        """One field as its type wants it, empty at first: a choice, a switch, or text."""
        asked = asks(self.question)[name]
        if asked.choices:
            chosen = self.choice(name, (CHOSEN, *map(str, asked.choices)), CHOSEN)
            self.put(name, None if chosen == CHOSEN else chosen)
        elif asked.ask.off:
            chosen = self.choice(name, (CHOSEN, *_YES_NO), CHOSEN)
            self.put(name, None)
            if chosen in _YES_NO:
                self.always(name, _YES_NO[chosen])
        elif asked.is_flag:
            self.switch(name)
        else:
            self.text(name, default="")

    def _field(self, name: str) -> Field:
        self._drawn.add(name)
        return FIELDS[name]

    def blame(self, error: PlannerError) -> None:
        """Say an error: under the field that it names, and where the answer would stand."""
        name = error.field.replace("-", "_") if isinstance(error, InputError) else ""
        if name in self._under and name not in self.wrong:
            self.wrong[name] = refusal(error, beside=True)
            self._say(name, self.wrong[name])
        if name in self.wrong:
            st.info(_("Mend the field marked in red: **{name}**.").format(name=label(name)), icon=":material/edit:")
        else:
            st.error(refused(error), icon=":material/error:")

    def _say(self, name: str, message: str) -> None:
        wrong(self._under[name], name, message)


_YES_NO = {"yes": True, "no": False}
_ELSEWHERE = ("model", "config", "params", "active_params", "target_seq_len")
"""Fields that a page draws by its own rules."""


def shown_as(asked: Asked, value: Any) -> Any:
    """What the widget of a field holds where the field has a value."""
    if asked.choices:
        return CHOSEN if value is None else str(value)
    if asked.ask.off:
        return CHOSEN if value is None else next(word for word, said in _YES_NO.items() if said == value)
    if asked.is_flag:
        return bool(value)
    return "" if value is None else str(value)


_PENDING = "filled-next"
"""Values for fields that had been drawn."""
_MOVED = "moved-fields"
"""The first values that fields had when they were drawn last."""
_KEPT = "kept-fields"
ARRIVED = "arrived"
"""Set for the first run of a page after another page."""


def _remember(name: str, value: Any, first: str) -> None:
    """Keep what somebody put into a field for the pages that do not draw it."""
    kept = st.session_state.setdefault(_KEPT, {})
    if value == first:
        kept.pop(name, None)
    else:
        kept[name] = value


def _recall(name: str) -> None:
    """Give a field the value that it had on another page, unless the address says otherwise."""
    kept = st.session_state.get(_KEPT, {})
    if st.session_state.get(ARRIVED) and name in kept and name not in st.query_params:
        st.query_params[name] = st.session_state[name] = kept[name]


def wrong(place: DeltaGenerator, name: str, message: str) -> None:
    """Say in one line, beside its field, what is wrong; the page's script links the two for screen readers."""
    place.html(f'<p class="mfu-wrong" role="alert" id="wrong-{name}" data-field="{name}">{html.escape(message)}</p>')


def unknown_keys(query: Iterable[str], known: Mapping[str, Field], others: Iterable[str] = ()) -> list[str]:
    """Keys of a URL that no field has."""
    return [name for name in query if name not in known and name not in set(others)]
