"""Strict YAML: unique keys, YAML 1.2 numbers and booleans, bounded size and depth, no aliases or tags."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from mfu_planner.errors import InputError
from mfu_planner.facts._user_file import open_file

_MAX_BYTES = 1 << 20
_MAX_DEPTH = 24
_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Refused(yaml.MarkedYAMLError):
    """Valid YAML that a fact file must not hold."""

    def __init__(self, problem: str, mark: Any) -> None:
        super().__init__(problem=problem, problem_mark=mark)


class _Loader(_BASE):  # type: ignore[misc]
    """The safe loader without YAML 1.1's surprises."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise _Refused(f"the key {key!r} is not text: quote it", key_node.start_mark)
            if key in seen:
                raise _Refused(f"the key {key!r} appears twice", key_node.start_mark)
            seen.add(key)
        return dict(super().construct_mapping(node, deep=deep))


def _yaml_1_2() -> None:
    """Replace the implicit rules of YAML 1.1 by the core schema of 1.2 (and keep ISO dates)."""
    resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    rules = (
        ("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
        ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
        ("tag:yaml.org,2002:int", r"^[-+]?[0-9]+$", "-+0123456789"),
        ("tag:yaml.org,2002:float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
        ("tag:yaml.org,2002:timestamp", r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "0123456789"),
    )
    for tag, pattern, first in rules:
        for letter in first:
            resolvers.setdefault(letter, []).append((tag, re.compile(pattern)))
    _Loader.yaml_implicit_resolvers = resolvers


_yaml_1_2()


def _decimal_int(loader: Any, node: Any) -> int:
    return int(loader.construct_scalar(node), 10)


def _float(loader: Any, node: Any) -> float:
    return float(loader.construct_scalar(node))


_Loader.add_constructor("tag:yaml.org,2002:int", _decimal_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _float)


def _bounded(text: str) -> None:
    """Refuse aliases and deep nesting before anything is built (the C parser composes without asking)."""
    depth = 0
    for event in yaml.parse(text, Loader=_BASE):
        if isinstance(event, yaml.AliasEvent):
            problem = f"the alias *{event.anchor}: repeat the value instead"
            raise _Refused(problem, event.start_mark)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH:
            raise _Refused(f"nested deeper than {_MAX_DEPTH}", event.start_mark)


def load_text(text: str, where: str) -> Any:
    """Parse one strict YAML document; ``where`` names it in errors."""
    if len(text.encode("utf-8", "surrogatepass")) > _MAX_BYTES:
        raise InputError(where, f"{len(text):,} characters", f"a YAML file below {_MAX_BYTES:,} bytes")
    loader = None
    try:
        _bounded(text)
        loader = _Loader(text)
        return loader.get_single_data()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or str(error)
        raise InputError(f"{where}{line}", problem, "strict YAML (unique keys, no aliases, no tags)") from None
    except (RecursionError, ValueError, OverflowError) as error:
        raise InputError(where, str(error), "strict YAML") from None
    finally:
        if loader is not None:
            loader.dispose()


def load_file(path: Path) -> Any:
    """Parse one strict YAML file."""
    try:
        with open_file(path, "file", "a YAML file", _MAX_BYTES) as file:
            text = file.read().decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(str(path), "bytes that are not UTF-8", "a YAML file in UTF-8") from None
    return load_text(text, str(path))
