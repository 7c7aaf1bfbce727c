"""Inputs mended by what the model's code says of them: an error names the shape, number or argument it misses."""

from __future__ import annotations

import math
import re
import traceback
from dataclasses import dataclass, replace
from typing import Any

from mfu_planner.recording.arguments import WAVES, B, arguments, spec_of
from mfu_planner.recording.inputs import SEEING, TEXT, Argument, BatchSizes, Recipe, find, number
from mfu_planner.recording.unknown import PlacesError

_GRIDS = ("image_grid_thw", "grid_thw", "image_grid_hws", "image_grid", "image_grid_sizes")
_NEVER = (
    "return_dict",
    "use_cache",
    "output_attentions",
    "output_hidden_states",
    "labels",
    "past_key_values",
    "kwargs",
)
_SIDES = (256, 384)
_WAVES: dict[Any, int] = {(16000,): 15360, (15360,): 24000, (24000,): 32000}
"""Samples of a wave to try next."""
_MANY = 50_000
"""Features beyond which an error counts their elements, not their rows."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An error, its text, the lines of transformers that it came through, and what was given."""

    error: Exception
    message: str
    lines: list[str]
    recipe: Recipe
    sizes: BatchSizes


class Mender:
    """Remembers what was tried on one recipe, so that no mend is made twice."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._config = model.config
        self._names = list(arguments(model))
        self._tried: set[str] = set()

    def mend(self, error: Exception, recipe: Recipe, sizes: BatchSizes) -> Recipe | None:
        """A recipe in which this error may be gone; None where nothing is known to do."""
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.line or "" for frame in frames if "/transformers/" in frame.filename]
        at = Failure(error, str(error), lines, recipe, sizes)
        for way in (
            self._places, self._grid, self._several, self._width, self._channels, self._rank, self._missing, self._side,
        ):  # fmt: skip
            found = way(at)
            if found is not None:
                return found
        return None

    def _once(self, what: str) -> bool:
        if what in self._tried:
            return False
        self._tried.add(what)
        return True

    def _places(self, at: Failure) -> Recipe | None:
        """As many tokens as there are features to stand in their place."""
        if not at.recipe.places:
            return None
        match = re.search(r"tokens:? *\(?(\d+)\)?,? *(?:and)? *features:? *\(?(\d+)", at.message)
        if match is None and not isinstance(at.error, PlacesError):
            return None
        features = int(match[2]) if match else getattr(at.error, "features", 0)
        letter = next(
            (one for one in at.recipe.places if {"i": "mage", "c": "udio"}[one] in at.message),
            next(iter(at.recipe.places)),
        )
        token, count = at.recipe.places[letter]
        each = max(1, at.sizes.b * getattr(at.sizes, letter))
        width = number(find(self._config, ("hidden_size", "d_model"), 1, TEXT), 1)
        wanted = features // each // (width if features > _MANY and features % width == 0 else 1)
        if wanted in (0, count) or not self._once(f"places {letter} {wanted}"):
            return None
        return replace(at.recipe, places={**at.recipe.places, letter: (token, wanted)})

    def _grid(self, at: Failure) -> Recipe | None:
        """Patches in a row with their grid, where the tower takes no square images."""
        name = next((one for one in _GRIDS if one in self._names), None)
        if name is None or not (
            name in at.recipe.given or any("grid" in x or name in x for x in [*at.lines, at.message])
        ):
            return None
        pixels = next(
            (n for n in (*at.recipe.given, "pixel_values", "hidden_states") if n.startswith(("pixel", "hidden"))), None
        )
        if pixels is None or not self._once("grid"):
            return None
        patch, frames = (
            number(find(self._config, (n,), d, SEEING), d) for n, d in (("patch_size", 14), ("temporal_patch_size", 1))
        )
        channels = number(find(self._config, ("in_channels", "in_chans", "num_channels"), 3, SEEING), 3)
        letters = "bi" if "i" in at.recipe.places else "b"
        values = (16, 16) if name in ("image_grid_hws", "spatial_shapes") else (1, 16, 16)
        return at.recipe.with_(name, Argument("rows", ((1, letters),), values)).with_(
            pixels, Argument("float", ((256, letters), channels * frames * patch * patch))
        )

    def _width(self, at: Failure) -> Recipe | None:
        """The last dimension, from the factor that it is multiplied with."""
        match = re.search(r"got \[(\d+), (\d+)\] X \[(\d+), (\d+)\]", at.message) or re.search(
            r"\((\d+)x(\d+) and (\d+)x(\d+)\)", at.message
        )
        found = re.search(r"normalized_shape=\[(\d+)\]", at.message) or re.search(r"channels (\d+)", at.message)
        if match is not None:
            has, wants = int(match[2]), int(match[3])
        elif found is not None:
            has, wants = 0, int(found[1])
        else:
            return None
        for name, spec in _floats(at.recipe):
            square = name.startswith("pixel") and len(spec.shape) == 4 and at.sizes.of(spec.shape[-1]) == has
            if square and wants % 3 == 0 and self._once(f"patches {name}"):
                return at.recipe.with_(name, replace(spec, shape=(spec.shape[0], 256, wants)))
        for name, spec in _floats(at.recipe):
            last = at.sizes.of(spec.shape[-1])
            if (last == has or not has) and last != wants and self._once(f"width {name} {wants}"):
                return at.recipe.with_(name, replace(spec, shape=(*spec.shape[:-1], wants)))
        for name, spec in _floats(at.recipe):
            last = at.sizes.of(spec.shape[-1])
            if has and wants * last % has == 0 and self._once(f"scaled {name} {wants}"):
                return at.recipe.with_(name, replace(spec, shape=(*spec.shape[:-1], wants * last // has)))
        for name, spec in _floats(at.recipe):
            if len(spec.shape) == 4 and self._once(f"patches {name}"):
                return at.recipe.with_(name, replace(spec, shape=(spec.shape[0], 256, wants)))
        return None

    def _channels(self, at: Failure) -> Recipe | None:
        """The dimension that a convolution takes as channels; else the two after the first exchanged."""
        match = re.search(r"to have (\d+) channels, but got (\d+)", at.message)
        if match is None and "Invalid channel dimensions" not in at.message:
            return None
        wants, has = (int(match[1]), int(match[2])) if match else (_first_channels(self._model), 0)
        for name, spec in _floats(at.recipe):
            dims = [at.sizes.of(d) for d in spec.shape]
            if len(dims) == 3 and dims[2] == wants and self._once(f"turn {name}"):
                return at.recipe.with_(name, replace(spec, shape=(spec.shape[0], spec.shape[2], spec.shape[1])))
            if len(dims) > 2 and has in (0, dims[1]) and dims[1] != wants and self._once(f"channels {name} {wants}"):
                return at.recipe.with_(name, replace(spec, shape=(spec.shape[0], wants, *spec.shape[2:])))
            if len(dims) > 3 and has in (0, dims[2]) and dims[2] != wants and self._once(f"channels2 {name} {wants}"):
                return at.recipe.with_(name, replace(spec, shape=(*spec.shape[:2], wants, *spec.shape[3:])))
            if len(dims) == 3 and self._once(f"turn {name}"):
                return at.recipe.with_(name, replace(spec, shape=(spec.shape[0], spec.shape[2], spec.shape[1])))
        return None

    def _several(self, at: Failure) -> Recipe | None:
        """Several pictures in the place of one: pairs to compare, or the parts that an image is cut into."""
        pair = re.search(r"5D tensor of shape \(batch_size, (\d+)", at.message)
        parts = re.search(r"sum exactly to (\d+) .*split_sizes=\[(\d+)", at.message)
        many = int(pair[1]) if pair else int(parts[2]) // max(1, int(parts[1])) if parts else 0
        for name, spec in at.recipe.given.items():
            if many > 1 and name.startswith("pixel") and len(spec.shape) == 4 and self._once(f"several {name}"):
                return at.recipe.with_(name, replace(spec, shape=(spec.shape[0], many, *spec.shape[1:])))
        return None

    def _rank(self, at: Failure) -> Recipe | None:
        """One dimension more or less."""
        more = re.search(r"expected (?:at least )?(\d+), got (\d+)", at.message) or re.search(
            r"(\d)D .*got (?:input of size: \[.*\]|(\d)D)", at.message
        )
        fewer = re.search(r"too many values to unpack \(expected (\d+)\)", at.message)
        wants = int((more or fewer)[1]) if more or fewer else 0  # type: ignore[index]
        if not wants and "Dimension out of range" in at.message:
            wants = 1 + max((len(spec.shape) for _, spec in _floats(at.recipe)), default=2)
        if not wants:
            return None
        floats = _floats(at.recipe)
        tokens = [(n, spec) for n, spec in at.recipe.given.items() if spec.kind == "ids"]
        named = any("ids" in line for line in at.lines[-1:])
        for name, spec in [*floats, *(tokens if named or not floats else ())]:
            if len(spec.shape) < wants and self._once(f"rank {name} {wants}"):
                if spec.kind == "ids":
                    books = number(
                        find(self._config, ("num_channels", "num_codebooks", "n_codebooks", "num_quantizers")), 1
                    )
                    return at.recipe.with_(name, replace(spec, shape=(*spec.shape, books)))
                return at.recipe.with_(name, replace(spec, shape=(spec.shape[0], 1, *spec.shape[1:])))
            if len(spec.shape) > wants and len(spec.shape) > 2 and self._once(f"rank {name} {wants}"):
                return at.recipe.with_(name, replace(spec, shape=(spec.shape[0], *spec.shape[2:])))
        return None

    def _missing(self, at: Failure) -> Recipe | None:
        """An argument that the error or the failing line names."""
        text = " ".join([at.message, *at.lines[-3:]])
        for name in self._names:
            known = name in at.recipe.given or name in _NEVER
            if known or not re.search(rf"(?<!self\.)\b{re.escape(name)}\b", text) or not self._once(f"add {name}"):
                continue
            if name in _GRIDS or name == "position_embeddings":
                continue
            return at.recipe.with_(name, self._added(name, at.recipe))
        return None

    def _added(self, name: str, recipe: Recipe) -> Argument:
        letters = "bi" if "i" in recipe.places else "b"
        if name in ("image_sizes", "original_sizes", "orig_target_sizes"):
            pixels = next((spec for n, spec in recipe.given.items() if n.startswith("pixel")), None)
            dims = pixels.shape[-2:] if pixels is not None else (224, 224)
            return Argument("rows", ((1, letters),), tuple(d for d in dims if isinstance(d, int)))
        floats = _floats(recipe)
        if name.endswith("features_mask") or (name in ("input_features_mask", "feature_attention_mask") and floats):
            shape = floats[-1][1].shape
            long = max((d for d in shape if isinstance(d, int)), default=128)
            return Argument("ones", (shape[0], long))
        if name == "pixel_attention_mask" and floats and len(floats[0][1].shape) == 3:
            return Argument("ones", floats[0][1].shape[:2])
        if name == "pixel_attention_mask" and floats:
            return Argument("ones", (floats[0][1].shape[0], *floats[0][1].shape[-2:]))
        if name.endswith("lengths") and floats:
            long = max((d for d in floats[-1][1].shape if isinstance(d, int)), default=128)
            return Argument("rows", (B,), (long,))
        return spec_of(name, self._config, letters)

    def _side(self, at: Failure) -> Recipe | None:
        """Another size of image, or of text."""
        for name, spec in at.recipe.given.items():
            flat = len(spec.shape) == 2 and re.search(rf"length {spec.shape[-1]} at -2!", at.message)
            if name in WAVES and flat and self._once(f"one channel {name}"):  # taken for channels, not for a batch
                return at.recipe.with_(name, replace(spec, shape=(spec.shape[0], 1, spec.shape[1])))
            if spec.shape[1:] in _WAVES and spec.kind == "float" and self._once(f"wave {spec.shape}"):
                return at.recipe.with_(name, replace(spec, shape=(spec.shape[0], _WAVES[spec.shape[1:]])))
            if name.startswith("pixel") and len(spec.shape) >= 4:
                stated = re.search(r"doesn't match model \((\d+)\*(\d+)\)", at.message)
                fitting = _fitting(at.message, at.sizes.of(spec.shape[-1]))
                pairs = [(int(stated[1]), int(stated[2]))] if stated else [(n, n) for n in (*fitting, *_SIDES)]
                for pair in pairs:
                    if tuple(spec.shape[-2:]) != pair and self._once(f"side {name} {pair}"):
                        return at.recipe.with_(name, replace(spec, shape=(*spec.shape[:-2], *pair)))
        return None


def _fitting(message: str, side: int) -> tuple[int, ...]:
    """The side that gives as many patches as an error wants: of a table of places, or of those that are listed."""
    table = re.search(r"length (\d+) at -2!.*broadcastable to \[\d+, (\d+), \d+\]", message)
    listed = re.search(r"Number of patches (\d+) not found.*\[(\d+)", message)
    wants, has = (table[1], table[2]) if table else (listed[2], listed[1]) if listed else ("1", "1")
    fits = math.isqrt(side * side * int(wants) // int(has))
    return (fits,) if fits * fits * int(has) == side * side * int(wants) and fits != side else ()


def _floats(recipe: Recipe) -> list[tuple[str, Argument]]:
    return [(name, spec) for name, spec in recipe.given.items() if spec.kind == "float"]


def _first_channels(model: Any) -> int:
    import torch

    kinds = (torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)
    return next((int(m.in_channels) for m in model.modules() if isinstance(m, kinds)), 3)
