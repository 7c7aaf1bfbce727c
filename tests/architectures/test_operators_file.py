"""An operators file is read without torch: what it describes is counted, what makes no sense is one line."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from mfu_planner import flops
from mfu_planner.errors import InputError

FILE: dict[str, Any] = {
    "operators_file": 2, "model_type": "supernova", "class": "SupernovaForCausalLM", "transformers": "5.23.0",
    "torch": "2.13.0", "config_sha256": "0" * 64, "grade": "exact", "reasons": [], "not_called": [],
    "assumed": ["balanced routing"], "hidden": 8, "vocab": 100, "params": 100 * 8 + 2 * (8 * 24 + 4 * 3 * 8 + 5),
    "blocks": [
        {"name": "model", "layers": [], "operators": [
            {"path": "embed_tokens", "name": "embed_tokens", "kind": "table", "entries": 100, "width": 8},
        ]},
        {"name": "model.layers", "layers": [0, 1], "operators": [
            {"path": "attn.qkv", "name": "qkv_proj", "kind": "linear", "inputs": 8, "outputs": 24, "copies": 1,
             "active": 1, "bias": False, "shared": False},
            {"path": "attn", "name": "attention", "kind": "attention", "heads": 2, "kv_heads": 1, "qk_dim": 4,
             "v_dim": 4, "mask": "window", "size": 16},
            {"path": "experts", "name": "up_proj", "kind": "linear", "inputs": 3, "outputs": 8, "copies": 4,
             "active": 2, "bias": False, "shared": False},
            {"path": "mix", "name": "mix", "kind": "product", "forward": {"b": 7, "bs": 3, "bss": 2},
             "backward": {"b": 14, "bs": 6, "bss": 4}},
            {"path": "norm", "name": "norm", "kind": "elementwise", "params": 5},
        ]},
        {"name": "lm_head", "layers": [], "operators": [
            {"path": "lm_head", "name": "lm_head", "kind": "linear", "inputs": 8, "outputs": 100, "copies": 1,
             "active": 1, "bias": False, "shared": True},
        ]},
    ],
}  # fmt: skip


def test_counts_by_hand(tmp_path: Path) -> None:
    """A batch of 3 sequences of 40 positions; the file by path, as a config or by its own name."""
    rows, pairs = 3 * 40, 3 * 40 * 40
    layer = 2 * rows * 8 * 24 + 2 * pairs * 2 * 8 + 2 * rows * 2 * 3 * 8 + 3 * (7 + 3 * 40 + 2 * 40 * 40)
    forward = 2 * layer + 2 * rows * 8 * 100
    path = tmp_path / "model.operators.json"
    path.write_text(json.dumps(FILE))

    for config in (FILE, str(path)):
        answer = flops(config=config, seq_len=40, batch=3, convention="full")
        assert answer.params["total"] == FILE["params"]
        assert (answer.flops["forward"], answer.flops["total"]) == (forward, 3 * forward)
        assert any("transformers 5.23.0: exact" in w for w in answer.warnings)
        assert any("balanced routing" in w for w in answer.warnings)
    window = 16 * 17 // 2 + 24 * 16
    causal = flops(config=FILE, seq_len=40, batch=3, convention="causal").flops["forward"]
    assert forward - causal == 2 * 3 * 2 * (40 * 40 - window) * 2 * 8


def test_a_bare_layout_and_conventions_work() -> None:
    """The file stands wherever a model does."""
    assert flops(config=FILE, seq_len=40).by_convention["6n"] > 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.update(operators_file=1), "version 2"),
        (lambda d: d.update(grade="refused", reasons=["RuntimeError: no"]), "RuntimeError: no"),
        (lambda d: d.update(params=5), "sum of the operators"),
        (lambda d: d.update(blocks="many"), "blocks"),
        (lambda d: d.update(blocks=[], params=0), "at least one block"),
        (lambda d: [b["operators"].clear() for b in d["blocks"]], "linear, attention or product"),
        (lambda d: d["blocks"][1].update(layers=[-1]), "layer numbers"),
        (lambda d: d["blocks"][1]["operators"][0].update(kind="magic"), "one of linear"),
        (lambda d: d["blocks"][1]["operators"][0].update(inputs=10**30), "inputs"),
        (lambda d: d["blocks"][1]["operators"][1].update(mask="spiral"), "mask"),
        (lambda d: d["blocks"][1]["operators"][2].update(active=9), "at most copies"),
        (lambda d: d["blocks"][1]["operators"][3].update(forward={"bz": 2}), "by letters"),
    ],
)
def test_what_makes_no_sense_is_refused(change: Any, words: str) -> None:
    """One line that names the field."""
    broken = copy.deepcopy(FILE)
    change(broken)
    with pytest.raises(InputError, match=words):
        flops(config=broken, seq_len=40)
    with pytest.raises(InputError, match="nothing beside a recorded"):
        flops(config=FILE, seq_len=40, as_type="llama")
