"""``mfu-planner log``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mfu_planner.cli.options import asking
from mfu_planner.cli.output import emit

if TYPE_CHECKING:
    from mfu_planner.observe.logs import LogReport

_SHOWN_FROM = 32 << 20
"""Bytes on disk from which progress is shown."""


@asking(
    "log",
    click.Option(["--formats"], is_flag=True, default=None, help="What is read, and what its figures mean."),
    click.Option(["--expect"], multiple=True, metavar="TEXT", help="Such as 'mfu>=40%': exit status 3 if not met."),
    click.Option(["--baseline"], metavar="FILE", help="A saved --json answer or a log: exit status 3 if slower."),
    click.Option(["--follow"], is_flag=True, default=None, help="Watch the log grow: the same as `watch FILE`."),
    click.Option(["--out"], metavar="FILE", help="A row for every log below a folder, as .csv or .parquet."),
)
def command(
    as_json: bool,
    files: tuple[str, ...] = (),
    column: tuple[str, ...] = (),
    formats: bool = False,
    expect: tuple[str, ...] = (),
    baseline: str | None = None,
    follow: bool = False,
    out: str | None = None,
    **flags: Any,
) -> None:
    """Throughput and MFU from a training log of any framework; the format is told by content.

    FILE is a log, a folder (a Weights & Biases run, say), or '-' for stdin; several files are parts of one run.

    \b
    mfu-planner log train.log --devices 64 --seq-len 8192
    mfu-planner log train.log --model llama-3.1-8b --hardware h100-sxm --devices 64
    mfu-planner log train.log --devices 64 --target-tokens 2T --price '2.5 $/h'
    mfu-planner log metrics.csv --column time=step_seconds --column tokens=batch_tokens
    mfu-planner log train.log --expect 'mfu>=40%' --model llama-3.1-8b --hardware h100-sxm
    """
    from mfu_planner.errors import InputError
    from mfu_planner.observe.logs import read_log

    if formats:
        _formats(as_json)
        return
    if not files:
        raise InputError(
            "FILE", "nothing", "a training log, a folder, or - for standard input (--formats lists formats)"
        )
    if follow:
        from mfu_planner.cli.watch import command as watching

        click.get_current_context().invoke(watching, files=files, **flags)
        return
    if out is not None:
        _jobs(files, out, as_json, flags)
        return
    report = read_log(files, columns=_columns(column), progress=_progress(files), **flags)
    from mfu_planner.observe.logs.render import render

    missed = _missed(report, expect, baseline)
    emit(report.model_dump(mode="json"), as_json, lambda console: render(report, console))
    _hold(missed)


def _formats(as_json: bool) -> None:
    from rich.table import Table

    from mfu_planner.observe.logs.listing import listed

    table = Table("format", "comes as", "its figures", box=None, pad_edge=False)
    for read in listed():
        table.add_row(*read)
    emit({"formats": [read._asdict() for read in listed()]}, as_json, lambda console: console.print(table))


def _jobs(folders: tuple[str, ...], out: str, as_json: bool, flags: dict[str, Any]) -> None:
    from mfu_planner.diagnosis.jobs import COLUMNS, judged
    from mfu_planner.errors import InputError
    from mfu_planner.observe.logs.jobs import read_jobs, write

    if len(folders) != 1 or not Path(folders[0]).is_dir():
        raise InputError("FILE", " ".join(folders), "one folder of logs beside --out")
    rows = read_jobs(Path(folders[0]), judged, COLUMNS, **flags)
    write(rows, Path(out))
    said = f"{len(rows):,} logs, {sum(r['error'] is None for r in rows):,} read: {out}"
    emit({"jobs": rows}, as_json, lambda console: console.print(said))


def _missed(report: LogReport, expect: tuple[str, ...], baseline: str | None) -> list[str]:
    """What the log was expected to be and is not; refuses what is no expectation before anything is shown."""
    from mfu_planner.observe.logs import expecting

    missed = [text for e in expect if (text := expecting.unmet(report, e)) is not None]
    if baseline is not None and (text := expecting.worse(report, Path(baseline))) is not None:
        missed.append(text)
    return missed


def _hold(missed: list[str]) -> None:
    """Exit with a status of its own where the log is not what was expected."""
    from mfu_planner.observe.logs import expecting

    for text in missed:
        sys.stderr.write(f"mfu-planner: not met: {text}\n")
    if missed:
        sys.exit(expecting.NOT_MET)


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
