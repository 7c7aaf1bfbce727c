"""Frozen weights in a format of their own, by hand: Llama 3.1 8B under adapters (QLoRA, arXiv:2305.14314)."""

from __future__ import annotations

import pytest

from mfu_planner import InputError, memory, predict
from mfu_planner.machine.base_weights import stored_bytes

LAYERS, HIDDEN, WIDE, KEYS, VOCABULARY = 32, 4096, 14336, 1024, 128256
SHAPES = ((HIDDEN, HIDDEN), (HIDDEN, KEYS), (HIDDEN, KEYS), (HIDDEN, HIDDEN), *((HIDDEN, WIDE),) * 2, (WIDE, HIDDEN))
"""Inputs and outputs of a layer's q, k, v, o, gate, up and down."""
LINEAR = LAYERS * sum(i * o for i, o in SHAPES)
ROWS = LAYERS * sum(o for _, o in SHAPES)
TENSORS = LAYERS * len(SHAPES)
ADAPTERS = LAYERS * sum(16 * (i + o) for i, o in SHAPES)
WIDE_KEPT = 2 * VOCABULARY * HIDDEN + (2 * LAYERS + 1) * HIDDEN
"""Embedding, head and norms."""
ASKED = {
    "model": "llama-3.1-8b",
    "hardware": "h100-sxm",
    "devices": 1,
    "global_batch": 4,
    "micro_batch": 1,
    "seq_len": 1024,
    "recompute": "none",
    "lora_rank": 16,
}


def test_scales_of_nf4_take_what_the_paper_says() -> None:
    """0.127 bit a parameter with double quantization (section 3)."""
    assert 8 * stored_bytes("nf4", HIDDEN, HIDDEN) - 4 == pytest.approx(0.127, abs=5e-4)


@pytest.mark.parametrize(
    ("base", "stored"),
    [
        ("bf16", 2 * LINEAR),
        ("fp8", LINEAR + 4 * TENSORS),
        ("int8", LINEAR + 4 * ROWS),
        ("nf4", LINEAR // 2 + LINEAR // 64 + 4 * LINEAR // 16384),
    ],
)
def test_weights_by_hand(base: str, stored: int) -> None:
    """The layers' products with their scales; adapters, embedding, head and norms in 16 bits; nothing else changes."""
    plain, found = memory(**ASKED), memory(**ASKED, base_dtype=base)

    assert found.weights_bytes == pytest.approx(stored + 2 * (WIDE_KEPT + ADAPTERS), rel=1e-12)
    assert plain.weights_bytes - found.weights_bytes == pytest.approx(2 * LINEAR - stored)
    assert (found.gradients_bytes, found.optimizer_bytes) == (plain.gradients_bytes, plain.optimizer_bytes)
    assert (found.activations_bytes, found.logits_bytes) == (plain.activations_bytes, plain.logits_bytes)


def test_sharding_divides_the_stored_weights() -> None:
    """ZeRO 3 over 8 devices: an eighth of each, scales too."""
    whole = memory(**ASKED, base_dtype="nf4").weights_bytes
    sharded = memory(**{**ASKED, "devices": 8, "global_batch": 8}, base_dtype="nf4", zero=3)

    assert sharded.weights_bytes == pytest.approx(whole / 8)


def test_dequantisation_takes_its_bytes_over_the_bandwidth() -> None:
    """Read at 0.5159 byte and written at 2, forward and backward, for each of 4 micro-batches, at 3.35 TB/s; the first
    layer's products that nothing trained stands below need no gradient of their input, so a little less."""
    asked = {**ASKED, "stack": "generic", "seq_len": 8192}
    plain, found = predict(**asked), predict(**asked, base_dtype="nf4")
    once = LINEAR * (stored_bytes("nf4", HIDDEN, HIDDEN) + 2) / 3.35e12
    casts = {part["name"]: part["seconds"] for part in found.waterfall}["casts"]

    assert casts == pytest.approx(2 * 4 * once, rel=0.02)
    assert casts <= 2 * 4 * once
    assert found.step_time_s > plain.step_time_s
    assert predict(**asked, base_dtype="bf16").step_time_s == plain.step_time_s


@pytest.mark.parametrize("given", [{"lora_rank": None}, {"lora_rank": None, "freeze": "embeddings"}, {"base": "nf5"}])
def test_without_frozen_products_it_is_refused(given: dict[str, object]) -> None:
    """All weights trained, nothing frozen that could be stored so, or no such format: one line that names the field."""
    asked = {**ASKED, "base_dtype": given.get("base", "nf4"), **{k: v for k, v in given.items() if k != "base"}}
    with pytest.raises(InputError, match="base-dtype"):
        memory(**{name: value for name, value in asked.items() if value is not None})
