"""Decoders before 2022 that are still fine-tuned: GPT, GPT-Neo, XGLM, BioGPT.

References
----------
.. [1] Radford et al. 2018, https://cdn.openai.com/research-covers/language-unsupervised/language_understanding_paper.pdf
.. [2] Black et al. 2021, https://doi.org/10.5281/zenodo.5297715 (GPT-Neo: every other layer sees a window).
.. [3] Lin et al. 2021, arXiv:2112.10668 (XGLM); Luo et al. 2022, arXiv:2210.10341 (BioGPT).
"""

from __future__ import annotations

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.dense import decoder, layer_blocks
from mfu_planner.architectures.layers import Operators, Sizes, attention_of, post_norm, pre_norm
from mfu_planner.architectures.model import Architecture
from mfu_planner.architectures.parts import norm, plain_mlp, positions
from mfu_planner.errors import InputError
from mfu_planner.numeric.letters import plain
from mfu_planner.operators import CAUSAL, Mask, window

_POSITIONS_BEFORE = 2
"""Rows that BioGPT's position table has before its first position."""


Names = tuple[str, ...]


def _sizes(c: Config, hidden: Names, heads: Names, layers: Names, ffn: int) -> Sizes:
    width, count = c.size(*hidden), c.size(*heads)
    return Sizes(
        hidden=width, heads=count, kv_heads=count, ffn=ffn, vocab=c.size("vocab_size"), layers=c.size(*layers),
        head_dim=c.divides("hidden_size / heads", width, count, letter="h"),
    )  # fmt: skip


def _expanded(c: Config, layers: int) -> list[str]:
    """The kind of each layer from ``attention_types``: kinds and how often they repeat."""
    types = c.raw("attention_types") or [[["global", "local"], 12]]
    c.no_effect("attention_layers")
    try:
        kinds = [kind for listed, times in types for kind in list(listed) * plain(times)][: layers + 1]
    except (TypeError, ValueError):
        kinds = []
    if len(kinds) != layers or not set(kinds) <= {"global", "local"}:
        raise InputError(f"{c.origin}: attention_types", types, f"kinds (global, local) of {layers} layers in all")
    return kinds


def _gpt_neo(c: Config) -> Architecture:
    hidden = c.size("hidden_size")
    ffn = c.size("intermediate_size", default=4 * hidden)
    s = _sizes(c, ("hidden_size",), ("num_heads", "num_attention_heads"), ("num_layers", "num_hidden_layers"), ffn)
    c.no_effect("activation_function")
    local = window(c.size("window_size"))

    def layer(mask: Mask) -> Operators:
        attention = attention_of(s, mask, out_bias=True, rotary=False)
        return pre_norm(s, attention, plain_mlp(hidden, s.ffn), bias=True)

    masks = [local if kind == "local" else CAUSAL for kind in _expanded(c, s.layers)]
    first = (positions(c.size("max_position_embeddings"), hidden),)
    last = (norm("final_norm", hidden, bias=True),)
    return decoder(c, s, layer_blocks(masks, layer), tied_default=True, first=first, last=last)


def _openai_gpt(c: Config) -> Architecture:
    hidden = c.size("n_embd", "hidden_size")
    s = _sizes(
        c, ("n_embd", "hidden_size"), ("n_head", "num_attention_heads"), ("n_layer", "num_hidden_layers"), 4 * hidden
    )
    c.no_effect("afn", "n_ctx", "predict_special_tokens")
    attention = attention_of(s, CAUSAL, bias=True, fused=True, rotary=False)
    layer = post_norm(s, attention, plain_mlp(hidden, s.ffn), bias=True)
    first = (positions(c.size("n_positions", "max_position_embeddings"), hidden),)
    return decoder(c, s, layer, tied_default=True, first=first, last=())


def _plain(c: Config, s: Sizes, first: Operators) -> Architecture:
    """Norms before the branches, biases throughout."""
    attention = attention_of(s, CAUSAL, bias=True, rotary=False)
    layer = pre_norm(s, attention, plain_mlp(s.hidden, s.ffn), bias=True)
    last = (norm("final_norm", s.hidden, bias=True),)
    return decoder(c, s, layer, tied_default=True, first=first, last=last)


def _biogpt(c: Config) -> Architecture:
    s = _sizes(c, ("hidden_size",), ("num_attention_heads",), ("num_hidden_layers",), c.size("intermediate_size"))
    c.no_effect("hidden_act", "scale_embedding")
    return _plain(c, s, (positions(c.size("max_position_embeddings") + _POSITIONS_BEFORE, s.hidden),))


def _xglm(c: Config) -> Architecture:
    heads = ("attention_heads", "num_attention_heads")
    s = _sizes(c, ("d_model", "hidden_size"), heads, ("num_layers", "num_hidden_layers"), c.size("ffn_dim"))
    c.no_effect("activation_function", "scale_embedding", "max_position_embeddings")
    return _plain(c, s, ())


IMPORTERS = {"biogpt": _biogpt, "gpt_neo": _gpt_neo, "openai-gpt": _openai_gpt, "xglm": _xglm}
