"""The head that a decoder is trained with: that of the class which the config's ``architectures`` names.

References
----------
.. [1] transformers' ``modeling_layers.py`` (GenericForSequenceClassification, …ForTokenClassification,
   …ForQuestionAnswering): https://github.com/huggingface/transformers/blob/main/src/transformers/modeling_layers.py
.. [2] Value head: trl's ``AutoModelForCausalLMWithValueHead``, https://huggingface.co/docs/trl/models
.. [3] Reward models of Qwen2.5-Math: https://huggingface.co/Qwen/Qwen2.5-Math-RM-72B/blob/main/modeling_qwen2_rm.py
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.layers import Operators
from mfu_planner.architectures.model import Architecture, Block
from mfu_planner.architectures.task_heads import head_kind, head_linear, label_count, model_class
from mfu_planner.operators import Elementwise, MatMul, Operator, Role, Rows, Split

_LANGUAGE = "the language model head"
_KINDS = {
    "WithValueHead": "value head",
    "DoubleHeadsModel": "language model head with a choice",
    "ForCausalLM": _LANGUAGE,
    "LMHeadModel": _LANGUAGE,
    "ForConditionalGeneration": _LANGUAGE,
    "ForSequenceClassification": "sequence classifier",
    "ForTokenClassification": "token classifier",
    "ForQuestionAnswering": "span classifier",
    "ForProcessRewardModel": "two-layer reward head",
    "ForRewardModel": "two-layer reward head",
    "Model": "no head",
}
"""Ending of a class name → its head; the first that fits."""

Head = Callable[[Config, MatMul], Operators]


def _score(c: Config, lm_head: MatMul) -> Operators:
    """A score for each label at every position, without a bias (the loss reads the last position)."""
    return _linear(lm_head, label_count(c), bias=False)


def _labels(c: Config, lm_head: MatMul) -> Operators:
    return _linear(lm_head, label_count(c), bias=c.flag("token_classification_bias", default=True))


def _span(c: Config, lm_head: MatMul) -> Operators:
    """Start and end: two outputs, however many labels the config names."""
    del c
    return _linear(lm_head, 2, bias=True)


def _reward(c: Config, lm_head: MatMul) -> Operators:
    """Two layers: one score at every position, or two for a process reward model [3]_."""
    width, rows = lm_head.inputs, lm_head.rows
    scores = 2 if "Process" in model_class(c) else 1
    return (
        head_linear("score_transform", width, width, rows=rows),
        Elementwise(name="score_activation", width=width, kept=1, rows=rows, role=Role.HEAD),
        *_linear(lm_head, scores, bias=True),
    )


def _value(c: Config, lm_head: MatMul) -> Operators:
    """A value for every position beside the language model head."""
    del c
    beside = Elementwise(
        name="loss", width=lm_head.outputs, read=2, written=1, kept=1, split=Split.COLUMN, rows=lm_head.rows,
        role=Role.HEAD,
    )  # fmt: skip
    return (lm_head, beside, head_linear("value_head", lm_head.inputs, 1, rows=lm_head.rows))


def _choice(c: Config, lm_head: MatMul) -> Operators:
    """GPT-2's two heads: beside the words, one vector of each sequence says which of several is right."""
    if not c.flag("summary_use_proj", default=True):
        return (lm_head,)
    width = 1 if c.flag("summary_proj_to_labels", default=True) else lm_head.inputs
    return (lm_head, head_linear("choice", lm_head.inputs, width))


def _linear(lm_head: MatMul, outputs: int, *, bias: bool) -> Operators:
    if not outputs:
        return ()
    rows: Rows = lm_head.rows
    loss = Elementwise(name="loss", width=outputs, read=2, written=1, kept=1, rows=rows, role=Role.HEAD)
    return (head_linear("score", lm_head.inputs, outputs, bias=bias, rows=rows), loss)


_HEADS: dict[str, Head] = {
    "sequence classifier": _score,
    "token classifier": _labels,
    "span classifier": _span,
    "two-layer reward head": _reward,
    "value head": _value,
    "language model head with a choice": _choice,
    "no head": lambda _c, _lm_head: (),
}


def with_trained_head(c: Config, built: Architecture) -> Architecture:
    """The architecture with the head of the class that the config names in place of its language model head.

    Nothing changes where it has none, or where the config names the usual class; a class that is not known, or none,
    is counted with the usual one and said so.
    """
    lm_head = next((op for _, op in built.each() if op.name == "lm_head" and isinstance(op, MatMul)), None)
    if lm_head is None:
        return built
    notes: list[str] = []
    kind = head_kind(c, _KINDS, _LANGUAGE, notes)
    if kind == _LANGUAGE:
        return built.with_notes(*notes)
    instead = _HEADS[kind](c, lm_head)
    said = f"{c.origin}: architectures names {model_class(c)}: counted with {_in_words(kind, instead)}"
    changed = replace(built, blocks=tuple(_with(block, instead) for block in built.blocks), prediction=())
    return changed.with_notes(said)


def _in_words(kind: str, operators: Operators) -> str:
    """The head and its outputs, for a note."""
    outputs = [op.outputs for op in operators if isinstance(op, MatMul)]
    return f"its {kind}, {outputs[-1]} output{'s' * (outputs[-1] != 1)}" if outputs else "no head"


def _with(block: Block, instead: Operators) -> Block:
    """The block with ``instead`` where its language model head and loss stood."""
    names = ("lm_head", "loss")
    if not any(op.name == "lm_head" for op in block.operators):
        return block
    kept: list[Operator] = []
    for op in block.operators:
        kept.extend(instead if op.name == "lm_head" else () if op.name in names else (op,))
    return replace(block, operators=tuple(kept))
