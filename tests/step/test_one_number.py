"""One number everywhere: predict, a search's row, diagnose's baseline and memory, to the last bit."""

from __future__ import annotations

import ast
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mfu_planner import memory, predict, search
from mfu_planner.diagnosis.bench import Bench
from mfu_planner.errors import PlannerError
from mfu_planner.questions.request import read_case
from mfu_planner.step.case import Change
from mfu_planner.step.evaluate import step

ROOT = Path(__file__).parents[2]
WHOLE = "MFU_PLANNER_WHOLE" in os.environ
QUESTIONS = st.fixed_dictionaries(
    {
        "model": st.sampled_from(
            ["llama-3.2-1b", "mixtral-8x7b", "deepseek-v3", "gemma-2-9b", "mamba2-2.7b", "zamba2-7b", "vit-l16", "gpt2"]
        ),
        "hardware": st.sampled_from(["h100-sxm", "a100-sxm-80gb", "mi300x", "tpu-v5p", "b200"]),
        "devices": st.sampled_from([8, 16, 64]),
        "global_batch": st.sampled_from([64, 96, 256]),
        "seq_len": st.sampled_from([1024, 4096]),
    }
)


@pytest.mark.sampled(1)
@settings(max_examples=67 if WHOLE else 15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(asked=QUESTIONS, space=st.sampled_from(["usual", "whole"]), dtype=st.sampled_from(["bf16", "fp8"]))
def test_a_row_of_a_search_is_its_question_asked_again(asked: dict[str, Any], space: str, dtype: str) -> None:
    """Time, MFU, rate and bytes of three rows a search are what predict, memory and a diagnosis say of each."""
    if asked["model"] == "vit-l16":
        asked = {k: v for k, v in asked.items() if k != "seq_len"}
    try:
        rows = search(**asked, dtype=dtype, space=space, top=12)["layouts"]
    except PlannerError:
        assume(False)
    for row in (rows[0], rows[len(rows) // 2], rows[-1]):
        said, held, bench = predict(**row["question"]), memory(**row["question"]), Bench(row["question"]).base
        assert said.step_time_s == row["step_time_s"] == bench.step_time_s, row["command"]
        assert said.mfu == row["mfu"] == bench.mfu
        assert said.tokens_per_s == row["tokens_per_s"]
        assert said.memory.total_bytes == row["total_bytes"] == held.total_bytes == bench.memory_bytes


def test_the_command_of_a_row_gives_the_row() -> None:
    """As a user would type it: every flag that repeats the row, none lost on the way."""
    found = search(
        model="llama-3.1-8b", hardware="a100-sxm-40gb", devices=16, global_batch=32, seq_len=8192, optimizer="adam-8bit"
    )  # fmt: skip
    for row in found["layouts"][::4]:
        words = shlex.split(row["command"])
        done = subprocess.run(
            [sys.executable, "-m", "mfu_planner", *words[1:], "--json"], capture_output=True, text=True, check=True
        )
        again = json.loads(done.stdout)
        assert again["step_time_s"] == row["step_time_s"]
        assert again["memory"]["total_bytes"] == row["total_bytes"]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    factor=st.floats(0.5, 2.0),
    name=st.sampled_from(["product_factor", "attention_fraction", "step_fixed_s", "pointwise_factor", "network"]),
    tp=st.sampled_from([1, 2, 4]),
)
def test_a_changed_case_is_the_question_with_the_change(factor: float, name: str, tp: int) -> None:
    """Flags and constants together equal the flags asked and the constants set."""
    asked = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 16, "global_batch": 64}
    case = read_case(asked)
    both = case.changed(Change("tp", question={"tp": tp}), Change("constant", constants={name: factor}))
    one = read_case({**asked, "tp": tp}).tuned({name: factor})
    assert step(both, parts=False).seconds == step(one, parts=False).seconds


def test_changes_of_one_flag_contradict_each_other() -> None:
    """Two values of one flag are no case."""
    case = read_case({"model": "gpt2", "hardware": "h100-sxm", "devices": 8})
    with pytest.raises(PlannerError, match="another change"):
        case.changed(Change("a", question={"recompute": "none"}), Change("b", question={"recompute": "selective"}))


def test_a_grid_of_layouts_is_its_layouts_one_by_one() -> None:
    """A case of arrays and the cases of its elements agree to the last bit, parts of memory too."""
    case = read_case({"model": "deepseek-v3", "hardware": "h100-sxm", "devices": 256, "ep": 8, "global_batch": 512})
    base = case.layout
    micro, zero = np.array([1.0, 2.0])[:, None], np.array([0.0, 1.0, 3.0])[None, :]
    grid = case.at(type(base)(**{**vars(base), "micro_batch": micro, "micro_batches": 2.0 / micro, "zero": zero}))
    found = step(grid, parts=False)
    for i, m in enumerate((1.0, 2.0)):
        for j, z in enumerate((0.0, 1.0, 3.0)):
            one = type(base)(**{**vars(base), "micro_batch": m, "micro_batches": 2.0 / m, "zero": z})
            alone = step(case.at(one), parts=False)
            assert np.broadcast_to(found.seconds, (2, 3))[i, j] == alone.seconds
            assert np.broadcast_to(found.memory.total, (2, 3))[i, j] == alone.memory.total


CASTS = {"float", "int", "round"}
FREE = ("operators", "architectures", "counting", "step")
"""Packages whose formulas serve numbers, arrays and what counts alike: a cast would drop what a number remembers."""


@pytest.mark.parametrize("package", FREE)
def test_formulas_neither_cast_nor_name_an_array_library(package: str) -> None:
    """No ``float(``, ``int(``, ``round(`` and no NumPy from the operators to the step."""
    found = []
    for path in sorted((ROOT / "mfu_planner" / package).rglob("*.py")):
        if path.name in ("picture.py",):  # draws whole numbers
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CASTS:
                found.append(f"{path.name}:{node.lineno} {node.func.id}")
            if isinstance(node, ast.Import | ast.ImportFrom) and "numpy" in ast.dump(node):
                found.append(f"{path.name}:{node.lineno} numpy")
    allowed = {"stages.py", "flops.py"}  # plain numbers of layers; a figure of one sequence
    allowed |= {"config.py", "step.py", "chosen.py", "formulas.py"}  # text of configs and users; values shown
    assert [f for f in found if f.split(":")[0] not in allowed] == []
