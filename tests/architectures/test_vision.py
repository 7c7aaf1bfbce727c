"""Images: patch counts, image sizes, published totals and FLOPs, towers of multimodal models."""

from __future__ import annotations

from typing import Any

import pytest

from mfu_planner import flops
from mfu_planner.architectures import from_config
from mfu_planner.counting import model_work
from mfu_planner.errors import InputError
from mfu_planner.operators import Workload

IMAGENET = {"id2label": {str(n): str(n) for n in range(1000)}}
VIT = {
    "model_type": "vit",
    "architectures": ["ViTForImageClassification"],
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "image_size": 224,
    "patch_size": 16,
    **IMAGENET,
}
RESNET_50 = {
    "model_type": "resnet",
    "architectures": ["ResNetForImageClassification"],
    "embedding_size": 64,
    "hidden_sizes": [256, 512, 1024, 2048],
    "depths": [3, 4, 6, 3],
    "layer_type": "bottleneck",
    "num_channels": 3,
    **IMAGENET,
}
DIT_XL_2 = {
    "_class_name": "DiTTransformer2DModel",
    "num_attention_heads": 16,
    "attention_head_dim": 72,
    "in_channels": 4,
    "out_channels": 8,
    "num_layers": 28,
    "sample_size": 32,
    "patch_size": 2,
    "num_embeds_ada_norm": 1000,
    "norm_type": "ada_norm_zero",
}
QWEN_2_5_VL = {
    "model_type": "qwen2_5_vl",
    "hidden_size": 48,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 101,
    "vision_config": {
        "depth": 3,
        "hidden_size": 32,
        "intermediate_size": 40,
        "out_hidden_size": 48,
        "num_heads": 4,
        "patch_size": 4,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "window_size": 24,
        "fullatt_block_indexes": [1],
    },
}
ONE = Workload(batch=1)


@pytest.mark.parametrize(
    ("config", "total"),
    [
        pytest.param(VIT, 86_567_656, id="vit-base"),
        pytest.param(RESNET_50, 25_557_032, id="resnet-50"),
        pytest.param({**RESNET_50, "depths": [3, 4, 23, 3]}, 44_549_160, id="resnet-101"),
        pytest.param(
            {**RESNET_50, "hidden_sizes": [64, 128, 256, 512], "depths": [2, 2, 2, 2], "layer_type": "basic"},
            11_689_512,
            id="resnet-18",
        ),
        pytest.param(
            {
                "model_type": "convnext",
                "architectures": ["ConvNextForImageClassification"],
                "hidden_sizes": [128, 256, 512, 1024],
                "depths": [3, 3, 27, 3],
                **IMAGENET,
            },
            88_591_464,
            id="convnext-base",
        ),
        pytest.param(
            {"model_type": "clip", "projection_dim": 512, "text_config": {}, "vision_config": {}},
            151_277_313,
            id="clip-vit-base-patch32",
        ),
        pytest.param(
            {"model_type": "siglip", "text_config": {}, "vision_config": {}}, 203_155_970, id="siglip-base-patch16-224"
        ),
    ],
)
def test_published_totals(config: dict[str, Any], total: int) -> None:
    """Totals published with the checkpoints; nested configs leave out what has its default."""
    assert from_config(config).params == total


def test_resnet_50_flops_are_the_published_ones() -> None:
    """4.09 billion multiply-adds at 224 pixels (torchvision's table); stride in the 3 × 3 convolution."""
    forward = model_work(from_config(RESNET_50), ONE).forward

    assert forward / 2 == pytest.approx(4.09e9, rel=2e-3)


def test_dit_parameters_and_flops_are_the_published_ones() -> None:
    """DiT-XL/2 (arXiv:2212.09748, Table 1 and 4): 675M, 118.6 G multiply-adds at 256 pixels, 524.6 G at 512."""
    small, large = from_config(DIT_XL_2), from_config(DIT_XL_2, image_size=512)

    idle = 27 * (256 * 1152 + 1152 + 1152 * 1152 + 1152 + 1001 * 1152)  # embedders that only diffusers repeats
    assert small.params - idle == pytest.approx(675e6, rel=1e-3)
    assert any(f"{idle:,}" in note for note in small.notes)
    assert model_work(small, ONE).forward / 2 == pytest.approx(118.6e9, rel=1e-3)
    assert model_work(large, ONE).forward / 2 == pytest.approx(524.6e9, rel=1e-3)


def test_image_size_changes_the_patches() -> None:
    """224 → 384 pixels: 197 → 577 tokens, and a longer position table."""
    small, large = from_config(VIT), from_config(VIT, image_size=384)

    assert (small.fixed_length, large.fixed_length) == (197, 577)
    assert large.params - small.params == (577 - 197) * 768
    with pytest.raises(InputError, match="image_size"):
        from_config(VIT, image_size=8)


def test_sequence_length_means_nothing_to_a_vision_model() -> None:
    """Fixed input: the same FLOP whatever the length says."""
    for config in (VIT, RESNET_50, DIT_XL_2):
        architecture = from_config(config)

        assert not architecture.has_text
        assert architecture.work_unit == "sample"
        assert model_work(architecture, ONE).total == model_work(architecture, Workload(batch=1, seq_len=99)).total


def test_resnet_without_an_image_size_says_what_it_took() -> None:
    """Its published configs state none."""
    assert any("224" in note for note in from_config(RESNET_50).notes)
    assert not any("224" in note for note in from_config(RESNET_50, image_size=256).notes)


def test_contrastive_scores_grow_with_the_square_of_the_batch() -> None:
    """CLIP compares every image with every text: 2 · b² · width on top of b times the work of one pair."""
    clip = from_config({"model_type": "clip", "projection_dim": 512, "text_config": {}, "vision_config": {}})
    one, eight = (model_work(clip, Workload(batch=b, seq_len=77)).forward for b in (1, 8))

    assert eight - 8 * one == 2 * 512 * (8 * 8 - 8)


def test_windows_of_an_image_are_counted_pair_by_pair() -> None:
    """A grid of 10 × 10 patches in windows of 6 × 6: every pair of patches in one window, one by one."""
    architecture = from_config(QWEN_2_5_VL, image_size=40)
    patches = [(row // 6, column // 6) for row in range(10) for column in range(10)]
    inside = sum(1 for a in patches for b in patches if a == b)
    found = {
        block.name: op.forward_flops(Workload(batch=3, seq_len=60, images=2))
        for block, op in architecture.each()
        if op.name == "attention" and block.stack == "vision"
    }

    assert found["vision window layer"] == 4 * 32 * inside * 3 * 2
    assert found["vision layer"] == 4 * 32 * 100 * 100 * 3 * 2


def test_images_cost_on_top_of_the_text() -> None:
    """No image: the decoder alone.  Each image adds the same work, whatever the text's length."""
    architecture = from_config(QWEN_2_5_VL, image_size=40)

    def forward(images: int, length: int) -> int:
        return int(model_work(architecture, Workload(batch=1, seq_len=length, images=images)).forward)

    text = from_config({**{k: v for k, v in QWEN_2_5_VL.items() if k != "vision_config"}, "model_type": "qwen2"})
    assert forward(0, 60) == model_work(text, Workload(batch=1, seq_len=60)).forward
    assert forward(2, 60) - forward(1, 60) == forward(1, 30) - forward(0, 30) > 0


def test_any_size_images_need_a_size() -> None:
    """Qwen-VL takes images of any size: without one the tower counts no work, and a note says so."""
    architecture = from_config(QWEN_2_5_VL)

    assert any("--image-size" in note for note in architecture.notes)
    assert architecture.params == from_config(QWEN_2_5_VL, image_size=40).params


def test_unknown_towers_and_diffusion_models_are_refused() -> None:
    """What is not counted is an error that names the field."""
    with pytest.raises(InputError, match="norm_type"):
        from_config({**DIT_XL_2, "norm_type": "layer_norm"})
    with pytest.raises(InputError, match="depths"):
        from_config({**RESNET_50, "depths": [3, 4, 6]})
    with pytest.raises(InputError, match="vision_config"):
        from_config({"model_type": "llava", "text_config": {"model_type": "llama"}})


def test_flux_has_the_published_parameters() -> None:
    """FLUX.1-dev: 11,901,408,320 parameters in its safetensors; text and image are one sequence in attention."""
    config = {
        "_class_name": "FluxTransformer2DModel", "patch_size": 1, "in_channels": 64, "num_layers": 19,
        "num_single_layers": 38, "attention_head_dim": 128, "num_attention_heads": 24, "joint_attention_dim": 4096,
        "pooled_projection_dim": 768, "guidance_embeds": True,
    }  # fmt: skip
    built = from_config(config, image_size=1024)
    both = next(op for _, op in built.each() if op.name == "attention")

    assert built.params == 11_901_408_320
    assert both.rows.count(Workload(batch=2, seq_len=512)) == 2 * (512 + 64 * 64)
    with pytest.raises(InputError, match="--seq-len 512"):
        flops(config=config)
