"""What words choose: peft's rule for adapters, parts of models that see or hear, runs of layers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mfu_planner import flops
from mfu_planner.architectures import from_config
from mfu_planner.counting.finetune import trainable_params, with_lora
from mfu_planner.errors import InputError

SMALL: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "architectures" / "small_models.json").read_text("utf-8")
)["cases"]


def small(model_type: str) -> dict[str, Any]:
    """The config of a small model of this type."""
    return next(dict(case["config"]) for case in SMALL if case["config"]["model_type"] == model_type)


def adapters(model_type: str, targets: list[str], **given: Any) -> int:
    """Trained parameters with rank 4."""
    return trainable_params(with_lora(from_config(small(model_type)), 4, targets, **given))


def test_a_target_is_the_end_of_a_name_cross_attention_included() -> None:
    """Whisper: q_proj stands in the encoder, in the decoder and in the decoder's attention to the encoder."""
    config = small("whisper")
    hidden = config["d_model"]
    places = config["encoder_layers"] + 2 * config["decoder_layers"]

    assert adapters("whisper", ["q_proj"]) == places * 4 * 2 * hidden
    assert adapters("whisper", ["out_proj"]) == places * 4 * 2 * hidden


def test_names_of_modules_are_understood() -> None:
    """GPT-2's c_proj is that of attention and MLP, T5's wo the way out of the MLP, BERT's dense every dense layer."""
    assert adapters("gpt_bigcode", ["c_proj"]) == adapters("gpt_bigcode", ["o_proj", "down_proj"])
    assert adapters("t5", ["wo"]) == adapters("t5", ["down_proj"])
    assert adapters("bert", ["query", "value"]) == adapters("bert", ["q_proj", "v_proj"])
    assert adapters("falcon", ["query_key_value", "dense"]) == adapters("falcon", ["qkv_proj", "o_proj"])


def test_targets_by_part() -> None:
    """A part before a colon holds until the next; without one, every tower is meant."""
    text, vision = adapters("llava", ["text:q_proj"]), adapters("llava", ["vision:q_proj"])

    assert adapters("llava", ["q_proj"]) == text + vision
    assert adapters("llava", ["text:q_proj", "v_proj"]) == adapters("llava", ["text:q_proj", "text:v_proj"])
    assert adapters("llava", ["vision:q_proj", "text:q_proj"]) == text + vision


def test_dora_adds_a_magnitude_for_each_output() -> None:
    """And, for the rows' lengths, both factors times the identity, as peft's DoraLinearLayer works them out."""
    config = small("qwen2")
    more = adapters("qwen2", ["q_proj"], magnitudes=True) - adapters("qwen2", ["q_proj"])

    assert more == config["num_hidden_layers"] * config["hidden_size"]
    plain = flops(config=config, seq_len=24, lora_rank=4, lora_targets="q_proj")
    dora = flops(config=config, seq_len=24, lora_rank=4, lora_targets="q_proj", dora=True, rslora=True)
    square = 2 * 4 * config["hidden_size"] ** 2
    assert dora.flops["forward"] - plain.flops["forward"] == config["num_hidden_layers"] * 2 * square
    assert dora.flops["backward"] == plain.flops["backward"]
    assert any("rsLoRA" in w for w in dora.warnings)


def test_a_frozen_tower_leaves_its_projector_trained() -> None:
    """The usual recipe for models that see: vision frozen, projector and text trained."""
    config = small("llava")
    built = from_config(config)
    given = {"config": config, "seq_len": 40, "images": 1}
    trained = {
        part: _trained(flops(**given, freeze=part)) for part in ("vision", "projector", "vision,projector", "text")
    }
    projector = sum(op.params for b, op in built.each() if op.name.startswith("projector"))

    assert trained["vision"] - trained["vision,projector"] == projector
    assert trainable_params(built) - trained["projector"] == projector
    assert trained["text"] + trained["vision"] == trainable_params(built) + projector


@pytest.mark.parametrize(
    ("word", "part"),
    [
        ("vision_tower", "vision"), ("tower", "vision"), ("multi_modal_projector", "projector"),
        ("language_model", "text"), ("decoder", "text"),
    ],
)  # fmt: skip
def test_parts_by_the_names_of_their_modules(word: str, part: str) -> None:
    """As transformers' classes and the flags of trainers call them."""
    given = {"config": small("llava"), "seq_len": 40, "images": 1}
    assert _trained(flops(**given, freeze=word)) == _trained(flops(**given, freeze=part))


def test_a_refusal_lists_parts_first_and_is_short() -> None:
    with pytest.raises(InputError) as refused:
        flops(model="stable-diffusion-xl", freeze="nonsense")
    assert refused.value.accepted.startswith("layers.0-3, or any of ")
    assert refused.value.accepted.endswith(", …")
    assert len(str(refused.value)) < 600


def test_layers_embeddings_and_norms() -> None:
    """A run of layers by number; every table; every norm."""
    config = small("qwen2")
    built = from_config(config)
    block = next(b for b in built.blocks if b.layers)
    one = sum(op.params for op in block.operators)

    assert built.params - _trained(flops(config=config, seq_len=8, freeze="layers.0")) == one
    assert built.params - _trained(flops(config=config, seq_len=8, freeze="layers.0-1")) == 2 * one
    assert built.params - _trained(flops(config=config, seq_len=8, freeze="embeddings")) == built.embedding_params


def _trained(answer: Any) -> int:
    said = next(w for w in answer.warnings if "parameters are trained" in w)
    return int(said.split()[0].replace(",", ""))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"lora_rank": 4, "lora_targets": "q_porj"}, "q_proj"),
        ({"lora_rank": 4, "lora_targets": "vison:q_proj"}, "vision"),
        ({"freeze": "layers.7-9"}, "layers"),
        ({"freeze": "visoin"}, "vision"),
        ({"dora": True}, "lora-rank"),
    ],
)
def test_slips_are_one_line(given: dict[str, Any], words: str) -> None:
    """The field, what was given, the nearest."""
    with pytest.raises(InputError, match=words):
        flops(config=small("llava"), seq_len=40, **given)
