"""A project's own defaults: flags that a file in the folder states, for every command or for one."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mfu_planner.cli.options import FILES
from mfu_planner.errors import InputError, nearest
from mfu_planner.questions.commands import COMMANDS, every_name
from mfu_planner.questions.question import Question, asks, names

_TABLE = "mfu-planner"
_MOST_BYTES = 1 << 20
_EITHER = (("model", "config", "params"), ("hardware", "machine", "cluster", "peak"), ("price", "provider"))
"""Fields of which a default gives way where another was given."""


def with_defaults(command: str, question: type[Question], given: Mapping[str, Any]) -> dict[str, Any]:
    """What was given, and for what was not, the folder's defaults; what they add is said on stderr.

    Raises
    ------
    InputError
        The file cannot be read, or states what no command takes.
    """
    stated, where = _stated()
    if not stated:
        return dict(given)
    own = names(question)
    said = {own.get(name, name) for name in given}
    said |= {name for group in _EITHER if said & set(group) for name in group}
    everywhere = {n: v for n, v in stated.items() if not isinstance(v, Mapping) and _has_no_evidence(command)}
    added: dict[str, Any] = {}
    for name, value in {**everywhere, **_table(stated, command)}.items():
        field = own.get(name)
        if field is not None and field not in said:
            added[name] = _value(question, field, name, value)
    if added:
        told = ", ".join(f"{name.replace('_', '-')} {value}" for name, value in added.items())
        print(f"warning: from {where}: {told}", file=sys.stderr)
    return {**given, **added}


def _has_no_evidence(command: str) -> bool:
    """Whether a command asks of the user alone: what a log or a trace says must not be overruled unasked."""
    return COMMANDS[command].partition(":")[0] in ("runs", "layouts")


def _value(question: type[Question], field: str, name: str, value: Any) -> Any:
    """A value as the command line would give it."""
    if isinstance(value, bool) or (asks(question)[field].ask.many and isinstance(value, list)):
        return value
    if isinstance(value, str | int | float):
        return str(value)
    raise InputError(name.replace("_", "-"), value, "a number, true, false or text in the defaults file")


def _table(stated: Mapping[str, Any], command: str) -> dict[str, Any]:
    found = stated.get(command)
    return {n.replace("-", "_"): v for n, v in found.items()} if isinstance(found, Mapping) else {}


def _stated() -> tuple[dict[str, Any], str]:
    """What the folder's file states, checked, and the file's name; nothing where there is none."""
    for name in FILES:
        path = Path(name)
        try:
            text = path.read_text("utf-8") if path.is_file() and path.stat().st_size <= _MOST_BYTES else ""
        except (OSError, UnicodeDecodeError) as error:
            raise InputError("defaults", name, f"a readable file: {error}") from None
        if name == FILES[0] and text.strip():
            return _checked(_parsed(text, name), name), name
        if f"[tool.{_TABLE}" in text:
            return _checked(_parsed(text, name).get("tool", {}).get(_TABLE, {}), name), name
    return {}, ""


def _parsed(text: str, name: str) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError("defaults", name, f"TOML: {error}") from None


def _checked(stated: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The same with underscores; every name is a command or a field of one."""
    found = {name.replace("-", "_"): value for name, value in stated.items()}
    for name, value in found.items():
        if isinstance(value, Mapping):
            if name not in COMMANDS:
                raise InputError(
                    where, f"[{name}]", f"a table for one of {', '.join(COMMANDS)}", nearest(name, COMMANDS)
                )
            for key in value:
                _known(key.replace("-", "_"), where)
        else:
            _known(name, where)
    return found


def _known(name: str, where: str) -> None:
    if name not in every_name():
        raise InputError(where, name.replace("_", "-"), "the name of a flag", nearest(name, every_name()))
