"""A model from the dimension columns of a published run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from mfu_planner.architectures import Architecture, Block, from_config, layer_numbers
from mfu_planner.architectures.parts import (
    embedding,
    gated_mlp,
    head,
    norm,
    plain_mlp,
    positions,
    residual,
    self_attention,
)
from mfu_planner.layout.calibrated import calibration
from mfu_planner.operators import CAUSAL, Attention, Elementwise, MatMul, Role, Split

if TYPE_CHECKING:
    from mfu_planner.backtesting.runs import Run
    from mfu_planner.operators import Operator

PLAIN_WORDS = ("non-gated", "gpt", "mpt", "bloom", "pythia", "opt", "mt-nlg", "relu", "nemotron", "palm")
GATED_WORDS = ("gated mlp", "swiglu", "llama", "mistral", "qwen", "internlm", "gemma", "nanotron")


def is_gated(row: Run, hidden: float, ffn: float) -> bool:
    """Whether the feed-forward network has a gate: by name, else by its width."""
    text = f"{row.text('model')} {row.text('arch_notes')}".lower()
    if "non-gated" in text:
        return False
    if any(word in text for word in GATED_WORDS):
        return True
    if any(word in text for word in PLAIN_WORDS):
        return False
    return bool(ffn < calibration()["rules"]["blank_dimensions"]["gated_below"] * hidden)


@dataclass(frozen=True)
class Routing:
    """A mixture of experts as the notes describe it."""

    experts: int
    chosen: int
    width: int
    shared: int = 0
    dense_layers: int = 0


def routing_of(row: Run, ffn: int) -> Routing | None:
    """Experts from notes such as ``top-8 of 128`` or ``160 experts top-6, 1 dense layer, expert ffn 1536,
    shared 3072``."""
    notes = row.text("arch_notes")

    def find(pattern: str, default: int) -> int:
        found = re.search(pattern, notes)
        return int(found.group(1)) if found else default

    if found := re.search(r"top-(\d+) of (\d+)", notes):
        experts, chosen = int(found.group(2)), int(found.group(1))
    elif found := re.search(r"(\d+) experts top-(\d+)", notes):
        experts, chosen = int(found.group(1)), int(found.group(2))
    else:
        return None
    return Routing(
        experts, chosen, find(r"expert ffn (\d+)", ffn), find(r"shared (\d+)", 0), find(r"(\d+) dense layer", 0)
    )


VOCAB = (1e4, 3e5)
"""Vocabularies that parameters may imply."""
MOST_LAYERS = 4096
"""No decoder is deeper."""


def architecture_of(row: Run) -> Architecture | None:
    """The model that the columns describe, None where hidden size or layers are not stated or absurd.

    Blank columns: kv_heads = heads, head_dim = hidden ÷ heads; ffn and vocab from the stated parameters, else
    4 × hidden and GPT-2's; no head in benchmarks of a single layer.
    """
    hidden, layers = row.size("hidden"), row.size("layers")
    if hidden is None or layers is None or layers > MOST_LAYERS:
        return None
    blank = calibration()["rules"]["blank_dimensions"]
    heads = row.size("heads") or max(1, hidden // int(blank["head_dim"]))
    head_dim = max(1, round(row.number("head_dim") or hidden / heads))
    kv_heads = row.size("kv_heads") or heads
    tied = row.number("tied") is not None
    attention = hidden * head_dim * 2 * (heads + kv_heads)
    params, vocab, ffn = row.number("params"), row.size("vocab"), row.size("ffn")
    if ffn is None:
        ffn = blank_width(row, hidden, layers, attention, (vocab or blank["vocab"]) * hidden * (1 if tied else 2))
    routing = routing_of(row, ffn)
    gated = is_gated(row, hidden, ffn) or routing is not None
    if vocab is None and row.text("kind") != "layer_microbench":
        mlp = (3 if gated else 2) * hidden * ffn
        left = (params - layers * (attention + mlp)) / (hidden * (1 if tied else 2)) if params and not routing else 0.0
        vocab = round(left) if VOCAB[0] <= left <= VOCAB[1] else int(blank["vocab"])
    return decoder(
        hidden,
        layers,
        heads,
        kv_heads,
        head_dim,
        ffn,
        vocab or 0,
        tied,
        gated,
        routing,
        "MLA" in row.text("arch_notes"),
        row.size("seq_len") or 0,
    )


def blank_width(row: Run, hidden: int, layers: int, attention: int, embeddings: int) -> int:
    """Feed-forward width from the parameters stated or named, where 1 to 8 hidden sizes; else 4 hidden sizes."""
    named = re.search(r"(?<![\d.])(\d+(?:\.\d+)?)\s?([bm])\b", row.text("model").lower())
    params = row.number("params")
    if params is None and named:
        params = float(named.group(1)) * (1e9 if named.group(2) == "b" else 1e6)
    usual = int(calibration()["rules"]["blank_dimensions"]["ffn_of_hidden"]) * hidden
    if params is None:
        return usual
    each = (params - embeddings) / layers - attention
    for products in (3, 2) if is_gated(row, hidden, hidden) else (2,):
        width = round(each / (products * hidden * 64)) * 64
        if hidden <= width <= 8 * hidden:
            return width
    return usual


@lru_cache(maxsize=4096)
def decoder(
    hidden: int,
    layers: int,
    heads: int,
    kv_heads: int,
    head_dim: int,
    ffn: int,
    vocab: int,
    tied: bool,
    gated: bool,
    routing: Routing | None,
    latent: bool,
    seq_len: int,
) -> Architecture:
    """A decoder with grouped-query or latent attention and a plain, gated or routed feed-forward network.

    Dense ones are the Llama or GPT-2 of these sizes; what no config says is put together here.
    """
    known = None
    if routing is None and not latent and vocab:
        known = dense_config(hidden, layers, heads, kv_heads, head_dim, ffn, vocab, tied, gated, seq_len)
    if known is not None:
        return from_config(known, origin="dimension columns")
    bias = not gated
    if latent:
        attention = latent_attention(hidden, heads)
    else:
        attention = self_attention(
            hidden=hidden,
            heads=heads,
            kv_heads=kv_heads,
            head_dim=head_dim,
            mask=CAUSAL,
            qkv_bias=bias,
            out_bias=bias,
            fused=True,
            rotary=gated,
        )
    first = (norm("input_norm", hidden, bias=bias), *attention, residual("attention_residual", hidden))
    plain = gated_mlp(hidden, ffn) if gated else plain_mlp(hidden, ffn)

    def layer(name: str, feed: tuple[Operator, ...], numbers: tuple[int, ...]) -> Block:
        rest = (norm("post_attention_norm", hidden, bias=bias), *feed, residual("mlp_residual", hidden))
        return Block(name, (*first, *rest), numbers)

    dense = min(layers, routing.dense_layers) if routing else layers
    blocks = [layer("layer", plain, layer_numbers(dense))] if dense else []
    if routing and layers > dense:
        blocks.append(layer("routed_layer", _routed(hidden, routing), tuple(range(dense, layers))))
    inputs = (embedding(vocab, hidden), *(() if gated else (positions(seq_len, hidden),))) if vocab else ()
    output = (norm("final_norm", hidden, bias=bias), *(head(hidden, vocab, tied=tied) if vocab else ()))
    return Architecture(
        name="decoder",
        hidden=hidden,
        vocab=vocab,
        blocks=(Block("embedding", inputs), *blocks, Block("output", output)),
    )


def dense_config(
    hidden: int,
    layers: int,
    heads: int,
    kv_heads: int,
    head_dim: int,
    ffn: int,
    vocab: int,
    tied: bool,
    gated: bool,
    seq_len: int,
) -> dict[str, object] | None:
    """The config of the Llama or GPT-2 of these sizes; None where neither has them (GPT-2 without a length)."""
    if heads % kv_heads:
        return None
    if gated:
        return {
            "model_type": "llama",
            "hidden_size": hidden,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "num_key_value_heads": kv_heads,
            "head_dim": head_dim,
            "intermediate_size": ffn,
            "vocab_size": vocab,
            "tie_word_embeddings": tied,
        }
    if kv_heads != heads or heads * head_dim != hidden or not seq_len:
        return None
    return {
        "model_type": "gpt2",
        "n_embd": hidden,
        "n_layer": layers,
        "n_head": heads,
        "n_inner": ffn,
        "vocab_size": vocab,
        "n_positions": seq_len,
        "tie_word_embeddings": tied,
    }


def latent_attention(hidden: int, heads: int) -> tuple[Operator, ...]:
    """Multi-head latent attention with the sizes of DeepSeek-V2 and V3 (``calibration/rules.yaml``)."""
    size = calibration()["rules"]["latent_attention"]
    q_rank, kv_rank, nope, rope, v_dim = (size[n] for n in ("q_rank", "kv_rank", "nope_dim", "rope_dim", "v_dim"))

    def product(name: str, inputs: int, outputs: int, split: Split, reads: str = "") -> MatMul:
        return MatMul(name=name, inputs=inputs, outputs=outputs, split=split, role=Role.ATTENTION, reads=reads)

    return (
        product("q_down", hidden, q_rank, Split.REPLICATED, "attention_input"),
        product("kv_down", hidden, kv_rank + rope, Split.REPLICATED, "attention_input"),
        norm("q_norm", q_rank),
        norm("kv_norm", kv_rank),
        product("q_up", q_rank, heads * (nope + rope), Split.COLUMN),
        product("kv_up", kv_rank, heads * (nope + v_dim), Split.COLUMN),
        Elementwise(name="rotary", width=2 * heads * (nope + rope), split=Split.HEADS),
        Attention(name="attention", heads=heads, kv_heads=heads, qk_dim=nope + rope, v_dim=v_dim),
        product("o_proj", heads * v_dim, hidden, Split.ROW),
    )


def _routed(hidden: int, routing: Routing) -> tuple[Operator, ...]:
    def product(name: str, inputs: int, outputs: int, reads: str = "") -> MatMul:
        return MatMul(
            name=name,
            inputs=inputs,
            outputs=outputs,
            copies=routing.experts,
            active=routing.chosen,
            role=Role.EXPERT,
            split=Split.EXPERT,
            reads=reads,
        )

    width = routing.width
    shared = gated_mlp(hidden, routing.shared, role=Role.SHARED_EXPERT, prefix="shared_") if routing.shared else ()
    return (
        MatMul(name="router", inputs=hidden, outputs=routing.experts, role=Role.ROUTER, reads="mlp_input"),
        product("gate_proj", hidden, width, "expert_input"),
        product("up_proj", hidden, width, "expert_input"),
        Elementwise(
            name="activation", width=width * routing.chosen, read=2, kept=2, split=Split.COLUMN, role=Role.EXPERT
        ),
        product("down_proj", width, hidden),
        *shared,
    )
