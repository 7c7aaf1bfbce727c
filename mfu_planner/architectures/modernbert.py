"""ModernBERT: gated MLPs, rotary positions and layers that see a band of neighbours; as encoder or as decoder.

References
----------
.. [1] Warner et al. 2024, arXiv:2412.13663 (ModernBERT); Weller et al. 2025, arXiv:2507.11412 (Ettin: the decoder).
"""

from __future__ import annotations

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.decoder import listed_kinds
from mfu_planner.architectures.layers import Operators, Sizes, attention_of, pre_norm
from mfu_planner.architectures.model import Architecture, Block
from mfu_planner.architectures.parts import embedding, gated_mlp, head, norm
from mfu_planner.architectures.task_heads import classifier, head_kind, head_linear, label_count
from mfu_planner.operators import ALL, CAUSAL, ONE_PER_SEQUENCE, TOKENS, Mask, MaskKind, Norm, Role, Rows, window

_KINDS = {
    "ForMaskedLM": "masked language model head",
    "ForCausalLM": "the language model head",
    "ForSequenceClassification": "sequence classifier",
    "ForMultipleChoice": "multiple choice",
    "ForTokenClassification": "token classifier",
    "ForQuestionAnswering": "span classifier",
    "Model": "no head",
}
_LAYERS = ("full_attention", "sliding_attention")


def _sizes(c: Config) -> Sizes:
    hidden, heads = c.size("hidden_size"), c.size("num_attention_heads")
    return Sizes(
        hidden=hidden,
        heads=heads,
        kv_heads=heads,
        ffn=c.size("intermediate_size"),
        vocab=c.size("vocab_size"),
        layers=c.size("num_hidden_layers"),
        head_dim=c.divides("hidden_size / num_attention_heads", hidden, heads, letter="h"),
    )


def _modernbert(c: Config) -> Architecture:
    s, notes, decoder = _sizes(c), list[str](), c.model_type == "modernbert-decoder"
    kind = head_kind(c, _KINDS, "the language model head" if decoder else "masked language model head", notes)
    bias, norm_bias = c.flag("attention_bias", default=False), c.flag("norm_bias", default=False)
    c.no_effect(
        "hidden_activation",
        "position_embedding_type",
        "sparse_prediction",
        "sparse_pred_ignore_index",
        "initializer_cutoff_factor",
        "classifier_pooling",
        "classifier_activation",
        "deterministic_flash_attn",
        "reference_compile",
        "repad_logits_with_grad",
        "unpad_inputs",
        "global_rope_theta",
        "local_rope_theta",
        "embedding_dropout",
        "mlp_dropout",
        "global_attn_every_n_layers",
    )
    every = c.size("global_attn_every_n_layers", default=3)
    kinds = listed_kinds(c, "layer_types", layers=s.layers, known=_LAYERS)
    kinds = kinds or [_LAYERS[n % every > 0] for n in range(s.layers)]
    reach = c.size("local_attention", least=2)
    masks = {
        "full_attention": CAUSAL if decoder else ALL,
        "sliding_attention": window(reach // 2) if decoder else Mask(MaskKind.BAND, reach // 2),
    }

    def layer(kind: str, first: bool) -> Operators:
        """The first layer has no norm of its own: the embedding's stands before it."""
        attention = attention_of(s, masks[kind], bias=bias, fused=not decoder)
        mlp = gated_mlp(s.hidden, s.ffn, bias=c.flag("mlp_bias", default=False), fused=True)
        operators = pre_norm(s, attention, mlp, bias=norm_bias)
        return operators[1:] if first else operators

    shapes = [(kind, not n) for n, kind in enumerate(kinds)]
    names = {
        shape: f"{'first ' * shape[1]}{'global' if shape[0] == 'full_attention' else 'local'} layer" for shape in shapes
    }
    return Architecture(
        name=c.model_type,
        hidden=s.hidden,
        vocab=s.vocab,
        blocks=(
            Block(
                "embedding",
                (embedding(s.vocab, s.hidden), norm("embedding_norm", s.hidden, bias=norm_bias)),
                stack="encoder",
            ),
            *(
                Block(name, layer(*shape), tuple(n for n, one in enumerate(shapes) if one == shape), stack="encoder")
                for shape, name in names.items()
            ),
            Block(
                "output", (norm("final_norm", s.hidden, bias=norm_bias), *_head(c, s, kind, norm_bias)), stack="encoder"
            ),
        ),
        notes=tuple(notes),
    )


def _head(c: Config, s: Sizes, kind: str, norm_bias: bool) -> Operators:
    """A dense layer and a norm, then the vocabulary, the labels, or one score."""
    if kind == "no head":
        return ()
    rows = ONE_PER_SEQUENCE if kind in ("sequence classifier", "multiple choice") else TOKENS
    if c.model_type == "modernbert-decoder":
        rows = TOKENS
    transform = _transform(c, s, rows, norm_bias)
    if kind.endswith("model head"):
        bias, tied = c.flag("decoder_bias", default=True), c.flag("tie_word_embeddings", default=True)
        return (*transform, *head(s.hidden, s.vocab, tied=tied, bias=bias))
    if kind == "multiple choice":
        return (*transform, head_linear("classifier", s.hidden, 1))
    if c.model_type == "modernbert-decoder":
        bias = c.flag("classifier_bias", default=False)
        return (*transform, head_linear("classifier", s.hidden, label_count(c), bias=bias, rows=rows))
    return (*transform, *classifier(c, s.hidden, rows=rows))


def _transform(c: Config, s: Sizes, rows: Rows, norm_bias: bool) -> Operators:
    bias = c.flag("classifier_bias", default=False)
    return (
        head_linear("head_transform", s.hidden, s.hidden, bias=bias, rows=rows),
        Norm(name="head_norm", width=s.hidden, bias=norm_bias, rows=rows, role=Role.HEAD),
    )


IMPORTERS = {"modernbert": _modernbert, "modernbert-decoder": _modernbert}
