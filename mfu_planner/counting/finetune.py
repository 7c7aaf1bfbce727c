"""Fine-tuning: frozen parts and low-rank adapters, with the gradients that are still needed.

References
----------
.. [1] Hu et al. 2021, arXiv:2106.09685 (LoRA).
.. [2] Liu et al. 2024, arXiv:2402.09353 (DoRA: a magnitude for each output).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from mfu_planner.architectures.model import Architecture, Block
from mfu_planner.counting.chosen import Chosen, adapted, chosen, parts
from mfu_planner.counting.gradients import mark_gradients
from mfu_planner.errors import InputError, nearest
from mfu_planner.operators import Elementwise, MatMul, Operator, RecordedProduct, Role, Split

ALL_LINEAR = "all-linear"
"""Every linear layer but router and head (and but what only places an image)."""

ADAPTER = ".lora_"
"""Part of the name of every adapter's operators."""


def frozen(
    architecture: Architecture,
    *,
    stacks: Collection[str] = (),
    blocks: Collection[str] = (),
    layers: Collection[int] = (),
    operators: Collection[str] = (),
) -> Architecture:
    """The model with parts that are not trained: what any of the selections names is frozen.

    Parameters
    ----------
    stacks
        Parts: vision, projector, audio, encoder, decoder.  A tower does not include the projector behind it.
    blocks
        Blocks by name (embedding, output, …).
    layers
        Layer numbers of the main stack.
    operators
        Operators by name (embed_tokens, router, …).

    Raises
    ------
    InputError
        A name that the model does not have.
    """
    _known("stack", stacks, parts(architecture))
    _known("block", blocks, {b.name for b in architecture.blocks})
    _known("operator", operators, {op.name for _, op in architecture.each()})
    words = [*stacks, *blocks, *operators, *(f"layers.{n}" for n in layers)]
    return without_training(architecture, chosen(architecture, words))


def without_training(architecture: Architecture, left: Chosen) -> Architecture:
    """The model with what was chosen left as it is, and the gradients that are still needed."""
    return mark_gradients(architecture, lambda block, layer, op: not left(block, layer, op))


def with_lora(
    architecture: Architecture, rank: int, targets: Collection[str] | str = ALL_LINEAR, *, magnitudes: bool = False
) -> Architecture:
    """The model frozen, with trained low-rank adapters beside some of its linear layers [1]_.

    Parameters
    ----------
    rank
        Rank of the adapters.
    targets
        Names of linear layers (``q_proj``, ``text:v_proj``), or ``all-linear``: all but router and head.
    magnitudes
        Also train the length of each row of a weight (DoRA [2]_).

    Raises
    ------
    InputError
        A rank below 1 or above every adapted matrix's own, or a target that the model does not have.
    """
    if rank < 1:
        raise InputError("lora-rank", rank, "an integer of at least 1")
    every = targets == ALL_LINEAR
    wanted = adapted(architecture, () if every else [targets] if isinstance(targets, str) else targets)

    def is_adapted(block: Block, op: MatMul) -> bool:
        all_linear = every and op.role not in (Role.ROUTER, Role.HEAD, Role.POSITION)
        return all_linear or wanted(block, 0, op)

    linear = ((block, op) for block, op in architecture.each() if isinstance(op, MatMul))
    most = max((min(op.inputs, op.outputs) for block, op in linear if is_adapted(block, op)), default=rank)
    if rank > most:
        raise InputError("lora-rank", rank, f"at most {most:,}: no matrix that gets an adapter has a larger rank")

    def beside(block: Block, op: Operator) -> Iterator[Operator]:
        if not isinstance(op, MatMul) or not is_adapted(block, op):
            yield op
            return
        reads = op.reads or f"{op.name}_input"
        yield replace(op, reads=reads)
        yield _adapter(op, "a", op.inputs, rank, reads)
        yield _adapter(op, "b", rank, op.outputs, "")
        if magnitudes:
            yield _norms(op, rank)
            yield Elementwise(
                name=f"{op.name}{ADAPTER}magnitude", width=op.outputs, weights=op.copies * op.outputs, rows=op.rows
            )

    blocks = tuple(
        replace(block, operators=tuple(new for op in block.operators for new in beside(block, op)))
        for block in architecture.blocks
    )
    return mark_gradients(
        replace(architecture, blocks=blocks),
        lambda block, layer, op: ADAPTER in op.name,  # noqa: ARG005
    )


def trainable_params(architecture: Architecture) -> int:
    """Parameters that are trained."""
    return sum(block.parameter_sets * op.params for block, op in architecture.each() if op.trainable)


def _adapter(op: MatMul, which: str, inputs: int, outputs: int, reads: str) -> MatMul:
    """One factor of an adapter: one for each expert of a mixture."""
    return MatMul(
        name=f"{op.name}{ADAPTER}{which}",
        inputs=inputs,
        outputs=outputs,
        copies=op.copies,
        active=op.active,
        role=op.role,
        rows=op.rows,
        split=Split.REPLICATED,
        reads=reads,
    )


def _norms(op: MatMul, rank: int) -> RecordedProduct:
    """What DoRA multiplies to know the length of each row: the adapter's two factors, once a pass, without gradients.

    peft multiplies an identity of the input's width with both: 2 · inputs · rank · (inputs + outputs) (``dora.py`` of
    peft 0.21.2).
    """
    flops = 2 * op.copies * op.inputs * rank * (op.inputs + op.outputs)
    return RecordedProduct(
        name=f"{op.name}{ADAPTER}norms", forward=(("", flops),), role=op.role, split=Split.REPLICATED
    )


def _known(field: str, given: Collection[str], known: Collection[str]) -> None:
    for name in given:
        if name not in known:
            raise InputError(field, name, f"one of {', '.join(sorted(known))}", nearest(name, known))
