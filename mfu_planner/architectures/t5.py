"""T5 and its kin: an encoder–decoder with relative position biases and RMS norms, no bias anywhere.

``seq_len`` is the source's length, ``target_seq_len`` the decoder's.

References
----------
.. [1] Raffel et al. 2019, arXiv:1910.10683 (T5); Shazeer 2020, arXiv:2002.05202 (gated MLP of T5 1.1 and Flan-T5).
.. [2] Xue et al. 2020, arXiv:2010.11934 (mT5); Chung et al. 2023, arXiv:2304.09151 (umT5: a bias in every layer).
"""

from __future__ import annotations

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.layers import Operators, Sizes, attention_of, cross_attention, pre_norm
from mfu_planner.architectures.model import Architecture, Block, layer_numbers
from mfu_planner.architectures.parts import embedding, gated_mlp, head, norm, plain_mlp, residual
from mfu_planner.architectures.task_heads import (
    head_kind,
    head_linear,
    label_count,
    per_token_classifier,
    pooled_classifier,
)
from mfu_planner.errors import InputError
from mfu_planner.operators import ALL, CAUSAL, TARGET_TOKENS, TOKENS, Lookup, Role, Rows, Split

_KINDS = {
    "ForConditionalGeneration": "language model head",
    "WithLMHeadModel": "language model head",
    "ForSequenceClassification": "sequence classifier",
    "ForQuestionAnswering": "span classifier",
    "ForTokenClassification": "token classifier",
    "EncoderModel": "encoder alone",
    "Model": "no head",
}


def _position_bias(c: Config, s: Sizes, rows: Rows, stack: str) -> Lookup:
    return Lookup(
        name=f"{stack}_relative_bias",
        entries=c.size("relative_attention_num_buckets"),
        width=s.heads,
        role=Role.POSITION,
        split=Split.HEADS,
        rows=rows,
    )


def _mlp(c: Config, s: Sizes, rows: Rows) -> Operators:
    kind = c.text("feed_forward_proj", default="relu")
    if "-" in kind and not kind.startswith("gated-"):
        raise InputError(f"{c.origin}: feed_forward_proj", kind, "an activation, or gated- and an activation")
    c.no_effect("is_gated_act", "dense_act_fn", "relative_attention_max_distance")
    if kind.startswith("gated"):
        return gated_mlp(s.hidden, s.ffn, rows=rows)
    return plain_mlp(s.hidden, s.ffn, bias=False, rows=rows)


def _t5(c: Config) -> Architecture:
    notes: list[str] = []
    kind = head_kind(c, _KINDS, "language model head", notes)
    heads, layers = c.size("num_heads"), c.size("num_layers")
    s = Sizes(
        hidden=c.size("d_model"),
        heads=heads,
        kv_heads=heads,
        head_dim=c.size("d_kv"),
        ffn=c.size("d_ff"),
        vocab=c.size("vocab_size"),
        layers=layers,
    )
    shared = c.model_type != "umt5"
    encoder_layer = pre_norm(s, attention_of(s, ALL, rotary=False), _mlp(c, s, TOKENS))
    encoder = (
        Block("encoder embedding", (embedding(s.vocab, s.hidden),), stack="encoder"),
        *_stack("encoder", encoder_layer, layers, _position_bias(c, s, TOKENS, "encoder"), shared=shared),
        Block("encoder output", (norm("final_norm", s.hidden),), stack="encoder"),
    )
    decoder_layers = c.size("num_decoder_layers", default=layers)
    usual = kind == "language model head"
    tied = c.flag("tie_word_embeddings", default=True)
    outputs: dict[str, Operators] = {
        "language model head": head(s.hidden, s.vocab, tied=tied, rows=TARGET_TOKENS),
        "sequence classifier": pooled_classifier(c, s.hidden),
        "span classifier": (head_linear("classifier", s.hidden, label_count(c), rows=TARGET_TOKENS),),
    }
    decoder = _decoder(c, s, decoder_layers, shared=shared, last=outputs.get(kind, ()))
    if usual and not tied:
        notes.append(
            f"{c.origin}: tie_word_embeddings is false: counted with the head of its own that the published checkpoint "
            f"holds ({s.hidden * s.vocab:,} parameters); transformers 5 builds the class from a config with a tied one"
        )
    if kind == "token classifier":
        encoder = (*encoder, Block("output", per_token_classifier(c, s.hidden), stack="encoder"))
    alone = kind in ("encoder alone", "token classifier")
    return Architecture(
        name=c.model_type,
        hidden=s.hidden,
        vocab=s.vocab,
        encoder_decoder=not alone,
        blocks=encoder if alone else (*encoder, *decoder),
        notes=tuple(notes),
    )


def _stack(name: str, layer: Operators, layers: int, bias: Lookup, *, shared: bool) -> tuple[Block, ...]:
    """Layers of one tower, with one table of position biases for all of them or one for each."""
    numbers = layer_numbers(layers)
    if not shared:
        return (Block(f"{name} layer", (bias, *layer), numbers, stack=name),)
    return (Block(f"{name} positions", (bias,), stack=name), Block(f"{name} layer", layer, numbers, stack=name))


def _decoder(c: Config, s: Sizes, layers: int, *, shared: bool, last: Operators) -> tuple[Block, ...]:
    rows = TARGET_TOKENS
    layer = (
        norm("input_norm", s.hidden, rows=rows),
        *attention_of(s, CAUSAL, rotary=False, rows=rows),
        residual("attention_residual", s.hidden, rows=rows),
        norm("cross_attention_norm", s.hidden, rows=rows),
        *cross_attention(s, rows, TOKENS),
        residual("cross_attention_residual", s.hidden, rows=rows),
        norm("post_attention_norm", s.hidden, rows=rows),
        *_mlp(c, s, rows),
        residual("mlp_residual", s.hidden, rows=rows),
    )
    table = Lookup(
        name="decoder_embed_tokens",
        entries=s.vocab,
        width=s.hidden,
        split=Split.COLUMN,
        rows=rows,
        shared_with="embed_tokens",
    )
    return (
        Block("decoder embedding", (table,)),
        *_stack("decoder", layer, layers, _position_bias(c, s, rows, "decoder"), shared=shared),
        Block("output", (norm("final_norm", s.hidden, rows=rows), *last)),
    )


IMPORTERS = {"t5": _t5, "mt5": _t5, "umt5": _t5}
