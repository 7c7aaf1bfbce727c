"""Adapters, frozen parts and packed documents through the everyday calls."""

from __future__ import annotations

import pytest

from mfu_planner import InputError, flops, measure

COMMON = {"model": "llama-3.1-8b", "seq_len": 4096}


def test_lora_needs_fewer_flops_than_full_training() -> None:
    """Frozen weights need no weight gradient: about two thirds of the work is left."""
    full, adapters = flops(**COMMON), flops(**COMMON, lora_rank=16, lora_targets="q_proj,v_proj")

    assert 0.6 < adapters.flops["total"] / full.flops["total"] < 0.75
    assert adapters.flops["forward"] > full.flops["forward"]


def test_adapter_parameters_by_hand() -> None:
    """Rank 16 beside q (4096 → 4096) and v (4096 → 1024) in 32 layers: 16 · (8192 + 5120) · 32."""
    full, adapters = flops(**COMMON), flops(**COMMON, lora_rank=16, lora_targets="q_proj,v_proj")

    assert adapters.params["total"] - full.params["total"] == 16 * (8192 + 5120) * 32


def test_packed_documents_attend_only_inside_themselves() -> None:
    """Eight documents of 512 fill one sequence of 4,096: an eighth of the pairs."""
    whole, packed = flops(**COMMON), flops(**COMMON, packed={512: 8})
    attention = [next(o["forward_flops"] for o in r.operators if o["name"] == "attention") for r in (whole, packed)]

    assert packed.batch == 1
    assert attention[0] == 8 * attention[1]


def test_packing_lowers_the_mfu_of_a_rate() -> None:
    """The same tokens per second are less work when documents are short."""
    given = {**COMMON, "hardware": "h100-sxm", "tokens_per_second_per_device": 9000}

    assert measure(**given, packed="512:8").mfu < measure(**given).mfu


def test_frozen_tower_has_no_weight_gradient() -> None:
    """A vision tower that is not trained costs its forward pass only."""
    model = {"model": "gemma-3-4b", "seq_len": 1024, "images": 1}
    trained, frozen = flops(**model), flops(**model, freeze="vision")

    assert frozen.flops["forward"] == trained.flops["forward"]
    assert frozen.flops["backward"] < trained.flops["backward"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"lora_rank": 8, "lora_targets": "qproj"}, "q_proj"),
        ({"lora_targets": "q_proj"}, "lora-rank"),
        ({"freeze": "visio"}, "vis"),
        ({"packed": "8192:1"}, "4096"),
        ({"packed": "a:b"}, "length:count"),
        ({"packed": 7}, "length:count"),
        ({"lora_rank": 0}, "lora-rank"),
    ],
)
def test_bad_parts_are_named(given: dict[str, object], words: str) -> None:
    """A part, target or length that cannot be is one line."""
    with pytest.raises(InputError, match=words):
        flops(**COMMON, **given)
