"""``mfu-planner trace``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mfu_planner.cli.options import asking
from mfu_planner.cli.output import emit

_SHOWN_FROM = 32 << 20
"""Bytes on disk from which progress is shown."""


@asking("trace")
def command(as_json: bool, files: tuple[str, ...], **flags: Any) -> None:
    """Where the time of a profiler trace went: busy, communication, idle and why.

    FILE is a Chrome trace of torch.profiler, torch_npu or JAX, plain or .gz, JAX's .xplane.pb, or a SQLite export of
    Nsight Systems; several files or a folder are several ranks; '-' is stdin.

    \b
    mfu-planner trace rank0.pt.trace.json.gz
    mfu-planner trace traces/ --window steps
    mfu-planner trace rank0.json --model llama-3.1-8b --global-batch 512
    """
    from mfu_planner.observe.traces import read_trace

    report = read_trace(files, progress=_progress(files), **flags)
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
