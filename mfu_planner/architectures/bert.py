"""Bidirectional encoders: BERT, RoBERTa and their kin, DistilBERT, ELECTRA, each with the head that its class has.

References
----------
.. [1] Devlin et al. 2018, arXiv:1810.04805 (BERT); Liu et al. 2019, arXiv:1907.11692 (RoBERTa).
.. [2] Sanh et al. 2019, arXiv:1910.01108 (DistilBERT); Clark et al. 2020, arXiv:2003.10555 (ELECTRA).
"""

from __future__ import annotations

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.layers import Operators, Sizes, attention_of, post_norm, pre_norm
from mfu_planner.architectures.model import Architecture, Block, layer_numbers
from mfu_planner.architectures.parts import embedding, head, norm, plain_mlp, positions
from mfu_planner.architectures.task_heads import classifier, head_kind, head_linear, per_token_classifier
from mfu_planner.errors import InputError
from mfu_planner.operators import ALL, CAUSAL, TOKENS, Elementwise, Lookup, Norm, Operator, Role, Rows, Split, Stream

BERT_KINDS = {
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
"""Ending of a class name → its head."""
_NORMS_BEFORE = ("megatron-bert", "roberta-prelayernorm", "xlm-roberta-xl")
_USUAL = "masked language model head"


def bert_sizes(c: Config) -> Sizes:
    """Sizes under BERT's names, or DistilBERT's."""
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
    """Embeddings with positions (and segment types), layers with norms behind the sums or before the branches, a head.

    ALBERT's layers of one group share their weights.
    """
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
    if c.flag("use_task_id", default=False):
        entries = c.size("task_type_vocab_size")
        first.append(
            Lookup(name="task_embedding", entries=entries, width=width, role=Role.OTHER, split=Split.REPLICATED)
        )
    before = c.model_type in _NORMS_BEFORE
    if not before or c.model_type == "roberta-prelayernorm":
        first.append(norm("embedding_norm", width, bias=True))
    if width != s.hidden or c.model_type == "albert":
        first.append(head_linear("embedding_proj", width, s.hidden, rows=TOKENS))
    join = pre_norm if before else post_norm
    layer = join(s, attention_of(s, mask, bias=True, rotary=False), plain_mlp(s.hidden, s.ffn), bias=True)
    last = (norm("final_norm", s.hidden, bias=True),) if before else ()
    return Architecture(
        name=c.model_type,
        hidden=s.hidden,
        vocab=s.vocab,
        blocks=(
            Block("embedding", tuple(first), stack="encoder"),
            *(_groups(c, s, layer) if c.model_type == "albert" else (_layers(layer, s.layers),)),
            Block("output", (*last, *head_operators), stack="encoder"),
        ),
        notes=tuple(notes),
    )


def _layers(layer: Operators, count: int) -> Block:
    return Block("layer", layer, layer_numbers(count), stack="encoder")


def _groups(c: Config, s: Sizes, layer: Operators) -> tuple[Block, ...]:
    """ALBERT: the layers of a group use one set of weights; a group may hold several layers in turn."""
    groups, inner = c.size("num_hidden_groups", default=1), c.size("inner_group_num", default=1)
    if groups > s.layers:
        raise InputError(f"{c.origin}: num_hidden_groups", groups, f"at most num_hidden_layers = {s.layers}")
    numbers = {g: tuple(n for n in range(s.layers) if n * groups // s.layers == g) for g in range(groups)}
    return tuple(
        Block(
            f"group {g + 1} layer" if groups * inner > 1 else "layer", layer, numbers[g], stack="encoder", shared=True
        )
        for g in numbers
        for _ in range(inner)
    )


def masked_head(c: Config, s: Sizes, *, width: int | None = None, always: bool = False) -> Operators:
    """A dense layer and a norm, then the vocabulary (tied to the token table, with a bias of its own).

    ``always``: tied whatever the config says.  Where the table is not tied, BERT and RoBERTa keep a second bias that is
    in no use.  Code that gathers the masked positions first names their number, ``max_predictions_per_seq``: the head
    then sees them alone.
    """
    masked = c.size("max_predictions_per_seq") if c.has("max_predictions_per_seq") else None
    rows = TOKENS if masked is None else Rows(Stream.SEQUENCE, masked)
    width, tied = width or s.hidden, c.flag("tie_word_embeddings", default=True) or always
    idle = 0 if tied or c.model_type in ("distilbert", "electra") else s.vocab
    return (
        head_linear("lm_transform", s.hidden, width, rows=rows),
        Norm(name="lm_norm", width=width, bias=True, rows=rows),
        *head(width, s.vocab, tied=tied, bias=True, rows=rows),
        *((Elementwise(name="idle_bias", width=0, weights=idle, role=Role.HEAD),) if idle else ()),
    )


def _pooler(s: Sizes) -> Operators:
    return (head_linear("pooler", s.hidden, s.hidden),)


def _bert(c: Config) -> Architecture:
    s, notes = bert_sizes(c), list[str]()
    kind = head_kind(c, BERT_KINDS, _USUAL, notes)
    pooled = (*_pooler(s), head_linear("next_sentence", s.hidden, 2))
    heads: dict[str, Operators] = {
        "no head": _pooler(s),
        "pre-training heads": (*pooled, *masked_head(c, s)),
        "next-sentence classifier": pooled,
        "multiple choice": (*_pooler(s), head_linear("classifier", s.hidden, 1)),
        "sequence classifier": (*_pooler(s), *classifier(c, s.hidden)),
        "token classifier": per_token_classifier(c, s.hidden),
        "span classifier": per_token_classifier(c, s.hidden),
    }
    return _encoder(c, s, heads[kind] if kind in heads else masked_head(c, s), notes)


def _roberta(c: Config) -> Architecture:
    s, notes = bert_sizes(c), list[str]()
    kind = head_kind(c, BERT_KINDS, _USUAL, notes)
    heads: dict[str, Operators] = {
        "no head": _pooler(s),
        "multiple choice": (*_pooler(s), head_linear("classifier", s.hidden, 1)),
        "sequence classifier": (head_linear("pooler", s.hidden, s.hidden), *classifier(c, s.hidden)),
        "token classifier": per_token_classifier(c, s.hidden),
        "span classifier": per_token_classifier(c, s.hidden),
    }
    return _encoder(c, s, heads[kind] if kind in heads else masked_head(c, s), notes)


def _distilbert(c: Config) -> Architecture:
    s, notes = bert_sizes(c), list[str]()
    kind = head_kind(c, BERT_KINDS, _USUAL, notes)
    c.no_effect("sinusoidal_pos_embds", "tie_weights_", "qa_dropout", "seq_classif_dropout")
    heads: dict[str, Operators] = {
        "no head": (),
        "multiple choice": (*_pooler(s), head_linear("classifier", s.hidden, 1)),
        "sequence classifier": (*_pooler(s), *classifier(c, s.hidden)),
        "token classifier": per_token_classifier(c, s.hidden),
        "span classifier": per_token_classifier(c, s.hidden),
    }
    return _encoder(c, s, heads[kind] if kind in heads else masked_head(c, s), notes, types=False)


def _electra(c: Config) -> Architecture:
    s, notes, width = bert_sizes(c), list[str](), c.size("embedding_size")
    kind = head_kind(c, BERT_KINDS, "pre-training heads", notes)
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
    return _encoder(c, s, heads[kind] if kind in heads else masked_head(c, s, width=width), notes, width=width)


def _albert(c: Config) -> Architecture:
    s, notes, width = bert_sizes(c), list[str](), c.size("embedding_size")
    kind = head_kind(c, BERT_KINDS, _USUAL, notes)
    c.no_effect("classifier_dropout_prob", "down_scale_factor", "gap_size", "net_structure_type", "num_memory_blocks")
    transform = masked_head(c, s, width=width)
    heads: dict[str, Operators] = {
        "no head": _pooler(s),
        "pre-training heads": (*_pooler(s), *classifier(c, s.hidden), *transform),
        "multiple choice": (*_pooler(s), head_linear("classifier", s.hidden, 1)),
        "sequence classifier": (*_pooler(s), *classifier(c, s.hidden)),
        "token classifier": per_token_classifier(c, s.hidden),
        "span classifier": per_token_classifier(c, s.hidden),
    }
    return _encoder(c, s, heads.get(kind, transform), notes, width=width)


IMPORTERS = {
    "albert": _albert,
    "bert": _bert,
    "data2vec-text": _roberta,
    "ernie": _bert,
    "megatron-bert": _bert,
    "roberta-prelayernorm": _roberta,
    "xlm-roberta-xl": _roberta,
    "roberta": _roberta,
    "xlm-roberta": _roberta,
    "camembert": _roberta,
    "distilbert": _distilbert,
    "electra": _electra,
}
