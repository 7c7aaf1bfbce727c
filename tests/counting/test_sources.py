"""Conventions of training frameworks against a restatement of each source's arithmetic, from the published configs.

What is restated is what the source computes for a type, with its own shortcuts; the numbers are integers or fractions.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from mfu_planner.architectures import from_config
from mfu_planner.architectures.presets import preset
from mfu_planner.counting.conventions import flops_per_unit
from mfu_planner.operators import Workload

MODELS = (
    "qwen2.5-0.5b", "qwen3-0.6b", "qwen3-8b", "llama-3.1-8b", "llama-3.2-1b", "mistral-7b", "llama-3.3-70b",
    "qwen3-30b-a3b", "mixtral-8x7b", "deepseek-v3",
)  # fmt: skip
LENGTH = 4096


def config(name: str) -> dict[str, Any]:
    """The published config, a multimodal one's decoder."""
    found = dict(preset(name).config)
    return dict(found.get("text_config", found))


class Sizes:
    """A config's sizes in the letters of the sources."""

    def __init__(self, c: dict[str, Any]) -> None:
        self.c, self.L, self.h, self.V = c, c["num_hidden_layers"], c["hidden_size"], c["vocab_size"]
        self.n, self.g = c["num_attention_heads"], c.get("num_key_value_heads") or c["num_attention_heads"]
        self.d = c.get("head_dim") or self.h // self.n
        self.total = c.get("num_experts") or c.get("num_local_experts") or c.get("n_routed_experts") or 0
        self.k = c.get("num_experts_per_tok", 1)
        wide = c["intermediate_size"]
        self.f = self.k * c.get("moe_intermediate_size", wide) if self.total else wide


def compressed(c: dict[str, Any], *, router: bool) -> tuple[int, int]:
    """DeepSeek-V3: weights of all layers without the head, and the width of its attention products, by layer."""
    h, n, L, dense = c["hidden_size"], c["num_attention_heads"], c["num_hidden_layers"], c["first_k_dense_replace"]
    nope, rope, value = c["qk_nope_head_dim"], c["qk_rope_head_dim"], c["v_head_dim"]
    attention = (
        h * c["q_lora_rank"] + c["q_lora_rank"] * n * (nope + rope) + h * (c["kv_lora_rank"] + rope)
        + c["kv_lora_rank"] * n * (nope + value) + n * value * h
    )  # fmt: skip
    sparse = 3 * h * c["moe_intermediate_size"] * (c["num_experts_per_tok"] + c["n_shared_experts"])
    sparse += h * c["n_routed_experts"] if router else 0
    weights = L * attention + dense * 3 * h * c["intermediate_size"] + (L - dense) * sparse
    return weights, n * (nope + rope + value)


def verl(c: dict[str, Any], s: int, *, halved: bool) -> Fraction:
    """Linear layers, table and head (both V·h), attention over s² or half of it."""
    x = Sizes(c)
    if "kv_lora_rank" in c:
        weights, width = compressed(c, router=True)
        query = x.n * (c["qk_nope_head_dim"] + c["qk_rope_head_dim"])
        return Fraction(6 * (weights + 2 * x.V * x.h) + x.L * s * (3 * width if halved else 12 * query))
    layer = x.h * x.d * (2 * x.n + 2 * x.g) + 3 * x.h * x.f + (x.h * x.total)
    return Fraction(6 * (x.L * layer + 2 * x.V * x.h) + (6 if halved else 12) * s * x.d * x.n * x.L)


def nemo(c: dict[str, Any], s: int) -> Fraction:
    """L·h² (12 + 12 g/n + 18 f/h + 6 s/h + 6 V/(L h)); DeepSeek-V3 by its own sizes, without the router."""
    x = Sizes(c)
    if "kv_lora_rank" in c:
        weights, width = compressed(c, router=False)
        return Fraction(6 * (weights + x.V * x.h) + 3 * x.L * s * width)
    terms = 12 + Fraction(12 * x.g, x.n) + Fraction(18 * x.f + 6 * s, x.h) + Fraction(6 * x.V, x.L * x.h)
    return x.L * x.h * x.h * terms


def automodel(c: dict[str, Any], s: int) -> Fraction:
    """The same with the config's own head size."""
    x = Sizes(c)
    if "kv_lora_rank" in c:
        return nemo(c, s)
    layer = x.h * x.d * (2 * x.n + 2 * x.g) + 3 * x.h * x.f + s * x.n * x.d
    return Fraction(6 * (x.L * layer + x.V * x.h))


def levanter(c: dict[str, Any], s: int) -> Fraction:
    """Head size hidden ÷ heads; scores, mask and values over the whole square."""
    x = Sizes(c)
    head = Fraction(x.h, x.n)
    mlp = 6 * x.h * x.f + 2 * x.h * x.total
    attention = 2 * s * x.n * head + 3 * s * x.n + 2 * s * x.n * head
    layer = mlp + 2 * x.h * (x.n * head + 2 * x.g * head) + 2 * x.h * x.h + attention
    return 3 * (x.L * layer + 2 * x.h * x.V)


def primus(c: dict[str, Any], s: int) -> Fraction:
    """12·L·h² ((1 + g/n + s/h) n·d/h + 3 f/(2 h) + V/(2 L h)) with a vocabulary that 128 divides."""
    x = Sizes(c)
    padded = -(-x.V // 128) * 128
    attention = (1 + Fraction(x.g, x.n) + Fraction(s, x.h)) * Fraction(x.n * x.d, x.h)
    return 12 * x.L * x.h * x.h * (attention + Fraction(3 * x.f, 2 * x.h) + Fraction(padded, 2 * x.L * x.h))


SOURCES = {
    "verl": lambda c, s: verl(c, s, halved=True),
    "verl-2025": lambda c, s: verl(c, s, halved=False),
    "nemo": nemo,
    "automodel": automodel,
    "levanter": levanter,
    "primus": primus,
}
COMPRESSED = ("verl", "verl-2025", "nemo", "automodel")
"""Sources whose formula knows compressed attention."""


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", MODELS)
def test_a_restatement_of_the_source_is_what_is_counted(source: str, name: str) -> None:
    """Ten models, dense and sparse, with head sizes of their own and without."""
    c = config(name)
    if "kv_lora_rank" in c and source not in COMPRESSED:
        pytest.skip("the source's formula knows no compressed attention")
    counted = flops_per_unit(from_config(preset(name).config), Workload(1, LENGTH), source)

    assert Fraction(counted) == SOURCES[source](c, LENGTH)


def test_verl_on_the_smallest_qwen() -> None:
    """Qwen2.5-0.5B at 4,096: 4.3091 GFLOP a token, and 4.8375 before the commit that halves attention."""
    built = from_config(preset("qwen2.5-0.5b").config)
    now, before = (float(flops_per_unit(built, Workload(1, 4096), name)) / 1e9 for name in ("verl", "verl-2025"))

    assert (round(now, 4), round(before, 4)) == (4.3091, 4.8375)


def delta_rule(c: dict[str, Any], s: int, *, maxtext: bool) -> Fraction:
    """Qwen3-Next: three of four layers by a delta rule (8 FLOP a state element), every layer with a shared expert."""
    x, full = Sizes(c), c["num_hidden_layers"] // 4
    keys = c["linear_num_key_heads"] * c["linear_key_head_dim"]
    values, heads = c["linear_num_value_heads"] * c["linear_value_head_dim"], c["linear_num_value_heads"]
    kernel, state = c["linear_conv_kernel_dim"], c["linear_key_head_dim"] * c["linear_value_head_dim"]
    linear = 2 * x.h * (2 * keys + 2 * values + 2 * heads) + 2 * x.h * values + 2 * kernel * (2 * keys + values)
    queries = 1 if maxtext else 2  # the gate of attention's output is made with the queries
    attention = 2 * x.h * x.d * (queries * x.n + 2 * x.g + x.n) + 2 * s * x.n * x.d
    mlp = 6 * x.h * (x.k * c["moe_intermediate_size"] + c["shared_expert_intermediate_size"])
    mlp += 2 * x.h * x.total if maxtext else 0
    return Fraction(3 * (full * attention + (x.L - full) * (linear + 8 * heads * state) + x.L * mlp + 2 * x.h * x.V))


@pytest.mark.parametrize("source", ["megatron", "maxtext"])
def test_qwen3_next_by_its_delta_rule(source: str) -> None:
    """To the last digit: neither counts the shared expert's gate, MaxText no gate of attention and the router."""
    c = config("qwen3-next-80b-a3b")
    counted = flops_per_unit(from_config(c), Workload(1, LENGTH), source)

    assert Fraction(counted) == delta_rule(c, LENGTH, maxtext=source == "maxtext")
