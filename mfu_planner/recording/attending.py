"""Attention that goes through transformers' interface: its sizes and the pairs that its mask allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

NAME = "recorded_attention"
RUNNING: list[Any] = []
"""The run that is recorded; the interface hands over no context."""


@dataclass(frozen=True, slots=True)
class Attended:
    """BatchSizes of one call."""

    batch: int
    heads: int
    kv_heads: int
    qk_dim: int
    v_dim: int
    queries: int
    keys: int
    pairs: int
    """(query, key) pairs of one head that the mask allows, summed over the batch; -1: not known."""
    window: int
    """The window that the call names; 0: none."""


def register() -> None:
    """An attention that notes its sizes and the pairs that its mask allows, and multiplies nothing."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    def mask(*args: Any, **kwargs: Any) -> Any:
        kwargs |= {"allow_is_causal_skip": False, "allow_is_bidirectional_skip": False}
        return sdpa_mask(*args, **kwargs)

    AttentionInterface.register(NAME, _attention)
    AttentionMaskInterface.register(NAME, mask)


def _attention(
    module: Any, query: Any, key: Any, value: Any, mask: Any = None, *_: Any, **named: Any
) -> tuple[Any, None]:
    from mfu_planner.recording.meta_run import Product

    run = RUNNING[-1]
    mask = named.get("attention_mask", mask)
    batch, heads, queries, width = query.shape
    keys, v_width = key.shape[2], value.shape[-1]
    window = named.get("sliding_window") or getattr(module, "sliding_window", None) or 0
    sizes = Attended(
        batch, heads, key.shape[1], width, v_width, queries, keys,
        _pairs(run, mask, batch, queries, keys), window if isinstance(window, int) else 0,
    )  # fmt: skip
    q, k, v = (bool(t.requires_grad) for t in (query, key, value))
    pairs = 2 * batch * heads * queries * keys
    backward = pairs * (width * (q + k) + v_width * (v + (q or k)))
    made = Product(run.path, "attention", pairs * (width + v_width), backward, mask=sizes)
    run.products.append(made)
    blended = query.mean(-1, keepdim=True) + key.mean() + value.mean()
    return blended.expand(batch, heads, queries, v_width).transpose(1, 2).contiguous(), None


def _pairs(run: Any, mask: Any, batch: int, queries: int, keys: int) -> int:
    """Allowed pairs of one head, counted once for a mask that several layers share."""
    import torch

    if mask is None:
        return batch * queries * keys
    if mask.is_meta or mask.dim() != 4:
        return -1
    key = (mask.data_ptr(), mask.shape, mask.stride(), batch, queries, keys)
    if key in run.pairs:
        return int(run.pairs[key][0])
    open_ = mask if mask.dtype is torch.bool else mask > torch.finfo(mask.dtype).min / 2
    found = int(open_[..., :keys].expand(batch, -1, queries, keys)[:, 0].sum())
    run.pairs[key] = (found, mask)  # the mask is kept, or another could lie where it lay
    return found
