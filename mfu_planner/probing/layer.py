"""A small decoder of the Llama kind in plain torch: what the probe's layer costs are measured on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True)
class DecoderSizes:
    """Of a decoder."""

    hidden: int
    layers: int
    heads: int
    ffn: int
    vocab: int

    def config(self) -> dict[str, Any]:
        """As a config.json."""
        return {
            "model_type": "llama",
            "architectures": ["LlamaForCausalLM"],
            "hidden_size": self.hidden,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.heads,
            "intermediate_size": self.ffn,
            "vocab_size": self.vocab,
            "tie_word_embeddings": False,
            "hidden_act": "silu",
            "torch_dtype": "float32",
        }


@cache
def modules() -> tuple[Callable[[DecoderSizes], Any], Callable[[DecoderSizes], Any], Callable[[Any], Any]]:
    """(a decoder, one of its layers) by sizes, (rotary positions) of heads; made once torch is there."""
    import torch
    from torch import nn
    from torch.nn import functional as ops

    def turned(x: Any) -> Any:
        """Rotary positions of (batch, heads, length, head)."""
        half = x.shape[-1] // 2
        at = torch.arange(x.shape[-2], device=x.device, dtype=torch.float32)
        angle = at[:, None] / 10000 ** (torch.arange(half, device=x.device) / half)
        cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
        one, two = x[..., :half], x[..., half:]
        return torch.cat((one * cos - two * sin, one * sin + two * cos), -1)

    class Layer(nn.Module):  # type: ignore[misc]
        """Attention and a gated MLP, each behind a norm."""

        def __init__(self, s: DecoderSizes) -> None:
            super().__init__()
            self.heads = s.heads
            self.before, self.between = nn.RMSNorm(s.hidden), nn.RMSNorm(s.hidden)
            self.q, self.k, self.v, self.o = (nn.Linear(s.hidden, s.hidden, bias=False) for _ in range(4))
            self.gate, self.up = (nn.Linear(s.hidden, s.ffn, bias=False) for _ in range(2))
            self.down = nn.Linear(s.ffn, s.hidden, bias=False)

        def forward(self, x: Any) -> Any:
            b, length, width = x.shape
            y = self.before(x)
            q, k, v = (p(y).view(b, length, self.heads, -1).transpose(1, 2) for p in (self.q, self.k, self.v))
            y = ops.scaled_dot_product_attention(turned(q), turned(k), v, is_causal=True)
            x = x + self.o(y.transpose(1, 2).reshape(b, length, width))
            y = self.between(x)
            return x + self.down(ops.silu(self.gate(y)) * self.up(y))

    class DecoderModel(nn.Module):  # type: ignore[misc]
        """Embedding, layers, norm, head."""

        def __init__(self, s: DecoderSizes) -> None:
            super().__init__()
            self.embedding = nn.Embedding(s.vocab, s.hidden)
            self.layers = nn.ModuleList(Layer(s) for _ in range(s.layers))
            self.norm, self.head = nn.RMSNorm(s.hidden), nn.Linear(s.hidden, s.vocab, bias=False)

        def forward(self, tokens: Any, targets: Any) -> Any:
            x = self.embedding(tokens)
            for layer in self.layers:
                x = layer(x)
            return ops.cross_entropy(self.head(self.norm(x)).flatten(0, 1).float(), targets.flatten())

    return DecoderModel, Layer, turned
