"""Which head stands on a stack: that of the class which the config's ``architectures`` names, or the usual one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.layers import Operators
from mfu_planner.architectures.model import Architecture, Block
from mfu_planner.operators import ONE_PER_SEQUENCE, TOKENS, MatMul, Role, Rows, Split

if TYPE_CHECKING:
    from collections.abc import Iterable


def sample_model(
    c: Config, *, hidden: int, blocks: Iterable[Block], notes: Iterable[str] = (), length: int = 1
) -> Architecture:
    """A model whose work is counted in samples: images or sounds of a length that its config fixes, no text."""
    return Architecture(
        name=c.model_type,
        hidden=hidden,
        work_unit="sample",
        fixed_length=length,
        has_text=False,
        blocks=tuple(blocks),
        notes=tuple(notes),
    )


def model_class(c: Config) -> str:
    """The first of the classes that the config names, without its framework prefix; empty where it names none."""
    named = c.raw("architectures")
    if isinstance(named, list) and named and isinstance(named[0], str):
        return named[0].removeprefix("TF").removeprefix("Flax")
    return ""


def head_kind(c: Config, kinds: dict[str, str], usual: str, notes: list[str]) -> str:
    """The head by the ending of the class name, or ``usual``, with a note where the config does not tell."""
    name = model_class(c)
    for ending, kind in kinds.items():
        if name.endswith(ending):
            return kind
    why = f"architectures names {name}, whose head is not known" if name else "architectures names no class"
    notes.append(f"{c.origin}: {why}: counted with {usual}")
    return usual


def label_count(c: Config) -> int:
    """Classes of a classifier: ``num_labels``, or ``id2label``, or two."""
    labels = c.raw("id2label")
    if isinstance(labels, dict) and labels and not c.has("num_labels"):
        return len(labels)
    return c.size("num_labels", default=2, least=0)


def head_linear(name: str, inputs: int, outputs: int, *, bias: bool = True, rows: Rows = ONE_PER_SEQUENCE) -> MatMul:
    """A linear layer of a head, on one pooled vector for each sequence unless other rows are named."""
    return MatMul(
        name=name, inputs=inputs, outputs=outputs, bias=bias, role=Role.HEAD, split=Split.REPLICATED, rows=rows
    )


def classifier(c: Config, hidden: int, *, rows: Rows = ONE_PER_SEQUENCE) -> Operators:
    """A linear classifier over the config's labels; none where it has no labels."""
    labels = label_count(c)
    return (head_linear("classifier", hidden, labels, rows=rows),) if labels else ()


def per_token_classifier(c: Config, hidden: int) -> Operators:
    """A linear classifier on every position."""
    return classifier(c, hidden, rows=TOKENS)


def pooled_classifier(c: Config, hidden: int) -> Operators:
    """A dense layer and a classifier on one vector for each sequence (BART, T5)."""
    return (head_linear("classifier_transform", hidden, hidden), *classifier(c, hidden))
