"""The Chinese page says nothing in English: every flow, every text that a reader or a screen reader meets.

Names (of documents, too), units, code, addresses and what a user's log says are no sentences.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

FLOWS: tuple[tuple[str, dict[str, str]], ...] = (
    ("plan", {}),
    ("diagnose", {}),
    ("layout", {"model": "llama-3.1-8b", "devices": "64"}),
    ("measure", {"observed": "job", "tokens_per_second": "30M"}),
    ("learn", {}),
    ("plan", {"mfu_from": "predicted", "devices": "1e30"}),
    ("diagnose", {"seen": "mfu", "mfu": "20%"}),
    ("models", {"model": "t5-small"}),
    ("plan", {"tokens": "", "mfu": ""}),
    ("plan", {"mfu": ""}),
    ("plan", {"price": "$5"}),
    ("plan", {"tokens": "abc", "model": "resnet-50"}),
    ("plan", {"mfu_from": "published", "provider": "any"}),
    ("plan", {"deadline": "10d", "tokens": "", "budget": "$10M"}),
    ("plan", {"model": "own size", "hardware": "tpu-v5p"}),
    ("plan", {"tokens": "40"}),
    ("measure", {"observed": "device", "devices": "8"}),
    ("measure", {"observed": "step", "model": "resnet-50", "devices": "8", "step_time": "0.1s", "global_batch": "256"}),
    ("measure", {"observed": "hours"}),
    ("measure", {"observed": "log"}),
    ("measure", {"observed": "flops", "recompute": "selective", "reported_mfu": "80%"}),
    ("measure", {"model": "nope", "hardware": "h1000"}),
    ("diagnose", {"seen": "mfu", "mfu": "120%"}),
    ("diagnose", {"seen": "device", "model": "llama-3.1-8b", "devices": "8", "tokens_per_second_per_device": "4000",
                  "loader_workers": "0", "compile": "no", "framework": "deepspeed"}),
    ("diagnose", {"seen": "step", "model": "mixtral-8x7b", "devices": "64", "hardware": "a100-sxm-80gb"}),
    ("diagnose", {"seen": "trace"}),
    ("layout", {"devices": "1"}),
    ("layout", {"tp": "3"}),
    ("layout", {"model": "deepseek-v3", "devices": "2048"}),
    ("layout", {"model": "whisper-small", "devices": "8"}),
    ("layout", {"model": "own size"}),
    ("models", {"model": "own size"}),
    ("models", {}),
    ("hardware", {}),
    ("hardware", {"compare": "tpu-v5p"}),
    ("compare", {"s": "devices=512"}),
    ("compare", {}),
    ("accuracy", {}),
    ("accuracy", {"kind": "mfu"}),
    ("accuracy", {"kind": "memory"}),
    ("accuracy", {"kind": "total"}),
    ("learn", {"model": "deepseek-v3"}),
)  # fmt: skip
_SHOWN = {"body", "label", "help", "caption", "alt", "options", "header"}
_IN_CHART = {"title", "text", "part", "said", "kind", "row", "cause", "pass"}
_NO_TEXT = re.compile(
    r"<style.*?</style>|<script.*?</script>|<(?:pre|code).*?</(?:pre|code)>|<a .*?</a>|`[^`]*`|https?://[^\s)|]+|\$[^$\n]*\$"
    r"|mfu-planner [a-z]+|“[^”]*”",
    re.DOTALL,
)
_SENTENCE = re.compile(r"(?<![\w./-])[a-z]{2,} [a-z]{2,}(?![\w./])")


def _texts(node: Any) -> Iterator[str]:
    """What an element and those within it show or say."""
    proto = getattr(node, "proto", None)
    if hasattr(proto, "DESCRIPTOR"):
        yield from _strings(MessageToDict(proto), _SHOWN)
    for child in getattr(node, "children", {}).values():
        yield from _texts(child)


def _strings(held: Any, keys: set[str], key: str = "") -> Iterator[str]:
    if isinstance(held, dict):
        for name, value in held.items():
            yield from _strings(value, keys, name)
    elif isinstance(held, list):
        for value in held:
            yield from _strings(value, keys, key)
    elif isinstance(held, str) and key == "spec":
        yield from _strings(json.loads(held), _IN_CHART)
    elif isinstance(held, str) and key in keys and not (key == "options" and " — " in held):  # a model's, device's name
        yield held


def _sentences(text: str) -> Iterator[str]:
    """Runs of English words."""
    titles = re.sub(r'title="([^"]*)"', r">\1<", text)
    for part in re.split(r"<[^>]+>", _NO_TEXT.sub(" ", titles)):
        if _SENTENCE.search(part):
            yield part.strip()


def english(app: Any) -> list[str]:
    """The English sentences of a page."""
    return [sentence for text in _texts(app._tree) for sentence in _sentences(text)]


@pytest.mark.sampled(10)
@pytest.mark.parametrize(("name", "fields"), FLOWS, ids=lambda value: str(value)[:60])
def test_no_english_sentence(page: Any, name: str, fields: dict[str, str]) -> None:
    """Neither on the page nor in its charts, hints and alternative texts."""
    assert english(page(name, lang="zh", **fields)) == []


def test_an_english_page_is_seen_to_be_english(page: Any) -> None:
    """The test would find an untranslated page."""
    assert len(english(page("plan"))) > 20
