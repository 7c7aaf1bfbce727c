"""``mfu-planner diagnose``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mfu_planner.cli.main import main
from mfu_planner.diagnosis.cases.traced import Writer, exposed

GIVEN = [
    "diagnose", "--model", "llama-3.1-8b", "--hardware", "h100-sxm", "--devices", "64", "--zero", "3",
    "--micro-batch", "1",
    "--tokens-per-second-per-device", "6000", "--compile", "--no-search",
]  # fmt: skip


def test_json_has_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    """gap, actions and what they promise; nothing else on stdout."""
    main([*GIVEN, "--loader-workers", "0", "--json"])
    out = json.loads(capsys.readouterr().out)
    assert out["schema_version"] == 1
    assert {"cause", "share", "evidence"} <= set(out["gap"][0])
    assert {"change", "predicted_mfu", "gain"} <= set(out["actions"][0])
    assert out["findings"][0]["code"].startswith("cause/")


def test_people_read_the_answer_first(capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence, then the rest."""
    main([*GIVEN, "--loader-wait", "40%"])
    text = capsys.readouterr().out
    assert text.startswith("It is your data loader")
    assert "cause/data-loading" in text
    assert "What to change" in text


def test_a_file_is_told_by_its_content(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A trace under any name."""
    writer = Writer()
    exposed(writer)
    path = Path(writer.save(tmp_path)).rename(tmp_path / "something")
    main(["diagnose", str(path), "--json"])
    assert json.loads(capsys.readouterr().out)["first_cause"] == "communication"


def test_errors_exit_with_two(capsys: pytest.CaptureFixture[str]) -> None:
    """One line, the field named."""
    with pytest.raises(SystemExit) as caught:
        main([*GIVEN, "--loader-wait", "banana"])
    assert caught.value.code == 2
    assert "loader-wait" in capsys.readouterr().err
