"""Measure one config: parameters by what they are, FLOPs of each case in all and by group."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from building import build, inputs, kind_of, vision
from counting import GroupedCounter
from groups import group
from torch import nn

EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
CHOSEN = ("num_experts_per_tok", "moe_top_k")
POSITIONS = ("wpe", "embed_positions", "position_embeddings", "position_embedding", "positional_embedding_vlm")


def parameters(model: nn.Module) -> dict[str, int]:
    """Distinct parameters: total, token table, position tables, own head, and those that one token uses."""
    total = sum(p.numel() for p in model.parameters())
    table = _embedding(model, "get_input_embeddings")
    if table is None and hasattr(model, "text_model"):
        table = _embedding(model.text_model, "get_input_embeddings")
    head = _embedding(model, "get_output_embeddings")
    positions = sum(
        p.numel()
        for name, p in model.named_parameters()
        if (any(part in name.split(".") for part in POSITIONS) or name.endswith("pos_embed.weight")) and p.dim() > 1
    )
    return {
        "total": total,
        "embedding": 0 if table is None else table.numel(),
        "position_embedding": positions,
        "lm_head": head.numel() if head is not None and head is not table else 0,
        "active": total
        - sum(_unused(module) for module in model.modules() if type(module).__name__.endswith("Experts")),
    }


def _embedding(model: nn.Module, getter: str) -> torch.Tensor | None:
    try:
        found = getattr(model, getter)()
    except (AttributeError, NotImplementedError):
        return None
    return found.weight if isinstance(found, nn.Embedding | nn.Linear) else None


def _unused(experts: nn.Module) -> int:
    """Parameters of the experts that one token does not reach."""
    config = getattr(experts, "golden_config", None)
    count, chosen = config
    return sum(p.numel() for p in experts.parameters()) // count * (count - chosen)


def _note_experts(model: nn.Module) -> None:
    """Tell each experts module how many it has and how many a token uses."""
    config = model.config
    for part in (getattr(config, "text_config", config), getattr(config, "ffn_config", config)):
        count = next((getattr(part, name) for name in EXPERTS if getattr(part, name, None)), None)
        chosen = next((getattr(part, name) for name in CHOSEN if getattr(part, name, None)), None)
        if count and chosen:
            break
    for module in model.modules():
        if type(module).__name__.endswith("Experts"):
            module.golden_config = (count, chosen)


def loss(output: Any) -> torch.Tensor:
    """A scalar whose gradient reaches every product."""
    for name in ("logits", "logits_per_image", "sample"):
        if getattr(output, name, None) is not None:
            return getattr(output, name).sum()
    return output[0].sum()


class Whole(nn.Module):
    """A model and what it is measured on, so that the counter sees every module under one root."""

    def __init__(self, inner: nn.Module, data: dict[str, Any]) -> None:
        super().__init__()
        self.inner, self.data = inner, data

    def forward(self, case: dict[str, int]) -> list[torch.Tensor]:
        """Scalars that together depend on every product of the case."""
        image = image_loss(self.inner, case) if kind_of(self.data) == "multimodal" else None
        with torch.device("meta"):
            scalar = loss(self.inner(**inputs(self.data, self.inner, case)))
        return [scalar] if image is None else [scalar, image]


def image_loss(model: nn.Module, case: dict[str, int]) -> torch.Tensor | None:
    """Sum of the image features, or None where the case has no image.

    The language model is measured apart, on a sequence that has the image's tokens among its own: the gradient that
    the text part sends back to the features and the one that this sum sends make the same products.
    """
    count = case.get("images", 0) * case["batch"]
    if not count:
        return None
    part, core = vision(model.config), model if hasattr(model, "get_image_features") else model.model
    if not hasattr(part, "spatial_merge_size"):
        with torch.device("meta"):
            pixels = torch.zeros(count, part.num_channels, part.image_size, part.image_size)
            given = core.get_image_features(pixel_values=pixels)
            if type(core).__name__.startswith("Llama4"):  # the only one whose projector is applied later
                given = core.multi_modal_projector(given.last_hidden_state)
        return _total(given)
    tower = core.model.visual if hasattr(core, "model") else core.visual
    if tower.patch_embed.proj.weight.is_meta:
        tower.to_empty(device="cpu")  # its patch order depends on values, so this part runs for real
    side = case["image"] // part.patch_size
    channels = getattr(part, "in_channels", None) or part.in_chans
    patches = torch.zeros(count * side**2, channels * part.temporal_patch_size * part.patch_size**2)
    return _total(tower(patches, grid_thw=torch.tensor([[1, side, side]] * count)))


def _total(given: Any) -> torch.Tensor:
    if isinstance(given, torch.Tensor):
        return given.float().sum()
    if isinstance(given, list | tuple):
        return sum(_total(one) for one in given)
    return sum(
        _total(one) for one in (given.pooler_output, getattr(given, "deepstack_features", None)) if one is not None
    )


def measure(data: dict[str, Any], cases: list[dict[str, int]]) -> dict[str, Any]:
    """Parameters and both modes of every case, ready for the golden file."""
    model = build(data)
    _note_experts(model)
    whole = Whole(model, data)
    root = type(model).__name__
    classes = {root + ("." + name if name else ""): type(m).__name__ for name, m in model.named_modules()}
    measured = []
    for case in cases:
        with GroupedCounter() as counter:
            scalars = whole(case)
            forward = Counter(counter.by_module)
            for scalar in scalars:
                scalar.backward()
        for mode, counts in (("forward", forward), ("forward_backward", counter.by_module)):
            by_group: Counter[str] = Counter()
            for (found, op), flops in counts.items():
                path = found.replace("Whole.inner", root)
                by_group[group(path, classes[path], op.rpartition(".")[2])] += flops
            total = sum(counts.values())
            measured.append({"mode": mode, **case, "flops_total": total, "by_group": dict(sorted(by_group.items()))})
        model.zero_grad(set_to_none=True)
    return {"kind": kind_of(data), "model_class": type(model).__name__, "params": parameters(model), "cases": measured}
