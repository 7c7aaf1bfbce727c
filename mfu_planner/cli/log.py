"""``mfu-planner log``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mfu_planner.cli.options import asking
from mfu_planner.cli.output import emit

_SHOWN_FROM = 32 << 20
"""Bytes on disk from which progress is shown."""


@asking("log")
def command(as_json: bool, files: tuple[str, ...], column: tuple[str, ...] = (), **flags: Any) -> None:
    """Throughput and MFU from a training log of any framework; the format is told by content.

    FILE is a log, a folder (a Weights & Biases run, say), or '-' for stdin; several files are parts of one run.

    \b
    mfu-planner log train.log --devices 64 --seq-len 8192
    mfu-planner log train.log --model llama-3.1-8b --hardware h100-sxm --devices 64
    mfu-planner log train.log --devices 64 --target-tokens 2T --price '2.5 $/h'
    mfu-planner log metrics.csv --column time=step_seconds --column tokens=batch_tokens
    """
    from mfu_planner.observe.logs import read_log

    report = read_log(files, columns=_columns(column), progress=_progress(files), **flags)
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
