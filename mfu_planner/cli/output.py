"""Showing a result: a table for people, JSON for scripts, CSV for a spreadsheet, Markdown for a page."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA_VERSION = 1
FORMATS = ("table", "json", "csv", "md")


def output_options() -> list[click.Parameter]:
    """The ``--json``, ``--format`` and ``--specs`` flags."""

    def remember(context: click.Context, _: click.Parameter, value: str | None) -> None:
        context.meta["format"] = value

    def specs(context: click.Context, _: click.Parameter, value: str | None) -> None:
        if value is not None:
            from mfu_planner.hardware import own_specs

            context.with_resource(own_specs(value))

    return [
        click.Option(
            ["--specs"],
            metavar="FOLDER",
            expose_value=False,
            is_eager=True,
            callback=specs,
            help="Your own accelerators and machines, beside the shipped ones (also: MFU_PLANNER_SPECS).",
        ),
        click.Option(["--json", "as_json"], is_flag=True, help="One JSON object on stdout, SI units in the keys."),
        click.Option(
            ["--format"],
            type=click.Choice(FORMATS),
            expose_value=False,
            callback=remember,
            help="table (default), json, or the answer's rows as csv or md (Markdown).",
        ),
    ]


def json_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same flags for a command that is no question's."""
    held = function.__dict__.setdefault("__click_params__", [])
    held.extend(reversed(output_options()))
    return function


def emit(result: Mapping[str, Any], as_json: bool, render: Callable[[Console], None]) -> None:
    """Print ``result`` in the format asked for; ``render`` draws it for people.

    In every other format warnings go to stderr.
    """
    context = click.get_current_context(silent=True)
    shown = (context.meta.get("format") if context else None) or ("json" if as_json else "table")
    if shown == "table":
        from mfu_planner.report.terminal import console

        screen = console()
        _say_devices(result, screen)
        render(screen)
        return
    if shown == "json":
        out = {"schema_version": SCHEMA_VERSION, **result}
        try:
            text = _compact(out)
        except ValueError:
            from mfu_planner.run.frozen import numbered

            out = numbered(out)
            text = _compact(out)
        sys.stdout.write(text + "\n")
    else:
        from mfu_planner.report.rows import as_csv, as_markdown, rows_of

        out = dict(result)
        command = context.command.name if context else None
        sys.stdout.write((as_csv if shown == "csv" else as_markdown)(rows_of(result, command or "")))
    for warning in out.get("warnings") or ():
        print(f"warning: {warning}", file=sys.stderr)


def _say_devices(result: Mapping[str, Any], screen: Console) -> None:
    """What one device is, before anything else, where it is a part of what people count."""
    if result.get("device_is") is None:
        return
    rates = [f"counted in {u}s: MFU {mfu:.2%}" for u, mfu in (result.get("mfu_if_counted_in") or {}).items()]
    parts = [result["device_is"], result.get("device_reading"), *rates]
    screen.print(". ".join(p[0].upper() + p[1:] for p in parts if p) + ".", markup=False)


def _compact(out: Mapping[str, Any]) -> str:
    return json.dumps(out, allow_nan=False, ensure_ascii=False, separators=(",", ":"), default=dict)
