"""Every sample of this folder gives its expected values; each was written so that they follow from hand arithmetic."""

from __future__ import annotations

import contextlib
import csv
from functools import cache
from pathlib import Path

import pytest

from mfu_planner.errors import NoAnswer
from mfu_planner.observe.logs import read_log
from mfu_planner.observe.logs.check_samples import main
from mfu_planner.observe.logs.dialects import DIALECTS
from mfu_planner.observe.logs.formats import all_formats

SAMPLES = Path(__file__).parent / "samples"
ROWS = list(csv.DictReader((SAMPLES / "expected.csv").read_text(encoding="utf-8").splitlines()))


@cache
def told(file: str) -> str | None:
    """The format that a sample is read as."""
    with contextlib.suppress(NoAnswer):
        return read_log(SAMPLES / file).format
    return None


def test_all_speeds_and_claims_within_one_percent(capsys):
    """The checker's table names every file and misses no speed and no claim; without an expected.csv it exits 2."""
    assert main([str(SAMPLES)]) == 0
    *rows, total = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in rows} == {row["file"] for row in ROWS}
    assert total.startswith(f"{len(ROWS)}/{len(ROWS)} ")
    assert [line for line in rows if not line.rstrip().endswith(" ok")] == []
    assert main([str(SAMPLES / "wandb-run")]) == 2


@pytest.mark.each("row", [row for row in ROWS if "wandb-run" not in row["file"]])
def test_format_is_told_by_content_not_by_name(row, tmp_path):
    """A file under another name reads the same; runs keep their companion files."""
    renamed = tmp_path / "a-file"
    renamed.write_bytes((SAMPLES / row["file"]).read_bytes())
    try:
        assert read_log(renamed).format == told(row["file"])
    except NoAnswer:
        assert told(row["file"]) is None


def test_told_format_of_each_sample_that_names_one():
    """Formats that stand in the table are the ones that are told."""
    named = {row["file"]: row["format"] for row in ROWS if row["format"]}
    assert {file: told(file) for file in named} == named


def test_every_format_and_dialect_has_a_sample():
    """A reader without a sample of its own is not tested by anything."""
    known = {kind.name for kind in all_formats()} | {dialect.name for dialect in DIALECTS}
    assert known - {told(row["file"]) for row in ROWS} == set()
