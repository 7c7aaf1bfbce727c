"""MLPerf logging: ``:::MLLOG {"key": "tracked_stats", "value": {"throughput": 30.6}, …}``."""

from __future__ import annotations

import json
import re
from typing import Any

from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.metric_names import as_number
from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.record import Record

_MOST_LOSSES = 50_000
_HEADER = {"global_batch_size": "global_batch", "max_sequence_length": "seq_len", "max_seq_length": "seq_len"}


@register
class MLPerf(Format):
    """Throughput is samples per second; ``step`` in the metadata counts samples as often as steps."""

    name = "mlperf"
    weight = 1.0
    hints = (":::MLLOG",)
    mark = re.compile(r':::MLLOG {0,2}\{[^\n]{0,300}"key"')

    def __init__(self, log: Reading) -> None:
        super().__init__(log)
        self._losses: list[Record] = []  # used where no throughput is logged: their clock gives one

    def line(self, line: str) -> None:
        """Take a line that holds a hint."""
        start = line.find("{", line.find(":::MLLOG"))
        try:
            entry = json.loads(line[start : line.rfind("}") + 1])
        except (ValueError, RecursionError):
            return
        if not isinstance(entry, dict):
            return
        key, value, meta = entry.get("key"), entry.get("value"), entry.get("metadata")
        seconds = as_number(entry.get("time_ms"))
        seconds = None if seconds is None else seconds / 1e3
        self.log.clock_tick_s = 1e-3
        meta = meta if isinstance(meta, dict) else {}
        if key in _HEADER and (count := as_number(value)):
            self.log.header.values.setdefault(_HEADER[key], count)
        elif key == "tracked_stats" and isinstance(value, dict):
            self._stats(value, meta, seconds)
        elif key in ("train_loss", "eval_accuracy") and seconds is not None and len(self._losses) < _MOST_LOSSES:
            samples = as_number(meta.get("samples_count"))
            batch = self.log.header.values.get("global_batch")
            if samples is not None and batch:
                self._losses.append(Record(step=samples / batch, time=seconds, samples_total=samples))

    def end(self) -> None:
        """Without a logged throughput, the clock between two losses is what there is."""
        if not self.log.store.held:
            for record in self._losses:
                self.log.add(record)

    def _stats(self, value: dict[str, Any], meta: dict[str, Any], seconds: float | None) -> None:
        samples = next((as_number(meta[k]) for k in ("samples_count", "step") if k in meta), None)
        batch = self.log.header.values.get("global_batch")
        record = Record(time=seconds, samples_per_s=as_number(value.get("throughput")))
        record.step_time_s = as_number(value.get("train_step_time"))
        record.step = samples
        if batch and samples is not None and ("samples_count" in meta or (samples >= batch and samples % batch == 0)):
            record.step = samples / batch
            record.samples_total = samples
            self.log.note(
                "log/step-counts-samples", "note",
                f"the log's step advances by multiples of the global batch of {batch:g}: it counts samples, and "
                f"was divided",
                global_batch=batch,
            )  # fmt: skip
        if record.samples_per_s is not None or record.step_time_s is not None:
            self.log.add(record)
