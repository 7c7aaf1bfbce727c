"""Sparse attention: a small indexer scores every key for every query, and attention sees the best of them only [1]_.

Under ``full`` the products are those of eager code: all pairs, masked.  Under ``causal`` they are what the method
needs: the indexer's scores over all pairs before a query, attention over the chosen ones.  No gradient reaches the
indexer through the choice; its own training (a loss on its scores) is not counted.

References
----------
.. [1] DeepSeek-AI 2025, arXiv:2512.02556 (DeepSeek-V3.2: sparse attention over latents).
.. [2] Z.ai 2026, https://huggingface.co/zai-org/GLM-5 (GLM-5: some layers reuse the choice of the one before).
"""

from __future__ import annotations

from dataclasses import replace

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.decoder import causal_decoder, layer_blocks, listed_kinds, pre_norm_layer
from mfu_planner.architectures.deepseek import dense_then_sparse, feed_forwards, latent_attention, prediction_blocks
from mfu_planner.architectures.layers import without_gradients
from mfu_planner.architectures.model import Architecture
from mfu_planner.errors import InputError
from mfu_planner.operators import CAUSAL, Attention, Elementwise, Mask, MaskKind, MatMul, Norm, Operator, Role, Split

NOTE = "no gradient reaches the sparse-attention indexer through its choice: only its forward pass is counted"


def indexer(c: Config, hidden: int) -> tuple[Operator, ...]:
    """Queries from the compressed ones, one key for all heads, a weight for each head; scores over every pair."""
    heads, width, rank = c.size("index_n_heads"), c.size("index_head_dim"), c.size("q_lora_rank")

    def product(name: str, inputs: int, outputs: int, reads: str = "") -> MatMul:
        return MatMul(
            name=name, inputs=inputs, outputs=outputs, role=Role.ATTENTION, split=Split.REPLICATED, reads=reads
        )

    return without_gradients(
        (
            product("index_q_proj", rank, heads * width),
            product("index_k_proj", hidden, width, "attention_input"),
            Norm(name="index_k_norm", width=width, bias=True),
            product("index_weights_proj", hidden, heads, "attention_input"),
            Elementwise(name="index_rotary", width=(heads + 1) * width, role=Role.ATTENTION),
            Attention(name="index_scores", heads=heads, kv_heads=1, qk_dim=width, v_dim=1, mask=CAUSAL),
        )
    )


def _indexer_layers(c: Config, layers: int) -> list[str]:
    """ "full" where a layer chooses its keys, "shared" where it takes those of the layer before."""
    kinds = listed_kinds(c, "indexer_types", layers=layers, known=("full", "shared"), legacy={})
    pattern = c.raw("index_topk_pattern")
    if kinds is None and isinstance(pattern, str):
        kinds = [{"F": "full", "S": "shared"}.get(letter, letter) for letter in pattern]
        if len(kinds) != layers or set(kinds) - {"full", "shared"}:
            raise InputError(f"{c.origin}: index_topk_pattern", pattern, f"{layers} letters, F or S")
    every, offset = c.size("index_topk_freq", default=1), c.size("index_skip_topk_offset", default=2, least=0)
    return kinds or ["full" if max(n - offset + 1, 0) % every == 0 else "shared" for n in range(layers)]


def _indexed_decoder(c: Config) -> Architecture:
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    mask = Mask(MaskKind.TOP, c.size("index_topk"))
    c.no_effect("layer_types", "mlp_bias", "indexer_rope_interleave", "pretraining_tp")
    plain = latent_attention(c, hidden, mask=mask, compressed=True)
    chosen = latent_attention(c, hidden, mask=mask, selection=indexer(c, hidden), compressed=True)
    attentions = {"full": chosen, "shared": plain}
    choices = _indexer_layers(c, layers) if c.model_type == "glm_moe_dsa" else ["full"] * layers
    kinds = dense_then_sparse(c, layers)
    mlps = feed_forwards(c, hidden, kinds)
    several = len(set(choices)) > 1
    names = [f"{mlp} {choice} indexer" if several else mlp for mlp, choice in zip(kinds, choices, strict=True)]
    operators = {
        name: pre_norm_layer(hidden, attentions[choice], mlps[mlp])
        for name, choice, mlp in zip(names, choices, kinds, strict=True)
    }
    ahead = pre_norm_layer(hidden, chosen, mlps[kinds[-1]])
    built = causal_decoder(
        c, hidden, layer_blocks(names, operators), prediction=prediction_blocks(c, hidden, ahead, layers)
    )
    return replace(built, notes=(*built.notes, NOTE))


IMPORTERS = {"deepseek_v32": _indexed_decoder, "glm_moe_dsa": _indexed_decoder}
