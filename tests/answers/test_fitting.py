"""The fewest devices that hold a question."""

from __future__ import annotations

import pytest

from mfu_planner import InputError, memory
from mfu_planner.answers.fitting import sizes
from mfu_planner.errors import NoAnswer

SHORT = {"model": "llama-3.1-8b", "hardware": "rtx-4090", "seq_len": 2048}


def test_powers_of_two_within_a_node_then_whole_nodes() -> None:
    """A node of 8; a node of 72; a layout that needs 6 devices."""
    assert list(sizes(8, 1))[:8] == [1, 2, 4, 8, 16, 24, 32, 40]
    assert list(sizes(72, 1))[:9] == [1, 2, 4, 8, 16, 32, 64, 72, 144]
    assert list(sizes(8, 6))[:2] == [24, 48]


def test_an_adapter_on_four_bits_fits_a_card_that_full_training_does_not() -> None:
    """QLoRA of 8B on one card of 24 GB; in 16 bits the frozen weights alone are 15 GiB more than 4 bits leave; full
    training holds at least 16 byte a parameter, 128 GB: no fewer than 6 cards."""
    small = memory(**SHORT, fit=True, lora_rank=16, base_dtype="nf4")
    full = memory(**SHORT, fit=True)

    assert small.fit is not None
    assert full.fit is not None
    assert (small.fit["devices"], small.fits, full.fits) == (1, True, True)
    assert full.fit["devices"] >= 16 * 8.03e9 / 24e9


@pytest.mark.parametrize("model", ["llama-3.1-8b", "llama-3.1-70b", "mixtral-8x7b"])
def test_what_is_found_fits_and_nothing_smaller_did(model: str) -> None:
    """Asked without ``fit`` the found layout is the same answer, and each smaller number that was tried did not fit."""
    found = memory(model=model, hardware="h100-sxm", seq_len=4096, fit=True)

    assert found.fit is not None
    layout = {name: value for name, value in found.fit["layout"].items() if name != "dp"}
    again = memory(model=model, hardware="h100-sxm", seq_len=4096, devices=found.fit["devices"], **layout)
    assert again.total_bytes == found.total_bytes
    assert [one["fits"] for one in found.fit["tried"]] == [*(False for _ in found.fit["tried"][1:]), True]
    assert again.fit is None


def test_what_cannot_be_asked_is_one_line() -> None:
    """A number beside it; a batch that no device can share; more than any number of devices divides."""
    with pytest.raises(InputError, match="devices"):
        memory(**SHORT, fit=True, devices=4)
    with pytest.raises(InputError, match="tp"):
        memory(**SHORT, fit=True, tp="many")
    with pytest.raises(NoAnswer, match="GiB"):
        memory(**{**SHORT, "model": "llama-3.1-405b"}, fit=True, tp=1, zero=0)
