"""Adapters as peft places them: what it trains and what torch counts on its models, against the counted ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mfu_planner.architectures import from_config
from mfu_planner.counting import model_work
from mfu_planner.counting.finetune import trainable_params, with_lora
from mfu_planner.operators import Workload

GOLDEN = Path(__file__).parents[1] / "golden"
ROWS = {row["name"]: row for row in json.loads((GOLDEN / "types.json").read_text("utf-8"))["rows"]}
CASES = json.loads((GOLDEN / "peft.json").read_text("utf-8"))["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['row']}-{case['targets']}")
def test_equals_peft(case: dict[str, Any]) -> None:
    """Trained parameters; FLOP forward and of both passes over frozen weights."""
    row = ROWS[case["row"]]
    config = {**row["config"], "architectures": [row["class"]]}
    batch = max(row["work"], key=lambda work: work.get("images", 0))
    model = from_config(config, image_size=batch.get("image_size"))
    adapted = with_lora(model, case["rank"], case["targets"], magnitudes=bool(case.get("use_dora")))
    work = model_work(adapted, workload(batch))

    assert trainable_params(adapted) == case["trained"]
    assert (work.forward, work.total) == (case["forward"], case["total"])


def workload(given: dict[str, int]) -> Workload:
    """The batch of a measured row."""
    return Workload(
        batch=given["batch"],
        seq_len=given.get("seq_len", given.get("decoder_seq_len", 0)),
        target_seq_len=given.get("target_seq_len", 0),
        images=given.get("images", 0),
        clips=given.get("clips", 0),
    )
