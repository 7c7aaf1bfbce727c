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
from mfu_planner.facts import open_file

if TYPE_CHECKING:
    from mfu_planner.architectures.lettering import Letters
    from mfu_planner.questions.parts import ModelPart

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
    positions: int | None = None
    """Positions that its config allows: no training length, but a suggestion where none is known."""

    @property
    def work_unit(self) -> str:
        """What per-unit figures divide by: token or sample."""
        return self.architecture.work_unit if self.architecture else "token"


_NAMED = ("model", "config", "params", "active_params", "image_size", "as_type")
"""The fields of a question that say which model is meant."""


def model_of(s: ModelPart, letters: Letters | None = None) -> Model:
    """The model that a question names; ``letters`` and errors as for :func:`choose_model`."""
    return choose_model(**{name: getattr(s, name, None) for name in _NAMED}, letters=letters)


def choose_model(
    *,
    model: str | None = None,
    config: str | Path | Mapping[str, Any] | None = None,
    params: int | None = None,
    active_params: int | None = None,
    image_size: int | None = None,
    as_type: str | None = None,
    letters: Letters | None = None,
) -> Model:
    """The one model that was named; with ``letters`` its sizes remember the formulas that they enter.

    ``as_type``: the model type that a config of an unknown one is counted as.

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
    if as_type is not None and config is None:
        raise InputError("as", as_type, "a --config beside it, whose model_type is not known")
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
    except (TypeError, ValueError, RecursionError):  # what no JSON file can say is told by the importer
        text = None
    if text is None:
        return _from_config(data, origin, image_size, as_type, letters)
    return _kept_config(text, origin, image_size, as_type)


@lru_cache(maxsize=512)
def _kept_config(text: str, origin: str, image_size: int | None, as_type: str | None) -> Model:
    return _from_config(parse_config(text, origin), origin, image_size, as_type)


def _from_config(
    data: Mapping[str, Any], origin: str, image_size: int | None, as_type: str | None, letters: Letters | None = None
) -> Model:
    built = from_config(data, origin=origin, image_size=image_size, as_type=as_type, letters=letters)
    name = str(data.get("_name_or_path") or built.name)
    return Model(
        id="",
        name=name,
        params=built.params,
        active_params=built.active_params,
        architecture=built,
        source=origin,
        notes=(*built.notes, *built.assumed),
        positions=positions_of(data),
    )


@lru_cache(maxsize=64)
def _cached_preset(name: str, image_size: int | None) -> Model:
    return _from_preset(name, image_size)


def _from_preset(name: str, image_size: int | None, letters: Letters | None = None) -> Model:
    found = preset(name)
    built = from_config(found.config, origin=f"model {found.id}", image_size=image_size, letters=letters)
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
        positions=positions_of(found.config),
    )


def positions_of(config: Mapping[str, Any]) -> int | None:
    """The positions that a config (or its text part) allows, under any of the names in use."""
    parts = (config, config.get("text_config"))
    names = ("max_position_embeddings", "n_positions", "max_seq_len", "max_sequence_length", "model_max_length")
    found = [part[name] for part in parts if isinstance(part, Mapping) for name in names if name in part]
    return next((n for n in found if type(n) is int and n > 0), None)


def read_config(path: str | Path) -> dict[str, Any]:
    """Read a ``config.json`` as data, or its text where the path begins with a brace: bounded in size and depth.

    A folder means the ``config.json`` in it; a model's folder in the hub's cache means its newest snapshot.

    Raises
    ------
    InputError
        The file is missing, too large, or no JSON object.
    """
    accepted = "the path of a Hugging Face config.json, or of a folder with one"
    if _is_text(path):
        return parse_config(str(path), "the text given")
    with open_file(_file(Path(path)), "config", accepted, _LARGEST_CONFIG) as file:
        text = file.read()
    return parse_config(text, str(path))


def _is_text(config: str | Path) -> bool:
    """Whether a config is given as its JSON text in place of a path."""
    return str(config).lstrip().startswith("{")


def _file(path: Path) -> Path:
    """The file itself, or the ``config.json`` of a folder or of the newest snapshot in it."""
    try:
        if not path.is_dir():
            return path
    except OSError:  # no name of a file: opening it says why
        return path
    if (path / "config.json").exists() or not (path / "snapshots").is_dir():
        return path / "config.json"
    snapshots = [one for one in (path / "snapshots").iterdir() if (one / "config.json").exists()]
    return max(snapshots, key=lambda one: (one.stat().st_mtime, one.name), default=path) / "config.json"


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
