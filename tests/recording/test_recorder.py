"""Models recorded from their own code against the importers, and against what torch counts."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from mfu_planner.architectures import from_config
from mfu_planner.counting import model_work
from mfu_planner.operators import Workload

ROWS: dict[str, dict[str, Any]] = {
    row["name"]: row
    for row in json.loads((Path(__file__).parents[1] / "golden" / "types.json").read_text("utf-8"))["rows"]
}
EXACT = (
    "llama-LlamaForCausalLM",
    "gpt2-GPT2LMHeadModel",
    "qwen3-Qwen3ForSequenceClassification",
    "gemma2-Gemma2ForCausalLM",
    "mixtral-MixtralForCausalLM",
    "deepseek_v3-DeepseekV3ForCausalLM",
    "minimax_m2-plain",
    "exaone_moe-plain",
    "bert-BertForMaskedLM",
)
"""Windows, experts, latent attention, tied heads, heads of classifiers, an encoder."""

pytestmark = [
    pytest.mark.golden,
    pytest.mark.skipif(
        not all(importlib.util.find_spec(name) for name in ("torch", "transformers")), reason="needs the extra record"
    ),
]


def recorded(name: str) -> dict[str, Any]:
    """The operators file of a measured row."""
    from mfu_planner.recording.recorder import record

    return record({**ROWS[name]["config"], "architectures": [ROWS[name]["class"]]})


@pytest.mark.parametrize("name", EXACT)
def test_equals_the_importer_at_lengths_that_were_not_recorded(name: str) -> None:
    """Parameters, active parameters, both passes under full and causal."""
    found = recorded(name)
    native = from_config({**ROWS[name]["config"], "architectures": [ROWS[name]["class"]]})
    read = from_config(json.loads(json.dumps(found)))

    assert (found["grade"], found["reasons"]) == ("exact", [])
    assert (read.params, read.active_params) == (native.params, native.active_params)
    for work in (Workload(batch=1, seq_len=37), Workload(batch=3, seq_len=500).allowed()):
        ours, theirs = model_work(read, work), model_work(native, work)
        assert (ours.forward, ours.total) == (theirs.forward, theirs.total)


def test_padded_chunks_are_not_exact() -> None:
    """A scan that pads to whole chunks is no polynomial of the length: approximate, with the reason."""
    found = recorded("qwen3_next-Qwen3NextForCausalLM")

    assert found["grade"] in {"approximate", "refused"}
    assert found["reasons"]


def test_what_never_runs_is_listed() -> None:
    """The image tower of a model that is given text alone."""
    found = recorded("gemma3-Gemma3ForConditionalGeneration")

    assert found["grade"] == "approximate"
    assert any("vision_tower" in name for name in found["not_called"])


def test_the_command_writes_what_flops_reads(tmp_path: Path) -> None:
    """From a config to a file to an answer."""
    from click.testing import CliRunner

    from mfu_planner import flops
    from mfu_planner.cli.record import command

    row = ROWS["llama-LlamaForCausalLM"]
    config, target = tmp_path / "config.json", tmp_path / "model.operators.json"
    config.write_text(json.dumps({**row["config"], "architectures": [row["class"]]}))
    done = CliRunner().invoke(command, ["--config", str(config), "-o", str(target), "--json"])

    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["grade"] == "exact"
    assert flops(config=str(target), seq_len=24).params["total"] == row["params"]
