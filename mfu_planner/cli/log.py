"""``mfu-planner log``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from mfu_planner.cli.options import (
    convention_option,
    devices_option,
    hardware_options,
    model_options,
    text,
    without_empty,
)
from mfu_planner.cli.output import emit, json_option

_SHOWN_FROM = 32 << 20
"""Bytes on disk from which progress is shown."""


@click.command("log")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@devices_option
@text("global-batch", "Sequences per step of the whole job, or '16M tokens'.", "BATCH")
@click.option(
    "--column",
    "column",
    multiple=True,
    metavar="WHAT=NAME",
    help="For CSV and JSON lines: time, time_ms, tokens, total_tokens, elapsed, step, … is the column NAME.",
)
@text("target-tokens", "Tokens to reach: gives the remaining time, device-hours and cost.", "TOKENS")
@text("tokens-done", "Tokens trained so far, where the log does not say.", "TOKENS")
@text("price", "Price of a device-hour, such as '2.5 $/h'.", "PRICE")
@model_options
@hardware_options
@convention_option
@click.option("--recompute", help="none, selective or full activation recomputation: gives the HFU.")
@json_option
def command(files: tuple[str, ...], column: tuple[str, ...], as_json: bool, **flags: Any) -> None:
    """Throughput and MFU from a training log of any framework; the format is told by content.

    FILE is a log, a folder (a Weights & Biases run, say), or '-' for stdin; several files are parts of one run.

    \b
    mfu-planner log train.log --devices 64 --seq-len 8192
    mfu-planner log train.log --model llama-3.1-8b --hardware h100-sxm --devices 64
    mfu-planner log train.log --devices 64 --target-tokens 2T --price '2.5 $/h'
    mfu-planner log metrics.csv --column time=step_seconds --column tokens=batch_tokens
    """
    from mfu_planner.observe.logs import read_log

    given = without_empty(flags)
    report = read_log(files, columns=_columns(column), progress=_progress(files), **given)
    if as_json:
        emit(report.model_dump(mode="json"), True, lambda _: None)
        return
    from mfu_planner.observe.logs.render import render

    emit({}, False, lambda console: render(report, console))


def _columns(pairs: tuple[str, ...]) -> dict[str, str] | None:
    from mfu_planner.errors import InputError

    columns: dict[str, str] = {}
    for pair in pairs:
        what, equals, name = pair.partition("=")
        if not equals or not name:
            raise InputError("column", pair, "WHAT=NAME, such as time=step_seconds")
        columns[what.strip()] = name
    return columns or None


def _progress(files: tuple[str, ...]) -> Callable[[int], None] | None:
    """A line on stderr that is overwritten, for large inputs on a terminal only."""
    size = sum(Path(f).stat().st_size for f in files if f != "-" and Path(f).is_file())
    if (size < _SHOWN_FROM and "-" not in files) or not sys.stderr.isatty():
        return None
    done = 0

    def show(count: int) -> None:
        nonlocal done
        done += count
        share = f"{min(done / size, 1):4.0%}" if size else f"{done >> 20} MiB"
        sys.stderr.write(f"\rreading {share} " + ("\n" if size and done >= size else ""))
        sys.stderr.flush()

    return show
