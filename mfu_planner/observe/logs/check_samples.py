"""Read every log of a folder and compare with its ``expected.csv``.

Run as ``python -m mfu_planner.observe.logs.check_samples DIR``.

Known columns: ``file``, ``n_gpus``, ``global_batch_size``, ``seq_len`` (given to the reader) and ``step_time_s``,
``tokens_per_s``, ``tokens_per_s_per_gpu``, ``samples_per_s``, ``reported_tflops_per_gpu``, ``reported_mfu_pct``,
``implied_peak_tflops`` (compared).  The exit status is 1 when a speed is missed.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from mfu_planner.errors import PlannerError
from mfu_planner.observe.logs import LogReport, read_log

_SPEEDS = ("step_time_s", "tokens_per_s", "tokens_per_s_per_gpu", "samples_per_s")
_CLAIMS = ("reported_tflops_per_gpu", "reported_mfu_pct", "implied_peak_tflops")
_GIVEN = {"n_gpus": "devices", "global_batch_size": "global_batch", "seq_len": "seq_len"}
TOLERANCE = 0.01


def check(folder: Path) -> list[tuple[str, str, list[str], list[str]]]:
    """``(file, format, speeds missed, claims missed)`` for each row."""
    with (folder / "expected.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [_row(folder, row) for row in rows]


def _row(folder: Path, row: dict[str, str]) -> tuple[str, str, list[str], list[str]]:
    wanted = {k: float(row[k].replace(",", "")) for k in (*_SPEEDS, *_CLAIMS) if row.get(k)}
    speeds = [k for k in _SPEEDS if k in wanted]
    given = {name: row[column] for column, name in _GIVEN.items() if row.get(column)}
    try:
        report = read_log(folder / row["file"], **given)  # type: ignore[arg-type]
    except PlannerError as error:
        return row["file"], str(error).partition(":")[0], [f"{k}: no answer" for k in speeds], []
    have = _values(report)
    missed = {k: f"{k}: {have[k]} for {v:g}" for k, v in wanted.items() if not _near(have[k], v)}
    missed_speeds, missed_claims = ([missed[k] for k in names if k in missed] for names in (_SPEEDS, _CLAIMS))
    return row["file"], report.format, missed_speeds, missed_claims


def _values(report: LogReport) -> dict[str, float | None]:
    mfu = report.reported.mfu
    return {
        "step_time_s": report.step_time_s,
        "tokens_per_s": report.tokens_per_s,
        "tokens_per_s_per_gpu": report.tokens_per_s_per_device,
        "samples_per_s": report.samples_per_s,
        "reported_tflops_per_gpu": report.reported.tflops_per_device,
        "reported_mfu_pct": None if mfu is None else 100 * mfu,
        "implied_peak_tflops": None if report.implied_peak is None else report.implied_peak.flops_per_s / 1e12,
    }


def _near(have: float | None, wanted: float) -> bool:
    return have is not None and abs(have / wanted - 1) <= TOLERANCE


def main(arguments: list[str]) -> int:
    """Print the table; 0 when every speed is met."""
    if len(arguments) != 1 or not (Path(arguments[0]) / "expected.csv").is_file():
        sys.stderr.write("check-samples: give a folder that has an expected.csv\n")
        return 2
    results = check(Path(arguments[0]))
    width = max(len(r[0]) for r in results)
    for file, name, speeds, claims in results:
        mark = "miss" if speeds else "ok"
        sys.stdout.write(f"{file:{width}}  {name:24} {mark:4}  {'; '.join(speeds + ['(' + c + ')' for c in claims])}\n")
    good = sum(not r[2] for r in results)
    sys.stdout.write(f"{good}/{len(results)} within {TOLERANCE:.0%}\n")
    return 0 if good == len(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
