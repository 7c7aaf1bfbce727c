"""Showing a result: one JSON object for scripts, a table for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA_VERSION = 1


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
    sys.stdout.write(json.dumps(out, allow_nan=False, ensure_ascii=False, separators=(",", ":")) + "\n")
    for warning in result.get("warnings", ()):
        print(f"warning: {warning}", file=sys.stderr)
