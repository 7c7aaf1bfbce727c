"""Own runs of a source calibrate; the others are judged, and never their own calibration."""

from __future__ import annotations

import csv
import statistics
from pathlib import Path
from typing import Any

import pytest

from mfu_planner import InputError, backtest
from mfu_planner.facts import folder


def table(where: Path, *prefixes: str, change: Any = None) -> str:
    """The published rows of some sources as a file, each changed by a function."""
    with (folder("published_runs") / "runs.csv").open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = [row for row in reader if row["id"].startswith(prefixes)]
        columns = list(reader.fieldnames or ())
    path = where / "runs.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, columns)
        out.writeheader()
        out.writerows(rows if change is None else map(change, rows))
    return str(path)


def slower(row: dict[str, str]) -> dict[str, str]:
    """A run three times as slow."""
    rates = ("tokens_per_s_per_device", "tflops_per_device_reported", "mfu_reported", "hfu_reported")
    found = dict(row)
    for name in rates:
        if found.get(name):
            found[name] = str(float(found[name]) / 3)
    if found.get("step_time_s"):
        found["step_time_s"] = str(3 * float(found["step_time_s"]))
    return found


def test_so_many_rows_calibrate_and_the_others_are_judged(tmp_path: Path) -> None:
    """Each group gives its own runs and no more; figures are of the others."""
    found = backtest(runs=table(tmp_path, "nemo24-", "internevo-"), calibrate=3)
    own = [row for row in found.rows if row["skipped"] == "an own run: the calibration saw it"]
    assert {row["source"] for row in own} == {"nemo24", "internevo"}
    assert len(own) == 6
    judged = [row for row in found.rows if row["error"] is not None]
    assert not {row["id"] for row in own} & {row["id"] for row in judged}
    for source in ("nemo24", "internevo"):
        errors = [abs(row["error"]) for row in judged if row["source"] == source]
        assert found.summary[source]["median_abs_error"] == pytest.approx(statistics.median(errors))
        assert found.summary[source]["median_abs_error"] < 0.1
    assert all(row["low"] < row["predicted"] < row["high"] for row in judged)


def test_a_machine_thrice_as_slow_is_learnt(tmp_path: Path) -> None:
    """Without own runs each of its predictions is a third of the truth; with five, most are near it."""
    path = table(tmp_path, "nemo24-", change=slower)
    alone = backtest(runs=path, leave_one_source_out=True).summary["nemo24"]["median_abs_error"]
    taught = backtest(runs=path, calibrate=5).summary["nemo24"]
    assert alone > 0.5
    assert taught["median_abs_error"] < 0.15
    assert taught["one_factor_median_abs_error"] < 0.25


def test_few_rows_are_not_judged(tmp_path: Path) -> None:
    """A source must leave some rows to judge."""
    found = backtest(runs=table(tmp_path, "nemo24-"), calibrate=10_000)
    assert found.summary["all"]["n"] == 0
    assert all("fewer than 10003 rows" in row["skipped"] for row in found.rows)


def test_no_two_ways_at_once() -> None:
    """One line."""
    with pytest.raises(InputError, match="calibrate"):
        backtest(calibrate=5, leave_one_source_out=True)
    with pytest.raises(InputError, match=r"calibrate: got 'mfu'"):
        backtest("mfu", calibrate=5)
