"""Strangers' text in a real browser: shown as typed, no element of theirs, no request to another host."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from tabs import drawn, opened

pytestmark = pytest.mark.browser

LINK, IMAGE, TAG = "[y](https://evil.example)", "![x](https://evil.example/p.png)", "<img src=//evil.example/q>"
SCRIPT, MATH = "<script>pwned=1</script>", ":red[r] $z$ **b**"
EVERY = " ".join((LINK, IMAGE, TAG, SCRIPT, MATH))
_RUN = {"tokens": "1T", "mfu": "40%", "devices": "64", "hardware": "h100-sxm"}
_LOG = "".join(f"step: {n} loss: 2.1 tps: 7,663 tflops: 9999 mfu: 120% {EVERY}\n" for n in range(9))
_LLAMA = {
    "model_type": "llama", "_name_or_path": EVERY, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
    "num_attention_heads": 4, "vocab_size": 100, "max_position_embeddings": 64, IMAGE: LINK,
}  # fmt: skip


def _drop(field: str, name: str, text: str) -> Callable[[Any], None]:
    def act(tab: Any) -> None:
        held = {"name": name, "mimeType": "text/plain", "buffer": text.encode()}
        tab.locator(f".st-key-{field} input[type=file]").set_input_files(held)

    return act


def _address(path: str, **query: str) -> str:
    return f"{path}?{urlencode(query)}"


CASES: dict[str, tuple[str, Callable[[Any], None] | None, str]] = {
    "query keys": ("/?" + "&".join(f"{quote(key)}=1" for key in (LINK, IMAGE, TAG, SCRIPT)), None, IMAGE),
    "query values": (_address("/", **_RUN, model=EVERY), None, IMAGE),
    "errors": (_address("/measure", tokens_per_second=EVERY, devices=TAG), None, TAG),
    "findings": (_address("/diagnose", stack=EVERY, framework=EVERY, freeze=IMAGE), None, IMAGE),
    "config text": (_address("/models", model="own config.json", config=json.dumps(_LLAMA), seq_len="64"), None, IMAGE),
    "config type": (
        _address("/", **_RUN, model="own config.json", config=json.dumps({"model_type": IMAGE})), None, IMAGE
    ),
    "log lines": (_address("/measure", observed="log"), _drop("log_file", "a.log", _LOG), ""),
    "file names": (
        _address("/measure", observed="log"), _drop("log_file", f"{MATH} {SCRIPT[:8]}.log", "no\n" * 9), ""
    ),
    "scenario names": (
        "/compare?" + "&".join(f"s={quote(s)}" for s in (
            urlencode({**_RUN, "model": "gpt2", "hardware": EVERY}), urlencode({"model": IMAGE}), f"x) {IMAGE} {LINK}",
        )), None, IMAGE,
    ),
}  # fmt: skip
"""Kind of text → (address, what is done there, what must stand on the page)."""


_SHOWS = "text => document.body.innerText.replaceAll('\u2060', '').includes(text)"
"""As typed, but for the joiner that keeps an address from being a link."""
_LEADING_OUT = """[...document.querySelectorAll("[href], [src], [action]")]
  .map(e => e.href || e.src || e.action).filter(u => new URL(u, location.href).host.includes("evil"))"""
"""Whatever leads to the stranger's host; the page's own links hold the text, escaped, in their query."""


@pytest.mark.sampled(3)
@pytest.mark.parametrize("kind", CASES)
def test_what_a_stranger_wrote_is_text(tab: Any, served: str, kind: str) -> None:
    address, act, shown = CASES[kind]
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("dialog", lambda dialog: asked.append(f"dialog {dialog.message}"))
    opened(tab, served + address)
    if act is not None:
        act(tab)
    if shown:
        tab.wait_for_function(_SHOWS, arg=shown)
    else:
        tab.wait_for_selector("[data-testid=stAlert], .mfu-hero .said")
    drawn(tab)

    assert not [url for url in asked if not url.startswith((served, "data:", "blob:"))]
    assert tab.evaluate(_LEADING_OUT) == []
    assert tab.evaluate("typeof window.pwned") == "undefined"
