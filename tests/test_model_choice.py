"""Which model a question is about: an unknown type counted as a known one, a folder, further predictions, a length."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mfu_planner import flops, plan
from mfu_planner.errors import InputError

PLAIN: dict[str, Any] = {
    "model_type": "supernova", "architectures": ["SupernovaForCausalLM"], "hidden_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 4, "intermediate_size": 96, "vocab_size": 301, "max_position_embeddings": 512,
}  # fmt: skip


def test_an_unknown_type_with_a_decoders_fields_offers_a_stand_in() -> None:
    """Refused as before; the refusal names the way on."""
    with pytest.raises(InputError, match="--as llama"):
        flops(config=PLAIN, seq_len=32)
    with pytest.raises(InputError, match="known architecture") as refused:
        flops(config={"model_type": "supernova", "channels": [3, 4]}, seq_len=32)
    assert "--as" not in str(refused.value)


def test_counted_as_another_type_is_that_type_and_says_so() -> None:
    """The numbers are the stand-in's; every answer tells."""
    own = flops(config={**PLAIN, "model_type": "llama"}, seq_len=32)
    stood_in = flops(config=PLAIN, as_type="llama", seq_len=32)
    planned = plan(config=PLAIN, as_type="llama", seq_len=32, tokens="1B", hardware="h100-sxm", devices=8, mfu="40%")

    assert stood_in.params == own.params
    assert stood_in.flops == own.flops
    for answer in (stood_in, planned):
        assert any("supernova is not known: counted as llama" in w for w in answer.warnings)


def test_a_stand_in_that_makes_no_sense_is_refused() -> None:
    """For a known type, an unknown stand-in, or without a config."""
    for given in (
        {"config": {**PLAIN, "model_type": "llama"}, "as_type": "qwen3"},
        {"config": PLAIN, "as_type": "lama"},
        {"model": "gpt2", "as_type": "llama"},
    ):
        with pytest.raises(InputError, match="as: "):
            flops(**given, seq_len=32)


def test_a_folder_and_a_hub_snapshot_are_read(tmp_path: Path) -> None:
    """A folder with a config.json, and a model's folder of the hub's cache."""
    config = {**PLAIN, "model_type": "llama"}
    snapshot = tmp_path / "models--org--name" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text(json.dumps(config))

    for folder in (snapshot, snapshot.parents[1]):
        assert flops(config=str(folder), seq_len=32).params == flops(config=config, seq_len=32).params
    with pytest.raises(InputError, match=r"config\.json"):
        flops(config=str(tmp_path), seq_len=32)


def test_multi_token_prediction_is_a_switch_that_the_answer_names() -> None:
    """DeepSeek-V3's own report: 671B without, 685B with the module (11.6B of its own; the head is shared)."""
    without, counted = flops(model="deepseek-v3"), flops(model="deepseek-v3", mtp=True)

    assert any("is left out; --mtp counts it" in w for w in without.warnings)
    assert any("is counted, as --mtp asks" in w for w in counted.warnings)
    assert counted.params["total"] - without.params["total"] == 11_610_067_968
    assert counted.flops["total"] / without.flops["total"] == pytest.approx(1.04, abs=0.005)
    with pytest.raises(InputError, match="mtp"):
        flops(model="qwen3-8b", mtp=True)


def test_a_missing_length_says_why_and_what_the_config_allows() -> None:
    """No training length is published for GPT-OSS; its config has 131,072 positions."""
    with pytest.raises(InputError, match="131072") as asked:
        flops(model="gpt-oss-20b")
    assert "no source says" in str(asked.value)
    with pytest.raises(InputError, match="--seq-len 512"):
        flops(config={**PLAIN, "model_type": "llama"})
