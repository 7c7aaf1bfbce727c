"""The work of one layer as the step-time model sees it: products, attention, bytes, and what is kept."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class AttentionWork:
    """Scores and values over pairs of tokens."""

    heads: float
    kv_heads: float
    key_dim: float
    value_dim: float
    causal: bool = True
    window: float = 0.0
    """Keys per query at most [token], 0 for all."""


@dataclass(frozen=True)
class LayerWork:
    """One kind of layer, ``count`` of them in the model."""

    name: str
    count: float
    products: tuple[Product, ...]
    attention: AttentionWork | None
    split_elements: float
    """Elements read or written per token by elementwise operators inside the tensor-parallel region (÷ TP)."""
    whole_elements: float
    """The same outside it: norms, residuals, dropout (÷ TP only under sequence parallelism)."""
    parameters: float = 0.0
    """Parameters outside the products (norms, biases)."""
    router_elements: float = 0.0
    """Elements moved per token to route, permute and combine experts."""


@dataclass(frozen=True)
class ModelWork:
    """A model: its layers, its vocabulary, its width."""

    layers: tuple[LayerWork, ...]
    hidden: float
    vocab: float
    tied: bool
    positions: float = 0.0
    """Learned positions (parameters = positions × hidden)."""
    dropout: bool = False
    notes: tuple[str, ...] = field(default=())

    @property
    def layer_count(self) -> int:
        """Layers in all."""
        return round(sum(layer.count for layer in self.layers))


def dense_decoder(
    *, hidden: float, layers: float, heads: float, kv_heads: float, head_dim: float, ffn: float, vocab: float,
    tied: bool, gated: bool, dropout: bool = False, experts: float = 0, top_k: float = 0, positions: float = 0.0,
) -> ModelWork:
    """A decoder with grouped-query attention and a plain, gated or routed feed-forward network."""
    q, kv = heads * head_dim, kv_heads * head_dim
    moe = experts > 0
    up = "expert_column" if moe else "column"
    down = "expert_row" if moe else "row"
    copies, weights = (top_k, experts) if moe else (1.0, 1.0)
    products = [
        Product("qkv_proj", hidden, q + 2 * kv, "column"),
        Product("o_proj", q, hidden, "row"),
        Product("up_proj", hidden, (2 if gated else 1) * ffn, up, copies, weights),
        Product("down_proj", ffn, hidden, down, copies, weights),
    ]
    if moe:
        products.append(Product("router", hidden, experts, "none"))
    split = copies * ffn * (3 if gated else 2)
    if gated:
        split += 2 * (q + kv)  # rotary positions
    whole = 2 * 2 * hidden + 2 * 3 * hidden  # two norms, two residual additions
    if dropout:
        whole += 2 * 2.5 * hidden
    layer = LayerWork(
        "layer", layers, tuple(products), AttentionWork(heads, kv_heads, head_dim, head_dim),
        split, whole, parameters=(2 if gated else 4) * hidden + (0 if gated else q + 2 * kv + hidden + ffn + hidden),
        router_elements=(2 * (copies + 1) * 2 * hidden) if moe else 0.0,
    )
    return ModelWork((layer,), hidden, vocab, tied, positions, dropout)
