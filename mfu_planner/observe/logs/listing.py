"""What the log reader reads, told by the readers themselves."""

from __future__ import annotations

import importlib
from typing import NamedTuple

from mfu_planner.observe.logs.dialects import DIALECTS
from mfu_planner.observe.logs.formats import all_formats


class Read(NamedTuple):
    """One format: its name, how it comes, what is known of its figures."""

    name: str
    comes_as: str
    means: str


_TEXT, _KEYS = "console text", "JSON lines, CSV, TensorBoard, W&B"
_FILES = (
    Read("hf-trainer-state", "trainer_state.json, train_results.json", "Results of a run of Hugging Face's Trainer."),
    Read("wandb-run", "a W&B run folder", "Summary, configuration and metadata of a run."),
    Read("tensorboard", "event files, exported CSV", "Wall clock, step and every scalar whose name is a speed."),
    Read("json-lines, csv", "any table", "Columns by the meaning of their names, or as --column says."),
)


def listed() -> tuple[Read, ...]:
    """Every format by name; a framework whose keys also come as a table stands twice."""
    text = [Read(kind.name, _TEXT, _sentence(kind.__doc__)) for kind in all_formats() if kind.name not in _TABLES]
    keys = [Read(dialect.name, _KEYS, dialect.about) for dialect in DIALECTS]
    return tuple(sorted((*text, *keys, *_FILES), key=lambda read: (read.name, read.comes_as)))


_TABLES = ("json-lines", "csv")


def families() -> dict[str, str]:
    """Module → what it says of its family of formats."""
    modules = sorted({kind.__module__ for kind in all_formats()})
    return {m.rpartition(".")[2]: _sentence(importlib.import_module(m).__doc__) for m in modules}


def _sentence(text: str | None) -> str:
    """The first paragraph on one line."""
    return " ".join((text or "").strip().split("\n\n")[0].split())
