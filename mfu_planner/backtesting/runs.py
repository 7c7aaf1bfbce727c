"""Published runs, as rows of a CSV file: read once, blank cells are normal."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path

from mfu_planner.errors import InputError
from mfu_planner.facts import folder, open_file
from mfu_planner.run import solve

COLUMNS = frozenset({"id", "model"})
"""What a file of runs must have; every other column may be missing."""


ADAPTERS = re.compile(r"(?<![a-z])(?:[dq]?lora|rslora|adalora|peft)(?![a-z])", re.I)
"""Words for runs that train adapters alone; inside another word (exploration) they say nothing."""
COLLECTIONS = ("runs.csv", "runs2.csv")
"""Files of published runs that ship."""
_LARGEST_FILE = 64 << 20
"""Bytes of a file of runs."""
_LARGEST = 2**40
"""No size of a model or a job is larger."""
_ABSURD = 1e30
"""No figure of a run is larger (the largest are training FLOPs)."""


def source_of_id(row_id: str) -> str:
    """The group that a row is scored in: its id up to the first dash, with ``-single`` where the id says so."""
    return row_id.split("-")[0] + ("-single" if "single" in row_id else "")


class Unusable(Exception):
    """A row that cannot be used, with the reason for the report."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """One published run or benchmark point: the cells as they stand, and numbers where they are numbers."""

    cells: Mapping[str, str]

    @property
    def id(self) -> str:
        """The row's name."""
        return self.cells["id"]

    def text(self, column: str) -> str:
        """A cell as text; empty where it is blank or missing."""
        return (self.cells.get(column) or "").strip()

    def number(self, column: str) -> float | None:
        """A cell as a positive number; None where it is blank or says something else."""
        try:
            value = float(self.text(column).replace(",", ""))
        except ValueError:
            return None
        return value if 0 < value < _ABSURD else None

    def size(self, column: str) -> int | None:
        """A cell as a positive whole number; None where it is blank or says something else."""
        value = self.number(column)
        return int(value) if value is not None and value.is_integer() and value <= _LARGEST else None

    @property
    def source(self) -> str:
        """The group that it is scored in."""
        return source_of_id(self.id)

    @property
    def purpose(self) -> str:
        """The kind of run: lora, sft or pretraining."""
        said = f"{self.text('kind')} {self.text('model')} {self.text('arch_notes')} {self.text('notes')}".lower()
        if ADAPTERS.search(said):
            return "lora"
        return "sft" if re.search(r"(?<![a-z])sft(?![a-z])|fine-?tun", said) else "pretraining"

    @property
    def tokens_per_s_per_device(self) -> float | None:
        """Tokens per second of one device, stated or from the step time and the global batch."""
        return self._solved("tokens_per_s_per_device")

    @property
    def batch_tokens(self) -> float | None:
        """Tokens of one global batch."""
        stated, sequences, length = (
            self.number("global_batch_tokens"),
            self.number("global_batch_seqs"),
            self.number("seq_len"),
        )
        if stated is None and sequences is not None and length is not None:
            return sequences * length
        return stated

    @property
    def step_time_s(self) -> float | None:
        """Seconds of one step, stated or from the throughput."""
        return self._solved("step_time_s")

    def _solved(self, wanted: str) -> float | None:
        """A quantity that the row states, or that follows from its step time, batch, rate and devices."""
        stated = {
            "step_time_s": self.number("step_time_s"),
            "tokens_per_s_per_device": self.number("tokens_per_s_per_device"),
            "tokens_per_step": self.batch_tokens,
            "devices": self.number("num_devices"),
        }
        found: float | None = solve({n: v for n, v in stated.items() if v is not None}, [wanted]).get(wanted)
        return found


def read_runs(path: str | Path | None = None) -> list[RunRow]:
    """The runs of a CSV file; the project's own where no path is given, or one of :data:`COLLECTIONS`.

    Raises
    ------
    InputError
        The file is missing, or has no ``id`` and ``model`` columns.
    """
    if path is None or path in COLLECTIONS:
        path = folder("published_runs") / (path or COLLECTIONS[0])
    try:
        with TextIOWrapper(open_file(path, "runs", "a CSV file of runs", _LARGEST_FILE), "utf-8", newline="") as file:
            rows = list(_rows(file, str(path)))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError("runs", str(path), f"a CSV file of runs ({error})") from None
    return rows


def _rows(file: Iterator[str], origin: str) -> Iterator[RunRow]:
    reader = csv.DictReader(file)
    missing = COLUMNS - set(reader.fieldnames or ())
    if missing:
        raise InputError("runs", origin, f"a CSV file with the columns {', '.join(sorted(COLUMNS))} (and more)")
    for number, cells in enumerate(reader, 2):
        named = {k: v if isinstance(v, str) else "" for k, v in cells.items() if k}
        named["id"] = named["id"].strip() or f"line-{number}"
        yield RunRow(named)


def number_format(said: str) -> str:
    """The kind of number format that a run's dtype names; 16-bit formats are one kind."""
    text = said.lower()
    if "fp4" in text:
        return "fp4"
    return "fp8" if "fp8" in text or "float8" in text else "bf16"
