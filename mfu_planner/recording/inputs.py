"""What a model is given: tensors by the names of its arguments, of sizes that follow the config and the batch.

A recipe is a shape for each argument, in numbers and letters, so that one recipe serves every size: ``b`` sequences,
``s`` positions of each, ``t`` positions of the decoder, ``i`` images and ``c`` sounds in each sequence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

from mfu_planner.recording.building import parts_of

Dim = int | tuple[int, str]
"""A number, or a number times letters: (256, "bi")."""
_FIRST_ID = 5
SEEING = (
    "vision_config", "image_encoder_config", "image_config", "backbone_config", "encoder", "vqmodel_config",
    "vit_config",
)  # fmt: skip
HEARING = ("audio_config", "audio_encoder_config", "speech_config", "encoder_config")
TEXT = ("text_config", "decoder", "llm_config", "language_config")


@dataclass(frozen=True, slots=True)
class BatchSizes:
    """Of one batch."""

    b: int = 1
    s: int = 0
    t: int = 0
    i: int = 0
    c: int = 0

    def of(self, dim: Dim) -> int:
        """A dimension in numbers."""
        if isinstance(dim, int):
            return dim
        return dim[0] * math.prod(int(getattr(self, letter)) for letter in dim[1])


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument."""

    kind: str
    """ids, float, zeros, ones, rows (the values, once for each element of the first dimension), places."""
    shape: tuple[Dim, ...]
    values: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Recipe:
    """All arguments, and the tokens that stand for an image or a sound among the ids."""

    given: dict[str, Argument] = field(default_factory=dict)
    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Letter (i or c) → (token id, how many each)."""
    flags: dict[str, Any] = field(default_factory=dict)

    def letters(self) -> frozenset[str]:
        """BatchSizes that the inputs depend on, beside the batch."""
        dims = [dim for spec in self.given.values() for dim in spec.shape]
        return frozenset(letter for dim in dims if isinstance(dim, tuple) for letter in dim[1]) - {"b"}

    def with_(self, name: str, spec: Argument | None) -> Recipe:
        """The same with one argument changed, or left out."""
        kept = {k: v for k, v in self.given.items() if k != name}
        return replace(self, given=kept if spec is None else {**kept, name: spec})

    def tensors(self, config: Any, sizes: BatchSizes, device: str = "meta") -> dict[str, Any]:
        """The arguments for a batch; floats on a device, whole numbers real."""
        made = {}
        for name, spec in self.given.items():
            if any(isinstance(dim, tuple) and not sizes.of(dim) for dim in spec.shape):
                continue
            made[name] = _tensor(spec, sizes, config, device, self.places if name == "input_ids" else {})
        kinds = next((made[n] for n in ("input_ids",) if n in made), None)
        if kinds is not None and "mm_token_type_ids" in self.given:
            made["mm_token_type_ids"] = sum(
                (kinds == token) * n for n, (token, _) in enumerate(self.places.values(), 1)
            )
        return made | self.flags


def _tensor(spec: Argument, sizes: BatchSizes, config: Any, device: str, places: dict[str, tuple[int, int]]) -> Any:
    import torch

    shape = [sizes.of(dim) for dim in spec.shape]
    if spec.kind == "float":
        return torch.ones(shape, device=device)
    if spec.kind == "rows":
        return torch.tensor([list(spec.values)] * shape[0])
    if spec.kind == "places":  # row and column of each patch
        rows, columns = torch.meshgrid(torch.arange(shape[1]), torch.arange(shape[2]), indexing="ij")
        return torch.stack([columns.flatten(), rows.flatten()], -1).expand(shape[0], -1, 2).contiguous()
    if spec.kind in ("zeros", "ones"):
        return torch.full(shape, int(spec.kind == "ones"))
    allowed = _ordinary(config)
    found = torch.tensor(allowed)[torch.arange(math.prod(shape)) * 7 % len(allowed)].reshape(shape)
    start = 1
    for letter, (token, count) in places.items():
        for _ in range(getattr(sizes, letter)):  # a token of text between two of them
            found[:, start : start + count] = token
            start += count + 1
    return found


def _ordinary(config: Any) -> list[int]:
    """Token ids that stand for nothing special."""
    vocab = find(config, ("vocab_size",), 1000, TEXT)
    special = {
        value
        for part in parts_of(config)
        for key, value in vars(part).items()
        if key.endswith(("_token_id", "_token_index")) and isinstance(value, int)
    }
    most = min(vocab if isinstance(vocab, int) else 1000, 200)
    return [n for n in range(min(_FIRST_ID, most - 1), most) if n not in special] or [0]


def find(config: Any, names: tuple[str, ...], otherwise: Any = None, first: tuple[str, ...] = ()) -> Any:
    """The first field of one of the names, looked for in the parts called ``first``, then in all."""
    parts = [
        part
        for name in first
        if hasattr(getattr(config, name, None), "to_dict")
        for part in parts_of(getattr(config, name))
    ]
    for part in [*parts, *parts_of(config)]:
        for name in names:
            value = getattr(part, name, None)
            if value is not None and not callable(value):
                return value
    return otherwise


def number(value: Any, otherwise: int) -> int:
    """A whole number out of a field that may be a list."""
    while isinstance(value, list | tuple) and value:
        value = value[-1]
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise
