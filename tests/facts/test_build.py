"""Generated files are fresh: what the program reads is what the sources say."""

from __future__ import annotations

import pytest

from mfu_planner.facts import build


def test_every_generated_file_is_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    """``python -m mfu_planner.facts.build --check`` has nothing to say."""
    status = build.main(["--check"])

    assert (status, capsys.readouterr().err) == (0, "")
