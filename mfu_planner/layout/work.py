"""The work of one layer as the step-time and memory models see it, read from a model's operator list."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mfu_planner.architectures import Architecture, Block
    from mfu_planner.operators import MatMul, Operator
    from mfu_planner.operators.attention import Mask

REFERENCE_TOKENS = 4096
"""Length at which work that is not a product or attention (scans, convolutions) is counted per token."""


@dataclass(frozen=True, slots=True)
class Product:
    """A matrix product applied to every token: ``inputs`` → ``outputs``."""

    name: str
    inputs: float
    outputs: float
    split: str
    """``column`` (outputs ÷ TP), ``row`` (inputs ÷ TP), ``none``; with ``expert_`` before it for routed experts."""
    copies: float = 1.0
    """Rows per token: experts chosen per token, else 1."""
    weights: float = 1.0
    """Weight matrices of this shape held by the layer: experts, else 1."""


@dataclass(frozen=True, slots=True)
class AttentionWork:
    """Scores and values over pairs of tokens."""

    heads: float
    kv_heads: float
    key_dim: float
    value_dim: float
    mask: Mask
    """The operator's own: it counts the pairs."""

    @property
    def window(self) -> float:
        """Keys per query at most [token], 0 for all."""
        return float(self.mask.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerWork:
    """One kind of layer, ``count`` of them in the model; sizes are per token."""

    name: str
    count: float
    products: tuple[Product, ...]
    attention: AttentionWork | None
    split_elements: float
    """Elements moved by elementwise operators inside the tensor-parallel region (÷ TP)."""
    whole_elements: float
    """The same outside it: norms, residuals (÷ TP only under sequence parallelism)."""
    kept_split: float
    """Elements kept for the backward pass inside the tensor-parallel region (÷ TP), attention's scores left out."""
    kept_whole: float
    """The same outside it."""
    parameters: float = 0.0
    """Parameters outside the products (norms, biases)."""
    routed_elements: float = 0.0
    """Elements moved to permute and combine experts."""
    other_flops: float = 0.0
    """Forward FLOPs outside products and attention (scans, convolutions) [FLOP]."""
    halves: float = 1.0
    """Share of a full layer's kernels that the host issues (a layer of one mixer and no MLP: one half)."""

    @property
    def routed(self) -> bool:
        """Whether tokens are sent to experts."""
        return any(p.split.startswith("expert_") for p in self.products)


@dataclass(frozen=True, slots=True)
class ModelWork:
    """A model: its layers, its vocabulary, its width."""

    layers: tuple[LayerWork, ...]
    hidden: float
    vocab: float
    tied: bool
    table_parameters: float = 0.0
    """Parameters of look-up tables beyond the vocabulary's (learned positions)."""
    notes: tuple[str, ...] = field(default=())

    @property
    def layer_count(self) -> int:
        """Layers in all."""
        return max(1, round(sum(layer.count for layer in self.layers)))


def model_work(architecture: Architecture) -> ModelWork:
    """Every block's work, blocks of layers apart from the embedding and the head.

    Operators whose kind has no entry here count by their FLOPs at :data:`REFERENCE_TOKENS`.
    """
    from mfu_planner.operators import Lookup, MatMul, Role

    stacked = [block for block in architecture.blocks if block.layers]
    kept = [block for block in stacked if not (architecture.has_text and _beside_the_text(block))]
    notes = ("towers beside the text (vision, audio) are left out of step time and memory",) if kept != stacked else ()
    layers = tuple(_layer(block, architecture.hidden) for block in kept)
    ends = [op for block in architecture.blocks if not block.layers for op in block.operators]
    heads = [op for op in ends if isinstance(op, MatMul) and op.role is Role.HEAD]
    tables = [op for op in ends if isinstance(op, Lookup) and op.role is not Role.EMBEDDING]
    vocab = float(heads[-1].outputs) if heads else 0.0
    tied = bool(heads and heads[-1].shared_with)
    return ModelWork(layers, float(architecture.hidden), vocab, tied, float(sum(op.params for op in tables)), notes)


def _beside_the_text(block: Block) -> bool:
    """Whether a block works on images or other fixed inputs, not on the tokens of the sequence."""
    from mfu_planner.operators import Stream

    return all(op.rows.stream in (Stream.IMAGE, Stream.SEQUENCE) for op in block.operators)


@lru_cache(maxsize=256)
def cached_model_work(architecture: Architecture) -> ModelWork:
    """The same, remembered for a model that is asked about again."""
    return model_work(architecture)


def _layer(block: Block, hidden: int) -> LayerWork:
    from mfu_planner.operators import Attention, Elementwise, MatMul, Norm, Split, Workload

    matmuls = [op for op in block.operators if isinstance(op, MatMul)]
    attentions = [op for op in block.operators if isinstance(op, Attention)]
    moved, kept = _bytes(block.operators, hidden)
    known = (MatMul, Attention, Norm, Elementwise)
    work = Workload(batch=1, seq_len=REFERENCE_TOKENS, target_seq_len=REFERENCE_TOKENS, allowed_pairs_only=True)
    other = sum(float(op.forward_flops(work)) for op in block.operators if not isinstance(op, known))
    routed = [op for op in matmuls if op.split is Split.EXPERT]
    owned = sum(op.params for op in block.operators) - sum(op.params for op in matmuls)
    biases = sum(op.params - (0 if op.shared_with else op.weights) for op in matmuls)
    attention = None
    if attentions:
        a = attentions[0]
        attention = AttentionWork(float(a.heads), float(a.kv_heads), float(a.qk_dim), float(a.v_dim), a.mask)
    copies = max((float(op.active) for op in routed), default=0.0)
    mixers = bool(attentions or other) + bool([op for op in matmuls if "mlp" in op.role or "expert" in op.role])
    return LayerWork(
        name=block.name,
        count=float(block.count),
        products=tuple(_merged(matmuls, hidden)),
        attention=attention,
        split_elements=moved[0],
        whole_elements=moved[1],
        kept_split=kept[0],
        kept_whole=kept[1],
        parameters=float(owned + biases),
        routed_elements=2.0 * (copies + 1.0) * 2.0 * hidden if routed else 0.0,
        other_flops=other / REFERENCE_TOKENS,
        halves=max(0.5, mixers / 2.0),
    )


def _merged(matmuls: Iterable[MatMul], hidden: int) -> Iterable[Product]:
    """Products of one layer; those that read the same tensor run as one (q, k, v; gate and up)."""
    from mfu_planner.operators import Split

    groups: dict[tuple[object, ...], list[MatMul]] = {}
    matmuls = list(matmuls)
    experts = [op for op in matmuls if op.split is Split.EXPERT]
    last = experts[-1] if len(experts) > 1 else None
    for op in matmuls:
        key = (op.reads or op.name, op.split, op.copies, op.active, op.inputs, op.rows)
        groups.setdefault(key, []).append(op)
    for ops in groups.values():
        first = ops[0]
        outputs = float(sum(op.outputs for op in ops))
        if first.split is Split.EXPERT:
            split = "expert_row" if first is last and first.outputs == hidden else "expert_column"
        else:
            split = {Split.COLUMN: "column", Split.HEADS: "column", Split.ROW: "row"}.get(first.split, "none")
        yield Product(first.name, float(first.inputs), outputs, split, float(first.active), float(first.copies))


def _bytes(operators: Iterable[Operator], hidden: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """((moved inside TP, outside), (kept inside TP, outside)) elements per token.

    Kept for the backward pass: each distinct input of a product (once for those that read the same tensor), what an
    elementwise operator says, the input of a norm, and attention's queries, keys, values and output.
    """
    from mfu_planner.operators import Attention, Elementwise, MatMul, Norm, Split

    inside = (Split.COLUMN, Split.ROW, Split.HEADS, Split.EXPERT)
    moved, kept = [0.0, 0.0], [0.0, 0.0]
    seen: set[str] = set()
    for op in operators:
        outer = 0 if op.split in inside else 1
        if isinstance(op, Elementwise):
            moved[outer] += (op.read + op.written) * op.width
            kept[outer] += op.kept * op.width
        elif isinstance(op, Norm):
            moved[outer] += 2.0 * op.width * op.vectors
            kept[outer] += float(op.width * op.vectors)
        elif isinstance(op, MatMul):
            source = op.reads or op.name
            if source not in seen:
                seen.add(source)
                whole = op.split in (Split.COLUMN, Split.REPLICATED, Split.SEQUENCE) or (
                    op.split is Split.EXPERT and op.inputs == hidden
                )
                kept[1 if whole else 0] += float(op.inputs * op.active)
        elif isinstance(op, Attention):
            q = op.heads * op.qk_dim
            kept[0] += float(q + op.kv_heads * (op.qk_dim + op.v_dim))
    return (moved[0], moved[1]), (kept[0], kept[1])
