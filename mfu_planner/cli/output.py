"""Showing a result: one JSON object for scripts, a table for people."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA_VERSION = 1
_NAMED = 8
"""Keys named in the warning on values that are no numbers."""


def json_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The ``--json`` flag."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, SI units in the keys.")(
        function
    )


def console() -> Console:
    """The terminal, with colour where it has any."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=False)


def emit(result: Mapping[str, Any], as_json: bool, render: Callable[[Console], None]) -> None:
    """Print ``result`` as JSON, or let ``render`` draw it; warnings go to stderr in JSON mode."""
    if not as_json:
        render(console())
        return
    out = {"schema_version": SCHEMA_VERSION, **result}
    try:
        text = _compact(out)
    except ValueError:
        lost: list[str] = []
        out = finite(out, "", lost)
        unknown = f"{', '.join(lost[:_NAMED])}: beyond any number, so null"
        out["warnings"] = [*(out.get("warnings") or ()), unknown]
        text = _compact(out)
    sys.stdout.write(text + "\n")
    for warning in out.get("warnings") or ():
        print(f"warning: {warning}", file=sys.stderr)


def _compact(out: Mapping[str, Any]) -> str:
    return json.dumps(out, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def finite(value: Any, where: str, lost: list[str]) -> Any:
    """The same with null for NaN and infinity, which JSON has no word for; their keys are added to ``lost``."""
    if isinstance(value, float) and not math.isfinite(value):
        lost.append(where)
        return None
    if isinstance(value, Mapping):
        return {k: finite(v, f"{where}.{k}" if where else str(k), lost) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(v, f"{where}[{i}]", lost) for i, v in enumerate(value)]
    return value
