"""A folder of many jobs: a row for each, read side by side."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfu_planner.errors import InputError, NoAnswer, PlannerError
from mfu_planner.observe.logs import wandb_folder

if TYPE_CHECKING:
    from mfu_planner.observe.logs.report import LogReport

_ENDINGS = frozenset({"", ".log", ".txt", ".out", ".err", ".jsonl", ".json", ".csv", ".tfevents", ".gz"})
_COLUMNS = ("format", "steps", "step_time_s", "tokens_per_s", "tokens_per_s_per_device", "samples_per_s", "devices",
            "global_batch", "seq_len", "device_name", "mfu", "mfu_by_arithmetic")  # fmt: skip
#: Below this many logs a second process takes longer to start than it saves.
_WORTH_A_POOL, _CHUNK = 64, 32
Row = dict[str, Any]


Judge = Callable[["LogReport", Mapping[str, Any]], Row]
"""Further columns of a log that was read, by the flags of all jobs."""


def read_jobs(folder: Path, judge: Judge | None = None, columns: Sequence[str] = (), **flags: Any) -> list[Row]:
    """A row per log below a folder, in the order of their paths; what cannot be read has its reason in ``error``.

    Parameters
    ----------
    folder
        Every file below it that could be a log is a job.
    judge, columns
        What adds further columns to a row, and their names.
    flags
        Those of :func:`mfu_planner.read_log`, for all jobs.

    Raises
    ------
    NoAnswer
        No file below the folder could be a log.
    """
    files = list(_logs(folder))
    if not files:
        raise NoAnswer(f"no log below {folder}: name a folder of logs")
    row = partial(_row, folder, flags, judge, tuple(columns))
    if len(files) < _WORTH_A_POOL:
        return [row(f) for f in files]
    first = row(files[0])  # what it loads, the processes that fork off have from the start
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        return [first, *pool.map(row, files[1:], chunksize=_CHUNK)]


def _logs(folder: Path) -> Iterator[Path]:
    seen = set()
    for path in sorted(folder.rglob("*")):
        if (run := wandb_folder.run_folder(path) if path.is_file() else None) is not None:
            if run not in seen:  # one job, whatever files tell of it
                seen.add(run)
                yield run
        elif path.is_file() and (path.suffix.lower() in _ENDINGS or "tfevents" in path.name):
            yield path


def _row(folder: Path, flags: Mapping[str, Any], judge: Judge | None, columns: tuple[str, ...], path: Path) -> Row:
    from mfu_planner.observe.logs.read import read_log

    out: Row = {"job": str(path.relative_to(folder))}
    try:
        report = read_log(path, **flags)
    except PlannerError as error:
        return out | dict.fromkeys((*_COLUMNS, *columns)) | {"finding": None, "error": str(error)}
    worst = next((f.message for f in report.findings if f.severity != "note"), None)
    more = judge(report, flags) if judge is not None else {}
    return out | {name: getattr(report, name) for name in _COLUMNS} | more | {"finding": worst, "error": None}


def write(rows: list[Row], out: Path) -> None:
    """Rows as CSV, or as Parquet where the name ends so.

    Raises
    ------
    InputError
        The file cannot be written, or Parquet is asked for without pyarrow.
    """
    try:
        if out.suffix == ".parquet":
            _parquet(rows, out)
        else:
            text = io.StringIO(newline="")
            table = csv.DictWriter(text, list(rows[0]))
            table.writeheader()
            table.writerows(rows)
            out.write_text(text.getvalue(), encoding="utf-8")
    except OSError as error:
        raise InputError("out", str(out), f"a file that can be written ({error.strerror})") from None


def _parquet(rows: list[Row], out: Path) -> None:
    try:
        arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError:
        raise InputError(
            "out", str(out), "a .csv file, or .parquet with the extra: pip install 'mfu-planner[parquet]'"
        ) from None
    parquet.write_table(arrow.Table.from_pylist(rows), out)
