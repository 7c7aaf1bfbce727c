"""The sentences that the planner says below the form: literals and f-strings of the packages that compute.

An f-string's message id has ``{0}``, ``{1}`` … in place of its values; `mfu_planner.ui.sentences` finds them again.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from mfu_planner.ui.sentences import message

PACKAGE = Path(__file__).resolve().parents[1] / "mfu_planner"
_LEFT_OUT = (
    "cli/", "agent/", "recording/", "probing/", "fitting/", "calibrating/", "report/", "facts/", "moved.py",
    "later.py", "hardware/_build.py", "diagnosis/bench.py", "diagnosis/render.py", "diagnosis/cases/",
    "backtesting/report.py", "backtesting/plots.py", "backtesting/tables.py", "backtesting/strangers.py",
    "backtesting/index.py", "observe/watch/", "observe/callbacks.py", "observe/meter.py", "observe/logs/render.py",
    "observe/traces/render.py", "observe/traces/spread.py", "observe/logs/check_samples.py",
    "observe/logs/expecting.py", "observe/logs/jobs.py", "observe/logs/clock.py", "observe/logs/header.py",
    "observe/logs/metric_names.py", "observe/logs/listing.py", "observe/logs/dialects/", "observe/traces/timeline.py",
    "numeric/formula.py", "run/scaling.py", "questions/texts.py",
)  # fmt: skip
"""What never speaks on a page: other surfaces, tools for developers, names of fields in logs."""
_DATA = {
    "calibration/stacks.yaml": ("meaning",),
    "calibration/fabrics.yaml": ("meaning",),
    "calibration/usable_memory.yaml": ("basis",),
    "hardware_specs/energy/*.yaml": ("basis",),
    "hardware_specs/prices/*.yaml": ("basis", "title"),
    "published_runs/scaling_laws.yaml": ("title",),
    "mfu_planner/step/letters.yaml": ("means",),
    "model_specs/*.json": ("seq_len_source", "proxy", "config_note"),
    "published_runs/sources.yaml": ("why", "reason"),
}
"""Files of facts → the keys under which they say something that a page shows."""
_VALUES = Path(__file__).with_name("core_values.txt")
"""Words and turns of facts and names that stand as values in sentences."""
_OWN = 30
"""Characters of its own by which a message is known in a remark that was filled from it."""
_FORM = "ui/"
"""Whose own texts are the other catalogue's; what it refuses is said as the rest of the planner says it."""
_TERSE = ("observe/logs/formats/",)
"""Where short literals are names of fields in logs."""
_NO_SENTENCE = {"compile", "match", "search", "sub", "fullmatch", "finditer", "findall", "Ask", "TypeVar"}
_NO_SENTENCE |= {"AssertionError", "TypeError", "RuntimeError", "KeyError"}
_ERRORS = ("InputError", "NoAnswer")
_WORDS = re.compile(r"[A-Za-z]{2,}[^A-Za-z]* .*[a-z]{2,}", re.DOTALL)
_WORD = re.compile(r"(?:^| )[a-zA-Z][a-z]{2,}(?= |$|[:;,.])")
"""What a sentence with values has, even where the values say most of it."""
_SIGNS = re.compile(
    r"\\[a-z]|\(\?|https?://|^SELECT |^str \||^[\w*+(), ./-]*\*[\w*+(), ./-]*$|^[\w.{}×]+( [×·/=] [\w.{}]+)+$"
    r"|^\{0\}: [a-z]+$|^Memcpy|^version|^\\left"
)
"""Patterns, addresses, queries and formulas of field names."""


def sentences() -> dict[str, str]:
    """Message id → the file where it stands first."""
    found: dict[str, str] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name.startswith(_LEFT_OUT):
            continue
        tree = ast.parse(path.read_text("utf-8"))
        for text in _refused(tree) if name.startswith(_FORM) else _said(tree):
            if not (name.startswith(_TERSE) and len(text.split()) < 6):
                found.setdefault(text, f"mfu_planner/{name}")
    for text, where in _facts():
        found.setdefault(text, where)
    filled = [each for each in (message(text, "") for text in found) if each.names and each.literal > _OWN]
    for text in _remarks():
        if not any(each.values(text) is not None for each in filled):
            found.setdefault(text, "hardware_specs")
    for word in _VALUES.read_text("utf-8").splitlines():
        found.setdefault(word, "scripts/core_values.txt")
    return found


def _facts() -> Iterator[tuple[str, str]]:
    """What files of facts say, and where."""
    for pattern, keys in _DATA.items():
        for path in sorted(PACKAGE.parent.glob(pattern)):
            for text in _told(yaml.load(path.read_text("utf-8"), yaml.CSafeLoader), keys):
                yield text, path.relative_to(PACKAGE.parent).as_posix()


def _remarks() -> Iterator[str]:
    """What is said of an accelerator on its page: notes on its peaks, its other figures and its name."""
    from mfu_planner.hardware._index import index
    from mfu_planner.hardware._records import full_record

    for name in index()["accelerators"]:
        record = full_record(name)
        for peak in record["peak_flops_per_s"].values():
            yield from filter(None, (peak.get("note"), *(other["reason"] for other in peak.get("alternatives", ()))))
        said = (*record["fact_notes"].values(), *record["notes"], *record["warnings"])
        yield from (text.strip() for text in said if " " in text)


def _told(data: Any, keys: tuple[str, ...]) -> Iterator[str]:
    """The sentences that stand under these keys in a file of facts, however deep."""
    if isinstance(data, dict):
        for key, value in data.items():
            said = value if isinstance(value, list) else [value]
            if key in keys and all(isinstance(text, str) for text in said):
                yield from (text.strip() for text in said if " " in text)
            else:
                yield from _told(value, keys)
    elif isinstance(data, list):
        for value in data:
            yield from _told(value, keys)


def _said(tree: ast.Module) -> Iterator[str]:
    passed: set[int] = set()
    for node in ast.walk(tree):
        passed.update(_within(node))
    for node in ast.walk(tree):
        if id(node) in passed:
            continue
        text = _identifier(node)
        words = _WORDS if isinstance(node, ast.Constant) else _WORD
        if text and words.search(re.sub(r"{\d+}", "·", text)) and not _SIGNS.search(text):
            yield text


def _refused(tree: ast.Module) -> Iterator[str]:
    """What errors say that are raised here."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _ERRORS:
            yield from _said(ast.Module([ast.Return(each) for each in node.args], []))


def _within(node: ast.AST) -> Iterator[int]:
    """What of a node is no sentence of its own: docstrings, pieces of f-strings, patterns, keys."""
    body = getattr(node, "body", None)
    for statement in body if isinstance(body, list) else []:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            yield id(statement.value)
    inner: list[ast.AST] = []
    if isinstance(node, ast.JoinedStr):
        yield from (id(part) for part in node.values if isinstance(part, ast.Constant))
        inner = [p.format_spec for p in node.values if isinstance(p, ast.FormattedValue) and p.format_spec]
    elif isinstance(node, ast.Call):
        called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        inner = [node] if called in _NO_SENTENCE else []
    elif isinstance(node, ast.Assert):
        inner = [node]
    elif isinstance(node, ast.Subscript):
        inner = [node.slice]
    for part in inner:
        yield from (id(each) for each in ast.walk(part))


def _identifier(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.strip()
    if not isinstance(node, ast.JoinedStr):
        return ""
    said, place = "", 0
    for part in node.values:
        if isinstance(part, ast.Constant):
            said += str(part.value)
        else:
            said += f"{{{place}}}"
            place += 1
    return said.strip()
