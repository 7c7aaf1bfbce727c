"""The base of every fact model: closed to unknown keys, frozen, errors that name file, key and mend."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any, TypeVar

import pydantic

from mfu_planner.errors import InputError, nearest
from mfu_planner.facts._yaml import load_file


class Spec(pydantic.BaseModel):
    """A fact model: unknown keys are errors, values are not coerced, instances do not change."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


S = TypeVar("S", bound=Spec)


class Source(Spec):
    """Where a figure stands."""

    title: str
    """The document, as a reader would cite it."""
    url: str
    """Where it can be read."""
    checked: dt.date
    """The day the entry was last reviewed."""
    read: bool = True
    """Whether the document itself was read for it; false when the figure came through a text that cites it, or from
    general knowledge of it, and still wants a look."""
    kind: str = pydantic.Field(default="vendor", pattern="^(vendor|press|paper|measured|community|derived|code)$")
    """vendor document, press (or product page) only, paper, measured, community text, derived here, vendor code."""
    note: str | None = None
    """What a reader must know to find or trust the figure."""

    def record(self) -> dict[str, Any]:
        """The plain record: empty notes left out, ``read`` only where it is false."""
        out = self.model_dump(mode="json", exclude_none=True)
        if self.read:
            del out["read"]
        return out


def check(model: type[S], data: object, where: str) -> S:
    """Validate parsed data against a model; the first problem is told with its file, key path and mend."""
    try:
        return model.model_validate(data)
    except pydantic.ValidationError as error:
        raise _told(error.errors(include_url=False)[0], model, where) from None


def _told(first: Any, model: type[pydantic.BaseModel], where: str) -> InputError:
    """The first problem as one line: file, key path, what stands there, the mend."""
    key = ".".join(str(p) for p in first["loc"])
    field = f"{where}: {key}" if key else where
    given = first.get("input")
    if isinstance(given, dict):
        given = "{" + ", ".join(given) + "}"
    if first["type"] == "extra_forbidden":
        return InputError(field, given, "a key of the schema", nearest(str(first["loc"][-1]), _fields(model)))
    if first["type"] == "missing":
        return InputError(field, "nothing", "this key is required")
    return InputError(field, given, first["msg"].removeprefix("Value error, "))


def read(model: type[S], path: Path) -> S:
    """Read one YAML fact file into its model."""
    return check(model, load_file(path), str(path))


def _fields(model: type[pydantic.BaseModel]) -> set[str]:
    names: set[str] = set()
    queue: list[Any] = [model]
    seen: set[Any] = set()
    while queue:
        current = queue.pop()
        if current in seen:
            continue
        seen.add(current)
        if isinstance(current, type) and issubclass(current, pydantic.BaseModel):
            names.update(current.model_fields)
            queue.extend(f.annotation for f in current.model_fields.values())
        else:
            queue.extend(getattr(current, "__args__", ()))
    return names
