"""What must hold for every model, whatever its sizes."""

from __future__ import annotations

from fractions import Fraction

import pytest

from mfu_planner.architectures import Architecture, from_config
from mfu_planner.architectures.presets import catalogue
from mfu_planner.counting import model_work
from mfu_planner.counting.conventions import by_convention, hardware_flops
from mfu_planner.operators import Workload
from mfu_planner.operators.workload import Stream
from mfu_planner.questions.model import choose_model

MODEL_TYPES = {row["id"]: row["model_type"] for row in catalogue()}


def _shares(architecture: Architecture) -> bool:
    """Whether sequences of a batch share work: similarities of all pairs, a table that is projected once."""
    each = [op for _, op in architecture.each()]
    rows = (getattr(op, "rows", None) for op in each)
    return any(type(op).__name__ == "Similarity" for op in each) or any(
        getattr(one, "stream", None) is Stream.ONCE for one in rows
    )


def model(name: str) -> Architecture:
    found = choose_model(model=name).architecture
    assert found is not None
    return found


@pytest.mark.sampled(kind=MODEL_TYPES.get)
@pytest.mark.each("name", MODEL_TYPES)
def test_batches_lengths_and_masks(name: str) -> None:
    """Work is linear in the batch but for what its sequences share; allowed pairs are no more than all; HFU ≥ MFU."""
    architecture = model(name)
    length = max(96, architecture.least_length)
    one, three = Workload(1, length, 32), Workload(3, length, 32)
    full = model_work(architecture, one).total

    if not _shares(architecture):
        assert model_work(architecture, three).total == 3 * full
    assert model_work(architecture, one.allowed()).total <= full
    assert hardware_flops(architecture, one, recompute="full") >= hardware_flops(
        architecture, one, recompute="selective"
    )
    assert hardware_flops(architecture, one, recompute="selective") >= full


@pytest.mark.sampled(kind=MODEL_TYPES.get)
@pytest.mark.each("name", MODEL_TYPES)
def test_conventions_are_exact_and_positive(name: str) -> None:
    """Every convention gives an exact positive number or None; it does not depend on the batch."""
    architecture = model(name)
    length = max(256, architecture.least_length)
    one = by_convention(architecture, Workload(1, length, 64), versions=True)

    assert all(value is None or (isinstance(value, int | Fraction) and value > 0) for value in one.values())
    if not _shares(architecture):
        assert by_convention(architecture, Workload(4, length, 64), versions=True) == one


def test_a_mixture_with_every_expert_is_its_dense_twin_plus_the_router() -> None:
    """Eight of eight experts of width 64 cost what one MLP of width 512 costs."""
    common = {
        "hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "vocab_size": 1000, "tie_word_embeddings": False,
    }  # fmt: skip
    experts = {"num_local_experts": 8, "num_experts_per_tok": 8, "intermediate_size": 64}
    mixture = from_config({"model_type": "mixtral", **common, **experts})
    twin = from_config({"model_type": "llama", **common, "intermediate_size": 512})
    work = Workload(2, 64)
    router = 2 * 3 * 2 * (2 * 64) * 128 * 8

    assert model_work(mixture, work).total == model_work(twin, work).total + router
