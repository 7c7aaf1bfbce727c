"""Measure small configs that vary one field at a time, on the meta device, and write ``mixture_variations.json`` anew.

Run it where the pinned torch and transformers are installed::

    python tests/golden/measure_mixtures.py

The configs are those that the file holds; each is measured at three shapes, the lengths chosen so that windows, chunks
and padding all show: (batch, sequence, forward FLOP, forward and backward FLOP).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from building import build, patch
from counting import GroupedCounter

FILE = Path(__file__).with_name("mixture_variations.json")
SHAPES = ((1, 16), (2, 40), (1, 100))


def measured(model: torch.nn.Module, batch: int, length: int) -> list[int]:
    """The shape and what the counter counts, after the forward pass and after the backward pass."""
    with torch.device("meta"):
        tokens = torch.zeros(batch, length, dtype=torch.long)
        with GroupedCounter() as counter:
            output = model(input_ids=tokens, use_cache=False)
            forward = counter.get_total_flops()
            output.logits.sum().backward()
    return [batch, length, int(forward), int(counter.get_total_flops())]


def entry(config: dict[str, Any], name: str) -> dict[str, Any]:
    """One line of the file."""
    model = build({**config, "architectures": [name]})
    tables = {m.weight: m.weight.numel() for m in model.modules() if isinstance(m, torch.nn.Embedding)}
    return {
        "class": name,
        "config": config,
        "params": sum(p.numel() for p in model.parameters()),
        "embedding": sum(tables.values()),
        "cases": [measured(model, batch, length) for batch, length in SHAPES],
    }


def main() -> None:
    """Measure every config of the file again."""
    patch()
    rows = [entry(row["config"], row["class"]) for row in json.loads(FILE.read_text("utf-8"))]
    FILE.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
