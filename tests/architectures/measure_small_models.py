"""Measure small models with torch's FLOP counter and write what it counts into ``small_models.json``.

Run by hand when a case is added (it needs torch 2.13.0 and transformers 5.23.0, which the test suite does not)::

    python tests/architectures/measure_small_models.py

Each case is a config of odd sizes and an input.  The model runs in eager mode on the CPU.  One correction: torch
charges the weight gradient of a grouped convolution ``groups`` times too much.
"""

from __future__ import annotations

import json
import math
import warnings
from pathlib import Path
from typing import Any

import torch
import transformers
from torch.utils.flop_counter import FlopCounterMode

CASES = Path(__file__).with_name("small_models.json")
IMAGE_TOKEN = 200
"""The token that stands for images in the multimodal cases."""


def convolution_backward(
    gradient: list[int], inputs: list[int], weight: list[int], *rest: Any, out_shape: Any = None, **kwargs: Any
) -> int:
    """Input and weight gradient, each as large as the forward product, as far as they are asked for."""
    wanted = rest[-1]
    return int(2 * math.prod(gradient) * math.prod(weight[1:])) * (int(wanted[0]) + int(wanted[1]))


MENDED = {torch.ops.aten.convolution_backward: convolution_backward}


def build(config: dict[str, Any]) -> Any:
    """The class that the config names, with random weights."""
    fields = {k: v for k, v in config.items() if k != "model_type"}
    made = transformers.CONFIG_MAPPING[config["model_type"]].from_dict(fields)
    model = getattr(transformers, config["architectures"][0])._from_config(made, attn_implementation="eager")
    if config.get("tie_word_embeddings") is False and config["model_type"] in {"t5", "mt5", "umt5"}:
        model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())  # as loading leaves it
    return model.train()


def inputs_of(model: Any, config: dict[str, Any], work: dict[str, int]) -> dict[str, torch.Tensor]:
    """Token ids, pixels or sound, as the model takes them."""
    batch, length, images = work["batch"], work.get("seq_len", 0), work.get("images")
    kind = config["model_type"]
    given: dict[str, Any] = {}
    if kind == "whisper":
        frames = 2 * config["max_source_positions"]
        return {
            "input_features": torch.zeros(batch, config["num_mel_bins"], frames),
            "decoder_input_ids": torch.full((batch, length), 3),
        }
    if length:
        given["input_ids"] = torch.full((batch, length), 3)
    if "target_seq_len" in work and not config["architectures"][0].endswith("EncoderModel"):
        given["decoder_input_ids"] = torch.full((batch, work["target_seq_len"]), 3)
    if "image_size" not in work or images == 0:
        return given
    side = work["image_size"]
    if kind.startswith("qwen"):
        return {**given, **qwen_images(config["vision_config"], given["input_ids"], batch, side)}
    given["pixel_values"] = torch.zeros(batch, 3, side, side)
    if images:
        tokens = image_tokens(config, side)
        given["input_ids"][:, 3 : 3 + tokens] = IMAGE_TOKEN
        if kind == "gemma3":
            given["token_type_ids"] = (given["input_ids"] == IMAGE_TOKEN).long()
    return given


def image_tokens(config: dict[str, Any], side: int) -> int:
    """Positions that one image takes in the decoder's sequence."""
    vision = config["vision_config"]
    patches = (side // vision["patch_size"]) ** 2
    if config["model_type"] == "gemma3":
        return int(config["mm_tokens_per_image"])
    if config["model_type"] == "llama4":
        return int(patches * vision["pixel_shuffle_ratio"] ** 2)
    whole = config.get("vision_feature_select_strategy") == "full"
    return patches + int(whole and vision["model_type"] == "clip_vision_model")


def qwen_images(vision: dict[str, Any], ids: torch.Tensor, batch: int, side: int) -> dict[str, torch.Tensor]:
    """One square image for each sequence, as a list of patches with their grid."""
    across = side // vision["patch_size"]
    ids[:, 3 : 3 + (across // vision["spatial_merge_size"]) ** 2] = IMAGE_TOKEN
    features = 3 * vision["temporal_patch_size"] * vision["patch_size"] ** 2
    return {
        "pixel_values": torch.zeros(batch * across * across, features),
        "image_grid_thw": torch.tensor([[1, across, across]] * batch),
        "mm_token_type_ids": (ids == IMAGE_TOKEN).int(),
    }


def count(model: Any, given: dict[str, torch.Tensor], *, backward: bool) -> int:
    """FLOP of one pass over the inputs, with everything that the model returns in the loss."""
    model.zero_grad()
    with FlopCounterMode(display=False, custom_mapping=MENDED) as counter:
        output = model(**given)
        if backward:
            found = [v.float().sum() for v in output.values() if isinstance(v, torch.Tensor) and v.requires_grad]
            torch.stack(found).sum().backward()
    return int(counter.get_total_flops())


def measure(case: dict[str, Any]) -> dict[str, int]:
    """Parameters, and FLOP forward and in all."""
    model = build(case["config"])
    given = inputs_of(model, case["config"], case["work"])
    if hasattr(model.config.get_text_config(), "use_cache"):
        model.config.get_text_config().use_cache = False
    return {
        "params": sum(p.numel() for p in model.parameters()),
        "forward": count(model, given, backward=False),
        "total": count(model, given, backward=True),
    }


def main() -> None:
    """Measure every case and write the file again."""
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    torch.manual_seed(0)
    held = json.loads(CASES.read_text("utf-8"))
    held["measured_with"] = {"torch": torch.__version__, "transformers": transformers.__version__}
    for case in held["cases"]:
        case["measured"] = measure(case)
    lines = ",\n".join(json.dumps(case) for case in held["cases"])
    head = json.dumps({k: v for k, v in held.items() if k != "cases"})[:-1]
    CASES.write_text(f'{head}, "cases": [\n{lines}\n]}}\n', "utf-8")


if __name__ == "__main__":
    main()
