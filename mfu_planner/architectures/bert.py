"""Bidirectional encoders: BERT, RoBERTa and their kin, DistilBERT, ELECTRA, each with the head that its class has.

References
----------
.. [1] Devlin et al. 2018, arXiv:1810.04805 (BERT); Liu et al. 2019, arXiv:1907.11692 (RoBERTa).
.. [2] Sanh et al. 2019, arXiv:1910.01108 (DistilBERT); Clark et al. 2020, arXiv:2003.10555 (ELECTRA).
"""

from __future__ import annotations

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.layers import Operators, Sizes, attention_of, post_norm
from mfu_planner.architectures.model import Architecture, Block, layer_numbers
from mfu_planner.architectures.parts import embedding, head, norm, plain_mlp, positions
from mfu_planner.architectures.task_heads import classifier, head_kind, head_linear, per_token_classifier
from mfu_planner.operators import ALL, CAUSAL, TOKENS, Elementwise, Lookup, Norm, Operator, Role, Split

_KINDS = {
    "ForMaskedLM": "masked language model head",
    "LMHeadModel": "masked language model head",
    "ForCausalLM": "masked language model head",
    "ForPreTraining": "pre-training heads",
    "ForSequenceClassification": "sequence classifier",
    "ForMultipleChoice": "multiple choice",
    "ForNextSentencePrediction": "next-sentence classifier",
    "ForTokenClassification": "token classifier",
    "ForQuestionAnswering": "span classifier",
    "Model": "no head",
}
_USUAL = "masked language model head"


def _sizes(c: Config) -> Sizes:
    hidden, heads = c.size("hidden_size", "dim"), c.size("num_attention_heads", "n_heads")
    return Sizes(
        hidden=hidden,
        heads=heads,
        kv_heads=heads,
        vocab=c.size("vocab_size"),
        head_dim=c.divides("hidden_size / num_attention_heads", hidden, heads, letter="h"),
        ffn=c.size("intermediate_size", "hidden_dim"),
        layers=c.size("num_hidden_layers", "n_layers"),
    )


def _encoder(
    c: Config, s: Sizes, head_operators: Operators, notes: list[str], *, width: int | None = None, types: bool = True
) -> Architecture:
    """Embeddings with positions (and segment types), layers with norms behind the sums, a head."""
    width = width or s.hidden
    mask = CAUSAL if c.flag("is_decoder", default=False) else ALL
    c.no_effect("hidden_act", "activation", "position_embedding_type", "gradient_checkpointing", "init_std")
    first: list[Operator] = [embedding(s.vocab, width), positions(c.size("max_position_embeddings"), width)]
    if types:
        first.append(
            Lookup(
                name="token_type_embedding",
                entries=c.size("type_vocab_size"),
                width=width,
                role=Role.OTHER,
                split=Split.REPLICATED,
            )
        )
    first.append(norm("embedding_norm", width, bias=True))
    if width != s.hidden:
        first.append(head_linear("embedding_proj", width, s.hidden, rows=TOKENS))
    layer = post_norm(s, attention_of(s, mask, bias=True, rotary=False), plain_mlp(s.hidden, s.ffn), bias=True)
    return Architecture(
        name=c.model_type,
        hidden=s.hidden,
        vocab=s.vocab,
        blocks=(
            Block("embedding", tuple(first), stack="encoder"),
            Block("layer", layer, layer_numbers(s.layers), stack="encoder"),
            Block("output", head_operators, stack="encoder"),
        ),
        notes=tuple(notes),
    )


def _lm_head(c: Config, s: Sizes, *, width: int | None = None) -> Operators:
    """A dense layer and a norm, then the vocabulary (tied to the token table, with a bias of its own).

    Where the table is not tied, BERT and RoBERTa keep a second bias that is in no use.
    """
    width, tied = width or s.hidden, c.flag("tie_word_embeddings", default=True)
    idle = 0 if tied or c.model_type in ("distilbert", "electra") else s.vocab
    return (
        head_linear("lm_transform", s.hidden, width, rows=TOKENS),
        Norm(name="lm_norm", width=width, bias=True),
        *head(width, s.vocab, tied=tied, bias=True),
        *((Elementwise(name="idle_bias", width=0, weights=idle, role=Role.HEAD),) if idle else ()),
    )


def _pooler(s: Sizes) -> Operators:
    return (head_linear("pooler", s.hidden, s.hidden),)


def _bert(c: Config) -> Architecture:
    s, notes = _sizes(c), list[str]()
    kind = head_kind(c, _KINDS, _USUAL, notes)
    pooled = (*_pooler(s), head_linear("next_sentence", s.hidden, 2))
    heads: dict[str, Operators] = {
        "no head": _pooler(s),
        "pre-training heads": (*pooled, *_lm_head(c, s)),
        "next-sentence classifier": pooled,
        "multiple choice": (*_pooler(s), head_linear("classifier", s.hidden, 1)),
        "sequence classifier": (*_pooler(s), *classifier(c, s.hidden)),
        "token classifier": per_token_classifier(c, s.hidden),
        "span classifier": per_token_classifier(c, s.hidden),
    }
    return _encoder(c, s, heads[kind] if kind in heads else _lm_head(c, s), notes)


def _roberta(c: Config) -> Architecture:
    s, notes = _sizes(c), list[str]()
    kind = head_kind(c, _KINDS, _USUAL, notes)
    heads: dict[str, Operators] = {
        "no head": _pooler(s),
        "multiple choice": (*_pooler(s), head_linear("classifier", s.hidden, 1)),
        "sequence classifier": (head_linear("pooler", s.hidden, s.hidden), *classifier(c, s.hidden)),
        "token classifier": per_token_classifier(c, s.hidden),
        "span classifier": per_token_classifier(c, s.hidden),
    }
    return _encoder(c, s, heads[kind] if kind in heads else _lm_head(c, s), notes)


def _distilbert(c: Config) -> Architecture:
    s, notes = _sizes(c), list[str]()
    kind = head_kind(c, _KINDS, _USUAL, notes)
    c.no_effect("sinusoidal_pos_embds", "tie_weights_", "qa_dropout", "seq_classif_dropout")
    heads: dict[str, Operators] = {
        "no head": (),
        "multiple choice": (*_pooler(s), head_linear("classifier", s.hidden, 1)),
        "sequence classifier": (*_pooler(s), *classifier(c, s.hidden)),
        "token classifier": per_token_classifier(c, s.hidden),
        "span classifier": per_token_classifier(c, s.hidden),
    }
    return _encoder(c, s, heads[kind] if kind in heads else _lm_head(c, s), notes, types=False)


def _electra(c: Config) -> Architecture:
    s, notes, width = _sizes(c), list[str](), c.size("embedding_size")
    kind = head_kind(c, _KINDS, "pre-training heads", notes)
    c.no_effect(
        "generator_hidden_size", "summary_last_dropout", "summary_activation", "summary_type", "summary_use_proj"
    )
    heads: dict[str, Operators] = {
        "no head": (),
        "pre-training heads": (
            head_linear("discriminator", s.hidden, s.hidden, rows=TOKENS),
            head_linear("classifier", s.hidden, 1, rows=TOKENS),
        ),
        "multiple choice": (*_pooler(s), head_linear("classifier", s.hidden, 1)),
        "sequence classifier": (*_pooler(s), *classifier(c, s.hidden)),
        "token classifier": per_token_classifier(c, s.hidden),
        "span classifier": per_token_classifier(c, s.hidden),
    }
    return _encoder(c, s, heads[kind] if kind in heads else _lm_head(c, s, width=width), notes, width=width)


IMPORTERS = {
    "bert": _bert,
    "roberta": _roberta,
    "xlm-roberta": _roberta,
    "camembert": _roberta,
    "distilbert": _distilbert,
    "electra": _electra,
}
