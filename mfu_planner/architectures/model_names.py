"""Which preset a name means: catalogue ids, hub ids, everyday names, torchvision's and timm's names.

A name that says how a model was tuned or stored (``-Instruct``, ``-it``, ``-FP8``, a date) means the model whose
architecture it has; that is a remark in the answer.  A name that says another size is no match.

References
----------
.. [1] Distilled models and the ones that they were trained from:
   https://github.com/deepseek-ai/DeepSeek-R1#deepseek-r1-distill-models
.. [2] Hui et al. 2024, arXiv:2409.12186, section 2 (Qwen2.5-Coder: the architecture of Qwen2.5); QwQ's config.json:
   https://huggingface.co/unsloth/QwQ-32B-Preview/blob/1397937f36a3c66794210ed56a363a19d1616275/config.json
.. [4] Kimi K2.6 and K2.7 Code: every size of ``nvidia--Kimi-K2.6-NVFP4_config.json`` and ``…K2.7-Code…`` in
   https://github.com/ai-dynamo/aiconfigurator/tree/095f58a51c4ca8e61b66ec108d86f223f8d559ce is that of K2.5.
.. [3] DeepSeek-V3.1 is built upon V3's architecture: https://apxml.com/models/deepseek-v3-1
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_TUNED = (
    "instruct", "it", "chat", "base", "pt", "hf", "sft", "dpo", "think", "thinking", "uncased", "tf", "exp", "deduped",
    "fp8", "bf16", "fp16", "nvfp4", "mxfp4", "int4", "int8", "4bit", "8bit", "bnb", "awq", "gptq", "gguf", "mlx",
)  # fmt: skip
"""Words at the end of a name that leave the architecture as it is."""
_TAIL = re.compile(r"-(?:" + "|".join(_TUNED) + r"|v0\.1|v1\.0|1m|\d{4}|\d{6}|\d+k)$")
_HEAD = re.compile(r"^(?:meta-|nvidia-|ai21-|c4ai-|facebook-|openai-|google-|the-|torchvision-|timm-)")
_VIEWS = {
    r"vit-(?:base|b)-(?:patch)?(16|32)(?:-224)?": r"vit-b\1",
    r"vit-(?:large|l)-(?:patch)?(16|32)(?:-224)?": r"vit-l\1",
    r"vit-(?:huge|h)-(?:patch)?14(?:-224)?": "vit-h14",
    r"clip-vit-large-patch14|vit-l-14|clip-vit-large-patch14-224": "clip-vit-l14",
    r"convnext-(tiny|small|base|large)(?:-224)?": r"convnext-\1",
    r"resnet-?(18|34|50|101|152)": r"resnet-\1",
    r"swin-(?:t|tiny)(?:-patch4-window7-224)?": "swin-tiny",
    r"swin-(?:s|small)(?:-patch4-window7-224)?": "swin-small",
    r"swin-(?:b|base)(?:-patch4-window7-224)?": "swin-base",
    r"(?:tf-)?efficientnet-?(b[0-7])": r"efficientnet-\1",
    r"dit-xl-2(?:-256)?(?:x256)?": "dit-xl-2-256",
    r"gpt-?2-small": "gpt2",
    r"mistral-nemo": "mistral-nemo-12b",
    r"tinyllama": "tinyllama-1.1b",
    r"sdxl(?:-1\.0)?(?:-base)?(?:-1\.0)?": "stable-diffusion-xl",
    r"(?:sd|stable-diffusion)-?(?:v?1[.-][45])": "stable-diffusion-v1-5",
    r"dinov3-(vits16|vits16plus|vitb16|vitl16|vith16plus|vit7b16)-pretrain-(?:lvd1689m|sat493m)": r"dinov3-\1",
    r"wav2vec2-base(?:-960h)?": "wav2vec2-base",
    r"(?:distilbert/)?distilbert": "distilbert-base",
    r"xlm-?r-(base|large)": r"xlm-roberta-\1",
    r"gptj-6b|gpt-?j": "gpt-j-6b",
    r"kimi-linear(?:-48b)?": "kimi-linear-48b-a3b",
    r"smollm3": "smollm3-3b",
    r"olmoe": "olmoe-1b-7b",
}
"""Names of timm, torchvision and papers → preset, where spelling alone does not tell."""
_ALIKE = {
    r"deepseek-v3\.1": "deepseek-v3",
    r"kimi-k2\.(?:6|7-code)": "kimi-k2.5",
    r"deepseek-r1-distill-llama-8b": "llama-3.1-8b",
    r"deepseek-r1-distill-llama-70b": "llama-3.3-70b",
    r"deepseek-r1-distill-qwen-(7|14|32)b": r"qwen2.5-\1b",
    r"qwen2\.5-coder-(0\.5|1\.5|3|7|14|32)b": r"qwen2.5-\1b",
    r"qwq-32b(?:-preview)?": "qwen2.5-32b",
}
"""Models with the architecture of another [1]_ [2]_ [3]_ [4]_."""
_OTHER_LABELS = re.compile(r"in(?:12|21|22)k$")
"""timm's tag of weights with more labels than a preset's 1,000."""


def plain(name: str) -> str:
    """Lower case, words joined by hyphens."""
    return re.sub(r"[\s_/]+", "-", name.strip().lower())


def _bare(name: str) -> str:
    """Letters and digits alone, and the points inside numbers (opt-1.3b is not opt-13b)."""
    return re.sub(r"(?<!\d)\.|\.(?!\d)|[^a-z0-9.]", "", plain(name))


def spellings(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Every spelling of the catalogue, as letters and digits → preset id; the first that claims one wins."""
    known: dict[str, str] = {}
    for names in (_ids, _hub_names):
        for row in rows:
            for name in names(row):
                known.setdefault(_bare(name), row["id"])
    return known


def _ids(row: Mapping[str, Any]) -> tuple[str, ...]:
    return row["id"], row["name"]


def _hub_names(row: Mapping[str, Any]) -> tuple[str, ...]:
    host, _, hub = str(row["source"]).partition("huggingface.co/")
    return (hub, hub.rsplit("/", maxsplit=1)[-1]) if host and hub else ()


def meant(name: str, known: Mapping[str, str]) -> tuple[str, str] | None:
    """(preset id, remark) for a name, or None; the remark is empty where the name is the preset's own."""
    text = plain(re.sub(r"^(?:https?://)?(?:huggingface\.co|hf\.co)/", "", name.strip()))
    tries = [text]
    if "/" in name:
        tries.append(plain(name.strip().rstrip("/").rsplit("/", maxsplit=1)[-1]))
    for one in tries:
        if found := known.get(_bare(one)):
            return found, ""
    for one in tries[::-1]:  # without the publisher first
        short, _, tag = one.partition(".") if re.fullmatch(r"[a-z0-9-]+\.[a-z][a-z0-9-]*", one) else (one, "", "")
        for name_of in (short, *_shorter(short)):
            if found := _listed(_VIEWS, name_of):
                own = name_of == short and not _OTHER_LABELS.search(tag)
                return known[_bare(found)], "" if own else _taken(name, found)
            if found := _listed(_ALIKE, name_of):
                return known[_bare(found)], _taken(name, found)
        for shorter in _shorter(one):
            if found := known.get(_bare(shorter), ""):
                return found, _taken(name, found)
    return None


def _listed(table: Mapping[str, str], name: str) -> str:
    """The preset of the first pattern that a name fits, or nothing."""
    fits = ((re.fullmatch(pattern, name), preset) for pattern, preset in table.items())
    return next((match.expand(preset) for match, preset in fits if match), "")


def _taken(name: str, preset: str) -> str:
    return f"model {name.strip()}: counted as {preset}, whose architecture it is taken to have"


def _shorter(text: str) -> list[str]:
    """The name without words that tell of tuning, storage or the publisher, one after the other."""
    found: list[str] = []
    while (less := _TAIL.sub("", text)) != text or (less := _HEAD.sub("", text)) != text:
        found.append(text := less)
    return found
