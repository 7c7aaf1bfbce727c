"""Small configs of every model type and head that is known, against what torch counts (tests/golden/types.json)."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mfu_planner.architectures import from_config
from mfu_planner.architectures.model import Architecture
from mfu_planner.counting import model_work
from mfu_planner.operators import Scan, Workload

GOLDEN = Path(__file__).parents[1] / "golden"
ROWS: list[dict[str, Any]] = json.loads((GOLDEN / "types.json").read_text("utf-8"))["rows"]


def architecture(row: dict[str, Any], work: dict[str, int]) -> Architecture:
    """The model that the row's config and class describe."""
    config = {**row["config"], "architectures": [row["class"]]}
    return from_config(config, image_size=work.get("image_size"))


def workload(work: dict[str, int]) -> Workload:
    """The measured batch; a speech model's own length is its decoder's."""
    return Workload(
        batch=work["batch"],
        seq_len=work.get("seq_len", work.get("decoder_seq_len", 0)),
        target_seq_len=work.get("target_seq_len", 0),
        images=work.get("images", 0),
        clips=work.get("clips", 0),
    )


def unseen(built: Architecture, work: Workload) -> int:
    """What an indexer saves by leaving out later keys: the library scores all, outside its interface."""
    scores = [(block, op) for block, op in built.each() if op.name == "index_scores"]
    return sum(block.count * int(op.forward_flops(work) - op.forward_flops(work.allowed())) for block, op in scores)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_equals_the_measured_integers(row: dict[str, Any]) -> None:
    """Parameters; for each batch the forward pass, both passes, and the forward pass over the allowed pairs.

    The last is measured for attention alone: scans are counted as published there, which no library code does.
    """
    for work, (forward, both, allowed) in zip(row["work"], row["flops"], strict=True):
        built = architecture(row, work)
        counted = model_work(built, workload(work))

        assert built.params == row["params"]
        assert (counted.forward, counted.total) == (forward, both)
        allowed = None if allowed is None else allowed - unseen(built, workload(work))
        if allowed is not None and not any(
            isinstance(op, Scan) or getattr(op, "extra_positions", 0) for _, op in built.each()
        ):
            assert model_work(built, workload(work).allowed()).forward == allowed


def test_names_are_unique() -> None:
    """Two rows never hide behind one name."""
    names = [row["name"] for row in ROWS]

    assert len(set(names)) == len(names)


@pytest.mark.golden
def test_figures_are_what_the_script_measures() -> None:
    """Some rows measured again."""
    if not all(importlib.util.find_spec(name) for name in ("torch", "transformers")):
        pytest.skip("torch and transformers are not installed")
    script = GOLDEN / "measure_types.py"
    there = importlib.util.find_spec("diffusers") is not None
    timm = importlib.util.find_spec("timm") is not None
    rows = [row for row in ROWS[::23] if timm or row["name"] != "detr-timm"]
    only = ",".join(row["name"] for row in rows if there or "_class_name" not in row["config"])
    run = subprocess.run(
        [sys.executable, str(script), "--only", only, "--check"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr[-2000:]
