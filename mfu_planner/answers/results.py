"""What every answer carries: inputs, the convention, steps, sources, warnings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from mfu_planner.run.frozen import Frozen, as_json, numbered
from mfu_planner.run.show import Derived

SCHEMA_VERSION = 1
"""Rises when a key changes its meaning; keys are added without a change."""


class Keyed(Frozen, Mapping[str, Any]):
    """A frozen record that is read by key as well: ``found["mfu"]``, ``found.get("hfu")``, ``dict(found)``."""

    def __getitem__(self, key: str) -> Any:
        """The field of that name."""
        if key in type(self).model_fields:
            return getattr(self, key)
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:  # type: ignore[override]
        """The keys."""
        return iter(type(self).model_fields)

    def __len__(self) -> int:
        """How many keys there are."""
        return len(type(self).model_fields)


class Shown(Frozen):
    """An answer that people see: one line in a shell, the command's table in print, a cell in a notebook.

    Drawing is loaded when something is drawn.
    """

    def __repr__(self) -> str:
        """One line."""
        return str(_shown().one_line(self))

    def __str__(self) -> str:
        """What the command prints."""
        return str(_shown().as_text(self))

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return str(_shown().as_html(self))

    def as_json(self) -> dict[str, Any]:
        """The JSON object of the command line: null, and a warning, for what is beyond any number."""
        try:
            found = as_json(self)
        except TypeError:
            found = self.model_dump(mode="json")
        return numbered(found)

    def to_pandas(self) -> Any:
        """The rows as a pandas data frame; an answer without rows is a row itself.

        Raises
        ------
        PlannerError
            pandas is not installed.
        """
        return _shown().as_frame(self)


def _shown() -> Any:
    return import_module("mfu_planner.report.shown")


class Result(Shown):
    """A frozen answer; its fields are the keys of the JSON object."""

    schema_version: int = SCHEMA_VERSION
    inputs: dict[str, Any]
    """What was given, in SI units."""
    warnings: tuple[str, ...] = ()
    """What a reader must know before trusting a number: defaults taken, keys not used."""
    steps: tuple[Derived, ...] = ()
    """The derivation."""
    sources: dict[str, str] = {}  # noqa: RUF012  pydantic copies it
    """Where each value comes from."""


class KeyedResult(Result, Keyed):
    """An answer that is read by key as well."""


class OnDevices(Frozen):
    """What an answer says of its devices; all empty where a device is what people count."""

    device_is: str | None = None
    """What one device is, where it is a part of a chip, a card or a package."""
    counted_as: dict[str, int] = {}  # noqa: RUF012  pydantic copies it
    """What people count instead (chip, card, board, package) → devices in one."""
    device_reading: str | None = None
    """How many of those the devices are, and what another reading of the number would be."""
    mfu_if_counted_in: dict[str, float] = {}  # noqa: RUF012  pydantic copies it
    """The MFU if the devices, or the rate per device, were meant in chips, cards or packages: by that unit."""


class Finding(Frozen):
    """A coded remark on a number, with what would follow if it were true."""

    code: str
    """Stable, such as ``sanity/sparse-peak``."""
    severity: str
    """error, warning or note."""
    message: str
    mfu_if_so: float | None = None
    """What the MFU would be if this were the cause."""
