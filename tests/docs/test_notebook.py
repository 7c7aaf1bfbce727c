"""The notebook runs from top to bottom with the planner alone."""

from __future__ import annotations

import json

from notebook import NOTEBOOK, run


def test_the_notebook_runs() -> None:
    """Every code cell, in order; its own assertions compare the plan with hand arithmetic."""
    printed = "\n".join(out for _, _, out in run())

    assert "26.5 days" in printed  # 57.91e9 · 1e12 ÷ (64 · 989.4e12 · 0.40) ÷ 86400
    assert "MFU 40.4%" in printed  # 6900 · 57.91e9 ÷ 989.4e12


def test_the_notebook_is_a_clean_notebook() -> None:
    """Format 4, every cell with its fields, no outputs and counts committed."""
    book = json.loads(NOTEBOOK.read_text("utf-8"))

    assert book["nbformat"] == 4
    for cell in book["cells"]:
        assert isinstance(cell["source"], list)
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
