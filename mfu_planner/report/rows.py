"""An answer's rows for a spreadsheet or a page."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

_ROWS = {
    "flops": ("operators",),
    "plan": ("providers", "stages"),
    "predict": ("waterfall",),
    "search": ("layouts",),
    "diagnose": ("actions", "gap"),
    "hardware": ("accelerators", "clusters"),
    "models": ("models",),
    "backtest": ("rows",),
    "log": ("jobs",),
    "mfu": (),
}
"""Command → its lists of rows, the first that holds any counts; an answer without one is a row itself."""


def rows_of(answer: Mapping[str, Any], command: str) -> list[dict[str, Any]]:
    """The rows of an answer."""
    for name in _ROWS.get(command, ()):
        if answer.get(name):
            return [dict(row) for row in answer[name]]
    return [dict(answer)]


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV; what holds several values is left to the JSON."""
    if not rows:
        return ""
    text = io.StringIO()
    writer = csv.DictWriter(text, _names(rows), extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: _harmless(v) for k, v in row.items()} for row in rows)
    return text.getvalue()


def as_markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as a Markdown table; an answer of one row as a list of what and how much."""
    if not rows:
        return ""
    names = _names(rows)
    if len(rows) == 1:
        lines: list[Sequence[Any]] = [("what", "value"), *((name, rows[0].get(name)) for name in names)]
    else:
        lines = [names, *([row.get(name) for name in names] for row in rows)]
    shown = [f"| {' | '.join(_cell(cell) for cell in line)} |\n" for line in lines]
    return "".join([shown[0], f"|{' --- |' * len(lines[0])}\n", *shown[1:]])


def _names(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The keys that hold single values, in their order."""
    every = dict.fromkeys(name for row in rows for name in row)
    return [n for n in every if not any(isinstance(row.get(n), list | tuple | Mapping) for row in rows)]


def _harmless(value: Any) -> Any:
    """Text that a spreadsheet would run as a formula is quoted."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#|$" else c for c in " ".join(text.split()))
