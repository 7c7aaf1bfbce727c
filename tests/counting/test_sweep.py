"""The compiled expression equals the operators' count."""

from __future__ import annotations

import pytest

from mfu_planner.counting import model_work
from mfu_planner.counting.sweep import compile_flops
from mfu_planner.operators import Workload
from mfu_planner.questions.model import choose_model

NAMES = (
    "llama-3.1-8b",
    "gemma-2-9b",
    "deepseek-v3",
    "qwen3-next-80b-a3b",
    "nemotron-h-8b",
    "t5-small",
    "whisper-small",
    "vit-b16",
)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("allowed", [False, True])
def test_expression_is_exact(name: str, allowed: bool) -> None:
    """Ints in, the same ints out, forward and in all."""
    architecture = choose_model(model=name).architecture
    assert architecture is not None
    work = Workload(3, 700, 90, allowed_pairs_only=allowed)
    counted = model_work(architecture, work)

    assert compile_flops(architecture)(work) == counted.total
    assert compile_flops(architecture, forward_only=True)(work) == counted.forward


def test_expression_on_arrays() -> None:
    """float64 arrays give the rounded integers of each point."""
    np = pytest.importorskip("numpy")
    architecture = choose_model(model="gpt-oss-20b").architecture
    assert architecture is not None
    points = [(1, 64), (7, 4096), (512, 131072)]
    swept = compile_flops(architecture)(Workload(*(np.array(c, dtype=np.float64) for c in zip(*points, strict=True))))

    assert list(swept) == pytest.approx([model_work(architecture, Workload(*p)).total for p in points], rel=1e-14)
