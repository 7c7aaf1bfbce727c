"""Models recorded from their own code against the importers, and against what torch counts."""

from __future__ import annotations

import importlib.util
import json
import os
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
    "dbrx-DbrxForCausalLM",
)
"""Windows, experts, latent attention, tied heads, heads of classifiers, an encoder, a loop over experts."""
SAMPLE = (
    EXACT
    if os.environ.get("RECORD_ALL")
    else ("gemma2-Gemma2ForCausalLM", "deepseek_v3-DeepseekV3ForCausalLM", EXACT[2])
)
"""All of them by hand, with RECORD_ALL=1."""

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


@pytest.mark.parametrize("name", SAMPLE)
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


def test_chunked_scans_are_counted_in_chunks() -> None:
    """A scan that pads to whole chunks: its work follows the chunks, and torch agrees at lengths between them."""
    found = recorded("qwen3_next-Qwen3NextForCausalLM")

    assert (found["grade"], found["reasons"]) == ("exact", [])
    assert any(op.get("chunk") == 64 for block in found["blocks"] for op in block["operators"])


def test_images_count_for_each_image() -> None:
    """The tower and what joins it run for each image of a sequence; text alone has none of their work."""
    found = recorded("gemma3-Gemma3ForConditionalGeneration")
    native = from_config({**ROWS["gemma3-Gemma3ForConditionalGeneration"]["config"]})
    read = from_config(json.loads(json.dumps(found)))

    assert (found["grade"], found["reasons"]) == ("exact", [])
    for images in (0, 1, 3):
        work = Workload(batch=2, seq_len=37, images=images)
        assert model_work(read, work).total == model_work(native, work).total


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


def test_a_layer_called_again_has_its_bias_once() -> None:
    """ALBERT's layers share weights and biases: the file's parameters are the model's, or it could not be read."""
    found = recorded("albert-ForQuestionAnswering")

    assert from_config(found).params == ROWS["albert-ForQuestionAnswering"]["params"]


def test_what_is_known_of_tensors_without_values() -> None:
    """A mask of ones, and whole numbers that code writes down, until something unknown is written into them."""
    import torch

    from mfu_planner.recording.meta_run import MetaRun

    run = MetaRun(torch.nn.Module())
    with torch.device("meta"), run:
        padding, written, unknown = torch.ones(2, 3), torch.ones(2, 3), torch.empty(2, 3)
        written[0] = unknown[0]
        known = [padding[:, None, :].to(torch.bool), padding > 0, padding == 0, torch.tensor([4, 5])]
        twice = [(unknown @ torch.empty(4, 3).T).shape for _ in range(2)]
        assert not run.assumed
        off = written.to(torch.bool)

    assert [one.tolist() for one in known] == [[[[True] * 3]] * 2, [[True] * 3] * 2, [[False] * 3] * 2, [4, 5]]
    assert twice == [torch.Size([2, 4])] * 2
    assert off.is_meta
