"""The text under each field of the question classes, read from their source where help, schema or reference ask."""

from __future__ import annotations

import ast
import inspect
import sys
from functools import cache

from mfu_planner.questions.question import Question


def help_of(question: type[Question]) -> dict[str, str]:
    """Field → the text under it, that of the most specific class; empty where the source is not at hand."""
    found: dict[str, str] = {}
    for part in reversed(question.__mro__):
        if part.__module__.startswith("mfu_planner.questions."):
            found |= _module(part.__module__).get(part.__name__, {})
    return found


@cache
def _module(name: str) -> dict[str, dict[str, str]]:
    """Class → field → text, for every class of a module."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[name]))
    except OSError:
        return {}
    return {node.name: _fields(node) for node in tree.body if isinstance(node, ast.ClassDef)}


def _fields(node: ast.ClassDef) -> dict[str, str]:
    found = {}
    for field, text in zip(node.body, node.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
            and isinstance(text.value.value, str)
        ):
            found[field.target.id] = " ".join(text.value.value.split())
    return found
