"""Leaving one source out: nothing of a source is in the constants that judge it."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys

import numpy as np
import pytest

from mfu_planner import InputError
from mfu_planner.backtesting import backtest
from mfu_planner.backtesting.runs import read_runs
from mfu_planner.facts import folder
from mfu_planner.machine.without import on_file_without, stated, without

SOURCES = ("korth", "mlm", "mnano")


@pytest.fixture(scope="module")
def script():
    """``fit_without.py`` as a module."""
    sys.path.insert(0, str(folder("calibration")))
    spec = importlib.util.spec_from_file_location("fit_without", folder("calibration") / "fit_without.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(folder("calibration")))


@pytest.fixture(scope="module")
def rows(script):
    """The rows of a few sources."""
    return script.read_rows([run for run in read_runs() if run.source in SOURCES])


def test_a_source_says_nothing_of_the_constants_that_judge_it(script, rows):
    """Other step times of the source, the same constants; of another source, others."""
    slower = [dataclasses.replace(g, seconds=g.seconds + np.log(1.5)) if g.source == "korth" else g for g in rows]
    known = script.on_file()

    def refit(groups, source):
        generic = dict(script.Generic(groups, known).without(source))
        return generic, dict(script.changes(source, groups, known, []))

    (generic, own), (generic_again, own_again) = refit(rows, "korth"), refit(slower, "korth")
    assert generic_again == pytest.approx(generic, rel=2e-3)
    assert own_again == own
    assert any("megatron-2021" in place for place in own)
    (generic, own), (generic_again, own_again) = refit(rows, "mlm"), refit(slower, "mlm")
    assert generic_again != pytest.approx(generic, rel=2e-3)
    assert own_again != own


def test_the_kept_constants_are_those_of_the_script(script, rows):
    """What the file holds for a source, its script finds again."""
    kept = [(place, value) for place, value in on_file_without()["korth"] if not place.startswith("ranges/")]
    generic = [(place, value) for place, value in kept if place.startswith("stacks/generic/")]

    assert script.changes("korth", rows, script.on_file(), generic) == [(p, pytest.approx(v)) for p, v in kept]


def test_a_stack_without_other_rows_keeps_what_its_papers_state():
    """Composer's runs are all of one source: without it only that it shards as ZeRO-3 is known."""
    left = without("llmf").stacks

    assert left["composer-fsdp-2024"]["constants"] == {"zero_stage": 3}
    assert left["nanotron-2025"] == without("nobody").stacks["nanotron-2025"]
    assert stated({"product_factor": 1.1, "data_hidden": 0, "zero_stage": 1}) == {"data_hidden": 0, "zero_stage": 1}


def test_a_source_that_no_fit_saw_is_judged_by_the_constants_on_file(tmp_path):
    """A stranger's file of runs: the same answer with the flag and without."""
    (run,) = (run for run in read_runs() if run.id == "llmf-004")
    own = tmp_path / "runs.csv"
    cells = {**run.cells, "id": "mine-1"}
    own.write_text(
        ",".join(cells) + "\n" + ",".join('"' + v.replace('"', '""') + '"' for v in cells.values()) + "\n", "utf-8"
    )

    (seen,) = backtest(runs=own)["rows"]
    (left,) = backtest(runs=own, leave_one_source_out=True)["rows"]
    assert left == seen
    (known,) = backtest(row="llmf-004", leave_one_source_out=True)["rows"]
    assert known["predicted"] != seen["predicted"]


def test_the_default_stack_stands_beside_the_rows():
    """Named stacks are left out of the question; the error with them stands beside."""
    found = backtest(row="internevo-01", default_stack=True)
    (row,), (own,) = found["rows"], backtest(row="internevo-01")["rows"]

    assert row["row_stack_error"] == own["error"] != row["error"]
    assert found["summary"]["internevo"]["row_stack_median_abs_error"] == abs(own["error"])


@pytest.mark.parametrize("flag", ["leave_one_source_out", "default_stack"])
def test_kinds_without_such_fits_refuse(flag):
    with pytest.raises(InputError, match="step-time"):
        backtest("mfu", **{flag: True})
