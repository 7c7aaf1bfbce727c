"""Whole-file JSON: the Trainer's state, tracker summaries, results files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mfu_planner.observe.logs.formats.tables import JsonLines, flat
from mfu_planner.observe.logs.keys import fraction
from mfu_planner.observe.logs.metric_names import as_number, field_of
from mfu_planner.observe.logs.reading import Reading

#: A document above this size is not read whole.
LARGEST_DOCUMENT = 256 << 20
_RESULT_FIELDS = {
    "train_runtime": "runtime_s",
    "train_samples_per_second": "samples_per_s",
    "train_steps_per_second": "steps_per_s",
    "train_tokens_per_second": "tokens_per_s",
    "total_flos": "total_flops",
    "step": "steps",
}


def parse(data: bytes) -> Any:
    """The JSON value of a file, or ``None`` (also for one nested too deeply to be a log)."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def read_document(value: Any, log: Reading, columns: Mapping[str, str] | None = None) -> str | None:
    """Take a JSON document; the name of its format, or ``None`` when it is none that speaks of training."""
    if isinstance(value, list):
        return _table(value, log, columns)
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("log_history"), list):
        return _trainer_state(value, log)
    if "train_runtime" in value:
        _results(value, log)
        return "hf-trainer"
    flattened = flat(value)
    if (
        "_step" in value
        or "_runtime" in value
        or "_timestamp" in value
        or any(k.startswith("throughput/") for k in flattened)
    ):
        return read_summary(flattened, log)
    lists = [v for v in value.values() if isinstance(v, list) and v and isinstance(v[0], dict)]
    if lists:
        return _table(max(lists, key=len), log, columns)
    return read_summary(flattened, log, "json") if any(field_of(k) for k in flattened) else None


def _table(rows: list[Any], log: Reading, columns: Mapping[str, str] | None) -> str | None:
    reader = JsonLines(log)
    reader.columns = columns
    for row in rows:
        if isinstance(row, dict):
            reader.row(flat(row))
    return "json" if log.store.held else None


def _trainer_state(state: dict[str, Any], log: Reading) -> str:
    steps = as_number(state.get("global_step"))
    for entry in state["log_history"]:
        if not isinstance(entry, dict):
            continue
        if "train_runtime" in entry:
            _results(entry, log)
        log.store.counted += "loss" in entry
    if "runtime_s" in log.summary and steps:
        log.summary["steps"] = steps
    if batch := as_number(state.get("train_batch_size")):
        log.header.values["micro_batch"] = batch
    log.total_steps = as_number(state.get("max_steps"))
    if tokens := as_number(state.get("num_input_tokens_seen")):
        log.summary["tokens_total"] = tokens
    return "hf-trainer-state"


def _results(entry: Mapping[str, Any], log: Reading) -> None:
    for own, field in _RESULT_FIELDS.items():
        value = as_number(entry.get(own))
        if value:
            log.summary[field] = value
            if field in ("samples_per_s", "steps_per_s"):
                log.see({field: 0.0005 / value})  # printed with three decimals


def read_summary(values: Mapping[str, Any], log: Reading, name: str = "wandb-summary") -> str:
    """Take the last values of a tracker: means over the run win for times, the last value for rates."""
    chosen: dict[str, tuple[bool, float]] = {}
    for key, raw in values.items():
        meaning = field_of(key)
        value = None if meaning is None else as_number(raw, meaning[0])
        if meaning is None or value is None:
            continue
        field, factor, mean = meaning
        better = field not in chosen or (mean and field.endswith("_s") and "per_s" not in field)
        if field == "step":  # update_step and global_step say more than the tracker's own count of calls
            better = field not in chosen or key != "_step"
        if better:
            chosen[field] = mean, fraction(value) if factor == 0.0 else value * factor
    peak = as_number(values.get("throughput/theoretical_flops_per_device"))
    if peak:
        log.header.values["peak_flops_per_s"] = peak
        name = "levanter"
    for field, (_, value) in chosen.items():
        log.summary[{"elapsed_s": "runtime_s", "step": "steps"}.get(field, field)] = value
    log.summary["tracker"] = 1.0
    if "runtime_s" in log.summary:
        log.note(
            "log/whole-run", "note",
            "the run time of a tracker holds start-up, evaluation and checkpoints: a step time from it is an upper "
            "limit",
        )  # fmt: skip
    return name
