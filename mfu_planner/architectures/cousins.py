"""More cousins of Llama: further norms, windows with sinks, a difference of two attentions.

References
----------
.. [1] Ma et al. 2024, arXiv:2402.17764 (BitNet b1.58: a norm before each last product of a branch).
.. [2] Ye et al. 2024, arXiv:2410.05258 (differential attention).
.. [3] Sinha et al. 2025, arXiv:2510.15001 (VaultGemma); Karpathy 2025, https://github.com/karpathy/nanochat.
.. [4] NAVER 2025, https://huggingface.co/naver-hyperclovax; IBM, https://huggingface.co/ibm-granite;
   Inception 2025, https://huggingface.co/inceptionai (Jais 2).
"""

from __future__ import annotations

from dataclasses import replace

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.dense import decoder, every, layer_blocks, layer_masks, usual_sizes
from mfu_planner.architectures.layers import Operators, Sizes, attention_of, pre_norm
from mfu_planner.architectures.model import Architecture
from mfu_planner.architectures.parts import gated_mlp, norm, plain_mlp
from mfu_planner.errors import InputError
from mfu_planner.operators import CAUSAL, Attention, Elementwise, Mask, Norm, Role, Split

GRANITE_FACTORS = ("embedding_multiplier", "logits_scaling", "residual_multiplier", "attention_multiplier")


def _jais2(c: Config) -> Architecture:
    s = usual_sizes(c)
    c.no_effect("hidden_act")
    attention = attention_of(s, bias=c.flag("attention_bias", default=True))
    mlp = plain_mlp(s.hidden, s.ffn, bias=c.flag("mlp_bias", default=True))
    last = (norm("final_norm", s.hidden, bias=True),)
    return decoder(c, s, pre_norm(s, attention, mlp, bias=True), tied_default=False, last=last)


def _vaultgemma(c: Config) -> Architecture:
    s = usual_sizes(c, head_dim_apart=True, kv_heads_from_heads=False)
    bias = c.flag("attention_bias", default=False)
    c.no_effect("hidden_activation", "hidden_act", "query_pre_attn_scalar", "attn_logit_softcapping")
    c.no_effect("final_logit_softcapping")

    def layer(mask: Mask) -> Operators:
        return pre_norm(s, attention_of(s, mask, bias=bias), gated_mlp(s.hidden, s.ffn))

    masks = layer_masks(c, s.layers, every(2), c.size("sliding_window"))
    return decoder(c, s, layer_blocks(masks, layer), tied_default=True)


def _bitnet(c: Config) -> Architecture:
    s = usual_sizes(c)
    c.no_effect("hidden_act")
    *attend, out = attention_of(s, bias=c.flag("attention_bias", default=False))
    up, gate, activation, down = gated_mlp(s.hidden, s.ffn)
    inner = Norm(name="attention_output_norm", width=s.heads * s.head_dim)
    layer = pre_norm(s, (*attend, inner, out), (up, gate, activation, Norm(name="mlp_inner_norm", width=s.ffn), down))
    return decoder(c, s, layer, tied_default=False)


def _hyperclovax(c: Config) -> Architecture:
    s = usual_sizes(c)
    c.no_effect("hidden_act", *GRANITE_FACTORS)
    attention = attention_of(s, bias=c.flag("attention_bias", default=False))
    mlp = gated_mlp(s.hidden, s.ffn, bias=c.flag("mlp_bias", default=False))
    layer = pre_norm(s, attention, mlp, after=c.flag("use_post_norm", default=True))
    return decoder(c, s, layer, tied_default=False)


def sinks(heads: int) -> Operators:
    """A learned logit for each head that takes part in the softmax and in no product."""
    return (Elementwise(name="sinks", width=heads, weights=heads, role=Role.ATTENTION, split=Split.HEADS),)


def _granite_swa(c: Config) -> Architecture:
    s = usual_sizes(c)
    bias, mlp_bias = c.flag("attention_bias", default=False), c.flag("mlp_bias", default=False)
    c.no_effect("hidden_act", "layer_rope_theta", *GRANITE_FACTORS)

    def layer(mask: Mask) -> Operators:
        attention = (*sinks(s.heads), *attention_of(s, mask, bias=bias))
        return pre_norm(s, attention, gated_mlp(s.hidden, s.ffn, bias=mlp_bias))

    masks = layer_masks(c, s.layers, lambda n: bool(n % 4), c.size("sliding_window"))
    return decoder(c, s, layer_blocks(masks, layer), tied_default=True)


def _differential(s: Sizes, *, bias: bool) -> Operators:
    """Every head attends twice, to either half of the value heads; the two results are subtracted."""
    *projections, attend, out = attention_of(s, CAUSAL, bias=bias)
    if not isinstance(attend, Attention):
        raise TypeError(attend)
    return (
        *projections,
        attend,
        replace(attend, name="second_attention"),
        Elementwise(name="difference", width=s.heads * s.head_dim, read=2, weights=4 * s.head_dim, split=Split.HEADS),
        Norm(name="difference_norm", width=2 * s.head_dim, vectors=s.heads // 2, weight=False, split=Split.HEADS),
        out,
    )


def _diffllama(c: Config) -> Architecture:
    s = usual_sizes(c)
    if s.kv_heads % 2:
        raise InputError(f"{c.origin}: num_key_value_heads", s.kv_heads, "an even number: the values are halved")
    c.no_effect("hidden_act", "lambda_std_dev")
    attention = _differential(s, bias=c.flag("attention_bias", default=False))
    return decoder(c, s, pre_norm(s, attention, gated_mlp(s.hidden, s.ffn)), tied_default=False)


def _nanochat(c: Config) -> Architecture:
    s = usual_sizes(c, head_dim_apart=True)
    c.no_effect("hidden_act", "final_logit_softcapping")
    norms = tuple(
        Norm(name=f"{name}_norm", width=s.head_dim, vectors=vectors, weight=False, split=Split.HEADS)
        for name, vectors in (("q", s.heads), ("k", s.kv_heads))
    )
    attention = attention_of(s, bias=c.flag("attention_bias", default=False), qk_norm=norms)
    layer = pre_norm(s, attention, plain_mlp(s.hidden, s.ffn, bias=False), weight=False)

    def bare(name: str) -> Operators:
        return (Norm(name=name, width=s.hidden, weight=False),)

    return decoder(c, s, layer, tied_default=False, first=bare("embedding_norm"), last=bare("final_norm"))


IMPORTERS = {
    "bitnet": _bitnet,
    "diffllama": _diffllama,
    "granite_swa": _granite_swa,
    "hyperclovax": _hyperclovax,
    "jais2": _jais2,
    "nanochat": _nanochat,
    "vaultgemma": _vaultgemma,
}
