"""Published pairs of runs that differ in one thing (``published_runs/before_after.csv``)."""

from __future__ import annotations

import csv
import json
from typing import Any

from mfu_planner.diagnosis.cases.outcome import Outcome

_PASSED = (
    "seq_len",
    "hardware",
    "devices",
    "dtype",
    "tp",
    "pp",
    "vpp",
    "cp",
    "zero",
    "zero_group",
    "micro_batch",
    "global_batch",
    "recompute",
    "attention_kernel",
    "cluster",
    "framework",
    "stack",
)
_WHOLE = ("seq_len", "devices", "tp", "pp", "vpp", "cp", "zero", "zero_group", "micro_batch", "global_batch")
_RECOMPUTED = 0.75
"""Model FLOPs over hardware FLOPs under full recomputation: three passes of four."""


def pairs() -> list[dict[str, str]]:
    """The rows."""
    from mfu_planner.facts import folder

    with (folder("published_runs") / "before_after.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def config_of(shape: str) -> dict[str, Any]:
    """A Hugging Face config of ``gpt hidden layers heads ffn vocab`` or ``llama hidden layers heads kv ffn vocab``."""
    kind, *sizes = shape.split()
    n = [int(s) for s in sizes]
    if kind == "gpt":
        return {
            "model_type": "gpt2",
            "n_embd": n[0],
            "n_layer": n[1],
            "n_head": n[2],
            "n_inner": n[3],
            "vocab_size": n[4],
            "n_positions": 2048,
        }
    return {
        "model_type": "llama",
        "hidden_size": n[0],
        "num_hidden_layers": n[1],
        "num_attention_heads": n[2],
        "num_key_value_heads": n[3],
        "intermediate_size": n[4],
        "vocab_size": n[5],
    }


def flags_of(row: dict[str, str]) -> dict[str, Any]:
    """What the owner of the slower run would give to ``diagnose``."""
    flags: dict[str, Any] = {k: int(row[k]) if k in _WHOLE else row[k] for k in _PASSED if row[k]}
    if row["shape"]:
        flags["config"] = config_of(row["shape"])
    else:
        flags["model"] = row["model"]
    if row["compiled"]:
        flags["compile" if row["compiled"] == "yes" else "eager"] = True
    if row["answers"]:
        flags |= json.loads(row["answers"])
    return flags | _observed(row, flags) | {"search": False}


def _observed(row: dict[str, str], flags: dict[str, Any]) -> dict[str, Any]:
    value, unit = float(row["before"]), row["unit"]
    if unit == "tokens/s/device":
        return {"tokens_per_second_per_device": value}
    if unit == "tokens/s":
        return {"tokens_per_second": value}
    if unit in ("ms/step", "s/step"):
        return {"step_time": value / 1e3 if unit == "ms/step" else value}
    if unit == "% MFU":
        return {"mfu": value / 100}
    if unit.startswith("TFLOP/s"):
        peak = _peak(flags)
        return {"mfu": value * 1e12 * (_RECOMPUTED if "hardware" in unit else 1.0) / peak}
    return {"mfu": _predicted(flags)}


def _peak(flags: dict[str, Any]) -> float:
    from mfu_planner.hardware import resolve

    return float(resolve(flags["hardware"]).peak_flops_per_s(flags["dtype"]))


def _predicted(flags: dict[str, Any]) -> float:
    """For pairs that state a ratio only: the model's own MFU, slowed by the stated wait."""
    from mfu_planner.diagnosis.describe import describe
    from mfu_planner.diagnosis.given import read_answers

    answers = read_answers(flags)
    run = describe(dict(flags), answers)
    assert run.bench is not None
    return run.bench.base.mfu * (1 - (answers.loader_wait or 0.0))


def outcome_of(row: dict[str, str], *, hinted: bool = True) -> Outcome:
    """Diagnose the slower run of a pair; without the hint, nobody says which framework or stack it is."""
    from mfu_planner.diagnosis import diagnose

    unsaid = {} if hinted else {"framework": None, "stack": None}
    found = diagnose(**{**flags_of(row), **unsaid})
    offered = [a for a in found.actions if a.change.startswith(row["change"])]
    predicted = max((a.speedup for a in offered), default=1.0)
    return Outcome(
        row["id"],
        "published" if hinted else "unhinted",
        row["role"],
        row["cause"],
        found.first_cause or "",
        float(row["speedup"]),
        predicted,
        max(found.observed_over_predicted or 1.0, 1.0),
    )


def outcomes(*, hinted: bool = True) -> list[Outcome]:
    """Every pair."""
    return [outcome_of(row, hinted=hinted) for row in pairs()]
