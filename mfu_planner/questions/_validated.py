"""The pydantic side of a question; apart, because a command's help does without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from mfu_planner.questions.question import Question, read_fields


class Validated(BaseModel):
    """Frozen, nothing beside its fields; text is read with its units before types are checked."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _read(cls, given: Any) -> Any:
        return read_fields(cls, given) if isinstance(given, Mapping) and issubclass(cls, Question) else given
