"""What a metric's name means, for tables and trackers where everybody names their own columns."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from typing import Any

from mfu_planner.observe.logs import clock
from mfu_planner.observe.logs.keys import fraction
from mfu_planner.observe.logs.record import Record
from mfu_planner.observe.logs.text import number

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|µs|%")
_SECOND = frozenset({"s", "sec", "secs", "second", "seconds"})
_RATE = _SECOND | {"ps"}
_NOT_TRAINING = frozenset({
    "eval", "val", "valid", "validation", "test", "predict", "eta", "remaining",
    "estimate", "max", "min", "lr", "loss", "grad", "memory", "mem",
    "cpu",
})  # fmt: skip
_PART = frozenset({
    "data", "loader", "loading", "load", "fetch", "forward", "fwd", "backward",
    "bwd", "optim", "optimizer", "comm", "allreduce", "checkpoint", "ckpt", "dataloader",
    "batchgen",
})  # fmt: skip
_STEPS = frozenset({
    "step", "iteration", "iter", "steps", "update step", "global step", "trainer global step", "train global step",
    "current steps", "time batch",
})  # fmt: skip
_UPDATES = ("update_step", "global_step", "optimizer_step", "update_steps")
#: Seconds since 1970 of no log before this.
_EPOCH = 1e9
_MEAN = frozenset({"avg", "average", "mean", "actual", "ema", "smoothed", "rolling", "running", "harmonic"})

#: What ``--column`` may name, and the unit of the column.
COLUMN_FIELDS: dict[str, tuple[str, float]] = {
    "step": ("step", 1.0),
    "time": ("step_time_s", 1.0),
    "time_s": ("step_time_s", 1.0),
    "time_ms": ("step_time_s", 1e-3),
    "step_time": ("step_time_s", 1.0),
    "step_time_s": ("step_time_s", 1.0),
    "step_time_ms": ("step_time_s", 1e-3),
    "elapsed": ("elapsed_s", 1.0),
    "elapsed_s": ("elapsed_s", 1.0),
    "timestamp": ("time", 1.0),
    "tokens": ("tokens_per_step", 1.0),
    "total_tokens": ("tokens_total", 1.0),
    "tokens_per_s": ("tokens_per_s", 1.0),
    "tokens_per_s_per_device": ("tokens_per_s_per_device", 1.0),
    "samples": ("global_batch", 1.0),
    "total_samples": ("samples_total", 1.0),
    "samples_per_s": ("samples_per_s", 1.0),
    "tflops": ("flops_per_s_per_device", 1e12),
    "mfu": ("mfu", 1.0),
}


@functools.lru_cache(maxsize=4096)
def field_of(name: str) -> tuple[str, float, bool] | None:
    """``(field of Record, factor to SI, whether it is a mean over time)`` for a metric's name, or ``None``.

    >>> field_of("throughput/device/tokens_per_sec")
    ('tokens_per_s_per_device', 1.0, False)
    """
    if len(name) > 120:
        return None
    words = [w.lower() for w in _WORD.findall(name)]
    have = frozenset(words)
    phrase = " ".join(words)
    if have & _NOT_TRAINING or "gflops total" in phrase:
        return None
    mean = bool(have & _MEAN)
    for meaning in (_work_rate, _utilisation, _duration, _count):
        found = meaning(words, have, phrase)
        if found is not None:
            return found[0], found[1], mean
    return None


def has_unit(name: str) -> bool:
    """Whether a metric's name states a unit of time."""
    return bool({w.lower() for w in _WORD.findall(name)} & (_SECOND | {"ms", "us", "µs"}))


def _work_rate(words: list[str], have: frozenset[str], phrase: str) -> tuple[str, float] | None:
    device = bool(have & {"device", "gpu", "chip", "rank", "tgs"})
    suffix = "_per_device" if device else ""
    rate = bool(have & _RATE) and (("per" in have) or "/" in phrase or words[-1] in _RATE or "sec" in have)
    if "tgs" in have:
        return "tokens_per_s_per_device", 1.0
    if "tps" in have:  # torchtitan's is of a device, and has a dialect
        return "tokens_per_s" + suffix, 1.0
    if not rate:
        return None
    if have & {"token", "tokens", "tok", "toks"}:
        return "tokens_per_s" + suffix, 1.0
    if have & {"sample", "samples", "example", "examples", "sequences", "seqs", "seq"}:
        return "samples_per_s" + suffix, 1.0
    if have & {"step", "steps", "batches", "it", "iter", "iters", "iterations"} and not have & {"time", "timing"}:
        return "steps_per_s", 1.0
    return None


def _utilisation(_: list[str], have: frozenset[str], phrase: str) -> tuple[str, float] | None:
    if "mfu" in have or "model flops utilization" in phrase:
        return "mfu", 0.01 if "%" in have or "percent" in have else 0.0
    if "hfu" in have:
        return "hfu", 0.01 if "%" in have or "percent" in have else 0.0
    if have & {"tflops", "tflop"} and not have & {"total", "theoretical"}:
        return "flops_per_s_per_device", 1e12
    if "flops" in have and have & _RATE and "theoretical" not in have:
        return ("flops_per_s_per_device" if have & {"device", "gpu"} else "flops_per_s"), 1.0
    return None


def _duration(_: list[str], have: frozenset[str], phrase: str) -> tuple[str, float] | None:
    unit = 1e-3 if "ms" in have else 1e-6 if have & {"us", "µs"} else 1.0
    timed = have & {"time", "timing", "duration", "dt", "seconds", "latency", "took"}
    if phrase in {"runtime", "elapsed", "elapsed time", "elapsed s", "train time", "total training time", "total time"}:
        return "elapsed_s", unit
    if phrase in {"timestamp", "wall time", "wall clock"}:
        return "time", unit
    if phrase == "time ms":
        return "time", 1e-3
    if phrase == "throughput duration":
        return "step_time_s", 1.0
    if timed and have & {"data", "loader", "loading", "dataloader"}:
        return "data_s", unit
    if (
        (timed and have & {"step", "iter", "iteration", "batch"}) or phrase in {"dt", "dt ms", "dt s"}
    ) and not have & _PART:
        return "step_time_s", unit
    return None


def _count(_: list[str], have: frozenset[str], phrase: str) -> tuple[str, float] | None:
    if phrase in _STEPS or phrase.endswith(("update step", "optimizer step", "global step")):
        return "step", 1.0
    if have & {"tokens", "token"} and have & {"total", "seen", "consumed"} and not have & _RATE:
        return "tokens_total", 1.0
    if have & {"samples", "examples"} and have & {"total", "seen", "consumed"}:
        return "samples_total", 1.0
    if "global batch size" in phrase:
        return "global_batch", 1.0
    if phrase in {"tokens per step", "tokens per batch", "tokens per iteration", "batch tokens"}:
        return "tokens_per_step", 1.0
    return None


def row_record(row: Mapping[str, Any], columns: Mapping[str, str] | None = None) -> tuple[Record, set[str]]:
    """A table row (names → numbers or their text) as a record, with the fields that are means over time.

    ``columns`` maps names of :data:`COLUMN_FIELDS` to the row's own names; then nothing else is looked at.
    An instantaneous metric wins over a mean of the same quantity.
    """
    values: dict[str, float] = {}
    means: set[str] = set()
    for field, factor, mean, value in _meanings(row, columns):
        if field in values and (mean or field not in means):
            continue
        if mean:
            means.add(field)
        else:
            means.discard(field)
        values[field] = fraction(value) if factor == 0.0 else value * factor
    return Record(**values), means  # type: ignore[arg-type]


def _meanings(row: Mapping[str, Any], columns: Mapping[str, str] | None) -> Iterable[tuple[str, float, bool, float]]:
    if columns is not None:
        for name, own in columns.items():
            field, factor = COLUMN_FIELDS[name]
            if own in row and (value := as_number(row[own], field)) is not None:
                yield field, 0.0 if field == "mfu" else factor, False, value
        return
    for name, raw in sorted(row.items(), key=lambda item: _order(item[0])):
        meaning = field_of(name) if isinstance(name, str) else None
        if meaning is not None and (value := as_number(raw, meaning[0])) is not None:
            yield _told(name, *meaning, value)
        elif name == "time" and (value := as_number(raw)) is not None and value > _EPOCH:
            yield "time", 1.0 if value < _EPOCH * 1e3 else 1e-3, False, value


def _told(name: str, field: str, factor: float, mean: bool, value: float) -> tuple[str, float, bool, float]:
    """The meaning of a key whose value tells it: ``time_ms`` is a time stamp where it is large, else a duration."""
    if field == "time" and name.lower().endswith("time_ms") and value < _EPOCH:
        return "step_time_s", factor, mean, value
    return field, factor, mean, value


def _order(name: Any) -> int:
    """Updates before other counters of steps, a tracker's own count of calls last."""
    words = name.lower() if isinstance(name, str) else ""
    return 0 if words.endswith(_UPDATES) else 2 if words == "_step" else 1


def as_number(raw: Any, field: str = "") -> float | None:
    """A cell as a number; a clock or duration where the field is a time."""
    if isinstance(raw, bool) or raw is None:
        return None
    if isinstance(raw, (int, float)):
        return number(str(raw))
    if not isinstance(raw, str) or not raw or len(raw) > 60:
        return None
    value = number(raw.strip())
    if value is None and field == "time":
        return clock.stamp(raw)
    if value is None and field in {"elapsed_s", "step_time_s"}:
        return clock.duration(raw)
    return value
