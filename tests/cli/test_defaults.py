"""A folder's own defaults and the names that a shell completes."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from mfu_planner.cli.main import group, main

Capture = pytest.CaptureFixture[str]


def answered(args: list[str], capsys: Capture) -> tuple[dict[str, object], str]:
    """The JSON object of a command, and what it said beside it."""
    main([*args, "--json"])
    out, err = capsys.readouterr()
    got: dict[str, object] = json.loads(out)
    return got, err


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, entered."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_given_wins_over_the_table_and_the_table_over_the_file(folder: Path, capsys: Capture) -> None:
    """Devices and price of the file, the MFU of its [plan], another device from the command line; each is said."""
    (folder / "mfu-planner.toml").write_text(
        'hardware = "h100-sxm"\ndevices = 64\nprice = 3\nmfu = 0.3\n[plan]\nmfu = "40%"\n'
    )
    got, said = answered(["plan", "--params", "1B", "--tokens", "1T"], capsys)
    assert got["training_time_s"] == pytest.approx(6e9 * 1e12 / (64 * 0.4 * 989.4e12), rel=1e-4)
    assert got["price_usd_per_device_hour"] == 3
    assert "mfu-planner.toml: hardware h100-sxm, devices 64, price 3, mfu 40%" in said

    other, said = answered(["plan", "--params", "1B", "--tokens", "1T", "--gpu", "b200", "--nodes", "2"], capsys)
    assert other["training_time_s"] == pytest.approx(6e9 * 1e12 / (16 * 0.4 * 2250e12), rel=1e-4)
    assert "hardware" not in said.split("toml:")[1].split("\n")[0]


def test_a_table_of_pyproject_and_what_reads_evidence(folder: Path, capsys: Capture) -> None:
    """The same in pyproject.toml; a list of the catalogue and a log are not overruled by what is said for all."""
    (folder / "pyproject.toml").write_text('[project]\nname = "mine"\n[tool.mfu-planner]\nhardware = "b200"\n')
    got, _ = answered(["mfu", "--tflops", "900"], capsys)
    assert got["mfu"] == pytest.approx(900 / 2250)

    listed, said = answered(["hardware", "h100-sxm"], capsys)
    assert (listed["id"], "pyproject" in said) == ("h100-sxm", False)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('hardwar = "b200"', ("'hardwar'", "nearest: hardware")),
        ("[plam]\nmfu = 0.4", ("[plam]", "nearest: plan")),
        ("hardware = ", ("defaults", "TOML")),
        ("devices = [1, 2]", ("devices", "number")),
    ],
)
def test_a_file_that_says_nothing_sensible_is_refused(
    folder: Path, text: str, words: tuple[str, ...], capsys: Capture
) -> None:
    """One line that names the file's own word."""
    (folder / "mfu-planner.toml").write_text(text)
    with pytest.raises(SystemExit, match="2"):
        main(["plan", "--model", "gpt2"])
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert all(word in err for word in words), err


@pytest.mark.parametrize(
    ("line", "begun", "first"),
    [
        (["plan", "--model"], "llama-3.1-4", "llama-3.1-405b"),
        (["predict", "--recompute"], "sel", "selective"),
        (["search", "--hardware"], "h100-sxm,b20", "h100-sxm,b200"),
        (["predict", "--cluster"], "aws-p5", "aws-p5"),
        (["flops", "--convention"], "pal", "palm"),
        ([], "pre", "predict"),
    ],
)
def test_a_shell_completes_commands_and_names(line: list[str], begun: str, first: str) -> None:
    """What click would offer behind what was typed."""
    assert isinstance(group, click.Group)
    offered = ShellComplete(group, {}, "mfu-planner", "_MFU_PLANNER_COMPLETE").get_completions(line, begun)
    assert offered[0].value == first
