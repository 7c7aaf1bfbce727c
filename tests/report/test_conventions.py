"""The page on conventions is what the definitions say."""

from __future__ import annotations

from mfu_planner.report.conventions import PAGE, page


def test_page_is_fresh() -> None:
    """``python -m mfu_planner.report.conventions --write`` would change nothing."""
    assert PAGE.read_text("utf-8") == page()
