"""One spelling for device names: words in lower case, memory sizes joined."""

from __future__ import annotations

import re

_TRADEMARK = re.compile(r"\((?:r|tm|c)\)|[®™©]", re.IGNORECASE)
_GLUED = re.compile(r"\b(geforce|quadro|titan|rtx|gtx|tpu|gaudi|radeon|rx|instinct|ascend|tesla)[-_ ]?(?=[a-z]*[0-9])")
_MEMORY = re.compile(r"\b([0-9]+)\s*(?:gib|gb|g)\b")
_WORD = re.compile(r"[a-z0-9]+(?:[.+][a-z0-9]+)*")


def words(name: str) -> tuple[str, ...]:
    """``'NVIDIA H100 80 GB HBM3'`` → ``('nvidia', 'h100', '80gb', 'hbm3')``."""
    text = _TRADEMARK.sub(" ", name).lower()
    text = _GLUED.sub(r"\1 ", text)
    text = _MEMORY.sub(r"\1gb", text.replace("_", " "))
    return tuple(_WORD.findall(text))


def holds(text: tuple[str, ...], phrase: tuple[str, ...]) -> bool:
    """Whether ``phrase`` stands in ``text`` as consecutive whole words."""
    n = len(phrase)
    return any(text[i : i + n] == phrase for i in range(len(text) - n + 1))


def without(text: tuple[str, ...], phrase: tuple[str, ...]) -> tuple[str, ...]:
    """``text`` with the first occurrence of ``phrase`` taken out."""
    n = len(phrase)
    for i in range(len(text) - n + 1):
        if text[i : i + n] == phrase:
            return text[:i] + text[i + n :]
    return text
