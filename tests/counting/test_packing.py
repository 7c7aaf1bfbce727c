"""Packed batches, attention counted by brute force."""

from __future__ import annotations

import random

import pytest

from mfu_planner.counting import model_work
from mfu_planner.counting.packing import packed
from mfu_planner.errors import InputError
from mfu_planner.questions.model import choose_model


def test_pairs_of_packed_documents() -> None:
    """Σ l(l+1)/2 by walking the mask of every document."""
    draw = random.Random(3)
    lengths = [draw.randint(1, 60) for _ in range(40)]
    gpt2 = choose_model(model="gpt2").architecture
    assert gpt2 is not None
    work = packed(lengths, 64, batch=40)
    pairs = sum(1 for length in lengths for query in range(length) for key in range(length) if key <= query)
    attention = 12 * 2 * 2 * 768 * pairs
    linear = 40 * 64 * 2 * (12 * 12 * 768 * 768 + 768 * 50257)

    assert model_work(gpt2, work.allowed()).forward == linear + attention


def test_histogram_and_list_agree() -> None:
    """A histogram is another way to write the list."""
    assert packed([5, 5, 9], 16) == packed({5: 2, 9: 1}, 16)
    assert packed([16, 16, 1], 16).batch == 3


@pytest.mark.parametrize(
    "call", [lambda: packed([], 8), lambda: packed([9], 8), lambda: packed([8, 8], 8, batch=1), lambda: packed([0], 8)]
)
def test_impossible_batches_are_refused(call) -> None:  # type: ignore[no-untyped-def]
    """No documents, or more than fits."""
    with pytest.raises(InputError):
        call()
