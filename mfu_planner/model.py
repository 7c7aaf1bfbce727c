"""The model that a question is about: a preset, a config.json, or a bare number of parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfu_planner.architectures import Architecture, from_config
from mfu_planner.architectures.presets import preset
from mfu_planner.errors import InputError

if TYPE_CHECKING:
    from mfu_planner.architectures.lettering import Letters

_LARGEST_CONFIG = 4 << 20
"""Bytes; published configs have a few kilobytes."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model with what is known of it; ``architecture`` is None for a bare number of parameters."""

    id: str
    name: str
    params: int
    active_params: int
    architecture: Architecture | None = None
    seq_len: int | None = None
    """The length it was trained at, where a source says so."""
    seq_len_source: str = ""
    source: str = ""
    notes: tuple[str, ...] = ()

    @property
    def work_unit(self) -> str:
        """What per-unit figures divide by: token or sample."""
        return self.architecture.work_unit if self.architecture else "token"


def choose_model(
    *,
    model: str | None = None,
    config: str | Path | Mapping[str, Any] | None = None,
    params: int | None = None,
    active_params: int | None = None,
    image_size: int | None = None,
    letters: Letters | None = None,
) -> Model:
    """The one model that was named; with ``letters`` its sizes remember the formulas that they enter.

    Raises
    ------
    InputError
        None or several were given, the name is unknown, or the config cannot be used.
    """
    given = [n for n, v in (("model", model), ("config", config), ("params", params)) if v is not None]
    if len(given) != 1:
        raise InputError(
            "model", " and ".join(f"--{n}" for n in given) or "nothing", "exactly one of --model, --config, --params"
        )
    if active_params is not None and params is None:
        raise InputError("active-params", active_params, "a count beside --params; a model or config states its own")
    if params is not None:
        active = params if active_params is None else active_params
        if active > params:
            raise InputError("active-params", active, f"at most --params ({params:,})")
        return Model(id="", name=f"{params:,} parameters", params=params, active_params=active)
    if model is not None:
        # what shows formulas is built anew: a cache would hand plain numbers to it
        return _cached_preset(model, image_size) if letters is None else _from_preset(model, image_size, letters)
    assert config is not None
    data = config if isinstance(config, Mapping) else read_config(config)
    origin = "config" if isinstance(config, Mapping) or _is_text(config) else str(config)
    try:
        text = json.dumps(data) if letters is None else None
    except (TypeError, ValueError):  # what no JSON file can say is told by the importer
        text = None
    return _from_config(data, origin, image_size, letters) if text is None else _kept_config(text, origin, image_size)


@lru_cache(maxsize=512)
def _kept_config(text: str, origin: str, image_size: int | None) -> Model:
    return _from_config(json.loads(text), origin, image_size)


def _from_config(data: Mapping[str, Any], origin: str, image_size: int | None, letters: Letters | None = None) -> Model:
    built = _build(data, origin, image_size, letters)
    name = str(data.get("_name_or_path") or built.name)
    return Model(
        id="",
        name=name,
        params=built.params,
        active_params=built.active_params,
        architecture=built,
        source=origin,
        notes=(*built.notes, *built.assumed),
    )


@lru_cache(maxsize=64)
def _cached_preset(name: str, image_size: int | None) -> Model:
    return _from_preset(name, image_size)


def _from_preset(name: str, image_size: int | None, letters: Letters | None = None) -> Model:
    found = preset(name)
    built = _build(found.config, f"model {found.id}", image_size, letters)
    return Model(
        id=found.id,
        name=found.name,
        params=built.params,
        active_params=built.active_params,
        architecture=built,
        seq_len=found.seq_len,
        seq_len_source=found.seq_len_source,
        source=found.source,
        notes=(*found.notes, *built.notes),
    )


def _build(
    data: Mapping[str, Any], origin: str, image_size: int | None, letters: Letters | None = None
) -> Architecture:
    return from_config(data, origin=origin, image_size=image_size, letters=letters)


def read_config(path: str | Path) -> dict[str, Any]:
    """Read a ``config.json`` as data, or its text where the path begins with a brace: bounded in size and depth.

    Raises
    ------
    InputError
        The file is missing, too large, or no JSON object.
    """
    accepted = "the path of a Hugging Face config.json"
    if _is_text(path):
        return parse_config(str(path), "the text given")
    try:
        with Path(path).open("rb") as file:
            text = file.read(_LARGEST_CONFIG + 1)
    except (OSError, ValueError) as error:
        raise InputError("config", str(path), f"{accepted} ({getattr(error, 'strerror', None) or error})") from None
    if len(text) > _LARGEST_CONFIG:
        raise InputError("config", str(path), f"{accepted} of at most {_LARGEST_CONFIG >> 20} MiB")
    return parse_config(text, str(path))


def _is_text(config: str | Path) -> bool:
    """Whether a config is given as its JSON text in place of a path."""
    return str(config).lstrip().startswith("{")


def parse_config(text: bytes | str, origin: str) -> dict[str, Any]:
    """A config from its JSON text."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InputError("config", origin, f"a JSON object with a model_type ({reason})") from None
    if not isinstance(data, dict):
        raise InputError("config", origin, f"a JSON object with a model_type, not a {type(data).__name__}")
    return data
