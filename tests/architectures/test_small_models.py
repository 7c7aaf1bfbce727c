"""Every kind of config, at odd sizes: parameters and FLOPs equal to what torch counted on the real class.

``small_models.json`` holds the configs and the measured integers, ``measure_small_models.py`` how they were measured.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mfu_planner.architectures import from_config
from mfu_planner.counting import model_work
from mfu_planner.operators import Workload

CASES = json.loads(Path(__file__).with_name("small_models.json").read_text("utf-8"))["cases"]


@pytest.mark.each("case", CASES)
def test_equals_the_measured_integers(case: dict[str, Any]) -> None:
    """Parameters, forward and forward plus backward, each to the integer."""
    given = dict(case["work"])
    architecture = from_config(case["config"], image_size=given.pop("image_size", None))
    counted = model_work(architecture, Workload(**given))

    expected = case["measured"]
    assert expected == {"params": architecture.params, "forward": counted.forward, "total": counted.total}


def test_names_are_unique() -> None:
    """Two cases never hide behind one name."""
    names = [case["name"] for case in CASES]

    assert len(set(names)) == len(names)
