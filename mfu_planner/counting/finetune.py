"""Fine-tuning: frozen parts and low-rank adapters, with the gradients that are still needed.

References
----------
.. [1] Hu et al. 2021, arXiv:2106.09685 (LoRA).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from mfu_planner.architectures.model import Architecture, Block
from mfu_planner.counting.gradients import mark_gradients
from mfu_planner.errors import InputError, nearest
from mfu_planner.operators import MatMul, Operator, Role, Split

ALL_LINEAR = "all-linear"
"""Every linear layer but router and head."""

_ADAPTER = ".lora_"


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
        Towers: vision, audio, encoder, decoder.
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
    _known("stack", stacks, {b.stack for b in architecture.blocks})
    _known("block", blocks, {b.name for b in architecture.blocks})
    _known("operator", operators, {op.name for _, op in architecture.each()})
    main = architecture.main_stack

    def trained(block: Block, layer: int, op: Operator) -> bool:
        in_layers = bool(block.layers) and block.stack == main and layer in layers
        return not (block.stack in stacks or block.name in blocks or in_layers or op.name in operators)

    return mark_gradients(architecture, trained)


def with_lora(
    architecture: Architecture, rank: int, targets: Collection[str] | str = ALL_LINEAR, *, stack: str | None = None
) -> Architecture:
    """The model frozen, with trained low-rank adapters beside some of its linear layers [1]_.

    Parameters
    ----------
    rank
        Rank of the adapters.
    targets
        Names of linear layers (``q_proj``, ``v_proj``), or ``all-linear``: all but router and head.
    stack
        Only in this tower; None: in all.

    Raises
    ------
    InputError
        A rank below 1, or a target that the model does not have.
    """
    if rank < 1:
        raise InputError("lora-rank", rank, "an integer of at least 1")
    linear = {op.name for _, op in architecture.each() if isinstance(op, MatMul)}
    wanted = linear if targets == ALL_LINEAR else {targets} if isinstance(targets, str) else set(targets)
    _known("lora-targets", wanted, linear)

    def adapted(block: Block, op: Operator) -> Iterator[Operator]:
        skipped = targets == ALL_LINEAR and op.role in (Role.ROUTER, Role.HEAD)
        if not isinstance(op, MatMul) or op.name not in wanted or skipped or (stack and block.stack != stack):
            yield op
            return
        reads = op.reads or f"{op.name}_input"
        yield replace(op, reads=reads)
        yield _adapter(op, "a", op.inputs, rank, reads)
        yield _adapter(op, "b", rank, op.outputs, "")

    blocks = tuple(
        replace(block, operators=tuple(new for op in block.operators for new in adapted(block, op)))
        for block in architecture.blocks
    )
    return mark_gradients(
        replace(architecture, blocks=blocks),
        lambda block, layer, op: _ADAPTER in op.name,  # noqa: ARG005
    )


def trainable_params(architecture: Architecture) -> int:
    """Parameters that are trained."""
    return sum(block.parameter_sets * op.params for block, op in architecture.each() if op.trainable)


def _adapter(op: MatMul, which: str, inputs: int, outputs: int, reads: str) -> MatMul:
    """One factor of an adapter: one for each expert of a mixture."""
    return MatMul(
        name=f"{op.name}{_ADAPTER}{which}",
        inputs=inputs,
        outputs=outputs,
        copies=op.copies,
        active=op.active,
        role=op.role,
        rows=op.rows,
        split=Split.REPLICATED,
        reads=reads,
    )


def _known(field: str, given: Collection[str], known: Collection[str]) -> None:
    for name in given:
        if name not in known:
            raise InputError(field, name, f"one of {', '.join(sorted(known))}", nearest(name, known))
