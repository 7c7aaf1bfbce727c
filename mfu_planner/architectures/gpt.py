"""The GPT kind: layer norms with biases, multi-head attention, a plain MLP of four times the width.

References
----------
.. [1] Radford et al. 2019, Language Models are Unsupervised Multitask Learners (GPT-2).
.. [2] Black et al. 2022, arXiv:2204.06745 (GPT-NeoX: rotary positions, parallel residual, untied head).
"""

from __future__ import annotations

from dataclasses import replace

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.decoder import causal_decoder
from mfu_planner.architectures.layers import beside
from mfu_planner.architectures.model import Architecture, Block, layer_numbers
from mfu_planner.architectures.parts import embedding, head, norm, plain_mlp, positions, residual, self_attention
from mfu_planner.operators import CAUSAL


def _gpt2(c: Config) -> Architecture:
    hidden, heads, vocab = c.size("n_embd"), c.size("n_head"), c.size("vocab_size")
    head_dim = c.divides("n_embd / n_head", hidden, heads, letter="h")
    ffn = c.size("n_inner", default=4 * hidden)
    c.no_effect("activation_function")
    layer = (
        norm("input_norm", hidden, bias=True),
        *self_attention(
            hidden=hidden,
            heads=heads,
            kv_heads=heads,
            head_dim=head_dim,
            mask=CAUSAL,
            qkv_bias=True,
            out_bias=True,
            fused=True,
            rotary=False,
        ),
        residual("attention_residual", hidden),
        norm("post_attention_norm", hidden, bias=True),
        *plain_mlp(hidden, ffn),
        residual("mlp_residual", hidden),
    )
    tied = c.flag("tie_word_embeddings", default=True)
    return Architecture(
        name=c.model_type,
        hidden=hidden,
        vocab=vocab,
        blocks=(
            Block("embedding", (embedding(vocab, hidden), positions(c.size("n_positions", "n_ctx"), hidden))),
            Block("layer", layer, layer_numbers(c.size("n_layer"))),
            Block("output", (norm("final_norm", hidden, bias=True), *head(hidden, vocab, tied=tied))),
        ),
    )


def _gpt_neox(c: Config) -> Architecture:
    hidden, heads = c.size("hidden_size"), c.size("num_attention_heads")
    bias = c.flag("attention_bias", default=True)
    c.no_effect("hidden_act")
    second = norm("post_attention_norm", hidden, bias=True)
    side_by_side = c.flag("use_parallel_residual", default=True)
    mlp = plain_mlp(hidden, c.size("intermediate_size"))
    layer = (
        norm("input_norm", hidden, bias=True),
        *((replace(second, reads="mlp_input"),) if side_by_side else ()),
        *self_attention(
            hidden=hidden,
            heads=heads,
            kv_heads=heads,
            head_dim=c.divides("hidden_size / num_attention_heads", hidden, heads, letter="h"),
            mask=CAUSAL,
            qkv_bias=bias,
            out_bias=bias,
            fused=True,
        ),
        *(() if side_by_side else (second,)),
        *(beside(mlp) if side_by_side else mlp),
        residual("residual", hidden),
    )
    layers = Block("layer", layer, layer_numbers(c.size("num_hidden_layers")))
    return causal_decoder(c, hidden, (layers,), final_norm=norm("final_norm", hidden, bias=True))


IMPORTERS = {"gpt2": _gpt2, "gpt_neox": _gpt_neox}
