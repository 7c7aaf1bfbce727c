"""How the command line behaves around an answer: help, formats, errors for programs, streams, tables of any width."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.box import SIMPLE_HEAD
from rich.table import Table

from mfu_planner.cli.main import main
from mfu_planner.report.terminal import WholeTables

START = "from mfu_planner.cli.main import main; main()"
LAYOUT = ["--model", "gpt2", "--hardware", "h100-sxm", "--devices", "8", "--global-batch", "64"]


def answer(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    """What a command prints."""
    main(list(args))
    return capsys.readouterr().out


@pytest.mark.parametrize("args", [[], ["help"], ["--help"]])
def test_no_command_is_a_wish_for_help(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The commands, each on a line of its own."""
    shown = answer(capsys, *args)
    assert shown.startswith("Usage: mfu-planner")
    assert any(line.split()[:1] == ["plan"] for line in shown.splitlines())


def test_help_of_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    """As with the flag; as a module, too."""
    shown = answer(capsys, "help", "search")
    assert shown == answer(capsys, "search", "--help")
    done = subprocess.run(
        [sys.executable, "-m", "mfu_planner", "help", "search"], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == shown.split()


@pytest.mark.parametrize("flags", [["--json"], ["--format", "json"], ["--format=json"]])
def test_an_error_for_a_program(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """One object on one line of stderr."""
    with pytest.raises(SystemExit) as ended:
        main(["predict", *LAYOUT, "--optimizer", "adan", *flags])
    out, err = capsys.readouterr()
    assert (ended.value.code, out, err.count("\n")) == (2, "", 1)
    said = json.loads(err)
    assert (said["field"], said["given"], said["nearest"][0]) == ("optimizer", "adan", "adam")
    assert "adafactor" in said["accepted"]


def test_no_answer_for_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    """No field is wrong; what to change is said."""
    with pytest.raises(SystemExit) as ended:
        main(["search", *LAYOUT, "--micro-batch", "7", "--json"])
    said = json.loads(capsys.readouterr().err)
    assert (ended.value.code, said["field"]) == (1, None)
    assert said["message"]


def test_rows_as_csv_and_markdown(capsys: pytest.CaptureFixture[str]) -> None:
    """The waterfall: its seconds add up to the step."""
    step = json.loads(answer(capsys, "predict", *LAYOUT, "--json"))["step_time_s"]
    rows = list(csv.DictReader(io.StringIO(answer(capsys, "predict", *LAYOUT, "--format", "csv"))))
    assert sum(float(row["seconds"]) for row in rows) == pytest.approx(step)
    lines = answer(capsys, "predict", *LAYOUT, "--format", "md").splitlines()
    assert lines[0] == "| name | seconds | share | meaning |"
    assert len(lines) == len(rows) + 2


def test_an_answer_without_rows_is_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    """A measurement."""
    asked = ("mfu", "--model", "gpt2", "--hardware", "h100-sxm", "--tokens-per-second-per-device", "200K")
    (row,) = csv.DictReader(io.StringIO(answer(capsys, *asked, "--format", "csv")))
    assert float(row["mfu"]) == json.loads(answer(capsys, *asked, "--json"))["mfu"]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("width", [60, 80, 132])
def test_no_number_of_a_table_is_cut(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The catalogue at any width holds every figure that it has on a wide screen."""

    def words(columns: int) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(columns))
        return [w for w in answer(capsys, "hardware").split() if not w.startswith("─")]

    assert words(width) == words(300)


def test_words_wrap_and_numbers_do_not() -> None:
    """Prose gives way first; below that the table is wider than the terminal."""
    for width in (30, 50):
        table = Table(box=SIMPLE_HEAD)
        table.add_column("what it is")
        table.add_column("figure", justify="right")
        table.add_row("a long text that wraps over lines", "12,345,678.9 TFLOP/s")
        out = io.StringIO()
        WholeTables(file=out, width=width).print(table)
        assert "12,345,678.9 TFLOP/s" in out.getvalue()
        assert out.getvalue().count("\n") > 5


@pytest.mark.sampled(3)
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp932", "latin-1"])
@pytest.mark.parametrize("command", [["plan", "--help"], ["demo"]])
def test_old_code_pages(encoding: str, command: list[str]) -> None:
    """Characters that they lack are replaced."""
    done = subprocess.run(
        [sys.executable, "-c", START, *command], capture_output=True, check=True, env={"PYTHONIOENCODING": encoding}
    )
    assert done.stdout


@pytest.mark.sampled(2)
@pytest.mark.parametrize("form", ["--json", "--format=table", "--format=csv"])
@pytest.mark.parametrize(("redirect", "status"), [(">&-", 0), ("| true", 0), (">/dev/full", 1)])
def test_an_answer_that_cannot_be_written(redirect: str, status: int, form: str) -> None:
    """Nobody reads, or the disk is full: at most one line."""
    if "full" in redirect and not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    command = f"set -o pipefail; '{sys.executable}' -c '{START}' hardware {form} {redirect}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert done.stderr.count("\n") == status
