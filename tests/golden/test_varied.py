"""Varied configs that torch measured and the project counted alike, compared again."""

from __future__ import annotations

import csv
import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent
SEED = "20263"


@pytest.mark.golden
@pytest.mark.sampled(35)
def test_varied_configs_are_counted_as_torch_counts_them(sample: Any) -> None:
    """Parameters, both passes and allowed pairs of the first varied config of each type that was equal throughout."""
    if not all(importlib.util.find_spec(name) for name in ("torch", "transformers")):
        pytest.skip("torch and transformers are not installed")
    with (FOLDER / "varied.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["seed"] == SEED and row["different"] == "0"]
    types = sample([row["model_type"] for row in rows])
    command = [sys.executable, str(FOLDER / "vary.py"), SEED, "1", "--only", ",".join(types)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stdout + run.stderr[-2000:]
    assert "'equal': " in run.stdout
