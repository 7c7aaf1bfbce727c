"""A published run as the question that a user would ask, resolved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mfu_planner.backtesting.runs import source_of_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mfu_planner.architectures import Architecture
    from mfu_planner.operators.layout import Layout
    from mfu_planner.questions.request import Request


@dataclass(frozen=True, kw_only=True, eq=False)
class RowCase:
    """A row: its question as flags, and what they were read into."""

    id: str
    flags: Mapping[str, Any]
    """Arguments of ``predict`` and ``memory``; blanks of the row filled by the stated rules."""
    request: Request

    @property
    def source(self) -> str:
        """The group that it is scored in."""
        return source_of_id(self.id)

    @property
    def architecture(self) -> Architecture:
        """The model."""
        assert self.request.case.architecture is not None
        return self.request.case.architecture

    @property
    def layout(self) -> Layout:
        """Degrees and batches as numbers."""
        return self.request.case.layout
