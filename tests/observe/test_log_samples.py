"""Every sample of this folder gives its expected values; each was written so that they follow from hand arithmetic."""

from __future__ import annotations

import contextlib
import csv
from pathlib import Path

import pytest

from mfu_planner.errors import NoAnswer
from mfu_planner.observe.logs import read_log
from mfu_planner.observe.logs.check_samples import check, main
from mfu_planner.observe.logs.dialects import DIALECTS
from mfu_planner.observe.logs.formats import all_formats

SAMPLES = Path(__file__).parent / "samples"
ROWS = list(csv.DictReader((SAMPLES / "expected.csv").read_text(encoding="utf-8").splitlines()))


def test_all_speeds_and_claims_within_one_percent():
    """The checker finds no missed speed and no missed claim."""
    missed = [(file, speeds, claims) for file, _, speeds, claims in check(SAMPLES) if speeds or claims]

    assert missed == []


def test_checker_command_prints_a_table(capsys):
    """The command line form exits 0 and names every file; without an expected.csv it exits 2."""
    assert main([str(SAMPLES)]) == 0
    printed = capsys.readouterr().out
    assert all(row["file"] in printed for row in ROWS)
    assert main([str(SAMPLES / "wandb-run")]) == 2


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["file"])
def test_format_is_told_by_content_not_by_name(row, tmp_path):
    """A file under another name reads the same; runs keep their companion files."""
    source = SAMPLES / row["file"]
    if "wandb-run" in row["file"]:
        return
    renamed = tmp_path / "a-file"
    renamed.write_bytes(source.read_bytes())
    try:
        expected = read_log(source).format
    except NoAnswer:
        with pytest.raises(NoAnswer):
            read_log(renamed)
        return

    assert read_log(renamed).format == expected


def test_told_format_of_each_sample_that_names_one():
    """Formats that stand in the table are the ones that are told."""
    told = {row["file"]: read_log(SAMPLES / row["file"]).format for row in ROWS if row["format"]}

    assert told == {row["file"]: row["format"] for row in ROWS if row["format"]}


def test_every_format_and_dialect_has_a_sample():
    """A reader without a sample of its own is not tested by anything."""
    told = set()
    for row in ROWS:
        with contextlib.suppress(NoAnswer):
            told.add(read_log(SAMPLES / row["file"]).format)
    known = {kind.name for kind in all_formats()} | {dialect.name for dialect in DIALECTS}

    assert known - told == set()
