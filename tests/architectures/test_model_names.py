"""The names that people write for models: hub ids, everyday names, torchvision's and timm's."""

from __future__ import annotations

import pytest

from mfu_planner.architectures.presets import catalogue, preset
from mfu_planner.errors import InputError


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("meta-llama/Llama-3.1-8B", "llama-3.1-8b"),
        ("meta-llama/Llama-3.1-8B-Instruct", "llama-3.1-8b"),
        ("meta-llama/Meta-Llama-3-8B-Instruct", "llama-3-8b"),
        ("https://huggingface.co/Qwen/Qwen3-8B", "qwen3-8b"),
        ("Qwen/Qwen3-30B-A3B-Instruct-2507", "qwen3-30b-a3b"),
        ("google/gemma-3-27b-it", "gemma-3-27b"),
        ("deepseek-ai/DeepSeek-V3-0324", "deepseek-v3"),
        ("Llama 3.1 8B", "llama-3.1-8b"),
        ("llama3.1-8b", "llama-3.1-8b"),
        ("unsloth/Llama-3.2-1B-Instruct-bnb-4bit", "llama-3.2-1b"),
        ("bert-base-uncased", "bert-base"),
        ("openai/clip-vit-large-patch14", "clip-vit-l14"),
        ("resnet50", "resnet-50"),
        ("resnet50.a1_in1k", "resnet-50"),
        ("vit_base_patch16_224", "vit-b16"),
        ("vit_b_16", "vit-b16"),
        ("convnext_tiny", "convnext-tiny"),
        ("torchvision resnet152", "resnet-152"),
        ("vit_h_14", "vit-h14"),
        ("microsoft/swin-tiny-patch4-window7-224", "swin-tiny"),
        ("tf_efficientnet_b4", "efficientnet-b4"),
        ("answerdotai/ModernBERT-large", "modernbert-large"),
        ("mistralai/Mistral-Nemo-Instruct-2407", "mistral-nemo-12b"),
        ("deepseek-ai/DeepSeek-V3.2-Exp", "deepseek-v3.2"),
        ("deepseek-ai/DeepSeek-R1-Distill-Llama-70B", "llama-3.3-70b"),
        ("Qwen/Qwen2.5-Coder-32B-Instruct", "qwen2.5-32b"),
        ("EleutherAI/pythia-6.9b-deduped", "pythia-6.9b"),
        ("opt-1.3b", "opt-1.3b"),
        ("opt-13b", "opt-13b"),
    ],
)
def test_names_people_use(name: str, expected: str) -> None:
    """Each means one preset."""
    assert preset(name).id == expected


def test_every_id_name_and_hub_id_is_its_own() -> None:
    """No spelling of one preset means another."""
    for row in catalogue():
        hub = row["source"].removeprefix("https://huggingface.co/")
        for name in (row["id"], row["name"], row["id"].upper(), *(() if hub.startswith("http") else (hub,))):
            assert preset(name).id == row["id"]


def test_a_tuned_name_is_said_to_stand_for_its_architecture() -> None:
    """The answer tells that another name than the preset's own was given; its own needs no word."""
    assert any("counted as llama-3.1-8b" in note for note in preset("meta-llama/Llama-3.1-8B-Instruct").notes)
    assert any("counted as vit-b16" in note for note in preset("timm/vit_base_patch16_224.augreg_in21k").notes)
    assert not any("counted as" in note for note in preset("timm/vit_base_patch16_224.augreg2_in21k_ft_in1k").notes)
    assert not any("counted as" in note for note in preset("meta-llama/Llama-3.1-8B").notes)


@pytest.mark.parametrize(
    "name",
    [
        "llama-70b",
        "Llama-3.2-11B-Vision-Instruct",
        "resnet",
        "resnet50d",
        "DeepSeek-R1-Distill-Qwen-1.5B",
        "qwen3",
        "it",
    ],
)
def test_what_names_no_model_is_refused(name: str) -> None:
    """Another size, a family, or nothing but a word of tuning."""
    with pytest.raises(InputError, match="model"):
        preset(name)
