"""Small configs that vary one field at a time, against what torch counts (tests/golden/mixture_variations.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mfu_planner.architectures import from_config
from mfu_planner.counting.count import model_work
from mfu_planner.operators import Workload

MEASURED = Path(__file__).parents[1] / "golden" / "mixture_variations.json"
ROWS: list[dict[str, Any]] = json.loads(MEASURED.read_text(encoding="utf-8"))


@pytest.mark.each("row", ROWS)
def test_measured_variation(row: dict[str, Any]) -> None:
    """Parameters, forward and forward plus backward equal the measured integers."""
    model = from_config(row["config"])

    assert model.params == row["params"]
    assert model.embedding_params == row["embedding"]
    for batch, length, forward, both in row["cases"]:
        work = model_work(model, Workload(batch=batch, seq_len=length))
        assert work.forward == forward
        assert work.total == both


@pytest.mark.each("row", ROWS)
def test_causal_never_exceeds_full_and_batch_is_linear(row: dict[str, Any]) -> None:
    """Allowed pairs and published scans only take away; twice the sequences are twice the work."""
    model = from_config(row["config"])
    for length in (5, 64, 129):
        one, two = Workload(batch=1, seq_len=length), Workload(batch=2, seq_len=length)
        full, causal = model_work(model, one), model_work(model, one.allowed())

        assert causal.forward <= full.forward
        assert causal.backward <= full.backward
        assert model_work(model, two).total == 2 * full.total
