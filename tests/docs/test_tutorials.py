"""What a tutorial promises beyond what its blocks show."""

from __future__ import annotations

import json
import sys
from types import ModuleType

import pytest
from blocks import blocks
from shell import run
from sources import DOCS

from mfu_planner.architectures import registry

CONFIG = {
    "model_type": "parallel_glu",
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "vocab_size": 32000,
}
QUESTIONS = (
    "plan --config config.json --seq-len 4096 --hardware h100-sxm --devices 64 --tokens 1T --mfu 40%",
    "mfu --config config.json --seq-len 4096 --hardware h100-sxm --tokens-per-second-per-device 9000",
    "flops --config config.json --seq-len 4096",
    "memory --config config.json --seq-len 4096 --hardware h100-sxm --devices 64 --tp 2 --global-batch 256",
    "predict --config config.json --seq-len 4096 --hardware h100-sxm --devices 64 --tp 2 --global-batch 256",
    "search --config config.json --seq-len 4096 --hardware h100-sxm --devices 16 --global-batch 64",
)


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch, tmp_path) -> int:
    """The tutorial's architecture, registered as it says; gives how many lines it took."""
    page = (DOCS / "tutorials" / "add-an-architecture.md").read_text("utf-8")
    source = next(b.text for b in blocks(page) if "IMPORTERS" in b.text)
    module = ModuleType("mfu_planner.architectures.parallel_glu")
    exec(compile(source, "parallel_glu.py", "exec"), vars(module))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(registry._FAMILIES, "parallel_glu", "parallel_glu")
    (tmp_path / "config.json").write_text(json.dumps(CONFIG), "utf-8")
    monkeypatch.chdir(tmp_path)
    return sum(1 for line in source.splitlines() if line.strip())


def test_an_architecture_takes_twenty_lines(registered: int) -> None:
    """The title's promise."""
    assert registered <= 20


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.split()[0])
def test_every_command_knows_the_new_architecture(registered: int, question: str) -> None:
    """No second place has to learn of it."""
    output, status = run(f"mfu-planner {question}")

    assert status == 0, output
