"""The reference of the Python API, written from signatures, fields and docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from docstrings import Doc, cell, items, markdown, read
from pydantic import BaseModel

_MEMBER = re.compile(r"<(\w+\.\w+): [^>]*>")
_HOME = re.compile(r"(?:mfu_planner|collections\.abc|typing|pathlib|_io|click)\.(?:[a-z_]\w*\.)*")


def reference() -> str:
    """Everything that ``import mfu_planner`` offers: functions first, then classes."""
    return module("mfu_planner")


def module(name: str) -> str:
    """Every public name of a module."""
    home = import_module(name)
    things = [(n, getattr(home, n)) for n in home.__all__]
    functions = [(n, t) for n, t in things if inspect.isfunction(t)]
    classes = [(n, t) for n, t in things if inspect.isclass(t)]
    others = [(n, t) for n, t in things if not callable(t)]
    lines = [line for n, t in functions for line in _function(n, t)]
    lines += [line for n, t in classes for line in _class(n, t)]
    if others:
        lines += ["### Values\n", *(f"- `{n}`: {_value(t)}" for n, t in others), ""]
    return "\n".join(lines)


def _value(thing: Any) -> str:
    if isinstance(thing, dict | tuple):
        return f"a {type(thing).__name__} of {len(thing)}"
    return f"a `{type(thing).__name__}`"


def _signature(thing: Any) -> str:
    """The signature, one argument a line where it is long."""
    try:
        found = inspect.signature(thing)
    except (TypeError, ValueError):
        return "(…)"
    arguments: list[str] = []
    named = False
    for p in found.parameters.values():
        if p.kind is p.KEYWORD_ONLY and not named and not any(a.startswith("*") for a in arguments):
            arguments.append("*")
            named = True
        arguments.append(_argument(p))
    result = found.return_annotation
    returned = "" if result in (found.empty, None, "None") else f" -> {_short(result)}"
    one_line = f"({', '.join(arguments)}){returned}"
    if len(one_line) < 90:
        return one_line
    return "(\n" + "".join(f"    {a},\n" for a in arguments) + f"){returned}"


def _argument(p: inspect.Parameter) -> str:
    stars = "*" if p.kind is p.VAR_POSITIONAL else "**" if p.kind is p.VAR_KEYWORD else ""
    text = f"{stars}{p.name}" + ("" if p.annotation is p.empty else f": {_short(p.annotation)}")
    if p.default is p.empty:
        return text
    default = p.default.__name__ if callable(p.default) else repr(p.default)
    return f"{text} = " + _MEMBER.sub(r"\1", default)


def _short(annotation: Any) -> str:
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return _HOME.sub("", text).replace("NoneType", "None")


def _function(name: str, function: Any) -> Iterator[str]:
    yield f"### {name}\n\n```text\n{name}{_signature(function)}\n```\n"
    yield from _body(read(function))


def _class(name: str, kind: Any) -> Iterator[str]:
    yield f"### {name}\n"
    if issubclass(kind, BaseModel):
        yield from _body(read(kind))
        yield from _fields(kind)
        return
    if not issubclass(kind, BaseException) and not hasattr(kind, "__members__"):
        yield f"```text\n{name}{_signature(kind)}\n```\n"
    yield from _body(read(kind))
    if hasattr(kind, "__members__"):
        yield "One of " + ", ".join(f"`{m.value}`" for m in kind) + ".\n"
        return
    rows = [
        (n, read(getattr(kind, n)).summary)
        for n, t in vars(kind).items()
        if not n.startswith("_") and (inspect.isfunction(t) or isinstance(t, property))
    ]
    if rows:
        yield "| attribute or method | meaning |\n| --- | --- |"
        yield from (f"| `{n}` | {cell(markdown(text))} |" for n, text in rows)
        yield ""


def _fields(kind: type[BaseModel]) -> Iterator[str]:
    yield "| field | type | meaning |\n| --- | --- | --- |"
    documented = _attribute_docs(kind)
    for name, info in kind.model_fields.items():
        shown = _short(info.annotation)
        meaning = info.description or documented.get(name, "")
        yield f"| `{name}` | `{cell(shown)}` | {cell(markdown(meaning))} |"
    yield ""


def _attribute_docs(kind: type[BaseModel]) -> dict[str, str]:
    """The string literals under the fields of a class and its bases."""
    import ast
    import textwrap

    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if base in (BaseModel, object) or not base.__module__.startswith("mfu_planner"):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
        assert isinstance(body, ast.ClassDef)
        for line, below in zip(body.body, body.body[1:], strict=False):
            named = isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)
            if named and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                found[line.target.id] = str(below.value.value)  # type: ignore[attr-defined]
    return found


def _body(doc: Doc) -> Iterator[str]:
    if doc.summary:
        yield f"{markdown(doc.summary)}\n"
    if doc.text:
        yield f"{markdown(doc.text)}\n"
    for formula in doc.math:
        yield f"$$\n{formula}\n$$\n"
    for title in ("Parameters", "Returns", "Raises"):
        if title in doc.sections:
            yield f"*{title}*\n"
            for name, kind, text in items(doc.sections[title]):
                said = f"{kind} {text}".strip() if " " in kind else text
                typed = f" ({markdown(kind)})" if kind and " " not in kind else ""
                yield f"- `{name}`{typed}{f': {markdown(said)}' if said else ''}"
            yield ""
    if "Notes" in doc.sections and doc.sections["Notes"]:
        yield f"{markdown(doc.sections['Notes'])}\n"
    if "Examples" in doc.sections:
        yield f"```pycon\n{doc.sections['Examples']}\n```\n"
