"""What a parameter costs beside itself: the formats of its gradient and moments, when they are freed, eager scores."""

from __future__ import annotations

from typing import Any

import pytest

from mfu_planner import memory, search
from mfu_planner.errors import InputError

LLAMA = {"model": "llama-3.1-8b", "hardware": "rtx-4090", "devices": 1, "global_batch": 2, "micro_batch": 2}
ONE_CARD = {**LLAMA, "seq_len": 2048, "recompute": "full", "compile": True}
PARAMETERS = 8_030_261_248
TABLE = 128_256 * 4096
"""Parameters of the embedding, and of the head with the final norm's 4,096."""


@pytest.mark.parametrize(
    ("flags", "gradient", "state"),
    [
        # mixed precision: 32-bit gradients, master weight and two moments
        ({}, 4, 12),
        ({"gradient_dtype": "bf16"}, 2, 12),
        # 16-bit weights are their own masters and have 16-bit gradients, whatever the software keeps elsewhere
        ({"optimizer": "adam-bf16"}, 2, 4),
        ({"optimizer": "adam-8bit-bf16"}, 2, 2),
        ({"optimizer": "paged-adamw-8bit"}, 2, 0),
        ({"optimizer": "adam-bf16", "gradient_dtype": "fp32"}, 4, 4),
    ],
)
def test_bytes_of_a_parameter(flags: dict[str, Any], gradient: float, state: float) -> None:
    """By the papers of the optimizers: arXiv:1910.02054 section 3.1, arXiv:2110.02861."""
    found = memory(**ONE_CARD, stack="generic", **flags)
    assert found.gradients_bytes == gradient * PARAMETERS
    assert found.optimizer_bytes == state * PARAMETERS
    assert found.weights_bytes == 2 * PARAMETERS


def test_one_card_of_24_gib() -> None:
    """torchtune trains all of Llama 3.1 8B in 18.9 GiB: 16-bit weights and little else, batch 2 of 2,048 (README)."""
    found = memory(**ONE_CARD, stack="generic", optimizer="adam-8bit-paged", optimizer_in_backward=True)
    assert found.gradients_bytes == 2 * (TABLE + 4096)
    states = found.weights_bytes + found.gradients_bytes + found.optimizer_bytes + found.activations_bytes
    assert states / 2**30 == pytest.approx(18.9, rel=0.08)
    assert memory(**ONE_CARD, stack="generic", optimizer="adam-8bit-paged").total_bytes > found.total_bytes + 14e9


def test_gradients_that_are_freed_cannot_be_added_up() -> None:
    """One micro-batch, or one line."""
    with pytest.raises(InputError, match=r"optimizer-in-backward.*2 micro-batches"):
        memory(**{**ONE_CARD, "micro_batch": 1}, optimizer_in_backward=True)
    with pytest.raises(InputError, match="layouts here add gradients up"):
        search(model="llama-3.1-8b", hardware="h100-sxm", devices=8, global_batch=8, optimizer_in_backward=True)


def test_megatron_keeps_gradients_in_32_bits() -> None:
    """Its default with --bf16 is accumulate_allreduce_grads_in_fp32; Megatron-Bridge's recipes say otherwise."""
    asked = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 8, "global_batch": 8, "seq_len": 4096}
    for stack, each in (("megatron-2024", 4), ("megatron-2025", 2)):
        assert memory(**asked, stack=stack, zero=1).gradients_bytes == each * PARAMETERS
    assert memory(**asked, stack="megatron-2024", zero=1, gradient_dtype="bf16").gradients_bytes == 2 * PARAMETERS
    top = [search(**asked, stack="megatron-2024", tp=1, pp=1, zero=1, top=1, **more)["layouts"][0]
           for more in ({}, {"gradient_dtype": "bf16"})]  # fmt: skip
    assert top[0]["total_bytes"] > top[1]["total_bytes"]


def test_scores_of_eager_attention() -> None:
    """StarCoder at 8,192: 48 heads x 8,192^2 scores are 12 GiB in 32 bits; a run on 80 GB cards held several and died
    beyond 56.7 GiB (github.com/huggingface/accelerate, issue 1864)."""
    config = {"model_type": "gpt_bigcode", "architectures": ["GPTBigCodeForCausalLM"], "n_embd": 6144, "n_layer": 40,
              "n_head": 48, "n_inner": 24576, "n_positions": 8192, "vocab_size": 49152}  # fmt: skip
    asked = {"config": config, "hardware": "a100-sxm-80gb", "devices": 16, "global_batch": 16, "micro_batch": 1,
             "seq_len": 8192, "zero": 3, "recompute": "full", "stack": "generic"}  # fmt: skip
    eager, fused = (memory(**asked, attention_kernel=kernel) for kernel in ("unfused", "fused"))
    one = 48 * 8192**2 * 4
    assert one / 2**30 == 12
    assert eager.total_bytes - fused.total_bytes > 3 * one
    assert eager.total_bytes / 2**30 > 56.7
    assert not eager.fits
    assert fused.fits
