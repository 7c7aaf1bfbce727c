"""The blocks of a model as a pipeline divides them, with what never depends on a layout prepared once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard, TypeVar

from mfu_planner.counting.conventions.fitting import default_convention
from mfu_planner.counting.finetune import ADAPTER
from mfu_planner.numeric import Number, remembered_by
from mfu_planner.operators import (
    INSIDE,
    TOKENS,
    Attention,
    Convolution,
    Elementwise,
    MatMul,
    Region,
    Role,
    Scan,
    Similarity,
    Split,
    Stream,
    Traffic,
)
from mfu_planner.operators.fusion import fused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mfu_planner.architectures import Architecture, Block
    from mfu_planner.machine.constants import Machine, Stack
    from mfu_planner.operators import Layout, Operator, Rows, Workload

T = TypeVar("T")
_PLAIN = (int, float)
_REMEMBERED = 256
"""Layouts whose pieces a block remembers."""


class Parameters(NamedTuple):
    """Parameters on one device."""

    dense: Number = 0
    expert: Number = 0
    """Of routed experts, which are spread over a group of their own."""
    trained_dense: Number = 0
    trained_expert: Number = 0
    packed_dense: Number = 0
    """Of the frozen ones, those stored in a format of their own."""
    packed_expert: Number = 0
    packed_dense_bytes: Number = 0
    """What those take [byte]."""
    packed_expert_bytes: Number = 0

    def plus(self, other: Parameters, times: Number = 1) -> Parameters:
        """Both together, the other one ``times`` over."""
        return Parameters(*(a + times * b for a, b in zip(self, other, strict=True)))


@dataclass(frozen=True, eq=False)
class BlockKind:
    """One kind of block, ``count`` of them in the model, with ``sets`` sets of weights."""

    block: Block
    sets: int
    operators: tuple[Operator, ...]
    """What runs: products of one tensor and passes over the same rows are one operator."""
    exchanges: dict[tuple[Traffic, Rows, Number], int]
    """(traffic, rows, elements for each row) → how often a pass exchanges it."""
    kept: tuple[tuple[Rows, Number, Number], ...]
    """(rows, elements kept whole, elements divided by TP) for each row."""
    cast: tuple[tuple[Rows, Number], ...]
    """(rows, inputs of products for each row)."""
    rows: Rows
    width: int
    """Of the residual stream."""
    routed: bool
    convolves: bool
    """Whether it is made of convolutions."""
    halves: float
    """Share of a full layer's kernels that the host issues (a layer of one mixer and no MLP: one half)."""
    _pieces: dict[Any, Any] = field(default_factory=dict)
    _timed: dict[Any, Any] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How often the block runs."""
        return self.block.count

    @property
    def layered(self) -> bool:
        """Whether it is a block of layers: issued by the host layer by layer, computed again under recomputation."""
        return bool(self.block.layers)

    def idle(self, work: Workload) -> bool:
        """Whether the workload gives it nothing to do: the tower of a model that is given no images or sound."""
        rows = self.rows.per_sequence(work)
        return type(rows) in _PLAIN and rows == 0

    def pieces(self, layout: Layout) -> tuple[Operator, ...]:
        """The operators that one device runs."""
        return self._once(
            ("pieces", layout.tp, layout.spread, layout.ep, layout.expert_tp, layout.imbalance),
            lambda: tuple(op.piece(layout) for op in self.operators),
        )

    def parameters(self, layout: Layout) -> Parameters:
        """Parameters that one device owns of all the blocks."""
        return self._once(
            ("parameters", layout.tp, layout.ep, layout.expert_tp),
            lambda: together((_owned(op, layout) for op in self.block.operators if op.params), times=self.sets),
        )

    def copied(self, layout: Layout) -> Parameters:
        """Parameters that it shares with an operator elsewhere, and holds a copy of on a stage of its own."""
        return self._once(
            ("copied", layout.tp, layout.ep, layout.expert_tp),
            lambda: together(
                _of(op, op.piece(layout).held) for op in self.block.operators if op.shared_with and not op.params
            ),
        )

    def timed(self, layout: Layout, machine: Machine, stack: Stack, work: Workload, make: Callable[[], T]) -> T:
        """What is made of a micro-batch under a layout of plain numbers, remembered: a pipeline, a schedule or data
        parallelism change nothing of it."""
        degrees = (layout.tp, layout.cp, layout.ep, layout.etp, layout.devices)
        choices = (layout.sequence_parallel, layout.compiled, layout.imbalance)
        if not all(type(n) in _PLAIN for n in (*degrees, *choices, work.batch, work.seq_len)):
            return make()
        key = (id(machine), id(stack), degrees, choices, work)
        held = self._timed.get(key)
        if held is None:
            if len(self._timed) >= _REMEMBERED:
                self._timed.clear()
            held = self._timed[key] = (machine, stack, make())
        found: T = held[2]
        return found

    def _once(self, key: tuple[Any, ...], make: Callable[[], T]) -> T:
        return _once(self._pieces, key, make)


def _once(held: dict[Any, Any], key: tuple[Any, ...], make: Callable[[], T]) -> T:
    """What is made for a layout of plain numbers or arrays, remembered."""
    known = key if all(type(k) in _PLAIN for k in key[1:]) else remembered_by(*key)
    if known is None:
        return make()
    found: T | None = held.get(known)
    if found is None:
        if len(held) >= _REMEMBERED:
            held.clear()
        found = held[known] = make()
    return found


class HeldParts(NamedTuple):
    """Parameters on one device."""

    before: Parameters
    """Of what stands before the layers."""
    layers: Parameters
    """Of all layers."""
    after: Parameters
    """Of what follows them."""
    copies: Parameters
    """What follows them shares with an operator elsewhere, and holds a copy of on a stage of its own."""


def together(each: Iterable[Parameters], times: Number = 1) -> Parameters:
    """The sum of some parameters, ``times`` over."""
    total = Parameters()
    for one in each:
        total = total.plus(one, times)
    return total


def _owned(op: Operator, layout: Layout) -> Parameters:
    """What a device owns of an operator."""
    piece = op.piece(layout)
    held = _of(op, piece.params)
    if not isinstance(piece, MatMul) or piece.stored_bytes is None:
        return held
    packed, stored = piece.weights, piece.weights * piece.stored_bytes
    if op.split is Split.EXPERT:
        return held._replace(packed_expert=packed, packed_expert_bytes=stored)
    return held._replace(packed_dense=packed, packed_dense_bytes=stored)


def _of(op: Operator, size: Number) -> Parameters:
    trained = size if op.trainable else 0
    return Parameters(0, size, 0, trained) if op.split is Split.EXPERT else Parameters(size, 0, trained, 0)


@dataclass(frozen=True, eq=False)
class Division:
    """A model: what stands before its layers (on the first stage), the layers, what stands after (on the last)."""

    before: tuple[BlockKind, ...]
    """Embedding; towers beside the main stack."""
    body: tuple[BlockKind, ...]
    """The main stack's layers, and what stands between them."""
    after: tuple[BlockKind, ...]
    """Final norm, head, loss."""
    params: int
    """Of the whole model."""
    layers: int
    """Of the main stack."""
    hidden: int
    head_layers: float
    """Work of the head, in first layers."""
    packed: bool
    """Whether frozen weights are stored in a format of their own."""
    adapted: bool
    """Whether adapters are trained beside frozen products: what a step keeps of those is a constant of the stack."""
    convention: str
    """What MFU counts where nobody says otherwise."""
    two_stacks: bool
    """Whether another tower works on every sample, which stages of one stack cannot pass on."""
    _held: dict[Any, Any] = field(default_factory=dict)

    def held(self, layout: Layout) -> HeldParts:
        """What one device holds of the parts."""

        def make() -> HeldParts:
            before, layers, after = (
                together(kind.parameters(layout) for kind in kinds) for kinds in (self.before, self.body, self.after)
            )
            return HeldParts(before, layers, after, together(kind.copied(layout) for kind in self.after))

        return _once(self._held, ("held", layout.tp, layout.ep, layout.expert_tp), make)

    @cached_property
    def routed(self) -> bool:
        """Whether some layers have experts."""
        return any(kind.routed for kind in self.body)

    @cached_property
    def experts(self) -> int:
        """Routed experts of a layer, 0 for a dense model."""
        products = (op for kind in self.body for op in kind.block.operators if isinstance(op, MatMul))
        return max((op.copies for op in products if op.routed), default=0)

    @cached_property
    def heads(self) -> int:
        """Attention heads that TP must divide; 1 where there is no attention."""
        heads = (op.heads for kind in self.body for op in kind.block.operators if isinstance(op, Attention))
        return min(heads, default=1)

    @property
    def kinds(self) -> tuple[BlockKind, ...]:
        """All blocks."""
        return (*self.before, *self.body, *self.after)


def divide(architecture: Architecture) -> Division:
    """Prepare a model."""
    blocks, main = architecture.blocks, architecture.main_stack
    inside = [i for i, b in enumerate(blocks) if b.layers and b.stack == main] or [0]
    first, last = inside[0], inside[-1]
    adapted = any(ADAPTER in op.name for _, op in architecture.each())
    kinds = [_kind(block, architecture.hidden, adapted=adapted) for block in blocks]
    start, body, end = tuple(kinds[:first]), tuple(kinds[first : last + 1]), tuple(kinds[last + 1 :])
    layer = _products(body[0].block.operators) or 1
    head = sum(_products(kind.block.operators, Role.HEAD) for kind in end)
    return Division(
        before=start,
        body=body,
        after=end,
        params=architecture.params,
        layers=max(1, architecture.layers),
        hidden=architecture.hidden,
        head_layers=head / layer,
        packed=any(isinstance(op, MatMul) and op.stored_bytes is not None for _, op in architecture.each()),
        adapted=adapted,
        convention=default_convention(architecture),
        two_stacks=any(kind.layered and kind.rows.stream not in (Stream.IMAGE, Stream.CLIP) for kind in start),
    )


def _products(operators: tuple[Operator, ...], role: Role | None = None) -> int:
    """Multiply-adds of the products for one row."""
    matmuls = [op for op in operators if isinstance(op, MatMul) and role in (None, op.role)]
    return sum(op.inputs * op.outputs * op.active for op in matmuls)


def _kind(block: Block, hidden: int, *, adapted: bool) -> BlockKind:
    operators = block.operators
    matmuls = [op for op in operators if isinstance(op, MatMul)]
    mixer = any(isinstance(op, Attention | Scan | Convolution | Similarity) for op in operators)
    feed = any("mlp" in op.role or "expert" in op.role for op in matmuls)
    rows, width = _stream(operators, hidden)
    run = fused(operators)
    exchanges = {(sent.tensor, sent.traffic): sent for op in operators for sent in op.exchanges()}.values()
    return BlockKind(
        block=block,
        sets=block.parameter_sets,
        operators=run,
        exchanges=dict(Counter((sent.traffic, sent.rows, sent.width) for sent in exchanges)),
        kept=_kept(tuple(replace(op, trainable=True) for op in operators) if adapted else operators),
        cast=tuple(_summed((op.rows, op.inputs * op.active) for op in run if _narrow(op)).items()),
        rows=rows,
        width=width,
        routed=any(op.routed for op in matmuls),
        convolves=any(isinstance(op, Convolution) for op in operators)
        and not any(isinstance(op, Attention | Scan | Similarity) for op in operators),
        halves=max(0.5, (mixer + feed) / 2.0),
    )


def _narrow(op: Operator) -> TypeGuard[MatMul]:
    """Whether an operator is a product that runs in the narrow format of a narrow run."""
    return isinstance(op, MatMul) and op.role is not Role.HEAD


def _stream(operators: tuple[Operator, ...], hidden: int) -> tuple[Rows, int]:
    """(rows, width) of the residual stream: of the sum that ends the block, else the model's."""
    sums = [op for op in operators if isinstance(op, Elementwise) and op.read == 2 and op.split not in INSIDE]
    if sums:
        return sums[-1].rows, sums[-1].width
    return (operators[0].rows if operators else TOKENS), hidden


def _summed(pairs: Any) -> dict[Any, Number]:
    total: dict[Any, Number] = {}
    for key, value in pairs:
        total[key] = total.get(key, 0) + value
    return total


def _kept(operators: tuple[Operator, ...]) -> tuple[tuple[Rows, Number, Number], ...]:
    """Elements kept for each row, a tensor that several operators read once (as the widest of them says)."""
    tensors: dict[tuple[str, Rows], tuple[Number, Region]] = {}
    for op in operators:
        for kept in op.keeps():
            held = tensors.get((kept.tensor, kept.rows))
            if held is None or kept.width > held[0]:
                tensors[kept.tensor, kept.rows] = kept.width, kept.region
    whole = _summed((rows, width) for (_, rows), (width, region) in tensors.items() if region is Region.WHOLE)
    split = _summed((rows, width) for (_, rows), (width, region) in tensors.items() if region is Region.SPLIT)
    return tuple((rows, whole.get(rows, 0), split.get(rows, 0)) for rows in {**whole, **split})
