"""What dense decoders have in common: the names of their sizes, the mask of each layer, embedding and head."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.layers import Operators, Sizes
from mfu_planner.architectures.model import Architecture, Block, layer_numbers
from mfu_planner.architectures.parts import embedding, head, norm
from mfu_planner.errors import InputError
from mfu_planner.operators import CAUSAL, Mask, MaskKind, Operator, window


def usual_sizes(c: Config, *, head_dim_apart: bool = False, kv_heads_from_heads: bool = True) -> Sizes:
    """Sizes under the names that most configs use.

    ``head_dim_apart``: a config without ``head_dim`` takes the default of its type, not hidden / heads.
    ``kv_heads_from_heads``: one without ``num_key_value_heads`` has as many as query heads, not the type's default.
    """
    hidden, heads = c.size("hidden_size"), c.size("num_attention_heads")
    own_kv = c.has("num_key_value_heads") or not (kv_heads_from_heads or "num_key_value_heads" in c.data)
    kv_heads = c.size("num_key_value_heads", default=heads) if own_kv else heads
    c.divides("num_attention_heads / num_key_value_heads", heads, kv_heads)
    return Sizes(
        hidden=hidden,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_size(c, hidden, heads, apart=head_dim_apart),
        ffn=c.size("intermediate_size"),
        vocab=c.size("vocab_size"),
        layers=c.size("num_hidden_layers"),
    )


def head_size(c: Config, hidden: int, heads: int, *, apart: bool = False) -> int:
    """Size of a head: ``head_dim`` where the config states it, otherwise hidden / heads (or the type's default)."""
    if c.has("head_dim") or (apart and c.defaults.get("head_dim") is not None and "head_dim" not in c.data):
        return c.size("head_dim")
    return c.divides("hidden_size / num_attention_heads", hidden, heads, letter="h")


def window_size(c: Config, name: str = "sliding_window") -> int | None:
    """Width of the attention window; null means none, an absent field the default of the type."""
    stated = name in c.data
    if stated and c.data[name] is None:
        c.no_effect(name)
        return None
    return c.size(name) if stated or c.defaults.get(name) is not None else None


def layer_masks(c: Config, layers: int, local: Callable[[int], bool], size: int | None) -> tuple[Mask, ...]:
    """The mask of each layer: ``layer_types`` where the config lists them, otherwise ``local`` says which are windowed.

    Raises
    ------
    InputError
        A list whose length is not the layer count, a type that is not known, a window without a size.
    """
    kinds = c.raw("layer_types")
    if kinds is None:
        return tuple(window(size) if local(i) else CAUSAL for i in range(layers))
    known = {"full_attention": CAUSAL, "sliding_attention": window(size)}
    if not isinstance(kinds, list) or len(kinds) != layers or not all(k in known for k in kinds):
        raise InputError(f"{c.origin}: layer_types", kinds, f"a list of {layers}, each one of {', '.join(known)}")
    if size is None and "sliding_attention" in kinds:
        raise InputError(f"{c.origin}: sliding_window", "nothing", "the window of the layers that layer_types names")
    return tuple(known[k] for k in kinds)


def window_period(c: Config, default: int = 4) -> int:
    """Layers from one global layer to the next: a number, or a word with a letter for each, such as ``LLLG``."""
    word = c.raw("sliding_window_pattern")
    return len(word) if word and isinstance(word, str) else c.size("sliding_window_pattern", default=default)


def every(pattern: int) -> Callable[[int], bool]:
    """Local layers where every ``pattern``-th layer is global: (local, local, …, global)."""
    return lambda layer: bool((layer + 1) % pattern)


def layer_blocks(
    masks: Sequence[Mask], layer: Callable[[Mask], Operators], stack: str = "decoder"
) -> tuple[Block, ...]:
    """One block for each kind of mask, with the numbers of the layers that have it."""
    kinds = tuple(dict.fromkeys(masks))
    return tuple(
        Block(
            "layer" if len(kinds) == 1 else f"{_mask_name(mask)} layer",
            layer(mask),
            tuple(i for i, m in enumerate(masks) if m == mask),
            stack=stack,
        )
        for mask in kinds
    )


def _mask_name(mask: Mask) -> str:
    return "local" if mask.kind in (MaskKind.WINDOW, MaskKind.CHUNK, MaskKind.BAND) else "global"


def decoder(
    c: Config,
    s: Sizes,
    blocks: tuple[Block, ...] | Operators,
    *,
    tied_default: bool,
    first: Operators = (),
    last: Operators | None = None,
    head_bias: bool = False,
    embedding_width: int | None = None,
) -> Architecture:
    """Embedding, layers, final norm and head.

    ``blocks``: the layers, or the operators of one that all repeat.  ``first``: operators after the token table.
    ``last``: operators before the head (a final RMS norm where left out).  ``embedding_width``: width of table and head
    where it is not the hidden width.
    """
    width = embedding_width or s.hidden
    tied = c.flag("tie_word_embeddings", default=tied_default)
    layers = tuple(b for b in blocks if isinstance(b, Block)) or (
        Block("layer", tuple(o for o in blocks if isinstance(o, Operator)), layer_numbers(s.layers)),
    )
    return Architecture(
        name=c.model_type,
        hidden=s.hidden,
        vocab=s.vocab,
        blocks=(
            Block("embedding", (embedding(s.vocab, width), *first)),
            *layers,
            Block(
                "output",
                (
                    *((norm("final_norm", s.hidden),) if last is None else last),
                    *head(width, s.vocab, tied=tied, bias=head_bias),
                ),
            ),
        ),
    )
