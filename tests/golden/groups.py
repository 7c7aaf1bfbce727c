"""Name the part of a model that a product belongs to, from the path and class of the module it ran in."""

from __future__ import annotations

import re

ENCODER_DECODERS = ("T5ForConditionalGeneration", "WhisperForConditionalGeneration")

BARE = (
    # (class name of the module that makes the product itself, operator, group)
    (r"Expert", r".", "experts"),
    (r"Router|Gate$", r".", "router"),
    (r"Attention|Attn", r".", "attention"),
    (r"GatedDelta", r"conv", "linear_attention_conv"),
    (r"GatedDelta", r".", "linear_attention_scan"),
    (r"Mamba", r"conv", "ssm_conv"),
    (r"Mamba", r"^(mm|addmm)$", "ssm_proj"),
    (r"Mamba", r".", "ssm_scan"),
    (r"CLIPModel", r".", "similarity"),
    (r"Projector", r".", "projector"),
)
"""Modules whose own code multiplies, rather than a linear layer inside them."""

PATHS = (
    (r"multi_modal_projector|\.merger|deepstack_merger|vision_adapter", "projector"),
    (r"timestep_embedder", "conditioning"),
    (r"norm1\.linear$", "modulation"),
    (r"proj_out_[12]$", "output_projection"),
    (r"gate_up_proj_adapter_list|_adapter_list", "adapters"),
    (r"shared_experts?(_gate)?\b", "shared_experts"),
    (r"\.experts\b", "experts"),
    (r"(\.router(\.layer)?|(mlp|mixer|feed_forward|block_sparse_moe)\.gate)$", "router"),
    (r"fc[12]_latent_proj$", "expert_latent"),
    (r"linear_attn\.", "linear_attention_proj"),
    (r"(mamba|mixer)\.(in_proj|out_proj|x_proj|dt_proj)$", "ssm_proj"),
    (r"patch_embed|pos_embed\.proj$", "patch_embedding"),
    (r"encoder\.conv[12]$", "audio_convolution"),
    (r"(convolution|dwconv|downsampling_layer\.\d+)$", "convolution"),
    (r"classifier(\.\d+)?$|cls\.predictions\.decoder$|lm_head(\.decoder)?$|(?<!\w)proj_out$", "head"),
    (r"cls\.predictions\.transform\.dense$|lm_head\.dense$|pooler\.dense$", "head_transform"),
    (r"text_projection$|visual_projection$", "projection"),
    (r"project_(in|out)$", "word_projection"),
    (r"layers\.\d+\.linear$", "shared_block_out"),
    (
        r"attn\.c_attn$|(attention|attn|self)\.(query|key|value|query_key_value|Wqkv|qkv_proj|qkv|[qkv]_proj)$"
        r"|attn1\.to_[qkv]$|Attention\.[qkv]$|(q_[ab]_proj|kv_a_proj_with_mqa|kv_b_proj)$|mixer\.[qkv]_proj$",
        "qkv",
    ),
    (
        r"attn\.c_proj$|(attention|attn|mixer)\.(o_proj|out_proj|proj|dense|output\.dense)$|attn1\.to_out\.0$"
        r"|Attention\.o$",
        "attention_out",
    ),
    (
        r"(mlp|ffn|mixer|feed_forward)\.(c_fc|c_proj|(gate|up|down|gate_up)_proj|fc[12]|linear_fc[12])$"
        r"|dense_(h_to_4h|4h_to_h)$|layers\.\d+\.fc[12]$|DenseReluDense\.w|(intermediate|output)\.dense$|pwconv[12]$"
        r"|ff\.net\.\d(\.proj)?$",
        "mlp",
    ),
)
"""(pattern over the path, group); the first that matches counts."""


def group(path: str, kind: str, operator: str) -> str:
    """The group of one product.

    Parameters
    ----------
    path : str
        Module path, beginning with the class name of the whole model.
    kind : str
        Class name of the module itself.
    operator : str
        The aten operator, without its namespace.

    Returns
    -------
    str
        A name such as ``qkv``, ``attention``, ``mlp``; with ``encoder_``, ``decoder_``, ``cross_``, ``text_`` or
        ``vision_`` before it where a model has several stacks.
    """
    model, _, inner = path.partition(".")
    name = next((g for pattern, op, g in BARE if re.search(pattern, kind) and re.search(op, operator)), None)
    if name is None or kind == "Linear":
        name = next((g for pattern, g in PATHS if re.search(pattern, path)), None)
    if name is None:
        raise AssertionError(f"no group for {path} ({kind}, {operator})")
    if name in {"head", "projector", "projection", "similarity", "head_transform"}:
        return name
    if model in ENCODER_DECODERS:
        stack = "cross_" if re.search(r"EncDecAttention|encoder_attn", inner) else ""
        return (
            stack + name
            if stack
            else ("encoder_" if "encoder." in inner.replace("decoder.", "") else "decoder_") + name
        )
    if re.search(r"vision_model|vision_tower|visual\.", inner):
        return "vision_" + name
    return "text_" + name if model == "CLIPModel" else name
