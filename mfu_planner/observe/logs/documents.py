"""Whole-file JSON: the Trainer's state, tracker summaries, results files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mfu_planner.observe.logs.dialects import dialect_of
from mfu_planner.observe.logs.dialects.base import bare
from mfu_planner.observe.logs.formats.tables import JsonLines, flat
from mfu_planner.observe.logs.keys import fraction
from mfu_planner.observe.logs.metric_names import as_number, field_of
from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.rows import RowReader
from mfu_planner.observe.logs.text import resolution

#: A document above this size is not read whole.
LARGEST_DOCUMENT = 256 << 20
_RESULT_FIELDS = {
    "train_runtime": "runtime_s",
    "train_samples_per_second": "samples_per_s",
    "train_steps_per_second": "steps_per_s",
    "total_flos": "total_flops",
    "num_input_tokens_seen": "tokens_total",
    "num_tokens": "tokens_total",  # TRL's, without padding
    "step": "steps",
    "global_step": "steps",
}
#: Quotients this near to a whole number are one.
NEAR = 0.02
#: A counter of steps this many times the tracker's count of calls counts something else.
_OTHER = 1000.0


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
        read_results(value, log)
        return "hf-trainer"
    flattened = flat(value)
    if any(bare(k) == "train_runtime" for k in flattened):
        return read_summary(flattened, log)
    dialect = dialect_of(frozenset(flattened))
    if dialect is not None and RowReader(log).take(flattened):
        _session(flattened, log)
        return dialect.name
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
    from mfu_planner.observe.logs.formats.trainer_logs import TrainerLogs

    steps, logs = as_number(state.get("global_step")), TrainerLogs(log)
    log.total_steps = steps
    for entry in state["log_history"]:
        if isinstance(entry, dict):
            logs.dictionary(entry, as_number(entry.get("step")))
            log.store.counted += "loss" in entry
    logs.end()
    if "runtime_s" in log.summary and steps:
        log.summary["steps"] = steps
    if batch := as_number(state.get("train_batch_size")):
        log.header.values["micro_batch"] = batch
    log.total_steps = as_number(state.get("max_steps"))
    if tokens := as_number(state.get("num_input_tokens_seen")):
        log.summary["tokens_total"] = tokens
        if runtime := log.summary.get("runtime_s"):
            log.summary.setdefault("tokens_per_s", tokens / runtime)
    return "hf-trainer-state"


def read_results(entry: Mapping[str, Any], log: Reading) -> None:
    """Take what the Trainer says of a whole run: its time, steps, rates and tokens.

    Rates are of the whole job but ``train_tokens_per_second``, which counts one process' batches; the tokens that all
    have seen tell how many there are.
    """
    values = {bare(k): v for k, v in entry.items()}
    s = log.summary
    for own, field in _RESULT_FIELDS.items():
        value = as_number(values.get(own), "elapsed_s" if field == "runtime_s" else "")
        if value:
            s[field] = value
            if isinstance(values[own], str):
                log.see({field: resolution(values[own])})
            elif field in ("samples_per_s", "steps_per_s"):
                log.see({field: 0.0005 / value})  # printed with three decimals
    rate, seen, runtime = as_number(values.get("train_tokens_per_second")), s.get("tokens_total"), s.get("runtime_s")
    if seen and runtime:
        s["tokens_per_s"] = seen / runtime
        if rate:
            processes = s["tokens_per_s"] / rate
            if processes > 1.5 and abs(processes / round(processes) - 1) < NEAR:
                log.header.values.setdefault("devices", float(round(processes)))
    elif rate:
        s["tokens_per_s_per_device"] = rate
    _effective(values, s)
    _without_warm_up(values, s, log)


def _effective(values: Mapping[str, Any], s: dict[str, float]) -> None:
    """LLaMA-Factory's rates without padding: of each device under the old key, of both under the new ones."""
    each = as_number(values.get("effective_tokens_per_sec_per_device")) or as_number(
        values.get("effective_tokens_per_sec")
    )
    job = as_number(values.get("effective_tokens_per_sec_all_device"))
    if each and "tokens_per_s" not in s:
        s["tokens_per_s_per_device"] = each
        if job:
            s["tokens_per_s"] = job


def _without_warm_up(values: Mapping[str, Any], s: dict[str, float], log: Reading) -> None:
    """Samples ÷ run time against the stated rate: where the rate is higher, it leaves warm-up out and the time not."""
    samples, epochs = as_number(values.get("train_samples")), as_number(values.get("epoch"))
    rate, runtime = s.get("samples_per_s"), s.get("runtime_s")
    if not (samples and epochs and rate and runtime) or rate * runtime < 1.05 * samples * epochs:
        return
    del s["runtime_s"]
    log.note(
        "log/rate-without-warm-up", "note",
        f"{rate:.4g} samples/s is measured after warm-up: {samples * epochs:,.0f} samples in {runtime:,.4g} s would be "
        f"{samples * epochs / runtime:.4g}", rate=rate, whole_run=samples * epochs / runtime,
    )  # fmt: skip


def read_summary(values: Mapping[str, Any], log: Reading, name: str = "wandb-summary") -> str:
    """Take the last values of a tracker: means over the run win for times, the last value for rates."""
    if any(bare(k) == "train_runtime" for k in values):
        read_results({k: v for k, v in values.items() if not k.startswith(("eval/", "test/"))}, log)
        return "hf-trainer"
    dialect = dialect_of(frozenset(values))
    if dialect is not None and RowReader(log).take(values):
        _session(values, log)
        return dialect.name
    chosen: dict[str, tuple[bool, float]] = {}
    for key, raw in values.items():
        meaning = field_of(key)
        value = None if meaning is None else as_number(raw, meaning[0])
        if meaning is None or value is None:
            continue
        field, factor, mean = meaning
        if key == "_step" and _counted_otherwise(value, values):
            continue
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


def _counted_otherwise(calls: float, values: Mapping[str, Any]) -> bool:
    """Whether another counter of steps says that a tracker's own count of calls is none of them."""
    for key, raw in values.items():
        if key.lower().endswith("step") and key != "_step" and (steps := as_number(raw)) and steps > _OTHER * calls:
            return True
    return False


def _session(values: Mapping[str, Any], log: Reading) -> None:
    """The run time that a tracker counts is of the whole run; the framework's own last values are of a step."""
    if runtime := as_number(values.get("_runtime")):
        log.job["runtime_s"] = runtime
