"""Summaries at the end of a run: Hugging Face's ``***** train metrics *****`` table and W&B's ``Run summary``."""

from __future__ import annotations

import re

from mfu_planner.observe.logs import documents
from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.reading import Reading

_ROW = re.compile(
    r"(?<![\w/.])(?P<key>(?:train_|max_memory|memory|num_input)\w{2,60}(?: \(GB\))?|epoch|total_flos|step|global_step)"
    r" {1,60}= {1,40}(?P<value>[\w.:,+\-]{1,40})\s{0,8}$"
)
_TITLE = re.compile(r"\*{3,} {0,2}(\w+)(?:[_ ]metrics)? ?\w* {0,2}\*{3,}")


@register
class TrainMetrics(Format):
    """``train_runtime = 8:57:44.99`` in a table: of the whole run; Optimum Habana's rates leave out warm-up steps."""

    name = "hf-train-metrics"
    weight = 0.55  # the Trainer's own lines say more, where they are there
    hints = ("=", "metrics")
    mark = re.compile(r"(?<![\w/.])train_(?:runtime|samples_per_second) {1,20}= {1,20}[\d.:]+\s*$", re.M)
    tagged = False

    def __init__(self, log: Reading) -> None:
        super().__init__(log)
        self._table: dict[str, str] = {}
        self._training = True

    def line(self, line: str) -> None:
        """Take a line that holds a hint."""
        if title := _TITLE.search(line):
            self._training = title[1].lower() == "train"
        elif self._training and (row := _ROW.search(line)):
            self._table.setdefault(row["key"].strip(), row["value"])

    def end(self) -> None:
        """Read the table as the results of a run."""
        documents.read_results(self._table, self.log)
        if any("memory_allocated (GB)" in key for key in self._table):
            self.name = "optimum-habana"


_SUMMARY_ROW = re.compile(r"wandb:?\s{1,60}(?P<key>[\w/.@()\-]{2,90})\s{1,8}(?P<value>[-+\d.e]{1,30})\s{0,8}$")


@register
class WandbConsole(Format):
    """``wandb: Run summary:`` and a key and its last value a line; rates under ``eval/`` are not of training."""

    name = "wandb-console"
    weight = 0.5
    hints = ("wandb",)
    mark = re.compile(r"wandb:? {1,60}(?:train|eval|perf|throughput|_)[\w/]{0,60} {1,8}[-\d.]+")
    tagged = False

    def __init__(self, log: Reading) -> None:
        super().__init__(log)
        self._values: dict[str, str] = {}

    def line(self, line: str) -> None:
        """Take a line that holds a hint."""
        if row := _SUMMARY_ROW.search(line):
            self._values[row["key"]] = row["value"]

    def end(self) -> None:
        """Read the summary as a tracker's."""
        if self._values and not self.log.store.held:
            documents.read_summary(self._values, self.log)
