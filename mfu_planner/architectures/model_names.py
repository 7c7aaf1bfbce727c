"""Which preset a name means: catalogue ids, hub ids, everyday names, torchvision's and timm's names.

A name that says how a model was tuned or stored (``-Instruct``, ``-it``, ``-FP8``, a date) means the model whose
architecture it has; that is a remark in the answer.  A name that says another size is no match.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_TUNED = (
    "instruct", "it", "chat", "base", "pt", "hf", "sft", "dpo", "thinking", "uncased", "tf",
    "fp8", "bf16", "fp16", "nvfp4", "mxfp4", "int4", "int8", "4bit", "8bit", "bnb", "awq", "gptq", "gguf", "mlx",
)  # fmt: skip
"""Words at the end of a name that leave the architecture as it is."""
_TAIL = re.compile(r"-(?:" + "|".join(_TUNED) + r"|v0\.1|\d{4}|\d{6}|\d+k)$")
_HEAD = re.compile(r"^(?:meta-|nvidia-|ai21-|c4ai-|facebook-|openai-|google-|the-)")
_VIEWS = {
    r"vit-(?:base|b)-(?:patch)?16(?:-224)?": "vit-b16",
    r"vit-(?:large|l)-(?:patch)?16(?:-224)?": "vit-l16",
    r"clip-vit-large-patch14|vit-l-14|clip-vit-large-patch14-224": "clip-vit-l14",
    r"convnext-(tiny|base|large)(?:-224)?": r"convnext-\1",
    r"resnet-?50": "resnet-50",
    r"dit-xl-2(?:-256)?(?:x256)?": "dit-xl-2-256",
}
"""Names of timm, torchvision and papers → preset, where spelling alone does not tell."""


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
    hub = str(row["source"]).removeprefix("https://huggingface.co/")
    return hub, hub.rsplit("/", maxsplit=1)[-1]


def meant(name: str, known: Mapping[str, str]) -> tuple[str, str] | None:
    """(preset id, remark) for a name, or None; the remark is empty where the name is the preset's own."""
    text = plain(re.sub(r"^(?:https?://)?(?:huggingface\.co|hf\.co)/", "", name.strip()))
    tries = [text]
    if "/" in name:
        tries.append(plain(name.strip().rstrip("/").rsplit("/", maxsplit=1)[-1]))
    for one in tries:
        if found := known.get(_bare(one)):
            return found, ""
    for one in tries:
        short = one.partition(".")[0] if re.fullmatch(r"[a-z0-9-]+\.[a-z][a-z0-9-]*", one) else one  # timm's tags
        for pattern, preset in _VIEWS.items():
            if match := re.fullmatch(pattern, short):
                return known[_bare(match.expand(preset))], ""
        for shorter in _shorter(one):
            if found := known.get(_bare(shorter)):
                return found, f"model {name.strip()}: counted as {found}, whose architecture it is taken to have"
    return None


def _shorter(text: str) -> list[str]:
    """The name without words that tell of tuning, storage or the publisher, one after the other."""
    found: list[str] = []
    while (less := _TAIL.sub("", text)) != text or (less := _HEAD.sub("", text)) != text:
        found.append(text := less)
    return found
