"""The rules of each source of published runs: which convention its figures use, which peak it divides by.

They stand in ``published_runs/sources.yaml``.  A rule belongs to a source and a kind of run, never to a row.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from mfu_planner.backtesting.runs import RunRow
from mfu_planner.facts import Spec, read

Purpose = Literal["pretraining", "sft", "lora"]


class SourceRule(Spec):
    """How a source counts, for some of its runs."""

    purpose: tuple[Purpose, ...] = Field(default=("pretraining", "sft", "lora"), strict=False)
    """Kinds of run that the rule is for."""
    models: str | None = None
    """Only models of this name (regular expression): a counter that treats one kind of model in its own way."""
    release: str | None = None
    """Only figures of these releases (regular expression, searched in the place that the row names)."""
    before: dt.date | None = None
    """Only figures that were printed before this day (the source changed its counter)."""
    convention: str | None
    """A convention's name; null: not known."""
    switches: dict[str, Any] = Field(default_factory=dict)
    """Switches of the convention that the source sets otherwise."""
    recompute: Literal["none", "selective", "full", "as run"] = "none"
    """Recomputation that the source's figure includes (a hardware FLOPs figure); ``as run``: what the run does."""
    overrides: dict[str, Any] = Field(default_factory=dict)
    """Fields of the model's config that the counter takes otherwise (for models by preset)."""
    prediction: bool = False
    """Whether the multi-token prediction modules of the config are trained and counted."""
    params: Literal["stated", "built"] = "built"
    """Whether N is the number that the source prints, or the model's own."""
    vocab: int | None = None
    """The vocabulary of the source's models, where rows leave it blank or round it."""
    vocab_wins: bool = False
    """Whether ``vocab`` stands against what the rows say."""
    seq_len: int | None = None
    """The sequence length of the source's runs, where rows leave it blank."""
    attends: int | None = None
    """Length that attention is counted with, where documents are packed (Σ l² ÷ Σ l), instead of the sequence's."""
    ffn_ratio: str | None = None
    """MLP width ÷ hidden size as the source's formula takes it (``8/3``), where it rounds otherwise than the model."""
    peak_dtype: Literal["bf16", "run"] = "bf16"
    """Whether the source divides by the bf16 peak, or by the peak of the run's own number format."""
    peak_tflops: dict[str, float] = Field(default_factory=dict)
    """Peak per device that the source divides by, by ``hw_key``, where it is not the catalogue's."""
    per: Literal["device", "package"] = "device"
    """Whether the source's per-device figures are of packages (chips of two cores)."""
    why: str
    """Where the rule is stated, or how it was found."""


class RunSource(Spec):
    """A source of published runs."""

    prefix: str
    """What the ids of its rows begin with (a dash or the end follows)."""
    repository: str | None = None
    """Part of the ``source`` column that names it, for rows with other ids."""
    title: str
    url: str
    trust: str
    """How good the figures are, and their traps."""
    as_published: bool = False
    """Whether its figures stand in the range of similar runs as printed, though its convention is not known."""
    mfu: list[SourceRule] = Field(default_factory=list)
    """Rules, first match wins; none: the source reports no utilisation."""


class TextRule(Spec):
    """What a free-text statement of the convention means, for sources that are not listed."""

    pattern: str
    """Regular expression, searched in the ``mfu_convention`` and ``tflops_kind`` columns."""
    rule: SourceRule


class Miss(Spec):
    """Why some rows are not reproduced."""

    rows: str
    """Regular expression over ids."""
    reason: str

    def covers(self, row_id: str) -> bool:
        """Whether the reason is given for this row."""
        return re.fullmatch(self.rows, row_id) is not None


class Misses(Spec):
    """``published_runs/misses.yaml``."""

    misses: list[Miss]


class RunSources(Spec):
    """The whole file."""

    gpt_vocab: int
    """Vocabulary of GPT models where nothing is stated."""
    presets: dict[str, str]
    """Pattern of a model's name → preset, for rows without dimensions."""
    total_notes: list[Miss]
    """Why some whole runs do not compare."""
    sources: list[RunSource]
    text_rules: list[TextRule]


@lru_cache(maxsize=2)
def load_sources(path: Path | None = None) -> RunSources:
    """Read the rules.

    Raises
    ------
    InputError
        The file does not follow its schema: names the key.
    """
    from mfu_planner.facts import folder

    return read(RunSources, path or folder("published_runs") / "sources.yaml")


@lru_cache(maxsize=2)
def load_misses(path: Path | None = None) -> Misses:
    """Read the reasons for rows that are not reproduced."""
    from mfu_planner.facts import folder

    return read(Misses, path or folder("published_runs") / "misses.yaml")


def source_of(run: RunRow, sources: RunSources) -> RunSource | None:
    """The source of a run: by its id, else by the repository that it names."""
    name = f"{run.id}-"
    found = [s for s in sources.sources if name.startswith(s.prefix) and name[len(s.prefix)] == "-"]
    if not found:
        said = run.text("source").lower()
        found = [s for s in sources.sources if s.repository and s.repository.lower() in said]
    return max(found, key=lambda s: len(s.prefix), default=None)


def rule_of(run: RunRow, sources: RunSources) -> tuple[SourceRule | None, str]:
    """The rule that a run's figure follows, and where it comes from; None where no convention is known."""
    source = source_of(run, sources)
    if source is not None and source.mfu:
        found = next((rule for rule in source.mfu if _applies(rule, run)), None)
        return found, f"source {source.prefix}, {run.purpose}"
    said = f"{run.text('mfu_convention')} | {run.text('tflops_kind')}"
    for each in sources.text_rules:
        if re.search(each.pattern, said, re.I) and _applies(each.rule, run):
            return each.rule, f"what the row says of its convention ({each.rule.convention})"
    return None, ""


def _applies(rule: SourceRule, run: RunRow) -> bool:
    if run.purpose not in rule.purpose:
        return False
    if rule.models is not None and not re.search(rule.models, run.text("model"), re.I):
        return False
    if rule.release is not None and not re.search(rule.release, run.text("source_locator"), re.I):
        return False
    if rule.before is None:
        return True
    printed = run.text("source_date")
    return bool(printed) and printed < rule.before.isoformat()
