"""The base of what answers are made of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import UnionType
from typing import Any, Self, Union, cast, get_args, get_origin

from pydantic import BaseModel, ConfigDict

_AS_THEY_ARE = (str, int, float, bool, type(None))
_NAMED = 8
"""Keys named in the warning on values that are no numbers."""


class Frozen(BaseModel):
    """Frozen, with no field beside its own; a command that shows few kinds of record builds the schemas of those."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, protected_namespaces=())

    @classmethod
    def trusted(cls, **values: Any) -> Self:
        """A record of values that we computed, for which no schema is built: a whole number where a float is meant
        becomes one."""
        fields = cls.model_fields
        fitted = {n: _fitted(value, _kinds(fields[n].annotation)) for n, value in values.items()}
        return cast("Self", cls.model_construct(**fitted))


def as_json(value: Any, kind: Any = Any) -> Any:
    """What ``model_dump(mode="json")`` says of a value of a kind, without a schema where nothing asks for one.

    Raises
    ------
    TypeError
        A value that pydantic alone knows how to show.
    """
    kinds = _kinds(kind)
    if type(value) in _AS_THEY_ARE:
        return _fitted(value, kinds)
    if isinstance(value, BaseModel):
        rules, fields = type(value).__pydantic_decorators__, type(value).model_fields
        if rules.field_serializers or rules.model_serializers or rules.computed_fields:
            return value.model_dump(mode="json")
        return {n: as_json(getattr(value, n), f.annotation) for n, f in fields.items() if not f.exclude}
    inside = next((get_args(k) for k in kinds if get_args(k) and get_origin(k) is not None), (Any, Any))
    if isinstance(value, dict) and all(type(key) is str for key in value):
        return {key: as_json(each, inside[-1]) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(each, inside[0]) for each in value]
    raise TypeError(value)


def numbered(answer: Mapping[str, Any]) -> dict[str, Any]:
    """An answer as JSON can say it: null for NaN and infinity, and a warning that names their keys."""
    lost: list[str] = []
    found = {key: _finite(value, key, lost) for key, value in answer.items()}
    if lost:
        found["warnings"] = [*(found.get("warnings") or ()), f"{', '.join(lost[:_NAMED])}: beyond any number, so null"]
    return found


def _finite(value: Any, where: str, lost: list[str]) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        lost.append(where)
        return None
    if isinstance(value, Mapping):
        return {k: _finite(v, f"{where}.{k}", lost) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v, f"{where}[{i}]", lost) for i, v in enumerate(value)]
    return value


def _kinds(kind: Any) -> tuple[Any, ...]:
    """What a field may hold."""
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def _fitted(value: Any, kinds: tuple[Any, ...]) -> Any:
    return float(value) if type(value) is int and float in kinds and int not in kinds else value
