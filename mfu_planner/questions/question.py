"""A question: what a user gave, read; the base of every command's class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from inspect import get_annotations
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeVar, cast, get_args, get_origin

from mfu_planner.errors import InputError, nearest
from mfu_planner.questions.ask import GROUPS, Ask, Asked

if TYPE_CHECKING:
    from pydantic import BaseModel

T = TypeVar("T")


def _once(function: Callable[[type[Any]], T]) -> Callable[[type[Any]], T]:
    """``cache`` for a function of a class, with its type."""
    return cast("Callable[[type[Any]], T]", cache(function))


_UNSAID = ("explain", "in_samples")
"""Fields that are no part of what was given."""


class Question:
    """What the user knows, in SI units; None is "not given".

    A command's class lists its fields; its instances are those of :func:`validated`, a frozen pydantic class, which is
    made when the first question is asked: help needs none.
    """

    command: ClassVar[str] = ""
    """The command that asks it."""
    beside: ClassVar[Mapping[str, str]] = {}
    """Group of fields → the flag without which they are refused."""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """The question that these fields ask: text with units, or numbers in SI units.

        Raises
        ------
        InputError
            A field that is unknown or has no meaning here, a wrong unit, a senseless value.
        """
        return cast("Self", _blank(cls).model_copy(update=read_fields(cls, given)))

    def given(self) -> dict[str, Any]:
        """The fields that differ from their defaults."""
        defaults = _defaults(_plain(type(self)))
        return {n: getattr(self, n) for n in defaults if n not in _UNSAID and getattr(self, n) != defaults[n]}

    def says(self, name: str) -> bool:
        """Whether the user gave a field."""
        return name in cast("BaseModel", self).model_fields_set

    def changed(self, **fields: Any) -> Self:
        """The same question with other values, which are taken as they are."""
        other = {name: value for name, value in fields.items() if getattr(self, name) is not value}
        return cast("Self", cast("BaseModel", self).model_copy(update=other)) if other else self


@_once
def validated(question: type[Question]) -> type[BaseModel]:
    """The frozen pydantic class of a question: it reads text as :meth:`Question.of` does, and has a JSON schema."""
    from mfu_planner.questions._validated import Validated

    space = {"__module__": question.__module__, "__doc__": question.__doc__}
    return cast("type[BaseModel]", type(question.__name__, (question, Validated), space))


@_once
def _blank(question: type[Question]) -> BaseModel:
    """The question in which nothing is given."""
    return validated(question).model_construct(set(), **_defaults(question))


def _plain(question: type[Question]) -> type[Question]:
    """The class that lists the fields, of it or of the pydantic class made from it."""
    return next(c for c in question.__mro__ if not hasattr(c, "model_fields"))


@_once
def annotated(question: type) -> dict[str, Any]:
    """Every field with its annotation: the parts' in their order, then the class's own."""
    own, *parts = (c for c in question.__mro__ if c.__module__.startswith(__package__))
    found = {n: kind for part in (*parts, own) for n, kind in get_annotations(part).items()}
    return {n: get_annotations(own).get(n, kind) for n, kind in found.items() if get_origin(kind) is not ClassVar}


@_once
def _defaults(question: type) -> dict[str, Any]:
    """What every field holds where nothing is given."""
    return {name: getattr(question, name) for name in annotated(question)}


@_once
def asks(question: type) -> dict[str, Asked]:
    """The fields that a user can give, by name: by group, and there in the order of the parts."""
    found: dict[str, Asked] = {}
    for name, kind in annotated(question).items():
        ask = next((m for m in getattr(kind, "__metadata__", ()) if isinstance(m, Ask)), None)
        if ask is not None:
            found[name] = Asked(name, ask, _choices(kind.__origin__), getattr(question, name))
    return dict(sorted(found.items(), key=lambda item: GROUPS.index(item[1].ask.group)))


def _choices(kind: Any) -> tuple[Any, ...]:
    if get_origin(kind) is Literal:
        return get_args(kind)
    return next((found for part in get_args(kind) if (found := _choices(part))), ())


def fields_of(*parts: type) -> tuple[str, ...]:
    """The names of the fields of some parts, each once."""
    return tuple(dict.fromkeys(name for part in parts for name in asks(part)))


@_once
def names(question: type[Question]) -> dict[str, str]:
    """Every name of a field → the field: its own, and the aliases that no field has for its own."""
    fields = asks(question)
    other = {a: n for n, asked in fields.items() for a in (*asked.ask.aliases, *dict(asked.ask.worded))}
    return {**other, **{name: name for name in fields}}


def under_own_names(question: type[Question], given: Mapping[str, Any]) -> dict[str, Any]:
    """What a user gave, each under the name of its field; what is no field stays as it is.

    Raises
    ------
    InputError
        One field under two names.
    """
    fields, known, found = asks(question), names(question), dict[str, Any]()
    for key, value in given.items():
        name = known.get(key, key)
        if value is None or name == key:
            found.setdefault(name, value)
            continue
        if given.get(name) is not None or found.get(name) is not None:
            raise InputError(key.replace("_", "-"), value, f"one of {fields[name].field} and {key.replace('_', '-')}")
        found[name] = fields[name].said_as(key, value)
    return found


def read_fields(question: type[Question], given: Mapping[str, Any]) -> dict[str, Any]:
    """The values that a question holds, out of what a user gave; None is not given.

    Raises
    ------
    InputError
        A field that the question does not have, a wrong unit, a senseless value.
    """
    fields, read = asks(question), dict[str, Any]()
    for name, value in under_own_names(question, given).items():
        if value is None:
            continue
        if name not in fields:
            raise _unknown(question, name, value)
        found = fields[name].read(value)
        if "in_samples" in found:
            found["in_samples"] += read.get("in_samples", ())
        read |= found
    if "machine" in read and "hardware" in fields:
        read["hardware"] = _measured_device(read["machine"], read.get("hardware"))
    return read


def _measured_device(file: Any, named: Any) -> Any:
    """The hardware of a question with a machine file: what the file is of; it is read when somebody looks it up."""
    from mfu_planner.hardware import OwnDevice
    from mfu_planner.machine.own_machine import read_machine

    if isinstance(named, OwnDevice):
        return named
    text = named or ("machine.yaml" if isinstance(file, Mapping) else str(file))
    return OwnDevice(text, lambda: read_machine(file).accelerator, named=named is not None)


def filled(question: type[Question], given: Mapping[str, Any]) -> dict[str, Any]:
    """Every field with its value, for a command that answers before pydantic would be there."""
    return {**{name: asked.default for name, asked in asks(question).items()}, **read_fields(question, given)}


def _unknown(question: type[Question], key: str, value: Any) -> InputError:
    """The refusal of a field that a question does not have."""
    from mfu_planner.questions.commands import every_name

    accepted = f"nothing: {question.command} does not use it" if key in every_name() else "a known field"
    meant = (names(question)[name] for name in nearest(key.replace("-", "_"), names(question)))
    said = "a text" if accepted == "a known field" and isinstance(value, str) else value  # it may be a secret
    return InputError(key.replace("_", "-"), said, accepted, tuple(dict.fromkeys(n.replace("_", "-") for n in meant)))
