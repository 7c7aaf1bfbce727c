"""The model of a published row: built from its columns, or the preset of its name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mfu_planner.backtesting.case import Skipped
from mfu_planner.backtesting.shapes import architecture_of

if TYPE_CHECKING:
    from mfu_planner.architectures import Architecture
    from mfu_planner.backtesting.runs import Run


def model_of_row(row: Run) -> Architecture:
    """The model of the columns; the preset of its name where no size is stated, or ffn or vocab is blank and the
    preset has the stated hidden size and layers.

    Raises
    ------
    Skipped
        Neither sizes nor a preset of that name.
    """
    built = architecture_of(row)
    if built is None:
        return preset_of(row)
    if (row.text("ffn") and row.text("vocab")) or row.text("kind") == "layer_microbench":
        return built
    try:
        named = preset_of(replace(row, cells={**row.cells, "hidden": ""}))
    except Skipped:
        return built
    return named if (named.hidden, named.layers) == (built.hidden, built.layers) else built


def preset_of(row: Run) -> Architecture:
    """The preset of the model's name, for rows without dimensions.

    Raises
    ------
    Skipped
        No dimensions and no preset of that name.
    """
    from mfu_planner.backtesting.models import Unusable, model_of
    from mfu_planner.backtesting.sources import Rule, load_sources

    try:
        return model_of(row, load_sources(), Rule(convention=None, why="")).architecture
    except Unusable as reason:
        raise Skipped(str(reason)) from None
