"""Measure the FLOPs of a small Llama with adapters and frozen parts, with torch's FlopCounterMode.

Needs torch and transformers (versions are written into the result)::

    python tests/golden/measure_finetuning.py > tests/golden/finetuning.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import torch
import transformers
from torch.utils.flop_counter import FlopCounterMode

CONFIG = {
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 160,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 100,
    "tie_word_embeddings": False,
}
BATCH, LENGTH, RANK = 2, 32, 4
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
CASES: tuple[dict[str, Any], ...] = (
    {"lora": ["q_proj", "v_proj"]},
    {"lora": ALL},
    {"lora": ["o_proj"]},
    {"lora": ["gate_proj", "down_proj"]},
    {"lora": ["q_proj"]},
    {"lora": ["k_proj"]},
    {"frozen_layers": [0, 1], "frozen_embedding": True},
    {"frozen_layers": [1], "frozen_embedding": False},
    {"frozen_layers": [], "frozen_embedding": True},
    {"frozen_layers": [], "frozen_embedding": False},
)


class Adapted(torch.nn.Module):
    """A linear layer with a low-rank adapter beside it."""

    def __init__(self, base: torch.nn.Linear) -> None:
        super().__init__()
        self.base = base
        self.a = torch.nn.Linear(base.in_features, RANK, bias=False)
        self.b = torch.nn.Linear(RANK, base.out_features, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The layer's output plus the adapter's."""
        return self.base(x) + self.b(self.a(x))


def build(lora: Sequence[str] = (), frozen_layers: Sequence[int] = (), frozen_embedding: bool = False) -> Any:
    """The model with adapters (everything else frozen), or with frozen parts."""
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**CONFIG, attn_implementation="eager"))
    if lora:
        model.requires_grad_(False)
        for module in list(model.modules()):
            for name, child in list(module.named_children()):
                if name in lora:
                    setattr(module, name, Adapted(child))
    for number in frozen_layers:
        model.model.layers[number].requires_grad_(False)
    if frozen_embedding:
        model.model.embed_tokens.requires_grad_(False)
    return model


def measure(case: dict[str, Any]) -> dict[str, Any]:
    """FLOP forward, and forward with backward."""
    model = build(**case)
    ids = torch.zeros(BATCH, LENGTH, dtype=torch.long)
    with FlopCounterMode(display=False) as counter:
        logits = model(input_ids=ids, use_cache=False).logits
        forward = counter.get_total_flops()
        logits.sum().backward()
    return {**case, "forward": forward, "total": counter.get_total_flops()}


def main() -> None:
    """Write every case as JSON."""
    result = {
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "config": CONFIG,
        "batch": BATCH,
        "seq_len": LENGTH,
        "rank": RANK,
        "cases": [measure(case) for case in CASES],
    }
    json.dump(result, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
