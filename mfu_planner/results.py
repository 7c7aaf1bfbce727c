"""What every answer carries: inputs, the convention, steps, sources, warnings."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from mfu_planner.equations.show import Step

SCHEMA_VERSION = 1
"""Rises when a key changes its meaning; keys are added without a change."""


class Result(BaseModel):
    """A frozen answer; its fields are the keys of the JSON object."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    schema_version: int = SCHEMA_VERSION
    inputs: dict[str, Any]
    """What was given, in SI units."""
    warnings: tuple[str, ...] = ()
    """What a reader must know before trusting a number: defaults taken, keys not used."""
    steps: tuple[Step, ...] = ()
    """The derivation."""
    sources: dict[str, str] = {}
    """Where each value comes from."""

    def as_json(self) -> dict[str, Any]:
        """The JSON object of the command line."""
        return self.model_dump(mode="json")


class Finding(BaseModel):
    """A coded remark on a number, with what would follow if it were true."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    """Stable, such as ``sanity/sparse-peak``."""
    severity: str
    """error, warning or note."""
    message: str
    mfu_if_so: float | None = None
    """What the MFU would be if this were the cause."""
