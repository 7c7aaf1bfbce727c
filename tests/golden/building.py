"""Build a model from a config on the meta device, and the inputs it is measured on.

The classes are transformers' own. Where the library's code cannot be measured as it stands, a part is replaced by one
that makes the same products:

* experts: every token's own ``top_k`` experts and no other (``batched_mm``; DBRX and Llama 4 likewise, which as written
  loop over data or multiply every expert);
* attention: ``eager``, every (query, key) pair, two products forward and four backward;
* checks that look at values, which a meta tensor does not have.
"""

from __future__ import annotations

from typing import Any

import torch
import transformers
from torch import nn
from transformers import AutoConfig, masking_utils
from transformers.models.dbrx import modeling_dbrx
from transformers.models.llama4 import modeling_llama4

SAME_AS = {"kimi_k2": "deepseek_v3"}
"""Model types that name another type's architecture."""
T5_KIND = ("t5", "mt5", "umt5")


def _experts(x: torch.Tensor, chosen: torch.Tensor, up: list[torch.Tensor], down: torch.Tensor) -> torch.Tensor:
    """Products of each row with its chosen expert's weights; ``up`` and ``down`` are (experts, inputs, outputs)."""
    parts = [torch.bmm(x.unsqueeze(1), weight[chosen]) for weight in up]
    inner = parts[0] * parts[1] if len(parts) == 2 else parts[0].chunk(2, dim=-1)[0] * parts[0].chunk(2, dim=-1)[1]
    return torch.bmm(inner, down[chosen]).squeeze(1)


def _dbrx_experts(self: Any, hidden: torch.Tensor, index: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    shape, top_k = hidden.shape, index.shape[-1]
    x = hidden.reshape(-1, self.hidden_size).repeat_interleave(top_k, dim=0)
    split = (self.num_experts, self.ffn_hidden_size, self.hidden_size)
    w1, v1, w2 = (self.mlp.get_parameter(name).view(split) for name in ("w1", "v1", "w2"))
    out = _experts(x, index.reshape(-1), [w1.transpose(1, 2), v1.transpose(1, 2)], w2)
    return (out * weights.reshape(-1, 1)).view(-1, top_k, self.hidden_size).sum(1).view(shape)


def _llama4_moe(self: Any, hidden: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    x = hidden.reshape(-1, self.hidden_dim)
    scores, logits = self.router(x)
    routed = self.experts(x, scores, self.top_k)
    return self.shared_expert(x) + routed, logits


def _llama4_experts(self: Any, x: torch.Tensor, scores: torch.Tensor, top_k: int) -> torch.Tensor:
    chosen = torch.topk(scores, top_k, dim=-1).indices.reshape(-1)
    rows = x.repeat_interleave(top_k, dim=0) * scores.max(dim=-1, keepdim=True).values.repeat_interleave(top_k, dim=0)
    return _experts(rows, chosen, [self.gate_up_proj], self.down_proj).view(-1, top_k, x.shape[-1]).sum(1)


def patch() -> None:
    """Replace what cannot be measured as written (see the module's text)."""
    masking_utils.find_packed_sequence_indices = lambda _positions: None
    modeling_dbrx.DbrxExperts.forward = _dbrx_experts
    modeling_llama4.Llama4TextMoe.forward = _llama4_moe
    modeling_llama4.Llama4TextExperts.forward = _llama4_experts


def configuration(data: dict[str, Any]) -> Any:
    """The config object of transformers for the fields of a ``config.json``."""
    fields = {key: value for key, value in data.items() if key not in {"model_type", "architectures"}}
    config = AutoConfig.for_model(SAME_AS.get(data["model_type"], data["model_type"]), **fields)
    config._attn_implementation = "eager"
    config._experts_implementation = "batched_mm"
    return config


def build(data: dict[str, Any]) -> nn.Module:
    """The model of a ``config.json`` (or of a diffusers config) on the meta device, in training precision."""
    with torch.device("meta"):
        if "_class_name" in data:
            import diffusers

            known = {key: value for key, value in data.items() if key != "_class_name"}
            return diffusers.DiTTransformer2DModel.from_config(known)
        return untied(getattr(transformers, data["architectures"][0])(configuration(data)), data)


def untied(model: nn.Module, data: dict[str, Any]) -> nn.Module:
    """T5 as loading a published checkpoint leaves it: built from a config its head is always tied."""
    if data.get("tie_word_embeddings") is False and data["model_type"] in T5_KIND and hasattr(model, "lm_head"):
        model.lm_head.weight = nn.Parameter(model.lm_head.weight.detach().clone())
    return model


def vision(config: Any) -> Any:
    """The part of a config that describes images."""
    return getattr(config, "vision_config", config)


def inputs(data: dict[str, Any], model: nn.Module, case: dict[str, int]) -> dict[str, torch.Tensor]:
    """Meta tensors of the shapes that one case asks for."""
    batch, kind, config = case["batch"], kind_of(data), model.config

    def tokens(length: int) -> torch.Tensor:
        return torch.zeros(batch, length, dtype=torch.long)

    def image() -> torch.Tensor:
        size = case.get("image", getattr(vision(config), "image_size", 0))
        return torch.zeros(batch, vision(config).num_channels, size, size)

    if kind == "image":
        return {"pixel_values": image()}
    if kind == "text_image":
        return {"input_ids": tokens(case["seq"]), "pixel_values": image()}
    if kind == "speech":
        frames = torch.zeros(batch, config.num_mel_bins, 2 * config.max_source_positions)
        return {"input_features": frames, "decoder_input_ids": tokens(case["target_seq"]), "use_cache": False}
    if kind == "encoder_decoder":
        given = {"input_ids": tokens(case["seq"]), "decoder_input_ids": tokens(case["target_seq"])}
        return {**given, "use_cache": False}
    if kind == "diffusion":
        size = case.get("image", config.sample_size)
        latent = torch.zeros(batch, config.in_channels, size, size)
        return {"hidden_states": latent, "timestep": torch.zeros(batch), "class_labels": torch.zeros(batch).long()}
    return {"input_ids": tokens(case["seq"])} | ({"use_cache": False} if kind == "decoder" else {})


KINDS = {
    "bert": "encoder",
    "roberta": "encoder",
    "t5": "encoder_decoder",
    "whisper": "speech",
    "vit": "image",
    "resnet": "image",
    "convnext": "image",
    "clip": "text_image",
    "gemma3": "multimodal",
    "llama4": "multimodal",
    "qwen2_5_vl": "multimodal",
    "qwen3_vl": "multimodal",
    "qwen3_vl_moe": "multimodal",
}


def kind_of(data: dict[str, Any]) -> str:
    """What a model reads: tokens (``decoder``, ``encoder``), two texts, speech, images or both."""
    return "diffusion" if "_class_name" in data else KINDS.get(data["model_type"], "decoder")
