"""CSV files and JSON lines: metric tables of any origin, by the meaning of their column names or as the user says."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from typing import Any

from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.record import SPEEDS
from mfu_planner.observe.logs.rows import RowReader
from mfu_planner.observe.logs.source import LONGEST_LINE
from mfu_planner.observe.logs.text import number, resolution

_DEEPEST = 3


class _Rows(Format):
    """Takes rows; ``columns`` (set from outside) names the columns to use."""

    columns: Mapping[str, str] | None = None
    tagged = False

    def __init__(self, log: Reading) -> None:
        super().__init__(log)
        self._rows: RowReader | None = None

    def row(self, row: Mapping[str, Any]) -> None:
        """Take one row of names and values."""
        rows = self._rows = self._rows or RowReader(self.log, self.columns)
        if not rows.take(row):
            return
        if rows.dialect is not None:
            self.name = rows.dialect.name
            self.warmup = rows.dialect.warmup
        last = self.log.store.last
        if last is not None and last.time is not None and last.time % 1:
            self.log.clock_tick_s = 1e-3
        if self._seen < 64:
            self._seen += 1
            for name, cell in row.items():
                if isinstance(cell, str) and number(cell) and len(cell) < 40:
                    meaning = rows.record({name: cell})
                    self.log.see({f: resolution(cell) for f in SPEEDS if getattr(meaning, f) is not None})


def flat(value: Mapping[str, Any], prefix: str = "", depth: int = 0) -> dict[str, Any]:
    """A nested object as one level of ``a/b/c`` names."""
    out: dict[str, Any] = {}
    for key, item in value.items():
        name = f"{prefix}{key}"
        if isinstance(item, Mapping):
            if depth < _DEEPEST:
                out |= flat(item, name + "/", depth + 1)
        else:
            out[name] = item
    return out


@register
class JsonLines(_Rows):
    """One JSON object a line."""

    name = "json-lines"
    weight = 0.4
    hints = ("{",)
    mark = re.compile(r'^[^{\n]{0,120}\{ ?"[^\n]{2,}\}[ \t]{0,8}$', re.M)

    def line(self, line: str) -> None:
        """Take a line that holds a hint."""
        start = line.find("{")
        try:
            value = json.loads(line[start : line.rfind("}") + 1])
        except (ValueError, RecursionError):
            return
        if isinstance(value, dict):
            self.row(flat(value))


@register
class MeterLines(JsonLines):
    """What :class:`mfu_planner.observe.meter.Meter` writes."""

    name = "mfu-planner-meter"
    weight = 1.0
    hints = ('"mfu_planner_meter"',)
    mark = re.compile(r'"mfu_planner_meter": ?\d')
    warmup = 2

    def read(self, text: str) -> None:
        """Take a stretch of whole lines."""
        for line in text.split("\n"):
            if line.startswith("{"):
                self.line(line[:LONGEST_LINE])

    def row(self, row: Mapping[str, Any]) -> None:
        """Take one row of names and values."""
        if "mfu_planner_meter" in row:
            for own, field in (
                ("devices", "devices"),
                ("flops_per_token", "flops_per_token"),
                ("peak_flops_per_s", "peak_flops_per_s"),
            ):
                if isinstance(row.get(own), (int, float)):
                    self.log.header.values.setdefault(field, float(row[own]))
            return
        super().row(row)


@register
class Csv(_Rows):
    """A table with a header line; TensorBoard's, Weights & Biases' and Lightning's are recognised by their header."""

    name = "csv"
    weight = 0.5
    hints = (",", "\t", ";")

    def __init__(self, log: Reading) -> None:
        super().__init__(log)
        self.begin(new_file=True)

    @classmethod
    def score(cls, text: str) -> float:
        """How well a stretch of text fits, 0–1."""
        rows = list(_rows(text[:20_000], _delimiter(text)))[:12]
        if (
            len(rows) < 2
            or len(rows[0]) < 2
            or any(number(c) is not None for c in rows[0])
            or len(set(rows[0])) < len(rows[0])
        ):
            return 0.0
        if any(len(c) > 120 or ": " in c or "{" in c or "[" in c[:1] for c in rows[0]):
            return 0.0
        same = sum(len(r) == len(rows[0]) for r in rows[1:-1] or rows[1:])
        numeric = any(number(c) is not None for r in rows[1:] for c in r)
        return cls.weight if numeric and same == len(rows[1:-1] or rows[1:]) else 0.0

    def begin(self, *, new_file: bool = False) -> None:
        """Forget what was half read."""
        if new_file:
            self._names: list[str] | None = None
            self._between = ""

    def count(self, text: str) -> int:
        """How many records a stretch holds that is only counted."""
        return text.count("\n")

    def read(self, text: str) -> None:
        """Take a stretch of whole lines."""
        self._between = self._between or _delimiter(text)
        for cells in _rows(text, self._between):
            if self._names is None:
                self._names = self._header(cells)
            elif len(cells) == len(self._names):
                self.row({n: c for n, c in zip(self._names, cells, strict=True) if c and n})

    def _header(self, cells: list[str]) -> list[str]:
        folded = [c.strip().lower() for c in cells]
        if folded == ["wall time", "step", "value"]:
            self.name = "tensorboard-csv"
            return ["wall time", "step", ""]
        if any(c.endswith("__min") for c in folded):
            self.name = "wandb-chart-csv"
            return _chart(cells, self.log)
        if "epoch" in folded and "step" in folded:
            self.name = "lightning-csv"
        return [c.strip() for c in cells]


def _chart(cells: list[str], log: Reading) -> list[str]:
    """Column names of a W&B chart: ``run - metric`` becomes the metric, of the first run; the bands are left out."""
    names: list[str] = []
    seen: set[str] = set()
    for cell in cells:
        metric = cell.rpartition(" - ")[2].strip()
        band = metric.upper().endswith(("__MIN", "__MAX"))
        if not band and metric in seen:
            log.note("log/several-runs", "warning", "the chart holds several runs: the first was read")
        names.append("" if band or metric in seen else metric)
        if not band:
            seen.add(metric)
    return names


def _delimiter(text: str) -> str:
    """What stands between the cells of the first line most often: commas, tabs or semicolons."""
    first = text.lstrip("\n").partition("\n")[0]
    return max(",\t;", key=first.count)


def _rows(text: str, delimiter: str) -> list[list[str]]:
    lines = (line[:LONGEST_LINE] for line in io.StringIO(text) if line.strip())
    try:
        return [row for row in csv.reader(lines, delimiter=delimiter) if row]
    except csv.Error:
        return []
