"""What an argument of a forward pass is, by its name and the config's fields."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from mfu_planner.recording.inputs import HEARING, SEEING, Argument, Dim, Recipe, find, number

B: Dim = (1, "b")
S: Dim = (1, "s")
T: Dim = (1, "t")


def side(config: Any, first: tuple[str, ...] = SEEING) -> tuple[int, int]:
    """Height and width of an image that the config is made for, its parts called ``first`` asked first."""
    names = ("image_size", "img_size", "input_size", "train_image_size", "pretrain_image_size")
    found = find(config, names, 224, first)
    if isinstance(found, dict):
        found = [
            found.get("height", found.get("shortest_edge", 224)),
            found.get("width", found.get("shortest_edge", 224)),
        ]
    if isinstance(found, list | tuple):
        return (int(found[-2]), int(found[-1])) if len(found) > 1 else (int(found[0]),) * 2
    return (int(found), int(found))


def arguments(model: Any) -> dict[str, Any]:
    """Parameters of the forward pass by name."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {n: p for n, p in inspect.signature(model.forward).parameters.items() if p.kind in kinds}


_IMAGES = ("image", "images", "source", "target_pixel_values", "prompt_pixel_values")
_PLACES = ("pixel_position_ids", "image_position_ids")
WAVES = ("input_values", "audio_values", "input_audio", "waveform", "audio")
_SPECTRA = ("input_features", "audio_features", "spectrogram")


def spec_of(name: str, config: Any, each: str = "b") -> Argument:
    """What an argument of this name usually is; ``each``: the letters that count its images or sounds."""
    found = _seen(name, config, (1, each)) or _heard(name, config, (1, each))
    if found is not None:
        return found
    width = number(find(config, ("hidden_size", "d_model", "dim", "embed_dim")), 64)
    length = T if name.startswith("decoder_") else S
    if name in ("input_ids", "text_input_ids", "input_tokens", "decoder_input_ids"):
        return Argument("ids", (B, length))
    if name == "bbox":
        return Argument("zeros", (B, S, 4))
    if name in ("past_values", "past_observed_mask"):
        return Argument("float", (B, number(find(config, ("context_length", "prediction_length")), 64)))
    if name in ("timestep", "timesteps", "t"):
        return Argument("zeros", (B,))
    if name.endswith(("_ids", "mask")) or name == "labels":
        return Argument("ones" if name.endswith("mask") else "zeros", (B, length))
    return Argument("float", (B, length, width))


def _seen(name: str, config: Any, each: Dim) -> Argument | None:
    """Images, films, and what goes with them."""
    frames = find(config, ("num_frames", "frames_per_clip"))
    if name.startswith("pixel_values_video") or (name == "pixel_values" and frames):
        count = number(find(config, ("num_frames", "frames_per_clip"), 8, SEEING), 8)
        return Argument("float", (each, count, _channels(config), *side(config)))
    before, seen, _ = name.partition("pixel_values")
    if seen or name in _IMAGES:  # high_res_pixel_values are for the high_res_vision_config
        tower = (f"{before}vision_config", *SEEING) if before else SEEING
        return Argument("float", (each, _channels(config), *side(config, tower)))
    if name == "input_masks":  # a mask to begin with, a quarter of the image's side
        return Argument("float", (each, 1, side(config)[0] // 4, side(config)[1] // 4))
    if name in _PLACES:
        return Argument("places", (each, 16, 16))
    if name == "spatial_shapes":
        return Argument("rows", (each,), (16, 16))
    if name == "pixel_mask":
        return Argument("ones", (each, *side(config)))
    if name == "flattened_patches":
        return Argument("float", (B, 64, number(find(config, ("patch_embed_hidden_size",), 768, SEEING), 768) + 2))
    return None


def _heard(name: str, config: Any, each: Dim) -> Argument | None:
    """Sound, as a wave or as a spectrogram."""
    bands, frames = (find(config, (field,), None) for field in ("num_mel_bins", "max_length"))
    if name == "input_values" and bands and frames and find(config, ("frequency_stride",)):
        return Argument("float", (each, number(frames, 1024), number(bands, 128)))  # a picture of the sound
    if name in WAVES:
        return Argument("float", (each, 16000))
    return _spectrogram(config, each) if name in _SPECTRA else None


def _channels(config: Any) -> int:
    names = ("num_channels", "in_channels", "in_chans", "num_image_channels")
    return number(find(config, names, 3, SEEING), 3)


def _spectrogram(config: Any, each: Dim) -> Argument:
    names = (
        "num_mel_bins", "input_feat_per_channel", "feature_size", "mel_bins", "n_mels", "input_channels", "input_dim",
        "input_size",
    )  # fmt: skip
    bands = number(find(config, names, 80, HEARING), 80)
    positions = find(config, ("max_source_positions",), None, HEARING)
    fixed = isinstance(positions, int) and find(config, ("num_mel_bins",), None, HEARING) and positions <= 1500
    return Argument("float", (each, bands, 2 * positions) if fixed else (each, 128, bands))


def candidates(model: Any) -> Iterator[Recipe]:
    """Recipes to try, the likeliest first."""
    config, named = model.config, arguments(model)
    main = getattr(model, "main_input_name", "input_ids")
    needed = [n for n, p in named.items() if p.default is inspect.Parameter.empty]
    base = list(dict.fromkeys([*([main] if main in named else []), *needed]))
    usual = ("input_ids", "pixel_values", "input_features", "input_values", "inputs_embeds", "hidden_states")
    base = base or [n for n in usual if n in named][:1]
    base += [name for name in ("bbox", "input_masks") if name in named]
    pixels = [n for n in named if n.startswith("pixel_values") and "video" not in n]
    sounds = [n for n in ("input_features", "input_values", "audio_values", "audio_features") if n in named]
    plans: list[list[str]] = []
    if "input_ids" in named:
        seen, heard = (pixels[:1], sounds[:1])
        plans += [[*base, "input_ids", *seen, *heard]] if seen and heard else []
        plans += [[*base, "input_ids", *seen]] if seen else []
        plans += [[*base, "input_ids", *heard]] if heard else []
    plans += [base]
    if getattr(config, "is_encoder_decoder", False) or "decoder_input_ids" in named:
        plans = [
            [*plan, *more] for plan in plans for more in (["decoder_input_ids"], []) if not more or more[0] in named
        ]
    rest = [n for n in needed if n != "input_ids"]
    plans += [[*rest, n] for n in (*pixels[:1], *sounds[:1], "input_ids", "inputs_embeds", "past_values") if n in named]
    for plan in dict.fromkeys(tuple(dict.fromkeys(plan)) for plan in plans):
        yield _recipe(plan, config, named)


def _recipe(names: tuple[str, ...], config: Any, named: dict[str, Any]) -> Recipe:
    """One recipe, with the places that images and sounds take among the tokens."""
    places: dict[str, tuple[int, int]] = {}
    given: dict[str, Argument] = {}
    text = "input_ids" in names
    for name in names:
        letter = (
            "i"
            if name.startswith("pixel")
            else "c"
            if name in ("input_features", "input_values", "audio_values")
            else ""
        )
        token = _token(config, letter) if letter and text else None
        if token is not None:
            places[letter] = (token, 1)
        each = "b" + letter if token is not None else "b"
        given[name] = spec_of(name, config, each)
        if name == "pixel_values" and any(one in named for one in ("spatial_shapes", *_PLACES)):
            patch = number(find(config, ("patch_size",), 16, SEEING), 16)
            given[name] = Argument("float", ((1, each), 256, _channels(config) * patch**2))
        if name == "pixel_attention_mask" and "spatial_shapes" in named:
            given[name] = Argument("ones", ((1, each), 256))
    if places and "mm_token_type_ids" in named:
        given["mm_token_type_ids"] = Argument("zeros", (B, S))
    return Recipe(given, places, {"use_cache": False} if "use_cache" in named else {})


def _token(config: Any, letter: str) -> int | None:
    word = {"i": ("image", "img", "media_placeholder"), "c": ("audio", "sound", "speech")}[letter]
    names = tuple(f"{one}_token_{end}" for one in word for end in ("id", "index"))
    found = find(config, names)
    return found if isinstance(found, int) else None
