"""``mfu-planner trace``."""

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


@click.command("trace")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--window",
    default="gpu",
    show_default=True,
    help="gpu: first to last device activity; steps: first to last profiler step.",
)
@text("step", "One profiler step (5) or a range (5:8) in place of --window.", "NUMBER")
@click.option("--top", type=int, default=5, show_default=True, help="Kernels shown per class.")
@click.option("--jobs", type=int, help="Processes that read the ranks side by side.")
@text("scheduler", "Address of a Dask scheduler whose workers see the files.", "ADDRESS")
@model_options
@hardware_options
@devices_option
@text("global-batch", "Sequences per step of the whole job, or '16M tokens': with a model, the MFU.", "BATCH")
@text("step-time", "Seconds of one step, where the trace does not show its steps.", "TIME")
@convention_option
@json_option
def command(files: tuple[str, ...], window: str, step: str | None, top: int, as_json: bool, **flags: Any) -> None:
    """Where the time of a profiler trace went: busy, communication, idle and why.

    FILE is a Chrome trace of torch.profiler or JAX, plain or .gz, or a SQLite export of Nsight Systems; several files
    or a folder are several ranks; '-' is stdin.

    \b
    mfu-planner trace rank0.pt.trace.json.gz
    mfu-planner trace traces/ --window steps
    mfu-planner trace rank0.json --model llama-3.1-8b --global-batch 512
    """
    from mfu_planner.observe.traces import read_trace

    given = without_empty(flags)
    report = read_trace(files, window=window, step=step, top=top, progress=_progress(files), **given)
    from mfu_planner.observe.traces.render import render

    emit(report.model_dump(mode="json"), as_json, lambda console: render(report, console))


def _progress(files: tuple[str, ...]) -> Callable[[str, int, int], None] | None:
    """A line on stderr that is overwritten, for large inputs on a terminal only."""
    size = sum(Path(f).stat().st_size for f in files if f != "-" and Path(f).is_file())
    if size < _SHOWN_FROM or not sys.stderr.isatty():
        return None

    def show(file: str, done: int, total: int) -> None:
        share = f"{done / total:4.0%}" if total else f"{done >> 20} MiB"
        ending = "\r" if not total or done < total else "\n"
        sys.stderr.write(f"\rreading {Path(file).name[:60]} {share}{ending}")
        sys.stderr.flush()

    return show
